/** Every operation of the node, by its name. */
import type { Static } from "typebox";
import { budgetOperations } from "./budgets.ts";
import { diskOperations } from "./disk.ts";
import { endpointOperations, inferenceOperations, modelRouteOperations } from "./models.ts";
import { observeOperations } from "./observe.ts";
import { secretOperations } from "./secrets.ts";
import { usageOperations } from "./usage.ts";
import { routeOf, type OperationMethod, type OperationName } from "./routes.ts";
import type { HandlersOf, InputOf, Operation } from "./operation.ts";

export { acted, changed, removed, type Asker, type Done, type HandlersOf, type Operation } from "./operation.ts";
export { budgetOperations } from "./budgets.ts";
export { diskOperations } from "./disk.ts";
export { endpointOperations, inferenceOperations, modelRouteOperations } from "./models.ts";
export { observeOperations } from "./observe.ts";
export { secretOperations } from "./secrets.ts";
export { usageOperations } from "./usage.ts";
export type { OperationName } from "./routes.ts";

/** The rows. */
export const operations = {
  ...budgetOperations,
  ...diskOperations,
  ...endpointOperations,
  ...inferenceOperations,
  ...modelRouteOperations,
  ...observeOperations,
  ...secretOperations,
  ...usageOperations,
} satisfies Readonly<Record<OperationName, Operation>>;

type Operations = typeof operations;

/** What answers them all. A node has one for each row; one that no row has does not compile. */
export type OperationHandlers = HandlersOf<Operations>;

/** All fields that an operation takes. */
export type OperationInput<Name extends OperationName> = InputOf<Operations[Name]>;

/** What it answers. */
export type OperationAnswer<Name extends OperationName> = Static<Operations[Name]["answer"]>;

/** An operation, and where it is in REST. */
export interface NamedOperation {
  readonly name: OperationName;
  readonly method: OperationMethod;
  readonly path: string;
  readonly row: Operation;
}

/** All of them, by name. */
export const allOperations: readonly NamedOperation[] = Object.entries(operations)
  .map(([name, row]) => ({ name: name as OperationName, ...routeOf(name as OperationName), row: row as Operation }))
  .toSorted((one, other) => (one.name < other.name ? -1 : 1));

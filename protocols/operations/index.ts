/** Every operation of the node, by its name. */
import type { Static } from "typebox";
import { alertOperations } from "./alerts.ts";
import { auditOperations } from "./audit.ts";
import { backupOperations } from "./backups.ts";
import { budgetOperations } from "./budgets.ts";
import { diskOperations } from "./disk.ts";
import { signInOperations } from "./sign-in.ts";
import { factorOperations } from "./factors.ts";
import { guardOperations } from "./guards.ts";
import { identityProviderOperations } from "./identity-providers.ts";
import { keyOperations } from "./keys.ts";
import { endpointOperations, inferenceOperations, modelRouteOperations } from "./models.ts";
import { nodeOperations } from "./node.ts";
import { actorOperations, clusterOperations, memoryOperations, roomOperations } from "./nodes.ts";
import { observeOperations } from "./observe.ts";
import { ownOperations } from "./own.ts";
import { peopleOperations, programKeyOperations, signUpInvitationOperations } from "./people.ts";
import { playbookOperations } from "./playbooks.ts";
import { profileOperations } from "./profiles.ts";
import { quarantineOperations } from "./quarantine.ts";
import { searchOperations } from "./search.ts";
import { catchUpOperations } from "./catch-up.ts";
import { digestOperations } from "./digest.ts";
import { pushOperations } from "./push.ts";
import { sharedLinkOperations } from "./shared-links.ts";
import { secretOperations } from "./secrets.ts";
import { brandingOperations, configurationOperations, controlOperations, mailOperations } from "./settings.ts";
import { shardOperations } from "./shards.ts";
import { engineOperations, storeOperations } from "./stores.ts";
import { taskOperations } from "./tasks.ts";
import { threatOperations } from "./threats.ts";
import { usageOperations } from "./usage.ts";
import { watchOperations } from "./watch.ts";
import { requestOf, routeOf, type OperationMethod, type OperationName, type operationRoutes } from "./routes.ts";
import type { HandlersOf, InputOf, Operation } from "./operation.ts";
import type { TaskRequest } from "../admin/tasks.ts";

export {
  acted,
  changed,
  forOperator,
  removed,
  type Asker,
  type Done,
  type HandlersOf,
  type Operation,
} from "./operation.ts";
export { alertOperations } from "./alerts.ts";
export { auditOperations } from "./audit.ts";
export { backupOperations } from "./backups.ts";
export { budgetOperations } from "./budgets.ts";
export { diskOperations } from "./disk.ts";
export { signInOperations } from "./sign-in.ts";
export { factorOperations } from "./factors.ts";
export { guardOperations, heldFacts } from "./guards.ts";
export { identityProviderOperations } from "./identity-providers.ts";
export { keyOperations } from "./keys.ts";
export { endpointOperations, inferenceOperations, modelRouteOperations } from "./models.ts";
export { nodeOperations } from "./node.ts";
export { actorOperations, clusterOperations, memoryOperations, roomOperations } from "./nodes.ts";
export { observeOperations } from "./observe.ts";
export { ownOperations } from "./own.ts";
export { peopleOperations, programKeyOperations, signUpInvitationOperations } from "./people.ts";
export { playbookOperations } from "./playbooks.ts";
export { profileOperations } from "./profiles.ts";
export { quarantineOperations } from "./quarantine.ts";
export { searchOperations } from "./search.ts";
export { catchUpOperations } from "./catch-up.ts";
export { digestOperations } from "./digest.ts";
export { pushOperations } from "./push.ts";
export { sharedLinkOperations } from "./shared-links.ts";
export { secretOperations } from "./secrets.ts";
export { brandingOperations, configurationOperations, controlOperations, mailOperations } from "./settings.ts";
export { shardOperations } from "./shards.ts";
export { engineOperations, storeOperations } from "./stores.ts";
export { taskOperations } from "./tasks.ts";
export { threatOperations } from "./threats.ts";
export { usageOperations } from "./usage.ts";
export { watchOperations } from "./watch.ts";
export type { OperationName } from "./routes.ts";

/** The rows. */
export const operations = {
  ...alertOperations,
  ...auditOperations,
  ...backupOperations,
  ...budgetOperations,
  ...diskOperations,
  ...signInOperations,
  ...factorOperations,
  ...guardOperations,
  ...identityProviderOperations,
  ...keyOperations,
  ...endpointOperations,
  ...inferenceOperations,
  ...modelRouteOperations,
  ...nodeOperations,
  ...clusterOperations,
  ...actorOperations,
  ...memoryOperations,
  ...roomOperations,
  ...observeOperations,
  ...ownOperations,
  ...peopleOperations,
  ...programKeyOperations,
  ...signUpInvitationOperations,
  ...playbookOperations,
  ...profileOperations,
  ...searchOperations,
  ...quarantineOperations,
  ...catchUpOperations,
  ...digestOperations,
  ...pushOperations,
  ...sharedLinkOperations,
  ...secretOperations,
  ...brandingOperations,
  ...configurationOperations,
  ...controlOperations,
  ...mailOperations,
  ...shardOperations,
  ...storeOperations,
  ...engineOperations,
  ...taskOperations,
  ...threatOperations,
  ...usageOperations,
  ...watchOperations,
} satisfies Readonly<Record<OperationName, Operation>>;

type Operations = typeof operations;

/** What answers them all. A node has one for each row; one that no row has does not compile. */
export type OperationHandlers = HandlersOf<Operations>;

/** What the gateway itself answers, because it needs what the gateway makes: accounts, attempts, cookies,
 *  connections. */
export type GatewayOperation =
  | Extract<OperationName, "branding.show" | "branding.set" | "node.status" | "people.addKey">
  | keyof typeof ownOperations
  | keyof typeof digestOperations
  | keyof typeof pushOperations
  | keyof typeof sharedLinkOperations
  | keyof typeof signInOperations
  | keyof typeof factorOperations
  | keyof typeof identityProviderOperations;

/** What the parts of a node answer, which the composition puts together. */
export type ComposedHandlers = Omit<OperationHandlers, GatewayOperation>;

/** All fields that an operation takes. */
export type OperationInput<Name extends OperationName> = InputOf<Operations[Name]>;

/** What it answers. */
export type OperationAnswer<Name extends OperationName> = Static<Operations[Name]["answer"]>;

/** Operations that a request with a body begins. */
type Begun = {
  [Name in OperationName]: (typeof operationRoutes)[Name] extends `${"POST" | "PUT"} ${string}` ? Name : never;
}[OperationName];

/** How long work is begun again: the request of its operation. */
export function againOf<Name extends Begun>(name: Name, input: OperationInput<Name>): TaskRequest {
  const { method, path, body = {} } = requestOf(name, input);
  return { method: method as TaskRequest["method"], path, body };
}

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

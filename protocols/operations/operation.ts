/** An operation of the node is one row: what it takes and answers, which permission it needs, what the audit says of it. The REST route, its description in
 *  OpenAPI and gRPC, the entry of the audit, the typed calls of page and terminal, and `CONTRACT.txt` follow from it
 *  (docs/decisions/0177-one-row-per-operation.md). What an actor answers is a command (`command.ts`).
 *
 *      routes.ts    "budgets.set": "PUT /admin/budgets/:budget"
 *      budgets.ts   "budgets.set": changes({ params, body, answer, permission, action, facts, … })       the row
 *      node/usage/operations.ts   "budgets.set": (input) => …                                            the handler
 *      page, terminal             call("budgets.set", { budget: "sales", … })                            the call */
import { Type, type Static, type TObject, type TProperties, type TSchema, type TUnsafe } from "typebox";
import type { AuditAction, AuditFacts } from "../audit.ts";
import type { Result } from "../errors.ts";
import type { Permission } from "../permissions.ts";

/** What every row says. */
interface Said {
  readonly permission: Permission;
  readonly summary: string;
  readonly description?: string;
  /** The parts of the description of the interface in which it stands. */
  readonly tags: readonly string[];
  /** 202: what it began goes on when it is answered. Absent: 200. */
  readonly code?: 202;
}

/** The fields of a request: those of the path, and those of the query (GET and DELETE) or of the body (PUT and POST). */
interface Takes<Params extends TSchema, Fields extends TSchema> {
  readonly params: Params;
  readonly fields: Fields;
}

/** What the audit says of a change. */
interface Audited<Input> {
  readonly action: AuditAction;
  /** What it was done to, and whatever else the entry says beside what differs. */
  readonly facts: (input: Input) => Readonly<Record<string, unknown>>;
  /** What the durable memory of the cluster says of it; absent: nothing beyond what all admins are told of what has power. `facts` are those of the
   *  entry. */
  readonly remembers?: (input: Input, facts: AuditFacts) => Readonly<Record<string, string>>;
}

/** A row. `audit` stands in those of operations that change something. */
export interface Operation<
  Params extends TSchema = TSchema,
  Fields extends TSchema = TSchema,
  Answer extends TSchema = TSchema,
  Does extends "reads" | "changes" = "reads" | "changes",
>
  extends Takes<Params, Fields>, Said {
  readonly does: Does;
  readonly answer: Answer;
  readonly audit?: Audited<never>;
}

/** The rows of a topic. */
export type OperationTable = Readonly<Record<string, Operation>>;

/** All fields that a row takes. */
export type InputOf<Row extends Operation> = Readonly<Static<Row["params"]> & Static<Row["fields"]>>;

type None = TObject<Record<never, never>>;
const none: None = Type.Object({}, { additionalProperties: false });

interface Declared<Params extends TSchema, Fields extends TSchema, Answer extends TSchema>
  extends Said, Partial<Takes<Params, Fields>> {
  readonly answer: Answer;
}

/** Declares an operation that leaves nothing behind. */
export const reads = <Answer extends TSchema, Params extends TSchema = None, Fields extends TSchema = None>(
  row: Declared<Params, Fields, Answer>,
): Operation<Params, Fields, Answer, "reads"> => ({ ...taking(row), does: "reads" });

/** Declares an operation that changes something, which the audit says. */
export const changes = <Answer extends TSchema, Params extends TSchema = None, Fields extends TSchema = None>({
  action,
  facts,
  remembers,
  ...row
}: Declared<Params, Fields, Answer> & Audited<Static<Params> & Static<Fields>>): Operation<
  Params,
  Fields,
  Answer,
  "changes"
> => ({ ...taking(row), does: "changes", audit: { action, facts, ...(remembers && { remembers }) } });

/** What a row does not say it takes is nothing. */
const taking = <Params extends TSchema, Fields extends TSchema, Row extends Partial<Takes<Params, Fields>>>(
  row: Row,
): Row & Takes<Params, Fields> => ({
  ...row,
  params: (row.params ?? none) as Params,
  fields: (row.fields ?? none) as Fields,
});

/** An answer of these fields. Programs pass over fields that they do not know, so later versions may add some. */
export const fieldsOf = <Fields extends TProperties>(fields: Fields): TObject<Fields> => Type.Object(fields);

/** A list in an answer. */
export const listOf = <Item extends TSchema>(item: Item): TUnsafe<readonly Static<Item>[]> =>
  Type.Unsafe<readonly Static<Item>[]>(Type.Array(item));

/** Who asks, as a handler sees it. */
export interface Asker {
  /** The name of the account, of the control token (`control/robot`), or `operator`. */
  readonly by: string;
}

/** What became of a change. Where the audit says before and after, the handler gives both. */
export interface Done<Answer> {
  readonly result: Result<Answer>;
  readonly before?: object | undefined;
  readonly after?: object | undefined;
  /** What the entry says beside the facts of the row: what the handler alone knows. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** An act that leaves nothing of which there is a before. */
export const acted = <Answer>(result: Result<Answer>, facts?: Done<Answer>["facts"]): Done<Answer> => ({
  result,
  ...(facts && { facts }),
});

/** A change that answers with what is there now. */
export const changed = <Answer extends object>(before: object | undefined, result: Result<Answer>): Done<Answer> => ({
  result,
  before,
  after: result.ok ? result.value : undefined,
});

/** A removal that answers with what was there. */
export const removed = <Answer extends object>(result: Result<Answer>): Done<Answer> => ({
  result,
  before: result.ok ? result.value : undefined,
});

/** What answers a row. It may reject with a failure, too. */
export type HandlerOf<Row extends Operation> = (
  input: InputOf<Row>,
  asker: Asker,
) => Row["does"] extends "changes"
  ? Promise<Done<Static<Row["answer"]>>>
  : Result<Static<Row["answer"]>> | Promise<Result<Static<Row["answer"]>>>;

/** The handlers of some rows: one for each, and no other. */
export type HandlersOf<Table extends OperationTable> = { readonly [Name in keyof Table]: HandlerOf<Table[Name]> };

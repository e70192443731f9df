/** An operation of the node is one row: what it takes and answers, which permission it needs, what the audit says of
 *  it. The REST route, its description in OpenAPI and gRPC, the entry of the audit, the typed calls of page and
 *  terminal, and `CONTRACT.txt` follow from it (docs/decisions/0177-one-row-per-operation.md). What an actor answers is
 *  a command (`command.ts`).
 *
 *      routes.ts    "budgets.set": "PUT /admin/budgets/:budget"
 *      budgets.ts   "budgets.set": changes({ params, body, answer, permission, action, facts, … })       the row
 *      node/inference/usage/operations.ts
 *                   "budgets.set": (input) => …                                                          the handler
 *      page, terminal             call("budgets.set", { budget: "sales", … })                            the call */
import { Type, type Static, type TObject, type TProperties, type TSchema, type TUnsafe } from "typebox";
import type { AuditAction, AuditFacts } from "../admin/audit.ts";
import { failure, refused, type ErrorCode, type Failure, type Result } from "../errors.ts";
import type { Noticed } from "../admin/notice.ts";
import type { Permission } from "../authority/permissions.ts";
import type { WithShown } from "../power/shown.ts";
import type { Grant } from "../authority/roles.ts";

/** Limits of the gateway on how often a person may ask for one thing. */
type OperationRate = "catchUp" | "feedback" | "ruleTrial";

/** What every row says. */
interface Said {
  /** What the caller needs; `anyone`: nothing, strangers are answered too. */
  readonly permission: Permission | "anyone";
  /** It takes a session and no API key, though a key could have the permission. */
  readonly person?: true;
  /** It carries a proof of its own, so no guard stands before what it gives. */
  readonly proves?: true;
  /** It is open to anyone and answers at the control endpoint as well, where all else is for admins. */
  readonly control?: "open";
  /** A form of another site may ask for it: what it carries is all that it needs. */
  readonly form?: true;
  /** What its body may be where that is more than usual: bytes as text, or the keys of a kit. */
  readonly large?: "stripe" | "keys" | "picture";
  /** What it may refuse beyond what its door refuses. */
  readonly errors: readonly ErrorCode[];
  /** How often one person may ask for it: the limit `ruleTrialRate` of the gateway. `act` says in a refusal what was
   *  done too often: `try 6 rules`. */
  readonly rate?: { readonly of: OperationRate; readonly act: (count: number) => string };
  /** Nothing has changed, whatever became of it and though its method is not GET: nobody has to look. */
  readonly looks?: true;
  /** Browsers keep what it answers, and ask whether that has changed: it is the same for all. */
  readonly cached?: true;
  /** Asked again under the same `idempotency-key` it gets its first answer: its only change is one ask of an actor,
   *  which is given `asker.operation`. Not of what answers with a secret that the node makes: the actor would answer
   *  beside another. */
  readonly once?: true;
  readonly summary: string;
  readonly description?: string;
  /** The parts of the description of the interface in which it stands. */
  readonly tags: readonly string[];
  /** 202: what it began goes on when it is answered. Absent: 200. */
  readonly code?: 202;
  /** Its handler answers 202 where it needs more first, which the same answer says. */
  readonly also?: 202;
}

/** What an operation is called in the list of tasks, in which it is while it takes long. */
interface Long<Input, Answer> {
  /** In words, like `Move of the directory to etcd`. */
  readonly what: (input: Input) => string;
  /** The same request begins it again. */
  readonly again?: true;
  /** What its answer says, in words; absent: that it is done says it all. */
  readonly result?: (answer: Answer) => string | undefined;
}

/** The fields of a request: those of the path, and those of the query (GET and DELETE) or of the body (PUT and
 *  POST). */
interface Takes<Params extends TSchema, Fields extends TSchema> {
  readonly params: Params;
  /** Absent: nothing is looked at. `nothing`: a body without fields is taken, and no other. */
  readonly fields?: Fields;
}

/** What the audit says of a change. */
interface Audited<Input> {
  readonly action: AuditAction;
  /** What it was done to, and whatever else the entry says beside what differs. */
  readonly facts: (input: Input) => Readonly<Record<string, unknown>>;
  /** What the durable memory of the cluster says of it; absent: nothing beyond what all admins are told of what has
   *  power. `facts` are those of the entry. */
  readonly remembers?: (input: Input, facts: AuditFacts) => Readonly<Record<string, string>>;
  /** Why its handler may say `told: false` of what has power: what does it tells all admins by itself, or some requests
   *  only try. Absent: all admins are told, whatever the handler says. */
  readonly quiet?: "tellsByItself" | "trial";
  /** Whose account an entry is about that says no more: the asker's own; of a stranger, the one that the facts name as
   *  `user`. Absent: it says what was done to what, and what differs. */
  readonly about?: "account";
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
  /** It may take longer than a second. */
  readonly task?: Long<never, never>;
}

/** The rows of a topic. */
type OperationTable = Readonly<Record<string, Operation>>;

/** All fields that a row takes. */
export type InputOf<Row extends Operation> = Readonly<Static<Row["params"]> & Static<NonNullable<Row["fields"]>>>;

type None = TObject<Record<never, never>>;

/** Fields of which there is none: a body that has some is refused. */
export const nothing: None = Type.Object({}, { additionalProperties: false });

interface Declared<Params extends TSchema, Fields extends TSchema, Answer extends TSchema>
  extends Said, Partial<Takes<Params, Fields>> {
  readonly answer: Answer;
  readonly task?: Long<Static<Params> & Static<Fields>, Static<Answer>>;
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
  quiet,
  about,
  ...row
}: Declared<Params, Fields, Answer> & Audited<Static<Params> & Static<Fields>>): Operation<
  Params,
  Fields,
  Answer,
  "changes"
> => ({
  ...taking(row),
  does: "changes",
  audit: { action, facts, ...(remembers && { remembers }), ...(quiet && { quiet }), ...(about && { about }) },
});

/** Declares an operation that changes something of which the audit says nothing: nobody is to know by whom it is. */
export const changesUnnoted = <Answer extends TSchema, Params extends TSchema = None, Fields extends TSchema = None>(
  row: Declared<Params, Fields, Answer>,
): Operation<Params, Fields, Answer, "changes"> => ({ ...taking(row), does: "changes" });

/** Of a row that changes the account of the person who asks. */
export const ofOwnAccount = { about: "account", facts: (): Readonly<Record<string, unknown>> => ({}) } as const;

/** What a row does not say of its path is nothing. */
const taking = <Params extends TSchema, Row extends { readonly params?: Params }>(
  row: Row,
): Row & { readonly params: Params } => ({ ...row, params: (row.params ?? nothing) as Params });

/** What an actor that is asked may refuse by the way. */
export const ofActors = [
  "SLOT_UNAVAILABLE",
  "ASK_TIMEOUT",
  "PEER_LOST",
  "OVERLOADED",
  "DIRECTORY_AWAY",
  "APPEND_FAILED",
  "MAILBOX_FULL",
  "ACTOR_CRASHED",
  "ACTOR_QUARANTINED",
  "NOT_IN_SYNC",
] as const satisfies readonly ErrorCode[];

/** What another node that is asked may refuse by the way. */
export const ofOthers = [
  "UNREACHABLE",
  "PEER_LOST",
  "OVERLOADED",
  "VERSION_UNSUPPORTED",
] as const satisfies readonly ErrorCode[];

/** What a look at the nodes and slots of the cluster may refuse. */
export const ofLooks = ["NOT_FOUND", "DIRECTORY_AWAY", "DIRECTORY_UNAVAILABLE"] as const satisfies readonly ErrorCode[];

/** What a change of a node, or of a slot, may refuse. */
export const ofCluster = [
  ...ofLooks,
  "DIRECTORY_FULL",
  "OVERLOADED",
  "DATA_DAMAGED",
] as const satisfies readonly ErrorCode[];

/** What a change of the directory's rows may refuse. */
export const ofDirectory = [
  "DIRECTORY_UNAVAILABLE",
  "DIRECTORY_FULL",
  "OVERLOADED",
  "CHANGED_MEANWHILE",
] as const satisfies readonly ErrorCode[];

/** An answer of these fields. Programs pass over fields that they do not know, so later versions may add some. */
export const fieldsOf = <Fields extends TProperties>(fields: Fields): TObject<Fields> => Type.Object(fields);

/** A list in an answer. */
export const listOf = <Item extends TSchema>(item: Item): TUnsafe<readonly Static<Item>[]> =>
  Type.Unsafe<readonly Static<Item>[]>(Type.Array(item));

/** Who asks, as a handler sees it. */
export interface Asker {
  /** The name of the account, of the control token (`control/robot`), `operator`, or `stranger`. */
  readonly by: string;
  /** `user/ann`, `control/robot`. Absent: the operator, or a stranger. */
  readonly actor?: string;
  /** `stranger`: everybody who asks what is open to anyone. No token is looked at there. */
  readonly kind: "session" | "key" | "control" | "operator" | "stranger";
  /** The id of the session or the key. */
  readonly session?: string;
  readonly roles: readonly string[];
  /** Where the request comes from. */
  readonly address: string;
  /** Stands in each message of power: who it is by, and what they have shown to the gateway. A stranger has shown
   *  nothing, so no actor takes it. */
  readonly said: { readonly by: string } & WithShown;
  /** Of an operation that may be asked again: what this request is called, by asker, operation and fields. Absent: it
   *  has no key. */
  readonly operation?: string;
  /** The page's address as the asker has it, without a slash at its end. */
  readonly page: string;
  /** Why they may not do this as well; undefined: they may. The operator always. Errors: FORBIDDEN, SIGN_IN_AGAIN;
   *  UNAUTHENTICATED to a stranger. */
  may(permission: Permission): Failure | undefined;
  /** Why they may not give or take this; undefined: they may. The operator always. Errors: FORBIDDEN;
   *  UNAUTHENTICATED to a stranger. */
  mayGive(grants: readonly Grant[]): Failure | undefined;
}

/** Does it if the operator asks. Error: FORBIDDEN to all others, whatever they may do. */
export const forOperator = <Value>(
  { kind }: Pick<Asker, "kind">,
  use: () => Value,
  why: { readonly reason: string; readonly hint?: string },
): Value | Result<never> => (kind === "operator" ? use() : refused(failure("FORBIDDEN", why)));

/** What became of a change. Where the audit says before and after, the handler gives both. */
export interface Done<Answer> {
  readonly result: Result<Answer>;
  readonly before?: object | undefined;
  readonly after?: object | undefined;
  /** What the entry says beside the facts of the row: what the handler alone knows. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** What the audit calls it, in place of what the row says: where that depends on the fields. */
  readonly action?: AuditAction;
  /** Who hears of it. Absent: all admins, where it has power, and the cluster's memory, where the row says what it
   *  remembers. `false`: nobody, because nothing was done, or because what did it tells by itself; of what has power
   *  the row must say so (`quiet`). Else what the memory is told, and who beside; all admins hear of what has power
   *  also where they are not named. */
  readonly told?: false | Told;
}

/** What the cluster's memory is told of a change. */
interface Told {
  /** Absent: what the audit calls it. */
  readonly action?: AuditAction;
  readonly facts: Readonly<Record<string, string>>;
  /** Who is told of it at once. Absent: nobody, or all admins where it has power. */
  readonly tell?: Noticed;
}

/** An act that leaves nothing of which there is a before. A refusal that is given back is in the audit; what is thrown
 *  is not, as what the schema refuses. */
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
type HandlerOf<Row extends Operation> = (
  input: InputOf<Row>,
  asker: Asker,
) => Row["does"] extends "changes"
  ? Promise<Done<Static<Row["answer"]>>>
  : Result<Static<Row["answer"]>> | Promise<Result<Static<Row["answer"]>>>;

/** The handlers of some rows: one for each, and no other. */
export type HandlersOf<Table extends OperationTable> = { readonly [Name in keyof Table]: HandlerOf<Table[Name]> };

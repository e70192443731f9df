/** What an actor is: data in, decision out.
 *
 *  An actor `kind/key` handles one message at a time, to the end: that is a turn. `decide` looks at the state and the
 *  message and returns effects; the kernel carries them out in list order. State changes only through `evolve`, by an
 *  event that was persisted, so an actor can be stopped, replayed, moved or simulated between any two turns.
 *
 *      message ─► decide(state) ─► [persist(event), reply(…), publish(event), …]
 *                                      │               │
 *                                      ▼               ▼
 *                            journal, then evolve    leaves once everything the turn could see is durable
 *
 *  Nothing here awaits, reads a clock or draws a random number: time is `turn.nowMs`, answers come back as messages. */
import type {
  ActorId,
  CallPlace,
  EngineName,
  EngineRequest,
  EngineTable,
  ErrorCode,
  Result,
  Role,
} from "../protocols/index.ts";

/** The sender of a message: a user or agent (`user/ada`), another actor, the gateway acting for nobody yet, or the node
 *  itself. */
export type Sender = ActorId | "gateway" | "node";

/** Says whom to answer. Plain data, opaque to behaviors: keep it in a tag to answer in a later turn. */
export interface ReplyTo {
  readonly node: string;
  readonly correlation: number;
  readonly operation?: string;
}

export interface Turn<Notes = unknown> {
  readonly self: ActorId;
  readonly key: string;
  readonly nowMs: number;
  readonly from: Sender;
  /** Absent when nobody waits for an answer (a tell, a signal). */
  readonly replyTo?: ReplyTo;
  /** Memory-only facts, see `Behavior.notes`. */
  readonly notes: Notes;
}

/** A record: what grows without bound (messages, turns), under the actor's own keys, outside its state. */
export interface ActorRecord {
  readonly key: string;
  readonly value: unknown;
}

export type RecordOp =
  | { readonly put: string; readonly value: unknown }
  | { readonly delete: string }
  /** Deletes the keys in [deleteFrom, deleteTo). At most 10,000 of them are removed per append. */
  | { readonly deleteFrom: string; readonly deleteTo: string };

/** Keys in [from, to), in order, or backwards from the end. */
export interface RecordRange {
  readonly from: string;
  readonly to: string;
  readonly limit: number;
  readonly reverse?: boolean;
}

/** What an engine said of a call before its answer. */
type PartSignal = {
  [Name in EngineName]: {
    readonly type: "part";
    readonly engine: Name;
    readonly tag: string;
    readonly part: EngineTable[Name]["part"];
  };
}[EngineName];

/** Calls an engine (`protocols/engines/engine.ts`). Any number of `part` arrive, then exactly one `answered`, all
 *  with the tag, which names the call within its actor. It dies with the activation, and nothing of it arrives after
 *  that: what must come about is in the state, `pending` says so, and `recover` calls again. So it happens at least
 *  once. */
export type CallEffect = {
  [Name in EngineName]: {
    readonly type: "call";
    readonly engine: Name;
    readonly request: Omit<EngineRequest<Name>, "id" | "timeoutMs" | "key">;
    readonly tag: string;
    readonly timeoutMs: number;
  };
}[EngineName];

/** What the kernel tells an actor. Tags are given back as they were, and live in memory only. */
export type Signal =
  /** To an ask or a call. */
  | { readonly type: "answered"; readonly tag: unknown; readonly result: Result<unknown> }
  | { readonly type: "records"; readonly tag: unknown; readonly records: readonly ActorRecord[] }
  | PartSignal
  /** Where a call is, before its first part. */
  | { readonly type: "waits"; readonly tag: string; readonly place: CallPlace }
  | { readonly type: "reminded"; readonly id: string; readonly dueMs: number };

export type Effect<Event = unknown, Note = unknown> =
  /** Appends the event to the journal and evolves the state. All events of a turn are one append. Only an operation
   *  that persisted something is remembered with its answer; one that was refused and changed nothing is decided
   *  anew. */
  | { readonly type: "persist"; readonly event: Event }
  /** Changes the notes: gone when the actor leaves memory. */
  | { readonly type: "note"; readonly note: Note }
  | { readonly type: "reply"; readonly value: unknown; readonly to?: ReplyTo }
  | {
      readonly type: "refuse";
      readonly code: ErrorCode;
      readonly details?: Readonly<Record<string, unknown>>;
      readonly to?: ReplyTo;
    }
  | { readonly type: "tell"; readonly to: ActorId; readonly message: Message; readonly operationId?: string }
  /** The answer, or the failure when none comes in time, arrives as `answered` with the same tag. */
  | {
      readonly type: "ask";
      readonly to: ActorId;
      readonly message: Message;
      readonly tag: unknown;
      readonly timeoutMs: number;
      readonly operationId?: string;
    }
  /** To everybody who follows this actor. `at` is the event's position in the actor's stream; without it the event is
   *  best effort and may overtake or be dropped. */
  | { readonly type: "publish"; readonly event: unknown; readonly at?: number }
  | CallEffect
  /** Asks a call of this actor to end: `answered` comes all the same. */
  | { readonly type: "cancel"; readonly tag: string }
  /** Durable: at `dueMs` or soon after, `reminded` arrives, also after a crash. The same id replaces. It repeats, with
   *  a growing delay, until it is forgotten or replaced. */
  | { readonly type: "remind"; readonly id: string; readonly dueMs: number }
  | { readonly type: "forget"; readonly id: string }
  /** Reads records as they are once everything this turn could see is durable; they arrive as `records`. */
  | { readonly type: "read"; readonly range: RecordRange; readonly tag: unknown }
  /** Leaves memory after this turn; the next message brings the actor back. */
  | { readonly type: "stop" };

/** A command or event addressed to an actor: plain data with a `type`. */
export interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface Behavior<State, Incoming extends { readonly type: string }, Event, Notes = undefined, Note = never> {
  readonly kind: string;
  /** The role whose nodes host this kind. */
  readonly role: Role;
  /** Whether something that another node sent is a message of this kind. Absent: all is. */
  accepts?(message: Message): boolean;
  /** The state of an actor nobody has spoken to yet. */
  initial(key: string): State;
  decide(state: State, message: Incoming | Signal, turn: Turn<Notes>): readonly Effect<Event, Note>[];
  evolve(state: State, event: Event): State;
  /** What an event does to the records, in the same append. */
  record?(event: Event, key: string): readonly RecordOp[];
  /** Called when the actor comes into memory: takes up what was pending when it was last alive. Persists nothing. */
  recover?(state: State, turn: Turn<Notes>): readonly Effect<Event, Note>[];
  /** Invariant: when this is true the kernel brings the actor into memory at start, so that `recover` runs. */
  pending?(state: State): boolean;
  /** Names of the blobs that belong to the actor: they are kept where its journal is, and are in its backups. Absent:
   *  none. */
  blobs?(state: State): readonly string[];
  /** The type of records whose keys name such blobs, too: `part` where a key is `part/HASH`. */
  readonly blobRecords?: string;
  /** The type of records that say where in this cluster such blobs are: no backup has them. */
  readonly placeRecords?: string;
  readonly notes?: { initial(): Notes; evolve(notes: Notes, note: Note): Notes };
  /** The state with which an actor goes on in a cluster that was restored from a backup (`restored-numbers.ts`).
   *  Absent: the same. */
  restored?(state: State): State;
}

/** A behavior whose types are forgotten: what the kernel runs. */
// oxlint-disable-next-line typescript/no-explicit-any -- the kernel treats state and messages as opaque data
export type AnyBehavior = Behavior<any, any, any, any, any>;

export const persist = <E>(event: E): Effect<E, never> => ({ type: "persist", event });
export const note = <N>(change: N): Effect<never, N> => ({ type: "note", note: change });
export const reply = (value: unknown, to?: ReplyTo): Effect<never, never> =>
  to === undefined ? { type: "reply", value } : { type: "reply", value, to };
export const refuse = (
  code: ErrorCode,
  details?: Readonly<Record<string, unknown>>,
  to?: ReplyTo,
): Effect<never, never> => ({ type: "refuse", code, ...(details && { details }), ...(to && { to }) });
export const publish = (event: unknown, at?: number): Effect<never, never> =>
  at === undefined ? { type: "publish", event } : { type: "publish", event, at };

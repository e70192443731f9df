/** The kernel's interface for the gateway and for tests. */
import type {
  ActorDetail,
  ActorId,
  ActorPage,
  ActorRow,
  Failure,
  Result,
  SlotId,
  TraceContext,
} from "../../protocols/index.ts";
import type { Message, ReplyTo, Sender } from "../../actors/behavior.ts";
import type { NodeId } from "../ports/index.ts";
import type { EntryDraft, SlotLog, SlotReader } from "../storage/index.ts";
import type { Ask, Outgoing, Tell, Undelivered } from "./mailbox.ts";

export type { Ask, Outgoing, Tell, Undelivered } from "./mailbox.ts";

/** The log of a slot that this node serves under one epoch. Entries that it calls durable are on the disk of every
 *  replica the slot needs. */
export interface ServedLog
  extends
    Pick<
      SlotLog,
      | "slot"
      | "lastSeq"
      | "durableSeq"
      | "length"
      | "bytes"
      | "trimPoint"
      | "actorsBelow"
      | "firstNeeded"
      | "actorsWithTail"
    >,
    Pick<SlotReader, "recover" | "readSide" | "readSpace" | "actorsWithSnapshot"> {
  readonly epoch: number;
  /** `done` is called in the order of the appends: durable everywhere it must be, or with the reason why that is not
   *  known. Error, with nothing appended: TOO_LARGE. */
  append(
    draft: EntryDraft,
    done: (error: Failure | undefined) => void,
    trace?: TraceContext,
  ): { readonly seq: number; readonly bytes: number };
  snapshot(actor: ActorId, seq: number, body: unknown, done: (error: Failure | undefined) => void): number;
  trim(throughSeq: number, done: (error: Failure | undefined) => void): void;
  /** Appends and confirmations that wait for other nodes. */
  readonly uncommitted: number;
  /** No other node must be asked before a turn that appended nothing may answer. */
  readonly alone: boolean;
  /** Asks every replica the slot needs, from now on, whether this epoch still stands. `done` without an error: it did
   *  after this call. Many calls share one question. */
  confirm(done: (error: Failure | undefined) => void): void;
  /** Gives one actor a slot of its own, named like the actor, with everything it has: one durable entry. The actor must
   *  be idle and snapshotted. Resolves once the new slot exists in the directory: owned by `to` if that node has a
   *  copy, else by this one. */
  split(actor: ActorId, to?: NodeId): Promise<SplitOff>;
}

/** An actor that has left a slot. */
export interface SplitOff {
  /** The node that owns its own slot. */
  readonly owner: NodeId;
  /** Settles when the old slot has dropped the actor's rows, or cannot. Only a drain waits for that. */
  readonly dropped: Promise<void>;
}

/** Slots as the kernel needs them; replication makes them servable here. */
export interface Slots {
  /** Makes the slot servable by this node: takes or has its epoch, brought in line with its replicas. `ended` is called
   *  once if that ceases to be so (a newer owner, a failed append): then the log takes nothing more.
   *  Errors: MOVED (details: owner, epoch), DIRECTORY_AWAY (no owner is known; details: askedMs, how long the
   *  directory was asked), SLOT_UNAVAILABLE, DATA_DAMAGED, DIRECTORY_UNAVAILABLE. */
  open(slot: SlotId, ended: (error: Failure) => void): Promise<ServedLog>;
  /** Slots that hold anything here and that this node owns, for listings. */
  owned(): Promise<readonly SlotId[]>;
  /** The kernel can no longer go on with this log (its data is damaged, an append failed): gives it up. */
  give(slot: SlotId, error: Failure): void;
}

/** How envelopes reach actors that live elsewhere. */
export interface Routing {
  /** The slot of an actor: its role's share, or its own when it was split off. */
  slotOf(role: string, actor: ActorId): SlotId;
  /** Whether messages for this slot must be sent, in their order, through `send`: earlier ones still wait there, or
   *  another node owns it. `here`: the kernel has it open or is about to; then it keeps what comes until the slot ends,
   *  lest new messages overtake those that wait here, and only earlier ones are a reason. */
  takes(slot: SlotId, here: boolean): boolean;
  /** Sends to the owner, again and again as the error allows, until answered or past the deadline (of the monotonic
   *  clock). Settles exactly once; a tell settles when its turn took effect. `after`: this node tried to serve it, and
   *  this came of it. */
  send(
    slot: SlotId,
    envelope: Outgoing,
    deadlineMs: number,
    settle: (result: Result<unknown>) => void,
    after?: Failure,
  ): void;
  /** Answers an ask, or a tell with a receipt, of another node. */
  answer(to: ReplyTo, result: Result<unknown>): void;
  /** Tells another node instead that its message to `actor` was not delivered. */
  undelivered(to: ReplyTo, actor: ActorId, why: Undelivered, error: Failure): void;
}

/** Something that this node sent and whose answer it waits for. */
export interface OpenAsk {
  /** The node that it was sent to. Answers of any other do not count. */
  readonly target: NodeId;
  /** When the table ends it with an error; undefined: its opener sees to that. */
  readonly deadlineMs: number | undefined;
  /** Its answer, and that of an acknowledged tell. `refusals` is above 0 when there was no room for it: then the target
   *  counts such refusals. */
  answered(result: Result<unknown>, refusals: number): void;
  /** Its slot is not served there, or ceased to be before it was handled. */
  unserved(error: Failure): void;
}

/** The one table of open asks, shared by kernel and routing. */
export interface AskTable {
  /** A number that was never given out before. */
  number(): number;
  open(number: number, ask: OpenAsk): void;
  find(number: number): OpenAsk | undefined;
  close(number: number): void;
  /** Answers with `error` all whose deadline has passed. Returns how many others have a deadline. */
  expire(nowMs: number, error: Failure): number;
}

export interface Request {
  readonly to: ActorId;
  readonly from: Sender;
  readonly message: Message;
  /** Makes the command idempotent for this sender: the first answer is given again. */
  readonly operationId?: string;
  /** From now to the answer; then ASK_TIMEOUT, outcome unknown. */
  readonly timeoutMs: number;
  /** The step of a trace that asks. */
  readonly trace?: TraceContext | undefined;
}

/** Which actors a listing is to have, and how many. */
export interface ActorFilter {
  readonly kind?: string;
  readonly status?: ActorRow["status"];
  /** Only ids beyond this one. */
  readonly after?: string;
  readonly limit: number;
}

/** The actors of all nodes, for admins. A node that is asked for an actor of another asks that one. */
export interface ClusterActors {
  /** Never rejects: nodes that did not answer are named in the page. An actor that moves meanwhile may be missing. */
  list(filter: ActorFilter): Promise<ActorPage>;
  /** Errors: NOT_FOUND, SLOT_UNAVAILABLE (details name the node that is down), MOVED (twice: ask again), PEER_LOST,
   *  ASK_TIMEOUT, DIRECTORY_UNAVAILABLE. */
  show(actor: ActorId): Promise<Result<ActorDetail>>;
  /** See `Kernel.release`. Errors: the same, ALREADY_DONE, APPEND_FAILED. */
  release(actor: ActorId, redeliver: boolean): Promise<Result<{ readonly redelivered: number }>>;
}

export interface Kernel {
  /** Opens the slots that hold pending work, so that it goes on; then, in the background, all others that hold
   *  anything, so that damage shows. */
  start(): Promise<void>;
  /** Sends and waits for the answer. Never rejects: every ending is a Result. */
  ask(request: Request): Promise<Result<unknown>>;
  /** Sends without waiting; a message that cannot be taken becomes a counted loss in the log. */
  tell(request: Omit<Request, "timeoutMs">): void;
  /** Actors of the slots that this node owns. */
  listActors(filter: ActorFilter): Promise<{ readonly rows: readonly ActorRow[]; readonly more: boolean }>;
  showActor(actor: ActorId): Promise<Result<ActorDetail>>;
  /** Ends a quarantine; with `redeliver` the dead letters are handled again, in order. */
  release(actor: ActorId, redeliver: boolean): Promise<Result<{ readonly redelivered: number }>>;
  status(): {
    readonly active: number;
    readonly quarantined: number;
    readonly slotsOpen: number;
    readonly slotsQuarantined: readonly { readonly slot: string; readonly reason: string; readonly failure: Failure }[];
  };
  /** Takes a message of another node, or of routing here. The sender hears the answer, or that it was not delivered:
   *  here through the table of open asks, elsewhere through `Routing`. */
  receive(slot: SlotId, envelope: Ask | Tell): void;
  /** The slot of an actor; undefined for an id of no known kind. */
  slotOf(actor: ActorId): SlotId | undefined;
  /** An actor has left a slot for one of its own, as the table says: messages that wait for it in the old slot go to
   *  the new one, before anything newer does. */
  left(slot: SlotId, actor: ActorId): void;
  /** Brings a slot that this node owns into service, so that pending work goes on without a message. */
  serve(slot: SlotId): void;
  /** Before the slot moves: finishes turns and appends under way, starts no other, keeps queueing. An actor's open asks
   *  and calls of engines die with the move; `recover` takes them up at the new owner. Rejects, and goes on, when it
   *  takes longer than `deadlineMs`. */
  drain(slot: SlotId, deadlineMs: number): Promise<void>;
  /** The move did not happen: goes on where `drain` stopped. */
  resume(slot: SlotId): void;
  /** Gives an actor of a slot served here a slot of its own, at `to` if it can be (see `ServedLog.split`). */
  split(actor: ActorId, to?: NodeId): Promise<Result<{ readonly slot: SlotId }>>;
  /** Load of the slots served here since the last call, for placement: turns and bytes appended, and the busiest
   *  actors. */
  load(): readonly {
    readonly slot: SlotId;
    readonly actors: number;
    readonly turns: number;
    readonly busiest?: { readonly actor: ActorId; readonly turns: number };
  }[];
  /** Refuses new messages (STOPPING), finishes the turns and appends under way, resolves within `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>;
}

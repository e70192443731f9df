/** What the kernel offers to the gateway and to tests. */
import type { ActorDetail, ActorId, ActorRow, Result } from "../../protocols/index.ts";
import type { Message, Sender } from "../../actors/behavior.ts";

export interface Request {
  readonly to: ActorId;
  readonly from: Sender;
  readonly message: Message;
  /** Makes the command idempotent for this sender: the first answer is given again. */
  readonly operationId?: string;
  /** From now to the answer; then ASK_TIMEOUT, outcome unknown. */
  readonly timeoutMs: number;
}

export interface Kernel {
  /** Opens the slots that hold pending work, so that it goes on; then, in the background, all others that hold anything,
   *  so that damage shows. */
  start(): Promise<void>;
  /** Sends and waits for the answer. Never rejects: every ending is a Result. */
  ask(request: Request): Promise<Result<unknown>>;
  /** Sends without waiting; a message that cannot be taken becomes a counted loss in the log. */
  tell(request: Omit<Request, "timeoutMs">): void;
  listActors(filter: {
    readonly kind?: string;
    readonly status?: ActorRow["status"];
    readonly after?: string;
    readonly limit: number;
  }): Promise<{ readonly rows: readonly ActorRow[]; readonly more: boolean }>;
  showActor(actor: ActorId): Promise<Result<ActorDetail>>;
  /** Ends a quarantine; with `redeliver` the dead letters are handled again, in order. */
  release(actor: ActorId, redeliver: boolean): Promise<Result<{ readonly redelivered: number }>>;
  status(): {
    readonly active: number;
    readonly quarantined: number;
    readonly slotsOpen: number;
    readonly slotsQuarantined: readonly { readonly slot: string; readonly reason: string }[];
  };
  /** Refuses new messages (STOPPING), finishes the turns and appends under way, resolves within `deadlineMs`. */
  stop(deadlineMs: number): Promise<void>;
}

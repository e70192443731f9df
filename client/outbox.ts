import { awayNode, failure, givenUp, passingCodes, type Failure, type Result } from "../protocols/errors.ts";
import type { ClientFrame, NodeFrame } from "../protocols/index.ts";
import { backoffMs } from "./backoff.ts";
import { clientLimits as limits } from "./limits.ts";
import { momentOf, sinceMs, type Moment } from "./moment.ts";
import type { ClientPorts } from "./ports.ts";

/** A command that is to be answered. */
export interface PendingCommand {
  readonly frame: ClientFrame;
  /** Dropped when the connection is lost; the caller asks again or goes without. */
  readonly once: boolean;
  readonly answer: (result: Result<unknown>) => void;
}

/** Where a command stands. */
type Phase =
  /** It waits for its turn, or for a connection. */
  | { readonly is: "queued" }
  /** It was sent on this connection and is not answered. */
  | { readonly is: "out"; readonly since: Moment }
  /** It was refused for now, and goes out again after a pause. */
  | { readonly is: "pausing"; readonly cancel: () => void };

interface Waiting extends PendingCommand {
  readonly addedAt: Moment;
  cancelTimeout: () => void;
  phase: Phase;
  repeats: number;
  /** Why it was refused last. */
  refusal: Failure | undefined;
  /** An earlier sending may have had its effect. */
  mayHaveRun: boolean;
  /** Its time was over once, and it was sent again to learn its outcome. */
  asksAgain: boolean;
}

const queued: Phase = { is: "queued" };

/** What an outbox needs of the connection. */
export interface Way {
  /** False: there is no connection. */
  send(frame: ClientFrame): boolean;
  readonly isOpen: boolean;
  /** Whether another node may take over what this one cannot serve. */
  readonly amongMany: boolean;
}

/** Refusals for the load of the moment: a client that waits a little is served. */
const loaded: ReadonlySet<string> = new Set(["RATE_LIMITED", "MAILBOX_FULL", "OVERLOADED"]);

/** Commands that are not answered yet, in their order.
 *
 *      queued ──► out ──answer──► over
 *        ▲         │ ├─refused for what may pass─► pausing ──► out
 *        └──lost───┘ └─too late─► sent once more under its operation id ──► over, perhaps unknown
 *
 *  Invariant: each is answered exactly once. Invariant: one whose outcome is unknown is only sent again if it has an
 *  operation id or changes nothing. Every change has one: `client.ts` sees to it, and what is `once` is never repeated.
 *  Invariant: nothing is sent after its time. Timers alone do not keep this: they stand still while a machine sleeps,
 *  and a node that has forgotten the operation by then would do it a second time. */
export class Outbox {
  readonly #ports: ClientPorts;
  readonly #way: Way;
  readonly #answerTimeoutMs: number;
  readonly #changed: () => void;
  readonly #waiting = new Map<number, Waiting>();
  #cancelLate: () => void = () => {};

  /** `changed` is called when something becomes late, or is no longer. */
  constructor(parts: {
    readonly ports: ClientPorts;
    readonly way: Way;
    readonly answerTimeoutMs: number;
    readonly changed: () => void;
  }) {
    this.#ports = parts.ports;
    this.#way = parts.way;
    this.#answerTimeoutMs = Math.min(parts.answerTimeoutMs, limits.answerTimeoutMaxMs);
    this.#changed = parts.changed;
  }

  get isFull(): boolean {
    return this.#waiting.size >= limits.queuedMax;
  }

  /** Something that was sent has not been answered for a while. */
  get late(): boolean {
    return this.#way.isOpen && this.#silentMs() >= limits.lateAfterMs;
  }

  /** The refusals of commands that are repeated. */
  *refusals(): Iterable<Failure> {
    for (const { refusal } of this.#waiting.values()) if (refusal !== undefined) yield refusal;
  }

  /** Sends it as soon as it can be sent. */
  add(command: PendingCommand): void {
    const waiting: Waiting = {
      ...command,
      addedAt: momentOf(this.#ports),
      cancelTimeout: this.#ports.after(this.#answerTimeoutMs, () => this.#expire(waiting)),
      phase: queued,
      repeats: 0,
      refusal: undefined,
      mayHaveRun: false,
      asksAgain: false,
    };
    this.#waiting.set(command.frame.id, waiting);
    this.pump();
  }

  /** Sends the commands that wait for their turn. */
  pump(): void {
    if (!this.#way.isOpen) return;
    let outstanding = 0;
    // Ending one while the Map is walked is well defined: an entry is visited at most once.
    for (const waiting of this.#waiting.values()) {
      if (waiting.phase.is === "queued" && !this.#send(waiting)) continue;
      outstanding += 1;
      if (outstanding >= limits.outstandingMax) break;
    }
    this.#watch();
  }

  /** The connection is lost: what was sent goes out again on the next one. */
  lost(): void {
    this.#cancelLate();
    for (const waiting of this.#waiting.values()) {
      if (waiting.phase.is === "out") waiting.mayHaveRun = true;
      this.#recall(waiting);
      if (waiting.once) this.#settle(waiting, { ok: false, error: failure("UNREACHABLE") });
    }
  }

  /** Ends every command. The outcome of a change that was sent is unknown. */
  end(reason: Failure): void {
    for (const waiting of this.#waiting.values()) {
      const { frame, once, mayHaveRun, phase } = waiting;
      const unknown = (mayHaveRun || phase.is === "out") && frame.operationId !== undefined && !once;
      const error = unknown ? failure("ASK_TIMEOUT", { because: reason.code }) : reason;
      this.#settle(waiting, { ok: false, error });
    }
    this.#cancelLate();
  }

  /** Takes the answer to a command. */
  answered(frame: Extract<NodeFrame, { re: number }>): void {
    const waiting = this.#waiting.get(frame.re);
    if (waiting === undefined) return;
    if (!("error" in frame)) this.#settle(waiting, { ok: true, value: frame.ok });
    else if (this.#isRepeated(waiting, frame.error)) this.#repeat(waiting, frame.error);
    else this.#settle(waiting, { ok: false, error: givenUp(frame.error, waiting.mayHaveRun) });
    this.pump();
  }

  /** Whether a refused command is sent again. */
  #isRepeated(waiting: Waiting, refusal: Failure): boolean {
    const { once, repeats, mayHaveRun, frame } = waiting;
    if (once || this.#leftMs(waiting) <= 0) return false;
    const passes = passingCodes.has(refusal.code);
    // A refusal that names a node tells of another one, too: it comes back, or somebody takes over.
    if (passes && (this.#way.amongMany || awayNode(refusal) !== undefined)) return true;
    // Sent again under the same operation id, the node says the outcome, or makes the change now.
    const unknown = frame.operationId !== undefined && givenUp(refusal, mayHaveRun).outcome === "unknown";
    return (passes || unknown || loaded.has(refusal.code)) && repeats < limits.repeatsMax;
  }

  #repeat(waiting: Waiting, refusal: Failure): void {
    waiting.repeats += 1;
    waiting.refusal = refusal;
    waiting.mayHaveRun ||= refusal.outcome === "unknown";
    const asked = refusal.details?.["retryAfterMs"];
    const step = Math.min(waiting.repeats, limits.repeatsMax);
    const delayMs =
      typeof asked === "number" ? Math.min(asked, limits.backoffMaxMs) : backoffMs(step, this.#ports.chance());
    this.#recall(waiting);
    const goOn = (): void => {
      waiting.phase = queued;
      this.pump();
    };
    waiting.phase = { is: "pausing", cancel: this.#ports.after(delayMs, goOn) };
  }

  /** Sends a command, unless its time is over: then that is its answer, and the result is false. */
  #send(waiting: Waiting): boolean {
    if (this.#leftMs(waiting) <= 0) {
      this.#giveUp(waiting);
      return false;
    }
    waiting.phase = { is: "out", since: momentOf(this.#ports) };
    this.#way.send(waiting.frame);
    return true;
  }

  /** Called by a timer when the time of a command is over. */
  #expire(waiting: Waiting): void {
    const { frame, once, asksAgain, phase } = waiting;
    if (phase.is === "out") waiting.mayHaveRun = true;
    const leftMs = this.#leftMs(waiting);
    // Before it is given up as unknown the node is asked once more what became of it, or does it now: under its
    // operation id that is the same.
    const asks = waiting.mayHaveRun && frame.operationId !== undefined && !once && !asksAgain && leftMs > 0;
    if (!asks) return this.#giveUp(waiting);
    waiting.asksAgain = true;
    waiting.cancelTimeout = this.#ports.after(leftMs, () => this.#expire(waiting));
    if (!this.#way.isOpen) return;
    this.#recall(waiting);
    this.#send(waiting);
    // What was out before has been left without an answer since then.
    if (phase.is === "out") waiting.phase = phase;
  }

  /** For how long it may still be sent. */
  #leftMs({ addedAt }: Waiting): number {
    return this.#answerTimeoutMs + limits.lastAnswerTimeoutMs - sinceMs(addedAt, this.#ports);
  }

  /** The answer to a command whose time is over. */
  #giveUp(waiting: Waiting): void {
    const { refusal, mayHaveRun } = waiting;
    // Without a refusal it was never sent, unless it may have run.
    const last = refusal ?? (mayHaveRun ? undefined : failure("UNREACHABLE"));
    this.#settle(waiting, { ok: false, error: givenUp(last, mayHaveRun) });
  }

  /** Queues it again, in its place. */
  #recall(waiting: Waiting): void {
    if (waiting.phase.is === "pausing") waiting.phase.cancel();
    waiting.phase = queued;
  }

  #settle(waiting: Waiting, result: Result<unknown>): void {
    if (!this.#waiting.delete(waiting.frame.id)) return;
    waiting.cancelTimeout();
    this.#recall(waiting);
    this.#watch();
    waiting.answer(result);
  }

  /** How long the node has left the longest unanswered command without an answer. One that pauses was answered. */
  #silentMs(): number {
    let silentMs = Number.NEGATIVE_INFINITY;
    for (const { phase } of this.#waiting.values())
      if (phase.is === "out") silentMs = Math.max(silentMs, sinceMs(phase.since, this.#ports));
    return silentMs;
  }

  /** Looks again when the oldest unanswered command will be late, and once more when a timer comes a moment early:
   *  those of a browser count in whole milliseconds, and its clock does not. */
  #watch(): void {
    this.#cancelLate();
    if (!this.#way.isOpen) return;
    const dueInMs = limits.lateAfterMs - this.#silentMs();
    if (dueInMs > 0 && dueInMs !== Number.POSITIVE_INFINITY)
      this.#cancelLate = this.#ports.after(Math.ceil(dueInMs), () => this.#watch());
    this.#changed();
  }
}

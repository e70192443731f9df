import { awayNode, failure, givenUp, passingCodes, type Failure, type Result } from "../protocols/errors.ts";
import type { ClientFrame, NodeFrame } from "../protocols/index.ts";
import { backoffMs } from "./backoff.ts";
import { clientLimits as limits } from "./limits.ts";
import type { ClientPorts } from "./ports.ts";

/** A command that is to be answered. */
export interface Wish {
  readonly frame: ClientFrame;
  /** Dropped instead of repeated: what asks for it anew, or does without, is the caller. */
  readonly once: boolean;
  readonly answer: (result: Result<unknown>) => void;
}

interface Waiting extends Wish {
  cancelTimeout: () => void;
  repeats: number;
  /** When it went out on this connection, or goes out again; undefined before. */
  sentAtMs: number | undefined;
  /** Why it was refused last. */
  refusal: Failure | undefined;
  /** An earlier sending may have had its effect. */
  mayHaveRun: boolean;
  /** Its time was over once, and it was sent anew to learn what became of it. */
  asksAgain: boolean;
}

/** What an outbox needs of the connection. */
export interface Way {
  /** False: there is no connection. */
  send(frame: ClientFrame): boolean;
  readonly isOpen: boolean;
  /** Whether another node may take over what this one cannot serve. */
  readonly amongMany: boolean;
}

/** Refusals for the load of the moment: whoever waits a little is served. */
const loaded: ReadonlySet<string> = new Set(["RATE_LIMITED", "MAILBOX_FULL", "OVERLOADED"]);

/** Commands that are not answered yet, in their order.
 *
 *      queued ──► sent ──answer──► over
 *        ▲         │ ├─refused for what may pass─► pausing ──► sent
 *        └──lost───┘ └─too late─► sent once more under its operation id ──► over, perhaps unknown
 *
 *  Invariant: each is answered exactly once.
 *  Invariant: one whose outcome is unknown is only sent again if it has an operation id or changes nothing. Every change has one:
 *  `client.ts` sees to it, and what is `once` is never repeated. */
export class Outbox {
  readonly #ports: ClientPorts;
  readonly #way: Way;
  readonly #answerTimeoutMs: number;
  readonly #changed: () => void;
  readonly #waiting = new Map<number, Waiting>();
  /** Which connection this is: pauses of earlier ones mean nothing. */
  #era = 0;
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
    this.#answerTimeoutMs = parts.answerTimeoutMs;
    this.#changed = parts.changed;
  }

  get isFull(): boolean {
    return this.#waiting.size >= limits.queuedMax;
  }

  /** Something that was sent has not been answered for a while. */
  get late(): boolean {
    return this.#way.isOpen && this.#oldestMs() + limits.lateAfterMs <= this.#ports.nowMs();
  }

  /** The refusals of commands that are repeated. */
  *refusals(): Iterable<Failure> {
    for (const { refusal } of this.#waiting.values()) if (refusal !== undefined) yield refusal;
  }

  /** Sends it as soon as it can be sent. */
  add(wish: Wish): void {
    const waiting: Waiting = {
      ...wish,
      cancelTimeout: this.#ports.after(this.#answerTimeoutMs, () => this.#expire(waiting)),
      repeats: 0,
      sentAtMs: undefined,
      refusal: undefined,
      mayHaveRun: false,
      asksAgain: false,
    };
    this.#waiting.set(wish.frame.id, waiting);
    this.pump();
  }

  /** Sends what waits for its turn. */
  pump(): void {
    if (!this.#way.isOpen) return;
    let outstanding = 0;
    for (const waiting of this.#waiting.values()) {
      if (waiting.sentAtMs === undefined) {
        waiting.sentAtMs = this.#ports.nowMs();
        this.#way.send(waiting.frame);
      }
      outstanding += 1;
      if (outstanding >= limits.outstandingMax) break;
    }
    this.#watch();
  }

  /** The connection is lost: what was sent goes out again on the next one. */
  lost(): void {
    this.#era += 1;
    this.#cancelLate();
    for (const waiting of this.#waiting.values()) {
      waiting.mayHaveRun ||= this.#isOut(waiting);
      waiting.sentAtMs = undefined;
      if (waiting.once) this.#settle(waiting, { ok: false, error: failure("UNREACHABLE") });
    }
  }

  /** Nothing is sent any more. Of a change that was sent nobody here can say what became of it. */
  end(reason: Failure): void {
    // Deleting from a Map while it is walked is well defined: an entry is visited at most once.
    for (const waiting of this.#waiting.values()) {
      const { frame, once } = waiting;
      const unknown = (waiting.mayHaveRun || this.#isOut(waiting)) && frame.operationId !== undefined && !once;
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

  /** Whether a refusal is not the last word. */
  #isRepeated({ once, repeats, mayHaveRun, frame }: Waiting, refusal: Failure): boolean {
    if (once) return false;
    const passes = passingCodes.has(refusal.code);
    // A refusal that names a node tells of another one, too: it comes back, or somebody takes over.
    if (passes && (this.#way.amongMany || awayNode(refusal) !== undefined)) return true;
    // What became of it the node can say, or do it now, when it gets the same operation again.
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
    // The node does answer: what counts is how long the repetition is left without.
    waiting.sentAtMs = this.#ports.nowMs() + delayMs;
    const era = this.#era;
    this.#ports.after(delayMs, () => {
      // After a reconnect the command was already sent again with all others.
      if (era === this.#era && this.#waiting.has(waiting.frame.id)) this.#way.send(waiting.frame);
    });
  }

  #expire(waiting: Waiting): void {
    const { frame, once } = waiting;
    const mayHaveRun = waiting.mayHaveRun || this.#isOut(waiting);
    // Before it is given up as unknown the node is asked once more what became of it, or does it now: under its operation
    // id that is the same.
    if (mayHaveRun && frame.operationId !== undefined && !once && !waiting.asksAgain) {
      Object.assign(waiting, { mayHaveRun, asksAgain: true });
      waiting.cancelTimeout = this.#ports.after(limits.lastAnswerTimeoutMs, () => this.#expire(waiting));
      this.#way.send(frame);
      return;
    }
    this.#settle(waiting, { ok: false, error: givenUp(waiting.refusal, mayHaveRun) });
  }

  #settle(waiting: Waiting, result: Result<unknown>): void {
    if (!this.#waiting.delete(waiting.frame.id)) return;
    waiting.cancelTimeout();
    this.#watch();
    waiting.answer(result);
  }

  /** Whether it was sent on this connection and not answered. */
  #isOut({ sentAtMs }: Waiting): boolean {
    return sentAtMs !== undefined && sentAtMs <= this.#ports.nowMs();
  }

  #oldestMs(): number {
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const { sentAtMs } of this.#waiting.values()) oldestMs = Math.min(oldestMs, sentAtMs ?? oldestMs);
    return oldestMs;
  }

  /** Looks again when the oldest unanswered command will be late. */
  #watch(): void {
    this.#cancelLate();
    if (!this.#way.isOpen) return;
    const dueInMs = this.#oldestMs() + limits.lateAfterMs - this.#ports.nowMs();
    if (dueInMs > 0 && dueInMs !== Number.POSITIVE_INFINITY)
      this.#cancelLate = this.#ports.after(dueInMs, () => this.#changed());
    this.#changed();
  }
}

/** The operations of one actor: those that it has answered, with their first answers, and those that it has begun, with
 *  all senders that wait for the answer.
 *
 *      begin ─► open ─(repeated: waits too)─► answered: all that wait hear it, and the window remembers it
 *
 *  Invariant 6: a repeated operation gets its first answer, and no second turn. */
import type { Result } from "../../protocols/index.ts";
import type { ReplyTo } from "../../actors/behavior.ts";
import { AnswerWindow, type AnswerBounds, type DumpedAnswers } from "./answers.ts";

/** An operation begun and not answered: all senders that wait, and whether its beginning is in the journal. */
interface OpenOperation {
  readonly to: ReplyTo[];
  readonly appended: boolean;
}

interface OperationBounds extends AnswerBounds {
  readonly openOperationsMax: number;
  readonly operationWaitersMax: number;
}

export class Operations {
  #answers: AnswerWindow;
  readonly #open = new Map<string, OpenOperation>();
  readonly #bounds: OperationBounds;

  constructor(bounds: OperationBounds) {
    this.#bounds = bounds;
    this.#answers = new AnswerWindow(bounds);
  }

  /** The first answer of an operation. */
  answerTo(operation: string): Result<unknown> | undefined {
    return this.#answers.size === 0 ? undefined : this.#answers.find(operation);
  }

  remember(operation: string, atMs: number, answer: Result<unknown>): void {
    this.#answers.add(operation, atMs, answer);
  }

  dump(): DumpedAnswers {
    return this.#answers.dump();
  }

  /** Replaces the answers by those of a snapshot, or by none. */
  load(dumped: DumpedAnswers | undefined): void {
    this.#answers = new AnswerWindow(this.#bounds);
    if (dumped !== undefined) this.#answers.load(dumped);
  }

  isOpen(operation: string): boolean {
    return this.#open.has(operation);
  }

  /** Whether the journal holds the beginning of an operation that is not answered yet. */
  hasAppended(operation: string): boolean {
    return this.#open.get(operation)?.appended === true;
  }

  /** An operation was begun and not answered by its turn. Beyond the bound the oldest is forgotten. */
  begin(operation: string, to: ReplyTo, appended: boolean): void {
    this.#open.set(operation, { to: [to], appended });
    if (this.#open.size <= this.#bounds.openOperationsMax) return;
    const [oldest] = this.#open.keys();
    if (oldest !== undefined) this.#open.delete(oldest);
  }

  /** An open operation is repeated. False: too many wait for its answer. */
  join(operation: string, to: ReplyTo | undefined): boolean {
    const open = this.#open.get(operation);
    if (open === undefined || open.to.length >= this.#bounds.operationWaitersMax) return false;
    if (to !== undefined) open.to.push(to);
    return true;
  }

  /** Ends an operation. Returns those that wait for its answer beside the sender that is answered. */
  end({ operation, correlation }: ReplyTo): readonly ReplyTo[] {
    const open = operation === undefined ? undefined : this.#open.get(operation);
    if (open === undefined || operation === undefined) return [];
    this.#open.delete(operation);
    return open.to.filter((other) => other.correlation !== correlation);
  }

  /** Ends all of them without an answer. Returns all that wait. */
  endAll(): ReplyTo[] {
    const waiting = [...this.#open.values()].flatMap(({ to }) => to);
    this.#open.clear();
    return waiting;
  }
}

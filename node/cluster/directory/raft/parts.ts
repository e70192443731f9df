/** Messages between voters that are too large for one, in parts. A part that finds the queue of the connection full
 *  waits for room: all rows may be larger than any queue. */
import type { Exchange } from "../../exchange/index.ts";
import type { Clock, NodeId } from "../../../ports/index.ts";
import type { DirectoryLimits } from "../limits.ts";
import type { VoterMessage } from "./voter-message.ts";

/** One that leaves. */
interface Leaving {
  readonly generation: number;
  readonly type: VoterMessage["type"];
  readonly bytes: Uint8Array;
  /** What has left. */
  start: number;
}

/** Those for one node, in order. */
interface Queue {
  readonly messages: Leaving[];
  cancel: () => void;
}

export class LeavingParts {
  readonly #exchange: Exchange;
  readonly #clock: Pick<Clock, "after">;
  readonly #limits: DirectoryLimits;
  readonly #queues = new Map<NodeId, Queue>();

  constructor(exchange: Exchange, clock: Pick<Clock, "after">, limits: DirectoryLimits) {
    this.#exchange = exchange;
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Whether one of this type has not left yet. */
  has(to: NodeId, type: VoterMessage["type"]): boolean {
    return this.#queues.get(to)?.messages.some((one) => one.type === type) === true;
  }

  /** What finds too much before it is lost. */
  add(to: NodeId, message: Omit<Leaving, "start">): void {
    const queue = this.#queues.get(to) ?? { messages: [], cancel: () => undefined };
    const { messages } = queue;
    const bytes = messages.reduce((sum, one) => sum + one.bytes.length, message.bytes.length);
    if (bytes > this.#limits.imageBytesMax) return;
    messages.push({ ...message, start: 0 });
    if (messages.length > 1) return;
    this.#queues.set(to, queue);
    this.#send(to, queue);
  }

  forget(to: NodeId): void {
    this.#queues.get(to)?.cancel();
    this.#queues.delete(to);
  }

  close(): void {
    for (const to of this.#queues.keys()) this.forget(to);
  }

  #send(to: NodeId, queue: Queue): void {
    const { pageBytesMax, partWaitMs } = this.#limits;
    for (let [first] = queue.messages; first !== undefined; [first] = queue.messages) {
      const { generation, bytes, start } = first;
      const part = bytes.subarray(start, start + pageBytesMax);
      if (!this.#exchange.send(to, "directory.part", { generation, bytes: part, start, size: bytes.length })) {
        if (!this.#exchange.peers().includes(to)) return this.forget(to);
        queue.cancel = this.#clock.after(partWaitMs, () => this.#send(to, queue));
        return;
      }
      first.start += part.length;
      if (first.start >= bytes.length) queue.messages.shift();
    }
    this.forget(to);
  }
}

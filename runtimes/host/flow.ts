/** The way of one call out of its worker: parts are joined into frames, and a slow receiver makes the model pause
 *  instead of filling memory. Cancellation comes in over the same channel. */
import type { MessagePort } from "node:worker_threads";
import { traitsOf, type EngineName, type EnginePart } from "../../protocols/engines/engine.ts";
import type { Doing, Ended, Flow } from "../adapter.ts";
import { createCoalescer, type Coalescer } from "../coalescer.ts";
import { runtimeLimits } from "../limits.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

/** The flow over one channel. */
export class PortFlow implements Flow {
  /** How often this thread has said what it does. */
  static #told = 0;
  readonly #port: MessagePort;
  readonly #coalescer: Coalescer<EnginePart>;
  #credit: number = runtimeLimits.creditFrames;
  #cancelled = false;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;
  #cancelCallback: () => void = () => undefined;

  constructor(port: MessagePort, engine: EngineName, coalesceMs: number = runtimeLimits.coalesceMs) {
    this.#port = port;
    this.#coalescer = createCoalescer(coalesceMs, (parts) => traitsOf(engine).join(parts));
    port.on("message", (message: ToWorker) => {
      if (message.type === "credit") this.#credit += message.frames;
      else this.#cancel();
      this.#wake?.();
      this.#wake = undefined;
      this.#send(false);
    });
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  part(part: EnginePart): void {
    this.#coalescer.push(part);
    this.#send(false);
  }

  ready(): Promise<void> | undefined {
    if (this.#credit > 0 || this.#cancelled) return undefined;
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  onCancel(callback: () => void): void {
    this.#cancelCallback = callback;
    if (this.#cancelled) callback();
  }

  doing(doing: Doing): void {
    PortFlow.#told += 1;
    this.#post({ type: "doing", doing, at: PortFlow.#told });
  }

  /** Sends what waits and the end. The channel closes behind it. */
  end(result: Ended): void {
    clearTimeout(this.#timer);
    this.#send(true);
    this.#post({ type: "end", result });
    this.#port.close();
  }

  #cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#cancelCallback();
  }

  #send(force: boolean): void {
    if (this.#credit <= 0 && !force) return;
    const nowMs = performance.now();
    for (const part of this.#coalescer.take(nowMs, force)) {
      this.#credit -= 1;
      this.#post({ type: "part", part });
    }
    clearTimeout(this.#timer);
    const dueMs = this.#coalescer.dueMs();
    if (dueMs !== undefined) this.#timer = setTimeout(() => this.#send(false), Math.max(1, dueMs - nowMs));
  }

  #post(message: FromWorker): void {
    this.#port.postMessage(message);
  }
}

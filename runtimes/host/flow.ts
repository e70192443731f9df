/** The way of one generation out of its worker: text is joined into frames, and a slow receiver makes the model pause
 *  instead of filling memory. Cancellation comes in over the same channel. */
import type { MessagePort } from "node:worker_threads";
import type { Ended, Flow } from "../adapter.ts";
import { createCoalescer, type Coalescer } from "../coalescer.ts";
import { runtimeLimits } from "../limits.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

/** The flow over one channel. */
export class PortFlow implements Flow {
  readonly #port: MessagePort;
  readonly #coalescer: Coalescer;
  #credit: number = runtimeLimits.creditFrames;
  #cancelled = false;
  #timer: NodeJS.Timeout | undefined;
  #wake: (() => void) | undefined;
  #cancelCallback: () => void = () => undefined;

  constructor(port: MessagePort, coalesceMs: number = runtimeLimits.coalesceMs) {
    this.#port = port;
    this.#coalescer = createCoalescer(coalesceMs);
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

  text(text: string, tokens: number): void {
    if (text === "") return;
    this.#coalescer.push(text, tokens);
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
    const frame = this.#coalescer.take(nowMs, force);
    if (frame !== undefined) {
      this.#credit -= 1;
      this.#post({ type: "text", ...frame });
    }
    clearTimeout(this.#timer);
    const dueMs = this.#coalescer.dueMs();
    if (dueMs !== undefined) this.#timer = setTimeout(() => this.#send(false), Math.max(1, dueMs - nowMs));
  }

  #post(message: FromWorker): void {
    this.#port.postMessage(message);
  }
}

/** One call's way to a server: the request, waiting while the server is busy, and what comes back, within limits.
 *
 *      send ──429, 503──► pause ──► send … ──2xx──► read ──► read … ──► end: the connection is kept, or closed
 *        │                                            │
 *        └── cancelled, refused, silent, broken ──────┴──► one PlexusError, the connection is closed
 *
 *  The only place where models on other servers are spoken to. */
import { failure, PlexusError, type Failure } from "../../protocols/errors.ts";
import { DocumentMeter, TooMuch } from "../../protocols/wire/json-meter.ts";
import type { RuntimeClock } from "../environment.ts";
import { patientDispatcher } from "./dispatcher.ts";
import { demandPrivacy, originOf, readKey, type Endpoint } from "./endpoint.ts";
import { stringifyWritten } from "../../protocols/wire/written.ts";
import { createAnswerReader, eventOf, type StreamForm } from "./events.ts";
import { fromJson } from "./json.ts";
import { remoteLimits } from "./limits.ts";
import { connectionFailure, damaged, errorIn, judge, retryAfterMsOf } from "./refusals.ts";

/** A request. */
export interface Ask {
  /** Behind the address of the endpoint. */
  readonly path: string;
  /** Sent as JSON; absent with `form` absent too: a GET. */
  readonly body?: unknown;
  readonly form?: FormData;
}

/** How a provider is spoken to. */
export interface Wire extends StreamForm {
  /** The address that paths follow, of the one that is configured. */
  readonly base: (url: URL) => string;
  readonly headers: (key: string | undefined) => Readonly<Record<string, string>>;
}

const threadClock: RuntimeClock = {
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

interface CallOptions {
  readonly endpoint: Endpoint;
  readonly wire: Wire;
  /** From now to the end of all attempts and pauses. */
  readonly timeoutMs: number;
  /** How long the call itself may be without anything from the server. Absent: as long as it may take. */
  readonly quietMs?: number | undefined;
  /** How long the server may be silent. Absent: as long as the call may take; a model that reads a long prompt says
   *  nothing meanwhile. */
  readonly silenceMs?: number;
  readonly clock?: RuntimeClock;
  /** What is read of the answer; a longer one is refused. */
  readonly bytesMax?: number;
  /** Attempts where the server has no room. */
  readonly attemptsMax?: number;
  /** The server has said something that is no event of its answer: a comment, white space, a part of a long event. */
  readonly onSign?: () => void;
}

/** One call. Every method throws a PlexusError. */
export class Call {
  readonly #options: CallOptions;
  readonly #aborter = new AbortController();
  readonly #deadlineMs: number;
  /** Why the call was ended from here. */
  #why: Failure | undefined;
  #body: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #bytes = 0;
  readonly #bytesMax: number;
  readonly #clock: RuntimeClock;

  constructor(options: CallOptions) {
    this.#options = options;
    this.#clock = options.clock ?? threadClock;
    this.#bytesMax = options.bytesMax ?? remoteLimits.answerBytesMax;
    this.#deadlineMs = this.#clock.monotonicMs() + options.timeoutMs;
  }

  get model(): string {
    return this.#options.endpoint.model;
  }

  /** Ends the call now: its connection is closed. */
  cancel(why: Failure = failure("CANCELLED")): void {
    this.#why ??= why;
    this.#aborter.abort();
  }

  /** The call is over. A connection whose answer was read to its end is kept for the next; any other is closed. */
  async end(): Promise<void> {
    if (this.#body === undefined || this.#aborter.signal.aborted) return this.cancel();
    const timer = setTimeout(() => this.cancel(), remoteLimits.restMsMax);
    try {
      while (!(await this.#body.read()).done);
    } catch {
      // It was answered already.
    } finally {
      clearTimeout(timer);
      this.cancel();
    }
  }

  /** The JSON of an answer. */
  async json(ask: Ask): Promise<unknown> {
    await this.#send(ask);
    const value = fromJson(await this.#text(this.#bytesMax));
    if (value === undefined) throw damaged("its answer is not JSON");
    return value;
  }

  /** The pieces of an answer of bytes, and what they are. */
  async bytes(ask: Ask): Promise<{ readonly mediaType: string; readonly pieces: AsyncIterable<Uint8Array> }> {
    const { headers } = await this.#send(ask);
    return { mediaType: headers.get("content-type")?.split(";")[0]?.trim() ?? "", pieces: this.#pieces() };
  }

  /** The JSON of each event of an answer; the whole of one that is no stream. `[DONE]` ends it. */
  async *events(ask: Ask): AsyncGenerator<unknown> {
    const { headers } = await this.#send(ask);
    const { wire } = this.#options;
    const type = headers.get("content-type") ?? "";
    if (type.startsWith("application/json")) {
      yield eventOf(await this.#text(remoteLimits.answerBytesMax), wire, "its answer is not JSON");
      return;
    }
    const reader = createAnswerReader(type, wire);
    for await (const piece of this.#pieces()) {
      const events = reader.push(piece);
      if (events.length === 0) this.#options.onSign?.();
      // Not by `yield*`, which takes a turn more at its end: a caller that asks for the next event has begun to wait
      // when it has asked.
      for (const event of events) yield event;
      if (reader.isDone) return;
    }
    for (const event of reader.end()) yield event;
  }

  async #text(bytesMax: number): Promise<string> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    const meter = new DocumentMeter();
    for await (const piece of this.#pieces()) {
      counted(meter, piece);
      pieces.push(piece);
      if ((length += piece.length) >= bytesMax) break;
    }
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(pieces));
    } catch {
      throw damaged("its answer is not UTF-8");
    }
  }

  /** What arrives, until it ends. Only the time in which a piece is waited for is silence. */
  async *#pieces(): AsyncGenerator<Uint8Array> {
    const body = this.#body;
    if (body === undefined) return;
    while (true) {
      const { done, value } = await this.#heard(() => body.read());
      if (done || value === undefined) return;
      this.#bytes += value.length;
      if (this.#bytes > this.#bytesMax) throw damaged("its answer is too long");
      yield value;
    }
  }

  /** Sends until the server takes it. */
  async #send(ask: Ask): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      const response = await this.#attempt(ask);
      this.#body = response.body?.getReader();
      if (response.ok) return response;
      const refusal = await this.#refusalOf(response);
      const pauseMs = this.#pauseMs(refusal, attempt);
      if (pauseMs === undefined) throw new PlexusError(refusal.failure);
      await this.#within(pauseMs + 1_000, silent(this.model), () => this.#pause(pauseMs));
    }
  }

  async #attempt({ path, body, form }: Ask): Promise<Response> {
    const { endpoint, wire } = this.#options;
    const key = this.#key();
    const url = new URL(wire.base(new URL(endpoint.url)).replace(/\/+$/, "") + path);
    const headers = { ...wire.headers(key), ...(body !== undefined && { "content-type": "application/json" }) };
    return this.#heard(async () => {
      await demandPrivacy(url, this.model);
      // The first `fetch` of a thread makes what the dispatcher is made of.
      const dispatcher = patientDispatcher();
      return fetch(url, {
        ...(dispatcher && { dispatcher }),
        method: body === undefined && form === undefined ? "GET" : "POST",
        headers: { accept: "application/json, text/event-stream, */*", ...headers },
        body: form ?? (body === undefined ? null : stringifyWritten(body)),
        // Another address is another server: it gets neither the key nor the words.
        redirect: "manual",
        signal: this.#aborter.signal,
      });
    });
  }

  /** The key as it is now. */
  #key(): string | undefined {
    const read = readKey(this.#options.endpoint);
    if (read.type === "key") return read.key;
    const at = originOf(this.#options.endpoint);
    throw new PlexusError(
      failure("PROVIDER_REFUSED", { model: this.model, reason: `its key is not there: ${read.reason}`, at }),
    );
  }

  /** An error within its stream; undefined where the event is none. Like a refusal, it tells nobody the key. */
  errorIn(event: unknown): PlexusError | undefined {
    return errorIn(event, () => this.#asked());
  }

  #asked() {
    return { model: this.model, key: this.#key(), at: originOf(this.#options.endpoint) };
  }

  async #refusalOf(response: Response): Promise<ReturnType<typeof judge>> {
    const { status, headers } = response;
    if (status >= 300 && status < 400) {
      this.#aborter.abort();
      throw damaged("it sends the request to another address, which is not followed");
    }
    const body = fromJson(await this.#text(remoteLimits.refusalBytesMax).catch(() => ""));
    const retryAfterMs = retryAfterMsOf(headers, Date.now());
    return judge({ status, body, retryAfterMs }, this.#asked());
  }

  /** How long to wait before the next attempt; undefined: there is none. */
  #pauseMs(refusal: ReturnType<typeof judge>, attempt: number): number | undefined {
    if (!refusal.again || attempt >= (this.#options.attemptsMax ?? remoteLimits.attemptsMax)) return undefined;
    const asked = refusal.failure.details?.["retryAfterMs"];
    const pauseMs = typeof asked === "number" ? asked : remoteLimits.waitMsDefault * 2 ** (attempt - 1);
    const leftMs = this.#deadlineMs - this.#clock.monotonicMs();
    return pauseMs <= Math.min(remoteLimits.waitMsMax, leftMs) ? pauseMs : undefined;
  }

  #pause(pauseMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelTimer = this.#clock.after(pauseMs, resolve);
      this.#aborter.signal.addEventListener("abort", () => {
        cancelTimer();
        reject(new Error("the call was ended"));
      });
    });
  }

  /** Waits for the server to say something: as long as it may be silent, and no longer than the call may take. */
  #heard<T>(step: () => Promise<T>): Promise<T> {
    const { silenceMs, timeoutMs } = this.#options;
    const leftMs = Math.max(0, this.#deadlineMs - this.#clock.monotonicMs());
    const quietMs = this.#options.quietMs ?? Number.POSITIVE_INFINITY;
    const late = (limitMs: number) => failure("GENERATION_TIMEOUT", { model: this.model, timeoutMs: limitMs });
    if (silenceMs === undefined && quietMs < leftMs) return this.#within(quietMs, late(quietMs), step);
    return silenceMs !== undefined && silenceMs <= leftMs
      ? this.#within(silenceMs, silent(this.model), step)
      : this.#within(leftMs, late(timeoutMs), step);
  }

  /** Waits for a step of the connection. What it throws is one of our errors. */
  async #within<T>(limitMs: number, late: Failure, step: () => Promise<T>): Promise<T> {
    const cancelTimer = this.#clock.after(limitMs, () => this.cancel(late));
    try {
      // A call that was ended before it began sends nothing.
      if (this.#aborter.signal.aborted) throw new Error("the call was ended");
      return await step();
    } catch (thrown) {
      if (this.#why !== undefined) throw new PlexusError(this.#why);
      if (thrown instanceof PlexusError) throw thrown;
      throw new PlexusError(
        connectionFailure(thrown, { model: this.model, address: originOf(this.#options.endpoint) }),
      );
    } finally {
      cancelTimer();
    }
  }
}

const silent = (model: string): Failure =>
  failure("PROVIDER_FAILED", { model, reason: "the server has fallen silent" });

function counted(meter: DocumentMeter, piece: Uint8Array): void {
  try {
    meter.push(piece);
  } catch (thrown) {
    throw thrown instanceof TooMuch ? damaged(`of its answer ${thrown.message}`) : thrown;
  }
}

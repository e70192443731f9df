/** An answer that is streamed: lines of JSON, or server-sent events.
 *
 *      asked ──place──► placed ──first words, or a moment of silence──► begun: 200 and headers ──► words … end
 *        │                 │                                              │
 *        └── a refusal has a status of its own ──┘                        ├── silence: a beat, again and again
 *                                                                         └── a failure, in the interface's own words
 *
 *  Invariant: from the place on no listening client waits longer than `beatMs` for a byte. A request that is refused
 *  within the moment after the place (`beginAfterMs`) gets the status of the refusal: nearly all refusals come at once.
 *  A beat says nothing: clients skip it. */
import type { FastifyReply } from "fastify";
import type { ServerResponse } from "node:http";
import { failureOf, type Failure } from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";
import { nearOf, originOf, type Asking } from "./calls.ts";

/** Its way out. */
export interface Outgoing {
  /** True once something was said: then the status is 200, whatever comes. */
  readonly begun: boolean;
  /** Says a text as it is. */
  write(text: string): void;
  /** Calls back in the place of the first beat, if nothing was said by then: for words that stand at the beginning of
   *  every stream. */
  opens(opening: () => void): void;
}

/** How a stream of an interface is written. */
interface StreamForm {
  readonly contentType: string;
  /** What says nothing. */
  readonly beat: string;
  /** Facts for a reader of the wire, where the form has a place for them. */
  readonly note?: (facts: Readonly<Record<string, string>>) => string;
}

const eventStream = {
  contentType: "text/event-stream; charset=utf-8",
  note: (facts: Readonly<Record<string, string>>) =>
    `${Object.entries(facts)
      .map(([name, value]) => `: ${name}: ${value}\n`)
      .join("")}\n`,
};

/** The forms there are. */
export const streams = {
  /** A comment: every reader of server-sent events skips it. */
  events: { ...eventStream, beat: ":\n\n" },
  /** Anthropic has an event for it. */
  anthropic: { ...eventStream, beat: 'event: ping\ndata: {"type":"ping"}\n\n' },
  /** White space before the next line's JSON, which every reader of JSON skips. An empty line would be one that is no
   *  JSON. */
  lines: { contentType: "application/x-ndjson", beat: " " },
} as const satisfies Readonly<Record<string, StreamForm>>;

/** The caller that is answered, and the clock. */
interface Streaming {
  readonly asking: Asking;
  readonly reply: FastifyReply;
  readonly at: Pick<GatewayContext, "clock" | "limits">;
}

/** Runs `work`, which says the stream. What fails before the stream has begun is thrown; later, `ending` makes the last
 *  words of it. The stream may begin as soon as `placed` of what `work` is given was called. */
export async function streamed(
  { asking, reply, at }: Streaming,
  form: StreamForm,
  work: (out: Outgoing, asking: Asking) => Promise<void>,
  ending: (reason: Failure) => string,
): Promise<void> {
  const out = new StreamedAnswer(reply, form, at);
  try {
    await work(out, {
      ...asking,
      placed: () => out.placed(),
      told: (from) => (out.begun ? out.note(originOf(from)) : asking.told?.(from)),
      near: (budgets) => (out.begun ? out.note(nearOf(budgets)) : asking.near?.(budgets)),
    });
  } catch (error) {
    if (!out.begun) throw error;
    out.write(ending(failureOf(error)));
  } finally {
    out.end();
  }
}

class StreamedAnswer implements Outgoing {
  readonly #reply: FastifyReply;
  readonly #form: StreamForm;
  readonly #at: Streaming["at"];
  #raw: ServerResponse | undefined;
  #opening: (() => void) | undefined;
  #stopTimer: (() => void) | undefined;
  #saidAtMs = 0;
  #over = false;
  readonly #noted = new Set<string>();

  constructor(reply: FastifyReply, form: StreamForm, at: Streaming["at"]) {
    this.#reply = reply;
    this.#form = form;
    this.#at = at;
  }

  get begun(): boolean {
    return this.#raw !== undefined;
  }

  write(text: string): void {
    this.#raw ??= this.#begin();
    this.#saidAtMs = this.#at.clock.monotonicMs();
    this.#raw.write(text);
  }

  opens(opening: () => void): void {
    this.#opening = opening;
  }

  placed(): void {
    if (this.begun || this.#over || this.#stopTimer !== undefined) return;
    const { clock, limits } = this.#at;
    this.#stopTimer = clock.after(limits.beginAfterMs, () => this.#beat());
  }

  /** Says what would be in headers that were sent before it was known. */
  note(facts: Readonly<Record<string, string>>): void {
    const { note } = this.#form;
    const isKnown = (name: string): boolean => this.#noted.has(name) || this.#raw?.hasHeader(name) === true;
    const names = Object.keys(facts);
    if (note === undefined || names.every(isKnown)) return;
    for (const name of names) this.#noted.add(name);
    this.write(note(facts));
  }

  end(): void {
    this.#over = true;
    this.#stopTimer?.();
    this.#raw?.end();
  }

  #beat(): void {
    if (!this.begun && this.#opening !== undefined) this.#opening();
    // What was said and is not read yet is more than a beat.
    else if ((this.#raw?.writableLength ?? 0) === 0) this.write(this.#form.beat);
    this.#listen();
  }

  /** Beats when nothing was said for so long. */
  #listen(): void {
    const { clock, limits } = this.#at;
    const leftMs = this.#saidAtMs + limits.beatMs - clock.monotonicMs();
    this.#stopTimer?.();
    this.#stopTimer = clock.after(leftMs > 0 ? leftMs : limits.beatMs, () => {
      if (clock.monotonicMs() - this.#saidAtMs < limits.beatMs) this.#listen();
      else this.#beat();
    });
  }

  #begin(): ServerResponse {
    this.#stopTimer?.();
    const { raw } = this.#reply;
    this.#reply.hijack();
    // Helmet's headers and those of other origins, which a hijacked answer would lose.
    for (const [name, value] of Object.entries(this.#reply.getHeaders()))
      if (value !== undefined) raw.setHeader(name, value);
    raw.on("error", () => undefined);
    // A proxy that buffers would turn the stream into one late answer.
    raw.writeHead(200, {
      "content-type": this.#form.contentType,
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
    });
    this.#saidAtMs = this.#at.clock.monotonicMs();
    this.#listen();
    return raw;
  }
}

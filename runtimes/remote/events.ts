/** Bytes to lines to events. Pure: however the bytes are cut into pieces, the events are the same. */
import { putWritten, writtenTexts, type WrittenPath } from "../../protocols/wire/written.ts";
import { fromJson } from "./json.ts";
import { damaged } from "./refusals.ts";
import { remoteLimits } from "./limits.ts";

const lineFeed = 10;
const carriageReturn = 13;

/** Takes bytes and gives the lines that are complete. They end as in server-sent events: with LF, CR LF, or CR. */
class LineReader {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  /** The last byte was a CR: an LF that follows is of the same end. */
  #afterReturn = false;
  #isFirst = true;

  push(bytes: Uint8Array): readonly string[] {
    const lines: string[] = [];
    let start = 0;
    for (let place = 0; place < bytes.length; place += 1) {
      const byte = bytes[place];
      if (byte !== lineFeed && byte !== carriageReturn) {
        this.#afterReturn = false;
        continue;
      }
      const isRest = byte === lineFeed && this.#afterReturn;
      if (!isRest) lines.push(this.#line(bytes.subarray(start, place)));
      this.#afterReturn = byte === carriageReturn;
      start = place + 1;
    }
    this.#hold(bytes.subarray(start));
    return lines;
  }

  /** What no line end follows. */
  rest(): string {
    return this.#line(new Uint8Array());
  }

  #hold(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > remoteLimits.eventBytesMax) throw damaged("a line of its answer is too long");
    this.#held.push(bytes);
  }

  #line(end: Uint8Array): string {
    this.#hold(end);
    const bytes = this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    const text = decoded(this.#decoder, bytes);
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return isFirst && text.startsWith("\uFEFF") ? text.slice(1) : text;
  }
}

function decoded(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw damaged("its answer is not UTF-8");
  }
}

/** Takes bytes and gives the data of the events that are complete. */
export interface EventReader {
  push(bytes: Uint8Array): readonly string[];
  /** The stream has ended. */
  end(): readonly string[];
}

/** Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). What no empty line follows is
 *  no event. */
export function createSseReader(): EventReader {
  const lines = new LineReader();
  let data: string[] = [];
  let chars = 0;
  const take = (line: string): string | undefined => {
    if (line === "") {
      const event = data.length === 0 ? undefined : data.join("\n");
      data = [];
      chars = 0;
      return event;
    }
    const colon = line.indexOf(":");
    if ((colon < 0 ? line : line.slice(0, colon)) !== "data") return undefined;
    const value = colon < 0 ? "" : line.slice(colon + 1);
    chars += value.length;
    if (chars > remoteLimits.eventBytesMax) throw damaged("an event of its answer is too long");
    data.push(value.startsWith(" ") ? value.slice(1) : value);
    return undefined;
  };
  return {
    push: (bytes) =>
      lines.push(bytes).flatMap((line) => {
        const event = take(line);
        return event === undefined ? [] : [event];
      }),
    end: () => [],
  };
}

/** One event a line. */
export function createLinesReader(): EventReader {
  const lines = new LineReader();
  const said = (line: string): boolean => line.trim() !== "";
  return {
    push: (bytes) => lines.push(bytes).filter(said),
    end: () => [lines.rest()].filter(said),
  };
}

/** How a server writes its streams. */
export interface StreamForm {
  /** How a stream is written where the server does not say. */
  readonly stream: "sse" | "lines";
  /** Where events hold arguments of calls as objects: their texts stand there instead when events are read. */
  readonly written?: readonly WrittenPath[];
}

/** Takes the bytes of an answer and gives its events. */
interface AnswerReader {
  push(bytes: Uint8Array): readonly unknown[];
  /** The answer has ended. */
  end(): readonly unknown[];
  /** The server has said that nothing follows. */
  readonly isDone: boolean;
}

/** Reads a stream. `type`: its content type, as its server says it. */
export function createAnswerReader(type: string, form: StreamForm): AnswerReader {
  const isLines = type.includes("ndjson") || (!type.startsWith("text/event-stream") && form.stream === "lines");
  const reader = isLines ? createLinesReader() : createSseReader();
  let isDone = false;
  const read = (found: readonly string[]): readonly unknown[] => {
    const last = found.indexOf("[DONE]");
    if (isDone) return [];
    isDone = last >= 0;
    return (isDone ? found.slice(0, last) : found).map((data) => eventOf(data, form));
  };
  return {
    push: (bytes) => read(reader.push(bytes)),
    end: () => read(reader.end()),
    get isDone() {
      return isDone;
    },
  };
}

/** The JSON of an event. Throws PROVIDER_FAILED where it is none. */
export function eventOf(
  data: string,
  { written = [] }: StreamForm,
  otherwise = "an event of its answer is not JSON",
): unknown {
  const value = fromJson(data);
  if (value === undefined) throw damaged(otherwise);
  // Most events hold none.
  const paths = written.filter((path) => data.includes(`"${path.at(-1)}"`));
  if (paths.length > 0) putWritten(value, writtenTexts(data, paths));
  return value;
}

/** The client's half of tus 1.0.0 (https://tus.io/protocols/resumable-upload), as far as the node speaks it: an upload
 *  is made, sent in pieces, and after any loss goes on where the node says that it is.
 *
 *  Of our own: `tus-js-client` 4.3.1, which the node is tested with, brings 13.4 KiB of brotli for these four requests
 *  and this 2. It never gives up a request that hangs, waits no longer where a node asks for it, and does not tell a
 *  file that the browser cannot read from a lost connection. */
import { failure, type ErrorCode, type Failure } from "../../../protocols/errors.ts";
import { refusalIn } from "../../../protocols/wire/plexus-answer.ts";
import { pageLimits } from "./limits.ts";

/** A request, and what is told of it on the way. */
export interface TusRequest {
  readonly method: "POST" | "HEAD" | "PATCH" | "DELETE";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: ArrayBuffer;
  readonly signal: AbortSignal;
  /** So many bytes of the body are on their way. */
  readonly onSent?: (bytes: number) => void;
}

export interface TusAnswer {
  readonly status: number;
  readonly text: string;
  header(name: string): string | null;
}

/** What an upload needs of the world. */
export interface TusPorts {
  /** Rejects when no answer came. */
  readonly send: (request: TusRequest) => Promise<TusAnswer>;
  /** Waits, less where the connection comes back before; rejects when the signal says so. */
  readonly pause: (delayMs: number, signal: AbortSignal) => Promise<void>;
}

/** What becomes known while a file is sent. */
interface TusEvents {
  readonly created: (id: string) => void;
  readonly sent: (bytes: number) => void;
  /** The node does not know the upload any more: it begins anew. */
  readonly forgotten: () => void;
  /** There is no connection, or the node takes nothing now; it is tried again. */
  readonly away: () => void;
}

/** How it ended. */
export type TusEnd =
  | { readonly ended: "up" }
  | { readonly ended: "stopped" }
  /** The browser does not read the file: it was moved, changed, or is a folder. */
  | { readonly ended: "unread" }
  | { readonly ended: "refused"; readonly refusal: Failure };

/** What is sent. */
interface TusFile {
  readonly size: number;
  slice(from: number, to: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

const uploadsPath = "/api/v1/files/uploads";
const version = { "tus-resumable": "1.0.0" };
const retryFirstMs = 1_000;
const retryMostMs = 30_000;

/** Metadata of tus: words and their values in base64. */
const metadataOf = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${btoa(String.fromCharCode(...new TextEncoder().encode(value)))}`)
    .join(",");

/** Something in the way that goes by itself. */
class Passing extends Error {
  readonly refusal: Failure;
  constructor(refusal: Failure) {
    super(refusal.message);
    this.refusal = refusal;
  }
}
/** An end that is no loss. */
class Ended extends Error {
  readonly end: TusEnd;
  constructor(end: TusEnd) {
    super(end.ended);
    this.end = end;
  }
}
/** The node does not know the upload. */
class Forgotten extends Error {}

/** Sends a file, or what is missing of it, until the node has all of it. */
export async function uploadFile(
  file: TusFile,
  about: { readonly id?: string | undefined; readonly metadata: Readonly<Record<string, string>> },
  ports: TusPorts,
  events: TusEvents,
  signal: AbortSignal,
): Promise<TusEnd> {
  const upload = new TusUpload(file, about, ports, events, signal);
  for (let losses = 0; ;) {
    try {
      await upload.sendAll(() => (losses = 0));
      return { ended: "up" };
    } catch (thrown) {
      if (signal.aborted) return { ended: "stopped" };
      if (thrown instanceof Ended) return thrown.end;
      losses += 1;
      if (thrown instanceof Forgotten) upload.forget();
      const refusal = thrown instanceof Passing ? thrown.refusal : failure("UNREACHABLE");
      if (losses > pageLimits.fileLossesMax) return { ended: "refused", refusal };
      if (thrown instanceof Forgotten && losses === 1) continue;
      events.away();
      await ports.pause(delayOf(losses, refusal), signal).catch(() => undefined);
      if (signal.aborted) return { ended: "stopped" };
    }
  }
}

/** Gives up an upload at the node. What it does not hear goes by itself after a while. */
export async function endUpload(id: string, send: TusPorts["send"]): Promise<void> {
  const signal = AbortSignal.timeout(pageLimits.requestTimeoutMs);
  await send({ method: "DELETE", path: `${uploadsPath}/${id}`, headers: version, signal }).catch(() => undefined);
}

function delayOf(losses: number, { details }: Failure): number {
  const asked = details?.["retryAfterMs"];
  const usual = Math.min(retryMostMs, retryFirstMs * 2 ** (losses - 1));
  return typeof asked === "number" ? Math.max(usual, Math.min(asked, retryMostMs)) : usual;
}

class TusUpload {
  readonly #file: TusFile;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #ports: TusPorts;
  readonly #events: TusEvents;
  readonly #signal: AbortSignal;
  #id: string | undefined;

  constructor(
    file: TusFile,
    about: { readonly id?: string | undefined; readonly metadata: Readonly<Record<string, string>> },
    ports: TusPorts,
    events: TusEvents,
    signal: AbortSignal,
  ) {
    this.#file = file;
    this.#metadata = about.metadata;
    this.#id = about.id;
    this.#ports = ports;
    this.#events = events;
    this.#signal = signal;
  }

  forget(): void {
    this.#id = undefined;
    this.#events.forgotten();
  }

  /** Throws when it does not come to its end. */
  async sendAll(onProgress: () => void): Promise<void> {
    const { size } = this.#file;
    let offset = this.#id === undefined ? await this.#create() : await this.#offset(this.#id);
    this.#events.sent(offset);
    while (offset < size) {
      offset = await this.#sendPiece(offset);
      onProgress();
      this.#events.sent(offset);
    }
  }

  async #create(): Promise<number> {
    // Where the file is not read, nobody needs an upload for it.
    await this.#read(0, 1);
    const answer = await this.#ask("POST", uploadsPath, {
      "upload-length": String(this.#file.size),
      "upload-metadata": metadataOf(this.#metadata),
    });
    const id = answer.header("location")?.split("/").at(-1);
    if (id === undefined || id === "") throw new Ended({ ended: "refused", refusal: stranger(answer) });
    this.#id = id;
    this.#events.created(id);
    return 0;
  }

  async #offset(id: string): Promise<number> {
    return this.#offsetIn(await this.#ask("HEAD", `${uploadsPath}/${id}`, {}));
  }

  async #sendPiece(offset: number): Promise<number> {
    const body = await this.#read(offset, Math.min(this.#file.size, offset + pageLimits.filePieceBytes));
    const headers = { "content-type": "application/offset+octet-stream", "upload-offset": String(offset) };
    const onSent = (bytes: number) => this.#events.sent(offset + bytes);
    return this.#offsetIn(await this.#ask("PATCH", `${uploadsPath}/${this.#id}`, headers, body, onSent));
  }

  #offsetIn(answer: TusAnswer): number {
    const offset = Number(answer.header("upload-offset") ?? NaN);
    if (Number.isSafeInteger(offset) && offset >= 0 && offset <= this.#file.size) return offset;
    throw new Ended({ ended: "refused", refusal: stranger(answer) });
  }

  async #read(from: number, to: number): Promise<ArrayBuffer> {
    try {
      return await this.#file.slice(from, to).arrayBuffer();
    } catch {
      throw new Ended({ ended: "unread" });
    }
  }

  async #ask(
    method: TusRequest["method"],
    path: string,
    headers: TusRequest["headers"],
    body?: ArrayBuffer,
    onSent?: (bytes: number) => void,
  ): Promise<TusAnswer> {
    const answer = await this.#ports.send({
      method,
      path,
      headers: { ...version, ...headers },
      signal: this.#signal,
      ...(body !== undefined && { body }),
      ...(onSent !== undefined && { onSent }),
    });
    const { status } = answer;
    if (status >= 200 && status < 300) return answer;
    // A node that took another one's place does not know it; so does the same one when it was left alone for too long.
    if (method !== "POST" && (status === 404 || status === 410)) throw new Forgotten();
    const refusal = refusalIn(parsed(answer.text)) ?? stranger(answer);
    // Somebody else writes, or what was written is not where it was thought: the next look says where to go on.
    if (status === 409 || status === 423 || isPassing(status, refusal)) throw new Passing(refusal);
    throw new Ended({ ended: "refused", refusal });
  }
}

/** Whether it goes by itself. A full disk and a used quota do not. */
const isPassing = (status: number, { code }: Failure): boolean =>
  (status === 429 || status >= 500) && code !== "DISK_FULL" && code !== "QUOTA_EXCEEDED";

const meant: Readonly<Record<number, ErrorCode>> = { 401: "UNAUTHENTICATED", 403: "FORBIDDEN", 413: "TOO_LARGE" };

/** What an answer without a refusal of a node says: one to `HEAD`, or of a proxy. */
function stranger({ status }: TusAnswer): Failure {
  const code = meant[status];
  return code === undefined
    ? failure("UNREACHABLE", { reason: `HTTP ${status}, not from a Plexus node` })
    : failure(code);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

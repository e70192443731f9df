/** Bytes of an upload on their way: cut into parts, looked at, freed of what a picture says beside itself, kept. */
import type { Readable } from "node:stream";
import { failure, PlexusError, wireLimits, type FoundType, type RoomUpload } from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";
import { isScrubbedFilm, scrubFilm } from "./film-metadata.ts";
import { scrub, scrubbedFormat } from "./metadata.ts";
import { typeOf, unknownType } from "./file-types.ts";

const { filePartBytes, filePictureBytesMax } = wireLimits;

/** More bytes came than were announced. */
export const tooLong = ({ bytes }: RoomUpload): PlexusError =>
  new PlexusError(failure("TOO_LARGE", { problem: "more bytes than were announced", bytes }));

/** How parts are kept. */
export interface Keeping {
  read(file: RoomUpload, index: number): Promise<Uint8Array>;
  /** The part's bytes may be overwritten when it has returned. The room is told of parts in the order in which they are
   *  given; where it refuses one, those behind it are refused. `replaced`: the blob that had the part until now. */
  keep(
    index: number,
    part: Uint8Array,
    more: { readonly found?: FoundType | undefined; readonly replaced?: string | undefined },
  ): Promise<RoomUpload>;
  /** How many parts may be on their way now, while more is read. */
  ahead(): number;
  /** Waits for its turn. */
  scrub<T>(work: () => Promise<T>): Promise<T>;
}

/** Takes bytes until there are no more, and keeps them part by part; also what came before the sender was gone. While
 *  parts are on their way to the disks, the next is read. Errors: TOO_LARGE, those of the body and of `keep`. */
export async function receive(body: AsyncIterable<Uint8Array>, upload: RoomUpload, at: Keeping): Promise<RoomUpload> {
  let now = upload;
  let index = Math.floor(upload.offset / filePartBytes);
  let kept = upload.offset % filePartBytes;
  let held = kept;
  const part = Buffer.allocUnsafe(Math.min(filePartBytes, upload.bytes - index * filePartBytes));
  if (held > 0) part.set(await at.read(upload, index));
  const onTheWay: Promise<RoomUpload>[] = [];
  let isRefused = false;
  /** Waits for the oldest, until so many are left. */
  const settle = async (left: number): Promise<void> => {
    while (onTheWay.length > left) {
      isRefused = true;
      now = await (onTheWay.shift() as Promise<RoomUpload>);
      isRefused = false;
    }
  };
  const flush = async (): Promise<void> => {
    if (held === kept || isRefused) return;
    await settle(at.ahead() - 1);
    const bytes = part.subarray(0, held);
    const found = index === 0 ? typeOf(bytes) : undefined;
    if (found !== undefined) now = { ...now, type: found.type };
    // The last part of a picture may change those in front of it.
    const isLast = index * filePartBytes + held === upload.bytes;
    if (isLast) await settle(0);
    const keeping = keepPart(now, index, { bytes, found }, at);
    // It is awaited later.
    keeping.catch(() => undefined);
    onTheWay.push(keeping);
    if (isLast) await settle(0);
    kept = held;
    if (held < filePartBytes) return;
    index += 1;
    held = kept = 0;
  };
  try {
    try {
      for await (const chunk of body) {
        if (index * filePartBytes + held + chunk.length > upload.bytes) throw tooLong(upload);
        for (let from = 0; from < chunk.length;) {
          const some = chunk.subarray(from, from + filePartBytes - held);
          part.set(some, held);
          held += some.length;
          from += some.length;
          if (held === filePartBytes) await flush();
        }
      }
    } finally {
      await flush();
    }
    await settle(0);
  } finally {
    await Promise.allSettled(onTheWay);
  }
  return now;
}

/** Keeps a part, whose bytes may be overwritten when it has returned unless it is the last one. Before the last one
 *  of a picture is kept, the picture is freed of what it says of place and camera: what is whole has nothing of it. */
async function keepPart(
  upload: RoomUpload,
  index: number,
  { bytes: part, found }: { readonly bytes: Buffer; readonly found: FoundType | undefined },
  at: Keeping,
): Promise<RoomUpload> {
  const replaced = upload.parts[index];
  const { bytes, keeps, type } = upload;
  const format = keeps === true ? undefined : scrubbedFormat(type);
  const isFilm = keeps !== true && isScrubbedFilm(type) && bytes <= filePictureBytesMax;
  if (format === undefined && !isFilm) return at.keep(index, part, { found, replaced });
  if (bytes > filePictureBytesMax) {
    const problem = "it can be sent with all that it says of place and camera: `metadata keep`";
    throw new PlexusError(failure("TOO_LARGE", { bytes, filePictureBytesMax, problem }));
  }
  if (index * filePartBytes + part.length < bytes) return at.keep(index, part, { found, replaced });
  return at.scrub(async () => {
    const had = Buffer.allocUnsafe(bytes);
    for (let before = 0; before < index; before += 1) had.set(await at.read(upload, before), before * filePartBytes);
    had.set(part, index * filePartBytes);
    const whole = Buffer.from(had);
    // What is not a whole picture is a file like others, without what was found in it.
    const isWhole = format === undefined || scrub(format, whole);
    if (format === undefined) scrubFilm(whole);
    for (let before = 0; before < index; before += 1) {
      const [start, end] = [before * filePartBytes, (before + 1) * filePartBytes];
      const next = whole.subarray(start, end);
      if (!next.equals(had.subarray(start, end))) await at.keep(before, next, { replaced: upload.parts[before] });
    }
    const last = whole.subarray(index * filePartBytes);
    return at.keep(index, last, { found: isWhole ? found : { type: unknownType }, replaced });
  });
}

/** What comes of a body, until nothing comes for too long. Error: BAD_REQUEST, as a PlexusError. A reader that has
 *  enough leaves it open, so that the sender reads why. */
async function* untilItStalls(
  body: Readable,
  { clock, limits }: Pick<GatewayContext, "clock" | "limits">,
): AsyncGenerator<Uint8Array> {
  const chunks = body.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const cancel = clock.after(limits.fileStalledMs, () => {
        body.destroy(new PlexusError(failure("BAD_REQUEST", { path: "", problem: "nothing came for too long" })));
      });
      const next = await chunks.next().finally(cancel);
      if (next.done === true) return;
      yield next.value as Uint8Array;
    }
  } finally {
    await chunks.return?.();
    drain(body, { clock, limits });
  }
}

/** Throws away what still comes, for a while: a sender reads the answer when it has sent all. */
function drain(body: Readable, { clock, limits }: Pick<GatewayContext, "clock" | "limits">): void {
  if (body.readableEnded || body.destroyed) return;
  body.resume();
  body.once(
    "close",
    clock.after(limits.fileStalledMs, () => void body.destroy()),
  );
}

/** A request that sends bytes, or waits until the one before it has ended. */
interface Writer {
  readonly user: string;
  readonly body: Readable;
  /** Settles when it and those before it have ended, and what they had is kept. */
  readonly over: Promise<unknown>;
  /** Its bytes are read now. */
  isWriting: boolean;
  /** Another request has the upload, or the place. */
  isEnded: boolean;
  readonly sinceMs: number;
  /** Bytes that came lately, as of a moment: they count half after each `fileSlowAfterMs`. */
  lately: { readonly bytes: number; readonly atMs: number };
}

const takenOver = (): PlexusError =>
  new PlexusError(failure("CHANGED_MEANWHILE", { reason: "another request took over" }));

/** The requests that send bytes now: of an upload one of a person writes, and the others have ended or wait for it, so
 *  all of them have one place. */
export class Writers {
  /** The newest of each upload and person. */
  readonly #all = new Map<string, Writer>();
  readonly #at: Pick<GatewayContext, "clock" | "limits">;

  constructor(at: Pick<GatewayContext, "clock" | "limits">) {
    this.#at = at;
  }

  /** Ends the one of an upload, if it is the person's; resolves when what it had is kept. */
  async end(id: string, user: string): Promise<void> {
    await this.#end(this.#all.get(`${user}/${id}`));
  }

  /** Takes the place of those of the same upload at once, and runs when they have ended. Errors: OVERLOADED,
   *  RATE_LIMITED, CHANGED_MEANWHILE (another took it over), those of the work. */
  async write<T>(
    id: string,
    { user, body }: { readonly user: string; readonly body: Readable },
    work: (body: AsyncIterable<Uint8Array>) => Promise<T>,
  ): Promise<T> {
    const key = `${user}/${id}`;
    const before = this.#all.get(key) ?? this.#admit(user);
    const begin = async (): Promise<T> => {
      await this.#end(before);
      if (writer.isEnded) throw takenOver();
      writer.isWriting = true;
      return work(this.#counted(writer));
    };
    const { promise: over, resolve } = Promise.withResolvers<undefined>();
    const sinceMs = this.#at.clock.monotonicMs();
    const lately = { bytes: 0, atMs: sinceMs };
    const writer: Writer = { user, body, over, isWriting: false, isEnded: false, sinceMs, lately };
    this.#all.set(key, writer);
    try {
      return await begin();
    } finally {
      if (this.#all.get(key) === writer) this.#all.delete(key);
      resolve(undefined);
    }
  }

  /** Makes place for one more. Where the node has none, the slowest gives way, if it is slow: it is returned. */
  #admit(user: string): Writer | undefined {
    const { fileWritersMax, fileWritersPerPersonMax, fileSlowAfterMs, fileSlowBytesPerS } = this.#at.limits;
    const own = [...this.#all.values()].filter((writer) => writer.user === user).length;
    if (own >= fileWritersPerPersonMax)
      throw new PlexusError(failure("RATE_LIMITED", { fileWritersPerPersonMax, retryAfterMs: 1_000 }));
    if (this.#all.size < fileWritersMax) return undefined;
    const nowMs = this.#at.clock.monotonicMs();
    const [slowest] = [...this.#all]
      .filter(([, writer]) => nowMs - writer.sinceMs >= fileSlowAfterMs)
      .map(([key, writer]) => ({ key, writer, bytesPerS: this.#bytesPerS(writer, nowMs) }))
      .toSorted((one, other) => one.bytesPerS - other.bytesPerS);
    if (slowest === undefined || slowest.bytesPerS >= fileSlowBytesPerS)
      throw new PlexusError(failure("OVERLOADED", { fileWritersMax }));
    this.#all.delete(slowest.key);
    return slowest.writer;
  }

  #latelyBytes({ lately }: Writer, nowMs: number): number {
    return lately.bytes * 0.5 ** ((nowMs - lately.atMs) / this.#at.limits.fileSlowAfterMs);
  }

  #bytesPerS(writer: Writer, nowMs: number): number {
    return (this.#latelyBytes(writer, nowMs) * Math.LN2 * 1_000) / this.#at.limits.fileSlowAfterMs;
  }

  async *#counted(writer: Writer): AsyncGenerator<Uint8Array> {
    for await (const chunk of untilItStalls(writer.body, this.#at)) {
      const atMs = this.#at.clock.monotonicMs();
      writer.lately = { bytes: this.#latelyBytes(writer, atMs) + chunk.length, atMs };
      yield chunk;
    }
  }

  /** One that waits is answered when its turn comes; the body of one that writes is cut off. */
  async #end(writer: Writer | undefined): Promise<void> {
    if (writer === undefined) return;
    writer.isEnded = true;
    if (writer.isWriting) writer.body.destroy(takenOver());
    await writer.over;
  }
}

/** Images and sounds in requests: base64 in JSON. Nothing is fetched from elsewhere for a request. */
import { failure, ok, PlexusError, refused, type Media, type Result } from "../../../protocols/index.ts";

/** A field of the request that is refused. */
export const wrong = (path: string, problem: string) => refused(failure("BAD_REQUEST", { path, problem }));

/** Refuses a field of the request at once. */
export function refuse(path: string, problem: string): never {
  throw new PlexusError(failure("BAD_REQUEST", { path, problem }));
}

/** Reads the media of one request, and counts them. */
export interface MediaReader {
  /** Characters of the request that were media. */
  readonly chars: number;
  base64(path: string, about: { readonly mediaType: string; readonly data: string }): Result<Media>;
  /** `data:image/png;base64,…` */
  url(path: string, url: string): Result<Media>;
}

const isBase64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** One reader. Each request has its own, also where it has no media: a class, because an object with a getter costs a
 *  microsecond. */
class Reader implements MediaReader {
  chars = 0;
  #bytes = 0;
  readonly #bytesMax: number;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  base64(path: string, { mediaType, data }: { readonly mediaType: string; readonly data: string }): Result<Media> {
    const [kind] = mediaType.split("/");
    const type = kind === "image" || kind === "audio" ? kind : undefined;
    if (type === undefined || mediaType.length > 100) return wrong(path, "must be an image or a sound");
    this.chars += data.length;
    if (!isBase64.test(data) || data.length === 0) return wrong(path, "must be base64");
    const decoded = Buffer.from(data, "base64");
    this.#bytes += decoded.length;
    const max = this.#bytesMax;
    if (this.#bytes > max) return refused(failure("TOO_LARGE", { limit: "mediaBytesMax", max }));
    // A view of its own bytes: small buffers share a pool, which would travel along.
    return ok({ type, mediaType, bytes: Uint8Array.from(decoded) });
  }

  url(path: string, url: string): Result<Media> {
    const [head = "", ...data] = url.slice(0, 200).includes(",") ? split(url) : [];
    const mediaType = /^data:([\w.+-]+\/[\w.+-]+)(?:;[^;,]*)*;base64$/i.exec(head)?.[1];
    if (mediaType === undefined || data.length !== 1)
      return wrong(path, "must be a data: URL in base64; the node fetches nothing from elsewhere");
    return this.base64(path, { mediaType: mediaType.toLowerCase(), data: data[0] ?? "" });
  }
}

/** Makes one. `bytesMax`: of all media of the request together. */
export const createMediaReader = (bytesMax: number): MediaReader => new Reader(bytesMax);

const split = (url: string): readonly string[] => {
  const at = url.indexOf(",");
  return [url.slice(0, at), url.slice(at + 1)];
};

/** The type of an image by its first bytes, where nobody says it. */
export function imageType(base64: string): string {
  const head = Buffer.from(base64.slice(0, 24), "base64");
  if (head.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff]))) return "image/jpeg";
  if (head.toString("latin1", 0, 4) === "RIFF") return "image/webp";
  if (head.toString("latin1", 0, 3) === "GIF") return "image/gif";
  return "image/png";
}

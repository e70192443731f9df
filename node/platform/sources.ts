import { createReadStream } from "node:fs";

/** Reads the text of a file, or of what is behind an `http:` or `https:` URL. Rejects beyond so many bytes, after so
 *  long, and where the server answers anything but 200. A URL leads nowhere else: where a list lies is the operator's
 *  word. */
export async function readSource(
  source: string,
  { bytesMax, timeoutMs }: { readonly bytesMax: number; readonly timeoutMs: number },
): Promise<string> {
  const isUrl = /^https?:\/\//.test(source);
  const signal = AbortSignal.timeout(timeoutMs);
  let stream: AsyncIterable<Uint8Array>;
  if (isUrl) {
    const response = await fetch(source, { signal, redirect: "error" });
    if (response.status !== 200 || response.body === null) throw new Error(`the server answers ${response.status}`);
    stream = response.body;
  } else stream = createReadStream(source, { signal });
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > bytesMax) throw new Error(`more than ${bytesMax} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

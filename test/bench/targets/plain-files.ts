/** The peer of files: plain fastify, a body streamed into a file that is synced once, and the file streamed back. It
 *  hashes and seals nothing.
 *
 *  With `sealing`: the same, and each part of 1 MiB is sealed by AES-256-GCM and its leaves are hashed by BLAKE3, and on
 *  the way back compared and opened. Less than a node does, so it is the limit of what seals and compares. */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, open, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import fastify from "fastify";
import { hashOf } from "../../../node/bulk/blobs/index.ts";

const folder = await mkdtemp(join(tmpdir(), "plexus-bench-files-"));
const app = fastify({ bodyLimit: 1 << 30 });
app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
const isSealing = process.argv.includes("sealing");
const partBytes = 1 << 20;
const [key, nonceBytes, tagBytes] = [randomBytes(32), 12, 16];
const names = new Map<string, string[]>();

async function* sealed(name: string, body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const part = Buffer.allocUnsafe(partBytes);
  const hashes: string[] = [];
  names.set(name, hashes);
  let held = 0;
  const seal = (): Buffer => {
    const nonce = randomBytes(nonceBytes);
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const bytes = Buffer.concat([nonce, cipher.update(part.subarray(0, held)), cipher.final(), cipher.getAuthTag()]);
    hashes.push(hashOf(bytes));
    held = 0;
    return bytes;
  };
  for await (const chunk of body)
    for (let from = 0; from < chunk.length;) {
      const some = chunk.subarray(from, from + partBytes - held);
      part.set(some, held);
      [held, from] = [held + some.length, from + some.length];
      if (held === partBytes) yield seal();
    }
  if (held > 0) yield seal();
}

async function* opened(name: string): AsyncGenerator<Buffer> {
  const file = await open(pathOf(name));
  try {
    for (const hash of names.get(name) ?? []) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(nonceBytes + partBytes + tagBytes));
      const bytes = buffer.subarray(0, bytesRead);
      if (hashOf(bytes) !== hash) throw new Error("it is not what was written");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, nonceBytes));
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      const part = decipher.update(bytes.subarray(nonceBytes, -tagBytes));
      decipher.final();
      yield part;
    }
  } finally {
    await file.close();
  }
}

const pathOf = (name: string): string => join(folder, String(Number(name)));
app.put<{ Params: { name: string } }>("/files/:name", async (request) => {
  const { name } = request.params;
  const body = request.body as Readable;
  const file = createWriteStream(pathOf(name), { flush: true });
  await (isSealing ? pipeline(sealed(name, body), file) : pipeline(body, file));
  return {};
});
app.get<{ Params: { name: string } }>("/files/:name", async (request, reply) => {
  const { name } = request.params;
  const path = pathOf(name);
  const { size } = await stat(path);
  const length = size - (names.get(name)?.length ?? 0) * (nonceBytes + tagBytes);
  const bytes = isSealing ? Readable.from(opened(name), { objectMode: false }) : createReadStream(path);
  return reply.header("content-length", length).type("application/octet-stream").send(bytes);
});
const url = await app.listen({ host: "127.0.0.1", port: 0 });
console.log(JSON.stringify({ event: "ready", url }));
process.on("SIGTERM", () => process.exit(0));

/** The peer of files: plain fastify, a body streamed into a file that is synced, and the file streamed back. */
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import fastify from "fastify";

const folder = await mkdtemp(join(tmpdir(), "plexus-bench-files-"));
const app = fastify({ bodyLimit: 1 << 30 });
app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
const pathOf = (name: string): string => join(folder, String(Number(name)));
app.put<{ Params: { name: string } }>("/files/:name", async (request) => {
  await pipeline(
    request.body as NodeJS.ReadableStream,
    createWriteStream(pathOf(request.params.name), { flush: true }),
  );
  return {};
});
app.get<{ Params: { name: string } }>("/files/:name", async (request, reply) => {
  const path = pathOf(request.params.name);
  const { size } = await stat(path);
  return reply.header("content-length", size).type("application/octet-stream").send(createReadStream(path));
});
const url = await app.listen({ host: "127.0.0.1", port: 0 });
console.log(JSON.stringify({ event: "ready", url }));
process.on("SIGTERM", () => process.exit(0));

/** Archives of recalls, as files: what prepares one is an operation, which gives a ticket. */
import { once } from "node:events";
import { PassThrough } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { failure, PlexusError, schema } from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";
import { addFile } from "./files.ts";
import type { BackupArchives } from "../ports.ts";

const named = schema.object({ id: schema.key });

/** Of a piece of an archive, what is copied at a time for a client that fetches slowly. */
const copiedBytes = 64 * 1024;

/** Adds the route under /api/v1/admin/backups/downloads: what a query names, as an archive that is written while the
 *  backups are read. */
export function addDownloads(app: FastifyInstance, at: GatewayContext, archives: BackupArchives): void {
  const { log, clock } = at;
  addFile<{ params: Static<typeof named> }>(
    app,
    "/admin/backups/downloads/:id",
    {
      config: { access: "admin" },
      summary: "The archive; its last file is recall.json, without which it is not whole",
      tag: "admin",
      params: named,
    },
    async (request, reply) => {
      const query = archives.take(request.params.id, request.caller?.session);
      if (query === undefined)
        throw new PlexusError(failure("NOT_FOUND", { reason: "it was fetched already, or too late: begin it again" }));
      const stream = new PassThrough();
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort(new PlexusError(failure("CANCELLED"))));
      const out = async (bytes: Uint8Array): Promise<void> => {
        // Copies, a few bytes at a time: its memory is used again when this resolves, the fetching client may be slow,
        // and a large file is not to be there twice.
        for (let at = 0; at < bytes.length; at += copiedBytes) {
          gone.signal.throwIfAborted();
          const copied = Buffer.from(bytes.subarray(at, at + copiedBytes));
          if (!stream.write(copied)) await once(stream, "drain", { signal: gone.signal });
        }
      };
      archives.archive(query, out, gone.signal).then(
        () => stream.end(),
        (error: unknown) => {
          if (!gone.signal.aborted) log.warn("backup.downloadFailed", { error });
          // The fetching client sees that it is not whole.
          stream.destroy(error as Error);
        },
      );
      const day = new Date(clock.nowMs()).toISOString().slice(0, 10);
      return { type: "application/x-tar", name: `recall-${day}.tar`, body: stream };
    },
  );
}

import { once } from "node:events";
import { PassThrough } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import {
  apiPrefix,
  backupActor,
  backupDownload,
  failure,
  PlexusError,
  schema,
  type BackupWish,
  type RecallRequest,
} from "../../protocols/index.ts";
import { askedBy, audited, audits, quietly, whoIs } from "./audited.ts";
import type { BackupControl } from "./backups.ts";
import { personOf } from "./http.ts";
import type { GatewayContext } from "./options.ts";
import { factsOf, isPrivateRecall } from "./private-recalls.ts";
import { demand } from "./refusals.ts";

type Recall = Extract<BackupWish, { sort: "recall" }>;

/** A download that may be fetched once, by whom it was begun. */
interface Ticket {
  readonly query: Recall["query"];
  readonly session: string | undefined;
  readonly endsAtMs: number;
}

const named = schema.object({ id: schema.key });

/** Adds the routes under /api/v1/admin/backups/downloads: what a query names, as an archive that is written while the backups are read. */
export function addDownloads(app: FastifyInstance, at: GatewayContext, backups: Pick<BackupControl, "archive">): void {
  const { kernel, limits, log, clock } = at;
  const tags = ["admin"];
  /** The oldest first. */
  const tickets = new Map<string, Ticket>();

  /** What the caller may have, and who agreed to it. Errors: APPROVAL_NEEDED, those of the actor and of the room that is asked. */
  async function allowed(request: FastifyRequest, { query, request: id }: Static<typeof backupDownload>) {
    const wish: Recall = { sort: "recall", query, as: "download" };
    if (id !== undefined) {
      const message = { type: "mayRecall", id, ...askedBy(at, request) };
      const to = { to: backupActor, from: "gateway", message, timeoutMs: limits.askTimeoutMs } as const;
      const approved = demand(await kernel.ask(to)) as RecallRequest;
      if (approved.wish.sort !== "recall" || approved.wish.as !== "download")
        throw new PlexusError(failure("BAD_REQUEST", { field: "request", reason: "not a download" }));
      return { wish: approved.wish, isPrivate: true, approvedBy: approved.answeredBy };
    }
    const isPrivate = await isPrivateRecall(at, wish, personOf(request));
    if (isPrivate && request.caller !== null) throw new PlexusError(failure("APPROVAL_NEEDED"));
    return { wish, isPrivate, approvedBy: undefined };
  }

  app.post<{ Body: Static<typeof backupDownload> }>(
    "/admin/backups/downloads",
    {
      config: audits("downloadBackup", "backup.recall"),
      schema: {
        summary: "Prepares an archive (tar) of what a query names; answers with where it is fetched, once and soon",
        description: "What shows others' private things needs the number of a request that was approved.",
        tags,
        body: backupDownload,
      },
    },
    async (request) => {
      const { wish, isPrivate, approvedBy } = await allowed(request, request.body);
      const by = whoIs(request);
      const id = at.newId();
      const facts = { by, ...factsOf(wish), ...(approvedBy !== undefined && { approvedBy }) };
      const action = !isPrivate ? "downloadBackup" : request.caller === null ? "recallPrivate" : "beginRecall";
      await audited(quietly(at), request, facts, Promise.resolve({ ok: true, value: null }));
      at.changed?.(action, facts, by, { people: [], admins: true });
      tickets.set(id, {
        query: wish.query,
        session: request.caller?.session,
        endsAtMs: clock.monotonicMs() + limits.downloadTicketMs,
      });
      const [oldest] = tickets.keys();
      if (tickets.size > limits.downloadTicketsMax && oldest !== undefined) tickets.delete(oldest);
      return { path: `${apiPrefix}/admin/backups/downloads/${id}` };
    },
  );

  app.get<{ Params: Static<typeof named> }>(
    "/admin/backups/downloads/:id",
    {
      config: { access: "admin" },
      schema: {
        summary: "The archive; its last file is recall.json, without which it is not whole",
        tags,
        params: named,
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const ticket = tickets.get(id);
      if (ticket === undefined || ticket.session !== request.caller?.session || ticket.endsAtMs < clock.monotonicMs())
        throw new PlexusError(failure("NOT_FOUND", { reason: "it was fetched already, or too late: begin it again" }));
      tickets.delete(id);
      const stream = new PassThrough();
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort(new PlexusError(failure("CANCELLED"))));
      const out = async (bytes: Uint8Array): Promise<void> => {
        gone.signal.throwIfAborted();
        if (!stream.write(bytes)) await once(stream, "drain", { signal: gone.signal });
      };
      backups.archive(ticket.query, out, gone.signal).then(
        () => stream.end(),
        (error: unknown) => {
          if (!gone.signal.aborted) log.warn("backup.downloadFailed", { error });
          // The fetching client sees that it is not whole.
          stream.destroy(error as Error);
        },
      );
      const day = new Date(clock.nowMs()).toISOString().slice(0, 10);
      return reply
        .header("content-type", "application/x-tar")
        .header("content-disposition", `attachment; filename="recall-${day}.tar"`)
        .header("cache-control", "no-store")
        .send(stream);
    },
  );
}

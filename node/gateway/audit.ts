/** The audit for admins as files: exported whole, and as a report. */
import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import { auditDone, auditQuery, failure, PlexusError, schema, type PeoplePage } from "../../protocols/index.ts";
import { auditBy } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./edge/refusals.ts";
import { addFile } from "./media/files.ts";
import type { AuditControl } from "./ports.ts";

const { before: _before, limit: _limit, ...filters } = auditQuery.properties;
const exportQuery = schema.object({
  ...filters,
  format: Type.Optional(Type.Union([Type.Literal("jsonl"), Type.Literal("syslog"), Type.Literal("cef")])),
});

const reportQuery = schema.object({
  fromMs: schema.timeMs,
  untilMs: Type.Optional(schema.timeMs),
  format: Type.Optional(Type.Union([Type.Literal("json"), Type.Literal("text"), Type.Literal("html")])),
});
const reportTypes = { json: "application/json", text: "text/plain; charset=utf-8", html: "text/html; charset=utf-8" };
/** Pages of people with roles that a report asks for. */
const peoplePagesMax = 100;

/** Adds the routes under /api/v1/admin/audit that answer with files. */
export function addAuditRoutes(app: FastifyInstance, at: GatewayContext, control: AuditControl): void {
  const tag = "admin";
  /** Everybody with other roles than a member's. */
  const everybody = async (): Promise<{ people: PeoplePage["people"][number][]; peopleCut: boolean }> => {
    const people: PeoplePage["people"][number][] = [];
    for (let page = 0; page < peoplePagesMax; page += 1) {
      const after = people.at(-1)?.user;
      const message = { type: "people", limit: 200, ...(after !== undefined && { after }) };
      const { people: more } = demand(
        await at.kernel.ask({
          to: "role-manager/cluster",
          from: "gateway",
          message,
          timeoutMs: at.limits.askTimeoutMs,
        }),
      ) as PeoplePage;
      people.push(...more);
      if (more.length < 200) return { people, peopleCut: false };
    }
    return { people, peopleCut: true };
  };

  addFile<{ query: Static<typeof reportQuery> }>(
    app,
    "/admin/audit/report",
    {
      config: { access: "admin", permission: "audit.export", audit: "reportAudit" },
      summary: "A report of a period: people with power, and all that was changed, refused, exported or erased",
      description:
        "Over the logs that are at this node; a node with the role manager has all. With the newest signed " +
        "head of each log, which an export has as well.",
      tag,
      querystring: reportQuery,
    },
    async (request) => {
      const { fromMs, format = "json" } = request.query;
      const nowMs = Math.floor(at.clock.nowMs());
      const untilMs = Math.min(request.query.untilMs ?? nowMs, nowMs);
      if (fromMs >= untilMs)
        throw new PlexusError(failure("BAD_REQUEST", { path: "/fromMs", problem: "the period ends before it begins" }));
      const facts = { fromMs, untilMs, format };
      await at.audit?.write({ action: "reportAudit", ...auditBy(request), outcome: auditDone, facts });
      await control.seal();
      const body = await control.report({ fromMs, untilMs, ...(await everybody()) }, format);
      // It has what people chose themselves: no browser is to take it for more than text, or let it ask for anything.
      return { type: reportTypes[format], policy: "default-src 'none'; style-src 'unsafe-inline'; sandbox", body };
    },
  );

  addFile<{ query: Static<typeof exportQuery> }>(
    app,
    "/admin/audit/export",
    {
      config: { access: "admin", permission: "audit.export", audit: "exportAudit" },
      summary: "The audit as a file",
      description:
        "`jsonl`: every log that is at this node, whole, with its hashes and signatures, as `plexus audit " +
        "verify` reads it. `syslog` (RFC 5424) and `cef`: one line an entry, of those that the query names.",
      tag,
      querystring: exportQuery,
    },
    async (request) => {
      const { format = "jsonl", ...filter } = request.query;
      const facts = { format, ...filter };
      await at.audit?.write({ action: "exportAudit", ...auditBy(request), outcome: auditDone, facts });
      await control.seal();
      const lines = control.export(filter, { format, version: at.version });
      const text = async function* (): AsyncGenerator<string> {
        let chunk = "";
        for await (const line of lines) {
          chunk += `${line}\n`;
          if (chunk.length < 65_536) continue;
          yield chunk;
          chunk = "";
        }
        yield chunk;
      };
      const type = format === "jsonl" ? "application/jsonl" : "text/plain; charset=utf-8";
      return { type, body: Readable.from(text()) };
    },
  );
}

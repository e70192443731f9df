/** Where the audit is sent, how long it is kept, and the lists of threats of the cluster, as admins set them. */
import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import {
  auditRetention,
  auditSinkName,
  beginOf,
  failure,
  ok,
  PlexusError,
  refused,
  schema,
  secretReference,
  setAuditSink,
  setThreatList,
  threatListName,
  type AuditRetention,
  type AuditSink,
  type AuditSinksView,
  type AuditSinkView,
  type Result,
  type SetAuditSink,
  type ThreatListsView,
} from "../../protocols/index.ts";
import { sinkContext, sinkUrlFault, type AuditRules } from "../cluster/audit-rules.ts";
import { destinationOf } from "../cluster/secrets.ts";
import type { AuditControl } from "./audit.ts";
import { audited, audits, changeOf } from "./audited.ts";
import type { GatewayContext } from "./options.ts";

const sinkParams = schema.object({ sink: auditSinkName });
const listParams = schema.object({ list: threatListName });

const viewOf = ({ sealed, id: _id, ca, ...sink }: AuditSink): AuditSinkView => ({
  ...sink,
  hasSecret: sealed !== undefined,
  hasCa: ca !== undefined,
});

/** Adds the routes under /api/v1/admin/audit/sinks, /api/v1/admin/audit/retention and /api/v1/admin/threats. */
export function addAuditRules(
  app: FastifyInstance,
  at: GatewayContext,
  { control, rules }: { readonly control: AuditControl; readonly rules: AuditRules },
): void {
  const tags = ["admin"];
  const { sinks, retention, lists } = rules;
  const read = { access: "admin", permission: "audit.read" } as const;
  const known = (name: string): Result<AuditSink> => {
    const sink = sinks.current().find((one) => one.name === name);
    return sink === undefined ? refused(failure("NOT_FOUND", { sink: name })) : ok(sink);
  };

  app.get(
    "/admin/audit/sinks",
    {
      config: read,
      schema: {
        summary: "The systems that the audit is sent to, and how far each node has sent its log",
        description: "Secrets are never shown. `unanswered` names nodes that did not say how far they are.",
        tags,
      },
    },
    async (): Promise<AuditSinksView> => ({ sinks: sinks.current().map(viewOf), ...(await control.pushed()) }),
  );

  /** The row that a wish comes to. A secret stays with the host that it was given for. */
  async function sinkOf(name: string, wish: SetAuditSink): Promise<Result<AuditSink>> {
    const wrong = (path: string, problem: string) => refused(failure("BAD_REQUEST", { path, problem }));
    const fault = sinkUrlFault(wish.url);
    if (fault !== undefined) return wrong("/url", fault);
    const isHttp = /^https?:/.test(wish.url);
    if (!isHttp && (wish.secret !== undefined || wish.auth !== undefined))
      return wrong("/secret", "syslog has no place for a secret; it is for https://");
    if (wish.ca !== undefined && !wish.ca.includes("-----BEGIN CERTIFICATE-----"))
      return wrong("/ca", "certificates are PEM");
    const before = sinks.current().find((one) => one.name === name);
    if (wish.begin === "now" && wish.sinceMs !== undefined)
      return wrong("/begin", "say one of them: from now on, or from a time on");
    const fresh = Buffer.from(at.random.bytes(8)).toString("hex");
    const { id, sinceMs } = beginOf(before, wish, { nowMs: at.clock.nowMs(), fresh });
    const { format = isHttp ? "jsonl" : "syslog", url, auth, ca } = wish;
    const stays =
      before?.sealed !== undefined && sinkContext({ id, url: before.url }).join() === sinkContext({ id, url }).join();
    if (wish.secret === undefined && before?.sealed !== undefined && isHttp && !stays)
      return wrong("/secret", "the secret was given for another host; give it again");
    const kept = async (sealed: string) =>
      secretReference(sealed) === undefined
        ? at.secrets?.open(sealed, sinkContext({ id: before?.id ?? id, url }))
        : sealed;
    const secret = wish.secret ?? (stays ? await kept(before.sealed) : undefined);
    if (stays && secret === undefined)
      return wrong("/secret", "the secret was sealed by another cluster; give it again");
    if (secret !== undefined && at.secrets === undefined)
      return refused(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
    const sealed =
      secret === undefined ? undefined : await at.secrets?.seal(secret, sinkContext({ id, url }), destinationOf(url));
    return ok({ name, id, url, format, sinceMs, ...(auth && { auth }), ...(sealed && { sealed }), ...(ca && { ca }) });
  }

  app.put<{ Params: Static<typeof sinkParams>; Body: SetAuditSink }>(
    "/admin/audit/sinks/:sink",
    {
      config: audits("setAuditSink", "audit.manage"),
      schema: {
        summary: "Says where the audit is sent",
        description:
          "Every node sends its own log, from its beginning or from `sinceMs` on, at least once: each message has `log` and `seq`. Another address begins at the start unless `begin` says `now`, or `kept`: the receiver is the one that there was. `syslog+tcp` and `syslog+tls` are RFC 5424 with octet counting; `https` takes lines.",
        tags,
        params: sinkParams,
        body: setAuditSink,
      },
    },
    async (request) => {
      const { sink: name } = request.params;
      const before = sinks.current().find((one) => one.name === name);
      const set = async (): Promise<Result<AuditSink>> => {
        const row = await sinkOf(name, request.body);
        return row.ok ? sinks.set(row.value) : row;
      };
      return viewOf(
        await audited(at, request, { sink: name }, set(), (now) => changeOf(before && viewOf(before), viewOf(now))),
      );
    },
  );

  app.delete<{ Params: Static<typeof sinkParams> }>(
    "/admin/audit/sinks/:sink",
    {
      config: audits("removeAuditSink", "audit.manage"),
      schema: { summary: "Sends the audit there no more", tags, params: sinkParams },
    },
    async (request) => {
      const { sink: name } = request.params;
      return viewOf(
        await audited(at, request, { sink: name }, sinks.remove(name), (was) => changeOf(viewOf(was), undefined)),
      );
    },
  );

  app.post<{ Params: Static<typeof sinkParams> }>(
    "/admin/audit/sinks/:sink/test",
    {
      config: audits("testSink", "audit.manage"),
      schema: {
        summary: "Sends one message that stands for no entry, from this node, and waits until it is confirmed",
        tags,
        params: sinkParams,
      },
    },
    async (request) => {
      const { sink: name } = request.params;
      const sink = known(name);
      return audited(at, request, { sink: name }, sink.ok ? control.testSink(sink.value) : Promise.resolve(sink));
    },
  );

  app.get(
    "/admin/audit/retention",
    {
      config: read,
      schema: { summary: "How long the audit is kept, and what of it is at this node", tags },
    },
    () => control.retention(),
  );

  const setRetention = async (next: AuditRetention | undefined): Promise<Result<unknown>> => retention.set(next);
  app.put<{ Body: AuditRetention }>(
    "/admin/audit/retention",
    {
      config: audits("setAuditRetention", "audit.manage"),
      schema: {
        summary: "Says how long the audit is kept",
        description:
          "Of the days that fit an entry, the most count. A log only loses its beginning, so an entry also stays for as long as one before it. What a sink has not confirmed waits for 30 days more, or until the log is twice as large as it may be.",
        tags,
        body: auditRetention,
      },
    },
    async (request) => {
      const before = retention.current();
      await audited(at, request, {}, setRetention(request.body), () => changeOf(before, request.body));
      return control.retention();
    },
  );
  app.delete(
    "/admin/audit/retention",
    {
      config: audits("setAuditRetention", "audit.manage"),
      schema: { summary: "Keeps the audit for as long as it is kept where nobody says anything", tags },
    },
    async (request) => {
      const before = retention.current();
      await audited(at, request, {}, setRetention(undefined), () => changeOf(before, undefined));
      return control.retention();
    },
  );

  app.get(
    "/admin/threats",
    {
      config: { access: "admin" },
      schema: {
        summary: "The lists of threats that every node reads, and what this node has of them and of its own",
        tags,
      },
    },
    async (): Promise<ThreatListsView> => ({ lists: lists.current(), states: at.threats?.states?.() ?? [] }),
  );
  app.put<{ Params: Static<typeof listParams>; Body: Static<typeof setThreatList> }>(
    "/admin/threats/:list",
    {
      config: audits("setThreatList", "config.manage"),
      schema: {
        summary: "Has every node read a list of bad addresses, names of hosts and digests of files",
        description: "A node that cannot reach the URL takes what most of the others have read there.",
        tags,
        params: listParams,
        body: setThreatList,
      },
    },
    async (request) => {
      const { list: name } = request.params;
      const before = lists.current().find((one) => one.name === name);
      if (!URL.canParse(request.body.source))
        throw new PlexusError(failure("BAD_REQUEST", { path: "/source", problem: "this is not a URL" }));
      const set = lists.set({ name, ...request.body });
      return audited(at, request, { list: name }, set, (now) => changeOf(before, now));
    },
  );
  app.delete<{ Params: Static<typeof listParams> }>(
    "/admin/threats/:list",
    { config: audits("removeThreatList", "config.manage"), schema: { summary: "Ends such a list; answers with it", tags, params: listParams } }, // prettier-ignore
    async (request) => {
      const { list: name } = request.params;
      return audited(at, request, { list: name }, lists.remove(name), (was) => changeOf(was, undefined));
    },
  );
}

/** What the operations on the audit do: it is searched, sent elsewhere, and kept for as long as admins say. */
import {
  acted,
  beginOf,
  changed,
  failure,
  ok,
  refused,
  removed,
  secretReference,
  type auditOperations,
  type AuditPage,
  type AuditRetention,
  type AuditRetentionView,
  type AuditSink,
  type AuditSinkView,
  type Done,
  type ErrorCode,
  type HandlersOf,
  type Result,
  type SetAuditSink,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import { sinkContext, sinkUrlFault, type AuditRules } from "../cluster/facts/audit-rules.ts";
import { destinationOf, type Seals } from "../cluster/facts/secrets.ts";
import type { Clock, Random } from "../ports/index.ts";
import type { Audit } from "./audit.ts";

/** The audit of all nodes, as admins look at it. */
export type AuditViews = Pick<Audit, "search" | "stand" | "retention" | "rules" | "pushed" | "testSink">;

/** What the handlers stand on. */
interface AuditParts {
  readonly views: AuditViews;
  readonly rules: Pick<AuditRules, "sinks" | "retention">;
  /** Seals the secrets of sinks; absent on a node without a cluster. */
  readonly secrets?: Seals | undefined;
  readonly random: Pick<Random, "bytes">;
  readonly clock: Pick<Clock, "nowMs">;
}

type Operations = HandlersOf<typeof auditOperations>;

/** The handlers, but that of the cluster's memory. */
export function handleAudit(at: AuditParts): Omit<Operations, "cluster.audit"> {
  const { views, rules } = at;
  const { sinks, retention } = rules;
  const known = (name: string): AuditSink | undefined => sinks.current().find((one) => one.name === name);
  /** Sets the rules, and answers with what they come to. */
  async function keep(rows: AuditRetention | undefined): Promise<Done<AuditRetentionView>> {
    const before = retention.current();
    const done = await retention.set(rows);
    if (!done.ok) return { result: done };
    // It is done and has to be in the audit, though a log may be one that cannot be measured.
    const unmeasured = () => ({ ...views.rules(), ...rows, byDefault: rows === undefined, logs: [] });
    return { result: ok(await views.retention().catch(unmeasured)), before, after: rows };
  }
  return {
    "audit.search": async (query) => ok(await views.search(query)),
    "audit.logs": async () => ok(await views.stand()),
    "sinks.list": async () => ok({ sinks: sinks.current().map(viewOf), ...(await views.pushed()) }),
    "sinks.set": async ({ sink: name, ...asked }) => {
      const before = known(name);
      const row = await sinkOf(at, { name, before, asked });
      const done = row.ok ? await sinks.set(row.value) : row;
      return changed(before && viewOf(before), done.ok ? ok(viewOf(done.value)) : done);
    },
    "sinks.remove": async ({ sink }) => {
      const done = await sinks.remove(sink);
      return removed(done.ok ? ok(viewOf(done.value)) : done);
    },
    "sinks.test": async ({ sink: name }) => {
      const sink = known(name);
      return acted(sink ? await views.testSink(sink) : refused(failure("NOT_FOUND", { sink: name })));
    },
    "retention.show": async () => ok(await views.retention()),
    "retention.set": (rows) => keep(rows),
    "retention.reset": () => keep(undefined),
  };
}

const viewOf = ({ sealed, id: _id, ca, ...sink }: AuditSink): AuditSinkView => ({
  ...sink,
  hasSecret: sealed !== undefined,
  hasCa: ca !== undefined,
});

/** The row that a request comes to. A secret stays with the host that it was given for. */
async function sinkOf(
  { secrets, random, clock }: AuditParts,
  {
    name,
    before,
    asked,
  }: { readonly name: string; readonly before: AuditSink | undefined; readonly asked: SetAuditSink },
): Promise<Result<AuditSink>> {
  const isHttp = /^https?:/.test(asked.url);
  const fault = faultOf(asked, isHttp);
  if (fault !== undefined) return fault;
  const fresh = Buffer.from(random.bytes(8)).toString("hex");
  const { id, sinceMs } = beginOf(before, asked, { nowMs: clock.nowMs(), fresh });
  const { format = isHttp ? "jsonl" : "syslog", url, auth, ca } = asked;
  const stays =
    before?.sealed !== undefined && sinkContext({ id, url: before.url }).join() === sinkContext({ id, url }).join();
  if (asked.secret === undefined && before?.sealed !== undefined && isHttp && !stays)
    return wrong("/secret", "the secret was given for another host; give it again");
  const kept = async (sealed: string) =>
    secretReference(sealed) === undefined ? secrets?.open(sealed, sinkContext({ id: before?.id ?? id, url })) : sealed;
  const secret = asked.secret ?? (stays ? await kept(before.sealed) : undefined);
  if (stays && secret === undefined) return wrong("/secret", "the secret was sealed by another cluster; give it again");
  if (secret !== undefined && secrets === undefined)
    return refused(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
  const sealed =
    secret === undefined ? undefined : await secrets?.seal(secret, sinkContext({ id, url }), destinationOf(url));
  return ok({ name, id, url, format, sinceMs, ...(auth && { auth }), ...(sealed && { sealed }), ...(ca && { ca }) });
}

/** What the schema alone cannot say of a sink; undefined: nothing is wrong. */
function faultOf({ url, secret, auth, ca, begin, sinceMs }: SetAuditSink, isHttp: boolean) {
  const fault = sinkUrlFault(url);
  if (fault !== undefined) return wrong("/url", fault);
  if (!isHttp && (secret !== undefined || auth !== undefined))
    return wrong("/secret", "syslog has no place for a secret; it is for https://");
  if (ca !== undefined && !ca.includes("-----BEGIN CERTIFICATE-----")) return wrong("/ca", "certificates are PEM");
  if (begin === "now" && sinceMs !== undefined)
    return wrong("/begin", "say one of them: from now on, or from a time on");
  return undefined;
}

const wrong = (path: string, problem: string) => refused(failure("BAD_REQUEST", { path, problem }));

/** Why the audit cannot be read where it is kept, though copies of it may be. */
const copyCodes: ReadonlySet<string> = new Set<ErrorCode>([
  "DIRECTORY_AWAY",
  "SLOT_UNAVAILABLE",
  "ASK_TIMEOUT",
  "PEER_LOST",
  "NOT_IN_SYNC",
]);

/** What the audit of the cluster's memory is read from. */
export interface MemoryAudit {
  /** What people call this node. */
  readonly name: string;
  ask(message: Message): Promise<Result<unknown>>;
  /** A page as the copy on this node has it; undefined: there is none here. */
  copy?(query: { readonly before?: number; readonly limit?: number }): Promise<AuditPage | undefined>;
}

/** The handler of the cluster's memory. */
export const handleClusterAudit = (at: MemoryAudit): Pick<Operations, "cluster.audit"> => ({
  "cluster.audit": async (query) => {
    const answer = await at.ask({ type: "auditPage", ...query });
    // Reading needs nobody who decides: while the node that has it is away, what a copy says is more than nothing.
    const page = answer.ok || !copyCodes.has(answer.error.code) ? undefined : await at.copy?.(query);
    return page === undefined ? (answer as Result<AuditPage>) : ok({ ...page, copyAt: at.name });
  },
});

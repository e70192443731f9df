/** The audit, where it is sent and how long it is kept. */
import {
  auditRetention,
  auditSinkName,
  setAuditSink,
  type AuditRetentionView,
  type AuditSinksView,
  type AuditSinkView,
  type SinkTested,
} from "../admin/audit-sinks.ts";
import { auditQuery, type AuditFound, type AuditLogs } from "../admin/audit-search.ts";
import { answer } from "../wire/command.ts";
import { roleManagerCommands, type AuditPage } from "../kinds/role-manager.ts";
import { object } from "../wire/schema.ts";
import { changes, ofActors, ofDirectory, reads } from "./operation.ts";

const tags = ["admin"];
const one = object({ sink: auditSinkName });
const kept = answer<AuditRetentionView>("AuditRetentionView");

export const auditOperations = {
  "audit.search": reads({
    fields: auditQuery,
    answer: answer<AuditFound>("AuditFound"),
    permission: "audit.read",
    errors: ["NOT_FOUND"],
    summary: "Entries of the audit of all nodes, the newest first",
    description:
      "A text that ends in `*` stands for all texts that begin with the part before it. " +
      "Give `next` as `before` to go on; a page with fewer entries than asked for need not be the last.",
    tags,
  }),
  "audit.logs": reads({
    answer: answer<AuditLogs>("AuditLogs"),
    permission: "audit.read",
    errors: ["NOT_FOUND"],
    summary: "How each log of the audit stands at this node: entries, signed heads, and what other nodes have seen",
    description:
      "`verified` is whether the head's signature and tree are right. A file is proven by `plexus audit verify`.",
    tags,
  }),
  "cluster.audit": reads({
    fields: object(roleManagerCommands.auditPage.params.properties),
    answer: answer<AuditPage>("AuditPage"),
    permission: "audit.read",
    errors: [...ofActors, "NOT_IN_SYNC"],
    summary: "The audit log of the cluster, newest first",
    description:
      "`before` is the `seq` of the last entry of the page before. " +
      "`copyAt`: the node with the audit log does not answer, so this comes from the copy at the node that was " +
      "asked.",
    tags,
  }),
  "sinks.list": reads({
    answer: answer<AuditSinksView>("AuditSinksView"),
    permission: "audit.read",
    errors: ["NOT_FOUND"],
    summary: "The systems that the audit is sent to, and how far each node has sent its log",
    description: "Secrets are never shown. `unanswered` names nodes that did not say how far they are.",
    tags,
  }),
  "sinks.set": changes({
    params: one,
    fields: setAuditSink,
    answer: answer<AuditSinkView>("AuditSinkView"),
    permission: "audit.manage",
    errors: ["NOT_FOUND", "LIMIT_REACHED", ...ofDirectory],
    action: "setAuditSink",
    facts: ({ sink }) => ({ sink }),
    summary: "Says where the audit is sent",
    description:
      "Every node sends its own log, from its beginning or from `sinceMs` on, at least once: " +
      "each message has `log` and `seq`. Another address begins at the start unless `begin` says `now`, " +
      "or `kept`: the receiver is the one that there was. " +
      "`syslog+tcp` and `syslog+tls` are RFC 5424 with octet counting; `https` takes lines.",
    tags,
  }),
  "sinks.remove": changes({
    params: one,
    answer: answer<AuditSinkView>("AuditSinkView"),
    permission: "audit.manage",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "removeAuditSink",
    facts: ({ sink }) => ({ sink }),
    summary: "Sends the audit there no more",
    tags,
  }),
  "sinks.test": changes({
    params: one,
    answer: answer<SinkTested>("SinkTested"),
    permission: "audit.manage",
    errors: ["NOT_FOUND", "UNREACHABLE"],
    action: "testSink",
    task: { what: ({ sink }) => `Test of ${sink}` },
    facts: ({ sink }) => ({ sink }),
    summary: "Sends one message that stands for no entry, from this node, and waits until it is confirmed",
    tags,
  }),
  "retention.show": reads({
    answer: kept,
    permission: "audit.read",
    errors: ["NOT_FOUND"],
    summary: "How long the audit is kept, and what of it is at this node",
    tags,
  }),
  "retention.set": changes({
    fields: auditRetention,
    answer: kept,
    permission: "audit.manage",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "setAuditRetention",
    facts: () => ({}),
    summary: "Says how long the audit is kept",
    description:
      "Of the days that fit an entry, the most count. " +
      "A log only loses its beginning, so an entry also stays for as long as one before it. " +
      "What a sink has not confirmed waits for 30 days more, or until the log is twice as large as it may be.",
    tags,
  }),
  "retention.reset": changes({
    answer: kept,
    permission: "audit.manage",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "setAuditRetention",
    facts: () => ({}),
    summary: "Keeps the audit for as long as it is kept where nobody says anything",
    tags,
  }),
};

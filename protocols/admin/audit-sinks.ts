/** Where the audit is sent, and how long it is kept: what admins set, and what they see of it. */
import { Type, type Static } from "typebox";
import { auditAreas, type AuditSeverity } from "./audit.ts";
import { object, timeMs } from "../wire/schema.ts";

/** What a sink may be called. */
export const auditSinkName = Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,31}$" });
const format = Type.Union([Type.Literal("jsonl"), Type.Literal("syslog"), Type.Literal("cef")]);
const auth = Type.Union([Type.Literal("bearer"), Type.Literal("hmac")]);

/** A sink, as an admin sets it. */
export const setAuditSink = object({
  /** `syslog+tcp://host:port`, `syslog+tls://host:port`, `https://host/path`; `http://` on this machine only. */
  url: Type.String({ minLength: 8, maxLength: 512 }),
  /** `jsonl` for HTTP, `syslog` for syslog, unless it says something else. */
  format: Type.Optional(format),
  /** How the secret is used over HTTP: as the bearer's token, or as the key of an HMAC over the body. */
  auth: Type.Optional(auth),
  /** Write-only. Absent: the one that is there stays, as long as the host stays. */
  secret: Type.Optional(Type.String({ minLength: 8, maxLength: 1_024, pattern: "^[\\x21-\\x7e]+$" })),
  /** Certificates (PEM) that the receiver's is signed with; absent: those that the machine trusts. */
  ca: Type.Optional(Type.String({ minLength: 64, maxLength: 16_384 })),
  /** Entries before this time are not sent. Absent: everything that is there; of a sink that is there, what it says. */
  sinceMs: Type.Optional(timeMs),
  /** Where each log is sent from: from its beginning (or `sinceMs`), from now on, or on from what was confirmed.
   *  Absent: a new address, or another `sinceMs`, begins at the start, since another receiver has nothing yet; else
   *  what was confirmed stays confirmed. */
  begin: Type.Optional(Type.Union([Type.Literal("start"), Type.Literal("now"), Type.Literal("kept")])),
});
export type SetAuditSink = Static<typeof setAuditSink>;

/** A sink, as the row of the directory has it. */
export interface AuditSink {
  readonly name: string;
  /** Made with the sink: cursors belong to it, so another one of the same name begins anew. */
  readonly id: string;
  readonly url: string;
  readonly format: Static<typeof format>;
  readonly auth?: Static<typeof auth>;
  /** Sealed. */
  readonly sealed?: string;
  readonly ca?: string;
  readonly sinceMs: number;
}

/** Whose cursors a sink has once it is set, and from when on entries are sent to it. `fresh`: an id that nothing has
 *  yet. */
export function beginOf(
  before: Pick<AuditSink, "id" | "url" | "sinceMs"> | undefined,
  { url, sinceMs, begin }: Pick<SetAuditSink, "url" | "sinceMs" | "begin">,
  at: { readonly nowMs: number; readonly fresh: string },
): Pick<AuditSink, "id" | "sinceMs"> {
  const from = begin === "now" ? Math.floor(at.nowMs) : (sinceMs ?? before?.sinceMs ?? 0);
  if (before === undefined) return { id: at.fresh, sinceMs: from };
  const isOther = before.url !== url || before.sinceMs !== from;
  const goesOn = begin === "kept" || (begin === undefined && !isOther);
  return { id: goesOn ? before.id : at.fresh, sinceMs: from };
}

/** How far one log has been sent to one sink, by the node that sends it. */
export interface AuditSinkLog {
  readonly log: string;
  /** Confirmed up to this entry, of so many. */
  readonly sent: number;
  readonly end: number;
  /** How old the oldest entry is that is not confirmed; 0: all are. */
  readonly lagMs: number;
}

/** How a sink fares at one node. */
export interface AuditSinkState {
  readonly sink: string;
  /** The name of the node. */
  readonly node: string;
  readonly logs: readonly AuditSinkLog[];
  /** Since when nothing was confirmed though something was sent, and why. */
  readonly failingSinceMs?: number;
  readonly reason?: string;
}

/** A sink, as admins see it. */
export interface AuditSinkView extends Omit<AuditSink, "sealed" | "id" | "ca"> {
  readonly hasSecret: boolean;
  readonly hasCa: boolean;
}
/** All of them, and how they fare at each node that answers. */
export interface AuditSinksView {
  readonly sinks: readonly AuditSinkView[];
  readonly states: readonly AuditSinkState[];
  readonly unanswered: readonly string[];
}

/** What became of a message that tried a sink. */
export interface SinkTested {
  readonly tookMs: number;
}

const days = Type.Integer({ minimum: 1, maximum: 36_500 });
const severities = ["info", "notice", "warning", "alert"] as const satisfies readonly AuditSeverity[];
const each = <Name extends string>(names: readonly Name[]) =>
  object(
    Object.fromEntries(names.map((name) => [name, Type.Optional(days)])) as Record<
      Name,
      ReturnType<typeof Type.Optional<typeof days>>
    >,
  );

/** How long the audit is kept. Of several numbers that fit an entry the largest counts. */
export const auditRetention = object({
  days,
  areas: Type.Optional(each(auditAreas)),
  severities: Type.Optional(each(severities)),
  /** Of each log. */
  logBytesMax: Type.Integer({ minimum: 1024 * 1024, maximum: 1024 ** 4 }),
});
export type AuditRetention = Static<typeof auditRetention>;

/** The rules in force, and what they come to on the node that was asked. */
export interface AuditRetentionView extends AuditRetention {
  /** Nobody has set any. */
  readonly byDefault: boolean;
  readonly logs: readonly {
    readonly log: string;
    readonly from: number;
    readonly end: number;
    readonly bytes: number;
  }[];
}

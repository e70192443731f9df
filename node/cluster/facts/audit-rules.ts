/** What admins say about the audit and about lists of threats, as every node knows it: rows of the directory. */
import { Type } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  auditRetention,
  ok,
  setAuditSink,
  threatListRow,
  type AuditRetention,
  type AuditSink,
  type Result,
  type ThreatList,
} from "../../../protocols/index.ts";
import type { Directory, DirectoryRow } from "../../ports/index.ts";
import { changeRow, watchRow } from "./one-row.ts";
import { watchNamedRows, type NamedRows } from "./named-rows.ts";

/** Where the audit goes and how long it stays: rows that only nodes change which may also change keys. */
export const auditRowsPrefix = "audit-";
const sinkPrefix = `${auditRowsPrefix}sink/`;
const retentionKey = `${auditRowsPrefix}retention`;
const listPrefix = "threat-list/";

/** Systems that the audit is sent to. */
const auditSinksMax = 8;
/** Lists of threats that the cluster reads. */
const threatListsMax = 16;

// Fields that later versions add stay in a row, so the schemas are open.
const isSink = checkOf(
  Type.Object({
    name: Type.String({ minLength: 1, maxLength: 32 }),
    id: Type.String({ pattern: "^[0-9a-f]{16}$" }),
    url: setAuditSink.properties.url,
    format: Type.Union([Type.Literal("jsonl"), Type.Literal("syslog"), Type.Literal("cef")]),
    auth: setAuditSink.properties.auth,
    sealed: Type.Optional(Type.String({ maxLength: 4_096 })),
    ca: setAuditSink.properties.ca,
    sinceMs: Type.Integer({ minimum: 0 }),
  }),
);
const isList = checkOf(Type.Object(threatListRow.properties));
const isRetention = checkOf(Type.Object(auditRetention.properties));

const rowOf =
  <Row extends { readonly name: string }>(prefix: string, check: { Check(value: unknown): boolean }) =>
  ({ key, value }: DirectoryRow): Row | undefined =>
    check.Check(value) && key === `${prefix}${(value as Row).name}` ? (value as Row) : undefined;

/** Sinks of the audit. */
type AuditSinks = NamedRows<AuditSink>;
/** Lists of threats of the cluster. */
export type ThreatLists = NamedRows<ThreatList>;

/** How long the audit is kept. */
interface RetentionRules {
  /** Undefined: nobody has set any. */
  current(): AuditRetention | undefined;
  /** Undefined: the default again. Error: OVERLOADED. Rejects with DIRECTORY_UNAVAILABLE. */
  set(rules: AuditRetention | undefined): Promise<Result<unknown>>;
}

/** All of it. */
export interface AuditRules {
  readonly sinks: AuditSinks;
  readonly retention: RetentionRules;
  readonly lists: ThreatLists;
  stop(): void;
}

/** What the secret of a sink is sealed for: the sink, and where it goes. A change of the row alone has it sent nowhere
 *  else. */
export const sinkContext = ({ id, url }: Pick<AuditSink, "id" | "url">): readonly string[] => [
  "audit-sink",
  id,
  originOf(url),
];

const originOf = (url: string): string => {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
};

/** Why a URL is none of a sink; undefined: it is one. */
export function sinkUrlFault(text: string): string | undefined {
  if (!URL.canParse(text)) return "this is not a URL";
  const { protocol, hostname, port, username, password, pathname, hash } = new URL(text);
  if (username !== "" || password !== "") return "a URL is shown to every admin; give the secret in its own field";
  if (hash !== "") return "what comes after # is never sent";
  const isLoopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
  switch (protocol) {
    case "https:":
      return undefined;
    case "http:":
      return isLoopback
        ? undefined
        : "http:// is allowed only to this machine, because others on the network could read the audit and the secret";
    case "syslog+tcp:":
    case "syslog+tls:":
      return hostname === "" || port === "" || (pathname !== "" && pathname !== "/")
        ? "write it as syslog+tls://host:6514"
        : undefined;
    default:
      return "the audit is sent to syslog+tcp://, syslog+tls:// or https://";
  }
}

/** Begins to watch the rows. */
export function watchAuditRules(directory: Directory): AuditRules {
  const sinks = watchNamedRows<AuditSink>(directory, {
    one: "sink",
    prefix: sinkPrefix,
    read: rowOf<AuditSink>(sinkPrefix, isSink),
    limit: { auditSinksMax },
  });
  const lists = watchNamedRows<ThreatList>(directory, {
    one: "list",
    prefix: listPrefix,
    read: rowOf<ThreatList>(listPrefix, isList),
    limit: { threatListsMax },
  });
  let rules: AuditRetention | undefined;
  const stop = watchRow(directory, retentionKey, (row) => {
    if (row === undefined) rules = undefined;
    // A row that says nothing is passed over: removing by rules that nobody understood would be worse than by the last
    // ones.
    else if (isRetention.Check(row.value)) rules = row.value as AuditRetention;
  });
  return {
    sinks,
    lists,
    retention: {
      current: () => rules,
      async set(next) {
        const set = await changeRow(directory, retentionKey, { make: () => ok(next) });
        if (set.ok) rules = next;
        return set;
      },
    },
    stop() {
      sinks.stop();
      lists.stop();
      stop();
    },
  };
}

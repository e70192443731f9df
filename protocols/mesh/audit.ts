/** Logs of the audit, for the nodes that keep copies of them (`node/audit/keeping.ts`). What is passed on is signed by
 *  who wrote it. */
import { Type } from "typebox";
import { call, closed, count, message, node } from "./parts.ts";

const log = Type.String({ pattern: "^[0-9a-f]{8,64}-[0-9a-f]{8}$" });
const hash = Type.String({ pattern: "^[0-9a-f]{64}$" });
const signature = Type.String({ maxLength: 128 });
const peer = Type.String({ minLength: 1, maxLength: 128 });
const head = closed({
  log,
  seq: count,
  hash,
  peaks: Type.Array(hash, { maxItems: 64 }),
  root: hash,
  atMs: count,
  peer,
  signature,
});
const witness = closed({ log, seq: count, root: hash, atMs: count, by: node, peer, signature });

export const auditMessages = {
  /** A log has more entries. */
  "audit.grown": message("control", {}),
  /** Another node has seen a log come so far. */
  "audit.witness": message("control", { witness }),
  /** The logs that the asked node has. */
  "audit.logs": call(
    "control",
    {},
    closed({
      logs: Type.Array(
        closed({
          log,
          from: count,
          seq: count,
          hash,
          head: Type.Optional(head),
          witnesses: Type.Array(witness, { maxItems: 64 }),
          /** Up to where the writer's own log was confirmed by which system of others. */
          sent: Type.Optional(
            Type.Array(closed({ sink: Type.String({ maxLength: 32 }), seq: count }), { maxItems: 16 }),
          ),
        }),
        { maxItems: 1_024 },
      ),
    }),
  ),
  /** The head that the first entries of a log continue, where older ones were removed. Error: NOT_FOUND. */
  "audit.start": call("control", { log }, closed({ head })),
  /** Entries after `after`, and the heads among them. Error: NOT_FOUND. */
  "audit.read": call(
    "message",
    { log, after: count, limit: count },
    closed({
      lines: Type.Array(Type.String({ maxLength: 65_536 }), { maxItems: 1_000 }),
      heads: Type.Array(head, { maxItems: 64 }),
    }),
  ),
  /** What the asked node wrote is not what the asking keeper had a copy of, up to `seq`. `noted`: up to where it knows
   *  of that now. */
  "audit.forked": call("control", { log, seq: count }, closed({ noted: count })),
  /** How far the asked node has sent logs to systems of others; as in `protocols/admin/audit-sinks.ts`. */
  "audit.push": call(
    "control",
    {},
    closed({ states: Type.Unsafe<object[]>(Type.Array(Type.Object({}), { maxItems: 16 })) }),
  ),
  /** A page of what a search finds at the asked node; query and page are as in `protocols/admin/audit-search.ts`.
   *  Errors:
   *  BAD_REQUEST. */
  "audit.search": call(
    "message",
    { query: Type.Unsafe<object>(Type.Object({})) },
    closed({ found: Type.Unsafe<object>(Type.Object({})) }),
  ),
} as const;

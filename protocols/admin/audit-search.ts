/** How the audit is searched, and what is found. */
import { Type, type Static } from "typebox";
import type { AuditRecord } from "./audit.ts";
import { object, timeMs } from "../wire/schema.ts";

const name = Type.String({ minLength: 1, maxLength: 128 });

/** Which entries; what is left out matches all. */
export const auditFilter = {
  /** Who: `user/ada`, `operator`, or a part of it that ends in `*`. */
  by: Type.Optional(name),
  /** What: an action, or an area of actions. */
  action: Type.Optional(name),
  /** What it was done to. */
  target: Type.Optional(name),
  /** From where. */
  address: Type.Optional(name),
  session: Type.Optional(name),
  /** Name of the node that wrote it. */
  node: Type.Optional(name),
  /** `done`, `refused` (everything else), or a code. */
  outcome: Type.Optional(name),
  /** A text that is somewhere in the entry. */
  text: Type.Optional(name),
  sinceMs: Type.Optional(timeMs),
  untilMs: Type.Optional(timeMs),
};

export const auditQuery = object({
  ...auditFilter,
  /** Entries before this one: `next` of the page before. */
  before: Type.Optional(Type.String({ maxLength: 160, pattern: "^[0-9]+\\.[0-9a-f]+-[0-9a-f]+\\.[0-9]+$" })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
});
export type AuditQuery = Static<typeof auditQuery>;
export type AuditFilter = Omit<AuditQuery, "before" | "limit">;

/** How one log stands at a node. */
export interface AuditLogView {
  readonly log: string;
  /** The node that writes it: its name, or its id where it is no member any more. */
  readonly node: string;
  /** First and last entry that are here; `to` before `from`: none are. */
  readonly from: number;
  readonly to: number;
  readonly atMs: number;
  /** The newest signed head: up to which entry, when, and whether the signature and its tree are right. */
  readonly head?: { readonly seq: number; readonly atMs: number; readonly verified: boolean };
  /** Other nodes that have seen the log, and how far. */
  readonly witnesses: readonly { readonly node: string; readonly seq: number; readonly atMs: number }[];
  /** The first entry that does not continue the one before. */
  readonly fault?: { readonly seq: number; readonly reason: string };
}

/** Answer to `GET /api/v1/admin/audit/logs`. */
export interface AuditLogs {
  /** The node that looked. */
  readonly at: string;
  readonly logs: readonly AuditLogView[];
}

/** A page of what was found, the newest first. */
export interface AuditFound {
  readonly entries: readonly AuditRecord[];
  /** Where the next page begins; absent: that was all. A page may be empty and not the last: a search looks at so many
   *  entries at a time. */
  readonly next?: string;
  /** The node that this comes from, where the one that was asked has no copies of all logs. */
  readonly from?: string;
  /** Nodes whose newest entries may be missing, because they cannot be reached. */
  readonly unanswered?: readonly string[];
}

/** Which nodes may be trusted with shards, by what the audits of all nodes have shown. Pure.
 *
 *      joined ─► new ──(an audit passed)──► probation ──(a day, and so many audits of several nodes)──► trusted
 *                                               ▲                                                          │
 *                                               └──(it answers well again)── suspect ◄──(it does not)──────┘
 *
 *  What one node says of another is its word alone: so many count that one that lies can neither make a node trusted
 *  nor suspect, unless there are no others. */
import type { TrustState } from "../../../protocols/index.ts";
import type { TrustRow } from "../facts/records.ts";
import type { NodeId } from "../../ports/index.ts";
import type { PlacementLimits } from "./limits.ts";

/** What the audits of one node have shown of another. */
export interface Opinion {
  readonly by: NodeId;
  readonly passed: number;
  readonly failed: number;
  /** Which part of the time it gave what it should: 0 to 1. */
  readonly honesty: number;
}

type Limits = Pick<PlacementLimits, "probationMs" | "probationAudits" | "trustFoundingMs" | "trustFoundersMin">;

/** Below this half of those that asked it must find it to be suspected. */
const suspectBelow = 0.85;
/** Above this it is suspected no longer. */
const restoredAbove = 0.95;
/** Of fewer answers nothing bad follows: one that rotted is made anew. */
const answersMin = 4;

/** What counts of what is said: nobody's word for more than half of what is needed, where others could speak. */
export function passedOf(opinions: readonly Opinion[], needed: number): number {
  const most = opinions.length > 1 ? Math.ceil(needed / 2) : needed;
  return opinions.reduce((sum, { passed }) => sum + Math.min(most, passed), 0);
}

/** What is to be written down of a node; undefined: it stands as it is. `rows`: of all nodes, by the same members. */
export function nextTrust(
  name: NodeId,
  known: TrustRow | undefined,
  {
    opinions,
    rows,
    nowMs,
  }: { readonly opinions: readonly Opinion[]; readonly rows: readonly TrustRow[]; readonly nowMs: number },
  limits: Limits,
): TrustRow | undefined {
  const to = (state: TrustState): TrustRow => ({ name, state, sinceMs: nowMs });
  if (known === undefined) return to(isFounder(rows, nowMs, limits) ? "trusted" : "new");
  const asked = opinions.filter(({ passed, failed }) => passed + failed >= answersMin);
  const against = asked.filter(({ honesty }) => honesty < suspectBelow).length;
  const doubting = asked.filter(({ honesty }) => honesty < restoredAbove).length;
  const { state, sinceMs } = known;
  if (state !== "suspect" && asked.length > 0 && 2 * against >= asked.length) return to("suspect");
  if (state === "suspect") return asked.length > 0 && 2 * doubting < asked.length ? to("probation") : undefined;
  const passed = passedOf(opinions, limits.probationAudits);
  if (state === "new" && passed > 0) return { ...to("probation"), sinceMs };
  const isOver = nowMs - sinceMs >= limits.probationMs && passed >= limits.probationAudits;
  return state === "probation" && isOver ? to("trusted") : undefined;
}

/** A node that is there when the cluster begins to keep shards has none before it that could be trusted more; nor has a
 *  node that comes where there are too few. */
function isFounder(rows: readonly TrustRow[], nowMs: number, { trustFoundingMs, trustFoundersMin }: Limits): boolean {
  const trusted = rows.filter(({ state }) => state === "trusted");
  const beganMs = Math.min(...rows.map(({ sinceMs }) => sinceMs), nowMs);
  return trusted.length < trustFoundersMin || nowMs - beganMs < trustFoundingMs;
}

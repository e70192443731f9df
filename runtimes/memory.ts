/** Which models leave memory when another one comes. Pure. */
import { runtimeLimits } from "./limits.ts";

/** A model that takes memory: it is in it, on its way in, or on its way out. */
export interface Tenant {
  readonly name: string;
  readonly bytes: number;
  /** It does not leave for another model's sake. */
  readonly pinned: boolean;
  /** It is on its way out: its room comes by itself. */
  readonly leaving: boolean;
  /** Calls that run or wait. */
  readonly calls: number;
  /** When its last call ended, or it came into memory. */
  readonly usedMs: number;
  /** When it came into memory; undefined while it is on its way in: it stays. */
  readonly loadedMs: number | undefined;
  readonly loadTookMs: number;
}

/** How room is made for a model. */
export type Room =
  | { readonly type: "free" }
  /** These have to leave: those at rest at once, the others when what they run has ended. */
  | { readonly type: "unload"; readonly models: readonly string[] }
  /** Room comes by itself, at the latest then; undefined: when something in memory changes. */
  | { readonly type: "wait"; readonly untilMs: number | undefined }
  /** It does not fit beside what is pinned, or at all. */
  | { readonly type: "never"; readonly mostBytes: number };

/** Until when a model is not to be unloaded for another one: otherwise two that do not fit together would only be loaded. */
export const staysUntilMs = ({ loadedMs, loadTookMs }: Pick<Tenant, "loadedMs" | "loadTookMs">): number =>
  loadedMs === undefined
    ? Infinity
    : loadedMs + Math.min(Math.max(loadTookMs, runtimeLimits.residencyMsMin), runtimeLimits.residencyMsMax);

/** Makes room for `needBytes`. The least recently used of those at rest leave; if they are not enough, those with calls that have
 *  been in memory for longest. Nobody leaves unless that makes the room. */
export function whatToUnload(
  tenants: readonly Tenant[],
  {
    needBytes,
    budgetBytes,
    nowMs,
  }: { readonly needBytes: number; readonly budgetBytes: number; readonly nowMs: number },
): Room {
  const taken = sum(tenants);
  if (taken + needBytes <= budgetBytes) return { type: "free" };
  const mostBytes = budgetBytes - sum(tenants.filter(({ pinned, leaving }) => pinned && !leaving));
  if (needBytes > mostBytes) return { type: "never", mostBytes: Math.max(0, mostBytes) };
  const missing = taken + needBytes - budgetBytes - sum(tenants.filter(({ leaving }) => leaving));
  if (missing <= 0) return { type: "wait", untilMs: undefined };

  const movable = tenants.filter(({ pinned, leaving }) => !pinned && !leaving);
  const order = movable.filter((one) => staysUntilMs(one) <= nowMs).toSorted(leavesFirst);
  const chosen: Tenant[] = [];
  for (const one of order) {
    if (sum(chosen) >= missing) break;
    chosen.push(one);
  }
  if (sum(chosen) < missing) {
    const untilMs = Math.min(...movable.map(staysUntilMs).filter((atMs) => atMs > nowMs));
    return { type: "wait", untilMs: untilMs === Infinity ? undefined : untilMs };
  }
  // A large one that was chosen last may make a smaller one unnecessary; those used last are spared first.
  for (const one of [...chosen].toReversed()) {
    const without = chosen.filter((other) => other !== one);
    if (sum(without) >= missing) chosen.splice(0, chosen.length, ...without);
  }
  return { type: "unload", models: chosen.map(({ name }) => name) };
}

function leavesFirst(one: Tenant, other: Tenant): number {
  if (one.calls === 0 || other.calls === 0)
    return Number(one.calls > 0) - Number(other.calls > 0) || one.usedMs - other.usedMs;
  return (one.loadedMs ?? 0) - (other.loadedMs ?? 0);
}

const sum = (tenants: readonly Tenant[]): number => tenants.reduce((all, { bytes }) => all + bytes, 0);

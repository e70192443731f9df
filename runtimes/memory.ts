/** Which models leave memory when another one comes. Pure. */
import { runtimeLimits } from "./limits.ts";

/** What is taken of memory. */
export interface Taken {
  /** By it alone. */
  readonly bytes: number;
  /** Files that are mapped: those of the same file have it in memory once. */
  readonly shares?: readonly { readonly file: string; readonly bytes: number }[];
}

/** What these take together: a file that several have mapped is there once. */
export function takenBy(all: readonly Taken[]): number {
  const files = new Map<string, number>();
  for (const { shares = [] } of all)
    for (const { file, bytes } of shares) files.set(file, Math.max(files.get(file) ?? 0, bytes));
  return [...all.map(({ bytes }) => bytes), ...files.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** A model that takes memory: it is in it, on its way in, or on its way out. */
export interface Tenant extends Taken {
  readonly name: string;
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

/** Until when a model is not to be unloaded for another one: otherwise two that do not fit together would only be
 *  loaded. */
export const staysUntilMs = ({ loadedMs, loadTookMs }: Pick<Tenant, "loadedMs" | "loadTookMs">): number =>
  loadedMs === undefined
    ? Infinity
    : loadedMs + Math.min(Math.max(loadTookMs, runtimeLimits.residencyMsMin), runtimeLimits.residencyMsMax);

/** Makes room for what is needed. The least recently used of those at rest leave; if they are not enough, those with
 *  calls that have been in memory for longest. Nobody leaves unless that makes the room. */
export function whatToUnload(
  tenants: readonly Tenant[],
  { need, budgetBytes, nowMs }: { readonly need: Taken; readonly budgetBytes: number; readonly nowMs: number },
): Room {
  const fitsBeside = (others: readonly Tenant[]): boolean => takenBy([...others, need]) <= budgetBytes;
  if (fitsBeside(tenants)) return { type: "free" };
  const fixed = tenants.filter(({ pinned, leaving }) => pinned && !leaving);
  // What it shares with them is there already, and not missing.
  const mostBytes = budgetBytes - (takenBy([...fixed, need]) - takenBy([need]));
  if (!fitsBeside(fixed)) return { type: "never", mostBytes: Math.max(0, mostBytes) };
  const staying = tenants.filter(({ leaving }) => !leaving);
  if (fitsBeside(staying)) return { type: "wait", untilMs: undefined };

  const movable = staying.filter(({ pinned }) => !pinned);
  const order = movable.filter((one) => staysUntilMs(one) <= nowMs).toSorted(leavesFirst);
  const chosen = new Set<Tenant>();
  const isEnough = (some: ReadonlySet<Tenant>): boolean => fitsBeside(staying.filter((one) => !some.has(one)));
  for (const one of order) {
    if (isEnough(chosen)) break;
    chosen.add(one);
  }
  if (!isEnough(chosen)) {
    const untilMs = Math.min(...movable.map(staysUntilMs).filter((atMs) => atMs > nowMs));
    return { type: "wait", untilMs: untilMs === Infinity ? undefined : untilMs };
  }
  // A large one that was chosen last may make a smaller one unnecessary; those used last are spared first.
  for (const one of [...chosen].toReversed()) {
    chosen.delete(one);
    if (!isEnough(chosen)) chosen.add(one);
  }
  return { type: "unload", models: order.filter((one) => chosen.has(one)).map(({ name }) => name) };
}

function leavesFirst(one: Tenant, other: Tenant): number {
  if (one.calls === 0 || other.calls === 0)
    return Number(one.calls > 0) - Number(other.calls > 0) || one.usedMs - other.usedMs;
  return (one.loadedMs ?? 0) - (other.loadedMs ?? 0);
}

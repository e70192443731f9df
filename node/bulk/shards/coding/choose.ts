/** Which holders get the shards of a stripe, and which group a stripe: weighted rendezvous hashing.
 *
 *  Each holder draws a number for the stripe, from a hash, so that every node computes the same; the higher its weight,
 *  the higher the number (Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005: weight / −ln of a
 *  uniform draw). The highest are taken. So each gets stripes in proportion to its weight, and a holder that comes or
 *  goes changes only what it gets or had.
 *
 *  Shards of a stripe are on distinct nodes, and no zone has more of them than it must. A node without a zone is alone
 *  in its own. */
import { assert, failure, hash32, ok, refused, type Result, type Scheme } from "../../../../protocols/index.ts";
import type { NodeId } from "../../../ports/index.ts";
import { countsOf, enoughOf, widthOf } from "./scheme.ts";

/** A holder that may get a shard. */
export interface Candidate {
  /** Its number in the group. */
  readonly index: number;
  /** Where it is now. */
  readonly node: NodeId;
  readonly zone?: string | undefined;
  /** Which part of the time it has answered well: 0 to 1. One with 0 gets nothing. */
  readonly reliability: number;
  readonly freeBytes: number;
  /** False: its node is on probation. Of one stripe at most one such holder gets a shard, and only one that the
   *  acknowledgement does not need. */
  readonly isTrusted?: boolean;
}

const hashes = 2 ** 32;

/** What somebody draws for a stripe. Of those that weigh nothing none is taken. */
function draw(name: string, stripe: string, weight: number): number {
  if (!(weight > 0)) return 0;
  return weight / -Math.log((hash32(`${stripe}/${name}`) + 0.5) / hashes);
}

/** The names with the highest draws first; none that weighs nothing. */
function ranked<T>(all: readonly T[], stripe: string, of: (each: T) => { name: string; weight: number }): readonly T[] {
  return all
    .map((each) => ({ each, name: of(each).name, drawn: draw(of(each).name, stripe, of(each).weight) }))
    .filter(({ drawn }) => drawn > 0)
    .sort((a, b) => b.drawn - a.drawn || (a.name < b.name ? -1 : 1))
    .map(({ each }) => each);
}

const zoneOf = ({ node, zone }: Pick<Candidate, "node" | "zone">): string => zone ?? `=${node}`;

/** The fewest shards that some zone must have. */
function zoneShardsMax(zoneNodes: ReadonlyMap<string, number>, width: number): number {
  for (let most = 1; ; most += 1) {
    assert(most <= width, "there are as many nodes as shards");
    let places = 0;
    for (const nodes of zoneNodes.values()) places += Math.min(nodes, most);
    if (places >= width) return most;
  }
}

/** The holders of a stripe's shards, in the order of the code. Error: HOLDERS_TOO_FEW. */
export function chooseHolders(
  stripe: string,
  { scheme, shardBytes }: { readonly scheme: Scheme; readonly shardBytes: number },
  candidates: readonly Candidate[],
): Result<readonly Candidate[]> {
  const width = widthOf(scheme);
  const fit = candidates.filter(({ freeBytes }) => freeBytes >= shardBytes);
  const order = ranked(fit, stripe, ({ index, reliability, freeBytes }) => ({
    name: String(index),
    weight: reliability * freeBytes,
  }));
  // Of two holders on one node the better one.
  const alone = order.filter(({ node }, at) => order.findIndex((other) => other.node === node) === at);
  const onProbation = alone.filter(({ isTrusted = true }) => !isTrusted).slice(0, width > enoughOf(scheme) ? 1 : 0);
  const apart = alone.filter((each) => (each.isTrusted ?? true) || onProbation.includes(each));
  if (apart.length < width) return refused(failure("HOLDERS_TOO_FEW", { holders: apart.length, needed: width }));
  const zoneNodes = new Map<string, number>();
  for (const each of apart) zoneNodes.set(zoneOf(each), (zoneNodes.get(zoneOf(each)) ?? 0) + 1);
  const most = zoneShardsMax(zoneNodes, width);
  const taken = new Map<string, number>();
  const chosen: Candidate[] = [];
  for (const each of apart) {
    const inZone = taken.get(zoneOf(each)) ?? 0;
    if (chosen.length === width || inZone >= most) continue;
    taken.set(zoneOf(each), inZone + 1);
    chosen.push(each);
  }
  assert(chosen.length === width, "zones have as many places as were counted");
  return ok(chosen);
}

/** Whether a stripe survives the loss of any one zone that has shards of it. */
export function survivesZone(scheme: Scheme, holders: readonly Pick<Candidate, "node" | "zone">[]): boolean {
  const counts = new Map<string, number>();
  for (const holder of holders) counts.set(zoneOf(holder), (counts.get(zoneOf(holder)) ?? 0) + 1);
  return Math.max(0, ...counts.values()) <= countsOf(scheme).m;
}

/** The groups for a stripe, the first choice first. One without room is none. */
export const rankGroups = <T extends { readonly name: string; readonly freeBytes: number }>(
  stripe: string,
  groups: readonly T[],
): readonly T[] => ranked(groups, stripe, ({ name, freeBytes }) => ({ name, weight: freeBytes }));

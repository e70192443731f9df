/** Which node keeps which wanted model: a pure function of the row and of what members advertise. Every node computes
 *  the same and does its own share, so nobody has to be asked.
 *
 *      candidates: role ai, not draining, there, labels match
 *      those that have it first, then by rendezvous hashing of (model, node): the first `nodes` of them keep it
 *
 *  A node never removes a model by itself: too many copies are a waste, a lost one is an outage. */
import { hash32, type WantedModel } from "../../../protocols/index.ts";
import type { MemberRecord, NodeId } from "../../ports/index.ts";

/** A member as the plan sees it. */
export interface Keeper {
  readonly member: Pick<MemberRecord, "node" | "roles" | "labels" | "state">;
  /** It is up, or has not been down for long. */
  readonly there: boolean;
  readonly up: boolean;
  /** Models that it has. */
  readonly has: ReadonlySet<string>;
}

/** Where a wanted model should be. */
export interface Placed {
  readonly wanted: WantedModel;
  /** In order: the first that lacks it pulls it from its source, the others from that node. */
  readonly nodes: readonly NodeId[];
  /** There are fewer nodes that may keep it than are wanted. */
  readonly short: number;
}

/** What a node should do for one model now. */
export interface Task {
  readonly wanted: WantedModel;
  /** `wait`: another node fetches it first, so that the source is asked once. */
  readonly from: "source" | "cluster" | "wait";
}

const mayKeep = ({ member, there }: Keeper, { labels = {} }: WantedModel): boolean =>
  there &&
  member.roles.includes("ai") &&
  member.state === "active" &&
  Object.entries(labels).every(([name, value]) => member.labels[name] === value);

/** Places every wanted model. */
export function placeWanted(wanted: readonly WantedModel[], keepers: readonly Keeper[]): readonly Placed[] {
  return wanted.map((one) => {
    const candidates = keepers
      .filter((keeper) => mayKeep(keeper, one))
      .map((keeper) => ({ keeper, weight: hash32(`${one.name}\n${keeper.member.node}`) }))
      .toSorted(
        (first, second) =>
          Number(second.keeper.has.has(one.name)) - Number(first.keeper.has.has(one.name)) ||
          second.weight - first.weight ||
          (first.keeper.member.node < second.keeper.member.node ? -1 : 1),
      );
    const nodes = candidates.slice(0, one.nodes).map(({ keeper }) => keeper.member.node);
    return { wanted: one, nodes, short: one.nodes - nodes.length };
  });
}

/** What `self` should pull. */
export function planWanted(wanted: readonly WantedModel[], keepers: readonly Keeper[], self: NodeId): readonly Task[] {
  const own = keepers.find(({ member }) => member.node === self);
  return placeWanted(wanted, keepers).flatMap(({ wanted: one, nodes }): readonly Task[] => {
    if (own === undefined || own.has.has(one.name) || !nodes.includes(self)) return [];
    const isThere = keepers.some(({ up, has, member }) => up && member.node !== self && has.has(one.name));
    const first = nodes.find((node) => !keepers.some(({ member, has }) => member.node === node && has.has(one.name)));
    return [{ wanted: one, from: isThere ? "cluster" : first === self ? "source" : "wait" }];
  });
}

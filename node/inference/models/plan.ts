/** Which node keeps which wanted model: a pure function of the row and of what members advertise. Every node computes
 *  the same and does its own share, so nobody has to be asked.
 *
 *      candidates: role ai, not draining, there, labels match
 *      those that have it first, then by rendezvous hashing of (model, node): the first `nodes` of them keep it
 *
 *  A node never removes a model by itself: too many copies are a waste, a lost one is an outage. */
import { hash32, type StoredModel, type WantedModel } from "../../../protocols/index.ts";
import type { StripedModel } from "../../cluster/facts/striped-models.ts";
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
interface Placed {
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

/** What `self` should pull. `striped`: names of models that can be had from the storage nodes. */
export function planWanted(
  wanted: readonly WantedModel[],
  keepers: readonly Keeper[],
  { self, striped }: { readonly self: NodeId; readonly striped: ReadonlySet<string> },
): readonly Task[] {
  const own = keepers.find(({ member }) => member.node === self);
  return placeWanted(wanted, keepers).flatMap(({ wanted: one, nodes }): readonly Task[] => {
    if (own === undefined || own.has.has(one.name) || !nodes.includes(self)) return [];
    const isCopied = keepers.some(({ up, has, member }) => up && member.node !== self && has.has(one.name));
    const first = nodes.find((node) => !keepers.some(({ member, has }) => member.node === node && has.has(one.name)));
    const isThere = isCopied || striped.has(one.name);
    return [{ wanted: one, from: isThere ? "cluster" : first === self ? "source" : "wait" }];
  });
}

/** What `self` should do for models in stripes now. `place`: after those before it in line have had their time; they
 *  may know nothing of it, or have no luck. */
export type StripesTask = { readonly place: number } & (
  | { readonly type: "put"; readonly model: Own }
  /** It can be had from there, and not every holder was seen to keep its shards. */
  | { readonly type: "settle"; readonly row: StripedModel }
  /** It is there, and this node has one of its name, which could take its place if it is lost there. */
  | { readonly type: "check"; readonly row: StripedModel; readonly model: Own }
  | { readonly type: "drop"; readonly row: StripedModel; readonly because: "unwanted" | "replaced" | "left" }
);

/** A model on this node's disk. */
type Own = Pick<StoredModel, "name" | "digest" | "addedAtMs">;

/** The order of some nodes for a task: the same at every node. */
const lineFor = (task: string, nodes: readonly NodeId[]): readonly NodeId[] =>
  nodes.toSorted((one, other) => hash32(`${task}\n${other}`) - hash32(`${task}\n${one}`) || (one < other ? -1 : 1));

/** Of two of one name the one that was pulled later is newer. */
const isNewer = (one: Pick<StripedModel, "addedAtMs" | "name">, than: StripedModel): boolean =>
  one.addedAtMs > than.addedAtMs || (one.addedAtMs === than.addedAtMs && one.name > than.name);

/** Who brings which model into stripes, and takes out what nobody wants there any more. One node that is up and has the
 *  model puts it; any one that is up takes it out. */
export function planStripes(
  { wanted, rows }: { readonly wanted: readonly WantedModel[]; readonly rows: readonly StripedModel[] },
  keepers: readonly Keeper[],
  { self, own }: { readonly self: NodeId; readonly own: readonly Own[] },
): readonly StripesTask[] {
  const up = keepers.filter((keeper) => keeper.up);
  const kept = wanted.filter(({ keep }) => keep === "stripes");
  const newestOf = (model: string): StripedModel | undefined =>
    rows
      .filter((row) => row.model === model && row.index !== undefined)
      .toSorted((one, other) => (isNewer(one, other) ? -1 : 1))[0];
  const nodes = up.map(({ member }) => member.node);
  const placeFor = (task: string): number => lineFor(task, nodes).indexOf(self);
  /** It was on its way, and its node is gone or does not have it any more. */
  const isLeftBehind = ({ name, by }: StripedModel): boolean =>
    by === self ? !own.some(({ digest }) => digest === name) : !nodes.includes(by);
  const tasks = kept.flatMap(({ name }): readonly StripesTask[] => {
    const model = own.find((one) => one.name === name);
    const row = newestOf(name);
    const there = rows.find((one) => one.name === model?.digest && one.index !== undefined);
    if (model !== undefined && !there && (row === undefined || isNewer({ ...model, name: model.digest }, row))) {
      const having = up.filter(({ has, member }) => has.has(name) || member.node === self);
      return [
        {
          type: "put",
          model,
          place: lineFor(
            name,
            having.map(({ member }) => member.node),
          ).indexOf(self),
        },
      ];
    }
    if (row === undefined) return [];
    const settle: StripesTask[] = row.whole === true ? [] : [{ type: "settle", row, place: placeFor(name) }];
    return model === undefined ? settle : [...settle, { type: "check", row, model, place: 0 }];
  });
  const drops = rows.flatMap((row): readonly StripesTask[] => {
    const newest = newestOf(row.model);
    const drop = { type: "drop", row, place: placeFor(row.name) } as const;
    if (!kept.some(({ name }) => name === row.model)) return [{ ...drop, because: "unwanted" }];
    if (newest?.whole === true && isNewer(newest, row)) return [{ ...drop, because: "replaced" }];
    if (row.index !== undefined || !isLeftBehind(row)) return [];
    // Another node may come back soon enough.
    return [{ ...drop, because: "left", place: row.by === self ? 0 : 1 + drop.place }];
  });
  return [...tasks, ...drops];
}

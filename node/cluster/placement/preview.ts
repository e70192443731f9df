/** What would follow if nodes came or went, or had other weights or roles, or slots had other numbers of copies. Pure:
 *  the planner itself is asked, until it has nothing more to change, once for the cluster as it is and once for the
 *  cluster as it would be; the difference is the answer.
 *
 *  What is on its way counts as there. Actors that are hot now move or not by how they are then, so they are left
 *  out. */
import {
  ok,
  failure,
  refused,
  type ClusterPlan,
  type PlanFault,
  type PlannedMove,
  type PlannedNode,
  type Result,
  type Role,
  type SlotId,
  type SupposedChange,
} from "../../../protocols/index.ts";
import type { NodeId, SlotRecord } from "../../ports/index.ts";
import { roleOf } from "../facts/slot-table.ts";
import { Candidates, zoneOf, type Candidate, type PlanInput } from "./candidates.ts";
import { placesOf } from "./groups.ts";
import type { Change } from "./motion.ts";
import { changed, plan } from "./plan.ts";
import { groupOf } from "./spread.ts";

/** A member, as far as this looks at it. */
export type PreviewMember = Candidate & { readonly name: string; readonly models: readonly string[] };

/** The cluster as it is. */
export interface PreviewInput extends Omit<PlanInput, "members" | "balance" | "holders"> {
  readonly members: readonly PreviewMember[];
  /** Widths of the groups of shard-holders that take new stripes. */
  readonly groups: readonly number[];
  /** How many keep the directory together, and should; undefined: they are no nodes of this cluster. */
  readonly voters?: { readonly now: number; readonly wanted: number } | undefined;
  /** Slots on their way. */
  readonly moving: number;
}

/** The cluster once everything that the planner wants has come about. Bounded: each round moves a slot at least, and
 *  there are not so many rounds. */
export function settled(input: PreviewInput): readonly SlotRecord[] {
  const { limits, load } = input;
  // Nothing is gained by small steps where nothing is copied.
  const wide = {
    ...limits,
    motionSlotsMax: Infinity,
    motionNodeMax: Infinity,
    balanceMovesMax: limits.previewMovesMax,
  };
  const facts = { ...input, limits: wide, balance: true, ...(load && { load: { slots: load.slots, actors: [] } }) };
  const holderBytes = input.holderBytes ?? shareOf(input);
  let { shards } = input;
  // What waits for an owner that is down stays where it is.
  let slots: readonly SlotRecord[] = input.slots.map((record) =>
    input.up.has(record.owner) ? arrived(record) : record,
  );
  for (let round = 0; round < limits.previewRoundsMax; round += 1) {
    const holders = slots.filter(({ slot }) => groupOf(slot) !== undefined);
    const changes = new Map(
      plan({ ...facts, slots, holders, holderBytes, ...(shards && { shards }) }).changes.flatMap((one) =>
        one.type === "pin" ? [] : [[one.slot, one] as const],
      ),
    );
    if (changes.size === 0) break;
    shards = shards && carried(shards, holders, { changes, holderBytes });
    slots = slots.map((record) => {
      const change = changes.get(record.slot);
      return change === undefined ? record : arrived(changed(record, change));
    });
  }
  return slots;
}

const homeOf = ({ home, owner }: SlotRecord): NodeId => home ?? owner;

/** What each holder takes where only its node has said something: as much as the others there. */
function shareOf({ slots, shards }: PreviewInput): ReadonlyMap<SlotId, number> {
  const atHome = Map.groupBy(
    slots.filter(({ slot }) => groupOf(slot) !== undefined),
    homeOf,
  );
  return new Map(
    [...atHome].flatMap(([node, records]) => {
      const usedBytes = shards?.get(node)?.usedBytes;
      return usedBytes === undefined ? [] : records.map(({ slot }) => [slot, usedBytes / records.length] as const);
    }),
  );
}

/** What nodes have once the bytes of holders that have another home are there. */
function carried(
  shards: NonNullable<PreviewInput["shards"]>,
  holders: readonly SlotRecord[],
  by: {
    readonly changes: ReadonlyMap<SlotId, Exclude<Change, { type: "pin" }>>;
    readonly holderBytes: ReadonlyMap<SlotId, number>;
  },
): NonNullable<PreviewInput["shards"]> {
  const next = new Map(shards);
  const add = (node: NodeId, moreBytes: number): void => {
    const { usedBytes, roomBytes, ...others } = next.get(node) ?? {};
    next.set(node, {
      ...others,
      ...(usedBytes !== undefined && { usedBytes: usedBytes + moreBytes }),
      ...(roomBytes !== undefined && { roomBytes: roomBytes - moreBytes }),
    });
  };
  for (const record of holders) {
    const bytes = by.holderBytes.get(record.slot);
    const change = by.changes.get(record.slot);
    if (bytes === undefined || change?.type !== "want" || change.home === undefined) continue;
    add(homeOf(record), -bytes);
    add(change.home, bytes);
  }
  return next;
}

/** A slot that is where it should be. */
function arrived({ want, ...record }: SlotRecord): SlotRecord {
  return want === undefined ? record : { ...record, owner: want.owner, inSync: want.replicas, learners: [] };
}

/** The members as they would be. Errors: NOT_FOUND, a node that is none; BAD_REQUEST, it contradicts itself. */
function supposed(
  members: readonly PreviewMember[],
  proposal: SupposedChange,
  find: (text: string) => Result<{ readonly node: NodeId }>,
): Result<readonly PreviewMember[]> {
  const next = new Map(members.map((member) => [member.node, member]));
  const change = (text: string, to: Partial<PreviewMember>): Result<unknown> => {
    const found = find(text);
    if (!found.ok) return found;
    const member = next.get(found.value.node);
    if (member !== undefined) next.set(member.node, { ...member, ...to });
    return ok(null);
  };
  const changes = [
    ...Object.entries(proposal.weights ?? {}).map(([text, weight]) => change(text, { weight })),
    ...Object.entries(proposal.roles ?? {}).map(([text, roles]) => change(text, { roles })),
    ...(proposal.remove ?? []).map((text) => change(text, { state: "draining" })),
  ];
  const refusal = changes.find((one) => !one.ok);
  if (refusal !== undefined && !refusal.ok) return refusal;
  for (const [index, { roles, labels = {}, weight = 1 }] of (proposal.add ?? []).entries())
    next.set(`new-${index + 1}` as NodeId, {
      node: `new-${index + 1}` as NodeId,
      name: newName(index),
      roles,
      labels,
      weight,
      state: "active",
      models: [],
    });
  return ok([...next.values()]);
}

/** What a node is called that is only supposed. */
const newName = (index: number): string => `new ${index + 1}`;

/** What would follow. `find` gives the member with a name or an id. Errors: NOT_FOUND, BAD_REQUEST (a name that several
 *  begin with; nothing is supposed; more copies in sync than copies). */
export function preview(
  input: PreviewInput,
  proposal: SupposedChange,
  find: (text: string) => Result<{ readonly node: NodeId }>,
): Result<ClusterPlan> {
  const then = supposed(input.members, proposal, find);
  if (!then.ok) return then;
  const policy = {
    ...input.policy,
    ...(proposal.replicas && { replicas: proposal.replicas }),
    ...(proposal.minInSync && { minInSync: proposal.minInSync }),
  };
  if (policy.minInSync > policy.replicas)
    return refused(failure("BAD_REQUEST", { reason: "a slot cannot need more copies in sync than it has" }));
  const comes = then.value.slice(input.members.length).map(({ node }) => node);
  const after = { ...input, members: then.value, policy, up: new Set([...input.up, ...comes]) };
  const [was, will] = [settled(input), settled(after)];
  const moves = movesBetween(was, will);
  const names = new Map(then.value.map(({ node, name }) => [node, name]));
  const nameOf = (node: NodeId): string => names.get(node) ?? node;
  return ok({
    nodes: nodesOf({ was, will, moves, input, members: then.value }),
    slots: moves.length,
    copies: moves.reduce((sum, { added }) => sum + added.length, 0),
    atOnce: input.limits.motionSlotsMax,
    moves: moves.slice(0, input.limits.previewShownMax).map(({ slot, from, to, added, dropped }): PlannedMove => ({
      slot,
      from: nameOf(from),
      to: nameOf(to),
      added: added.map(nameOf),
      dropped: dropped.map(nameOf),
    })),
    faults: faultsOf({ input, after, was, will, nameOf }),
    moving: input.moving,
    commands: commandsFor(proposal, then.value, find),
  });
}

interface Move {
  readonly slot: SlotId;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly added: readonly NodeId[];
  readonly dropped: readonly NodeId[];
}

function movesBetween(was: readonly SlotRecord[], will: readonly SlotRecord[]): readonly Move[] {
  const before = new Map(was.map((record) => [record.slot, record]));
  return will.flatMap(({ slot, owner, inSync }) => {
    const old = before.get(slot);
    if (old === undefined) return [];
    const added = inSync.filter((node) => !old.inSync.includes(node));
    const dropped = old.inSync.filter((node) => !inSync.includes(node));
    const isSame = owner === old.owner && added.length === 0 && dropped.length === 0;
    return isSame ? [] : [{ slot, from: old.owner, to: owner, added, dropped }];
  });
}

function nodesOf(at: {
  readonly was: readonly SlotRecord[];
  readonly will: readonly SlotRecord[];
  readonly moves: readonly Move[];
  readonly input: PreviewInput;
  readonly members: readonly PreviewMember[];
}): readonly PlannedNode[] {
  const { was, will, moves, input, members } = at;
  const before = sharesOf(was);
  const after = sharesOf(will);
  const receives = new Map<NodeId, number>();
  for (const { added } of moves) for (const node of added) receives.set(node, (receives.get(node) ?? 0) + 1);
  const old = new Map(input.members.map(({ node, state }) => [node, state]));
  return members
    .map(({ node, name, state }): PlannedNode => {
      const stays = !old.has(node) ? "comes" : state === "draining" && old.get(node) === "active" ? "goes" : "stays";
      return {
        name,
        stays,
        up: stays === "comes" || input.up.has(node),
        before: before.get(node) ?? none,
        after: after.get(node) ?? none,
        receives: receives.get(node) ?? 0,
      };
    })
    .toSorted(
      (one, other) =>
        Number(one.stays === "comes") - Number(other.stays === "comes") || (one.name < other.name ? -1 : 1),
    );
}

const none = { owned: 0, copies: 0 } as const;

function sharesOf(slots: readonly SlotRecord[]): ReadonlyMap<NodeId, PlannedNode["before"]> {
  const shares = new Map<NodeId, { owned: number; copies: number }>();
  for (const { owner, inSync } of slots)
    for (const node of inSync) {
      const share = shares.get(node) ?? { owned: 0, copies: 0 };
      shares.set(node, share);
      if (node === owner) share.owned += 1;
      else share.copies += 1;
    }
  return shares;
}

function faultsOf(at: {
  readonly input: PreviewInput;
  readonly after: PreviewInput;
  readonly was: readonly SlotRecord[];
  readonly will: readonly SlotRecord[];
  readonly nameOf: (node: NodeId) => string;
}): readonly PlanFault[] {
  const { input, after, was, will, nameOf } = at;
  const goes = after.members.filter(
    ({ node, state }) =>
      state === "draining" && input.members.some((one) => one.node === node && one.state === "active"),
  );
  const leaves = new Set(goes.map(({ node }) => node));
  const candidates = new Candidates({ ...after, slots: will, balance: false });
  const faults: PlanFault[] = [];

  const roles = Map.groupBy(will, roleOf);
  for (const [role, slots] of [...roles].toSorted(([one], [other]) => (one < other ? -1 : 1)))
    if (candidates.mayOwnAll(role).length === 0) faults.push({ type: "role", role, slots: slots.length });

  // A node that is down and expected back has its copies still.
  const stays = (record: SlotRecord) => record.inSync.filter((node) => !leaves.has(node));
  const before = new Map(was.map((record) => [record.slot, record]));
  // What is so already is no news.
  const isWorse = (record: SlotRecord, wanted: number, wantedNow: number): boolean =>
    stays(record).length < wanted &&
    (wanted > wantedNow || stays(record).length < (before.get(record.slot)?.inSync.length ?? 0));
  const short = will.filter((record) => isWorse(record, after.policy.replicas, input.policy.replicas));
  if (short.length > 0) {
    const copies = Math.min(...short.map((record) => stays(record).length));
    faults.push({ type: "copies", slots: short.length, copies, wanted: after.policy.replicas });
  }
  const stuck = will.filter((record) => isWorse(record, after.policy.minInSync, input.policy.minInSync));
  if (stuck.length > 0) {
    const copies = Math.min(...stuck.map((record) => stays(record).length));
    faults.push({ type: "writes", slots: stuck.length, copies, needed: after.policy.minInSync });
  }

  const zones = zonesLost(at, (record) => stays(record));
  if (zones !== undefined) faults.push(zones);
  for (const { node } of goes) {
    const kept = will.filter(({ inSync }) => inSync.includes(node)).length;
    if (kept > 0 && input.up.has(node)) faults.push({ type: "kept", node: nameOf(node), slots: kept });
    const alone = was.filter(({ inSync }) => inSync.every((one) => one === node)).length;
    const only = input.up.has(node) ? 0 : alone;
    if (only > 0) faults.push({ type: "only", node: nameOf(node), slots: only });
    if (node === input.directoryNode) faults.push({ type: "keeper", node: nameOf(node) });
  }

  if (input.voters !== undefined) {
    const managers = after.members.filter(
      ({ roles: has, state }) => has.includes("manager") && state === "active",
    ).length;
    const voters = votersAmong(managers, input.voters.wanted);
    const survives = (count: number): number => Math.max(0, Math.floor((count - 1) / 2));
    if (survives(voters) < survives(input.voters.now))
      faults.push({ type: "directory", before: survives(input.voters.now), after: survives(voters) });
  }

  const places = placesOf(after.members);
  const wide = input.groups.filter((width) => width > places && width <= placesOf(input.members));
  if (wide.length > 0) faults.push({ type: "holders", width: Math.max(...wide), nodes: places });

  const served = new Set(
    after.members.flatMap(({ node, models, roles: has }) => (leaves.has(node) || !has.includes("ai") ? [] : models)),
  );
  const models = [...new Set(input.members.flatMap((member) => member.models))].filter((model) => !served.has(model));
  if (models.length > 0) faults.push({ type: "models", models: models.toSorted() });
  return faults;
}

/** An odd number of managers, as many as are wanted at the most. */
const votersAmong = (managers: number, wanted: number): number => {
  const most = Math.min(managers, wanted);
  return most % 2 === 0 ? Math.max(0, most - 1) : most;
};

function zonesLost(
  at: {
    readonly after: PreviewInput;
    readonly was: readonly SlotRecord[];
    readonly will: readonly SlotRecord[];
    readonly input: PreviewInput;
  },
  stays: (record: SlotRecord) => readonly NodeId[],
): PlanFault | undefined {
  const zones = new Map(at.after.members.map((member) => [member.node, zoneOf(member)]));
  const count = (nodes: readonly NodeId[]): number => new Set(nodes.flatMap((node) => zones.get(node) ?? [])).size;
  // Without labels each node is a zone, and there is nothing to say that the number of copies does not.
  if (!at.input.members.some(({ labels }) => labels["zone"] !== undefined)) return undefined;
  const before = new Map(at.was.map((record) => [record.slot, count(record.inSync)]));
  const fewer = at.will
    .map((record) => ({ before: before.get(record.slot) ?? 0, after: count(stays(record)) }))
    .filter((one) => one.after < one.before);
  if (fewer.length === 0) return undefined;
  return {
    type: "zones",
    slots: fewer.length,
    before: Math.max(...fewer.map((one) => one.before)),
    after: Math.min(...fewer.map((one) => one.after)),
  };
}

/** What an admin types for it. */
function commandsFor(
  proposal: SupposedChange,
  members: readonly PreviewMember[],
  find: (text: string) => Result<{ readonly node: NodeId }>,
): readonly string[] {
  const nameOf = (text: string): string => {
    const found = find(text);
    return (found.ok && members.find(({ node }) => node === found.value.node)?.name) || text;
  };
  const roleFlags = (roles: readonly Role[]): string => roles.map((role) => ` --role ${role}`).join("");
  const leaving = (proposal.remove ?? []).map(nameOf).join(" ");
  return [
    ...(proposal.replicas === undefined ? [] : [`plexus config set replicas ${proposal.replicas}`]),
    ...(proposal.minInSync === undefined ? [] : [`plexus config set minInSync ${proposal.minInSync}`]),
    ...(proposal.add ?? []).map(
      ({ roles, labels = {} }) =>
        `plexus invite${roleFlags(roles)}${Object.entries(labels)
          .map(([name, value]) => ` --label ${name}=${value}`)
          .join("")}`,
    ),
    ...Object.entries(proposal.weights ?? {}).map(
      ([text, weight]) => `plexus config set weight ${weight} --node ${nameOf(text)}`,
    ),
    ...Object.entries(proposal.roles ?? {}).map(
      ([text, roles]) => `plexus nodes roles ${nameOf(text)} ${roles.join(",")}`,
    ),
    ...(leaving === "" ? [] : [`plexus nodes drain ${leaving} --wait`, `plexus nodes evict ${leaving}`]),
  ];
}

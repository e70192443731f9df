/** A voter is dead while a majority of the voters is up: that has to suffice for everything. Somebody joins, a slot
 *  moves, the dead one is replaced, and another drains. */
import type { Role } from "../../../protocols/index.ts";
import { votersFor } from "../../../node/cluster/directory/index.ts";
import type { SlotRecord } from "../../../node/ports/index.ts";
import type { World } from "../../world/index.ts";
import type { Machine } from "./machine.ts";
import type { Operator } from "./operator.ts";
import type { ClusterWatch } from "./watch.ts";

/** What a fault has of the cluster it comes to. */
export interface FaultGround {
  readonly world: World;
  readonly watch: ClusterWatch;
  readonly gates: () => readonly Machine[];
  readonly until: (what: string, done: () => boolean | Promise<boolean>) => Promise<void>;
  /** Copies that a write waits for. */
  readonly minInSync: number;
}

const roleOf = ({ slot, splitFrom }: SlotRecord): Role => (splitFrom ?? slot).split("/")[0] as Role;

/** Whether a node with a slot's role has a copy and is up. */
const hasHeir = (record: SlotRecord, up: readonly Machine[]): boolean =>
  up.some((one) => record.inSync.includes(one.node) && one.record.roles.includes(roleOf(record)));

/** Whether all that a node has may be elsewhere: of each of its roles as many others are up as writes need, and each
 *  slot that it has a copy of has an owner or an heir that is up. Else it keeps its copies: a slot is stranded whose
 *  only nodes with its role are down. Who drains it is told. */
export function mayGo(
  { node, record }: Machine,
  { records, up, minInSync }: { records: Iterable<SlotRecord>; up: readonly Machine[]; minInSync: number },
): boolean {
  const held = [...records].filter(({ inSync }) => inSync.includes(node));
  const ofRole = (role: Role): readonly Machine[] => up.filter((one) => one.record.roles.includes(role));
  const roles = new Set(held.map(roleOf));
  return (
    held.every((one) => hasHeir(one, up)) &&
    record.roles.every(
      (role) => !roles.has(role) || ofRole(role).filter((one) => one.node !== node).length >= minInSync,
    )
  );
}

/** Whether as many vote as should, all of them up and with a leader, where some machines do not count. */
export const votersWell =
  (operator: Operator, gates: () => readonly Machine[]) =>
  (without: readonly Machine[]): boolean => {
    const now = operator.voters();
    const up = gates().filter((one) => !without.includes(one));
    return (
      now.leader !== undefined &&
      now.voters.every((voter) => up.some(({ node }) => node === voter)) &&
      now.voters.length === votersFor(3, up.length)
    );
  };

export async function withoutVoter({
  world,
  watch,
  operator,
  gates,
  join,
  until,
  minInSync,
}: FaultGround & {
  readonly operator: Operator;
  /** Lets one more machine in. */
  readonly join: () => Machine;
}): Promise<void> {
  const { dice } = world;
  const votersAreWell = votersWell(operator, gates);
  const { voters, leader } = operator.voters();
  const first = gates().filter(({ node }) => voters.includes(node));
  if (leader === undefined || first.length < 3) return;
  const dead = dice.chance(0.5) ? first.find(({ node }) => node === leader) : dice.pick(first);
  if (dead === undefined) return;
  world.note(() => `${dead.node}, a voter, is dead for a while`);
  dead.kill(dice.chance(0.5));

  const newcomer = join();
  await until("somebody joins while a voter is dead", () => newcomer.ready);

  const movable = [...watch.records.values()].filter((one) => hasHeir(one, gates()));
  const moving = movable[dice.below(movable.length)];
  if (moving === undefined) world.note(() => "no slot can move while a voter is dead");
  else {
    const { slot } = moving;
    const to = dice.pick(gates().filter(({ record }) => record.roles.includes(roleOf(moving))));
    await until("a slot moves while a voter is dead", async () => {
      if (watch.records.get(slot)?.owner === to.node) return true;
      await operator.ask("move", (control) => control.moveSlot(slot, to.node, 2_000));
      return false;
    });
  }

  await until("a dead voter is replaced", () => votersAreWell([dead]));

  const may = { records: [...watch.records.values()], up: gates(), minInSync };
  const voting = gates().filter(({ node }) => operator.voters().voters.includes(node));
  const able = voting.filter((one) => mayGo(one, may));
  const drained = able[dice.below(able.length)];
  if (drained === undefined) world.note(() => "no voter can drain while another is dead");
  else {
    const { node } = drained;
    await until("a voter drains while another node is dead", () =>
      operator.ask(`drain ${node}`, (control) => control.setDraining(node, true)),
    );
    await until("who drains votes no more, and has nothing more", () => {
      const holds = [...watch.records.values()].some(
        ({ inSync, learners }) => inSync.includes(node) || learners.includes(node),
      );
      return !holds && votersAreWell([dead, drained]);
    });
    await until("who drained is back", () =>
      operator.ask(`undrain ${node}`, (control) => control.setDraining(node, false)),
    );
  }
  dead.start();
  await until("who was dead is back", () => dead.ready);
}

/** A voter is dead while a majority of the voters is up: that has to suffice for everything. Somebody joins, a slot
 *  moves, the dead one is replaced, and another drains. */
import type { SlotId } from "../../../protocols/index.ts";
import { votersFor } from "../../../node/cluster/directory/index.ts";
import type { World } from "../../world/index.ts";
import type { Machine } from "./machine.ts";
import type { Operator } from "./operator.ts";
import type { ClusterWatch } from "./watch.ts";

type Until = (what: string, done: () => boolean | Promise<boolean>) => Promise<void>;

export async function withoutVoter({
  world,
  watch,
  operator,
  gates,
  join,
  until,
}: {
  readonly world: World;
  readonly watch: ClusterWatch;
  readonly operator: Operator;
  readonly gates: () => readonly Machine[];
  /** Lets one more machine in. */
  readonly join: () => Machine;
  readonly until: Until;
}): Promise<void> {
  const { dice } = world;
  const { voters, leader } = operator.voters();
  const voting = gates().filter(({ node }) => voters.includes(node));
  if (leader === undefined || voting.length < 3) return;
  const dead = dice.chance(0.5) ? voting.find(({ node }) => node === leader) : dice.pick(voting);
  if (dead === undefined) return;
  world.note(() => `${dead.node}, a voter, is dead for a while`);
  dead.kill(dice.chance(0.5));

  const newcomer = join();
  await until("somebody joins while a voter is dead", () => newcomer.ready);

  const [slot] = dice.pick([...watch.records]);
  const home = watch.records.get(slot)?.splitFrom ?? slot;
  const to = dice.pick(gates().filter(({ record }) => record.roles.some((role) => home.startsWith(`${role}/`))));
  await until("a slot moves while a voter is dead", async () => {
    if (watch.records.get(slot)?.owner === to.node) return true;
    await operator.ask("move", (control) => control.moveSlot(slot as SlotId, to.node, 2_000));
    return false;
  });

  const wellWithout = (without: readonly Machine[]): boolean => {
    const now = operator.voters();
    const up = gates().filter((one) => !without.includes(one));
    return (
      now.leader !== undefined &&
      now.voters.every((voter) => up.some(({ node }) => node === voter)) &&
      now.voters.length === votersFor(3, up.length)
    );
  };
  await until("a dead voter is replaced", () => wellWithout([dead]));

  const drained = dice.pick(gates().filter(({ node }) => operator.voters().voters.includes(node)));
  const { node } = drained;
  await until("a voter drains while another node is dead", () =>
    operator.ask(`drain ${node}`, (control) => control.setDraining(node, true)),
  );
  await until("who drains votes no more, and has nothing more", () => {
    const holds = [...watch.records.values()].some(
      ({ inSync, learners }) => inSync.includes(node) || learners.includes(node),
    );
    return !holds && wellWithout([dead, drained]);
  });
  await until("who drained is back", () =>
    operator.ask(`undrain ${node}`, (control) => control.setDraining(node, false)),
  );
  dead.start();
  await until("who was dead is back", () => dead.ready);
}

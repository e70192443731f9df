/** The directory is full to its last byte while a voter is dead. Its operator can do all that makes it well again: the
 *  dead one is replaced and taken out, another drains, a node starts again, and what is deleted makes room. */
import { failureOf } from "../../../protocols/index.ts";
import type { NodeId } from "../../../node/ports/index.ts";
import type { Machine } from "./machine.ts";
import type { Operator } from "./operator.ts";
import { mayGo, votersWell, type FaultGround } from "./dead-voter.ts";
import type { ClusterWatch } from "./watch.ts";

/** So small that a life fills it; there are some 60,000 bytes of members and slots. */
export const smallDirectory = { rowsBytesMax: 300_000, growthBytesMax: 60_000 };

interface Parts extends FaultGround {
  readonly operator: Operator;
}

export async function withFullDirectory({ world, watch, operator, gates, until, minInSync }: Parts): Promise<void> {
  const { dice } = world;
  const { voters, leader } = operator.voters();
  const voting = gates().filter(({ node }) => voters.includes(node));
  if (leader === undefined || voting.length < 3) return;
  const going = (): Parameters<typeof mayGo>[1] => ({ records: watch.records.values(), up: gates(), minInSync });
  const able = voting.filter((one) => mayGo(one, going()) && hasNoLastCopy(one, watch));
  const dead = able.find(({ node }) => node === leader && dice.chance(0.5)) ?? able[dice.below(able.length)];
  if (dead === undefined) return world.note(() => "no voter can be lost while the directory is full");
  const filled = await fill({ world, gates });
  world.note(() => `the directory is full (${filled} rows), and ${dead.node}, a voter, is lost`);
  dead.kill(true);
  const holds = (node: NodeId): boolean =>
    [...watch.records.values()].some(({ inSync, learners }) => inSync.includes(node) || learners.includes(node));
  const areWell = votersWell(operator, gates);
  await until("a dead voter is replaced while the directory is full", () => areWell([dead]));
  dead.gone = true;
  watch.excused.add(dead.node);
  await until("a dead voter is taken out while the directory is full", async () => {
    await operator.ask(`evict ${dead.node}`, (control) => control.evict(dead.node, false));
    return !watch.members.has(dead.node);
  });
  const left = gates().filter((one) => operator.voters().voters.includes(one.node) && mayGo(one, going()));
  const drained = left[dice.below(left.length)];
  if (drained === undefined) world.note(() => "no voter can drain while the directory is full");
  else {
    const { node } = drained;
    await until("a voter drains while the directory is full", () =>
      operator.ask(`drain ${node}`, (control) => control.setDraining(node, true)),
    );
    await until("who drained has nothing more while the directory is full", () => !holds(node) && areWell([drained]));
    await until("who drained is back while the directory is full", () =>
      operator.ask(`undrain ${node}`, (control) => control.setDraining(node, false)),
    );
    drained.kill(false);
    drained.start();
    await until("a node starts while the directory is full", () => drained.ready);
  }
  await until("there is room again", async () => (await change(gates, "fill/0", undefined)) === "done");
  await until("what is new has room", async () => (await change(gates, "fill/new", "new")) === "done");
}

const hasNoLastCopy = ({ node }: Machine, { records }: ClusterWatch): boolean =>
  [...records.values()].every(({ inSync }) => !inSync.includes(node) || inSync.length > 1);

/** What comes of a change of a row, as it is now, at some node. */
async function change(gates: Parts["gates"], key: string, value: unknown): Promise<string> {
  const directory = gates()[0]?.peer?.directory;
  if (directory === undefined) return "nobody is up";
  try {
    const row = await directory.read(key);
    if (value === undefined && row === undefined) return "done";
    const { applied } = await directory.compareAndSet(key, value, row?.revision ?? 0);
    return applied ? "done" : "not done";
  } catch (error) {
    return failureOf(error).code;
  }
}

/** Fills it with rows until not even the smallest fits. */
async function fill({ world, gates }: Pick<Parts, "world" | "gates">): Promise<number> {
  let [bytes, rows] = [64 * 1024, 0];
  while (bytes >= 1) {
    const said = await change(gates, `fill/${rows}`, "x".repeat(bytes));
    if (said === "done") rows += 1;
    else if (said === "DIRECTORY_FULL") bytes = Math.floor(bytes / 2);
    else await world.sleep(100);
  }
  return rows;
}

/** An etcd uses up its space while a node dies. Each node says why nothing changes, and what to type; who had slots
 *  stays written down as their owner; and once there is room the death is repaired by itself. */
import { failureOf, type ActorId } from "../../../protocols/index.ts";
import { mayGo, type FaultGround } from "./dead-voter.ts";
import type { ExternalEtcd } from "./external-etcd.ts";
import type { Machine } from "./machine.ts";

interface Parts extends FaultGround {
  readonly etcd: ExternalEtcd;
  /** Ledgers whose owner and copies are up. */
  readonly ledgers: readonly ActorId[];
  readonly append: (ledger: ActorId) => Promise<void>;
}

/** Within this each node says it, and within this nobody says it any more. */
const saidMsMax = 5_000;

const sentence =
  /^etcd has used up its space \(alarm NOSPACE\).*etcdctl \S+ compact --physical \d+; etcdctl \S+ defrag && etcdctl \S+ alarm disarm$/;

export async function withFullEtcd(parts: Parts): Promise<void> {
  const { world, watch, etcd, gates, until, minInSync, ledgers, append } = parts;
  const { dice } = world;
  world.note(() => "etcd is full");
  etcd.setFull(true);
  await saysAll(parts, "says why etcd takes no change", async (machine) => sentence.test(await saidBy(machine)));
  await refusesAll(parts);
  const going = new Set(ledgers);
  for (const ledger of ledgers) void append(ledger).then(() => going.delete(ledger));
  await until("placed slots go on while etcd is full", () => going.size === 0);
  // Without a manager nobody takes over, whatever etcd says.
  const able = gates().filter(
    (one) =>
      gates().some((other) => other !== one && other.record.roles.includes("manager")) &&
      [...watch.records.values()].some(({ owner }) => owner === one.node) &&
      mayGo(one, { records: watch.records.values(), up: gates(), minInSync }) &&
      [...watch.records.values()].every(({ inSync }) => !inSync.includes(one.node) || inSync.length > 1),
  );
  const dead = able[dice.below(able.length)];
  if (dead !== undefined) {
    world.note(() => `${dead.node} dies while etcd is full`);
    dead.kill(true);
    await world.sleep(dice.between(0, 4_000));
    await saysAll(parts, "says why nobody takes over", async (machine) => sentence.test(await saidBy(machine)));
  }
  world.note(() => "etcd has room again");
  etcd.setFull(false);
  await until("what the dead had has other owners", () =>
    [...watch.records.values()].every(({ owner }) => owner !== dead?.node),
  );
  await saysAll(parts, "says no more that etcd takes no change", async (machine) => (await saidBy(machine)) === "");
  dead?.start();
  await until("who died is back", () => dead === undefined || dead.ready);
}

/** What a node says in its overview and in its readiness, where both say the same. */
async function saidBy({ peer }: Machine): Promise<string> {
  const summary = await peer?.control.summary();
  const because = summary?.ok === true ? (summary.value.directoryRefuses?.because ?? "") : "?";
  return because === (peer?.directoryRefusal() ?? "") ? because : `${because}, or ${peer?.directoryRefusal()}`;
}

async function saysAll(
  { world, gates, until }: Parts,
  what: string,
  says: (machine: Machine) => Promise<boolean>,
): Promise<void> {
  const sinceMs = world.nowMs;
  let left: string | undefined;
  await until(`each node ${what}`, async () => {
    left = undefined;
    for (const machine of gates()) if (!(await says(machine))) left ??= machine.node;
    return left === undefined || world.nowMs - sinceMs > saidMsMax;
  });
  if (left !== undefined) world.violate("refusal-is-said", `after ${saidMsMax} ms ${left} is not one that ${what}`);
}

/** Each node refuses what an admin asks for with the cause, and as surely not done. */
async function refusesAll({ world, gates }: Parts): Promise<void> {
  for (const { node, peer } of gates()) {
    const answer = await peer?.control.setDraining(node, true).catch((error: unknown) => ({
      ok: false as const,
      error: failureOf(error),
    }));
    if (answer === undefined) continue;
    const error = answer.ok ? undefined : answer.error;
    const { code, outcome, details: { because } = {} } = error ?? { code: "none", outcome: "none" };
    // An answer of etcd that was lost says nothing, and is no refusal.
    if (code === "DIRECTORY_UNAVAILABLE" && String(because).includes("simulated")) continue;
    if (code !== "DIRECTORY_REFUSES" || outcome !== "not_started" || !sentence.test(String(because)))
      world.violate("refusal-is-said", `${node} answers ${JSON.stringify(answer)} while etcd is full`);
  }
}

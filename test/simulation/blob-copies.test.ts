/** Blobs of actors on three nodes that crash, are cut off and change their places: what was acknowledged is at every node of its
 *  slot in the end, whole, can be read from anywhere all the time that somebody can give it, and nothing else is left. */
import { expect } from "chai";
import { createBlobCopies, hashOf, openBlobStore, type BlobCopies } from "../../node/blobs/index.ts";
import { createExchange } from "../../node/exchange/index.ts";
import type { BlobHash, BlobStore, Membership, NodeId, SlotRecord } from "../../node/ports.ts";
import type { SlotTable } from "../../node/cluster/slot-table.ts";
import { failure, ok, refused, type ActorId, type SlotId } from "../../protocols/index.ts";
import { memberRecord } from "../members.ts";
import { quietLog, quietMeter } from "../quiet.ts";
import { Disk, FileDisk, Network, simulatedClock, World, type Pulse } from "../world/index.ts";

const nodes: readonly NodeId[] = ["n1", "n2", "n3"];
const slots: readonly SlotId[] = ["chat/1", "chat/2"];
const actors: readonly ActorId[] = ["user/ada", "user/bob", "user/cyd", "user/dan"];
const slotOf = (actor: ActorId): SlotId => slots[actors.indexOf(actor) % slots.length] as SlotId;
const limits = {
  roundEveryMs: 2_000,
  spreadDelayMs: 50,
  graceMs: 20_000,
  callTimeoutMs: 500,
  keepTimeoutMs: 3_000,
  fetchTimeoutMs: 1_500,
};

interface Machine {
  readonly node: NodeId;
  readonly disk: Disk;
  readonly files: FileDisk;
  pulse: Pulse;
  copies?: BlobCopies | undefined;
  blobs?: BlobStore | undefined;
}

/** The pictures that there are: few, so that several people have the same one. */
const pictures = Array.from({ length: 6 }, (_, number) =>
  Uint8Array.from({ length: 100 + 9_000 * number }, (_byte, at) => (at * (number + 3)) & 0xff),
);

async function simulate(seed: number): Promise<{ acknowledged: number; mended: number }> {
  const world = new World(seed);
  const { dice } = world;
  const network = new Network(world, { breakChance: 0.002 });
  /** What the actors know, which is what their journals keep. */
  const facts = new Map<ActorId, BlobHash>();
  const records = new Map(
    slots.map((slot): [SlotId, SlotRecord] => [
      slot,
      { slot, epoch: 1, owner: "n1", inSync: ["n1", "n2"], learners: [] },
    ]),
  );
  const listeners = new Map<NodeId, (slot: SlotId) => void>();
  const machines = nodes.map((node): Machine => ({
    node,
    disk: new Disk(world),
    files: new FileDisk(world, { syncErrorChance: seed % 4 === 0 ? 0.02 : 0 }),
    pulse: { life: 0, alive: false },
  }));
  const isUp = (node: NodeId): boolean => machines.some((one) => one.node === node && one.pulse.alive);
  const table = {
    get: (slot: SlotId) => ({ record: records.get(slot) as SlotRecord, revision: 1 }),
    current: true,
  };
  let lives = 0;
  let calm = false;
  let [acknowledged, mended] = [0, 0];

  async function start(machine: Machine): Promise<void> {
    lives += 1;
    const pulse: Pulse = { life: lives, alive: true };
    machine.pulse = pulse;
    const clock = simulatedClock(world, { offsetMs: 0 }, pulse);
    const { node } = machine;
    const exchange = createExchange({
      transport: network.attach(node, pulse),
      clock,
      log: quietLog,
      meter: quietMeter,
    });
    const membership: Pick<Membership, "self" | "members" | "isUp" | "onChange"> = {
      self: node,
      members: () => ({ view: 1, members: nodes.map((name) => memberRecord(name)) }),
      isUp,
      onChange: () => () => undefined,
    };
    const meter = {
      ...quietMeter,
      count: (name: string) => {
        if (name === "blobs_damaged") mended += 1;
      },
    };
    machine.blobs = await openBlobStore({ files: machine.files.open(pulse), meter });
    machine.copies = await createBlobCopies({
      node,
      blobs: machine.blobs,
      store: machine.disk.open(pulse),
      exchange,
      table: {
        ...table,
        onChange(listener: (slot: SlotId) => void) {
          listeners.set(node, listener);
          return () => listeners.delete(node);
        },
      } as unknown as SlotTable,
      membership: membership as Membership,
      clock,
      log: quietLog,
      meter,
      slotOf,
      async refersTo(actor) {
        await world.sleep(dice.between(1, 20));
        if (!calm && dice.chance(0.2)) return refused(failure("SLOT_UNAVAILABLE"));
        return ok(facts.get(actor));
      },
      limits,
    });
  }

  function crash(machine: Machine): void {
    if (!machine.pulse.alive) return;
    machine.pulse.alive = false;
    machine.copies = undefined;
    listeners.delete(machine.node);
    network.ended(machine.node, dice.chance(0.5));
    machine.disk.crash(dice.chance(0.5));
    machine.files.crash(dice.chance(0.5));
    world.after(dice.between(200, 3_000), () => void start(machine));
  }

  /** Changes a slot's nodes as replication does: one leaves while another stays, or a learner comes in sync, later. */
  function moveSlot(): void {
    const slot = dice.pick(slots);
    const record = records.get(slot) as SlotRecord;
    const set = (change: Partial<SlotRecord>): void => {
      records.set(slot, { ...(records.get(slot) as SlotRecord), ...change });
      for (const listener of listeners.values()) listener(slot);
    };
    if (record.inSync.length > 1) {
      const leaves = dice.pick(record.inSync);
      const inSync = record.inSync.filter((node) => node !== leaves);
      // Whoever died is left out only by one who lives.
      if (inSync.some(isUp)) set({ inSync, owner: inSync.find(isUp) as NodeId });
      return;
    }
    const comes = dice.pick(nodes.filter((node) => !record.inSync.includes(node)));
    if (!isUp(comes) || record.learners.length > 0) return;
    set({ learners: [comes] });
    world.after(dice.between(20, 1_000), () => {
      const now = records.get(slot) as SlotRecord;
      set(isUp(comes) ? { inSync: [...now.inSync, comes], learners: [] } : { learners: [] });
    });
  }

  async function upload(): Promise<void> {
    const { copies } = dice.pick(machines);
    const actor = dice.pick(actors);
    const bytes = dice.pick(pictures);
    if (copies === undefined) return;
    const done = await copies.put(actor, bytes, async (hash) => {
      await world.sleep(dice.between(1, 30));
      if (dice.chance(0.1)) return refused(failure("SLOT_UNAVAILABLE"));
      facts.set(actor, hash);
      return ok(hash);
    });
    if (!done.ok) return;
    acknowledged += 1;
    expect(done.value).to.equal(hashOf(bytes));
    const record = records.get(slotOf(actor)) as SlotRecord;
    for (const { node, files } of machines.filter((machine) => record.inSync.includes(machine.node)))
      expect(files.isDurable(`${done.value.slice(0, 2)}/${done.value}`), `seed ${seed}: acknowledged, not synced at ${node}`).to.equal(true); // prettier-ignore
  }

  /** Anybody may ask anywhere: what comes is what was put. */
  async function look(): Promise<void> {
    const { copies } = dice.pick(machines);
    const actor = dice.pick(actors);
    const hash = facts.get(actor);
    if (copies === undefined || hash === undefined) return;
    const read = await copies.read(actor, hash);
    if (read.ok) expect(hashOf(read.value)).to.equal(hash);
  }

  const failed: unknown[] = [];
  const run = (work: Promise<void>): void => void work.catch((error: unknown) => failed.push(error));
  const pass = async (forMs: number): Promise<void> => {
    const untilMs = world.nowMs + forMs;
    world.after(forMs, () => undefined);
    await world.run(() => world.nowMs >= untilMs || failed.length > 0, untilMs);
    if (failed.length > 0) throw failed[0];
    expect(world.violations).to.deep.equal([]);
  };

  for (const machine of machines) run(start(machine));
  await pass(500);
  for (let step = 0; step < 120; step += 1) {
    const what = dice.weighted({ upload: 5, look: 3, move: 2, crash: 1, cut: 1, forget: 1, rot: 1 });
    if (what === "upload") run(upload());
    if (what === "look") run(look());
    if (what === "move") moveSlot();
    if (what === "crash") crash(dice.pick(machines));
    if (what === "cut") network.cut(dice.pick(nodes), dice.pick(nodes));
    if (what === "forget") facts.delete(dice.pick(actors));
    if (what === "rot") {
      // One copy of several: the last one cannot be made anew.
      const { files, node } = dice.pick(machines);
      const held = [...facts].filter(([actor]) => (records.get(slotOf(actor)) as SlotRecord).inSync.includes(node));
      const [actor, hash] = held.length > 0 ? dice.pick(held) : [];
      const path = `${hash?.slice(0, 2)}/${hash}`;
      const others = machines.filter((machine) => machine.node !== node && machine.files.isDurable(path));
      if (actor !== undefined && others.length > 0 && others.every((other) => other.files.isSound(path)))
        if (files.isDurable(path)) files.flipBit(path, dice.below(800));
    }
    if (dice.chance(0.2)) network.heal();
    await pass(dice.between(0, 400));
  }

  calm = true;
  network.heal();
  network.weather.breakChance = 0;
  for (const { files } of machines) files.weather.syncErrorChance = 0;
  // Restarts, calls and uploads end; copies are made, then what nobody refers to is older than the grace.
  await pass(10_000);
  await pass(limits.graceMs + 4 * limits.roundEveryMs);
  const wanted = (node: NodeId): readonly string[] =>
    [
      ...new Set(
        [...facts].flatMap(([actor, hash]) => (records.get(slotOf(actor)) as SlotRecord).inSync.includes(node) ? [`${hash.slice(0, 2)}/${hash}`] : []),
      ),
    ].sort(); // prettier-ignore
  for (const { node, files, blobs } of machines) {
    expect(files.paths(), `seed ${seed}: what ${node} has in the end`).to.deep.equal(wanted(node));
    const whole: boolean[] = [];
    for (const path of files.paths())
      run((blobs as BlobStore).check(path.slice(3)).then((good) => void whole.push(good)));
    await pass(1_000);
    expect(whole).to.deep.equal(files.paths().map(() => true));
  }
  for (const [actor, hash] of facts)
    for (const { copies } of machines) {
      let read: string | undefined;
      run(
        (copies as BlobCopies)
          .read(actor, hash)
          .then((found) => void (read = found.ok ? hashOf(found.value) : found.error.code)),
      );
      await pass(3_000);
      expect(read, `seed ${seed}: ${actor}`).to.equal(hash);
    }
  for (const { copies } of machines) copies?.stop();
  return { acknowledged, mended };
}

describe("blobs of actors, simulated", () => {
  it("are where their slots are, whole, and nowhere else, whatever the seed", async () => {
    const sum = { acknowledged: 0, mended: 0 };
    for (let seed = 1; seed <= 15; seed += 1) {
      const { acknowledged, mended } = await simulate(seed);
      sum.acknowledged += acknowledged;
      sum.mended += mended;
    }
    expect(sum.acknowledged).to.be.above(80);
    expect(sum.mended).to.be.above(3);
  }).timeout(120_000);
});

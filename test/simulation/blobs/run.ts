/** Blobs of actors on three nodes that crash, are cut off and change their places: what was acknowledged is at every
 *  node of its slot in the end, whole, can be read from anywhere all the time that somebody can give it, and nothing
 *  else is left. */
import { hashOf, openBlobStore, type BlobCopies } from "../../../node/bulk/blobs/index.ts";
import { createBlobCopies } from "../../../node/bulk/blobs/copies.ts";
import { createExchange } from "../../../node/cluster/exchange/index.ts";
import type { BlobHash, BlobStore, Membership, NodeId, SlotRecord } from "../../../node/ports/index.ts";
import type { SlotTable } from "../../../node/cluster/facts/slot-table.ts";
import { failure, ok, refused, type ActorId, type SlotId } from "../../../protocols/index.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { Disk, FileDisk, Network, simulatedClock, type Pulse, type World } from "../../world/index.ts";
import type { CheckerName } from "../checkers.ts";
import { judge, type SeedOptions, type Simulated, type Verdict } from "../verdict.ts";

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
  // A round has time for some of them alone.
  lookedPerRound: 3,
};

const pathOf = (hash: BlobHash): string => `${hash.slice(0, 2)}/${hash}`;

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

/** Runs one seed. */
export async function runBlobSeed(
  seed: number,
  options: SeedOptions<never> = {},
): Promise<Verdict & { readonly mended: number }> {
  const counts = { lives: 0, replies: 0, faults: 0, mended: 0 };
  const simulated = (world: World): Simulated => Object.assign(counts, { run: () => simulate(world, counts) });
  const verdict = await judge(seed, options, simulated);
  return { ...verdict, mended: counts.mended };
}

interface Counts {
  lives: number;
  /** Uploads that were acknowledged. */
  replies: number;
  faults: number;
  /** Copies that were found damaged. */
  mended: number;
}

/** Thrown where a violation ends a run. */
const over = new Error("an invariant is broken");

async function simulate(world: World, counts: Counts): Promise<void> {
  try {
    await live(world, counts);
  } catch (error) {
    if (error !== over) throw error;
  }
}

async function live(world: World, counts: Counts): Promise<void> {
  const { dice } = world;
  const violate = (checker: CheckerName, detail: string): void => world.violate(checker, detail);
  // In some seeds slots change their places all the time, and cuts last.
  const weights = { upload: 5, look: 3, move: dice.pick([2, 6]), crash: 1, cut: dice.pick([1, 3]), forget: 1, rot: 1 };
  const healChance = dice.pick([0.2, 0.05]);
  const syncErrorChance = dice.chance(0.25) ? 0.02 : 0;
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
    files: new FileDisk(world, { syncErrorChance }),
    pulse: { life: 0, alive: false },
  }));
  const isUp = (node: NodeId): boolean => machines.some((one) => one.node === node && one.pulse.alive);
  const table = {
    get: (slot: SlotId) => ({ record: records.get(slot) as SlotRecord, revision: 1 }),
    current: true,
  };
  let calm = false;

  async function start(machine: Machine): Promise<void> {
    counts.lives += 1;
    const pulse: Pulse = { life: counts.lives, alive: true };
    world.note(() => `${machine.node}: life ${pulse.life} starts`);
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
        if (name === "blobs_damaged") counts.mended += 1;
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
      async refersTo(actor, wanted) {
        await world.sleep(dice.between(1, 20));
        if (!calm && dice.chance(0.2)) return refused(failure("SLOT_UNAVAILABLE"));
        return ok(facts.get(actor) === wanted);
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
      // A slot that is on its way takes its time.
      await world.sleep(dice.chance(0.3) ? dice.between(100, 1_500) : dice.between(1, 30));
      if (dice.chance(0.1)) return refused(failure("SLOT_UNAVAILABLE"));
      facts.set(actor, hash);
      return ok(hash);
    });
    if (!done.ok) return;
    counts.replies += 1;
    world.note(() => `${actor} has ${done.value}`);
    if (done.value !== hashOf(bytes)) violate("blob-kept", `${actor} was told ${done.value} of ${hashOf(bytes)}`);
    const record = records.get(slotOf(actor)) as SlotRecord;
    for (const { node, files } of machines.filter((machine) => record.inSync.includes(machine.node)))
      if (!files.isDurable(pathOf(done.value)))
        violate("blob-kept", `${done.value} of ${actor} is acknowledged and not synced at ${node}`);
  }

  /** Anybody may ask anywhere: what comes is what was put. */
  async function look(): Promise<void> {
    const { copies } = dice.pick(machines);
    const actor = dice.pick(actors);
    const hash = facts.get(actor);
    if (copies === undefined || hash === undefined) return;
    const read = await copies.read(actor, hash);
    if (read.ok && hashOf(read.value) !== hash) violate("blob-kept", `${hash} is read as ${hashOf(read.value)}`);
  }

  const run = (work: Promise<void>): void =>
    void work.catch((thrown: unknown) => violate("no-stray-error", String((thrown as Error).stack ?? thrown)));
  const pass = async (forMs: number): Promise<void> => {
    const untilMs = world.nowMs + forMs;
    world.after(forMs, () => undefined);
    await world.run(() => world.nowMs >= untilMs, untilMs);
    if (world.violations.length > 0) throw over;
  };

  for (const machine of machines) run(start(machine));
  await pass(500);
  for (let step = 0; step < 120; step += 1) {
    const what = dice.weighted(weights);
    if (what !== "upload" && what !== "look") counts.faults += 1;
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
      const path = pathOf(hash ?? "");
      const others = machines.filter((machine) => machine.node !== node && machine.files.isDurable(path));
      if (actor !== undefined && others.length > 0 && others.every((other) => other.files.isSound(path)))
        if (files.isDurable(path)) files.flipBit(path, dice.below(800));
    }
    if (dice.chance(healChance)) network.heal();
    await pass(dice.between(0, 400));
  }

  calm = true;
  network.heal();
  network.weather.breakChance = 0;
  for (const { files } of machines) files.weather.syncErrorChance = 0;
  // Restarts, calls and uploads end; copies are made, then what nobody refers to is older than the grace.
  await pass(10_000);
  await pass(limits.graceMs + 10 * limits.roundEveryMs);
  const wanted = (node: NodeId): readonly string[] => {
    const here = [...facts].filter(([actor]) => (records.get(slotOf(actor)) as SlotRecord).inSync.includes(node));
    return [...new Set(here.map(([, hash]) => pathOf(hash)))].sort();
  };
  for (const { node, files, blobs } of machines) {
    const has = files.paths();
    for (const path of wanted(node)) if (!has.includes(path)) violate("blob-kept", `${node} lacks ${path} in the end`);
    for (const path of has) if (!wanted(node).includes(path)) violate("blob-left", `${node} has ${path} in the end`);
    let checked = 0;
    for (const path of has)
      run(
        (blobs as BlobStore).check(path.slice(3)).then((isWhole) => {
          checked += 1;
          if (!isWhole) violate("blob-kept", `${path} is damaged at ${node} in the end`);
        }),
      );
    await pass(1_000);
    if (checked < has.length) violate("liveness", `${node} checked ${checked} of ${has.length} blobs`);
  }
  for (const [actor, hash] of facts)
    for (const { copies, node } of machines) {
      let read: string | undefined;
      run(
        (copies as BlobCopies)
          .read(actor, hash)
          .then((found) => void (read = found.ok ? hashOf(found.value) : found.error.code)),
      );
      await pass(3_000);
      if (read !== hash) violate("blob-kept", `${hash} of ${actor} is read as ${read} at ${node}`);
    }
  for (const { copies } of machines) copies?.stop();
}

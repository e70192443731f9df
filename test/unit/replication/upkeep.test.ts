import { expect } from "chai";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import type { Meter, SlotRecord } from "../../../node/ports/index.ts";
import { changeSlot } from "../../../node/cluster/facts/records.ts";
import { replicationLimits } from "../../../node/replication/index.ts";
import type { Ownership } from "../../../node/replication/ownership.ts";
import { startUpkeep } from "../../../node/replication/upkeep.ts";
import { watchSlots } from "../../../node/cluster/facts/slot-table.ts";
import { openJournal, type Journal } from "../../../node/storage/index.ts";
import type { SlotId } from "../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { Disk, type Pulse, simulatedClock, World } from "../../world/index.ts";
import { append, draft, openAs, snapshot } from "../storage/fixture.ts";

const rate = 1_000;
const intervalMs = 200;
/** What the disk and the timers of a look take beside the rate. */
const slackMs = 200;

/** One count, and when it was made. */
interface Count {
  readonly name: string;
  readonly by: number;
  readonly atMs: number;
}

/** Copies of some slots on a disk, and their upkeep. No node but this one has a part in it. */
class Fixture {
  readonly world = new World(1);
  readonly disk = new Disk(this.world, { syncMs: 1 });
  readonly counts: Count[] = [];
  readonly damaged: SlotId[] = [];
  stop: () => void = () => undefined;
  journal: Journal | undefined;

  async settle<Value>(promise: Promise<Value>): Promise<Value> {
    let done = false;
    const mark = (): void => void (done = true);
    promise.then(mark, mark);
    await this.until(() => done);
    return promise;
  }

  async until(holds: () => boolean, withinMs = 600_000): Promise<void> {
    await new Promise<void>((resolve) => void setImmediate(resolve));
    const ended = await this.world.run(holds, this.world.nowMs + withinMs);
    if (ended !== "done") throw new Error(`not within ${withinMs} ms: ${ended}`);
  }

  sum(name: string): number {
    return this.counts.reduce((sum, count) => (count.name === name ? sum + count.by : sum), 0);
  }

  /** Bytes of everything that is stored of a slot beside its head. */
  stored(slot: SlotId): number {
    const keys = this.disk.keys().filter((key) => new RegExp(`^(log|snap|side/[a-z]+)/${slot}/`).test(key));
    return keys.reduce((sum, key) => sum + (this.disk.get(key)?.length ?? 0), 0);
  }

  /** Starts with so many entries in each slot, as many records, and a snapshot. */
  async start(slots: readonly SlotId[], owned: (slot: SlotId) => Partial<Ownership> | undefined): Promise<void> {
    const { world, disk } = this;
    const pulse: Pulse = { life: 1, alive: true };
    const clock = simulatedClock(world, { offsetMs: 1_700_000_000_000 }, pulse);
    const store = disk.open(pulse);
    const identity = { cluster: "c", node: "a" };
    const limits = { scanChunksMax: 4 };
    const journal = await this.settle(
      openJournal({ store, clock, log: quietLog, meter: quietMeter, identity, limits }),
    );
    this.journal = journal;
    const directory = createEmbeddedDirectory({ store, clock });
    for (const slot of slots) {
      const record: SlotRecord = { slot, epoch: 1, owner: "a", inSync: ["a"], learners: [] };
      await this.settle(changeSlot(directory, record, 0));
      const log = await this.settle(openAs(journal, slot, 1));
      for (let number = 0; number < 30; number += 1) {
        const side = [{ space: "record" as const, put: `k${number}`, value: "v".repeat(40) }];
        await this.settle(append(log, draft("pad/x", "t".repeat(60), { side })));
      }
      await this.settle(snapshot(log, "pad/x", 30, { text: "s".repeat(200) }));
    }
    const table = watchSlots(directory);
    await this.settle(table.ready());
    const meter: Meter = {
      ...quietMeter,
      count: (name, by = 1) => void this.counts.push({ name, by, atMs: world.nowMs }),
    };
    this.stop = startUpkeep({
      node: "a",
      journal,
      directory,
      table,
      clock,
      random: world.dice,
      log: quietLog,
      meter,
      limits: { ...replicationLimits, upkeepIntervalMs: intervalMs, scrubBytesPerSecond: rate },
      minInSync: () => 1,
      owned: (slot) => owned(slot) as Ownership | undefined,
      damaged: (slot) => void this.damaged.push(slot),
      claims: () => 0,
      discarded: () => undefined,
    });
  }

  rounds(count: number): Promise<void> {
    return this.until(() => this.sum("scrub_rounds") === count);
  }
}

describe("the upkeep of copies", () => {
  const slot: SlotId = "chat/7";
  let fixture: Fixture;
  beforeEach(() => (fixture = new Fixture()));
  afterEach(() => fixture.stop());

  it("reads everything that is stored, counts its bytes, and takes the time that its rate asks for", async () => {
    await fixture.start([slot, "chat/8"], () => undefined);
    const bytes = fixture.stored(slot) + fixture.stored("chat/8");
    const startedMs = fixture.world.nowMs;
    await fixture.rounds(1);
    expect(fixture.sum("scrub_bytes")).to.equal(bytes);
    const neededMs = (bytes * 1_000) / rate;
    const tookMs = fixture.world.nowMs - startedMs;
    expect(tookMs).to.be.within(neededMs, neededMs + 1.5 * intervalMs + 30 * slackMs);
  });

  it("is at no moment ahead of its rate by more than the page it has just read", async () => {
    await fixture.start([slot], () => undefined);
    await fixture.rounds(1);
    const read = fixture.counts.filter(({ name, by }) => name === "scrub_bytes" && by > 0);
    expect(read.length).to.be.greaterThan(10);
    const firstMs = read[0]?.atMs ?? 0;
    let before = 0;
    for (const { by, atMs } of read) {
      expect(before).to.be.at.most(((atMs - firstMs) * rate) / 1_000 + 1e-6);
      before += by;
    }
  });

  it("pauses between rounds for half to one and a half of its interval", async () => {
    await fixture.start([], () => undefined);
    await fixture.rounds(40);
    const ends = fixture.counts.filter(({ name }) => name === "scrub_rounds").map(({ atMs }) => atMs);
    const pauses = ends.slice(1).map((atMs, index) => atMs - (ends[index] ?? 0));
    for (const pauseMs of pauses) expect(pauseMs).to.be.within(intervalMs / 2, 1.5 * intervalMs + 10);
    expect(Math.max(...pauses) - Math.min(...pauses)).to.be.greaterThan(intervalMs / 2);
  });

  it("counts and names a rotten copy, and goes on with the others", async () => {
    await fixture.start([slot, "chat/8"], () => undefined);
    fixture.disk.flipBit(fixture.disk.keys().find((key) => key.startsWith(`snap/${slot}/`)) as string, 77);
    await fixture.rounds(1);
    expect(fixture.damaged).to.deep.equal([slot]);
    expect(fixture.sum("scrub_damage")).to.equal(1);
    expect(fixture.sum("scrub_differences")).to.equal(0);
    expect(fixture.sum("scrub_bytes")).to.be.at.least(fixture.stored("chat/8"));
    await fixture.rounds(2);
    expect(fixture.sum("scrub_damage")).to.equal(2);
  });

  it("compares the copies of what it serves at the same rate, counts those that differ and takes them out", async () => {
    const differing = { node: "b" };
    const marks: number[] = [];
    const distrusted: unknown[] = [];
    const owned = {
      phase: "serving",
      async compareCopies(mark: number, pace: (bytes: number) => Promise<void>) {
        marks.push(mark);
        await pace(5 * rate);
        return [differing];
      },
      distrust: (follower: unknown) => void distrusted.push(follower),
    } as unknown as Ownership;
    await fixture.start([slot], () => owned);
    const startedMs = fixture.world.nowMs;
    await fixture.rounds(2);
    expect(fixture.world.nowMs - startedMs).to.be.at.least(2 * (5_000 + (fixture.stored(slot) * 1_000) / rate));
    expect(fixture.sum("scrub_bytes")).to.equal(2 * (fixture.stored(slot) + 5 * rate));
    expect(fixture.sum("scrub_differences")).to.equal(2);
    expect(distrusted).to.deep.equal([differing, differing]);
    // A mark of its own for each comparison: those of different moments must not be taken for one another.
    expect(marks).to.deep.equal([1, 2]);
  });

  it("compares nothing of a slot that is not served yet, or rotten here", async () => {
    const owned = { phase: "reconciling", compareCopies: () => Promise.reject(new Error("compared")) };
    await fixture.start([slot], () => owned as unknown as Ownership);
    await fixture.rounds(1);
    Object.assign(owned, { phase: "serving" });
    fixture.disk.flipBit(fixture.disk.keys().find((key) => key.startsWith(`log/${slot}/`)) as string, 77);
    await fixture.rounds(2);
    expect(fixture.sum("scrub_damage")).to.equal(1);
  });

  it("reads nothing more once it is stopped, in the middle of a copy too", async () => {
    await fixture.start([slot], () => undefined);
    await fixture.until(() => fixture.sum("scrub_bytes") > 0);
    fixture.stop();
    const read = fixture.sum("scrub_bytes");
    fixture.world.after(60_000, () => undefined);
    const endMs = fixture.world.nowMs + 50_000;
    await fixture.until(() => fixture.world.nowMs >= endMs);
    expect(fixture.sum("scrub_bytes")).to.equal(read);
    expect(fixture.sum("scrub_rounds")).to.equal(0);
  });
});

import { expect } from "chai";
import { type Index } from "../../../node/search/index.ts";
import { indexHere } from "../../../node/search/place.ts";
import { searchLimits } from "../../../node/search/limits.ts";
import { Projection, type CommittedLog, type SlotFeed } from "../../../node/search/projection.ts";
import { IndexLost } from "../../../node/search/worker.ts";
import type { Position } from "../../../node/search/query.ts";
import type { Cut } from "../../../node/storage/index.ts";
import type { SlotId } from "../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { World } from "../../world/index.ts";

describe("search: the index follows the logs", () => {
  const slot = "chat/1" as SlotId;
  let world: World;
  let index: Index;
  let asked: string[];
  const projections: Projection[] = [];

  beforeEach(() => {
    world = new World(1);
    index = indexHere();
    asked = [];
  });
  afterEach(() => Promise.all(projections.splice(0).map((one) => one.stop())));

  const logAt = (seq: number, more: Partial<CommittedLog> = {}): CommittedLog => ({
    epoch: 1,
    seq,
    holds: (at) => at.seq <= seq,
    withoutRecords: () => undefined,
    read: () => Promise.reject(new Error("a damaged chunk")),
    confirm: (done) => done(undefined),
    ...more,
  });
  /** The cut of a log without any records. */
  const emptyCut = (seq: number): Cut =>
    ({
      slot,
      head: { lastEpoch: 1, lastSeq: seq, lastChecksum: 7 },
      view: { range: async () => [], close: async () => undefined },
    }) as unknown as Cut;
  const open = (slots: Omit<SlotFeed, "isElsewhere">, fails: (type: string) => Error | undefined = () => undefined) => {
    const watched: Index = {
      ...index,
      async ask(type, asks) {
        asked.push(type);
        const error = fails(type);
        if (error !== undefined) throw error;
        return index.ask(type, asks);
      },
    };
    const clock = world.clock();
    const projection = new Projection({
      index: watched,
      slots: { ...slots, isElsewhere: () => false },
      clock,
      log: quietLog,
      meter: quietMeter,
    });
    projections.push(projection);
    return projection;
  };
  const stand = async (at: Position): Promise<void> => {
    await index.ask("begin", { slot });
    await index.ask("settle", { slot, at });
  };

  it("waits longer and longer for a log that cannot be read, with one timer", async () => {
    await stand({ epoch: 1, seq: 3, checksum: 7 });
    let reads = 0;
    const read = (): Promise<never> => {
      reads += 1;
      if (reads > 1_000) throw new Error("a hot loop");
      return Promise.reject(new Error("a damaged chunk"));
    };
    const projection = open({ committed: () => logAt(5, { read }), cut: async () => emptyCut(5) });
    projection.wake(slot);
    await world.pass(3_500);
    // At once, after one second and after two more.
    expect(reads).to.equal(3);
    for (let again = 0; again < 20; again += 1) projection.wake(slot);
    await world.pass(100);
    expect(reads).to.equal(3);
    expect(world.pending).to.be.at.most(3);
  });

  it("makes an index that fails anew after waits that grow, also where some slots fit", async () => {
    const slots = ["chat/1", "chat/2", "chat/3", "chat/4", "chat/5", "chat/6"] as SlotId[];
    let settles = 0;
    const fails = (type: string): Error | undefined => {
      if (type !== "settle") return undefined;
      settles += 1;
      return settles % 2 === 0 ? new IndexLost("it fails with every second slot") : undefined;
    };
    const projection = open({ committed: () => logAt(5), cut: async (of) => ({ ...emptyCut(5), slot: of }) }, fails);
    for (const one of slots) projection.wake(one);
    await world.pass(searchLimits.retryMs * 20);
    // After 0, 1, 3, 7 and 15 seconds, four slots at a time.
    expect(settles).to.be.at.most(5 * 4);
  });

  it("passes over entries without records, and reads none of them", async () => {
    await stand({ epoch: 1, seq: 3, checksum: 7 });
    const to = { epoch: 2, seq: 9, checksum: 8 };
    const withoutRecords = (at: Position): Position | undefined => (at.seq === 3 ? to : undefined);
    const projection = open({ committed: () => logAt(9, { withoutRecords }), cut: async () => emptyCut(9) });
    projection.wake(slot);
    await world.pass(searchLimits.feedDelayMs + 1);
    expect(await world.settle(projection.reach(slot, 9, world.clock().monotonicMs() + 500))).to.deep.equal(to);
    expect(asked).to.deep.equal(["open", "pass"]);
    expect((await index.ask("open", {})).get(slot)).to.deep.equal(to);
  });

  it("commits what it passed over soon, also where nothing else happens", async () => {
    await stand({ epoch: 1, seq: 3, checksum: 7 });
    let seq = 3;
    const withoutRecords = (at: Position): Position | undefined =>
      at.seq < seq ? { epoch: 1, seq, checksum: 8 } : undefined;
    const projection = open({ committed: () => logAt(seq, { withoutRecords }), cut: async () => emptyCut(seq) });
    projection.wake(slot);
    // What opening has cleaned is behind it.
    await world.pass(searchLimits.feedDelayMs + searchLimits.cleanAfterMs + 10);
    asked.length = 0;
    seq = 9;
    projection.wake(slot);
    await world.pass(searchLimits.feedDelayMs + searchLimits.cleanAfterMs + 10);
    expect(asked).to.deep.equal(["pass", "clean"]);
  });

  it("does not say that it has a log which went another way", async () => {
    await stand({ epoch: 1, seq: 200, checksum: 9 });
    const projection = open({ committed: () => logAt(150), cut: () => new Promise(() => undefined) });
    // Another slot opens the index, which has positions of all.
    projection.wake("chat/2");
    await world.pass(searchLimits.feedDelayMs + 1);
    const reached = projection.reach(slot, 150, world.clock().monotonicMs() + 500);
    const late = projection.reach(slot, 100, world.clock().monotonicMs() + 500);
    expect(await world.settle(reached)).to.equal(undefined);
    expect(await world.settle(late)).to.equal(undefined);
  });
});

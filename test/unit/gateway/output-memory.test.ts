import { expect } from "chai";
import fc from "fast-check";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { createOutputMemory, type Permit, type Reader } from "../../../node/gateway/edge/output-memory.ts";
import { World } from "../../world/index.ts";

const meter = { count() {}, gauge() {}, observeMs() {} };
const limits = { ...gatewayLimits, outflowPersonBytesMax: 100, outflowBytesMax: 250 };

/** A connection of which the test says what waits in it. */
function createReader(user: string) {
  const reader = {
    user,
    waiting: 0,
    open: true,
    cut() {
      this.open = false;
    },
  };
  return reader satisfies Reader;
}

const settle = () => new Promise<void>((resolve) => void setImmediate(resolve));

describe("gateway: what waits to be read", () => {
  it("gives each person so much room, and what is larger than that when there is nothing else of hers", () => {
    const clock = new World(1).clock();
    const outputMemory = createOutputMemory({ limits, clock, meter });
    const first = outputMemory.tryAdmit("ada", 60);
    expect(first).not.to.equal(undefined);
    expect(outputMemory.tryAdmit("ada", 60)).to.equal(undefined);
    expect(outputMemory.tryAdmit("ada", 40)).not.to.equal(undefined);
    expect(outputMemory.tryAdmit("bob", 60)).not.to.equal(undefined);
    first?.();
    first?.();
    expect(outputMemory.bytes).to.equal(100);
    const other = createOutputMemory({ limits, clock, meter });
    expect(other.tryAdmit("ada", 1_000)).not.to.equal(undefined);
    expect(other.tryAdmit("bob", 1)).to.equal(undefined);
  });

  it("serves who waits in order, people by turns, and refuses after the time of an ask", async () => {
    const world = new World(1);
    const clock = world.clock();
    const outputMemory = createOutputMemory({ limits: { ...limits, outflowPromiseMs: 1e6 }, clock, meter });
    const held = [
      outputMemory.tryAdmit("ada", 100),
      outputMemory.tryAdmit("bob", 100),
      outputMemory.tryAdmit("eve", 50),
    ];
    const given: string[] = [];
    const permits: Permit[] = [];
    const wish = (user: string, name: string) =>
      void outputMemory.admit(user, 50).then((permit) => {
        given.push(permit === undefined ? `${name} refused` : name);
        if (permit !== undefined) permits.push(permit);
      });
    for (const name of ["ada 1", "ada 2", "ada 3", "bob 1", "bob 2"]) wish(name.slice(0, 3), name);
    await settle();
    expect(given).to.deep.equal([]);
    held[0]?.();
    held[1]?.();
    await settle();
    expect(given).to.deep.equal(["ada 1", "ada 2", "bob 1", "bob 2"]);
    world.elapse(limits.askTimeoutMs);
    await settle();
    expect(given.at(-1)).to.equal("ada 3 refused");
    for (const permit of [...permits, held[2]]) permit?.();
    expect(outputMemory.bytes).to.equal(0);
  });

  it("keeps no room for an answer that takes long, so that an actor that is away stands in nobody's way", async () => {
    const world = new World(1);
    const clock = world.clock();
    const outputMemory = createOutputMemory({ limits, clock, meter });
    let overs = 0;
    const late = outputMemory.tryAdmit("ada", 100, () => (overs += 1));
    const next = outputMemory.admit("ada", 100);
    world.elapse(limits.outflowPromiseMs);
    expect(await next).not.to.equal(undefined);
    late?.();
    expect([overs, outputMemory.bytes]).to.deep.equal([1, 100]);
  });

  it("keeps the room of an answer that is there, until it is given back", () => {
    const world = new World(1);
    const clock = world.clock();
    const outputMemory = createOutputMemory({ limits, clock, meter });
    const [kept, late] = [outputMemory.tryAdmit("ada", 50), outputMemory.tryAdmit("bob", 50)];
    expect(kept?.keep()).to.equal(true);
    world.elapse(limits.outflowPromiseMs);
    expect([late?.keep(), outputMemory.bytes]).to.deep.equal([false, 50]);
    kept?.();
    late?.();
    expect(outputMemory.bytes).to.equal(0);
  });

  it("lets no more than a person may have come late", () => {
    const world = new World(1);
    const clock = world.clock();
    const outputMemory = createOutputMemory({ limits, clock, meter });
    const late = [outputMemory.tryAdmit("ada", 60), outputMemory.tryAdmit("ada", 40)];
    world.elapse(limits.outflowPromiseMs);
    const more = outputMemory.tryAdmit("ada", 100);
    expect(more).not.to.equal(undefined);
    world.elapse(limits.outflowPromiseMs);
    expect(outputMemory.tryAdmit("ada", 10)).to.equal(undefined);
    late[0]?.();
    late[1]?.();
    world.elapse(limits.outflowPromiseMs);
    expect(outputMemory.bytes).to.equal(0);
    more?.();
    expect(outputMemory.tryAdmit("ada", 100)).not.to.equal(undefined);
  });

  it("cuts whoever has most waiting when more is queued than may be", () => {
    const clock = new World(1).clock();
    const outputMemory = createOutputMemory({ limits, clock, meter });
    const readers = ["ada", "ada", "bob", "eve"].map(createReader);
    const queue = (index: number, bytes: number) => {
      const reader = readers[index] as ReturnType<typeof createReader>;
      reader.waiting += bytes;
      outputMemory.count(reader, bytes);
    };
    queue(0, 60);
    queue(1, 30);
    queue(2, 80);
    queue(3, 75);
    expect(readers.map(({ open }) => open)).to.deep.equal([true, true, true, true]);
    queue(2, 15);
    expect(
      readers.map(({ open }) => open),
      "all together",
    ).to.deep.equal([true, true, false, true]);
    queue(1, 20);
    expect(
      readers.map(({ open }) => open),
      "one person",
    ).to.deep.equal([false, true, false, true]);
  });

  it("encodes large answers in slices of time", () => {
    const world = new World(1);
    const clock = world.clock();
    const outputMemory = createOutputMemory({ limits: { ...limits, encodeSliceMs: 10 }, clock, meter });
    let done = 0;
    for (let job = 0; job < 9; job += 1)
      outputMemory.inTurn(() => {
        done += 1;
        world.nowMs += 4;
      });
    expect(done).to.equal(0);
    const steps: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      world.elapse(0);
      steps.push(done);
    }
    expect(steps.at(-1)).to.equal(9);
    expect(steps[0]).to.be.lessThan(9);
  });

  it("knows at any time what waits, and nothing is left when all is over", async () => {
    const step = fc.oneof(
      fc.record({ do: fc.constant("ask" as const), user: fc.integer({ max: 2, min: 0 }), bytes: fc.integer({ min: 1, max: 120 }) }),
      fc.record({ do: fc.constant("queue" as const), user: fc.integer({ max: 2, min: 0 }), bytes: fc.integer({ min: 1, max: 120 }) }),
      fc.record({ do: fc.constant("give" as const) }),
      fc.record({ do: fc.constant("read" as const) }),
      fc.record({ do: fc.constant("pass" as const) }),
    ); // prettier-ignore
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const world = new World(1);
        const clock = world.clock();
        const outputMemory = createOutputMemory({ limits, clock, meter });
        const permits: Permit[] = [];
        const readers: ReturnType<typeof createReader>[] = [];
        const read = (reader: ReturnType<typeof createReader>): void => {
          const bytes = reader.waiting;
          reader.waiting = 0;
          outputMemory.count(reader, -bytes);
        };
        for (const one of steps) {
          if (one.do === "ask")
            void outputMemory.admit(`u${one.user}`, one.bytes).then((permit) => permit && permits.push(permit));
          else if (one.do === "queue") {
            const reader = createReader(`u${one.user}`);
            reader.waiting = one.bytes;
            readers.push(reader);
            outputMemory.count(reader, one.bytes);
          } else if (one.do === "give") permits.shift()?.();
          else if (one.do === "read") {
            const reader = readers.shift();
            if (reader !== undefined) read(reader);
          } else world.elapse(100);
          await Promise.resolve();
          const open = readers.filter((reader) => reader.open).reduce((sum, { waiting }) => sum + waiting, 0);
          expect(open).to.be.at.most(Math.max(limits.outflowBytesMax, 120));
        }
        for (const reader of readers) read(reader);
        for (let round = 0; round < 70; round += 1) {
          for (const permit of permits.splice(0)) permit();
          world.elapse(limits.askTimeoutMs);
          await settle();
        }
        expect(outputMemory.bytes).to.equal(0);
      }),
      { numRuns: 30, seed: 7 },
    );
  });
});

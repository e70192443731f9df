import { expect } from "chai";
import { createExchange } from "../../../../node/cluster/exchange/index.ts";
import type { Kernel } from "../../../../node/kernel/api.ts";
import { placementLimits, servePlacement } from "../../../../node/cluster/placement/index.ts";
import { LoadBook } from "../../../../node/cluster/placement/load.ts";
import type { NodeId } from "../../../../node/ports/index.ts";
import type { SlotTable } from "../../../../node/cluster/facts/slot-table.ts";
import { failure, ok, PlexusError, slotOf, type ActorId, type SlotId } from "../../../../protocols/index.ts";
import type { LoadReport } from "../../../../protocols/mesh/index.ts";
import { Network, simulatedClock, World } from "../../../world/index.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import { fresh } from "./fixture.ts";

type Row = ReturnType<Kernel["load"]>[number];

/** A table of who owns what. */
const owned = (owners: Readonly<Record<string, NodeId>>): Pick<SlotTable, "get"> => ({
  get: (slot) => {
    const owner = owners[slot];
    return owner === undefined ? undefined : { record: fresh(slot, owner), revision: 1 };
  },
});

describe("load", () => {
  const openFixture = (split: Kernel["split"] = async () => ok({ slot: "room/x" as never })) => {
    const world = new World(1);
    const pulse = { life: 1, alive: true };
    const clock = simulatedClock(world, { offsetMs: 0 }, pulse);
    const transport = new Network(world).attach("a", pulse);
    const exchange = createExchange({ transport, clock, log: quietLog, meter: quietMeter });
    const rows: Row[] = [];
    let asked = 0;
    const load = (): Row[] => ((asked += 1), [...rows]);
    const journal = { refusedAtMs: undefined as number | undefined };
    const disk = { fails: false, refusal: undefined as string | undefined };
    const kernel = { load, split };
    const directory = { diskFails: () => disk.fails, refusal: () => disk.refusal };
    const served = servePlacement({ exchange, clock, journal, kernel, directory, limits: { loadActorsMax: 2 } });
    const report = async (): Promise<LoadReport> => {
      const answer = exchange.call("a", "placement.load", {}, 1_000);
      await world.run(() => false, world.nowMs + 10);
      const result = await answer;
      if (!result.ok) throw new Error(result.error.code);
      return result.value;
    };
    return { world, exchange, journal, disk, rows, served, report, asked: () => asked };
  };

  it("gives no actor a slot of its own while the directory takes no change: nothing is written for it", async () => {
    let split = 0;
    const { world, exchange, disk } = openFixture(async () => ((split += 1), ok({ slot: "room/x" as never })));
    const pin = async (): Promise<string> => {
      const answer = exchange.call("a", "placement.pin", { actor: "room/x", to: "b" }, 1_000);
      await world.run(() => false, world.nowMs + 10);
      const result = await answer;
      return result.ok ? "split" : `${result.error.code} ${String(result.error.details?.["because"])}`;
    };
    disk.refusal = "etcd is full";
    expect([await pin(), split]).to.deep.equal(["DIRECTORY_REFUSES etcd is full", 0]);
    disk.refusal = undefined;
    expect([await pin(), split]).to.deep.equal(["split", 1]);
  });

  it("is measured at most once a second, smoothed, and told busiest first", async () => {
    const { world, rows, served, report, asked } = openFixture();
    rows.push(
      { slot: "chat/1", actors: 3, turns: 100, busiest: { actor: "room/a", turns: 60 } },
      { slot: "chat/2", actors: 2, turns: 500, busiest: { actor: "room/b", turns: 400 } },
      { slot: "chat/3", actors: 1, turns: 0, busiest: { actor: "room/c", turns: 0 } },
    );
    expect(served.figures()).to.deep.equal({ actors: 0, turnsPerSecond: 0 });
    world.nowMs += 1_000;
    expect(served.figures()).to.deep.equal({ actors: 6, turnsPerSecond: 600 });
    served.figures();
    expect(await report()).to.deep.equal({
      slots: [
        ["chat/2", 500],
        ["chat/1", 100],
      ],
      actors: [
        ["room/b", "chat/2", 400],
        ["room/a", "chat/1", 60],
      ],
    });
    expect(asked()).to.equal(1);
    rows.length = 0;
    rows.push({ slot: "chat/2", actors: 2, turns: 0 });
    world.nowMs += 1_000;
    const [first] = (await report()).slots;
    expect(first?.[0]).to.equal("chat/2");
    expect(first?.[1]).to.be.within(345, 355);
  });

  it("comes with the word that the disk takes nothing, for as long as that is news", async () => {
    const { world, journal, disk, report } = openFixture();
    expect((await report()).refuses).to.equal(undefined);
    // A voter's, to which the journal has written nothing.
    disk.fails = true;
    expect((await report()).refuses).to.equal(true);
    disk.fails = false;
    journal.refusedAtMs = world.nowMs;
    expect((await report()).refuses).to.equal(true);
    world.nowMs += placementLimits.refusedForMs;
    expect((await report()).refuses).to.equal(undefined);
    const book = new LoadBook();
    book.take("a", { slots: [], actors: [], refuses: true }, owned({}));
    book.take("b", { slots: [], actors: [] }, owned({}));
    expect([...book.refusing()]).to.deep.equal(["a"]);
  });

  it("is known of the cluster only when all have told", () => {
    const book = new LoadBook();
    const actor: ActorId = "room/x";
    const slot = slotOf("chat", actor);
    book.take("a", { slots: [[slot, 5]], actors: [[actor, slot, 4]] }, owned({ [slot]: "a" }));
    expect(book.load(["a", "b"])).to.equal(undefined);
    // It has moved meanwhile: it is as busy as the busier says.
    book.take("b", { slots: [[slot, 9]], actors: [] }, owned({ [slot]: "b" }));
    expect(book.load(["a", "b"])).to.deep.equal({
      slots: new Map([[slot, 9]]),
      actors: [{ actor, slot, turnsPerSecond: 4 }],
    });
    book.keep(new Set(["a"]));
    expect(book.load(["b"])).to.equal(undefined);
  });

  it("is believed of slots that the node owns, and of actors that live in them", () => {
    const actor: ActorId = "room/x";
    const pinned: ActorId = "room/pinned";
    const [slot, base] = [slotOf("chat", actor), slotOf("chat", pinned)];
    const other: SlotId = "chat/other" as SlotId;
    const owners = { [slot]: "a", [base]: "a", [pinned]: "b", [other]: "b" };
    const load = (node: NodeId, slots: LoadReport["slots"], actors: LoadReport["actors"] = []) => {
      const book = new LoadBook();
      book.take(node, { slots, actors }, owned(owners));
      return book.load([node]);
    };
    expect(load("a", [[slot, 5], [other, 4_000], ["chat/none" as SlotId, 4_000]])?.slots).to.deep.equal(new Map([[slot, 5]])); // prettier-ignore
    expect(load("b", [[slot, 5]])?.slots).to.deep.equal(new Map());
    const named = (node: NodeId, ...actors: LoadReport["actors"]) =>
      load(node, [], actors)?.actors.map((one) => [one.actor, one.slot]);
    expect(named("a", [actor, slot, 4])).to.deep.equal([[actor, slot]]);
    expect(named("b", [pinned, pinned as SlotId, 4])).to.deep.equal([[pinned, pinned]]);
    expect(named("b", [actor, slot, 4]), "of another's slot").to.deep.equal([]);
    expect(named("b", [actor, other, 4]), "of another slot than its own").to.deep.equal([]);
    expect(named("a", [pinned, base, 4]), "where it has left").to.deep.equal([]);
  });

  it("a split that fails is an answer", async () => {
    const { exchange, world } = openFixture(async () => {
      throw new PlexusError(failure("SLOT_UNAVAILABLE"));
    });
    const answer = exchange.call("a", "placement.pin", { actor: "room/x" }, 1_000);
    await world.run(() => false, 10);
    expect(await answer).to.have.nested.property("error.code", "SLOT_UNAVAILABLE");
  });
});

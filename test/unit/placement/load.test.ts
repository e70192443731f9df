import { expect } from "chai";
import { createExchange } from "../../../node/exchange.ts";
import type { Kernel } from "../../../node/kernel/api.ts";
import { placementLimits, servePlacement } from "../../../node/placement/index.ts";
import { LoadBook } from "../../../node/placement/load.ts";
import { failure, ok, PlexusError } from "../../../protocols/index.ts";
import type { LoadReport } from "../../../protocols/mesh/index.ts";
import { Network } from "../../simulation/cluster/network.ts";
import { simulatedClock, World } from "../../simulation/world.ts";
import { quietLog, quietMeter } from "../../quiet.ts";

type Row = ReturnType<Kernel["load"]>[number];

describe("load", () => {
  const stand = (pin: Kernel["pin"] = async () => ok({ slot: "room/x" as never })) => {
    const world = new World(1);
    const pulse = { life: 1, alive: true };
    const clock = simulatedClock(world, { offsetMs: 0 }, pulse);
    const transport = new Network(world).attach("a", pulse);
    const exchange = createExchange({ transport, clock, log: quietLog, meter: quietMeter });
    const rows: Row[] = [];
    let asked = 0;
    const load = (): Row[] => ((asked += 1), [...rows]);
    const journal = { refusedAtMs: undefined as number | undefined };
    const served = servePlacement({ exchange, clock, journal, kernel: { load, pin }, limits: { loadActorsMax: 2 } });
    const report = async (): Promise<LoadReport> => {
      const answer = exchange.call("a", "placement.load", {}, 1_000);
      await world.run(() => false, world.nowMs + 10);
      const result = await answer;
      if (!result.ok) throw new Error(result.error.code);
      return result.value;
    };
    return { world, exchange, journal, rows, served, report, asked: () => asked };
  };

  it("is measured at most once a second, smoothed, and told busiest first", async () => {
    const { world, rows, served, report, asked } = stand();
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
      slots: [["chat/2", 500], ["chat/1", 100]], // prettier-ignore
      actors: [["room/b", "chat/2", 400], ["room/a", "chat/1", 60]], // prettier-ignore
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
    const { world, journal, report } = stand();
    expect((await report()).refuses).to.equal(undefined);
    journal.refusedAtMs = world.nowMs;
    expect((await report()).refuses).to.equal(true);
    world.nowMs += placementLimits.refusedForMs;
    expect((await report()).refuses).to.equal(undefined);
    const book = new LoadBook();
    book.take("a", { slots: [], actors: [], refuses: true });
    book.take("b", { slots: [], actors: [] });
    expect([...book.refusing()]).to.deep.equal(["a"]);
  });

  it("is known of the cluster only when all have told", () => {
    const book = new LoadBook();
    book.take("a", { slots: [["chat/1", 5]], actors: [["room/x", "chat/1", 4]] });
    expect(book.load(["a", "b"])).to.equal(undefined);
    book.take("b", { slots: [["chat/1", 9]], actors: [] });
    expect(book.load(["a", "b"])).to.deep.equal({
      slots: new Map([["chat/1", 9]]),
      actors: [{ actor: "room/x", slot: "chat/1", turnsPerSecond: 4 }],
    });
    book.keep(new Set(["a"]));
    expect(book.load(["b"])).to.equal(undefined);
  });

  it("a pin that fails is an answer", async () => {
    const { exchange, world } = stand(async () => {
      throw new PlexusError(failure("SLOT_UNAVAILABLE"));
    });
    const answer = exchange.call("a", "placement.pin", { actor: "room/x" }, 1_000);
    await world.run(() => false, 10);
    expect(await answer).to.have.nested.property("error.code", "SLOT_UNAVAILABLE");
  });
});

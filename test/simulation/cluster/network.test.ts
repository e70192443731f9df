import { expect } from "chai";
import { transportConformance } from "../../conformance/transport.ts";
import { goOn, Network, type Pulse, World } from "../../world/index.ts";

transportConformance("the simulated network", () => {
  const world = new World(1);
  const network = new Network(world, { queueMessagesMax: 2_000 });
  return Promise.resolve({
    one: network.attach("one", { life: 1, alive: true }),
    other: network.attach("other", { life: 2, alive: true }),
    happened: () => undefined,
    until: async (holds, phase) => {
      const ended = await world.run(holds, world.nowMs + 60_000);
      if (ended !== "done") throw new Error(`${phase}: ${ended}`);
    },
    end: () => Promise.resolve(),
  });
});

describe("the simulated network", () => {
  const pair = (seed: number) => {
    const world = new World(seed);
    const network = new Network(world, { silenceMs: 500 });
    const pulses = { a: { life: 1, alive: true } as Pulse, b: { life: 2, alive: true } as Pulse };
    const events: string[] = [];
    const attach = (node: "a" | "b") => {
      const transport = network.attach(node, pulses[node]);
      transport.listen({
        received: (_from, _channel, message) => void events.push(`${node}:${String(message)}`),
        connected: () => void events.push(`${node}+`),
        disconnected: () => void events.push(`${node}-`),
      });
      return transport;
    };
    const a = attach("a");
    const b = attach("b");
    const forMs = async (ms: number): Promise<void> => void (await world.run(() => false, world.nowMs + ms));
    return { world, network, pulses, events, a, b, forMs, attach };
  };

  it("holds what is sent into a cut path, and loses it when the connection ends before the path is healed", async () => {
    const seen = { late: 0, lost: 0 };
    for (let seed = 1; seed <= 40; seed += 1) {
      const { network, events, a, forMs } = pair(seed);
      await forMs(500);
      network.cut("a", "b");
      expect(a.send("b", "message", "into the dark")).to.equal(true);
      await forMs(seed % 2 === 0 ? 20 : 700);
      expect(events).to.not.include("b:into the dark");
      network.heal();
      await forMs(2_000);
      if (events.includes("b:into the dark")) seen.late += 1;
      else {
        seen.lost += 1;
        expect(events).to.include("a-");
      }
    }
    expect(seen.late).to.be.greaterThan(0);
    expect(seen.lost).to.be.greaterThan(0);
  });

  it("lets a stopped process miss nothing, and hear it late", async () => {
    const { world, pulses, events, a, forMs } = pair(1);
    await forMs(500);
    pulses.b.waiting = [];
    a.send("b", "message", "one");
    a.send("b", "message", "two");
    await forMs(300);
    expect(events).to.deep.equal(["a+", "b+"]);
    goOn(world, pulses.b);
    await forMs(50);
    expect(events).to.deep.equal(["a+", "b+", "b:one", "b:two"]);
  });

  it("delivers a prefix of each channel when a process ends, and never anything of its next life before its connection", async () => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const { world, network, pulses, events, a, attach, forMs } = pair(seed);
      await forMs(500);
      for (let index = 0; index < 10; index += 1) a.send("b", "message", `old ${index}`);
      await forMs(world.dice.between(0, 2));
      pulses.a.alive = false;
      network.ended("a", seed % 2 === 0);
      pulses.a = { life: 3, alive: true };
      const next = attach("a");
      await forMs(3_000);
      next.send("b", "message", "new");
      await forMs(100);
      const heard = events.filter((event) => event.startsWith("b"));
      const old = heard.filter((event) => event.startsWith("b:old"));
      expect(old).to.deep.equal(old.map((_, index) => `b:old ${index}`));
      expect(heard.slice(old.length + 1)).to.deep.equal(["b-", "b+", "b:new"]);
    }
  });
});

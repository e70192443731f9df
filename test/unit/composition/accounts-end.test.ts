/** Accounts that end by themselves, in a node whose clock a test sets forward: nobody asks for it, a reminder does. */
import { expect } from "chai";
import { behaviors } from "../../../actors/index.ts";
import type { ActorId } from "../../../protocols/index.ts";
import { everyEngine } from "../../../runtimes/engine.ts";
import { startAlone } from "../../fixtures/alone.ts";
import { quietLog as log, quietMeter as meter } from "../../fixtures/quiet.ts";
import { World } from "../../world/index.ts";
import { RowStore } from "../storage/fixture.ts";

const dayMs = 24 * 3_600_000;

describe("accounts that end by themselves", () => {
  it("are gone two weeks after the person asked for it, or when a guest's time is over, unless somebody has called that off", async () => {
    const world = new World(1);
    let aheadMs = 0;
    const own = world.clock();
    const clock = { ...own, nowMs: () => own.nowMs() + aheadMs };
    const ports = { clock, random: world.dice, log, meter, store: new RowStore(), engines: everyEngine({}) };
    const { peer } = await world.settle(startAlone({ ...ports, behaviors }));
    const ask = async (user: string, type: string, more: object = {}): Promise<string> => {
      const to: ActorId = `user/${user}`;
      const answer = await world.settle(
        peer.kernel.ask({ to, from: "gateway", message: { type, ...more }, timeoutMs: 5_000 }),
      );
      return answer.ok ? "ok" : answer.error.code;
    };
    const there = async (): Promise<string> => {
      const found: string[] = [];
      for (const user of ["ada", "bob", "gil"]) if ((await ask(user, "credentials")) === "ok") found.push(user);
      return found.join(" ");
    };
    /** A clock that is set forward is noticed within a minute. */
    const days = async (count: number): Promise<void> => {
      aheadMs += count * dayMs;
      await world.pass(61_000);
    };
    for (const user of ["ada", "bob"]) {
      expect(await ask(user, "create", { passwordHash: "x" })).to.equal("ok");
      const shown = { as: "operator" };
      expect(await ask(user, "beginDeletion", { waitMs: 14 * dayMs, byAdmin: true, shown })).to.equal("ok");
    }
    expect(await ask("gil", "create", { passwordHash: "x", guest: { lifeMs: 3 * dayMs } })).to.equal("ok");
    await days(2);
    expect(await there()).to.equal("ada bob gil");
    await days(1);
    expect(await there(), "a guest's time").to.equal("ada bob");
    expect(await ask("bob", "endDeletion", { shown: { as: "operator" } })).to.equal("ok");
    await days(10);
    expect(await there()).to.equal("ada bob");
    await days(1);
    expect(await there(), "two weeks").to.equal("bob");
    expect(await ask("ada", "create", { passwordHash: "x" }), "nobody gets the name").to.equal("NAME_TAKEN");
    await world.settle(peer.stop(1_000));
  });
});

import { expect } from "chai";
import type { Exchange } from "../../../node/exchange.ts";
import { Follower } from "../../../node/replication/follower.ts";
import { replicationLimits } from "../../../node/replication/limits.ts";
import { failure, ok, refused, type Result } from "../../../protocols/index.ts";
import { simulatedClock, World } from "../../simulation/world.ts";
import { journalOn, RowStore, slot } from "../storage/stage.ts";

describe("a follower, as its owner sees it", () => {
  it("is asked again how it stands when it was found to differ while its answer was lost", async () => {
    const world = new World(1);
    const answers: ((answer: Result<unknown>) => void)[] = [];
    const exchange = { call: () => new Promise((resolve) => answers.push(resolve)) } as unknown as Exchange;
    const log = await (await journalOn(new RowStore())).openSlot(slot);
    const follower = new Follower("b", {
      exchange,
      clock: simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true }),
      limits: replicationLimits,
      log,
      epoch: 1,
      isUp: () => true,
      nextSending: () => 1,
      underWay: () => undefined,
      changed: () => undefined,
      fenced: () => undefined,
      unreadable: () => undefined,
    });
    follower.feed();
    follower.ask();
    follower.distrust();
    answers.shift()?.(refused(failure("PEER_LOST")));
    await new Promise((resolve) => void setImmediate(resolve));
    world.after(replicationLimits.queryTimeoutMs + 1, () => follower.tick());
    await world.run(() => answers.length > 0, 10_000);
    expect(answers).to.have.length(1);
    const at = { seq: 0, epoch: 0, checksum: 0 };
    answers[0]?.(ok({ fence: 1, continues: 0, incarnation: 3, incomplete: true, at }));
    await new Promise((resolve) => void setImmediate(resolve));
    expect(follower.mayTransfer).to.equal(true);
  });
});

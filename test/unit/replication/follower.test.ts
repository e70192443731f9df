import { expect } from "chai";
import type { Exchange } from "../../../node/cluster/exchange/index.ts";
import { Follower } from "../../../node/replication/follower.ts";
import { replicationLimits } from "../../../node/replication/limits.ts";
import type { SlotLog } from "../../../node/storage/index.ts";
import { failure, ok, PlexusError, refused, type Failure, type Result } from "../../../protocols/index.ts";
import { settled, simulatedClock, World } from "../../world/index.ts";
import { append, draft, journalOn, openAs, RowStore, slot } from "../storage/fixture.ts";

describe("a follower, as its owner sees it", () => {
  let world: World;
  let log: SlotLog;

  beforeEach(async () => {
    world = new World(1);
    log = await openAs(await journalOn(new RowStore()), slot, 1);
  });

  const followerOn = (
    exchange: Partial<Exchange> | { readonly call: () => Promise<Result<unknown>>; readonly send?: () => boolean },
    unreadable: (error: Failure) => void = () => undefined,
  ): Follower =>
    new Follower("b", {
      exchange: exchange as Exchange,
      clock: simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true }),
      limits: replicationLimits,
      log,
      epoch: 1,
      isUp: () => true,
      nextSending: () => 1,
      underWay: () => undefined,
      changed: () => undefined,
      fenced: () => undefined,
      unreadable,
    });

  it("is asked again how it stands when it was found to differ while its answer was lost", async () => {
    const answers: ((answer: Result<unknown>) => void)[] = [];
    const follower = followerOn({ call: () => new Promise<Result<unknown>>((resolve) => answers.push(resolve)) });
    follower.feed();
    follower.ask();
    follower.distrust();
    answers.shift()?.(refused(failure("PEER_LOST")));
    await settled();
    world.after(replicationLimits.queryTimeoutMs + 1, () => follower.tick());
    await world.run(() => answers.length > 0, 10_000);
    expect(answers).to.have.length(1);
    const at = { seq: 0, epoch: 0, checksum: 0 };
    answers[0]?.(ok({ fence: 1, continues: 0, incarnation: 3, incomplete: true, at }));
    await settled();
    expect(follower.mayTransfer).to.equal(true);
  });

  it("ends its owner's service, and nothing else, when the snapshot that it should get cannot be read", async () => {
    const unreadable: Failure[] = [];
    const follower = followerOn({ call: () => Promise.reject(new Error("not asked")) }, (error) =>
      unreadable.push(error),
    );
    log.reader.storedSnapshots = () => Promise.reject(new Error("the disk went away"));
    const outcome = await follower.giveSnapshot("pad/x").catch((error: unknown) => error);
    expect(outcome).to.be.instanceOf(PlexusError);
    expect(unreadable.map(({ code }) => code)).to.deep.equal(["INTERNAL"]);
  });

  it("owes nothing for a mark that could not be sent to it, and something for an entry", async () => {
    const standing = { fence: 1, continues: 1, incarnation: 0, incomplete: false, at: log.position };
    let takes = true;
    const follower = followerOn({ call: () => Promise.resolve(ok(standing)), send: () => takes });
    log.onWrite = (piece) => follower.write(piece);
    follower.feed();
    follower.ask();
    await settled();
    follower.synced({ slot, epoch: 1, incarnation: 0, at: log.position, gap: false });
    expect(follower.isQuiet).to.equal(true);
    takes = false;
    expect(follower.mark(1)).to.equal(false);
    expect(follower.isQuiet).to.equal(true);
    await append(log, draft("pad/x", "one"));
    world.after(replicationLimits.replicaTimeoutMs + 1, () => undefined);
    await world.run(() => world.nowMs > replicationLimits.replicaTimeoutMs, 10_000);
    expect(follower.overdueBy(replicationLimits.replicaTimeoutMs)).to.equal(true);
  });
});

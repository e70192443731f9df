import { expect } from "chai";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import type { Directory, MemberRecord, SlotRecord } from "../../../node/ports/index.ts";
import { changeSlot, memberKey, readSlot, type SlotRow } from "../../../node/cluster/facts/records.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { replicationLimits } from "../../../node/replication/limits.ts";
import { ReplicaSet } from "../../../node/replication/replica-set.ts";
import type { SlotId } from "../../../protocols/index.ts";
import { settled, simulatedClock, World } from "../../world/index.ts";
import { RowStore } from "../storage/fixture.ts";

const slot: SlotId = "chat/7";
const first: SlotRecord = { slot, epoch: 1, owner: "a", inSync: ["a", "b"], learners: ["c"] };
const grown = { inSync: ["a", "b", "c"], learners: [] };
const retryMs = replicationLimits.proposalRetryMs;

describe("the replica set of an epoch", () => {
  let world: World;
  let directory: Directory;
  let replicas: ReplicaSet;
  let answers: (SlotRow | undefined)[];
  /** How often the directory was asked, when it gets to that, what happens before it does, and whether it then does it
   *  and whether it answers. */
  let asked: number;
  let held: Promise<void>;
  let meanwhile: () => Promise<void>;
  let reached: boolean;
  let answering: boolean;
  let goesOn: boolean;

  beforeEach(async () => {
    world = new World(1);
    const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
    directory = createEmbeddedDirectory({ store: new RowStore(), clock });
    await changeSlot(directory, first, 0);
    await directory.compareAndSet(memberKey("a"), memberRecord("a"), 0);
    [answers, asked, held, reached, answering, goesOn] = [[], 0, Promise.resolve(), true, true, true];
    meanwhile = () => Promise.resolve();
    const between: Pick<Directory, "compareAndSet"> = {
      async compareAndSet(...question) {
        asked += 1;
        await held;
        await meanwhile();
        // Who asks for ever is made to pause, so that the test ends.
        const changed = reached && asked < 10 ? await directory.compareAndSet(...question) : undefined;
        if (changed === undefined || !answering) throw new Error("the connection ended");
        return changed;
      },
    };
    replicas = new ReplicaSet(await row(), {
      directory: { ...directory, ...between },
      member: () => directory.read(memberKey("a")),
      clock,
      limits: replicationLimits,
      answered: (found) => {
        answers.push(found);
        // What an owner does that learns that it is none any more.
        if (found?.record.owner !== "a") goesOn = false;
      },
      goesOn: () => goesOn,
    });
  });

  async function row(): Promise<SlotRow> {
    const found = await readSlot(directory, slot);
    if (found === undefined) throw new Error("no row");
    return found;
  }

  async function passes(delayMs: number): Promise<void> {
    let passed = false;
    await settled();
    world.after(delayMs, () => (passed = true));
    await world.run(() => passed, world.nowMs + delayMs);
    await settled();
  }

  it("changes nothing for an owner that is no member any more, and leaves nobody out for one that is being taken out", async () => {
    const own = async (change: (record: MemberRecord) => MemberRecord | undefined): Promise<void> => {
      const present = await directory.read(memberKey("a"));
      const next = change((present?.value ?? memberRecord("a")) as MemberRecord);
      await directory.compareAndSet(memberKey("a"), next, present?.revision ?? 0);
    };
    const alone = { inSync: ["a"], learners: [] };
    await own(() => undefined);
    replicas.propose(alone);
    await passes(retryMs * 3);
    expect([asked, replicas.isUndecided]).to.deep.equal([0, true]);
    await own((record) => ({ ...record, leaving: true }));
    replicas.retry();
    await passes(1);
    expect(asked).to.equal(0);
    await own(({ leaving: _leaving, ...record }) => record);
    await passes(retryMs);
    replicas.retry();
    await passes(1);
    expect((await row()).record.inSync).to.deep.equal(["a"]);
    replicas.learn(await row());
    await own((record) => ({ ...record, leaving: true }));
    replicas.propose({ inSync: ["a", "b"], learners: [] });
    await passes(1);
    expect((await row()).record.inSync).to.deep.equal(["a", "b"]);
  });

  it("is changed at once when only the owner's own row has changed meanwhile, and not for ever", async () => {
    const edit = async (): Promise<void> => {
      const present = await directory.read(memberKey("a"));
      await directory.compareAndSet(memberKey("a"), memberRecord("a"), present?.revision ?? 0);
    };
    meanwhile = async () => {
      if (asked <= 2) await edit();
    };
    replicas.propose({ inSync: ["a"], learners: [] });
    await passes(0);
    expect([asked, answers.length]).to.deep.equal([3, 1]);
    expect((await row()).record.inSync).to.deep.equal(["a"]);
    replicas.learn(await row());
    meanwhile = edit;
    replicas.propose({ inSync: ["a", "b"], learners: [] });
    await passes(0);
    expect([asked, answers.length]).to.deep.equal([6, 1]);
    meanwhile = () => Promise.resolve();
    await passes(retryMs);
    replicas.retry();
    await passes(0);
    expect((await row()).record.inSync).to.deep.equal(["a", "b"]);
  });

  it("changes nothing when the owner is taken out while it asks", async () => {
    let evict = (): void => undefined;
    held = new Promise((resolve) => (evict = resolve));
    replicas.propose({ inSync: ["a"], learners: [] });
    await passes(1);
    expect(asked).to.equal(1);
    const present = await directory.read(memberKey("a"));
    await directory.compareAndSet(memberKey("a"), undefined, present?.revision ?? 0);
    evict();
    await passes(1);
    expect((await row()).record.inSync).to.deep.equal(["a", "b"]);
  });

  it("needs the old set and the new one from when a change is sent until a newer row is learned", async () => {
    expect(replicas.needed).to.deep.equal(["b"]);
    replicas.propose(grown);
    expect(replicas.needed).to.deep.equal(["b", "c"]);
    expect(replicas.row).to.equal(undefined);
    await settled();
    // What was answered is passed on; it decides nothing until it is learned.
    expect(answers).to.have.length(1);
    expect(replicas.isUndecided).to.equal(true);
    expect(replicas.learn(await row())).to.equal("changed");
    expect(replicas.isUndecided).to.equal(false);
    expect(replicas.record.inSync).to.deep.equal(grown.inSync);
    expect(replicas.isSettled).to.equal(true);
  });

  it("goes on needing both sets when the directory fails, or still shows the revision that it had", async () => {
    reached = false;
    const before = await row();
    replicas.propose(grown);
    await settled();
    expect(replicas.learn(before)).to.equal("known");
    expect(replicas.isUndecided).to.equal(true);
    expect(replicas.needed).to.deep.equal(["b", "c"]);
  });

  it("sends a change again once it has waited long enough, and takes a conflict with itself for what it is", async () => {
    answering = false;
    replicas.propose(grown);
    await settled();
    replicas.retry();
    expect(asked, "too early").to.equal(1);
    await passes(retryMs);
    answering = true;
    const gate = Promise.withResolvers<void>();
    held = gate.promise;
    replicas.retry();
    await passes(retryMs);
    replicas.retry();
    expect(asked, "one at a time").to.equal(2);
    gate.resolve();
    await settled();
    const [conflicting] = answers;
    expect(conflicting?.record.inSync).to.deep.equal(grown.inSync);
    expect(conflicting && replicas.learn(conflicting)).to.equal("changed");
    await passes(retryMs);
    replicas.retry();
    expect(asked, "decided").to.equal(2);
  });

  it("takes in nothing of another epoch", async () => {
    const { revision } = await row();
    await changeSlot(directory, { ...first, epoch: 2, owner: "b" }, revision);
    expect(replicas.learn(await row())).to.equal("another epoch");
    expect(replicas.record).to.deep.equal(first);
  });

  it("gives the slot up on the row that it knows, again and again until somebody else is the owner", async () => {
    reached = false;
    const given = replicas.giveUp({ owner: "b" });
    await passes(3 * retryMs);
    expect(asked).to.be.within(2, 4);
    reached = true;
    await passes(2 * retryMs);
    await given;
    expect((await row()).record).to.deep.equal({ ...first, epoch: 2, owner: "b" });
  });

  it("gives up no other row than the one that it meant to", async () => {
    reached = false;
    const given = replicas.giveUp({ owner: "b" });
    await settled();
    const { revision } = await row();
    await changeSlot(directory, { ...first, learners: [] }, revision);
    replicas.learn(await row());
    reached = true;
    await passes(2 * retryMs);
    await given;
    expect(asked).to.equal(1);
    expect((await row()).record.owner).to.equal("a");
  });
});

import { expect } from "chai";
import { createDirectoryAge, type DirectoryAgePorts } from "../../../../node/cluster/directory/age.ts";
import { floorOf } from "../../../../node/cluster/facts/generation.ts";
import { slotKey } from "../../../../node/cluster/facts/records.ts";
import { watchSlots } from "../../../../node/cluster/facts/slot-table.ts";
import {
  createEmbeddedDirectory,
  createSwitchingDirectory,
  directoryLimits,
} from "../../../../node/cluster/directory/index.ts";
import type { SlotRecord } from "../../../../node/ports/index.ts";
import { failureOf, type SlotId } from "../../../../protocols/index.ts";
import { MemoryStore } from "../../../conformance/directory-store.ts";
import { quietLog } from "../../../fixtures/quiet.ts";
import { Links, World } from "../../../world/index.ts";

const slot: SlotId = "chat/1";
const record = (epoch: number): SlotRecord => ({ slot, epoch, owner: "a", inSync: ["a"], learners: [] });

/** A keeper whose only slot is in epoch 5, and a node beside it. */
async function fixture(given: { readonly trusted?: boolean; readonly others?: readonly string[] } = {}) {
  const world = new World(1);
  const links = new Links(world.clock());
  const embedded = createEmbeddedDirectory({ store: new MemoryStore() });
  await embedded.compareAndSet(slotKey(slot), record(5), 0);
  const stopTime = world.flow();
  const ageOf = (node: string, more: Partial<DirectoryAgePorts>) =>
    createDirectoryAge({
      node,
      exchange: links.exchange(node),
      clock: world.clock(),
      log: quietLog,
      limits: directoryLimits,
      others: (given.others ?? ["keeper", "a"].filter((other) => other !== node)).map((other) => ({
        node: other,
        name: `node-${other}`,
      })),
      trusted: given.trusted === true,
      keeper: () => "keeper",
      kept: () => ({ directory: embedded, revision: () => embedded.revision() }),
      told: () => 0,
      foundOlder: () => undefined,
      ...more,
    });
  const keeper = ageOf("keeper", {});
  /** A node that knows this much. */
  const node = (told: number, fences: ReadonlyMap<SlotId, number>) => {
    links.link("keeper", "a");
    const age = ageOf("a", { told: () => told });
    age.follow(watchSlots(embedded), async () => fences);
    return age;
  };
  const follow = (): void => keeper.follow(watchSlots(createSwitchingDirectory(embedded)), async () => new Map());
  const outcome = (): Promise<string> =>
    keeper.mayChange().then(
      () => "changes",
      (error: unknown) => String(failureOf(error).details?.["because"]),
    );
  return { world, keeper, node, follow, outcome, embedded, stop: stopTime };
}

describe("the age of the directory", () => {
  for (const [what, told, fences] of [
    ["was told of a later change", 2, new Map<SlotId, number>()],
    ["has a log that was fenced for a later epoch", 0, new Map([[slot, 6]])],
    ["has a log of a slot that the directory does not know", 0, new Map<SlotId, number>([["chat/2", 1]])],
  ] as const)
    it(`is too high for the keeper to change or tell anything when another node ${what}`, async () => {
      const { node, follow, keeper, outcome, stop } = await fixture();
      follow();
      node(told, fences);
      expect(await outcome()).to.match(/^the directory is on an older copy of its data: node-a .*newest folder/);
      expect(keeper.older).to.include("older copy");
      await stop();
    });

  for (const [what, told, fences] of [
    ["knows as much", 1, new Map([[slot, 5]])],
    ["is behind", 0, new Map([[slot, 3]])],
  ] as const)
    it(`is right when another node ${what}, and changes begin`, async () => {
      const { world, node, follow, keeper, outcome, stop } = await fixture();
      follow();
      node(told, fences);
      const startedMs = world.nowMs;
      expect(await outcome()).to.equal("changes");
      expect(world.nowMs - startedMs, "nobody waited for more").to.be.below(directoryLimits.ageWaitMs);
      expect(keeper.older).to.equal(undefined);
      await stop();
    });

  it("holds changes until every other node has compared what it knows, and for a short while at most", async () => {
    const { world, node, follow, outcome, stop } = await fixture({ others: ["a", "dead"] });
    follow();
    node(1, new Map());
    const startedMs = world.nowMs;
    expect(await outcome()).to.equal("changes");
    expect(world.nowMs - startedMs).to.be.at.least(directoryLimits.ageWaitMs);
    await stop();
  });

  it("says nothing where a node is alone, and holds nothing", async () => {
    const { world, follow, outcome, stop } = await fixture({ others: [] });
    follow();
    const startedMs = world.nowMs;
    expect(await outcome()).to.equal("changes");
    expect(world.nowMs - startedMs).to.be.below(directoryLimits.ageWaitMs);
    await stop();
  });

  it("does not count where an operator has said that the older folder is all there is", async () => {
    const { node, follow, keeper, outcome, stop } = await fixture({ trusted: true });
    follow();
    node(9, new Map([[slot, 9]]));
    expect(await outcome()).to.equal("changes");
    expect(keeper.older).to.equal(undefined);
    await stop();
  });

  it("is not asked of logs from before the directory was recovered, which has forgotten them", async () => {
    const { node, follow, outcome, stop } = await fixture();
    follow();
    const told = floorOf(1);
    // The revision is not the keeper's here: only that the fence is passed over shows in what is said.
    node(told, new Map<SlotId, number>([["chat/2", 1]]));
    expect(await outcome()).to.include(`was told of change ${told}`);
    await stop();
  });

  it("is vouched for by the keeper before an epoch is given out above a row that is older than a log", async () => {
    const { node, follow, embedded, stop } = await fixture();
    follow();
    const age = node(0, new Map());
    expect(await age.vouch([slot, 5])).to.equal(undefined);
    const refused = await age.vouch([slot, 6]).catch((error: unknown) => failureOf(error));
    expect(refused).to.include({ code: "DIRECTORY_UNAVAILABLE" });
    expect((await embedded.read(slotKey(slot)))?.revision).to.equal(1);
    await stop();
  });
});

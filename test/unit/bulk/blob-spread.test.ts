import { expect } from "chai";
import { openBlobStore } from "../../../node/bulk/blobs/index.ts";
import { createBlobCopies } from "../../../node/bulk/blobs/copies.ts";
import type { SlotTable } from "../../../node/cluster/facts/slot-table.ts";
import { createExchange } from "../../../node/cluster/exchange/index.ts";
import type { Membership, NodeId } from "../../../node/ports/index.ts";
import { ok, type ActorId } from "../../../protocols/index.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { Disk, FileDisk, Network, simulatedClock, World } from "../../world/index.ts";

const nodes: readonly NodeId[] = ["n1", "n2"];
const actor: ActorId = "user/ada";

/** Two nodes, of which the second takes as many blobs as it may and comes in sync when the first one has some. */
async function copiesOf(world: World, referencesMax: number) {
  const network = new Network(world, { breakChance: 0 });
  const seen = { counts: [] as string[], warned: [] as unknown[] };
  const slot = { slot: "chat/1", epoch: 1, owner: "n1", inSync: ["n1"], learners: [] as string[] };
  const start = async (node: NodeId) => {
    const pulse = { life: 1, alive: true };
    const clock = simulatedClock(world, { offsetMs: 0 }, pulse);
    return createBlobCopies({
      node,
      blobs: await openBlobStore({ files: new FileDisk(world).open(pulse), meter: quietMeter }),
      store: new Disk(world).open(pulse),
      exchange: createExchange({ transport: network.attach(node, pulse), clock, log: quietLog, meter: quietMeter }),
      table: {
        get: () => ({ record: slot, revision: 1 }),
        current: true,
        onChange: () => () => undefined,
      } as unknown as SlotTable,
      membership: {
        self: node,
        members: () => ({ view: 1, members: nodes.map((name) => memberRecord(name)) }),
        isUp: () => true,
        onChange: () => () => undefined,
      } as unknown as Membership,
      clock,
      log: { ...quietLog, warn: (event, fields) => void seen.warned.push([event, fields]) },
      meter: { ...quietMeter, count: (name) => void seen.counts.push(name) },
      slotOf: () => "chat/1",
      refersTo: async () => ok(true),
      limits: { ...(node === "n2" && { referencesMax }) },
    });
  };
  const [first, second] = [await start("n1"), await start("n2")];
  for (const size of [10, 20]) await first.put(actor, new Uint8Array(size), async (hash) => ok(hash));
  slot.learners.push("n2");
  // Until the nodes have met.
  await world.sleep(500);
  await first.round();
  first.stop();
  second.stop();
  return seen;
}

describe("blobs that another node lacks", () => {
  it("are said to be not there where that node is full, once a round", async () => {
    const world = new World(1);
    const { counts, warned } = await world.settle(copiesOf(world, 1));
    const copied = counts.filter((name) => name.endsWith("copied"));
    expect(copied).to.deep.equal(["blobs_copied", "blobs_not_copied"]);
    expect(warned).to.have.length(1);
    const [event, fields] = warned[0] as [string, { to: string; failure: { code: string } }];
    expect([event, fields.to, fields.failure.code]).to.deep.equal(["blob.not.copied", "n2", "LIMIT_REACHED"]);
  });
});

import { expect } from "chai";
import { createBlobCopies, openBlobStore, type BlobCopies } from "../../../node/bulk/blobs/index.ts";
import { createExchange } from "../../../node/cluster/exchange/index.ts";
import type { SlotTable } from "../../../node/cluster/facts/slot-table.ts";
import type { Membership } from "../../../node/ports/index.ts";
import { ok, type ActorId } from "../../../protocols/index.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { Disk, FileDisk, Network, simulatedClock, World } from "../../world/index.ts";

const nodes = ["n1", "n2"] as const;
const room: ActorId = "room/lobby";

describe("blobs of an actor at two nodes", () => {
  it("are gone everywhere as soon as they were replaced, without those that the actor has", async () => {
    const world = new World(1);
    const network = new Network(world);
    const needed = new Set<string>();
    const record = { slot: "chat/1", epoch: 1, owner: "n1", inSync: [...nodes], learners: [] };
    const opened = await Promise.all(
      nodes.map(async (node) => {
        const pulse = { life: 1, alive: true };
        const files = new FileDisk(world);
        const clock = simulatedClock(world, { offsetMs: 0 }, pulse);
        const membership: Pick<Membership, "self" | "members" | "isUp" | "onChange"> = {
          self: node,
          members: () => ({ view: 1, members: nodes.map((name) => memberRecord(name)) }),
          isUp: () => true,
          onChange: () => () => undefined,
        };
        const copies = await world.settle(
          (async (): Promise<BlobCopies> =>
            createBlobCopies({
              node,
              blobs: await openBlobStore({ files: files.open(pulse), meter: quietMeter }),
              store: new Disk(world).open(pulse),
              exchange: createExchange({
                transport: network.attach(node, pulse),
                clock,
                log: quietLog,
                meter: quietMeter,
              }),
              table: {
                get: () => ({ record, revision: 1 }),
                current: true,
                onChange: () => () => undefined,
              } as unknown as SlotTable,
              membership: membership as Membership,
              clock,
              log: quietLog,
              meter: quietMeter,
              slotOf: () => "chat/1",
              refersTo: async (_actor, hash) => ok(needed.has(hash)),
            }))(),
        );
        return { copies, files };
      }),
    );
    const [{ copies }] = opened as [(typeof opened)[number]];
    const put = async (seed: number): Promise<string> => {
      const done = await world.settle(
        copies.put(room, Uint8Array.of(seed, 2, 3), async (hash) => {
          needed.add(hash);
          return ok(hash);
        }),
      );
      return done.ok ? done.value : done.error.code;
    };
    const held = (): readonly string[][] =>
      opened.map(({ files }) =>
        files
          .paths()
          .map((path) => path.split("/").at(-1) ?? "")
          .sort(),
      );
    const [before, after] = [await put(1), await put(2)];
    expect(held()).to.deep.equal(nodes.map(() => [before, after].sort()));
    needed.delete(before);
    await world.settle(copies.forget(room, [before, after, "f".repeat(64)]));
    expect(held()).to.deep.equal(nodes.map(() => [after]));
    for (const one of opened) one.copies.stop();
  });
});

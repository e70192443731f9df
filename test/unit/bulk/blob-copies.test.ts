import { expect } from "chai";
import { openBlobStore, type BlobCopies } from "../../../node/bulk/blobs/index.ts";
import { createBlobCopies } from "../../../node/bulk/blobs/copies.ts";
import { createExchange } from "../../../node/cluster/exchange/index.ts";
import type { SlotTable } from "../../../node/cluster/facts/slot-table.ts";
import type { Membership } from "../../../node/ports/index.ts";
import { ok, type ActorId } from "../../../protocols/index.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { Disk, FileDisk, Network, simulatedClock, World } from "../../world/index.ts";

const nodes = ["n1", "n2"] as const;
const room: ActorId = "room/lobby";

/** Two nodes in sync with a slot. */
async function openTwo() {
  const world = new World(1);
  const network = new Network(world);
  const needed = new Set<string>();
  const record = { slot: "chat/1", epoch: 1, owner: "n1", inSync: [...nodes], learners: [] };
  const disks = new Map(nodes.map((node) => [node, { files: new FileDisk(world), rows: new Disk(world) }]));
  let lives = 0;
  const open = async (node: (typeof nodes)[number]) => {
    const pulse = { life: (lives += 1), alive: true };
    const { files, rows } = disks.get(node)!;
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
          store: rows.open(pulse),
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
    return { copies, files, pulse };
  };
  let opened = await Promise.all(nodes.map(open));
  const [{ copies }] = opened as [(typeof opened)[number]];
  const restart = async (): Promise<void> => {
    stop();
    for (const { pulse } of opened) pulse.alive = false;
    opened = await Promise.all(nodes.map(open));
  };
  const put = async (seed: number, actor = room): Promise<string> => {
    const done = await world.settle(
      copies.put(actor, Uint8Array.of(seed, 2, 3), async (hash) => {
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
  const stop = (): void => {
    for (const one of opened) one.copies.stop();
  };
  const pass = async (ms: number): Promise<void> => {
    const untilMs = world.nowMs + ms;
    world.after(ms, () => undefined);
    await world.run(() => world.nowMs >= untilMs, untilMs);
  };
  return { world, needed, copies, put, held, stop, restart, pass };
}

const hourMs = 3_600_000;

describe("blobs of an actor at two nodes", () => {
  it("are gone everywhere as soon as they were replaced, without those that the actor has", async () => {
    const { world, needed, copies, put, held, stop } = await openTwo();
    const [before, after] = [await put(1), await put(2)];
    expect(held()).to.deep.equal(nodes.map(() => [before, after].sort()));
    needed.delete(before);
    await world.settle(copies.forget(room, [before, after, "f".repeat(64)]));
    expect(held()).to.deep.equal(nodes.map(() => [after]));
    stop();
  });

  it("of a deleted file are gone after little more than an hour, and those of a picture not yet", async () => {
    const { needed, put, held, stop, pass } = await openTwo();
    const [kept, deleted, picture] = [await put(1), await put(2), await put(3, "user/ada")];
    await pass(hourMs / 2);
    expect(held()).to.deep.equal(nodes.map(() => [kept, deleted, picture].sort()));
    needed.delete(deleted);
    needed.delete(picture);
    await pass(hourMs / 2);
    expect(held(), "the room may not know of it yet").to.deep.equal(nodes.map(() => [kept, deleted, picture].sort()));
    await pass(hourMs);
    expect(held()).to.deep.equal(nodes.map(() => [kept, picture].sort()));
    stop();
  });

  it("of a file stay for an hour after a restart, which knows less of when they were needed last", async () => {
    const { needed, put, held, stop, restart, pass } = await openTwo();
    const file = await put(1);
    await pass(2 * hourMs);
    await restart();
    needed.delete(file);
    await pass(hourMs / 2);
    expect(held(), "the room may not know of it yet").to.deep.equal(nodes.map(() => [file]));
    await pass(2 * hourMs);
    expect(held()).to.deep.equal(nodes.map(() => []));
    stop();
  });
});

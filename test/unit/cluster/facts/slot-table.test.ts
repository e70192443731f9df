import { expect } from "chai";
import { createEmbeddedDirectory } from "../../../../node/cluster/directory/index.ts";
import type { Directory, DirectoryWatcher, SlotRecord } from "../../../../node/ports/index.ts";
import { listSlots, readSlot, slotKey } from "../../../../node/cluster/facts/records.ts";
import { watchSlots, type SlotTable } from "../../../../node/cluster/facts/slot-table.ts";
import type { SlotId } from "../../../../protocols/index.ts";
import { MemoryStore } from "../../../conformance/directory-store.ts";

const slot: SlotId = "chat/1";
const record = (epoch: number): SlotRecord => ({ slot, epoch, owner: "n", inSync: ["n"], learners: [] });

/** A table, and what tells it as a directory does. */
function told(): { readonly table: SlotTable; readonly watcher: DirectoryWatcher } {
  let watcher: DirectoryWatcher | undefined;
  const directory = {
    watch(_: string, given: DirectoryWatcher) {
      watcher = given;
      return () => undefined;
    },
  } as unknown as Directory;
  const table = watchSlots(directory);
  if (watcher === undefined) throw new Error("the table watches nothing");
  return { table, watcher };
}

/** A directory that knows the slot in its first epoch; `write` puts something else in the place of the slot's row. */
async function withSlot() {
  const directory = createEmbeddedDirectory({ store: new MemoryStore() });
  await directory.compareAndSet(slotKey(slot), record(1), 0);
  const write = async (value: object): Promise<void> => {
    const row = await directory.read(slotKey(slot));
    await directory.compareAndSet(slotKey(slot), value, row?.revision ?? 0);
  };
  return { directory, write };
}

describe("the slot table", () => {
  it("follows the directory", async () => {
    const { directory, write } = await withSlot();
    const table = watchSlots(directory);
    await table.ready();
    expect(table.get(slot)?.record.epoch).to.equal(1);
    await write(record(2));
    expect(table.get(slot)?.record.epoch).to.equal(2);
    table.stop();
  });

  it("does not bring back a removed slot when the answer of an older change comes late, and keeps a newer one", () => {
    const { table, watcher } = told();
    watcher.reset([{ key: slotKey(slot), value: record(1), revision: 5 }]);
    watcher.removed(slotKey(slot), 7);
    table.learn({ record: record(2), revision: 6 });
    expect(table.get(slot)).to.equal(undefined);
    table.learn({ record: record(3), revision: 10 });
    watcher.removed(slotKey(slot), 9);
    expect(table.get(slot)?.record.epoch).to.equal(3);
  });

  it("notices a directory that lies on an older copy of its data, keeps what it knows, and takes no answer for what the watch told", () => {
    const { table, watcher } = told();
    const row = (epoch: number, revision: number) => ({ key: slotKey(slot), value: record(epoch), revision });
    watcher.reset([row(1, 5)]);
    table.learn({ record: record(2), revision: 8 });
    // Made before that answer, and on its way for longer.
    watcher.stale();
    watcher.reset([row(1, 5)]);
    expect(table.older(), "only an answer was newer").to.equal(undefined);
    watcher.changed(row(2, 8));
    watcher.stale();
    watcher.reset([row(1, 5)]);
    expect(table.older()).to.equal(slot);
    expect(table.get(slot)?.record.epoch).to.equal(2);
    // A new leader of voters may be a moment behind.
    watcher.changed(row(2, 8));
    expect(table.older()).to.equal(undefined);
  });

  it("notices rows that an older copy lacks, and forgets those that a directory that was recovered lacks", () => {
    const { table, watcher } = told();
    const other = { ...record(1), slot: "chat/2" as SlotId };
    watcher.reset([
      { key: slotKey(slot), value: record(1), revision: 5 },
      { key: slotKey("chat/2"), value: other, revision: 6 },
    ]);
    watcher.stale();
    watcher.reset([{ key: slotKey(slot), value: record(1), revision: 5 }]);
    expect(table.older()).to.equal("chat/2");
    expect(table.get("chat/2")?.record.epoch).to.equal(1);
    watcher.stale();
    watcher.reset([{ key: slotKey(slot), value: record(9), revision: 99 }]);
    expect(table.older()).to.equal(undefined);
    expect(table.get("chat/2")).to.equal(undefined);
  });

  it("keeps what it knows of a slot when nonsense takes the row's place, and knows nothing by nonsense", async () => {
    const { directory, write } = await withSlot();
    const nonsense = { ...record(2), splitFrom: 7 };
    const other: SlotId = "chat/2";
    await directory.compareAndSet(slotKey(other), { ...nonsense, slot: other }, 0);
    const table = watchSlots(directory);
    await table.ready();
    await write(nonsense);
    expect([...table.rows()].map((known) => known.record)).to.deep.equal([record(1)]);
    expect(await readSlot(directory, slot)).to.equal(undefined);
    expect(await listSlots(directory)).to.deep.equal([]);
    await write(record(3));
    expect(table.get(slot)?.record.epoch).to.equal(3);
    table.stop();
  });
});

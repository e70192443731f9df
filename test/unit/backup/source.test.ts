import { expect } from "chai";
import fc from "fast-check";
import { stateOf } from "../../../node/backup/content/backed-up-actor.ts";
import { journalSource } from "../../../node/backup/content/source.ts";
import { openRepository, pacedSource, recall, runBackup, type ReadPacing } from "../../../node/backup/index.ts";
import { openJournal, type SideOp } from "../../../node/storage/index.ts";
import { decode, failure, refused, type ActorId, type SlotId } from "../../../protocols/index.ts";
import { decodeRows } from "../../../runtimes/backup/index.ts";
import { depth } from "../../depth.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { backupsOf } from "./world.ts";
import { append, draft, identity, openAs, RowStore, slot, snapshot, trim } from "../storage/fixture.ts";
import type { Clock, StoreView } from "../../../node/ports/index.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";

const idle = { signal: new AbortController().signal, progress: () => undefined, pace: async () => undefined };

async function fixture(clock: Clock) {
  const store = new RowStore();
  const journal = await openJournal({ store, clock, log: quietLog, meter: quietMeter, identity });
  const log = await openAs(journal, slot, 1);
  const source = journalSource(
    { owned: () => journal.slots(), cut: async () => log.cut() },
    { read: async () => refused(failure("NOT_FOUND")) },
  );
  const backups = backupsOf();
  const run = () => runBackup(backups.ports, backups.repository, source, idle);
  const restored = async (snapshotNumber: number): Promise<ReadonlyMap<string, unknown>> => {
    const rows = new Map<string, unknown>();
    await recall(backups.ports, openRepository(backups.ports), { snapshot: snapshotNumber }, {
      async write({ name }, content) {
        for (const [key, value] of decodeRows(content)) rows.set(`${name.thread} ${name.type} ${key}`, value);
      },
    }, idle); // prettier-ignore
    return rows;
  };
  return { store, log, source, backups, run, restored };
}

/** What the disk has of a slot's actors, read without the code under test. */
function onDisk({ rows }: RowStore): ReadonlyMap<string, unknown> {
  const found = new Map<string, unknown>();
  for (const [key, value] of rows) {
    const [word, space, role, number, kind, name, ...rest] = key.split("/");
    if (word !== "side" || space !== "record" || `${role}/${number}` !== slot) continue;
    const own = rest.join("/");
    found.set(`${kind}/${name} ${own.split("/")[0]} ${own}`, decode(value.subarray(4)));
  }
  return found;
}

const recordsIn = (rows: ReadonlyMap<string, unknown>): Record<string, unknown> =>
  Object.fromEntries([...rows].filter(([place]) => !place.includes(" .state ")));

describe("a slot that is backed up", () => {
  const clock = flowingWorld().clock();
  it("ends nothing when an actor cannot be folded", async () => {
    const never = { type: "never was" };
    expect(() => stateOf("user/ada", [["entry/1", [1, 1, 1, 1, [never]]]])).to.throw("never was");
    // A promise that is broken outside ends the process after this turn.
    await new Promise((resolve) => setImmediate(resolve));
  });

  it("comes back with every record as it was at the cut, whatever was written, snapshotted and trimmed", async () => {
    const put = fc.record({
      put: fc.tuple(fc.constantFrom("message", "message-x", "m", "event"), fc.nat(20)),
      value: fc.string({ maxLength: 60 }),
    });
    const op = fc.oneof(
      { weight: 6, arbitrary: put },
      fc.record({ delete: fc.nat(20) }),
      fc.record({ from: fc.nat(20), to: fc.nat(20) }),
      fc.record({ alone: fc.string() }),
    );
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.record({ actor: fc.constantFrom("room/a", "room/a-b", "room/b"), ops: fc.array(op, { maxLength: 4 }) }) },
      { weight: 2, arbitrary: fc.constant("backup" as const) },
      { weight: 1, arbitrary: fc.constant("trim" as const) },
    ); // prettier-ignore
    const keyOf = (n: number): string => String(n).padStart(3, "0");
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { store, log, run, restored } = await fixture(clock);
        const moments = new Map<number, Record<string, unknown>>();
        for (const one of [...steps, "backup" as const]) {
          if (one === "backup") moments.set((await run()).snapshot.number, Object.fromEntries(onDisk(store)));
          else if (one === "trim") {
            for (const actor of log.actorsBelow(log.lastSeq))
              await snapshot(log, actor, log.lastSeq, { folded: log.lastSeq });
            await trim(log, log.durableSeq);
          } else {
            const side = one.ops.map((each): SideOp => {
              if ("put" in each) return { space: "record", put: `${each.put[0]}/${keyOf(each.put[1])}`, value: { atMs: 1_795_000_000_000, text: each.value } }; // prettier-ignore
              if ("delete" in each) return { space: "record", delete: `message/${keyOf(each.delete)}` };
              if ("alone" in each) return { space: "record", put: "message", value: each.alone };
              return {
                space: "record",
                deleteFrom: `message/${keyOf(each.from)}`,
                deleteTo: `message/${keyOf(each.to)}`,
              };
            });
            await append(log, draft(one.actor, "said", { side }));
          }
        }
        for (const [number, rows] of moments) expect(recordsIn(await restored(number))).to.deep.equal(rows);
      }),
      { numRuns: depth(25, 400) },
    );
  });

  it("brings an actor's state as the journal has it: its snapshot, the entries after it, and what waits", async () => {
    const { log, run, restored } = await fixture(clock);
    await append(log, draft("room/a", "one"));
    await snapshot(log, "room/a", 1, { folded: 1 });
    await append(log, draft("room/a", "two", { side: [{ space: "reminder", put: "r1", value: 5 }] }));
    await append(log, draft("room/b", "three"));
    const { snapshot: taken } = await run();
    const rows = await restored(taken.number);
    expect(rows.get("room/a .state snapshot")).to.deep.equal([1, { folded: 1 }]);
    expect(rows.get("room/a .state reminder/r1")).to.equal(5);
    const entries = [...rows]
      .filter(([place]) => place.includes(" entry/"))
      .map(([place, entry]) => [place.slice(-1), (entry as readonly unknown[])[4]]);
    expect(entries).to.deep.equal([
      ["2", [{ text: "two" }]],
      ["3", [{ text: "three" }]],
    ]);
  });

  it("comes without the records that say where bytes lie in this cluster, in a first run and in a later one", async () => {
    const { log, run, restored } = await fixture(clock);
    const write = (...keys: readonly string[]) =>
      append(
        log,
        draft("room/a", "said", { side: keys.map((put): SideOp => ({ space: "record", put, value: { put } })) }),
      );
    await write("kept/1", "striped/aa", "striped/ab", "striper/1");
    const { snapshot: first } = await run();
    expect(Object.keys(recordsIn(await restored(first.number)))).to.deep.equal([
      "room/a kept kept/1",
      "room/a striper striper/1",
    ]);
    await write("kept/2", "striped/ac");
    const { snapshot: second } = await run();
    expect(Object.keys(recordsIn(await restored(second.number))).toSorted()).to.deep.equal([
      "room/a kept kept/1",
      "room/a kept kept/2",
      "room/a striper striper/1",
    ]);
  });

  it("is read as it was when the run began on it, while writers go on", async () => {
    const { store, log, source, backups, restored } = await fixture(clock);
    const put = (n: number) =>
      append(log, draft("room/a", "said", { side: [{ space: "record", put: `message/${n}`, value: { n } }] }));
    for (let n = 100; n < 130; n += 1) await put(n);
    let moment: Record<string, unknown> | undefined;
    let n = 200;
    const pace = async (): Promise<void> => {
      moment ??= Object.fromEntries(onDisk(store));
      await put((n += 1));
    };
    const opened = {
      ...source,
      open: async (one: SlotId) => ((moment = Object.fromEntries(onDisk(store))), source.open(one)),
    };
    const { snapshot: taken } = await runBackup(backups.ports, backups.repository, opened, { ...idle, pace });
    expect(n).to.be.above(205);
    expect(recordsIn(await restored(taken.number))).to.deep.equal(moment);
  });

  it("is read in pieces of one read each, of which none is in another one, and comes back the same", async () => {
    const { store, log, backups, restored } = await fixture(clock);
    for (let n = 0; n < 600; n += 1)
      await append(
        log,
        draft(`room/r${n % 7}`, "said", { side: [{ space: "record", put: `message/${n + 100}`, value: { n } }] }),
      );
    let [isInOne, reads, readsOutside] = [false, 0, 0];
    const readsOfPieces: number[] = [];
    const piece = async <Answer>(work: () => Promise<Answer>): Promise<Answer> => {
      expect(isInOne, "a piece in another one").to.equal(false);
      [reads, isInOne] = [0, true];
      try {
        return await work();
      } finally {
        isInOne = false;
        readsOfPieces.push(reads);
      }
    };
    const counted = <Answer>(read: Promise<Answer>): Promise<Answer> => {
      if (isInOne) reads += 1;
      else readsOutside += 1;
      return read;
    };
    const cut = async () => {
      const { view, ...at } = await log.cut();
      const counting: StoreView = {
        get: (key) => counted(view.get(key)),
        range: (range) => counted(view.range(range)),
        close: () => view.close(),
      };
      return { ...at, view: counting };
    };
    const source = journalSource(
      { owned: async () => [slot], cut },
      { read: async () => refused(failure("NOT_FOUND")) },
    );
    const pacing: ReadPacing = { piece, part: (most, work) => piece(() => work(most)) };
    const { snapshot: taken } = await runBackup(backups.ports, backups.repository, pacedSource(source, pacing), idle);
    expect(recordsIn(await restored(taken.number))).to.deep.equal(Object.fromEntries(onDisk(store)));
    expect(readsOutside).to.equal(0);
    expect(Math.max(...readsOfPieces)).to.equal(1);
  });

  it("is not backed up when a row of it is damaged, and is named", async () => {
    const { store, log, run, restored } = await fixture(clock);
    await append(
      log,
      draft("room/a" as ActorId, "said", { side: [{ space: "record", put: "message/1", value: "text" }] }),
    );
    const [key] = [...store.rows.keys()].filter((one) => one.startsWith("side/record/"));
    store.rows.get(key!)![5]! ^= 1;
    const { missed, snapshot: taken } = await run();
    expect((await restored(taken.number)).size).to.equal(0);
    expect(missed.map(({ error }) => error.code)).to.deep.equal(["DATA_DAMAGED"]);
    expect(taken.missed).to.deep.equal([slot]);
  });
});

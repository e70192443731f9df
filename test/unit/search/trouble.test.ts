import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect } from "chai";
import { type Index } from "../../../node/search/index.ts";
import { indexHere } from "../../../node/search/place.ts";
import { searchLimits } from "../../../node/search/limits.ts";
import { Projection, type CommittedLog, type SlotFeed } from "../../../node/search/projection.ts";
import { openTable } from "../../../node/search/table.ts";
import type { Piece } from "../../../node/storage/index.ts";
import { encodeChunk, encodeEntry } from "../../../node/storage/layout.ts";
import { FindLate, IndexFull, IndexWorker } from "../../../node/search/worker.ts";
import { seal } from "../../../node/data-folder/seal.ts";
import { searchTerms, type ActorId, type RoomMessage, type SlotId } from "../../../protocols/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { World } from "../../world/index.ts";

const slot = "chat/1" as SlotId;
const den = "room/den" as ActorId;
const standing = { epoch: 1, seq: 5, checksum: 7 };

const messageOf = (seq: number, more: Partial<RoomMessage> = {}) =>
  ({ seq, author: "user/ada", text: "zebra", atMs: seq, ...more }) as RoomMessage;
const storedAt = (seq: number): string => `side/record/${slot}/${den}/message/${String(seq).padStart(16, "0")}`;
/** A record as it lies in the journal. */
const rowOf = (message: RoomMessage) => {
  const stored = storedAt(message.seq);
  return [den, stored.slice(stored.indexOf("message/")), stored, seal(stored, message)] as const;
};
const damaged = (row: ReturnType<typeof rowOf>) => {
  const bytes = Uint8Array.from(row[3]);
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
  return [row[0], row[1], row[2], bytes] as const;
};
type Rows = readonly (readonly [ActorId, string, string, Uint8Array])[];

/** All rows of a slot, and where it stands. */
async function fill(index: Index, rows: Rows, of = slot): Promise<void> {
  await index.ask("begin", { slot: of });
  await index.ask("add", { slot: of, rows });
  await index.ask("settle", { slot: of, at: standing });
}
const found = async (index: Index, text = "zebra"): Promise<readonly number[]> => {
  const { hits } = await index.ask("find", {
    query: { terms: searchTerms(text), limit: 50 },
    places: [[slot, [den]]],
  });
  return hits.map(({ seq }) => seq);
};

describe("search in trouble", () => {
  let folder: string;
  let file: string;
  const bytes = (): string =>
    readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), "latin1"))
      .join();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-search-"));
    file = join(folder, "found.db");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  describe("the file of an index", () => {
    it("is looked through when it was not closed, and not when it was", async () => {
      const index = indexHere(file);
      const texts = Array.from({ length: 2_000 }, (_, at) => rowOf(messageOf(at + 1, { text: `zebra word${at}` })));
      await fill(index, texts);
      await index.close();
      // A page of a table, which nothing reads that only opens the file.
      const whole = readFileSync(file);
      const pages = whole.length / 4_096;
      const torn = Buffer.from(whole);
      torn.fill(0xff, (pages - 2) * 4_096, (pages - 1) * 4_096);
      writeFileSync(file, torn);
      const closed = new IndexWorker(file);
      expect(closed.answer({ type: "open" })).to.have.property("size", 1);
      // Its process is killed: the file says so.
      writeFileSync(`${file}.killed`, readFileSync(file));
      writeFileSync(`${file}.killed-wal`, readFileSync(`${file}-wal`));
      const killed = new IndexWorker(`${file}.killed`);
      expect(killed.answer({ type: "open" })).to.have.property("size", 0);
      killed.answer({ type: "close" });
      openTable(`${file}.killed`).close();
    });

    it("has no name of an author and no place any more of which all messages are gone", async () => {
      const index = indexHere(file);
      const said = messageOf(1, { author: "user/zaphod", text: "zebra @trillian", mentions: ["user/trillian"] });
      await fill(index, [rowOf(said), rowOf(messageOf(2))]);
      await fill(
        index,
        [[`room/heartofgold` as ActorId, ...rowOf(messageOf(1)).slice(1)] as unknown as Rows[0]],
        "chat/2",
      );
      await index.ask("clean", {});
      for (const name of ["zaphod", "trillian", "heartofgold"]) expect(bytes()).to.include(name);
      await index.ask("clear", { slot: "chat/2" });
      const gone = { ...said, deletedAtMs: 9, text: "", mentions: [] };
      await index.ask("clear", { slot });
      await fill(index, [rowOf(gone), rowOf(messageOf(2))]);
      expect(await index.ask("clean", {})).to.include({ more: false });
      for (const name of ["zaphod", "trillian", "heartofgold"]) expect(bytes()).not.to.include(name);
      expect(bytes()).to.include("user/ada");
      await index.close();
    });

    it("loses what was deleted also where a name of an author cannot be removed", () => {
      const table = openTable(file);
      const said = { actor: den, seq: 1, atMs: 1, author: "user/ada", text: "kangaroo", thread: 1, mentions: [] };
      table.begin(slot);
      table.add(slot, [{ type: "said", said: { ...said, link: false, file: false, reaction: false } }]);
      const other = new DatabaseSync(file);
      other.exec("CREATE TRIGGER kept BEFORE DELETE ON author BEGIN SELECT RAISE(ABORT, 'no room'); END");
      table.forget(slot, [{ type: "gone", actor: den, from: 1, to: 2 }]);
      expect(bytes()).to.include("kangaroo");
      expect(() => table.clean()).to.throw("no room");
      expect(bytes()).not.to.include("kangaroo");
      other.exec("DROP TRIGGER kept");
      other.close();
      expect(table.clean()).to.equal(false);
      expect(bytes()).not.to.include("user/ada");
      table.close();
    });

    it("stands where it stood when there is no room, and is searched", async () => {
      const index = indexHere(undefined, { memoryBytesMax: 400_000 });
      const rows = (from: number): Rows =>
        Array.from({ length: 200 }, (_, at) => rowOf(messageOf(from + at, { text: `zebra word${from + at}` })));
      await fill(index, [rowOf(messageOf(1))]);
      await index.ask("begin", { slot: "chat/2" });
      let error: unknown;
      for (let at = 1; at < 200 && error === undefined; at += 1)
        await index.ask("add", { slot: "chat/2", rows: rows(at * 200) }).catch((thrown: unknown) => (error = thrown));
      expect(error).to.be.instanceOf(IndexFull);
      expect(await found(index)).to.deep.equal([1]);
      expect(await index.ask("open", {})).to.deep.equal(
        new Map([
          [slot, standing],
          ["chat/2", undefined],
        ]),
      );
      await index.ask("clear", { slot: "chat/2" });
      await index.close();
    });
  });

  describe("a search", () => {
    it("is given up in the index with the next message that is looked at", () => {
      const table = openTable(":memory:");
      table.begin(slot);
      const said = (seq: number) => ({
        actor: den,
        seq,
        atMs: seq,
        author: "user/ada",
        text: "zebra",
        thread: seq,
        mentions: [],
        link: false,
        file: false,
        reaction: false,
      });
      table.add(
        slot,
        Array.from({ length: 1_000 }, (_, at) => ({ type: "said" as const, said: said(at + 1) })),
      );
      let steps = 0;
      const step = (): void => {
        steps += 1;
        if (steps === 10) throw new FindLate();
      };
      const query = { terms: searchTerms("zebra"), limit: 50, best: true as const };
      expect(() => table.find(query, [[slot, [den]]], step)).to.throw(FindLate);
      expect(steps).to.equal(10);
      table.close();
    });

    it("that nobody waits for any more is not begun", async () => {
      const index = indexHere();
      await fill(index, [rowOf(messageOf(1))]);
      const late = new Int32Array(new SharedArrayBuffer(4));
      const asks = { query: { terms: searchTerms("zebra"), limit: 1 }, places: [[slot, [den]]] as const, late };
      expect((await index.ask("find", asks)).hits).to.have.length(1);
      Atomics.store(late, 0, 1);
      const error = await index.ask("find", asks).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(FindLate);
      expect(await found(index)).to.deep.equal([1]);
      await index.close();
    });
  });

  describe("the index follows", () => {
    let world: World;
    let figures: Map<string, number>;
    const projections: Projection[] = [];
    beforeEach(() => {
      world = new World(1);
      figures = new Map();
    });
    afterEach(() => Promise.all(projections.splice(0).map((one) => one.stop())));

    const follow = (index: Index, slots: Partial<SlotFeed>): Projection => {
      const projection = new Projection({
        index,
        slots: {
          committed: () => undefined,
          cut: () => Promise.reject(new Error("no cut")),
          isElsewhere: () => false,
          ...slots,
        },
        clock: world.clock(),
        log: quietLog,
        meter: {
          count: () => undefined,
          gauge: (name, value) => void figures.set(name, value),
          observeMs: () => undefined,
        },
      });
      projections.push(projection);
      return projection;
    };
    const logAt = (seq: number, more: Partial<CommittedLog> = {}): CommittedLog => ({
      epoch: 1,
      seq,
      holds: (at) => at.seq <= seq,
      withoutRecords: () => undefined,
      read: () => Promise.reject(new Error("not to be read")),
      confirm: (done) => done(undefined),
      ...more,
    });
    const cutOf =
      (rows: Rows, seq = standing.seq) =>
      async () =>
        ({
          slot,
          head: { lastEpoch: 1, lastSeq: seq, lastChecksum: 7 },
          view: {
            range: async ({ gte, lt, limit }: { gte: string; lt: string; limit: number }) =>
              rows
                .filter(([, , key]) => key >= gte && key < lt)
                .slice(0, limit)
                .map(([, , key, value]) => [key, value]),
            close: async () => undefined,
          },
        }) as never;
    const reached = (projection: Projection, seq = standing.seq) =>
      world.settle(projection.reach(slot, seq, world.clock().monotonicMs() + 500));

    it("a slot one of whose records cannot be read: the others are found, and it is counted until it is gone", async () => {
      const index = indexHere();
      const rows = [rowOf(messageOf(1)), damaged(rowOf(messageOf(2))), rowOf(messageOf(3))];
      const projection = follow(index, { committed: () => logAt(5), cut: cutOf(rows) });
      projection.start();
      expect(await reached(projection)).to.deep.equal(standing);
      expect(await found(index)).to.deep.equal([3, 1]);
      await world.pass(3_000);
      expect(figures.get("search_unread_messages")).to.equal(1);
      const again = follow(index, { committed: () => logAt(9), cut: cutOf(rows.slice(0, 1), 9) });
      await index.ask("clear", { slot });
      expect(await reached(again, 9)).to.include({ seq: 9 });
      await world.pass(3_000);
      expect(figures.get("search_unread_messages")).to.equal(0);
    });

    it("a log of which a part cannot be read, by its records", async () => {
      const index = indexHere();
      await fill(index, [rowOf(messageOf(1))]);
      const read = async () => ({ chunks: [[6, Uint8Array.from([1, 2, 3])]] }) as never;
      const rows = [rowOf(messageOf(1)), rowOf(messageOf(8))];
      const projection = follow(index, { committed: () => logAt(9, { read }), cut: cutOf(rows, 9) });
      expect(await reached(projection, 9)).to.include({ seq: 9 });
      expect(await found(index)).to.deep.equal([8, 1]);
    });

    it("nothing while the disk has no room, says so, and goes on by itself", async () => {
      let room = false;
      const asked: string[] = [];
      const inner = indexHere();
      const index: Index = {
        ...inner,
        hasRoom: () => room,
        ask: (type, asks) => (asked.push(type), inner.ask(type, asks)),
      };
      const projection = follow(index, { committed: () => logAt(5), cut: cutOf([rowOf(messageOf(1))]) });
      projection.wake(slot);
      await world.pass(30_000);
      expect(asked.filter((type) => !["open", "clean", "clear"].includes(type))).to.deep.equal([]);
      expect(figures.get("search_paused")).to.equal(1);
      room = true;
      await world.pass(60_000);
      expect(figures.get("search_paused")).to.equal(0);
      expect(await found(index)).to.deep.equal([1]);
    });

    /** A log behind the position where the index stands, one entry a chunk. */
    const chunksOf = (messages: readonly RoomMessage[]): readonly (readonly [number, Uint8Array])[] => {
      let { checksum } = standing;
      return messages.map((message, at) => {
        const side = [{ space: "record", put: `message/${message.seq}`, value: message } as const];
        const entry = { atMs: 1, actor: den, events: [], answers: [], side };
        const chunk = encodeChunk([encodeEntry(1, 6 + at, entry)], checksum);
        ({ checksum } = chunk);
        return [6 + at, chunk.bytes] as const;
      });
    };
    const logOf = (messages: readonly RoomMessage[]): CommittedLog => {
      const chunks = chunksOf(messages);
      const read = async (at: { readonly seq: number }) =>
        ({ chunks: chunks.filter(([first]) => first > at.seq) }) as unknown as Piece;
      return logAt(standing.seq + messages.length, { read });
    };

    it("what is deleted and edited while the disk has no room: the words go, and what is new comes with the room", async () => {
      let room = true;
      const index: Index = { ...indexHere(file), hasRoom: () => room };
      await fill(index, [rowOf(messageOf(1, { text: "kangaroo" })), rowOf(messageOf(2, { text: "wombat zebra" }))]);
      const log = logOf([
        messageOf(3, { text: "zebra three" }),
        messageOf(1, { text: "", deletedAtMs: 9 }),
        messageOf(2, { text: "zebra two" }),
      ]);
      const projection = follow(index, { committed: () => log, cut: cutOf([]) });
      room = false;
      projection.wake(slot);
      await world.pass(3_000);
      for (const word of ["kangaroo", "wombat"]) expect(bytes()).not.to.include(word);
      expect(await found(index)).to.deep.equal([]);
      expect(await reached(projection, 8)).to.deep.equal(standing);
      room = true;
      await world.pass(60_000);
      expect(await found(index)).to.deep.equal([3, 2]);
      expect(await reached(projection, 8)).to.include({ seq: 8 });
    });

    it("what is deleted and edited while SQLite itself says that there is no room", async () => {
      const index = indexHere(undefined, { memoryBytesMax: 400_000 });
      await fill(index, [rowOf(messageOf(1, { text: "kangaroo" })), rowOf(messageOf(2, { text: "wombat zebra" }))]);
      await index.ask("begin", { slot: "chat/2" });
      for (let count = 64, seq = 1; count >= 1; seq += count) {
        const rows = Array.from({ length: count }, (_, at) => rowOf(messageOf(seq + at, { text: `word${seq + at}` })));
        await index.ask("add", { slot: "chat/2", rows }).catch(() => (count = Math.floor(count / 2)));
      }
      const log = logOf([
        messageOf(3, { text: Array.from({ length: 2_000 }, (_, at) => `new${at}`).join(" ") }),
        messageOf(1, { text: "", deletedAtMs: 9 }),
        messageOf(2, { text: "zebra two" }),
      ]);
      const projection = follow(index, { committed: () => log, cut: cutOf([]) });
      projection.wake(slot);
      await world.pass(3_000);
      expect(figures.get("search_paused")).to.equal(1);
      expect(await reached(projection, 8)).to.deep.equal(standing);
      for (const word of ["kangaroo", "wombat"]) expect(await found(index, word)).to.deep.equal([]);
    });

    it("what was not committed yet of another slot when there was no room: it is taken back, told of nobody, and read again", async () => {
      const index = indexHere(undefined, { memoryBytesMax: 800_000 });
      await fill(index, [rowOf(messageOf(1))]);
      await fill(index, [], "chat/3");
      const small = logOf([messageOf(3, { text: "zebra three" }), messageOf(1, { text: "", deletedAtMs: 9 })]);
      const large = logOf([messageOf(3, { text: Array.from({ length: 60_000 }, (_, at) => `new${at}`).join(" ") })]);
      const projection = follow(index, { committed: (of) => (of === slot ? small : large), cut: cutOf([]) });
      projection.wake(slot);
      await world.pass(searchLimits.feedDelayMs + 1);
      expect(await found(index)).to.deep.equal([3]);
      expect(await reached(projection, 7)).to.include({ seq: 7 });
      projection.wake("chat/3");
      // SQLite says so when it commits.
      await world.pass(searchLimits.cleanAfterMs);
      expect(figures.get("search_paused")).to.equal(1);
      expect(await found(index)).to.deep.equal([1]);
      expect(await reached(projection, 7)).to.deep.equal(standing);
      await world.pass(searchLimits.roomLookMs);
      expect(await found(index)).to.deep.equal([3]);
      expect(await reached(projection, 7)).to.include({ seq: 7 });
      expect((await index.ask("open", {})).get("chat/3")).to.deep.equal(standing);
    });

    it("many slots in one transaction, which is on the disk when it is full or two seconds old", async () => {
      const index = indexHere(file);
      await fill(index, []);
      await index.ask("clean", {});
      const before = bytes();
      const projection = follow(index, {
        committed: () => logOf([messageOf(1, { text: "kangaroo" })]),
        cut: cutOf([]),
      });
      projection.wake(slot);
      await world.pass(searchLimits.feedDelayMs + 1);
      expect(await found(index, "kangaroo")).to.deep.equal([1]);
      expect(bytes()).to.equal(before);
      await world.pass(searchLimits.cleanAfterMs);
      expect(bytes()).to.include("kangaroo");
    });

    it("slots that lie half made in its file: they go where they are elsewhere, also where nothing is served", async () => {
      const before = indexHere(file);
      await before.ask("begin", { slot });
      await before.ask("add", { slot, rows: [rowOf(messageOf(1, { text: "halfmade" }))] });
      await before.close();
      const index: Index = { ...indexHere(file), isThere: () => true };
      follow(index, { isElsewhere: () => true }).start();
      await world.pass(60_000);
      expect(await index.ask("open", {})).to.deep.equal(new Map());
      expect(bytes()).not.to.include("halfmade");
    });

    it("slots over a file that is no index", async () => {
      writeFileSync(file, "this is none".repeat(1_000));
      const index: Index = { ...indexHere(file), isThere: () => true };
      const projection = follow(index, { committed: () => logAt(5), cut: cutOf([rowOf(messageOf(1))]) });
      projection.start();
      expect(await reached(projection)).to.deep.equal(standing);
      expect(await found(index)).to.deep.equal([1]);
    });
  });
});

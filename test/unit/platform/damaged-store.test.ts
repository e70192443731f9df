import { createHash } from "node:crypto";
import {
  cpSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { journalCheck } from "../../../cli/doctor/doctor-journal.ts";
import { doctor } from "../../../cli/doctor/index.ts";
import { parseConfig } from "../../../config/index.ts";
import { foundVoter } from "../../../node/cluster/directory/raft/disk.ts";
import { findFileDamage, openLevelStore, type FileDamage } from "../../../node/platform/index.ts";
import { writeHome, type Home } from "../../../node/data-folder/home.ts";
import type { NodeId, Store, StoreOp, StoreView } from "../../../node/ports/index.ts";
import { seal } from "../../../node/data-folder/seal.ts";
import { openJournal } from "../../../node/storage/index.ts";
import { failureOf, type SlotId } from "../../../protocols/index.ts";
import { isAll } from "../../depth.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { collected } from "../cli/fixture.ts";
import { append, draft, identity, must, openAs } from "../storage/fixture.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";

const rows = 1_000;
const keyOf = (row: number): string => `k/${String(row).padStart(4, "0")}`;
const all = { gte: "k/", lt: "k0" };

/** Bytes that do not compress, so that a table is as long as what is in it. */
const noise = (seed: string, length: number): Buffer => {
  const parts: Buffer[] = [];
  for (let part = 0; part * 64 < length; part += 1) parts.push(createHash("sha512").update(`${seed}/${part}`).digest());
  return Buffer.concat(parts).subarray(0, length);
};
const put = (row: number): StoreOp => ({ type: "put", key: keyOf(row), value: noise(keyOf(row), 200) });

type Block = Extract<FileDamage, { readonly offset: number }>;
const blocksIn = async (folder: string): Promise<readonly Block[]> =>
  (await findFileDamage(folder)).filter((damage): damage is Block => "offset" in damage);

/** The one table of a folder, or its one log. */
function fileOf(folder: string, ending: ".ldb" | ".log"): string {
  const [name, ...others] = readdirSync(folder).filter((file) => file.endsWith(ending));
  if (name === undefined || others.length > 0) throw new Error(`${folder} has not one ${ending}`);
  return join(folder, name);
}

function overwrite(file: string, offset: number, bytes: Uint8Array): void {
  const opened = openSync(file, "r+");
  writeSync(opened, bytes, 0, bytes.length, offset);
  closeSync(opened);
}

/** No block can be taken apart whose last bytes are these: there is no such kind of compression. */
function ruin(file: string, [from, to]: readonly [from: number, to: number]): void {
  const { length } = readFileSync(file);
  overwrite(file, Math.floor(from * length), Buffer.alloc(Math.floor((to - from) * length), 0xff));
}

/** Moves what is in Level's log into a table. */
async function tidied(folder: string): Promise<string> {
  await (await openLevelStore(folder)).close();
  return fileOf(folder, ".ldb");
}

async function failureIn(work: Promise<unknown>): Promise<{ readonly code: string; readonly file: unknown }> {
  const { code, details } = await work.then(() => expect.fail("nothing was found"), failureOf);
  return { code, file: details?.["file"] };
}

describe("a Level store with damaged files", () => {
  let folder: string;
  let table: string;
  let store: Store | undefined;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "plexus-damage-"));
    const written = await openLevelStore(folder);
    await written.batch(
      Array.from({ length: rows }, (_, row) => put(row)),
      { sync: true },
    );
    await written.close();
    table = await tidied(folder);
  });
  afterEach(async () => {
    await store?.close();
    store = undefined;
    rmSync(folder, { recursive: true, force: true });
  });
  const opened = async (): Promise<Store> => (store = await openLevelStore(folder));

  describe("in the middle of a table", () => {
    let view: StoreView | undefined;
    /** A row that was there. */
    let lost: string;

    beforeEach(async () => {
      ruin(table, [0.4, 0.45]);
      const [, block] = await blocksIn(folder);
      lost = block?.rows?.through ?? "";
      expect(lost > keyOf(300) && lost < keyOf(600), lost).to.equal(true);
      view = (await opened()).view();
    });
    afterEach(() => view?.close());

    const reads: readonly (readonly [string, (from: Store, at: StoreView) => Promise<unknown>])[] = [
      ["a row", (from) => from.get(lost)],
      ["a range", (from) => from.range(all)],
      ["the keys of a range", (from) => from.keys(all)],
      ["a page across it", (from) => from.range({ ...all, limit: 700 })],
      ["a page across it, backwards", (from) => from.range({ ...all, limit: 700, reverse: true })],
      ["a page of keys across it", (from) => from.keys({ ...all, limit: 700 })],
      ["the first key from there on", (from) => from.keys({ gte: lost, lt: all.lt, limit: 1 })],
      ["a row of a view", (_, at) => at.get(lost)],
      ["a range of a view", (_, at) => at.range(all)],
      ["a page of a view across it", (_, at) => at.range({ ...all, limit: 700 })],
      [
        "all of a view in pages",
        async (_, at) => {
          for await (const page of at.scan?.(all, 4_096) ?? []) expect(page).not.to.have.length(0);
        },
      ],
    ];
    for (const [what, read] of reads)
      it(`says so to who reads ${what}`, async () => {
        const { code, file } = await failureIn(read(store as Store, view as StoreView));
        expect(code).to.equal("DATA_DAMAGED");
        expect(file).to.be.a("string").and.include(`${folder}#k/`);
      });

    it("reads what is elsewhere, and takes what is new", async () => {
      const here = store as Store;
      expect(await here.get(keyOf(0))).to.deep.equal(noise(keyOf(0), 200));
      expect(await here.range({ ...all, limit: 100 })).to.have.length(100);
      expect(await here.keys({ ...all, limit: 100, reverse: true })).to.have.length(100);
      expect(await view?.range({ gte: keyOf(900), lt: all.lt })).to.have.length(100);
      await here.batch([{ type: "put", key: lost, value: noise("new", 10) }], { sync: true });
      expect(await here.get(lost)).to.deep.equal(noise("new", 10));
    });
  });

  it("says so when a table does not say where its rows are", async () => {
    overwrite(table, readFileSync(table).length - 48, Buffer.alloc(48));
    expect((await failureIn((await opened()).get(keyOf(0)))).code).to.equal("DATA_DAMAGED");
    await store?.close();
    // Both blocks begin behind the end of any file, at 2^49.
    overwrite(table, readFileSync(table).length - 48, Buffer.from("808080808080800100".repeat(2), "hex"));
    overwrite(table, readFileSync(table).length - 8, Buffer.from("57fb808b247547db", "hex"));
    expect((await failureIn((await opened()).range(all))).code).to.equal("DATA_DAMAGED");
  });

  it("finds rows that a damaged filter denies", async () => {
    const { length } = readFileSync(table);
    const isFilter = async (offset: number): Promise<Block | undefined> => {
      const before = readFileSync(table).subarray(offset, offset + 1);
      overwrite(table, offset, Buffer.from([(before[0] ?? 0) ^ 1]));
      const [found] = await blocksIn(folder);
      overwrite(table, offset, before);
      // Any of all rows may be denied.
      return found?.rows !== undefined && found.rows.after === undefined ? found : undefined;
    };
    let filter: Block | undefined;
    for (let offset = length - 64; filter === undefined; offset -= 64) filter = await isFilter(offset);
    overwrite(table, filter.offset, Buffer.alloc(rows));
    const here = await opened();
    for (let row = 0; row < rows; row += 7) expect(await here.get(keyOf(row)), keyOf(row)).to.have.length(200);
    expect(await here.get("k/none")).to.equal(undefined);
  });

  it("refuses to open without a table that belongs to it", async () => {
    rmSync(table);
    expect((await failureIn(openLevelStore(folder))).code).to.equal("DATA_DAMAGED");
  });
});

describe("the files of a Level store", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "plexus-files-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Flips a bit of each so many bytes, and gives what is found of each. */
  async function flips(file: string, step: number, check: (offset: number, found: readonly Block[]) => void) {
    const good = readFileSync(file);
    for (let offset = 0; offset < good.length; offset += step) {
      const bad = Buffer.from(good);
      bad[offset] = (bad[offset] ?? 0) ^ (1 << (offset % 8));
      writeFileSync(file, bad);
      check(offset, await blocksIn(folder));
    }
    writeFileSync(file, good);
    expect(await findFileDamage(folder)).to.deep.equal([]);
  }

  it("show every wrong byte of a table, and which rows are in its block", async () => {
    const store = await openLevelStore(folder);
    // Rows that compress, so that the index does as well as the blocks.
    const ops = Array.from(
      { length: 400 },
      (_, row): StoreOp => ({ ...put(row), value: Buffer.alloc(300, row) }) as StoreOp,
    );
    await store.batch(ops, { sync: true });
    await store.close();
    const table = await tidied(folder);
    const { length } = readFileSync(table);
    const without = new Set<number>();
    await flips(table, isAll ? 7 : 23, (offset, found) => {
      if (found.length === 0) without.add(offset);
      for (const block of found) {
        if (block.rows === undefined) continue;
        expect(offset).to.be.within(block.offset, block.offset + block.length + 4);
        expect(block.rows.through >= (block.rows.after ?? "k/")).to.equal(true);
      }
    });
    // Zeros that say nothing fill the end up to a fixed length.
    expect([...without].every((offset) => offset > length - 48)).to.equal(true);
  });

  it("show a wrong byte in the log, but not that its end is torn, which a power loss may do", async () => {
    const store = await openLevelStore(folder);
    const batch = (row: number, length: number): StoreOp[] => [
      put(row),
      { type: "put", key: keyOf(row + 100), value: noise("long", length) },
    ];
    for (let row = 0; row < 100; row += 1) await store.batch(batch(row, row === 50 ? 100_000 : 100), { sync: true });
    const sure = readFileSync(fileOf(folder, ".log")).length;
    // In several parts: a power loss may leave any of them.
    await store.batch(batch(100, 100_000), { sync: false });
    const copy = readFileSync(fileOf(folder, ".log"));
    await store.close();
    // The log that a process leaves that was killed.
    rmSync(folder, { recursive: true });
    await (await openLevelStore(folder)).close();
    const left = fileOf(folder, ".log");
    writeFileSync(left, copy);
    await flips(left, 499, (offset, found) => expect(found, String(offset)).to.have.length(offset < sure ? 1 : 0));
    for (const torn of [1, 100, 450]) {
      writeFileSync(left, copy.subarray(0, copy.length - torn));
      expect(await findFileDamage(folder)).to.deep.equal([]);
    }
    writeFileSync(left, Buffer.concat([copy.subarray(0, -100), Buffer.alloc(100)]));
    expect(await findFileDamage(folder)).to.deep.equal([]);
  });

  it("count only where the manifest names them", async () => {
    const store = await openLevelStore(folder);
    await store.batch([put(1)], { sync: true });
    await store.close();
    const table = await tidied(folder);
    writeFileSync(join(folder, "000999.ldb"), "half a table");
    expect(await findFileDamage(folder)).to.deep.equal([]);
    // Where it cannot be read, Level does not open the folder either.
    writeFileSync(join(folder, "CURRENT"), "MANIFEST-000998\n");
    expect((await findFileDamage(folder)).map(({ file }) => file)).to.deep.equal([
      join(folder, "MANIFEST-000998"),
      join(folder, "000999.ldb"),
    ]);
    expect(readFileSync(table).length).to.be.above(0);
  });
});

/** As a node has it that is not the one with the directory. */
const home: Home = {
  cluster: identity.cluster,
  directory: { kind: "embedded", host: "n2" as NodeId },
  members: [],
  starts: 1,
};

describe("the doctor of a damaged journal", () => {
  const clock = flowingWorld().clock();
  let whole: string;
  let data: string;
  let folder: string;

  before(async () => {
    whole = mkdtempSync(join(tmpdir(), "plexus-doctor-whole-"));
    const store = await openLevelStore(whole);
    const journal = await openJournal({
      store,
      clock,
      log: quietLog,
      meter: quietMeter,
      identity,
    });
    for (const slot of ["chat/7", "chat/9"] as SlotId[]) {
      const log = await openAs(journal, slot, 1);
      for (let entry = 0; entry < 100; entry += 1)
        must(await append(log, draft("room/lobby", noise(`${slot}/${entry}`, 500).toString("base64"))));
    }
    await writeHome(store, home);
    await store.close();
  });
  after(() => rmSync(whole, { recursive: true, force: true }));
  beforeEach(() => {
    data = mkdtempSync(join(tmpdir(), "plexus-doctor-"));
    folder = join(data, "journal");
    cpSync(whole, folder, { recursive: true });
  });
  /** Changes rows as damage would that no checksum shows any more. */
  const change = async (...ops: readonly StoreOp[]): Promise<void> => {
    const store = await openLevelStore(folder);
    await store.batch(ops, { sync: true });
    await store.close();
  };
  afterEach(() => rmSync(data, { recursive: true, force: true }));

  it("finds nothing in a whole one, nor where there is none", async () => {
    expect(await journalCheck(data)).to.deep.include({ state: "good", says: "200 entries in 2 slots, all intact" });
    expect(await journalCheck(join(data, "none"))).to.deep.include({ state: "good" });
  });

  it("names the slot whose block cannot be read, and says of the others that they are whole", async () => {
    ruin(await tidied(folder), [0.2, 0.25]);
    const { state, says, hint } = await journalCheck(data);
    expect(state).to.equal("bad");
    expect(says).to.include('"slot":"chat/7"').and.include('"after":"log/chat/7/').and.not.include("chat/9");
    expect(hint).to.include("evict").and.include("backup").and.include("docs/operate/");
  });

  it("says that the folder has lost its format mark, and looks at the slots all the same", async () => {
    await change({ type: "del", key: "meta/format" }, { type: "del", key: "head/chat/7" });
    const { state, says, hint } = await journalCheck(data);
    expect(state).to.equal("bad");
    expect(says).to.include('"part":"format mark","key":"meta/format"').and.include('"slot":"chat/7"');
    expect(hint).to.include("an empty folder");
  });

  it("says that what the folder knows of its cluster is missing, or is of another cluster", async () => {
    await change({ type: "del", key: "meta/home" });
    expect((await journalCheck(data)).says)
      .to.include('"part":"home"')
      .and.include("missing");
    await change({ type: "put", key: "meta/home", value: seal("meta/home", { ...home, cluster: "c2" }) });
    expect((await journalCheck(data)).says)
      .to.include('"part":"home"')
      .and.include("c2")
      .and.include("c1");
    await change({ type: "put", key: "meta/home", value: Buffer.from("anything") });
    expect((await journalCheck(data)).says)
      .to.include('"part":"home"')
      .and.include("checksum mismatch");
  });

  it("says what is damaged of the directory of a voter", async () => {
    const store = await openLevelStore(folder);
    const image = { revision: 3, rows: [{ key: "policy", value: { replicas: 3, minInSync: 1 }, revision: 3 }] };
    await foundVoter(store, { generation: 1, begun: { members: { voters: ["n1"], learners: [] }, image } });
    await store.close();
    expect(await journalCheck(data)).to.include({ state: "good" });
    await change({ type: "put", key: "replicated/row/policy", value: Buffer.from("anything") });
    const { says, hint } = await journalCheck(data);
    expect(says).to.include('"part":"directory"').and.include("replicated/row/policy");
    expect(hint).to.include("an empty folder");
  });

  it("says that the directory is missing where it is kept", async () => {
    const host = { ...home, directory: { kind: "embedded", host: identity.node } };
    await change({ type: "put", key: "meta/home", value: seal("meta/home", host) });
    expect((await journalCheck(data)).says)
      .to.include('"part":"directory"')
      .and.include("missing");
  });

  it("takes a folder from before there were many nodes as it is", async () => {
    const key = "directory/chat/7";
    const old = { slot: "chat/7", owner: "n1", epoch: 1, revision: 1 };
    await change({ type: "del", key: "meta/home" }, { type: "put", key, value: seal(key, old) });
    expect(await journalCheck(data)).to.deep.include({ state: "good" });
  });

  it("goes on when not even the list of slots can be read", async () => {
    const table = await tidied(folder);
    ruin(table, [0, 0.06]);
    ruin(table, [0.7, 0.75]);
    const { state, says } = await journalCheck(data);
    expect(state).to.equal("bad");
    expect(says).to.include('"part":"list of slots"').and.include('"part":"directory"');
    expect(says).to.include('"after":"log/chat/9/');
  });

  it("sees what Level reads without complaint", async () => {
    const table = await tidied(folder);
    const at = readFileSync(table).indexOf("room/lobby");
    overwrite(table, at, Buffer.from("room/Lobby"));
    const { says } = await journalCheck(data);
    expect(says).to.include('"slot":"chat/7","seq":').and.include("checksum mismatch").and.include(table);
  });

  it("says that files are missing, where Level does not open the folder", async () => {
    rmSync(await tidied(folder));
    const { says, hint } = await journalCheck(data);
    expect(says).to.include('"part":"all"').and.include("missing");
    expect(hint).to.include("evict");
  });

  it("reads no table that does not say where its rows are", async () => {
    const table = await tidied(folder);
    // Where its index is.
    overwrite(table, readFileSync(table).length - 48, Buffer.alloc(20, 0x7f));
    const { says } = await journalCheck(data);
    expect(says).to.include('"part":"all"').and.include(table);
  });

  it("reports it among everything else, and in its exit code", async () => {
    ruin(await tidied(folder), [0.2, 0.25]);
    const machine = { workFolder: data, dataFolder: data, hostname: "here", models: [] };
    const output = collected();
    expect(await doctor(parseConfig({ flags: { port: 0 } }, machine), { json: true }, output)).to.equal(1);
    const { checks } = JSON.parse(output.out.join("")) as { checks: { name: string; state: string }[] };
    expect(checks.find(({ name }) => name === "Journal")?.state).to.equal("bad");
    expect(checks.map(({ name }) => name)).to.include.members(["Node", "Data folder", "Port"]);
  });
});

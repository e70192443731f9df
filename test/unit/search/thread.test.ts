import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { indexInThread, type Index } from "../../../node/search/index.ts";
import { searchTerms, type ActorId, type SlotId } from "../../../protocols/index.ts";
import { seal } from "../../../node/data-folder/seal.ts";

describe("search: the index in its thread", () => {
  const slot = "chat/1" as SlotId;
  const actor = "room/den" as ActorId;
  const at = { epoch: 1, seq: 3, checksum: 7 };
  let folder: string;
  let file: string;
  const opened: Index[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-search-"));
    file = join(folder, "search", "index.sqlite");
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((index) => index.close()));
    rmSync(folder, { recursive: true });
  });

  const open = (hides: () => boolean = () => false): Index => {
    const index = indexInThread({ file, hides, hasRoom: () => true });
    opened.push(index);
    return index;
  };
  const begin = async (index: Index): Promise<Index> => {
    await index.ask("begin", { slot });
    return index;
  };
  const say = (index: Index, seq: number, text: string, deletedAtMs?: number) => {
    const key = `message/${seq}`;
    const stored = `side/record/${slot}/${actor}/${key}`;
    const message = { seq, author: "user/ada", text, atMs: seq, ...(deletedAtMs && { deletedAtMs }) };
    return index.ask("add", { slot, rows: [[actor, key, stored, seal(stored, message)]] });
  };
  const seqs = async (index: Index, text: string): Promise<readonly number[]> => {
    const query = { terms: searchTerms(text), limit: 10 };
    return (await index.ask("find", { query, places: [[slot, [actor]]] })).hits.map(({ seq }) => seq);
  };
  const onDisk = (word: string): readonly string[] =>
    readdirSync(dirname(file)).filter((name) => readFileSync(join(dirname(file), name)).includes(word));

  it("is there again after a stop, with where it stood", async () => {
    const first = await begin(open());
    await say(first, 1, "a zebra");
    await first.ask("settle", { slot, at });
    await first.close();
    const second = open();
    expect([...(await second.ask("open", {}))]).to.deep.equal([[slot, at]]);
    expect(await seqs(second, "zebra")).to.deep.equal([1]);
  });

  it("does not call a slot whole that was not settled", async () => {
    const first = await begin(open());
    await say(first, 1, "a zebra");
    await first.close();
    expect([...(await open().ask("open", {}))]).to.deep.equal([[slot, undefined]]);
  });

  for (const [what, bytes] of [
    ["damaged", Buffer.alloc(65_536, 7)],
    ["cut", Buffer.from("SQLite format 3\0")],
  ] as const)
    it(`is empty, and takes rows, where its file is ${what}`, async () => {
      const first = await begin(open());
      await say(first, 1, "a zebra");
      await first.ask("settle", { slot, at });
      await first.close();
      writeFileSync(file, bytes);
      const second = open();
      expect([...(await second.ask("open", {}))]).to.deep.equal([]);
      await begin(second);
      await say(second, 1, "a zebra");
      expect(await seqs(second, "zebra")).to.deep.equal([1]);
    });

  it("leaves no byte of what was deleted in its files", async () => {
    const index = await begin(open());
    for (let seq = 1; seq <= 300; seq += 1) await say(index, seq, seq === 150 ? "a kangaroo" : `word${seq} and others`);
    expect(onDisk("kangaroo")).not.to.deep.equal([]);
    await say(index, 150, "", 1);
    await index.ask("clean", {});
    expect(onDisk("kangaroo")).to.deep.equal([]);
    await say(index, 151, "edited to a wombat");
    await say(index, 151, "edited again");
    await index.ask("clean", {});
    expect(onDisk("wombat")).to.deep.equal([]);
    expect(await seqs(index, "edited")).to.deep.equal([151]);
  });

  it("leaves no byte of it after a kill, either", async () => {
    const index = await begin(open());
    await say(index, 1, "a kangaroo");
    await say(index, 1, "", 1);
    // What a kill leaves: the files as they are while the index is open.
    const left = join(folder, "left");
    cpSync(dirname(file), left, { recursive: true });
    file = join(left, "index.sqlite");
    expect(onDisk("kangaroo")).not.to.deep.equal([]);
    await open().ask("clean", {});
    expect(onDisk("kangaroo")).to.deep.equal([]);
  });

  it("keeps what else there is where a record cannot be read, and counts it", async () => {
    const index = await begin(open());
    await say(index, 1, "a zebra");
    await index.ask("settle", { slot, at });
    const other = "chat/2" as SlotId;
    await index.ask("begin", { slot: other });
    const rows = [[actor, "message/1", "a key", Buffer.from("no record")]] as const;
    expect(await index.ask("add", { slot: other, rows })).to.equal(true);
    expect(await index.ask("clean", {})).to.deep.equal({ more: false, unread: 1 });
    expect(await seqs(index, "zebra")).to.deep.equal([1]);
  });

  it("is in memory while the disk is encrypted, and its file goes", async () => {
    let hides = false;
    const index = await begin(open(() => hides));
    await say(index, 1, "a zebra");
    expect(existsSync(file)).to.equal(true);
    hides = true;
    const lost = await index.ask("clean", {}).catch((error: unknown) => error);
    expect(lost).to.be.an("error");
    expect(existsSync(file)).to.equal(false);
    await begin(index);
    await say(index, 2, "a zebra");
    expect(await seqs(index, "zebra")).to.deep.equal([2]);
    expect(existsSync(file)).to.equal(false);
  });
});

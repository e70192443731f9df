import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { changeOf, changesOf } from "../../../node/search/changes.ts";
import { textExpression } from "../../../node/search/expression.ts";
import { mergeHits, type Hit } from "../../../node/search/query.ts";
import { inMemory, openTable } from "../../../node/search/table.ts";
import { searchTerms, type ActorId, type SlotId } from "../../../protocols/index.ts";
import { searchLimits } from "../../../node/search/limits.ts";

describe("search: the table of an index", () => {
  const slot = "chat/1" as SlotId;
  const bare = { link: false, file: false, reaction: false };
  const place = (at: number): ActorId => `room/r${at}` as ActorId;

  it("says nothing of places that were not asked for, however many of their messages have the words", () => {
    const table = openTable(inMemory, { placesInIndex: 4 });
    const own = Array.from({ length: 1_000 }, (_, at) => place(at));
    const say = (actor: ActorId, seq: number, atMs: number) => {
      const said = { actor, seq, atMs, author: "user/ada", text: "zebra", thread: seq, mentions: [], ...bare };
      return { type: "said" as const, said };
    };
    table.begin(slot);
    table.add(
      slot,
      [...own, place(-1)].map((actor, at) => say(actor, 1, at)),
    );
    const others = Array.from({ length: searchLimits.lookedMax + 1 }, (_, at) => say(place(-1), at + 2, 10_000 + at));
    table.add(slot, others);
    const query = { terms: searchTerms("zebra"), limit: 2 };
    const { hits, ...rest } = table.find(query, [[slot, own]]);
    expect(rest).to.deep.equal({ more: true });
    expect(hits).to.deep.equal([
      { actor: place(999), seq: 1, atMs: 999 },
      { actor: place(998), seq: 1, atMs: 998 },
    ]);
    expect(table.find({ terms: searchTerms("zebra zebra"), limit: 2 }, [[slot, own.slice(0, 5)]]).hits).to.have.length(
      2,
    );
    table.close();
  });

  it("looks for two short beginnings, and leaves the others to the texts", () => {
    const expression = (text: string) => textExpression(searchTerms(text), false, () => true);
    expect(expression("a* b* c* d* zebra* word")).to.equal('("a" * AND "b" * AND "zebra" * AND "word")');
    expect(expression("京 都 東 京都")).to.equal('("京" * AND "都" * AND "京都")');
    expect(expression("abc* abd* abe*")).to.equal('("abc" * AND "abd" * AND "abe" *)');
  });

  it("finds what has all short beginnings, however many newer messages have only those that it was asked for", () => {
    const table = openTable(inMemory);
    const say = (text: string, seq: number) => {
      const said = { actor: place(1), seq, atMs: seq, author: "user/ada", text, thread: seq, mentions: [], ...bare };
      return { type: "said" as const, said };
    };
    table.begin(slot);
    table.add(slot, [say("apple berry citrus", 1)]);
    table.add(
      slot,
      Array.from({ length: 2 * searchLimits.rankedMax }, (_, at) => say("apple berry", at + 2)),
    );
    for (const order of [{}, { best: true as const }]) {
      const query = { terms: searchTerms("ap* be* ci*"), limit: 2, ...order };
      const found: number[] = [];
      let behind: Hit | undefined;
      for (let rounds = 0; rounds < 3; rounds += 1) {
        const said = table.find({ ...query, ...(behind && { behind }) }, [[slot, [place(1)]]]);
        found.push(...said.hits.map(({ seq }) => seq));
        behind = mergeHits(query, [said]).end;
        expect(said.more, `round ${rounds}`).to.equal(behind !== undefined);
        if (behind === undefined) break;
      }
      expect(found).to.deep.equal([1]);
      expect(behind).to.equal(undefined);
    }
    table.close();
  });

  it("narrows by file and reaction, as the record of a message has them", () => {
    const table = openTable(inMemory);
    table.begin(slot);
    const records = [
      {},
      { files: [{ id: "f1", name: "Budget_2026.pdf" }], reactions: { "👍": ["user/bob"] } },
      { files: [], reactions: { "👍": [] } },
      { text: "", files: [{ id: "f2", name: "https://budget" }] },
    ];
    const changes = records.flatMap((record, at) => {
      const message = { seq: at + 1, author: "user/ada", text: "zebra", atMs: at, ...record };
      return changeOf(place(1), `message/${at + 1}`, () => message) ?? [];
    });
    table.add(slot, changes);
    const seqs = (fields: object): readonly number[] =>
      table.find({ terms: [], limit: 9, ...fields }, [[slot, [place(1)]]]).hits.map(({ seq }) => seq);
    expect(seqs({ hasFile: true })).to.deep.equal([4, 2]);
    expect(seqs({ hasReaction: true })).to.deep.equal([2]);
    expect(seqs({ hasFile: true, terms: searchTerms("zebra") })).to.deep.equal([2]);
    expect(seqs({ terms: searchTerms("budget") })).to.deep.equal([4, 2]);
    expect(seqs({ terms: searchTerms("zebra budget pdf") }), "the text and a name").to.deep.equal([2]);
    expect(seqs({ hasLink: true }), "a link is what the author wrote").to.deep.equal([]);
    table.close();
  });

  it("finds a message once by the texts of its files, narrowed as the message is, and forgets them with it", () => {
    const table = openTable(inMemory);
    table.begin(slot);
    const room = place(1);
    const record = (key: string, value: object) => changeOf(room, key, () => value) ?? [];
    const message = { seq: 1, author: "user/ada", text: "notes", atMs: 1, files: [{ id: "f1", name: "a.txt" }] };
    const texts = [0, 1].map((at) => record(`text/0001/0${at}`, { id: `f${at}`, text: `zebra number${at}` }));
    table.add(slot, [record("message/0001", message), ...texts].flat());
    const seqs = (text: string, fields: object = {}): readonly number[] =>
      table.find({ terms: searchTerms(text), limit: 9, ...fields }, [[slot, [room]]]).hits.map(({ seq }) => seq);
    expect(seqs("zebra"), "two files, one message").to.deep.equal([1]);
    expect(seqs("zebra number1")).to.deep.equal([1]);
    expect(seqs("notes zebra"), "a file says all of it, or the message").to.deep.equal([]);
    expect(seqs("zebra", { hasFile: true, author: "user/ada" })).to.deep.equal([1]);
    expect(seqs("zebra", { hasReaction: true })).to.deep.equal([]);
    table.add(slot, [record("message/0001", { ...message, reactions: { "👍": ["user/bob"] } })].flat());
    expect(seqs("zebra", { hasReaction: true })).to.deep.equal([1]);
    expect(seqs("zebra", { hasReaction: true, hasLink: true })).to.deep.equal([]);
    // Without room an edit leaves the texts of files where they are: nobody writes them again.
    table.forget(slot, [record("message/0001", { ...message, text: "other" })].flat());
    expect(seqs("notes")).to.deep.equal([]);
    expect(seqs("zebra")).to.deep.equal([1]);
    table.add(slot, changesOf({ actor: room, side: [{ space: "record", delete: "text/0001/00" }] }));
    expect(seqs("number0")).to.deep.equal([]);
    table.add(slot, [record("message/0001", { ...message, text: "", deletedAtMs: 2 })].flat());
    expect(seqs("zebra")).to.deep.equal([]);
    table.add(slot, texts.flat());
    expect(seqs("zebra"), "of no message").to.deep.equal([]);
    table.close();
  });

  it("does not write the texts of files again when a reaction comes or goes", () => {
    const folder = mkdtempSync(join(tmpdir(), "plexus-search-"));
    const table = openTable(join(folder, "index"));
    table.begin(slot);
    const room = place(1);
    const record = (key: string, value: object) => changeOf(room, key, () => value) ?? [];
    const message = { seq: 1, author: "user/ada", text: "notes", atMs: 1, files: [{ id: "f0", name: "a.txt" }] };
    const long = Array.from({ length: 20_000 }, (_, at) => `zebra${at}`).join(" ");
    table.add(slot, [record("message/0001", message), record("text/0001/00", { id: "f0", text: long })].flat());
    while (table.clean());
    const written = (): number => statSync(join(folder, "index-wal")).size;
    for (let time = 0; time < 10; time += 1) {
      const reactions = time % 2 === 0 ? { "👍": ["user/bob"] } : {};
      table.add(slot, [record("message/0001", { ...message, reactions })].flat());
    }
    expect(written()).to.be.below(1024 * 1024);
    table.close();
    rmSync(folder, { recursive: true });
  });
});

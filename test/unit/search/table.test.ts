import { expect } from "chai";
import { inMemory, openTable } from "../../../node/search/table.ts";
import { searchTerms, type ActorId, type SlotId } from "../../../protocols/index.ts";
import { searchLimits } from "../../../node/search/limits.ts";

describe("search: the table of an index", () => {
  const slot = "chat/1" as SlotId;
  const place = (at: number): ActorId => `room/r${at}` as ActorId;

  it("says nothing of places that were not asked for, however many of their messages have the words", () => {
    const table = openTable(inMemory);
    const own = Array.from({ length: 1_000 }, (_, at) => place(at));
    const say = (actor: ActorId, seq: number, atMs: number) => {
      const said = { actor, seq, atMs, author: "user/ada", text: "zebra", thread: seq, mentions: [] };
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
});

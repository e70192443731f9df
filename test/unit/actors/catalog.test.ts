import { expect } from "chai";
import { assert, catalogCommands, encodedBytesMax, wireLimits, type CatalogPage } from "../../../protocols/index.ts";
import { catalog } from "../../../actors/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { Fixture } from "./fixture.ts";

const rooms = "catalog/rooms";
const put = (key: string, title = key) => ({ type: "put", key, title, detail: "", atMs: 1 });

function filled(count: number): Fixture {
  const fixture = new Fixture();
  for (let index = 0; index < count; index += 1) {
    const key = `r${String(index).padStart(6, "0")}`;
    fixture.begin(`room/${key}`, rooms, put(key, `Room ${index}`));
  }
  fixture.settle(1_000_000);
  return fixture;
}

const find = (fixture: Fixture, more: object): CatalogPage => fixture.ok("user/ada", rooms, { type: "find", ...more });
const keys = ({ rows }: CatalogPage): readonly string[] => rows.map(({ key }) => key);

describe("a catalog", () => {
  it("takes a row only from the actor it describes", () => {
    const fixture = new Fixture();
    for (const [from, to] of [
      ["room/a", "catalog/users"],
      ["user/a", rooms],
      ["room/b", rooms],
      ["gateway", rooms],
      ["room/a", "catalog/other"],
    ] as const)
      for (const command of [put("a"), { type: "remove", key: "a" }])
        expect(fixture.code(from, to, command), `${from} to ${to}`).to.equal("FORBIDDEN");
    fixture.ok("room/a", rooms, put("a"));
    fixture.ok("user/a", "catalog/users", put("a"));
    fixture.ok("room/a", rooms, put("a", "Better"));
    expect(find(fixture, {})).to.deep.equal({
      rows: [{ key: "a", title: "Better", detail: "", atMs: 1 }],
      more: false,
    });
    fixture.ok("room/a", rooms, { type: "remove", key: "a" });
    expect(find(fixture, {})).to.deep.equal({ rows: [], more: false });
    expect(fixture.code("user/a", rooms, { type: "dance" })).to.equal("BAD_REQUEST");
  });

  it("finds a title and a name however they are typed", () => {
    const fixture = new Fixture();
    fixture.ok("room/muller", rooms, put("muller", "Zimmer"));
    fixture.ok("room/den", rooms, put("den", "Hans Müller"));
    fixture.ok("room/x", rooms, put("x", "健太 ＡＢＣ"));
    for (const text of ["muller", "MÜLLER", "Mu\u0308ller", "@muller"])
      expect(keys(find(fixture, { text })), text).to.deep.equal(["den", "muller"]);
    expect(keys(find(fixture, { text: "abc" }))).to.deep.equal(["x"]);
    expect(keys(find(fixture, { text: "#" }))).to.deep.equal(["den", "muller", "x"]);
  });

  it("is paged by key", () => {
    const fixture = filled(5);
    const first = find(fixture, { limit: 2 });
    expect(first).to.deep.include({ more: true, next: "r000001" });
    expect(keys(find(fixture, { limit: 2, after: first.next }))).to.deep.equal(["r000002", "r000003"]);
    expect(find(fixture, { limit: 2, after: "r000003" })).to.deep.include({ more: false });
    expect(find(fixture, { limit: 5 })).to.deep.include({ more: false });
  });

  it("needs no bound of bytes: the longest page of the longest rows is within it", () => {
    const { properties: row } = catalogCommands.put.params;
    const { maximum: limit } = catalogCommands.find.params.properties.limit as { readonly maximum?: number };
    assert(limit !== undefined, "a page is bounded");
    // No character takes more bytes.
    const longest = (schema: object): string => "語".repeat((schema as { readonly maxLength: number }).maxLength);
    const fixture = new Fixture();
    for (let index = 0; index < limit; index += 1) {
      const key = String(index).padStart(96, "r");
      fixture.ok(`room/${key}`, rooms, {
        type: "put",
        key,
        title: longest(row.title),
        detail: longest(row.detail),
        atMs: Number.MAX_SAFE_INTEGER,
      });
    }
    const page = find(fixture, { limit });
    expect(page.rows).to.have.length(limit);
    expect(encodedBytesMax(page)).to.be.below(wireLimits.pageBytesMax);
  });

  it("does not mistake a longer name for the next page's start", () => {
    const fixture = new Fixture();
    for (const key of ["ab", "ab-c", "ab.c", "ab0", "abc"]) fixture.ok(`room/${key}`, rooms, put(key));
    expect(keys(find(fixture, { after: "ab" }))).to.deep.equal(["ab-c", "ab.c", "ab0", "abc"]);
  });

  it("finds a text in key or title, in any case, however far down", () => {
    const fixture = filled(actorLimits.catalogScanRows * 2 + 10);
    const last = actorLimits.catalogScanRows * 2 + 9;
    expect(keys(find(fixture, { text: ` ROOM ${last}` }))).to.deep.equal([`r00${last}`]);
    expect(keys(find(fixture, { text: `r00${last}` }))).to.have.length(1);
    const page = find(fixture, { text: "room", limit: 3, after: "r000003" });
    expect([keys(page), page.next]).to.deep.equal([["r000004", "r000005", "r000006"], "r000006"]);
    expect(find(fixture, { text: "nothing" })).to.deep.equal({ rows: [], more: false });
  });

  it("says where to go on when it has looked at enough rows", () => {
    const row = { key: "r", title: "r", detail: "", atMs: 1 };
    const turn = { self: rooms, key: "rooms", nowMs: 0, from: "node", notes: undefined } as const;
    const records = Array.from({ length: actorLimits.catalogScanRows }, () => ({ key: "row/r", value: row }));
    const tag = { text: "x", limit: 5, found: [], scanned: actorLimits.catalogScanRowsMax, to: undefined };
    expect(catalog.decide({ changes: 1 }, { type: "records", tag, records }, turn)).to.deep.equal([
      { type: "reply", value: { rows: [], more: true, next: "r" } },
    ]);
  });
});

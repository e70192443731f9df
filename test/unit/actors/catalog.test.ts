import { expect } from "chai";
import { assert, catalogCommands, encodedBytesMax, wireLimits, type CatalogPage } from "../../../protocols/index.ts";
import { catalog } from "../../../actors/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { Stage } from "./fixture.ts";

const rooms = "catalog/rooms";
const put = (key: string, title = key) => ({ type: "put", key, title, detail: "", atMs: 1 });

function filled(count: number): Stage {
  const stage = new Stage();
  for (let index = 0; index < count; index += 1) {
    const key = `r${String(index).padStart(6, "0")}`;
    stage.begin(`room/${key}`, rooms, put(key, `Room ${index}`));
  }
  stage.settle(1_000_000);
  return stage;
}

const find = (stage: Stage, more: object): CatalogPage => stage.ok("user/ada", rooms, { type: "find", ...more });
const keys = ({ rows }: CatalogPage): readonly string[] => rows.map(({ key }) => key);

describe("a catalog", () => {
  it("takes a row only from the actor it describes", () => {
    const stage = new Stage();
    for (const [from, to] of [
      ["room/a", "catalog/users"],
      ["user/a", rooms],
      ["room/b", rooms],
      ["gateway", rooms],
      ["room/a", "catalog/other"],
    ] as const)
      for (const command of [put("a"), { type: "remove", key: "a" }])
        expect(stage.code(from, to, command), `${from} to ${to}`).to.equal("FORBIDDEN");
    stage.ok("room/a", rooms, put("a"));
    stage.ok("user/a", "catalog/users", put("a"));
    stage.ok("room/a", rooms, put("a", "Better"));
    expect(find(stage, {})).to.deep.equal({ rows: [{ key: "a", title: "Better", detail: "", atMs: 1 }], more: false });
    stage.ok("room/a", rooms, { type: "remove", key: "a" });
    expect(find(stage, {})).to.deep.equal({ rows: [], more: false });
    expect(stage.code("user/a", rooms, { type: "dance" })).to.equal("BAD_REQUEST");
  });

  it("is paged by key", () => {
    const stage = filled(5);
    const first = find(stage, { limit: 2 });
    expect(first).to.deep.include({ more: true, next: "r000001" });
    expect(keys(find(stage, { limit: 2, after: first.next }))).to.deep.equal(["r000002", "r000003"]);
    expect(find(stage, { limit: 2, after: "r000003" })).to.deep.include({ more: false });
    expect(find(stage, { limit: 5 })).to.deep.include({ more: false });
  });

  it("needs no bound of bytes: the longest page of the longest rows is within it", () => {
    const { properties: row } = catalogCommands.put.params;
    const { maximum: limit } = catalogCommands.find.params.properties.limit as { readonly maximum?: number };
    assert(limit !== undefined, "a page is bounded");
    // No character takes more bytes.
    const longest = (schema: object): string => "語".repeat((schema as { readonly maxLength: number }).maxLength);
    const stage = new Stage();
    for (let index = 0; index < limit; index += 1) {
      const key = String(index).padStart(96, "r");
      stage.ok(`room/${key}`, rooms, {
        type: "put",
        key,
        title: longest(row.title),
        detail: longest(row.detail),
        atMs: Number.MAX_SAFE_INTEGER,
      });
    }
    const page = find(stage, { limit });
    expect(page.rows).to.have.length(limit);
    expect(encodedBytesMax(page)).to.be.below(wireLimits.pageBytesMax);
  });

  it("does not mistake a longer name for the next page's start", () => {
    const stage = new Stage();
    for (const key of ["ab", "ab-c", "ab.c", "ab0", "abc"]) stage.ok(`room/${key}`, rooms, put(key));
    expect(keys(find(stage, { after: "ab" }))).to.deep.equal(["ab-c", "ab.c", "ab0", "abc"]);
  });

  it("finds a text in key or title, in any case, however far down", () => {
    const stage = filled(actorLimits.catalogScanRows * 2 + 10);
    const last = actorLimits.catalogScanRows * 2 + 9;
    expect(keys(find(stage, { text: ` ROOM ${last}` }))).to.deep.equal([`r00${last}`]);
    expect(keys(find(stage, { text: `r00${last}` }))).to.have.length(1);
    const page = find(stage, { text: "room", limit: 3, after: "r000003" });
    expect([keys(page), page.next]).to.deep.equal([["r000004", "r000005", "r000006"], "r000006"]);
    expect(find(stage, { text: "nothing" })).to.deep.equal({ rows: [], more: false });
  });

  it("says where to go on when it has looked at enough rows", () => {
    const row = { key: "r", title: "r", detail: "", atMs: 1 };
    const turn = { self: rooms, key: "rooms", nowMs: 0, from: "node", notes: undefined } as const;
    const records = Array.from({ length: actorLimits.catalogScanRows }, () => ({ key: "row/r", value: row }));
    const tag = { text: "x", limit: 5, found: [], scanned: actorLimits.catalogScanRowsMax, to: undefined };
    expect(catalog.decide({ changes: 1 }, { type: "records", tag, records }, turn)).to.deep.equal([
      { type: "reply", value: { rows: [], more: true, next: "r" } },
    ]);
    expect(catalog.decide({ changes: 1 }, { type: "reminded", id: "x", dueMs: 0 }, turn)).to.deep.equal([]);
  });
});

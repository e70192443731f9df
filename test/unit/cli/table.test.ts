import { expect } from "chai";
import fc from "fast-check";
import { auditTable } from "../../../cli/watching/audit.ts";
import { describeNodes } from "../../../cli/cluster/cluster-view.ts";
import { fitColumns, renderTable, type Column } from "../../../cli/terminal/table.ts";
import { collected, summary } from "./fixture.ts";

const sizeOf = (widths: readonly { readonly width: number }[]): number =>
  widths.reduce((sum, { width }) => sum + width + 1, 1);

describe("the columns of a table", () => {
  const columns = [{ width: 10 }, { width: 20, leaves: 2 }, { width: 8, leaves: 1 }, { width: 12 }];
  const shown = (room: number) => fitColumns(columns, room).map(({ index, width }) => [index, width]);

  it("are all shown, as wide as they are, where there is room", () => {
    for (const room of [55, 200, Infinity])
      expect(shown(room)).to.deep.equal([[0, 10], [1, 20], [2, 8], [3, 12]]); // prettier-ignore
  });

  it("leave one after the other by their rank, and no more of them than must", () => {
    expect(shown(54)).to.deep.equal([
      [0, 10],
      [1, 20],
      [3, 12],
    ]);
    expect(shown(46)).to.deep.equal([
      [0, 10],
      [1, 20],
      [3, 12],
    ]);
    expect(shown(45)).to.deep.equal([
      [0, 10],
      [3, 12],
    ]);
  });

  it("are shortened, the widest first, only when no more may leave", () => {
    expect(shown(24)).to.deep.equal([
      [0, 10],
      [3, 11],
    ]);
    expect(shown(19)).to.deep.equal([
      [0, 8],
      [3, 8],
    ]);
    expect(shown(1)).to.deep.equal([
      [0, 5],
      [3, 5],
    ]);
  });

  it("fit every terminal that can hold those that never leave", () => {
    const column = fc.record({ width: fc.integer({ min: 3, max: 60 }), leaves: fc.integer({ min: 1, max: 9 }) });
    const lasting = fc.record({ width: fc.integer({ min: 3, max: 60 }) });
    const some = fc.array(fc.oneof(column, lasting), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 300 }), (given, room) => {
        const fitted = fitColumns(given, room);
        const kept = new Set(fitted.map(({ index }) => index));
        expect(given.every((one, index) => kept.has(index) || "leaves" in one)).to.equal(true);
        expect(sizeOf(fitted) <= room || fitted.every(({ width }) => width <= 5)).to.equal(true);
        if (sizeOf(given) <= room) expect(fitted).to.have.length(given.length);
      }),
    );
  });
});

describe("a table on a terminal", () => {
  const columns: readonly Column[] = [{ head: "Name" }, { head: "Of no use", leaves: 2 }, { head: "Count", leaves: 1 }];
  const rows = [
    ["ada", "", 12],
    ["a name that is long", "", 3],
  ];
  const render = (room: number) => renderTable(columns, rows, { color: false, columns: room });
  const longest = (text: string) => Math.max(...text.split("\n").map((line) => line.length));

  it("is whole where it fits and where no terminal is", () => {
    expect(render(Infinity)).to.include("Of no use").and.include("a name that is long").and.not.include("--json");
    expect(render(longest(render(Infinity)))).to.equal(render(Infinity));
  });

  it("leaves out what is empty without a word, and says what else it left out and shortened", () => {
    expect(render(35)).to.include("Count").and.not.include("Of no use").and.not.include("--json");
    const narrow = render(24);
    expect(narrow).to.include("Left out: Count.").and.include("--json").and.not.include("Of no use");
    expect(narrow).to.include("a name that is long").and.not.include("shortened");
    expect(render(20))
      .to.match(/a name that .*…/)
      .and.include("What ends in … is\nshortened.");
  });

  it("breaks no line of the commands that print one", () => {
    for (const room of [60, 80, 120, 200]) {
      const [table = ""] = describeNodes(summary, false, room).split("\nDirectory:");
      expect(longest(table), table).to.be.at.most(room);
      expect(table).to.include("node-b").and.include("130");
    }
    expect(describeNodes(summary, false, 80)).to.match(/Left out: .*Page\.\s+A\s+wider\s+terminal\s+or\s+--json/);
    expect(describeNodes(summary, false)).to.include("http://node-b:7070").and.not.include("Left out");
  });

  it("takes several lines for what was done to the cluster, and loses nothing of it", () => {
    const facts = { name: "node-c", node: "5f3c2a1b9d8e7f60", invitation: "k3J2h1", roles: "chat,ai,gateway" };
    const text = auditTable([{ seq: 1, atMs: 0, action: "join", by: "invitation", facts }], collected(80));
    expect(longest(text)).to.be.at.most(80);
    for (const fact of Object.values(facts)) expect(text).to.include(fact);
    expect(text).not.to.include("…");
  });
});

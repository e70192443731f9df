import { expect } from "chai";
import { overBudget, pageBudgetKiB, pageSizeKiB, type BuiltFile } from "../../../web/budget.ts";

const file = (fileName: string, kib: number, more: Partial<BuiltFile> = {}): BuiltFile => ({
  fileName,
  sentBytes: kib * 1024,
  loads: [],
  source: undefined,
  ...more,
});

describe("the page's size", () => {
  const built = [
    file("index.html", 0),
    file("a.js", 20, { source: "/web/index.html", loads: ["b.js", "a.css"] }),
    file("b.js", 30, { loads: ["a.js"] }),
    file("a.css", 5),
    file("c.js", 40, { source: "/web/src/view/shell/signed-in.tsx", loads: ["b.js", "c.css"] }),
    file("c.css", 7),
    file("later.js", 900, { source: "/web/src/view/parts/markdown.tsx" }),
    file("admin.js", 3, { source: "/web/src/view/admin/index.tsx", loads: ["b.js"] }),
    file("overview.js", 4, { source: "/web/src/view/admin/overview/overview-page.tsx", loads: ["chart.js"] }),
    file("chart.js", 8),
    file("terminal-page.js", 2, { source: "/web/src/view/admin/terminal-page.tsx" }),
    file("terminal.js", 11, { source: "/web/src/terminal/index.ts" }),
    file("commands.js", 12, { source: "\0virtual:plexus-commands" }),
    file("people.js", 16, { source: "/web/src/view/admin/people/people-page.tsx", loads: ["c.css"] }),
  ];

  it("is what is loaded on the way, each file once, and nothing that comes later", () => {
    const size = pageSizeKiB(built);
    expect(size).to.deep.equal({
      toSignIn: 55,
      toFirstMessage: 102,
      toOverview: 117,
      allOfAdministration: 135,
      toTerminal: 130,
    });
  });

  it("is refused over its budget, with both numbers", () => {
    const { toFirstMessage } = pageBudgetKiB;
    expect(overBudget(pageBudgetKiB)).to.deep.equal([]);
    expect(overBudget({ ...pageBudgetKiB, toFirstMessage: toFirstMessage + 1 })).to.deep.equal([
      `toFirstMessage: ${toFirstMessage + 1} KiB of brotli, and ${toFirstMessage} KiB is the budget (web/budget.ts)`,
    ]);
  });

  it("can not be measured when what is asked for was not built", () => {
    expect(() => pageSizeKiB(built.filter((one) => one.fileName !== "c.js"))).to.throw("signed-in.tsx");
  });
});

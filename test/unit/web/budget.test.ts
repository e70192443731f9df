import { randomBytes } from "node:crypto";
import { expect } from "chai";
import { overBudget, pageBudgetKiB, pageSizeKiB, type BuiltFile } from "../../../web/budget.ts";

/** A file that no compression makes smaller. */
const file = (fileName: string, kib: number, more: Partial<BuiltFile> = {}): BuiltFile => ({
  fileName,
  bytes: randomBytes(kib * 1024),
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
    file("c.js", 40, { source: "/web/src/view/signed-in.tsx", loads: ["b.js", "c.css"] }),
    file("c.css", 7),
    file("later.js", 900, { source: "/web/src/view/markdown.tsx" }),
  ];

  it("is what is loaded on the way, each file once, and nothing that comes later", () => {
    const size = pageSizeKiB(built);
    expect(size.toSignIn).to.be.within(55, 57);
    expect(size.toFirstMessage).to.be.within(102, 105);
  });

  it("is refused over its budget, with both numbers", () => {
    const { toSignIn, toFirstMessage } = pageBudgetKiB;
    expect(overBudget({ toSignIn, toFirstMessage })).to.deep.equal([]);
    expect(overBudget({ toSignIn, toFirstMessage: toFirstMessage + 1 })).to.deep.equal([
      `toFirstMessage: ${toFirstMessage + 1} KiB of brotli, and ${toFirstMessage} KiB is the budget (web/budget.ts)`,
    ]);
  });

  it("can not be measured when what is asked for was not built", () => {
    expect(() => pageSizeKiB(built.filter((one) => one.fileName !== "c.js"))).to.throw("signed-in.tsx");
  });
});

import { expect } from "chai";
import { ownFilesIn } from "../../../protocols/index.ts";

interface Page {
  readonly files: readonly string[];
  readonly next?: number;
}

/** The page at the end, and what was asked for. */
async function found(pages: Readonly<Record<string, Page>>) {
  const asked: string[] = [];
  const page = await ownFilesIn("a.b", async (path) => {
    asked.push(path);
    return pages[path.slice("/api/v1/rooms/a.b/own-files".length)];
  });
  return { page, asked: asked.length };
}

describe("the own files in a room", () => {
  it("are looked for behind any number of files of others, to the first that is there", async () => {
    const few = {
      "": { files: [], next: 9 },
      "?before=9": { files: [], next: 5 },
      "?before=5": { files: ["a"], next: 2 },
    };
    expect(await found(few)).to.deep.equal({ page: { files: ["a"], next: 2 }, asked: 3 });
    expect(await found({ "": { files: [], next: 9 }, "?before=9": { files: [] } })).to.deep.equal({ page: { files: [] }, asked: 2 }); // prettier-ignore
    expect((await found({ "": { files: ["a"], next: 9 } })).asked).to.equal(1);
  });

  it("are looked for no further where that leads nowhere, or nothing is answered", async () => {
    expect((await found({ "": { files: [], next: 9 }, "?before=9": { files: [], next: 9 } })).asked).to.equal(2);
    expect(await found({})).to.deep.equal({ page: undefined, asked: 1 });
  });
});

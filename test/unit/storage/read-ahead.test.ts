import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { openLevelStore } from "../../../node/platform/index.ts";
import type { StoreView } from "../../../node/ports/index.ts";
import { ReadAhead } from "../../../node/storage/read-ahead.ts";
import { depth } from "../../depth.ts";
import { RowStore } from "./fixture.ts";

const row = fc.tuple(fc.string({ unit: fc.constantFrom("a", "b", "-", "/"), minLength: 1, maxLength: 4 }), fc.nat(9));

/** With pages of some rows each. */
const scanned = (view: StoreView, rows: number): StoreView => ({
  ...view,
  async *scan(range) {
    const all = await view.range(range);
    for (let at = 0; at < all.length; at += rows) yield all.slice(at, at + rows);
  },
});

describe("a range that is read ahead", () => {
  it("gives each part as a read of its own does, or nothing, and passes each row once", () =>
    fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(row, { selector: ([key]) => key, maxLength: 40 }),
        fc.array(fc.record({ part: fc.tuple(row, row), rows: fc.integer({ min: 1, max: 5 }), bytes: fc.integer({ min: 1, max: 12 }) })),
        fc.option(fc.integer({ min: 1, max: 7 })),
        async (rows, asked, pageRows) => {
          const store = new RowStore(rows.map(([key, size]) => [key, new Uint8Array(size)]));
          const view = pageRows === null ? store.view() : scanned(store.view(), pageRows);
          const passed: string[] = [];
          const reader = new ReadAhead(view, { gte: "", lt: "~" }, (key) => passed.push(key));
          for (const { part, rows: most, bytes } of asked) {
            const [gte, lt] = part.map(([key]) => key).sort() as [string, string];
            const found = await reader.take({ gte, lt, rows: most, bytes });
            const all = await store.range({ gte, lt });
            let sum = 0;
            const enough = all.findIndex(([, value]) => (sum += value.length) >= bytes) + 1;
            const expected = all.slice(0, Math.min(most, enough === 0 ? Infinity : enough));
            if (found === undefined) expect(passed.some((key) => key >= gte)).to.equal(true);
            else expect(found.map(([key]) => key)).to.deep.equal(expected.map(([key]) => key));
          }
          await reader.rest();
          expect(passed).to.deep.equal(rows.map(([key]) => key).sort());
          await reader.close();
        },
      ),
      { numRuns: depth(150, 3_000) },
    )); // prettier-ignore

  it("is all of it, of a moment, where LevelDB gives it in pages", async () => {
    const folder = await mkdtemp(join(tmpdir(), "plexus-ahead-"));
    const store = await openLevelStore(folder);
    try {
      const keys = Array.from({ length: 5_000 }, (_, n) => `side/${String(n).padStart(5, "0")}`);
      await store.batch(
        keys.map((key) => ({ type: "put", key, value: Buffer.from(key) })),
        { sync: false },
      );
      const view = store.view();
      await store.batch([{ type: "put", key: "side/00000x", value: Buffer.from("later") }], { sync: false });
      const found: string[] = [];
      let pages = 0;
      for await (const page of view.scan!({ gte: "side/", lt: "side0" }, 16_384)) {
        pages += 1;
        found.push(
          ...page.map(([key, value]) => (Buffer.from(value).equals(Buffer.from(key)) ? key : "another value")),
        );
      }
      expect(found).to.deep.equal(keys);
      expect(pages).to.be.above(4);
      // Rows have ten bytes. Of the first page nobody knows that.
      const sizes: number[] = [];
      let wanted = 500;
      for await (const page of view.scan!({ gte: "side/", lt: "side0" }, 16_384, () => wanted)) {
        sizes.push(page.length);
        if (sizes.length === 3) wanted = 100;
        if (sizes.length === 5) wanted = 1;
        if (sizes.length === 6) break;
      }
      expect(sizes).to.deep.equal([16, 50, 50, 10, 10, 1]);
      // Who wants no more of it leaves nothing open.
      for await (const page of view.scan!({ gte: "side/", lt: "side0" }, 64)) if (page.length > 0) break;
      await view.close();
    } finally {
      await store.close();
      await rm(folder, { recursive: true });
    }
  });
});

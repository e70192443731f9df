import { randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { openLevelReader, openLevelStore, surveyLevel, type FileDamage } from "../../../node/platform/index.ts";
import type { Store, StoreOp, StoreRange } from "../../../node/ports/index.ts";
import { examples } from "../../depth.ts";

describe("the reader of a Level store's files", () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "plexus-reader-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** All that is in a folder, name by name. */
  const bytesOf = (path: string): Record<string, string> =>
    Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name)).toString("base64")]));

  const everything: StoreRange = { gte: "", lt: "~" };
  const textOf = (rows: readonly (readonly [string, Uint8Array])[]) =>
    rows.map(([key, value]) => [key, Buffer.from(value).toString("hex")]);

  /** Both stores give the same, whatever is asked. */
  async function expectSame(reader: Store, store: Store, ranges: readonly StoreRange[]): Promise<void> {
    for (const range of ranges) {
      expect(textOf(await reader.range(range)), JSON.stringify(range)).to.deep.equal(textOf(await store.range(range)));
      expect(await reader.keys(range)).to.deep.equal(await store.keys(range));
    }
    for (const key of await store.keys(everything))
      expect(Buffer.from((await reader.get(key)) ?? [])).to.deep.equal(Buffer.from((await store.get(key)) ?? []));
  }

  const key = fc.integer({ min: 0, max: 40 }).map((number) => `k/${String(number).padStart(2, "0")}`);
  // It does not compress. To draw each byte would take most of the time of this test.
  const noise = randomBytes(16_384);
  const value = fc
    .record({ from: fc.nat(noise.length - 6_000), length: fc.nat(6_000) })
    .map(({ from, length }) => noise.subarray(from, from + length));
  const op: fc.Arbitrary<StoreOp> = fc.oneof(
    fc.record({ type: fc.constant("put" as const), key, value }),
    fc.record({ type: fc.constant("del" as const), key }),
  );
  const range: fc.Arbitrary<StoreRange> = fc
    .record({ one: key, other: key, limit: fc.integer({ min: 1, max: 30 }), all: fc.boolean(), reverse: fc.boolean() })
    .map(({ one, other, limit, all, reverse }) => {
      const [gte, lt] = one < other ? [one, other] : [other, one];
      return { gte, lt, reverse, ...(!all && { limit }) };
    });

  it("gives what LevelDB gives, from logs and tables, whichever versions lie where, and changes no byte", async function () {
    const lives = fc.array(fc.array(fc.array(op, { maxLength: 20 }), { maxLength: 5 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(lives, fc.array(range, { maxLength: 5 }), async (batches, ranges) => {
        const path = mkdtempSync(join(folder, "case-"));
        let counted = 0;
        // Each opening makes a table of the log before it.
        for (const life of batches) {
          const store = await openLevelStore(path);
          for (const ops of life) {
            await store.batch(ops, { sync: true });
            counted += ops.length;
          }
          await store.close();
        }
        const before = bytesOf(path);
        expect((await surveyLevel(path)).loss).to.equal(undefined);
        expect((await surveyLevel(path)).sequence).to.equal(counted);
        const reader = await openLevelReader(path);
        expect(bytesOf(path)).to.deep.equal(before);
        const copy = mkdtempSync(join(folder, "copy-"));
        cpSync(path, copy, { recursive: true });
        const store = await openLevelStore(copy);
        await expectSame(reader, store, [everything, { ...everything, reverse: true }, ...ranges]);
        await store.close();
      }),
      { numRuns: examples(25) },
    );
  });

  it("reads many tables in as many levels as there are", async function () {
    let seed = 1;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let life = 0; life < 6; life += 1) {
      const store = await openLevelStore(folder);
      for (let batch = 0; batch < 40; batch += 1)
        await store.batch(
          Array.from({ length: 50 }, (): StoreOp => {
            const name = `k/${random(3_000)}`;
            if (random(5) === 0) return { type: "del", key: name };
            return { type: "put", key: name, value: noise.subarray(random(8_000)).subarray(0, random(8_000)) };
          }),
          { sync: true },
        );
      await store.close();
    }
    expect(readdirSync(folder).filter((name) => name.endsWith(".ldb")).length).to.be.above(3);
    const reader = await openLevelReader(folder);
    const copy = mkdtempSync(join(tmpdir(), "plexus-reader-copy-"));
    try {
      cpSync(folder, copy, { recursive: true });
      const store = await openLevelStore(copy);
      await expectSame(reader, store, [
        everything,
        { ...everything, reverse: true, limit: 700 },
        { gte: "k/2", lt: "k/3" },
      ]);
      await store.close();
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
  });

  it("finds all rows without CURRENT, without a manifest, and tells what is missing", async () => {
    for (const round of [1, 2, 3]) {
      const store = await openLevelStore(folder);
      await store.batch(
        [
          { type: "put", key: "a", value: Buffer.from([round]) },
          { type: "del", key: `b${round - 1}` },
          { type: "put", key: `b${round}`, value: Buffer.from([round]) },
        ],
        { sync: true },
      );
      await store.close();
    }
    const rows = [
      ["a", "03"],
      ["b3", "03"],
    ];
    for (const gone of ["CURRENT", "MANIFEST"]) {
      for (const name of readdirSync(folder)) if (name.startsWith(gone)) rmSync(join(folder, name));
      expect(await openLevelReader(folder).then(() => "opened", String)).to.include("damaged");
      const told: FileDamage[] = [];
      const reader = await openLevelReader(folder, (damage) => told.push(damage));
      expect(textOf(await reader.range(everything))).to.deep.equal(rows);
      expect(told).to.deep.equal([{ file: join(folder, "CURRENT"), missing: true }]);
    }
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect } from "chai";
import fc from "fast-check";
import { hash } from "../../../../node/bulk/blobs/hash.ts";
import { hashOf } from "../../../../node/bulk/blobs/index.ts";
import {
  codedBytes,
  codeStripe,
  codingStripe,
  countsOf,
  headerBytes,
  partBytes,
  readStripe,
  remakeShard,
  widthOf,
} from "../../../../node/bulk/shards/coding/index.ts";
import { readShard } from "../../../../node/bulk/shards/coding/header.ts";
import { stripeBytesMax, type Coded } from "../../../../node/bulk/shards/coding/stripe.ts";
import { inverse, product, rowOf } from "../../../../node/bulk/shards/coding/field.ts";
import { sumProducts } from "../../../../node/bulk/shards/coding/kernel.ts";
import type { Result, Scheme } from "../../../../protocols/index.ts";

const valueOf = <T>(result: Result<T>): T => {
  expect(result.ok, JSON.stringify(result)).to.equal(true);
  return (result as { readonly value: T }).value;
};
const codeOf = (result: Result<unknown>): string => (result.ok ? "none" : result.error.code);

/** A product by shifts and the polynomial alone: what the tables and the kernel are compared with. */
function slowProduct(a: number, b: number): number {
  let sum = 0;
  for (let bit = 0; bit < 8; bit += 1) {
    if (b & (1 << bit)) sum ^= a << bit;
  }
  for (let bit = 15; bit >= 8; bit -= 1) if (sum & (1 << bit)) sum ^= 0x11d << (bit - 8);
  return sum;
}

const someBytes = (length: number, salt: number): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length }, (_, at) => Math.imul(at + salt * 7919 + 1, 0x9e3779b1) >>> 24);

/** All sets of `size` of the numbers below `count`. */
function subsets(count: number, size: number): number[][] {
  if (size === 0) return [[]];
  return Array.from({ length: count }, (_, last) => last).flatMap((last) =>
    subsets(last, size - 1).map((rest) => [...rest, last]),
  );
}

const schemeArbitrary: fc.Arbitrary<Scheme> = fc.oneof(
  fc.record({ type: fc.constant("copies" as const), copies: fc.integer({ min: 1, max: 6 }) }),
  fc.record({
    type: fc.constant("rs" as const),
    k: fc.integer({ min: 1, max: 20 }),
    m: fc.integer({ min: 1, max: 9 }),
  }),
);
/** A scheme, bytes, and the numbers of its shards in some order. */
const stripeArbitrary = schemeArbitrary.chain((scheme) =>
  fc.record({
    scheme: fc.constant(scheme),
    bytes: fc.uint8Array({ maxLength: 400 }),
    order: fc.shuffledSubarray(
      Array.from({ length: widthOf(scheme) }, (_, number) => number),
      { minLength: widthOf(scheme) },
    ),
  }),
);

describe("Reed–Solomon", () => {
  it("multiplies as the field says, in tables and in WebAssembly, for all pairs", () => {
    const all = Uint8Array.from({ length: 256 }, (_, each) => each);
    for (let factor = 0; factor < 256; factor += 1) {
      const made = new Uint8Array(256);
      sumProducts([Uint8Array.of(factor)], [all], [made]);
      for (let other = 0; other < 256; other += 1) {
        expect(product(factor, other)).to.equal(slowProduct(factor, other));
        if (made[other] !== product(factor, other)) expect.fail(`the kernel's ${factor} · ${other} is ${made[other]}`);
      }
      if (factor > 0) expect(slowProduct(factor, inverse(factor))).to.equal(1);
    }
  });

  it("sums the same in WebAssembly as in plain TypeScript, whatever the number of sources, targets and bytes", () => {
    for (const [sources, targets, length] of [
      [1, 1, 1],
      [2, 3, 31],
      [4, 4, 32],
      [5, 5, 33],
      [17, 7, 1_000],
      [64, 2, 100],
      [3, 2, 16 * 1024 - 1],
      [3, 4, 2 * 16 * 1024 + 5],
    ] as const) {
      const given = Array.from({ length: sources }, (_, salt) => someBytes(length, salt));
      const rows = Array.from({ length: targets }, (_, row) => rowOf(sources + row, sources));
      const made = rows.map(() => new Uint8Array(length));
      sumProducts(rows, given, made);
      for (const [at, row] of rows.entries()) {
        const expected = new Uint8Array(length);
        for (const [source, bytes] of given.entries())
          for (let byte = 0; byte < length; byte += 1)
            expected[byte] = (expected[byte] as number) ^ product(row[source] as number, bytes[byte] as number);
        expect(Buffer.compare(made[at] as Uint8Array, expected), `${sources} → ${targets}, ${length}`).to.equal(0);
      }
    }
  });

  it("gives the stripe from each set of k shards, and makes each other shard anew", () => {
    for (const [k, m] of [
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 2],
      [4, 4],
      [8, 4],
    ] as const) {
      const bytes = someBytes(k * 20 + 3, m);
      const stripe = valueOf(codeStripe(bytes, { type: "rs", k, m }));
      for (const numbers of subsets(k + m, k)) {
        const some = numbers.map((number) => stripe.shards[number] as Uint8Array);
        expect(Buffer.compare(valueOf(readStripe(stripe, some)), bytes), `${k}+${m} of ${numbers.join()}`).to.equal(0);
        const lost = [...stripe.shards.keys()].filter((number) => !numbers.includes(number));
        for (const number of lost.slice(0, 2))
          expect(valueOf(remakeShard(stripe, number, some))).to.deep.equal(stripe.shards[number]);
      }
      for (const numbers of subsets(k + m, k - 1).slice(0, 20)) {
        const few = numbers.map((number) => stripe.shards[number] as Uint8Array);
        expect(codeOf(readStripe(stripe, few))).to.equal("STRIPE_LOST");
      }
    }
  });

  it("works in a thread of its own", async () => {
    const coding = new URL("../../../../node/bulk/shards/coding/index.ts", import.meta.url).href;
    const source = `
      const { codeStripe, readStripe } = await import(${JSON.stringify(coding)});
      const { parentPort } = await import("node:worker_threads");
      const made = codeStripe(new Uint8Array(1000).fill(7), { type: "rs", k: 4, m: 2 }).value;
      parentPort.postMessage(readStripe(made, made.shards.slice(2)).value.every((byte) => byte === 7));`;
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
    const answer = await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    await worker.terminate();
    expect(answer).to.equal(true);
  });
});

describe("stripes", () => {
  it("come back from any shards that suffice, and each shard from the others, whatever the scheme and the bytes", () => {
    fc.assert(
      fc.property(stripeArbitrary, ({ scheme, bytes, order }) => {
        const stripe = valueOf(codeStripe(bytes, scheme));
        expect(stripe.id).to.equal(hashOf(bytes));
        const some = order.slice(0, countsOf(scheme).k).map((number) => stripe.shards[number] as Uint8Array);
        expect(Buffer.compare(valueOf(readStripe(stripe, some)), bytes)).to.equal(0);
        for (const number of order)
          expect(valueOf(remakeShard(stripe, number, some))).to.deep.equal(stripe.shards[number]);
        for (const shard of stripe.shards) expect(shard.length).to.equal(headerBytes + partBytes(scheme, bytes.length));
      }),
      { numRuns: 150 },
    );
  });

  it("are the same in steps, several in turns, and come back from each of their last shards", () => {
    const all = [1_300_001, 1_048_577, 900_000].map((bytes) =>
      new Uint8Array(bytes).map((_, at) => Math.imul(at + bytes, 0x9e3779b1) >>> 24),
    );
    for (const [scheme, wanted] of [
      [{ type: "rs", k: 3, m: 3 }, [3, 3, 2]],
      [{ type: "copies", copies: 3 }, [7, 7, 3]],
    ] as const) {
      const made = new Map<Uint8Array, ReturnType<typeof codeStripe>>();
      const steps = all.map((bytes) => ({ bytes, coding: codingStripe(bytes, scheme), taken: 0 }));
      while (made.size < all.length)
        for (const one of steps) {
          if (made.has(one.bytes)) continue;
          const step = one.coding.next();
          if (step.done === true) made.set(one.bytes, step.value);
          else one.taken += 1;
        }
      expect(steps.map(({ taken }) => taken)).to.deep.equal(wanted);
      for (const bytes of all) {
        const stripe = valueOf(made.get(bytes) ?? codeStripe(bytes, scheme));
        expect(stripe.id).to.equal(hashOf(bytes));
        const { k } = countsOf(scheme);
        // A mask is taken off in one step.
        for (let at = 0; at + k <= stripe.shards.length; at += k)
          expect(Buffer.compare(valueOf(readStripe(stripe, stripe.shards.slice(at, at + k))), bytes)).to.equal(0);
      }
    }
  });

  it("lie in the memory that is given, whatever was in it", () => {
    for (const scheme of [
      { type: "rs", k: 4, m: 2 },
      { type: "copies", copies: 3 },
    ] as const) {
      const bytes = someBytes(1_001, 5);
      const memory = Buffer.alloc(codedBytes(scheme, bytes.length), 0xa5);
      const { shards } = valueOf(codeStripe(bytes, scheme, memory));
      expect(shards.every(({ buffer }) => buffer === memory.buffer)).to.equal(true);
      expect(shards).to.deep.equal(valueOf(codeStripe(bytes, scheme)).shards);
      const small = valueOf(codeStripe(bytes, scheme, memory.subarray(1))).shards;
      expect(small.every(({ buffer }) => buffer !== memory.buffer)).to.equal(true);
    }
  });

  it("have copies of which no two are alike", () => {
    const { shards } = valueOf(codeStripe(new Uint8Array(1_000), { type: "copies", copies: 5 }));
    expect(new Set(shards.map((shard) => hashOf(shard.subarray(headerBytes)))).size).to.equal(5);
    // The same bytes in another stripe: other masks.
    const other = valueOf(codeStripe(new Uint8Array(1_001), { type: "copies", copies: 1 })).shards[0] as Uint8Array;
    expect(other.subarray(headerBytes, headerBytes + 16)).to.not.deep.equal(
      shards[0]?.subarray(headerBytes, headerBytes + 16),
    );
  });

  it("are never read wrong: with any byte of a shard changed the answer is a refusal, or the right bytes from the others", () => {
    fc.assert(
      fc.property(
        stripeArbitrary,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        ({ scheme, bytes, order }, place, change, withSpares) => {
          const stripe = valueOf(codeStripe(bytes, scheme));
          const { k } = countsOf(scheme);
          const some = order.slice(0, withSpares ? k + 1 : k).map((number) => stripe.shards[number] as Uint8Array);
          const bad = Uint8Array.from(some[0] as Uint8Array);
          bad[place % bad.length] = (bad[place % bad.length] as number) ^ change;
          // What everybody compares first.
          expect(hashOf(bad)).to.not.equal(hashOf(some[0] as Uint8Array));
          if (place % bad.length < headerBytes) expect(codeOf(readShard(bad))).to.equal("DATA_DAMAGED");
          const read = readStripe(stripe, [bad, ...some.slice(1)]);
          if (read.ok) expect(Buffer.compare(read.value, bytes)).to.equal(0);
          else expect(read.error.code).to.be.oneOf(["DATA_DAMAGED", "STRIPE_LOST"]);
        },
      ),
      { numRuns: 300 },
    );
  });

  it("take nothing from shards of other stripes, or of the same bytes in another scheme", () => {
    const [one, two] = [someBytes(100, 1), someBytes(100, 2)].map((bytes) =>
      valueOf(codeStripe(bytes, { type: "rs", k: 2, m: 1 })),
    ) as [Coded & { shards: Uint8Array[] }, Coded & { shards: Uint8Array[] }];
    const wider = valueOf(codeStripe(someBytes(100, 1), { type: "rs", k: 2, m: 2 }));
    for (const stranger of [two.shards[1], wider.shards[1]] as Uint8Array[])
      expect(codeOf(readStripe(one, [one.shards[0] as Uint8Array, stranger]))).to.equal("STRIPE_LOST");
    // One shard twice is one shard.
    expect(codeOf(readStripe(one, [one.shards[0], one.shards[0]] as Uint8Array[]))).to.equal("STRIPE_LOST");
  });

  it("are refused when a shard would be too large", () => {
    for (const scheme of [
      { type: "copies", copies: 2 },
      { type: "rs", k: 2, m: 1 },
    ] as const)
      expect(codeOf(codeStripe(new Uint8Array(stripeBytesMax(scheme) + 1), scheme))).to.equal("TOO_LARGE");
    const most = stripeBytesMax({ type: "rs", k: 2, m: 1 });
    const { shards } = valueOf(codeStripe(new Uint8Array(most), { type: "rs", k: 2, m: 1 }));
    expect(shards.map((shard) => readShard(shard).ok)).to.deep.equal([true, true, true]);
  });
});

describe("a shard's format", () => {
  it("refuses whatever is no shard", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(codeOf(readShard(bytes))).to.equal("DATA_DAMAGED");
      }),
    );
    const shard = valueOf(codeStripe(someBytes(100, 3), { type: "rs", k: 3, m: 2 })).shards[1] as Uint8Array;
    for (let length = 0; length < shard.length; length += 1)
      expect(codeOf(readShard(shard.subarray(0, length))), `${length} bytes`).to.equal("DATA_DAMAGED");
    expect(codeOf(readShard(Buffer.concat([shard, Buffer.of(0)])))).to.equal("DATA_DAMAGED");
  });

  it("refuses a header that says what cannot be, also with a right check", () => {
    const shard = valueOf(codeStripe(someBytes(100, 3), { type: "rs", k: 3, m: 2 })).shards[1] as Uint8Array;
    const changed = (change: (bytes: Buffer) => void): Uint8Array => {
      const bytes = Buffer.from(shard);
      change(bytes);
      bytes.set(hash(Buffer.of(4, ...bytes.subarray(0, 56))).subarray(0, 8), 56);
      return bytes;
    };
    expect(readShard(changed(() => undefined)).ok).to.equal(true);
    const wrong: readonly ((bytes: Buffer) => void)[] = [
      (bytes) => bytes.write("PLXT"),
      (bytes) => bytes.writeUInt8(2, 4),
      (bytes) => bytes.writeUInt8(0, 5),
      (bytes) => bytes.writeUInt8(1, 5),
      (bytes) => bytes.writeUInt8(5, 6),
      (bytes) => bytes.writeUInt8(0, 7),
      (bytes) => bytes.writeUInt8(200, 7),
      (bytes) => bytes.writeUInt8(0, 8),
      (bytes) => bytes.writeUInt8(1, 9),
      (bytes) => bytes.writeUInt8(1, 11),
      (bytes) => bytes.writeUInt32LE(33, 12),
      (bytes) => bytes.writeBigUInt64LE(103n, 16),
      (bytes) => bytes.writeBigUInt64LE(2n ** 63n, 16),
    ];
    for (const [at, change] of wrong.entries())
      expect(codeOf(readShard(changed(change))), `change ${at}`).to.equal("DATA_DAMAGED");
  });

  // Made once and never again: what was written by one release is read by each later one.
  it("is the one of version 1, byte for byte", () => {
    const vectors = JSON.parse(readFileSync(join(import.meta.dirname, "vectors/shards-1.json"), "utf8")) as readonly {
      readonly scheme: Scheme;
      readonly bytes: string;
      readonly id: string;
      readonly shards: readonly string[];
    }[];
    expect(vectors.length).to.be.above(3);
    for (const { scheme, bytes, id, shards } of vectors) {
      const made = valueOf(codeStripe(Buffer.from(bytes, "hex"), scheme));
      expect(made.id).to.equal(id);
      expect(made.shards.map((shard) => Buffer.from(shard).toString("hex"))).to.deep.equal(shards);
      const last = shards.slice(-countsOf(scheme).k).map((shard) => Buffer.from(shard, "hex"));
      expect(Buffer.from(valueOf(readStripe(made, last))).toString("hex")).to.equal(bytes);
    }
  });
});

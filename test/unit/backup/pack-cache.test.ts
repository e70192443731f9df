import { expect } from "chai";
import { PackCache } from "../../../node/backup/format/packs.ts";
import { PackWriter, type FragmentPlace, type StripeName } from "../../../runtimes/backup/index.ts";

/** A pack with one fragment, all of whose bytes are the pack's number. */
function packOf(number: number): { readonly bytes: Uint8Array; readonly place: FragmentPlace } {
  const writer = new PackWriter();
  writer.add(Buffer.alloc(1_000 + number, number));
  const { bytes, placeOf } = writer.finish([0]);
  const stripe: StripeName = {
    id: String(number),
    group: "folders",
    scheme: { type: "copies", copies: 1 },
    sizeBytes: bytes.length,
    shards: [],
  };
  return { bytes, place: { stripe, ...placeOf(0) } };
}

describe("packs that a recall reads", () => {
  const packs = Array.from({ length: 8 }, (_, number) => packOf(number));
  const placeOf = (number: number): FragmentPlace => (packs[number] as (typeof packs)[number]).place;
  /** Reads that began and wait. */
  let waiting: Map<string, () => void>;
  let memories: Set<Buffer>;
  let cache: PackCache;
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const arrive = async (number: number): Promise<void> => {
    waiting.get(String(number))?.();
    waiting.delete(String(number));
    await settle();
  };
  const numbersIn = (pieces: readonly Uint8Array[]): readonly number[][] => pieces.map((piece) => [...new Set(piece)]);

  beforeEach(() => {
    [waiting, memories] = [new Map(), new Set()];
    const repository = {
      read: (stripe: StripeName, memory?: Buffer) =>
        new Promise<Uint8Array>((resolve, reject) => {
          if (memory === undefined) throw new Error("no memory was given");
          memories.add(memory);
          waiting.set(stripe.id, () => {
            const { bytes } = packs[Number(stripe.id)] as (typeof packs)[number];
            memory.set(bytes);
            if (stripe.id === "7") reject(new Error("lost"));
            else resolve(memory.subarray(0, bytes.length));
          });
        }),
    };
    cache = new PackCache(repository, 1);
  });

  it("are there until everybody who waits for them has looked, and are not overwritten before", async () => {
    const both = cache.read([placeOf(0), placeOf(1)], numbersIn);
    await arrive(0);
    // More than are kept: the first pack is the oldest, and still waited for.
    const others = [2, 3].map((number) => cache.read([placeOf(number)], numbersIn));
    await arrive(2);
    await arrive(3);
    const last = cache.read([placeOf(4)], numbersIn);
    await arrive(4);
    await arrive(1);
    expect(await both).to.deep.equal([[0], [1]]);
    expect(await Promise.all([...others, last])).to.deep.equal([[[2]], [[3]], [[4]]]);
  });

  it("lie in memory that is used again, however many there are", async () => {
    for (let turn = 0; turn < 3; turn += 1)
      for (let number = 0; number < 7; number += 1) {
        const reading = cache.read([placeOf(number)], numbersIn);
        await arrive(number);
        expect(await reading).to.deep.equal([[number]]);
      }
    expect(memories.size).to.be.at.most(2);
  });

  it("of a piece whose other pack is lost are waited for, and may fail later", async () => {
    let isOver = false;
    const reading = cache.read([placeOf(6), placeOf(7)], numbersIn).then(
      () => "read",
      ({ message }: Error) => ((isOver = true), message),
    );
    await arrive(7);
    expect(isOver).to.equal(false);
    await arrive(6);
    expect(await reading).to.equal("lost");
  });

  it("are read again where that failed", async () => {
    for (let tries = 0; tries < 2; tries += 1) {
      const reading = cache.read([placeOf(7)], numbersIn).then(
        () => "read",
        ({ message }: Error) => message,
      );
      expect([...waiting.keys()]).to.deep.equal(["7"]);
      await arrive(7);
      expect(await reading).to.equal("lost");
    }
  });
});

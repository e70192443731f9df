import { expect } from "chai";
import type { Store, StoreOp } from "../../node/ports/index.ts";

/** One implementation of the Store port. */
export interface StoreCase {
  /** An empty store. */
  open(): Promise<Store>;
  /** Closes the store and opens what it wrote, as after a clean stop. */
  reopen(store: Store): Promise<Store>;
  /** Frees what the case used. */
  end(store: Store): Promise<void>;
  /** Lets promises of the store make progress, where time is simulated. */
  settle?<T>(promise: Promise<T>): Promise<T>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const put = (key: string, text: string): StoreOp => ({ type: "put", key, value: bytes(text) });
const del = (key: string): StoreOp => ({ type: "del", key });

/** What every Store does, whatever it writes to. */
export function storeConformance(name: string, make: () => StoreCase): void {
  describe(`the store on ${name}`, () => {
    let stores: StoreCase;
    let store: Store;
    const settle = <T>(promise: Promise<T>): Promise<T> => stores.settle?.(promise) ?? promise;
    const write = (ops: readonly StoreOp[], sync = true): Promise<void> => settle(store.batch(ops, { sync }));
    const read = async (key: string): Promise<string | undefined> => {
      const value = await settle(store.get(key));
      return value && new TextDecoder().decode(value);
    };
    const keys = async (range: Parameters<Store["range"]>[0]): Promise<string[]> =>
      (await settle(store.range(range))).map(([key]) => key);

    beforeEach(async () => {
      stores = make();
      store = await stores.open();
    });
    afterEach(() => stores.end(store));

    it("gives back what a batch wrote, and nothing for a key that was never written", async () => {
      await write([put("a", "one"), put("b", "two")]);
      expect(await read("a")).to.equal("one");
      expect(await read("b")).to.equal("two");
      expect(await read("c")).to.equal(undefined);
    });

    it("shows an unsynced batch as soon as its promise resolves", async () => {
      await write([put("a", "one")], false);
      expect(await read("a")).to.equal("one");
    });

    it("carries out the operations of a batch in order", async () => {
      await write([put("a", "one"), put("a", "two"), put("b", "three"), del("b"), del("c"), put("c", "four")]);
      expect(await read("a")).to.equal("two");
      expect(await read("b")).to.equal(undefined);
      expect(await read("c")).to.equal("four");
    });

    it("takes an empty batch and the deletion of an absent key", async () => {
      await write([]);
      await write([del("absent")]);
      expect(await read("absent")).to.equal(undefined);
    });

    it("reads a range in key order, by code unit, with its lower bound and without its upper bound", async () => {
      const all = ["a", "a!", "a/", "a/1", "a/10", "a/2", "a0", "aZ", "a~", "b", "Z"];
      await write(all.map((key) => put(key, key)));
      expect(await keys({ gte: "a", lt: "b" })).to.deep.equal([
        "a",
        "a!",
        "a/",
        "a/1",
        "a/10",
        "a/2",
        "a0",
        "aZ",
        "a~",
      ]);
      expect(await keys({ gte: "a/", lt: "a0" })).to.deep.equal(["a/", "a/1", "a/10", "a/2"]);
      expect(await keys({ gte: "", lt: "a" })).to.deep.equal(["Z"]);
    });

    it("limits a range, from either end", async () => {
      await write(["1", "2", "3", "4"].map((key) => put(`k/${key}`, key)));
      expect(await keys({ gte: "k/", lt: "k0", limit: 2 })).to.deep.equal(["k/1", "k/2"]);
      expect(await keys({ gte: "k/", lt: "k0", limit: 2, reverse: true })).to.deep.equal(["k/4", "k/3"]);
      expect(await keys({ gte: "k/", lt: "k0", reverse: true })).to.deep.equal(["k/4", "k/3", "k/2", "k/1"]);
    });

    it("gives an empty page for an empty range", async () => {
      await write([put("a", "one")]);
      expect(await keys({ gte: "b", lt: "c" })).to.deep.equal([]);
    });

    it("keeps every byte, and the empty value", async () => {
      const value = Uint8Array.from({ length: 256 }, (_, index) => index);
      await write([
        { type: "put", key: "all", value },
        { type: "put", key: "none", value: new Uint8Array() },
      ]);
      expect([...((await settle(store.get("all"))) ?? [])]).to.deep.equal([...value]);
      expect((await settle(store.get("none")))?.length).to.equal(0);
    });

    it("applies a batch whole: a page never shows half of one", async () => {
      await write([put("k/1", "0"), put("k/2", "0")]);
      const writes = Array.from({ length: 20 }, (_, index) =>
        store.batch([put("k/1", String(index)), put("k/2", String(index))], { sync: index % 5 === 0 }),
      );
      const pages = Array.from({ length: 20 }, () => store.range({ gte: "k/", lt: "k0" }));
      await settle(Promise.all(writes));
      for (const page of await settle(Promise.all(pages))) {
        const [one, two] = page.map(([, value]) => new TextDecoder().decode(value));
        expect(one).to.equal(two);
      }
    });

    it("keeps everything across a close and an opening", async () => {
      await write([put("a", "synced")]);
      await write([put("b", "not synced")], false);
      await write([del("a"), put("c", "synced")]);
      store = await stores.reopen(store);
      expect(await read("a")).to.equal(undefined);
      expect(await read("b")).to.equal("not synced");
      expect(await read("c")).to.equal("synced");
    });

    it("rejects what comes after its close", async () => {
      await settle(store.close());
      const refused = await settle(
        store.batch([put("a", "late")], { sync: true }).then(
          () => false,
          () => true,
        ),
      );
      expect(refused).to.equal(true);
    });

    it("says where its bytes are", () => {
      expect(store.location).to.be.a("string").and.not.equal("");
    });
  });
}

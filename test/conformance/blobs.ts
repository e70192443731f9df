/** What every BlobStore does, on whatever disk. */
import { expect } from "chai";
import { hashOf, isProven } from "../../node/bulk/blobs/index.ts";
import { leafBytes } from "../../node/bulk/blobs/tree.ts";
import { type BlobLimits } from "../../node/bulk/blobs/limits.ts";
import type { BlobStore, Files } from "../../node/ports/index.ts";
import { failureOf } from "../../protocols/index.ts";

/** A store and what can be done to its disk. */
export interface BlobFixture {
  /** With `wrap` the store sees the files through it. */
  open(limits?: Partial<BlobLimits>, wrap?: (files: Files) => Files): Promise<BlobStore>;
  /** Another life on the same disk. */
  reopen(): Promise<BlobStore>;
  /** Paths of all files. */
  paths(): readonly string[];
  flipBit(path: string, bit: number): void;
  /** Where a byte of the blob lies in its file, where that is not its own place. The pieces of such a file are whole or
   *  damaged. */
  placeOf?(at: number): number;
  truncate(path: string, length: number): void;
  /** Puts a file where nothing is. */
  leave(path: string, bytes: Uint8Array): Promise<void>;
  /** How many files are open, where that can be told. */
  openFiles?(): number;
  settle?<T>(promise: Promise<T>): Promise<T>;
  end(): Promise<void>;
}

/** Bytes that differ from one place to the next. */
export const someBytes = (length: number, salt = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => Math.imul(at + salt, 0x9e3779b1) >>> 24);

/** As a stream, in pieces of some size. */
export async function* pieces(bytes: Uint8Array, size: number = bytes.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** All of a stream. */
export async function gathered(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(Uint8Array.from(part));
  return Buffer.concat(parts);
}

export function blobConformance(name: string, make: () => BlobFixture): void {
  describe(`blobs on ${name}`, () => {
    let fixture: BlobFixture;
    const settle = <T>(promise: Promise<T>): Promise<T> => fixture.settle?.(promise) ?? promise;
    const codeOf = (promise: Promise<unknown>): Promise<string> =>
      settle(promise).then(
        () => "none",
        (error: unknown) => failureOf(error).code,
      );
    const readAll = async (store: BlobStore, hash: string, range?: { start: number; end: number }): Promise<Buffer> =>
      settle(store.open(hash, range).then(({ bytes }) => gathered(bytes)));
    const pathTo = (hash: string): string => `${hash.slice(0, 2)}/${hash}`;

    beforeEach(() => (fixture = make()));
    afterEach(() => fixture.end());

    it("gives back what was put, whatever its size and the pieces it came in", async () => {
      const store = await settle(fixture.open({ pieceBytes: 2 * leafBytes }));
      for (const size of [0, 1, leafBytes - 1, leafBytes, leafBytes + 1, 4 * leafBytes, 5 * leafBytes + 77])
        for (const piece of [1_000, leafBytes, 100_000]) {
          const bytes = someBytes(size, size + piece);
          const put = await settle(store.put(pieces(bytes, piece)));
          expect(put).to.deep.equal({ hash: hashOf(bytes), size });
          expect((await readAll(store, put.hash)).equals(bytes)).to.equal(true);
          expect(await settle(store.has(put.hash))).to.equal(size);
          expect(await settle(store.check(put.hash))).to.equal(true);
        }
    });

    it("gives all of it uncompared, in the memory that a caller has for it or else in its own", async () => {
      const store = await settle(fixture.open());
      for (const size of [0, 1, leafBytes, 3 * leafBytes + 5]) {
        const bytes = someBytes(size);
        const { hash } = await settle(store.put(pieces(bytes)));
        const room = Buffer.alloc(size + 1);
        for (const into of [room, Buffer.alloc(Math.max(0, size - 1)), undefined])
          expect(Buffer.compare(await settle(store.uncompared(hash, into)), bytes)).to.equal(0);
        expect(room.subarray(0, size).equals(bytes)).to.equal(true);
      }
      expect(await codeOf(store.uncompared(hashOf(someBytes(7))))).to.equal("NOT_FOUND");
    });

    it("gives any part", async () => {
      const store = await settle(fixture.open({ pieceBytes: 2 * leafBytes }));
      const bytes = someBytes(3 * leafBytes + 5);
      const { hash } = await settle(store.put(pieces(bytes)));
      for (const [start, end] of [
        [0, 0],
        [0, 1],
        [leafBytes - 1, leafBytes + 1],
        [5, 3 * leafBytes],
        [bytes.length - 1, bytes.length],
      ] as const)
        expect((await readAll(store, hash, { start, end })).equals(bytes.subarray(start, end))).to.equal(true);
      expect(await codeOf(store.open(hash, { start: 0, end: bytes.length + 1 }))).to.equal("BAD_REQUEST");
    });

    it("proves each leaf, and nothing that differs from it in one bit passes", async () => {
      const store = await settle(fixture.open());
      for (const count of [1, 2, 3, 5, 8]) {
        const { hash } = await settle(store.put(pieces(someBytes((count - 1) * leafBytes + 9, count))));
        for (let leaf = 0; leaf < count; leaf += 1) {
          const proof = await settle(store.prove(hash, leaf));
          expect(isProven(hash, proof)).to.equal(true);
          const bytes = Uint8Array.from(proof.bytes);
          bytes[0] = (bytes[0] as number) ^ 1;
          expect(isProven(hash, { ...proof, bytes })).to.equal(false);
          for (const other of [leaf - 1, leaf + 1]) expect(isProven(hash, { ...proof, leaf: other })).to.equal(false);
          for (const size of [proof.size - 1, proof.size + 1, proof.size + leafBytes, proof.size - leafBytes])
            expect(isProven(hash, { ...proof, size })).to.equal(false);
          if (proof.path.length > 0) expect(isProven(hash, { ...proof, path: proof.path.slice(1) })).to.equal(false);
          expect(isProven(hash, { ...proof, path: [...proof.path, proof.bytes.slice(0, 32)] })).to.equal(false);
        }
        expect(await codeOf(store.prove(hash, count))).to.equal("NOT_FOUND");
      }
    });

    it("has what was put in another life, and not what was deleted", async () => {
      const store = await settle(fixture.open());
      const kept = await settle(store.put(pieces(someBytes(100))));
      const gone = await settle(store.put(pieces(someBytes(200))));
      await settle(store.delete(gone.hash));
      await settle(store.delete(gone.hash));
      const after = await settle(fixture.reopen());
      expect((await readAll(after, kept.hash)).equals(someBytes(100))).to.equal(true);
      expect(await settle(after.has(gone.hash))).to.equal(undefined);
      expect(await codeOf(after.open(gone.hash))).to.equal("NOT_FOUND");
    });

    it("lists by name, a page at a time", async () => {
      const store = await settle(fixture.open({ pageMax: 3 }));
      const put: string[] = [];
      for (let number = 0; number < 8; number += 1) put.push((await settle(store.put(pieces(someBytes(number))))).hash);
      const listed: string[] = [];
      for (let page; page === undefined || page.length > 0;) {
        page = await settle(store.list(listed.at(-1)));
        expect(page.length).to.be.at.most(3);
        listed.push(...page.map(({ hash }) => hash));
      }
      expect(listed).to.deep.equal(put.sort());
    });

    it("keeps nothing of a stream that fails, that is too long, or that is not what was expected", async () => {
      const store = await settle(fixture.open());
      const before = fixture.paths();
      async function* failing() {
        yield someBytes(50_000);
        throw new Error("the sender is gone");
      }
      expect(await codeOf(store.put(failing()))).to.equal("INTERNAL");
      expect(await codeOf(store.put(pieces(someBytes(101)), { bytesMax: 100 }))).to.equal("TOO_LARGE");
      const other = { expected: hashOf(someBytes(99)) };
      expect(await codeOf(store.put(pieces(someBytes(100)), other))).to.equal("BAD_REQUEST");
      expect(fixture.paths()).to.deep.equal(before);
      expect(fixture.openFiles?.() ?? 0).to.equal(0);
    });

    it("throws away what a process left behind that ended while it wrote", async () => {
      const store = await settle(fixture.open());
      const { hash } = await settle(store.put(pieces(someBytes(10))));
      await fixture.leave("temporary/77", someBytes(1_000));
      await settle(fixture.reopen());
      expect(fixture.paths()).to.deep.equal([pathTo(hash)]);
    });

    it("finds every flipped bit and every cut, and takes the same bytes again", async () => {
      const store = await settle(fixture.open({ pieceBytes: leafBytes }));
      const bytes = someBytes(2 * leafBytes + 100);
      const { hash } = await settle(store.put(pieces(bytes)));
      const fileBytes = bytes.length + 3 * 32;
      expect(await settle(store.check(hash))).to.equal(true);
      // In each leaf, and in the last byte of the last one.
      const placeOf = (at: number): number => fixture.placeOf?.(at) ?? at;
      for (const at of [0, leafBytes + 1, bytes.length - 1]) {
        fixture.flipBit(pathTo(hash), 8 * placeOf(at));
        expect(await settle(store.check(hash))).to.equal(false);
        const read = settle(store.open(hash).then(({ bytes: stream }) => gathered(stream)));
        expect(await codeOf(read)).to.equal("DATA_DAMAGED");
        expect(await codeOf(store.prove(hash, Math.floor(at / leafBytes)))).to.equal("DATA_DAMAGED");
        await settle(store.put(pieces(bytes)));
        expect(await settle(store.check(hash))).to.equal(true);
      }
      // What is left of it is given: the bytes are whole, and the hashes are made anew from them.
      fixture.flipBit(pathTo(hash), 8 * placeOf(bytes.length + 40));
      if (fixture.placeOf === undefined) expect((await readAll(store, hash)).equals(bytes)).to.equal(true);
      else expect(await codeOf(readAll(store, hash))).to.equal("DATA_DAMAGED");
      await settle(store.put(pieces(bytes)));
      for (const length of [0, 31, 100, leafBytes, bytes.length, fileBytes - 1]) {
        fixture.truncate(pathTo(hash), length);
        expect(await codeOf(store.open(hash)), `cut to ${length}`).to.equal("DATA_DAMAGED");
        await settle(store.put(pieces(bytes)));
      }
      // A part that is not damaged is still served.
      fixture.flipBit(pathTo(hash), 8 * placeOf(0));
      expect((await readAll(store, hash, { start: leafBytes, end: bytes.length })).length).to.equal(leafBytes + 100);
    });

    it("takes no more at a time than it has places, and gives each back", async () => {
      const store = await settle(fixture.open({ openMax: 2 }));
      const { hash } = await settle(store.put(pieces(someBytes(3 * leafBytes))));
      const { promise: held, resolve: release } = Promise.withResolvers<void>();
      async function* waiting() {
        yield someBytes(5);
        await held;
      }
      const slow = [store.put(waiting()), store.put(waiting())];
      expect(await codeOf(store.put(pieces(someBytes(9))))).to.equal("OVERLOADED");
      expect(await codeOf(store.open(hash))).to.equal("OVERLOADED");
      release();
      for (const put of slow) await settle(put);
      // Who stops reading in the middle holds nothing.
      for (let time = 0; time < 5; time += 1)
        await settle(
          (async () => {
            for await (const _ of (await store.open(hash)).bytes) break;
          })(),
        );
      expect(fixture.openFiles?.() ?? 0).to.equal(0);
    });

    it("asks a stream for more only when the disk has taken what came", async () => {
      const pieceBytes = 2 * leafBytes;
      let [asked, written, ahead] = [0, 0, 0];
      const store = await settle(
        fixture.open({ pieceBytes }, (files) => ({
          ...files,
          async create(path) {
            const writer = await files.create(path);
            return {
              ...writer,
              async write(bytes) {
                await writer.write(bytes);
                written += bytes.length;
              },
            };
          },
        })),
      );
      async function* counted() {
        for (; asked < 64; asked += 1) {
          ahead = Math.max(ahead, asked * leafBytes - written);
          yield someBytes(leafBytes, asked);
        }
      }
      await settle(store.put(counted()));
      expect(asked).to.equal(64);
      // One piece is written while the next is filled; the first is larger, where most blobs fit.
      expect(ahead).to.be.within(pieceBytes, 2 * 4 * leafBytes);
    });

    it("reads no further ahead than one piece", async () => {
      const pieceBytes = 2 * leafBytes;
      let [asked, given, ahead] = [0, 0, 0];
      const bytes = someBytes(20 * leafBytes);
      const store = await settle(
        fixture.open({ pieceBytes }, (files) => ({
          ...files,
          async open(path) {
            const reader = await files.open(path);
            const read = (position: number, length: number, into?: Uint8Array): Promise<Uint8Array> => {
              if (position < bytes.length) asked += length;
              ahead = Math.max(ahead, asked - given);
              return (reader as NonNullable<typeof reader>).read(position, length, into);
            };
            return reader && { ...reader, read };
          },
        })),
      );
      const { hash } = await settle(store.put(pieces(bytes)));
      for (const reused of [false, true]) {
        [asked, given] = [0, 0];
        const parts: Uint8Array[] = [];
        await settle(
          (async () => {
            for await (const part of (await store.open(hash, undefined, { reused })).bytes) {
              expect(bytes.subarray(given, given + part.length)).to.deep.equal(Uint8Array.from(part));
              given += part.length;
              parts.push(part);
            }
          })(),
        );
        expect(given).to.equal(bytes.length);
        // Only where that was asked for a part is overwritten by what comes after it.
        expect(Buffer.concat(parts).equals(bytes)).to.equal(!reused);
      }
      expect(ahead).to.equal(2 * pieceBytes);
    });

    it("gives a name only to what is synced, and answers only when the name is", async () => {
      const order: string[] = [];
      const told = async (what: string, work: Promise<void>): Promise<void> => {
        await work;
        order.push(what);
      };
      const store = await settle(
        fixture.open({}, (files) => ({
          ...files,
          async create(path) {
            const writer = await files.create(path);
            return {
              ...writer,
              write: (bytes) => told("write", writer.write(bytes)),
              sync: () => told("sync bytes", writer.sync()),
            };
          },
          makeFolder: (path) => told("make folder", files.makeFolder(path)),
          rename: (from, to) => told("rename", files.rename(from, to)),
          sync: (path) => told(path === "" ? "sync top" : "sync folder", files.sync(path)),
        })),
      );
      order.length = 0;
      await settle(store.put(pieces(someBytes(5 * leafBytes))));
      // The first 64 KiB, the rest, the leaves' hashes.
      const written = ["write", "write", "write", "sync bytes"];
      expect(order).to.deep.equal([...written, "make folder", "sync top", "rename", "sync folder"]);
      order.length = 0;
      await settle(store.put(pieces(someBytes(5 * leafBytes))));
      expect(order).to.deep.equal([...written, "rename", "sync folder"]);
    });

    it("refuses with DISK_FULL whenever the disk is, leaves nothing, and reads what there is", async () => {
      let [full, looks] = ["", 0];
      const refuse = (): never => {
        throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      };
      const store = await settle(
        fixture.open({ pieceBytes: leafBytes }, (files) => ({
          ...files,
          hasRoom(bytes) {
            looks += 1;
            // At once, or when a few pieces are written: what the journal needs stays free.
            return full !== "room" && !(full === "room later" && looks > 3) && files.hasRoom(bytes);
          },
          create: (path) =>
            full === "create"
              ? Promise.reject(new Error()).catch(refuse)
              : files.create(path).then((writer) => ({
                  ...writer,
                  write: async (bytes: Uint8Array) => (full === "write" ? refuse() : writer.write(bytes)),
                  sync: async () => (full === "sync" ? refuse() : writer.sync()),
                })),
          makeFolder: async (path) => (full === "folder" ? refuse() : files.makeFolder(path)),
          rename: async (from, to) => (full === "rename" ? refuse() : files.rename(from, to)),
        })),
      );
      const kept = await settle(store.put(pieces(someBytes(3 * leafBytes, 5))));
      const before = fixture.paths();
      for (const place of ["room", "room later", "create", "write", "sync", "folder", "rename"]) {
        [full, looks] = [place, 0];
        expect(await codeOf(store.put(pieces(someBytes(9 * leafBytes, 6)))), place).to.equal("DISK_FULL");
        expect(fixture.paths(), place).to.deep.equal(before);
        expect((await readAll(store, kept.hash)).length).to.equal(3 * leafBytes);
      }
      full = "";
      await settle(store.put(pieces(someBytes(9 * leafBytes, 6))));
      expect(fixture.openFiles?.() ?? 0).to.equal(0);
    });

    it("stores the same bytes once, however many put them at the same time", async () => {
      const store = await settle(fixture.open());
      const bytes = someBytes(20_000);
      const put = await settle(Promise.all(Array.from({ length: 5 }, () => store.put(pieces(bytes)))));
      expect(new Set(put.map(({ hash }) => hash)).size).to.equal(1);
      expect(fixture.paths()).to.deep.equal([pathTo(hashOf(bytes))]);
    });

    it("knows no name that is none", async () => {
      const store = await settle(fixture.open());
      for (const hash of ["", "..", "../../etc/passwd", "A".repeat(64), "0".repeat(63)]) {
        expect(await settle(store.has(hash))).to.equal(undefined);
        expect(await codeOf(store.open(hash))).to.equal("NOT_FOUND");
        await settle(store.delete(hash));
      }
    });
  });
}

/** The Store port, encrypted: each value by itself, bound to its key. Keys stay readable, so ranges and order are what
 *  they were; all above sees the values that it wrote, so checksums, chains and Merkle rows compare between nodes whose
 *  disks have other keys.
 *
 *      plain ──── seal() ────► sealing: new values are sealed, the old ones are rewritten, part by part ────► sealed
 *        ▲                                                                                                     │
 *        └──────────────────── opening: the other way ◄──────────────── open() ───────────────────────────────┘
 *
 *  A value tells by itself whether it is sealed, so a crash leaves nothing half done. What begins a sealed value can
 *  begin no other: as a chunk of the log it would say that its first entry has 1.4 GB, as a row with a checksum it
 *  would go on with a byte that MessagePack never writes.
 *
 *  A value that does not open is given as it lies. For the same reason every check above takes it for damage, names its
 *  place, and heals it from a copy, as it does with any other. Once everything is sealed, a value that is not is taken
 *  for damage, too. */
import { assert, failure, PlexusError } from "../../protocols/index.ts";
import { isSealed, seal as withChecksum, unseal as withoutChecksum } from "../data-folder/seal.ts";
import type { Store, StoreOp, StorePage, StoreRange, StoreView } from "../ports/index.ts";
import { contextBytes } from "./cipher.ts";
import type { DiskKey } from "./disk-key.ts";
import { keyLimits } from "./limits.ts";

/** What a sealed value begins with. */
const mark = Buffer.from([0xff, 0x50, 0x4c, 0x58, 0xc1]);
/** The row that says whether the store is sealed, and with which key. It is not sealed itself. */
export const sealedKey = "meta/sealed";

export type SealedState = "plain" | "sealing" | "sealed" | "opening";

interface StateRow {
  readonly state: SealedState;
  /** Id of the disk's key. */
  readonly key: string;
  /** The last part that was rewritten. */
  readonly after: string;
  /** Made with the key: nobody without it says that a store is less sealed than it is. */
  readonly proof: Uint8Array;
}

/** A part of a store that is rewritten at one time: a slot, say. */
export interface StorePart {
  readonly name: string;
  readonly ranges: readonly StoreRange[];
}

/** How a store is at some moment. */
interface Moment {
  /** A value that is not sealed counts as damage. */
  readonly isStrict: boolean;
  readonly key: DiskKey | undefined;
}

const isMarked = (value: Uint8Array): boolean =>
  value[0] === mark[0] && value.length > mark.length && mark.every((byte, at) => value[at] === byte);
const rowContext = (key: string): Uint8Array => contextBytes(["row", key]);

/** What a sealed value is to those above; undefined when it does not open, or is not sealed. */
export const openedRow = (disk: DiskKey | undefined, key: string, value: Uint8Array): Uint8Array | undefined =>
  isMarked(value) ? disk?.rows.open(value.subarray(mark.length), rowContext(key)) : undefined;

/** A store whose values are sealed, or may be from some moment on. */
export class SealedStore implements Store {
  readonly #raw: Store;
  readonly #nonce: (() => Uint8Array) | undefined;
  #key: DiskKey | undefined;
  #state: SealedState;
  #after: string;
  /** Batches that are being written. */
  #underWay = 0;
  #idle: (() => void) | undefined;
  /** What batches wait for while a page is rewritten: one that was written in between would be lost. */
  #held: Promise<void> | undefined;

  constructor(
    raw: Store,
    at: {
      readonly state: SealedState;
      readonly key?: DiskKey | undefined;
      readonly after?: string;
      readonly nonce?: () => Uint8Array;
    },
  ) {
    assert(at.state === "plain" || at.key !== undefined, "what is sealed has a key");
    this.#raw = raw;
    this.#state = at.state;
    this.#key = at.key;
    this.#after = at.after ?? "";
    this.#nonce = at.nonce;
  }

  get location(): string {
    return this.#raw.location;
  }
  get state(): SealedState {
    return this.#state;
  }
  /** Of a store that is not plain. */
  get key(): DiskKey | undefined {
    return this.#state === "plain" ? undefined : this.#key;
  }

  isFull(): boolean {
    return this.#raw.isFull?.() ?? false;
  }

  batch(ops: readonly StoreOp[], options: { readonly sync: boolean }): Promise<void> {
    if (this.#held === undefined) return this.#write(ops, options);
    return this.#behind(() => this.#write(ops, options));
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const at = this.#now;
    const value = await this.#raw.get(key);
    return value && this.#opened(key, value, this.#since(at));
  }

  async range(range: StoreRange): Promise<readonly (readonly [string, Uint8Array])[]> {
    const at = this.#now;
    return this.#allOpened(await this.#raw.range(range), this.#since(at));
  }

  keys(range: StoreRange): Promise<readonly string[]> {
    return this.#raw.keys(range);
  }

  view(): StoreView {
    const raw = this.#raw.view();
    // What it shows is as it was now.
    const at = this.#now;
    const opened = (page: StorePage): StorePage => this.#allOpened(page, at);
    return {
      get: async (key) => {
        const value = await raw.get(key);
        return value && this.#opened(key, value, at);
      },
      range: async (range) => opened(await raw.range(range)),
      ...(raw.scan !== undefined && {
        async *scan(range, bytes, now) {
          for await (const page of raw.scan?.(range, bytes, now) ?? []) yield opened(page);
        },
      }),
      close: () => raw.close(),
    };
  }

  close(): Promise<void> {
    return this.#raw.close();
  }

  async compact(): Promise<void> {
    await this.#raw.compact?.();
  }

  /** Seals or opens everything in it, from where an earlier run ended. New values are written so from the first moment
   *  on. `done` is called after each part. Rejects with what the store rejects with; then it may be called again. */
  async convert(
    to: "sealed" | "plain",
    at: {
      readonly key: DiskKey;
      readonly parts: readonly StorePart[];
      /** Called when new values are written so. */
      readonly begun?: () => void;
      readonly done?: (part: string) => void;
      /** What else must be done before it counts as finished. */
      readonly finish?: () => Promise<void>;
      readonly isStopped?: () => boolean;
    },
  ): Promise<void> {
    assert(this.#key === undefined || this.#key.id === at.key.id, "one store has one key");
    if (this.#state === to) return at.begun?.();
    const under = to === "sealed" ? "sealing" : "opening";
    await this.#exclusively(async () => {
      const after = this.#state === under ? this.#after : "";
      await this.#writeState(under, at.key, after);
      this.#key = at.key;
      [this.#state, this.#after] = [under, after];
    });
    at.begun?.();
    const names = at.parts.map(({ name }) => name);
    // In an order of its own, so that an earlier run's end says which are done; what was added since is sealed anyway.
    const begun = names.indexOf(this.#after) + 1;
    for (const part of at.parts.slice(begun)) {
      for (const range of part.ranges) await this.#rewrite(range, to, at.isStopped);
      if (at.isStopped?.() === true) return;
      await this.#exclusively(async () => {
        await this.#writeState(under, at.key, part.name);
        this.#after = part.name;
      });
      at.done?.(part.name);
    }
    await at.finish?.();
    if (at.isStopped?.() === true) return;
    await this.#exclusively(async () => {
      if (to === "sealed") await this.#writeState("sealed", at.key, "");
      else await this.#raw.batch([{ type: "del", key: sealedKey }], { sync: true });
      this.#state = to;
      this.#after = "";
      // The next encryption may use another key.
      if (to === "plain") this.#key = undefined;
    });
  }

  // --- one value -----------------------------------------------------------------------------------------------------

  /** How the store is at this moment. */
  get #now(): Moment {
    return { isStrict: this.#state === "sealed", key: this.#key };
  }
  /** For what was read since a moment, and may be of now. */
  #since({ isStrict, key }: Moment): Moment {
    return { isStrict: isStrict && this.#state === "sealed", key: key ?? this.#key };
  }
  get #seals(): boolean {
    return this.#state === "sealing" || this.#state === "sealed";
  }

  #sealed(key: string, value: Uint8Array): Uint8Array {
    assert(this.#key !== undefined, "who seals has the key");
    return Buffer.concat([mark, this.#key.rows.seal(value, rowContext(key), this.#nonce?.())]);
  }

  #opened(key: string, value: Uint8Array, at: Moment): Uint8Array {
    if (key === sealedKey) return value;
    if (!isMarked(value)) return at.isStrict ? mark : value;
    return openedRow(at.key, key, value) ?? value;
  }

  #allOpened(rows: readonly (readonly [string, Uint8Array])[], at: Moment): readonly (readonly [string, Uint8Array])[] {
    if (at.key === undefined) return rows;
    return rows.map(([key, value]) => [key, this.#opened(key, value, at)] as const);
  }

  async #write(ops: readonly StoreOp[], options: { readonly sync: boolean }): Promise<void> {
    const written = this.#seals
      ? ops.map((op) => (op.type === "put" ? { ...op, value: this.#sealed(op.key, op.value) } : op))
      : ops;
    this.#underWay += 1;
    try {
      await this.#raw.batch(written, options);
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.#idle?.();
    }
  }

  // --- rewriting -----------------------------------------------------------------------------------------------------

  /** Does something behind what batches wait for, in order. */
  #behind<T>(work: () => Promise<T>): Promise<T> {
    const mine = (this.#held ?? Promise.resolve()).then(work);
    const settled = mine.then(
      () => undefined,
      () => undefined,
    );
    const held: Promise<void> = settled.then(() => {
      if (this.#held === held) this.#held = undefined;
    });
    this.#held = held;
    return mine;
  }

  /** Does something while no batch is under way; those that come wait for its end. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#behind(async () => {
      if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#idle = resolve));
      this.#idle = undefined;
      return work();
    });
  }

  /** Page by page: batches of others come between. */
  async #rewrite(range: StoreRange, to: "sealed" | "plain", isStopped?: () => boolean): Promise<void> {
    let { gte } = range;
    let limit: number = keyLimits.rewriteRowsMin;
    while (isStopped?.() !== true) {
      const page = await this.#exclusively(async () => {
        const rows = await this.#raw.range({ gte, lt: range.lt, limit });
        const ops = rows.flatMap(([key, value]) => this.#rewritten(key, value, to));
        if (ops.length > 0) await this.#raw.batch(ops, { sync: true });
        return { last: rows.at(-1)?.[0], bytes: rows.reduce((sum, [, value]) => sum + value.length, 0) };
      });
      if (page.last === undefined) return;
      gte = `${page.last}\0`;
      // Nobody waits for long: as many rows as have a bounded number of bytes.
      const { rewriteBytes, rewriteRowsMin, rewriteRowsMax } = keyLimits;
      const fitting = page.bytes * 2 < rewriteBytes ? limit * 2 : page.bytes > rewriteBytes ? limit / 2 : limit;
      limit = Math.max(rewriteRowsMin, Math.min(rewriteRowsMax, Math.floor(fitting)));
    }
  }

  #rewritten(key: string, value: Uint8Array, to: "sealed" | "plain"): readonly StoreOp[] {
    if (key === sealedKey || isMarked(value) === (to === "sealed")) return [];
    if (to === "sealed") return [{ type: "put", key, value: this.#sealed(key, value) }];
    const plain = this.#opened(key, value, { isStrict: false, key: this.#key });
    // One that does not open stays what it is: damage.
    return isMarked(plain) ? [] : [{ type: "put", key, value: plain }];
  }

  #writeState(state: SealedState, key: DiskKey, after: string): Promise<void> {
    const proof = key.rows.seal(new Uint8Array(), stateContext(state, after), this.#nonce?.());
    const row: StateRow = { state, key: key.id, after, proof };
    return this.#raw.batch([{ type: "put", key: sealedKey, value: withChecksum(sealedKey, row) }], { sync: true });
  }
}

const stateContext = (state: SealedState, after: string): Uint8Array => contextBytes(["state", state, after]);

/** Opens a store with the disk's key, which is asked for where the store needs it. `whatever is left`: also without the
 *  row that says how it is encrypted. Errors: KEY_MISSING (there is none, or it is another disk's), DATA_DAMAGED. */
export async function openSealedStore(
  raw: Store,
  key: () => Promise<DiskKey | undefined>,
  of: "all of it" | "whatever is left" = "all of it",
): Promise<SealedStore> {
  const missing = (reason: string, id?: string): PlexusError =>
    new PlexusError(
      failure("KEY_MISSING", { file: raw.location, reason, ...(id !== undefined && { key: id }), hint: restoreHint }),
    );
  const absent = "this disk is encrypted, and its key is not where it should be";
  /** The row that says how the store is encrypted cannot be used. */
  const without = async (reason: string): Promise<SealedStore> => {
    if (of === "all of it")
      throw new PlexusError(failure("DATA_DAMAGED", { key: sealedKey, file: raw.location, reason }));
    const found = await key();
    if (found === undefined) throw missing(absent);
    return new SealedStore(raw, { state: "opening", key: found });
  };
  const bytes = await raw.get(sealedKey);
  if (bytes === undefined) {
    // It cannot be lost alone.
    const rows = await raw.range({ gte: "meta/", lt: "meta0", limit: 2 });
    if (!rows.some(([, value]) => isMarked(value))) return new SealedStore(raw, { state: "plain" });
    return without("the row that says how the journal is encrypted is missing");
  }
  if (!isSealed(sealedKey, bytes)) return without("the row that says how the journal is encrypted is damaged");
  const row = withoutChecksum(sealedKey, bytes, raw.location) as StateRow;
  const found = await key();
  if (found === undefined) throw missing(absent, row.key);
  if (found.id !== row.key)
    throw missing(`this disk is encrypted, and the key that is there (${found.id}) is another disk's`, row.key);
  if (found.rows.open(row.proof, stateContext(row.state, row.after)) === undefined)
    return without("the row that says how the journal is encrypted was changed");
  return new SealedStore(raw, { state: row.state, key: found, after: row.after });
}

const restoreHint =
  "Put the key's file back where diskKey (disk.key in the data folder) says, or make the key again from the " +
  "recovery kit: plexus disk recover --data FOLDER";

/** What a voter has on its disk.
 *
 *      replicated/head       { version, generation, applied, revision, base, members, home? }   written with the rows
 *      replicated/promise    { term, vote }
 *      replicated/entry/N    { term, body }
 *      replicated/row/KEY    { value, revision }      all entries up to `applied` are in them
 *
 *  Each is sealed. Rows are written in one batch with the head, and may be behind the log: then entries are applied
 *  again. */
import { failure, PlexusError } from "../../../../protocols/index.ts";
import { seal, unseal } from "../../../data-folder/seal.ts";
import type { DirectoryRow, Store, StoreOp } from "../../../ports/index.ts";
import type { EtcdHome } from "../row.ts";
import type { Restored } from "./core.ts";
import type { Entry, EntryBody, Mark, Members, Promise as Vow, Write } from "./messages.ts";
import type { Asked, RowsImage } from "./rows.ts";

const version = 1;
const headKey = "replicated/head";
const promiseKey = "replicated/promise";
const entryPrefix = "replicated/entry/";
const rowPrefix = "replicated/row/";
const entryKey = (index: number): string => `${entryPrefix}${String(index).padStart(16, "0")}`;
/** Entries and rows that are read at once. */
const pageRows = 256;

/** The head of a voter's copy. */
interface Head {
  readonly generation: number;
  readonly applied: number;
  readonly revision: number;
  readonly base: Mark;
  readonly members: Members;
  /** Where the rows were moved. */
  readonly home?: EtcdHome;
}

const put = (key: string, value: unknown): StoreOp => ({ type: "put", key, value: seal(key, value) });
const headOp = (head: Head): StoreOp => put(headKey, { version, ...head });

/** What a voter begins with. Without an image: with nothing, before any entry, so that it is given everything by the
 *  others. */
export interface Founding {
  readonly generation: number;
  readonly begun?: { readonly members: Members; readonly image: RowsImage };
  /** Written with it, or not at all. */
  readonly beside?: readonly StoreOp[];
}

/** A state that others may lack is behind a first entry: who has none is given all of it. */
const firstMark: Mark = { index: 1, term: 1 };

/** Makes a store that of a voter, whatever it had of an earlier generation. One batch, synced: once or not at all. */
export async function foundVoter(store: Store, { generation, begun, beside = [] }: Founding): Promise<void> {
  const old: StoreOp[] = [];
  for await (const [key] of scan(store, "replicated/")) old.push({ type: "del", key });
  const { members, image } = begun ?? { members: { voters: [], learners: [] }, image: { revision: 0, rows: [] } };
  const base = begun === undefined ? { index: 0, term: 0 } : firstMark;
  const head = headOp({ generation, applied: base.index, revision: image.revision, base, members });
  const promise = promiseOp({ term: base.term, vote: undefined });
  await store.batch([...old, head, promise, ...image.rows.map((row) => rowOp(row.key, row)), ...beside], {
    sync: true,
  });
}

/** The generation whose voter a store is; undefined: of none. Errors: DATA_DAMAGED, DATA_FORMAT_UNKNOWN. */
export async function generationOf(store: Store): Promise<number | undefined> {
  return (await readHead(store))?.generation;
}

async function readHead(store: Store): Promise<Head | undefined> {
  const sealed = await store.get(headKey);
  if (sealed === undefined) return undefined;
  const { version: found, ...head } = unseal(headKey, sealed, store.location) as Head & { version: number };
  if (found !== version) throw new PlexusError(failure("DATA_FORMAT_UNKNOWN", { key: headKey, found, version }));
  return head;
}

/** Says nothing new. After a write that failed, what reads well may not be on the disk: a synced write takes it along,
 *  and then it counts. */
export const keepingOps = ({ promise }: Restored<Asked>): readonly StoreOp[] => [promiseOp(promise)];

const promiseOp = ({ term, vote }: Vow): StoreOp => put(promiseKey, { term, vote: vote ?? null });

function rowOp(key: string, row: DirectoryRow | undefined): StoreOp {
  const stored = `${rowPrefix}${key}`;
  return row === undefined ? { type: "del", key: stored } : put(stored, { value: row.value, revision: row.revision });
}

/** What a store has. Undefined: it never was a voter's. Errors: DATA_DAMAGED, DATA_FORMAT_UNKNOWN. */
export async function loadVoter(
  store: Store,
): Promise<{ readonly head: Head; readonly restored: Restored<Asked>; readonly image: RowsImage } | undefined> {
  const head = await readHead(store);
  if (head === undefined) return undefined;
  const vow = await store.get(promiseKey);
  const promise =
    vow === undefined ? { term: 0, vote: undefined } : promiseOf(unseal(promiseKey, vow, store.location) as StoredVow);
  const entries: Entry<Asked>[] = [];
  for await (const [key, bytes] of scan(store, entryPrefix)) {
    const { term, body } = unseal(key, bytes, store.location) as { term: number; body: EntryBody<Asked> };
    const index = Number(key.slice(entryPrefix.length));
    if (index !== head.base.index + entries.length + 1)
      throw new PlexusError(
        failure("DATA_DAMAGED", { key, file: store.location, reason: "an entry before it is absent" }),
      );
    entries.push({ index, term, body });
  }
  const rows: DirectoryRow[] = [];
  for await (const [stored, bytes] of scan(store, rowPrefix)) {
    const row = unseal(stored, bytes, store.location) as { value: unknown; revision: number };
    rows.push({ key: stored.slice(rowPrefix.length), ...row });
  }
  const base = { ...head.base, members: head.members };
  return {
    head,
    restored: { promise, base, entries, applied: head.applied },
    image: { revision: head.revision, rows, ...(head.home && { home: head.home }) },
  };
}

interface StoredVow {
  readonly term: number;
  readonly vote: string | null;
}
const promiseOf = ({ term, vote }: StoredVow): Vow => ({ term, vote: vote ?? undefined });

/** Every entry under a prefix that ends in a slash. */
async function* scan(store: Store, prefix: string) {
  const lt = `${prefix.slice(0, -1)}0`;
  for (let gte = prefix; ;) {
    const page = await store.range({ gte, lt, limit: pageRows });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageRows) return;
    gte = `${last[0]}\0`;
  }
}

/** The last index that the disk has: what a shorter log must delete. */
export class VoterDisk {
  readonly #store: Store;
  readonly #generation: number;
  #first: number;
  #last: number;

  constructor(store: Store, { generation, base }: Head, entries: number) {
    this.#store = store;
    this.#generation = generation;
    this.#first = base.index + 1;
    this.#last = base.index + entries;
  }

  /** What a write changes; in the order of calls. */
  writeOps({ promise, snapshot, entries }: Omit<Write<Asked, RowsImage>, "last">): readonly StoreOp[] {
    const ops: StoreOp[] = [];
    if (promise !== undefined) ops.push(promiseOp(promise));
    if (snapshot !== undefined) {
      ops.push(...this.#deleteEntries(this.#first, this.#last));
      this.#first = snapshot.index + 1;
      this.#last = snapshot.index;
    }
    const [first] = entries;
    if (first === undefined) return ops;
    const last = first.index + entries.length - 1;
    ops.push(...entries.map(({ index, term, body }) => put(entryKey(index), { term, body })));
    ops.push(...this.#deleteEntries(last + 1, this.#last));
    this.#last = last;
    return ops;
  }

  /** Rows with all entries up to `applied`; entries up to the base are needed no more. `all`: keys of rows that are
   *  there now. */
  rowsOps(
    head: Omit<Head, "generation">,
    rows: readonly (readonly [string, DirectoryRow | undefined])[],
    gone: readonly string[] = [],
  ): readonly StoreOp[] {
    const { base } = head;
    const ops = [
      ...gone.map((key): StoreOp => ({ type: "del", key })),
      ...rows.map(([key, row]) => rowOp(key, row)),
      headOp({ generation: this.#generation, ...head }),
      ...this.#deleteEntries(this.#first, base.index),
    ];
    this.#first = Math.max(this.#first, base.index + 1);
    this.#last = Math.max(this.#last, base.index);
    return ops;
  }

  /** The stored keys of all rows. */
  async rowKeys(): Promise<readonly string[]> {
    const keys: string[] = [];
    for await (const [key] of scan(this.#store, rowPrefix)) keys.push(key);
    return keys;
  }

  #deleteEntries(from: number, to: number): readonly StoreOp[] {
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => ({ type: "del", key: entryKey(from + at) }));
  }
}

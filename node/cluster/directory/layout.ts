/** Where the embedded directory's rows lie in the store, and how they are read back.
 *
 *      directory/head        { version, revision, home? }   the revision of the last change; where it was moved to
 *      directory/row/<key>   { value, revision }
 *
 *  Both are sealed. Version 1 had no head and one SlotRecord per `directory/<slot>`, with a revision of its own. */
import { failure, PlexusError } from "../../../protocols/index.ts";
import type { DirectoryRow, SlotRecord, Store, StoreOp } from "../../ports/index.ts";
import { seal, unseal } from "../../data-folder/seal.ts";
import type { DirectoryLimits } from "./limits.ts";
import type { DirectoryHome } from "./row.ts";
import { SizedRows } from "./sized-rows.ts";

const version = 2;
export const headKey = "directory/head";
const rowPrefix = "directory/row/";
export const rowKey = (key: string): string => `${rowPrefix}${key}`;

/** All there is in a directory. */
export interface Content {
  readonly rows: SizedRows;
  readonly revision: number;
  readonly home: DirectoryHome | undefined;
}

export function headOp(revision: number, home: DirectoryHome | undefined): StoreOp {
  const head = home === undefined ? { version, revision } : { version, revision, home };
  return { type: "put", key: headKey, value: seal(headKey, head) };
}

export function rowOp(key: string, row: DirectoryRow | undefined): StoreOp {
  const stored = rowKey(key);
  if (row === undefined) return { type: "del", key: stored };
  return { type: "put", key: stored, value: seal(stored, { value: row.value, revision: row.revision }) };
}

/** Reads everything; a folder of version 1 is converted first. Error: DATA_DAMAGED. */
export async function loadContent(store: Store, limits: DirectoryLimits): Promise<Content> {
  const head = await store.get(headKey);
  if (head === undefined) return convert(store, limits);
  const {
    version: found,
    revision,
    home,
  } = unseal(headKey, head, store.location) as {
    version: number;
    revision: number;
    home?: DirectoryHome;
  };
  if (found !== version) throw new PlexusError(failure("DATA_FORMAT_UNKNOWN", { key: headKey, found, version }));
  const rows: DirectoryRow[] = [];
  for await (const [stored, bytes] of scan(store, rowPrefix, limits)) {
    const row = unseal(stored, bytes, store.location) as { value: unknown; revision: number };
    const key = stored.slice(rowPrefix.length);
    if (row.revision > revision) throw damaged(store, stored, "newer than the head");
    rows.push({ key, value: row.value, revision: row.revision });
  }
  return { rows: new SizedRows(rows), revision, home };
}

/** One batch replaces the rows of version 1, so that it happens once or not at all. */
async function convert(store: Store, limits: DirectoryLimits): Promise<Content> {
  const rows: DirectoryRow[] = [];
  const ops: StoreOp[] = [];
  const old: { readonly record: SlotRecord; readonly revision: number }[] = [];
  for await (const [stored, bytes] of scan(store, "directory/", limits)) {
    if (stored.startsWith(rowPrefix)) throw damaged(store, headKey, "absent, though there are rows");
    const { revision, ...record } = unseal(stored, bytes, store.location) as SlotRecord & { revision: number };
    old.push({ record, revision });
    ops.push({ type: "del", key: stored });
  }
  // Above every revision that was in use, so that a node that remembers one of those is told that it is old.
  let revision = Math.max(0, ...old.map((row) => row.revision));
  for (const { record } of old) {
    const key = `slot/${record.slot}`;
    revision += 1;
    const row = { key, value: record, revision };
    rows.push(row);
    ops.push(rowOp(key, row));
  }
  if (ops.length > 0) await store.batch([...ops, headOp(revision, undefined)], { sync: true });
  return { rows: new SizedRows(rows), revision, home: undefined };
}

const damaged = (store: Store, key: string, reason: string): PlexusError =>
  new PlexusError(failure("DATA_DAMAGED", { key, file: store.location, reason }));

/** Every entry under a prefix that ends in a slash. */
async function* scan(store: Store, prefix: string, { scanRowsMax }: DirectoryLimits) {
  const lt = `${prefix.slice(0, -1)}0`;
  for (let gte = prefix; ;) {
    const page = await store.range({ gte, lt, limit: scanRowsMax });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < scanRowsMax) return;
    gte = `${last[0]}\0`;
  }
}

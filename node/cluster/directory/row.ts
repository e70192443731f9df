/** The rules that every directory has: which keys and values it takes, and the errors it gives. */
import { decode, encode, encodedBytesMax, failure, failureOf, PlexusError } from "../../../protocols/index.ts";
import type { DirectoryRow, NodeId } from "../../ports/index.ts";
import { directoryLimits, type DirectoryLimits } from "./limits.ts";

const keyPattern = /^[!-~]{1,256}$/;

/** Where a directory lies in etcd. `generation`: it came there from voters, and counts before all that are lower. */
export interface EtcdHome {
  readonly endpoints: readonly string[];
  readonly prefix: string;
  readonly generation?: number;
}

/** Voters that keep it together, as they were at some time. Of two generations the higher counts, whichever node keeps
 *  it. */
export interface VotersHome {
  readonly generation: number;
  readonly voters: readonly NodeId[];
}

/** Where a directory that was moved is kept now. */
export type DirectoryHome = EtcdHome | VotersHome;

/** Refuses a key that cannot be one, before the node that keeps the directory sees it: that node would end the
 *  connection. Error: BAD_REQUEST. */
export function checkKey(key: string): void {
  if (!keyPattern.test(key)) throw new PlexusError(failure("BAD_REQUEST", { reason: "not a directory key", key }));
}

/** The bytes of a value; undefined for a deletion. What others could not read again must not become a row: every node
 *  would fail at it. Errors: BAD_REQUEST for a key that cannot be one, and for a value that is no plain data;
 *  TOO_LARGE. */
export function encodeValue(key: string, value: unknown): Uint8Array | undefined {
  checkKey(key);
  if (value === undefined) return undefined;
  const bytes = bytesOf(key, value);
  const { valueBytesMax } = directoryLimits;
  if (bytes.length > valueBytesMax)
    throw new PlexusError(failure("TOO_LARGE", { key, bytes: bytes.length, valueBytesMax }));
  return bytes;
}

function bytesOf(key: string, value: unknown): Uint8Array {
  const refuse = (cause?: unknown) => new PlexusError(failure("BAD_REQUEST", { key, reason: "not plain data" }), cause);
  // Nested deeper than others take it.
  if (encodedBytesMax(value) === Infinity) throw refuse();
  try {
    const bytes = encode(value);
    if (decode(bytes) !== undefined) return bytes;
  } catch (error) {
    throw refuse(error);
  }
  throw refuse();
}

/** The row that bytes from a peer or a server say. Error: DATA_DAMAGED. */
export function decodeRow(key: string, revision: number, bytes: Uint8Array, location: string): DirectoryRow {
  try {
    return { key, value: decode(bytes), revision };
  } catch (error) {
    throw new PlexusError(failure("DATA_DAMAGED", { key, file: location, reason: "not an encoded value" }), error);
  }
}

/** What all rows are. */
interface Size {
  readonly count: number;
  readonly bytes: number;
}

/** The directory does not answer, or its disk does not. `node`: the node that was asked, or was to be asked. `asked:
 *  false`: the request never left this node, or was refused: nothing was done. `refuses`: it answers, and takes no
 *  change. */
export function unavailable(
  because: string,
  cause?: unknown,
  about: { readonly node?: string; readonly asked?: false; readonly refuses?: true } = {},
): PlexusError {
  return new PlexusError(failure("DIRECTORY_UNAVAILABLE", { ...about, because }), cause);
}

/** Nothing was done, and this is why. */
export const unavailableWhere = (because: string): PlexusError => unavailable(because, undefined, { asked: false });

/** This node keeps no directory. */
export const unavailableHere = (): PlexusError =>
  unavailable("this node does not keep it", undefined, { asked: false });

/** What is wrong with the disk under the directory, and where to mend it. */
export function describeDisk(what: string, error: unknown, node = "the node that keeps the directory"): string {
  const { cause } = error as { readonly cause?: unknown };
  const said = [error, cause].map((one) => (one instanceof Error ? one.message : "")).join(" ");
  const isFull = /ENOSPC|no space left|disk.*full/i.test(said);
  const cure = isFull
    ? `: it is full. Make room at ${node}; it goes on by itself`
    : `. The reason is in the log of ${node}`;
  return `the disk under the directory ${what}${cure}`;
}

/** The rows that a node keeps. */
export interface KeptSize extends Size {
  /** What they take, by what their keys begin with. */
  byKind(): Readonly<Record<string, number>>;
}

/** There may be no more rows, or no more bytes of them. Nothing was done. */
export const full = ({ count, bytes }: Size, { rowsMax, rowsBytesMax }: DirectoryLimits): PlexusError =>
  new PlexusError(failure("DIRECTORY_FULL", { rows: count, rowsMax, bytes, rowsBytesMax }));

export const moved = (home: DirectoryHome): PlexusError => new PlexusError(failure("DIRECTORY_MOVED", { ...home }));

/** Where it was moved to, if that is why an operation failed. */
export function homeIn(thrown: unknown): DirectoryHome | undefined {
  const { code, details } = failureOf(thrown);
  if (code !== "DIRECTORY_MOVED") return undefined;
  const { endpoints, prefix, generation, voters } = details ?? {};
  const isNumber = typeof generation === "number";
  if (areTexts(endpoints) && typeof prefix === "string") return { endpoints, prefix, ...(isNumber && { generation }) };
  return isNumber && areTexts(voters) ? { generation, voters } : undefined;
}

const areTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((one) => typeof one === "string");

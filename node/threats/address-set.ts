import { isIP } from "node:net";
import { atOnce, sortedInPieces, stepsInPiece, type Pieces } from "../pieces.ts";

/** Addresses that begin alike. */
export interface Range {
  readonly family: 4 | 6;
  /** The first of them. */
  readonly first: bigint;
  /** Bits that they share. */
  readonly bits: number;
}

const sizes = { 4: 32, 6: 128 } as const;

function v4Number(address: string): number {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  return ((a * 256 + b) * 256 + c) * 256 + d;
}

/** The eight groups of an IPv6 address that `isIP` has found good. */
function v6Groups(address: string): readonly number[] {
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  const low = embedded === null ? 0 : v4Number(embedded[2] ?? "");
  const text =
    embedded === null ? address : `${embedded[1]}${(low >>> 16).toString(16)}:${(low & 0xffff).toString(16)}`;
  const [head = "", tail] = text.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const middle = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(middle).fill("0"), ...right].map((group) => Number.parseInt(group, 16));
}

/** The key of an address among those of its family: a number, or 32 digits. Both are in the order of the addresses.
 *  Undefined: it is none. An IPv4 address that is written as IPv6 is the IPv4 address. */
export function parseAddress(text: string): number | string | undefined {
  // As a listener for both families names every IPv4 client.
  if (text.startsWith("::ffff:") && isIP(text.slice(7)) === 4) return v4Number(text.slice(7));
  const zone = text.indexOf("%");
  const address = zone < 0 ? text : text.slice(0, zone);
  const family = isIP(address);
  if (family === 4) return v4Number(address);
  if (family === 0) return undefined;
  const groups = v6Groups(address);
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  if (isMapped) return (groups[6] ?? 0) * 65_536 + (groups[7] ?? 0);
  return groups.map((group) => group.toString(16).padStart(4, "0")).join("");
}

const bigOf = (key: number | string): bigint => BigInt(typeof key === "number" ? key : `0x${key}`);

/** A range as lists write it: `203.0.113.0/24`, `2001:db8::/32`, or one address. Undefined: it is none. Bits behind the
 *  prefix count as 0. */
export function parseRange(text: string): Range | undefined {
  const [address = "", length, more] = text.split("/");
  if (more !== undefined || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined;
  const key = parseAddress(address);
  if (key === undefined) return undefined;
  const family = typeof key === "number" ? 4 : 6;
  const size = sizes[family];
  // `::ffff:192.0.2.0/120` is 192.0.2.0/24.
  const isMapped = family === 4 && address.includes(":");
  const bits = length === undefined ? size : Number(length) - (isMapped ? 96 : 0);
  if (bits < 0 || bits > size) return undefined;
  const free = BigInt(size - bits);
  return { family, first: (bigOf(key) >> free) << free, bits };
}

/** Whether an address is blocked, by the longest prefix that it has. */
export interface AddressSet {
  readonly ranges: number;
  has(address: string): boolean;
}

/** All addresses of one family, cut where the verdict changes: `starts[i]` begins a stretch with `blocked[i]`. */
interface Stretches<Key extends number | string> {
  readonly starts: readonly Key[];
  readonly blocked: readonly boolean[];
}

/** Prefixes either lie in each other or apart, so one walk in their order, with a stack of those that are open, cuts
 *  all. */
function* cut<Key extends number | string>(
  ranges: readonly (Range & { readonly blocks: boolean })[],
  family: 4 | 6,
  keyOf: (value: bigint) => Key,
): Pieces<Stretches<Key>> {
  const size = sizes[family];
  const ordered = yield* sortedInPieces(
    ranges.filter((range) => range.family === family),
    (one, other) => (one.first < other.first ? -1 : one.first > other.first ? 1 : one.bits - other.bits),
  );
  const starts: Key[] = [];
  const blocked: boolean[] = [];
  const begin = (at: bigint, blocks: boolean): void => {
    if (at >> BigInt(size) !== 0n) return;
    const key = keyOf(at);
    if (starts.at(-1) === key) {
      starts.pop();
      blocked.pop();
    }
    if ((blocked.at(-1) ?? false) === blocks) return;
    starts.push(key);
    blocked.push(blocks);
  };
  const open: { readonly end: bigint; readonly blocks: boolean }[] = [];
  const close = (until: bigint | undefined): void => {
    for (let top = open.at(-1); top !== undefined && (until === undefined || top.end <= until); top = open.at(-1)) {
      open.pop();
      begin(top.end, open.at(-1)?.blocks ?? false);
    }
  };
  for (const [at, { first, bits, blocks }] of ordered.entries()) {
    if (at % stepsInPiece === stepsInPiece - 1) yield;
    close(first);
    open.push({ end: first + (1n << BigInt(size - bits)), blocks });
    begin(first, blocks);
  }
  close(undefined);
  return { starts, blocked };
}

/** The verdict of the last stretch that begins at or before a key. */
function find<Key extends number | string>({ starts, blocked }: Stretches<Key>, key: Key): boolean {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((starts[middle] as Key) <= key) low = middle + 1;
    else high = middle;
  }
  return low > 0 && blocked[low - 1] === true;
}

/** Makes a set of ranges that block, less those that allow. Of two equal ranges the one that allows counts. */
export function* addressSetOf(blocked: readonly Range[], allowed: readonly Range[] = []): Pieces<AddressSet> {
  const all = [
    ...blocked.map((range) => ({ ...range, blocks: true })),
    ...allowed.map((range) => ({ ...range, blocks: false })),
  ];
  const four = yield* cut(all, 4, Number);
  const six = yield* cut(all, 6, (value) => value.toString(16).padStart(32, "0"));
  return {
    ranges: all.length,
    has(address) {
      const key = parseAddress(address);
      if (key === undefined) return false;
      return typeof key === "number" ? find(four, key) : find(six, key);
    },
  };
}

/** The same at once. */
export const createAddressSet = (...ranges: Parameters<typeof addressSetOf>): AddressSet =>
  atOnce(addressSetOf(...ranges));

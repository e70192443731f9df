/** The units of a snapshot: a tree of encrypted nodes, ordered by person, thread, type, day and part.
 *
 *      head ─► catalog ─► snapshot ─► inner node ─► inner node ─► leaf: units, and where their fragments are
 *
 *  A change writes the nodes on its way anew and shares all others with the snapshot before. A reader that wants one
 *  thread loads the nodes on the way to it alone. Nodes have `treeFormat.entriesMax` entries at most. */
import { demand } from "./damaged.ts";
import type { NodeLink } from "./node.ts";
import { readLink } from "./node.ts";
import type { Place } from "./pack.ts";
import { fieldsOf, isCount, isFields, isText, listOf, readStripe, type StripeName } from "./stripes.ts";
import { sharedName, unitFormat, type UnitContext, type UnitName } from "./unit.ts";

/** Where a fragment is. */
export interface FragmentPlace extends Place {
  readonly stripe: StripeName;
}

/** One unit, as a leaf has it. */
export interface UnitEntry {
  readonly name: UnitName;
  /** As in `UnitContext`. */
  readonly id: string;
  readonly epoch: number;
  /** The unit's key, sealed by the tenant's. */
  readonly sealedKey: Uint8Array;
  /** Of the plaintext, as in `SealedUnit`. */
  readonly hash: string;
  readonly bytes: number;
  readonly rows: number;
  /** Where it begins in what it is sealed with: other units of its actor, with the same id and fragments. Absent: it is
   *  sealed alone. */
  readonly start?: number;
  /** Keys of its first and last row. */
  readonly first: string;
  readonly last: string;
  /** The times that its rows name; 0 and 0: none does. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly fragments: readonly FragmentPlace[];
}

/** What the fragments of a unit are bound to. */
export const contextOfUnit = ({
  name,
  id,
  epoch,
  start,
}: Pick<UnitEntry, "name" | "id" | "epoch" | "start">): UnitContext => ({
  ...(start === undefined ? name : sharedName(name)),
  id,
  epoch,
});

/** A node below another one. */
export interface TreeChild {
  /** Not after the name of its first unit. */
  readonly first: UnitName;
  readonly units: number;
  readonly bytes: number;
  readonly link: NodeLink;
}

export type TreeNode =
  | { readonly level: 0; readonly units: readonly UnitEntry[] }
  | { readonly level: number; readonly children: readonly TreeChild[] };

export const treeFormat = {
  entriesMax: 1_000,
  levelsMax: 8,
} as const;

/** The order of units in a tree: of one cluster each. */
export function compareUnits(one: UnitName, other: UnitName): number {
  for (const field of ["person", "thread", "type", "bucket"] as const)
    if (one[field] !== other[field]) return one[field] < other[field] ? -1 : 1;
  return one.part - other.part;
}

type NameRow = readonly [person: string, thread: string, type: string, bucket: string, part: number];

/** A unit's name as a row. */
export const nameRow = ({ person, thread, type, bucket, part }: UnitName): NameRow => [
  person,
  thread,
  type,
  bucket,
  part,
];

/** A unit's name from its row. Error: BACKUP_DAMAGED. */
export function readName(value: unknown, cluster: string): UnitName {
  const [person, thread, type, bucket, part] = listOf(value, 5, (item) => item);
  demand(
    isText(person) && isText(thread) && isText(type) && isText(bucket) && isCount(part),
    "node",
    "no name of a unit",
  );
  return { cluster, person, thread, type, bucket, part };
}

/** Units as a leaf and a part list have them: each stripe is named once. */
export function writeUnits(units: readonly UnitEntry[]): { readonly stripes: unknown; readonly units: unknown } {
  const stripes = new Map<string, { readonly at: number; readonly stripe: StripeName }>();
  const numberOf = (stripe: StripeName): number => {
    const known = stripes.get(stripe.id) ?? { at: stripes.size, stripe };
    stripes.set(stripe.id, known);
    return known.at;
  };
  // In the order in which JSON has them: there are many.
  const rows = units.map((unit) => ({
    bytes: unit.bytes,
    epoch: unit.epoch,
    first: unit.first,
    fragments: unit.fragments.map(({ stripe, offset, length }) => [numberOf(stripe), offset, length]),
    fromMs: unit.fromMs,
    hash: unit.hash,
    id: unit.id,
    last: unit.last,
    name: nameRow(unit.name),
    rows: unit.rows,
    sealedKey: unit.sealedKey,
    ...(unit.start !== undefined && { start: unit.start }),
    toMs: unit.toMs,
  }));
  return { stripes: [...stripes.values()].map(({ stripe }) => stripe), units: rows };
}

/** What a node says, as `sealNode` takes it. */
export function writeTreeNode(node: TreeNode): unknown {
  if ("units" in node) return { level: 0, ...writeUnits(node.units) };
  return {
    level: node.level,
    children: node.children.map(({ first, ...child }) => ({ first: nameRow(first), ...child })),
  };
}

/** A node of a cluster's tree. Error: BACKUP_DAMAGED. */
export function readTreeNode(value: unknown, cluster: string): TreeNode {
  const level = (value as { level?: unknown } | null)?.level;
  demand(isCount(level) && level < treeFormat.levelsMax, "node", "no node of a tree");
  return level === 0 ? readLeaf(value, cluster) : readInner(value, level, cluster);
}

function readInner(value: unknown, level: number, cluster: string): TreeNode {
  const { children } = fieldsOf(value, ["level", "children"]);
  const read = listOf(children, treeFormat.entriesMax, (child): TreeChild => {
    const { first, units, bytes, link } = fieldsOf(child, ["first", "units", "bytes", "link"]);
    demand(isCount(units) && isCount(bytes), "node", "no child of a node");
    return { first: readName(first, cluster), units, bytes, link: readLink(link) };
  });
  inOrder(read.map(({ first }) => first));
  demand(read.length > 0, "node", "a node without children");
  return { level, children: read };
}

const unitFields = [
  "name",
  "id",
  "epoch",
  "sealedKey",
  "hash",
  "bytes",
  "rows",
  "first",
  "last",
  "fromMs",
  "toMs",
  "fragments",
] as const;
const sharedFields = [...unitFields, "start"] as const;

function readLeaf(value: unknown, cluster: string): TreeNode {
  const { stripes, units } = fieldsOf(value, ["level", "stripes", "units"]);
  const read = readUnits({ stripes, units }, cluster);
  inOrder(read.map(({ name }) => name));
  return { level: 0, units: read };
}

/** Units of a leaf, or of a part list. Error: BACKUP_DAMAGED. */
export function readUnits(
  { stripes, units }: { readonly stripes: unknown; readonly units: unknown },
  cluster: string,
): readonly UnitEntry[] {
  const known = listOf(stripes, treeFormat.entriesMax * unitFormat.fragmentsMax, readStripe);
  return listOf(units, treeFormat.entriesMax, (unit): UnitEntry => {
    const isShared = isFields(unit) && Object.hasOwn(unit, "start");
    const { start, ...fields } = isShared
      ? fieldsOf(unit, sharedFields)
      : { ...fieldsOf(unit, unitFields), start: undefined };
    demand(start === undefined || isCount(start), "node", "no unit");
    const { id, epoch, sealedKey, hash, bytes, rows, first, last, fromMs, toMs } = fields;
    demand(isText(id) && isText(hash) && isText(first) && isText(last), "node", "no unit");
    demand(isCount(epoch) && isCount(bytes) && isCount(rows) && isCount(fromMs) && isCount(toMs), "node", "no unit");
    demand(sealedKey instanceof Uint8Array, "node", "no unit");
    const fragments = listOf(fields.fragments, unitFormat.fragmentsMax, (place) => {
      const [at, offset, length] = listOf(place, 3, (item) => item);
      const stripe = isCount(at) ? known[at] : undefined;
      demand(stripe !== undefined && isCount(offset) && isCount(length), "node", "no place of a fragment");
      return { stripe, offset, length };
    });
    return {
      name: readName(fields.name, cluster),
      id,
      epoch,
      sealedKey,
      hash,
      bytes,
      rows,
      ...(start !== undefined && { start }),
      first,
      last,
      fromMs,
      toMs,
      fragments,
    };
  });
}

function inOrder(names: readonly UnitName[]): void {
  for (const [at, name] of names.entries()) {
    const before = names[at - 1];
    demand(before === undefined || compareUnits(before, name) < 0, "node", "names out of order");
  }
}

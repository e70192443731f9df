/** Reads and changes the tree of a snapshot's units. A change makes a new tree, which shares with the old one all nodes
 *  that it does not touch; nothing is ever written over. */
import { assert } from "../../../protocols/index.ts";
import {
  compareUnits,
  treeFormat,
  type NodeLink,
  type TreeChild,
  type TreeNode,
  type UnitEntry,
  type UnitName,
} from "../../../runtimes/backup/index.ts";

/** Where the nodes are. */
export interface TreeNodes {
  load(link: NodeLink): Promise<TreeNode>;
  save(node: TreeNode): Promise<NodeLink>;
}

/** A unit that is there from now on, or no longer. */
export type UnitChange = Readonly<{ type: "put"; entry: UnitEntry } | { type: "drop"; name: UnitName }>;

/** A tree, with what is in it. Null: nothing. */
export type Tree = Pick<TreeChild, "link" | "units" | "bytes"> | null;

const nameOf = (change: UnitChange): UnitName => (change.type === "put" ? change.entry.name : change.name);

/** The last change of each unit. */
export function lastChanges(changes: readonly UnitChange[]): readonly UnitChange[] {
  const last = new Map<string, UnitChange>();
  for (const change of changes) {
    const { person, thread, type, bucket, part } = nameOf(change);
    last.set(JSON.stringify([person, thread, type, bucket, part]), change);
  }
  return [...last.values()];
}

/** The tree with these changes, of which the last of each unit counts. */
export async function changeTree(nodes: TreeNodes, tree: Tree, changes: readonly UnitChange[]): Promise<Tree> {
  if (changes.length === 0) return tree;
  const sorted = lastChanges(changes).toSorted((one, other) => compareUnits(nameOf(one), nameOf(other)));
  let level = 0;
  let children: readonly TreeChild[];
  if (tree === null) children = await saveLeaves(nodes, merged([], sorted));
  else {
    const root = await nodes.load(tree.link);
    level = root.level;
    children = await changeNode(nodes, root, sorted);
  }
  while (children.length > 1) {
    level += 1;
    assert(level < treeFormat.levelsMax, "no tree is so high");
    children = await saveInner(nodes, level, children);
  }
  return children[0] ?? null;
}

/** What a node has become: nodes of its level. */
async function changeNode(
  nodes: TreeNodes,
  node: TreeNode,
  changes: readonly UnitChange[],
): Promise<readonly TreeChild[]> {
  if ("units" in node) return saveLeaves(nodes, merged(node.units, changes));
  const made: TreeChild[] = [];
  let next = 0;
  for (const [at, child] of node.children.entries()) {
    const after = node.children[at + 1];
    const start = next;
    while (
      next < changes.length &&
      (after === undefined || compareUnits(nameOf(changes[next] as UnitChange), after.first) < 0)
    )
      next += 1;
    if (next === start) made.push(child);
    else made.push(...(await changeNode(nodes, await nodes.load(child.link), changes.slice(start, next))));
  }
  return saveInner(nodes, node.level, made);
}

function merged(units: readonly UnitEntry[], changes: readonly UnitChange[]): readonly UnitEntry[] {
  const all: UnitEntry[] = [];
  let next = 0;
  for (const change of changes) {
    while (next < units.length && compareUnits((units[next] as UnitEntry).name, nameOf(change)) < 0)
      all.push(units[next++] as UnitEntry);
    if (next < units.length && compareUnits((units[next] as UnitEntry).name, nameOf(change)) === 0) next += 1;
    if (change.type === "put") all.push(change.entry);
  }
  return [...all, ...units.slice(next)];
}

async function saveLeaves(nodes: TreeNodes, units: readonly UnitEntry[]): Promise<readonly TreeChild[]> {
  const made: TreeChild[] = [];
  for (const some of evenly(units)) {
    const [first] = some as readonly [UnitEntry];
    const bytes = some.reduce((sum, unit) => sum + unit.bytes, 0);
    made.push({ first: first.name, units: some.length, bytes, link: await nodes.save({ level: 0, units: some }) });
  }
  return made;
}

async function saveInner(
  nodes: TreeNodes,
  level: number,
  children: readonly TreeChild[],
): Promise<readonly TreeChild[]> {
  const made: TreeChild[] = [];
  for (const some of evenly(children)) {
    const [first] = some as readonly [TreeChild];
    const link = await nodes.save({ level, children: some });
    made.push({ first: first.first, units: sumOf(some, "units"), bytes: sumOf(some, "bytes"), link });
  }
  return made;
}

const sumOf = (children: readonly TreeChild[], field: "units" | "bytes"): number =>
  children.reduce((sum, child) => sum + child[field], 0);

/** As few parts as hold all, of about the same size: a node that was split has room again. */
function evenly<Thing>(things: readonly Thing[]): readonly (readonly Thing[])[] {
  const parts = Math.ceil(things.length / treeFormat.entriesMax);
  const at = (part: number): number => Math.floor((part * things.length) / parts);
  return Array.from({ length: parts }, (_, part) => things.slice(at(part), at(part + 1)));
}

/** Which units a reader wants. Nodes without any are not loaded. */
export interface UnitRange {
  readonly person?: string;
  /** Only with `person`: the order is by that first. */
  readonly thread?: string;
}

/** The units of a tree, in order. */
export async function* unitsOf(
  nodes: Pick<TreeNodes, "load">,
  tree: Tree,
  range: UnitRange = {},
): AsyncGenerator<UnitEntry> {
  if (tree !== null) yield* below(nodes, tree.link, range);
}

async function* below(nodes: Pick<TreeNodes, "load">, link: NodeLink, range: UnitRange): AsyncGenerator<UnitEntry> {
  const node = await nodes.load(link);
  if ("units" in node) {
    for (const unit of node.units) if (isIn(unit.name, range)) yield unit;
    return;
  }
  for (const [at, child] of node.children.entries()) {
    const after = node.children[at + 1];
    if (side(child.first, range) > 0) return;
    if (after !== undefined && side(after.first, range) < 0) continue;
    yield* below(nodes, child.link, range);
  }
}

const isIn = (name: UnitName, range: UnitRange): boolean => side(name, range) === 0;

/** Whether a name is before a range, in it, or behind it. */
function side(name: UnitName, { person, thread }: UnitRange): -1 | 0 | 1 {
  if (person !== undefined && name.person !== person) return name.person < person ? -1 : 1;
  if (person !== undefined && thread !== undefined && name.thread !== thread) return name.thread < thread ? -1 : 1;
  return 0;
}

/** What visits the nodes of a tree. */
interface TreeVisit {
  /** Whether a node, and what is below it, is known already. */
  skip(link: NodeLink): boolean;
  node(link: NodeLink, node: TreeNode): void | Promise<void>;
  /** Hears of a node that cannot be read; the others follow. Without it the first one ends the visit. */
  lost?(link: NodeLink, error: unknown): void;
}

/** Visits every node of a tree, from its root down. */
export async function walkTree(nodes: Pick<TreeNodes, "load">, link: NodeLink, visit: TreeVisit): Promise<void> {
  if (visit.skip(link)) return;
  let node: TreeNode;
  try {
    node = await nodes.load(link);
  } catch (error) {
    if (visit.lost === undefined) throw error;
    return visit.lost(link, error);
  }
  await visit.node(link, node);
  if ("children" in node) for (const child of node.children) await walkTree(nodes, child.link, visit);
}

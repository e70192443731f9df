/** Packs with little left in them are written anew: fragments are copied as they are, without any key, into new packs.
 *
 *      leaves of all snapshots ─► bytes that live in each pack ─ too many that do not ─► the emptiest packs
 *      units in those ─► their fragments into new packs ─► leaves and nodes above with the new places ─► head
 *                                                                                        ─► old packs and nodes go
 *
 *  Each round is one commit of bounded size. A crash within a round leaves nothing changed, or everything; files that
 *  it leaves belong to no head, and are removed as other leftovers are. A round frees more than it writes. */
import { failure, failureOf, PlexusError } from "../../../protocols/index.ts";
import {
  type FragmentPlace,
  type NodeLink,
  type Snapshot,
  type StripeName,
  type TreeNode,
  type UnitEntry,
} from "../../../runtimes/backup/index.ts";
import { Packer } from "../format/packer.ts";
import { PackCache } from "../format/packs.ts";
import type { BackupPorts } from "../ports.ts";
import type { Repository } from "../repository.ts";
import { walkTree } from "../format/tree.ts";

/** What writing packs anew came to. */
export interface RepackReport {
  /** Packs that went, and by how many bytes all packs are fewer. */
  readonly packs: number;
  readonly freedBytes: number;
}

/** A pack, and what of it the snapshots still refer to. */
interface Use {
  readonly stripe: StripeName;
  live: number;
  readonly seen: Set<number>;
}

const wasteOf = ({ stripe: { sizeBytes }, live }: Use): number => Math.max(0, sizeBytes - live);

/** How much of all packs nothing refers to. */
function totalsOf(uses: Iterable<Use>): { readonly bytes: number; readonly waste: number } {
  let [bytes, waste] = [0, 0];
  for (const use of uses) {
    bytes += use.stripe.sizeBytes;
    waste += wasteOf(use);
  }
  return { bytes, waste };
}

/** The packs of snapshots. Errors: those of reading trees. */
async function usesOf(
  repository: Repository,
  snapshots: readonly Snapshot[],
  signal: AbortSignal,
): Promise<Map<string, Use>> {
  const uses = new Map<string, Use>();
  await eachUnit(repository, snapshots, signal, ({ fragments }) => {
    for (const { stripe, offset, length } of fragments) {
      const use = uses.get(stripe.id) ?? { stripe, live: 0, seen: new Set() };
      uses.set(stripe.id, use);
      // A unit stands in as many leaves as were made anew around it.
      if (use.seen.has(offset)) continue;
      use.seen.add(offset);
      use.live += length;
    }
  });
  return uses;
}

async function eachUnit(
  repository: Repository,
  snapshots: readonly Snapshot[],
  signal: AbortSignal,
  visit: (unit: UnitEntry) => void,
): Promise<void> {
  const seen = new Set<string>();
  for (const { root } of snapshots) {
    if (root === null) continue;
    await walkTree(repository, root, {
      skip: ({ stripe }: NodeLink) => seen.has(stripe.id),
      node({ stripe }, node) {
        signal.throwIfAborted();
        seen.add(stripe.id);
        if ("units" in node) for (const unit of node.units) visit(unit);
      },
    });
  }
}

/** The packs of the next round: the emptiest of those with too much waste, while so many live bytes are copied at the
 *  most. */
function chosenOf(
  uses: Iterable<Use>,
  stuck: ReadonlySet<string>,
  { packWasteMax, repackedBytes }: BackupPorts["limits"],
): ReadonlyMap<string, Use> {
  const emptiest = [...uses]
    .filter((use) => !stuck.has(use.stripe.id) && wasteOf(use) > packWasteMax * use.stripe.sizeBytes)
    .toSorted((one, other) => one.live / one.stripe.sizeBytes - other.live / other.stripe.sizeBytes);
  const chosen = new Map<string, Use>();
  let bytes = 0;
  for (const use of emptiest) {
    if (chosen.size > 0 && bytes + use.live > repackedBytes) break;
    chosen.set(use.stripe.id, use);
    bytes += use.live;
  }
  return chosen;
}

/** What would be freed: how much of all packs nothing refers to, where that is more than is left alone. Errors: those
 *  of reading trees. */
export async function repackable(
  { limits }: Pick<BackupPorts, "limits">,
  repository: Repository,
  snapshots: readonly Snapshot[],
  signal: AbortSignal,
): Promise<number> {
  const { bytes, waste } = totalsOf((await usesOf(repository, snapshots, signal)).values());
  return waste > limits.wasteMax * bytes ? waste : 0;
}

/** Writes packs anew until the share of waste is below the limit. Errors: BACKUP_CHANGED, CANCELLED, those of reading
 *  trees and of storing. */
export async function repack(
  ports: BackupPorts,
  repository: Repository,
  options: { readonly signal: AbortSignal; pace(bytes: number): Promise<void> },
): Promise<RepackReport> {
  const stuck = new Set<string>();
  let [packs, freedBytes] = [0, 0];
  for (;;) {
    const { head, snapshots } = await repository.state();
    const uses = await usesOf(repository, snapshots, options.signal);
    const { bytes, waste } = totalsOf(uses.values());
    if (waste <= ports.limits.wasteMax * bytes) return { packs, freedBytes };
    const chosen = chosenOf(uses.values(), stuck, ports.limits);
    // Each is emptied now, or cannot be.
    for (const id of chosen.keys()) stuck.add(id);
    if (chosen.size === 0) return { packs, freedBytes };
    const done = await round(ports, repository, { headNumber: head?.number, snapshots, chosen, ...options });
    packs += done.packs;
    freedBytes += done.freedBytes;
  }
}

async function round(
  ports: BackupPorts,
  repository: Repository,
  at: {
    readonly headNumber: number | undefined;
    readonly snapshots: readonly Snapshot[];
    readonly chosen: ReadonlyMap<string, Use>;
    readonly signal: AbortSignal;
    pace(bytes: number): Promise<void>;
  },
): Promise<RepackReport> {
  const { snapshots, chosen, signal, headNumber } = at;
  const units = new Map<string, UnitEntry>();
  await eachUnit(repository, snapshots, signal, (unit) => {
    if (unit.fragments.some(({ stripe }) => chosen.has(stripe.id))) units.set(unit.id, unit);
  });
  const sizes = [...chosen.values()].reduce((sum, { stripe }) => sum + stripe.sizeBytes, 0);
  const lengths = [...units.values()]
    .flatMap(({ fragments }) => fragments)
    .reduce((sum, { length }) => sum + length, 0);
  // Fragments in other packs come along; then it may not be worth it.
  if (lengths >= sizes) return { packs: 0, freedBytes: 0 };
  try {
    const { moved, left } = await move(ports, repository, units.values(), at);
    const { roots, replaced } = await placed(repository, snapshots, moved);
    const made = repository.unfinished.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    await repository.commit((now) => {
      if (now.head?.number !== headNumber) throw new PlexusError(failure("BACKUP_CHANGED"));
      return now.snapshots.map((one) => ({ ...one, root: one.root && (roots.get(one.root.stripe.id) ?? one.root) }));
    });
    const emptied = [...chosen.values()].map(({ stripe }) => stripe).filter(({ id }) => !left.has(id));
    // Behind the commit. What is not heard of it is a leftover.
    for (const stripe of [...emptied, ...replaced]) await ports.stripes.release(stripe, ports.owner);
    const gone = [...emptied, ...replaced].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return { packs: emptied.length, freedBytes: Math.max(0, gone - made) };
  } catch (error) {
    await repository.abandon();
    throw error;
  }
}

/** Copies the fragments of units into new packs. `left` are packs of which something could not be copied: it stays
 *  where it is. */
async function move(
  ports: BackupPorts,
  repository: Repository,
  units: Iterable<UnitEntry>,
  { signal, pace }: { readonly signal: AbortSignal; readonly pace: (bytes: number) => Promise<void> },
): Promise<{ readonly moved: ReadonlyMap<string, readonly FragmentPlace[]>; readonly left: ReadonlySet<string> }> {
  const moved = new Map<string, readonly FragmentPlace[]>();
  const left = new Set<string>();
  const packs = new PackCache(repository, ports.limits.packsKept);
  // By the number of fragments that units have: those of older versions may have others.
  const packers = new Map<number, Packer>();
  const packerFor = (fragments: number): Packer => {
    const limits = { ...ports.limits, fragments };
    const known = packers.get(fragments) ?? new Packer({ ...ports, limits }, (bytes) => repository.put(bytes, "copy"));
    packers.set(fragments, known);
    return known;
  };
  for (const { id, fragments } of units) {
    signal.throwIfAborted();
    let pieces: readonly Uint8Array[];
    try {
      pieces = await packs.read(fragments, (own) => own.map((piece) => Uint8Array.from(piece)));
    } catch (error) {
      if (!lost.has(failureOf(error).code)) throw error;
      for (const { stripe } of fragments) left.add(stripe.id);
      continue;
    }
    const lengths = pieces.map(({ length }) => length);
    await packerFor(pieces.length).add(
      { bytes: Buffer.concat(pieces), lengths },
      (places) => void moved.set(id, places),
    );
    await pace(pieces.reduce((sum, { length }) => sum + length, 0));
  }
  for (const packer of packers.values()) await packer.finish();
  return { moved, left };
}

const lost: ReadonlySet<string> = new Set(["STRIPE_LOST", "DATA_DAMAGED", "BACKUP_DAMAGED", "NOT_FOUND"]);

/** The trees of snapshots with the new places of units; nodes that several share are made anew once, and shared
 *  again. */
async function placed(
  repository: Repository,
  snapshots: readonly Snapshot[],
  moved: ReadonlyMap<string, readonly FragmentPlace[]>,
): Promise<{ readonly roots: ReadonlyMap<string, NodeLink>; readonly replaced: readonly StripeName[] }> {
  const links = new Map<string, NodeLink>();
  const replaced: StripeName[] = [];
  const within = async (node: TreeNode): Promise<TreeNode | undefined> => {
    if ("units" in node) {
      if (!node.units.some(({ id }) => moved.has(id))) return undefined;
      const units = node.units.map((unit) => ({ ...unit, fragments: moved.get(unit.id) ?? unit.fragments }));
      return { ...node, units };
    }
    const children = [];
    for (const child of node.children) children.push({ ...child, link: await anew(child.link) });
    return children.every(({ link }, at) => link === node.children[at]?.link) ? undefined : { ...node, children };
  };
  const anew = async (link: NodeLink): Promise<NodeLink> => {
    const known = links.get(link.stripe.id);
    if (known !== undefined) return known;
    const node = await within(await repository.load(link));
    const made = node === undefined ? link : await repository.save(node);
    if (made !== link) replaced.push(link.stripe);
    links.set(link.stripe.id, made);
    return made;
  };
  const roots = new Map<string, NodeLink>();
  for (const { root } of snapshots) if (root !== null) roots.set(root.stripe.id, await anew(root));
  return { roots, replaced };
}

/** One cluster's backups: the head, the snapshots that it leads to, and how the next head is made. Everything is stored
 *  before the head is; taking the next number is the only commit. */
import { failure, failureOf, ok, PlexusError, type Result, type StripeRef } from "../../protocols/index.ts";
import {
  demandSuccession,
  hashOfHead,
  openNode,
  readCatalog,
  readCursors,
  readHead,
  readTreeNode,
  sealNode,
  unitFormat,
  writeCatalog,
  writeCursors,
  writeHead,
  writeTreeNode,
  type BackupHead,
  type Cursor,
  type NodeLink,
  type NodeSort,
  type Snapshot,
  type TreeNode,
} from "../../runtimes/backup/index.ts";
import { isGone, type BackupPorts } from "./ports.ts";
import { walkTree, type TreeNodes } from "./format/tree.ts";

/** The keys of the catalog, and of what nodes tell each other of a run, are those of this tenant, which nobody
 *  erases. */
export const catalogTenant = "backup";
const catalogContext = ({ number, epoch }: Pick<BackupHead, "number" | "epoch">) => ({
  tenant: catalogTenant,
  unit: `catalog ${number}`,
  epoch,
});

/** What the newest head says. */
export interface BackupState {
  /** Undefined: there is no backup. */
  readonly head: (BackupHead & { readonly hash: string }) | undefined;
  readonly snapshots: readonly Snapshot[];
  /** The list that the head leads to is lost: what it named nobody knows any more. */
  readonly isListLost?: boolean;
}

export interface Repository extends TreeNodes {
  /** Errors: BACKUP_DAMAGED, KEY_MISSING, those of reading stripes. */
  state(): Promise<BackupState>;
  /** Makes the next head, with other snapshots. `change` is called again when another head was there first. Error:
   *  BACKUP_CHANGED. */
  commit(change: (state: BackupState, number: number) => readonly Snapshot[]): Promise<BackupState>;
  saveCursors(cursors: ReadonlyMap<string, Cursor>): Promise<NodeLink>;
  loadCursors(link: NodeLink): Promise<ReadonlyMap<string, Cursor>>;
  /** A node of the manifest, and what one says. Errors of reading: BACKUP_DAMAGED, those of stripes. */
  saveNode(value: unknown, sort: NodeSort): Promise<NodeLink>;
  loadNode(link: NodeLink, sort: NodeSort): Promise<unknown>;
  put(bytes: Uint8Array, sort: "pack" | "manifest" | "copy"): Promise<StripeRef>;
  read(stripe: StripeRef, memory?: Buffer): Promise<Uint8Array>;
  /** What was put and is not kept yet: `commit` keeps it. */
  readonly unfinished: readonly StripeRef[];
  /** Keeps without an end what the newest head leads to, where the committing node did not get that far. What cannot be
   *  kept now is tried again the next time. Errors: as of `state`. */
  settle(): Promise<void>;
  /** What another repository has put is kept by the next commit of this one, or given up with it. */
  adopt(stripes: readonly StripeRef[]): void;
  /** Gives up what was put and not kept: all of it, or some. */
  abandon(which?: (stripe: StripeRef) => boolean): Promise<void>;
}

/** The value, or what is wrong. */
export function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new PlexusError(result.error);
  return result.value;
}

/** Says up to which head all is kept without an end: once all holders have heard of it, so that a node that dies
 *  before leaves it to the next run. Nobody waits for that. */
function createSettling({ stripes, heads, log }: Pick<BackupPorts, "stripes" | "heads" | "log">) {
  let keptUpTo = 0;
  const told = async (number: number): Promise<void> => {
    await stripes.told?.();
    await heads.settled?.tell(number);
  };
  return {
    /** Up to which head this process has kept all, the last of whose holders may hear of it later. */
    keptUpTo: () => keptUpTo,
    tell(number: number): void {
      keptUpTo = number;
      void told(number).catch((error: unknown) => log.debug("backup.settled.not.told", { number, error }));
    },
  };
}

const classes = { pack: "backup.pack", manifest: "backup.manifest", copy: "backup.pack" } as const;
const copies = new WeakSet<StripeRef>();

function marked(ref: StripeRef, sort: keyof typeof classes): StripeRef {
  if (sort === "copy") copies.add(ref);
  return ref;
}

/** What nobody else has put. Two prunes at once may make the same pack of the same fragments, and the head may lead to
 *  the other's by now: one reference is both's. In a folder nobody else writes. */
const ownOf = (given: readonly StripeRef[], { stored }: BackupPorts["stripes"]): readonly StripeRef[] =>
  given.filter((ref) => stored !== undefined || !copies.has(ref));

/** `begins`: a list of snapshots that is lost is an empty one, which the next commit follows. For a run: everything
 *  else ends there. */
export function openRepository(ports: BackupPorts, { begins = false }: { readonly begins?: boolean } = {}): Repository {
  const { cluster, stripes, heads, keys, clock, random, limits, owner } = ports;
  const settling = createSettling(ports);
  let unfinished: StripeRef[] = [];
  const nodes = new Map<string, TreeNode>();

  const put: Repository["put"] = async (bytes, sort) => {
    const ref = valueOf(await stripes.put(bytes, { class: classes[sort], owner, lifeMs: limits.unfinishedMs }));
    unfinished.push(marked(ref, sort));
    return ref;
  };
  const read = async (stripe: StripeRef, memory?: Buffer): Promise<Uint8Array> =>
    valueOf(await stripes.read(stripe, memory));
  const saveNode = async (value: unknown, sort: NodeSort): Promise<NodeLink> => {
    const key = random.bytes(unitFormat.keyBytes);
    return { stripe: await put(sealNode(value, { cluster, sort }, key), "manifest"), key };
  };
  const loadNode = async ({ stripe, key }: NodeLink, sort: NodeSort): Promise<unknown> =>
    openNode(await read(stripe), { cluster, sort }, key);

  const state = async (): Promise<BackupState> => {
    const bytes = await heads.read();
    if (bytes === undefined) return { head: undefined, snapshots: [] };
    const head = readHead(bytes, {
      ...keys.head,
      verify(signed, signature, epoch) {
        // Begun since this process took its keys: a later attempt has them.
        if (epoch > keys.epoch) throw new PlexusError(failure("KEY_MISSING", { epoch }));
        return keys.head.verify(signed, signature, epoch);
      },
    });
    if (head.cluster !== cluster)
      throw new PlexusError(failure("BACKUP_DAMAGED", { object: "head", reason: "of another cluster" }));
    const { stripe, sealedKey } = head.catalog;
    const hash = hashOfHead(bytes);
    const list = await stripes.read(stripe);
    if (!list.ok) {
      if (!isGone(list.error)) throw new PlexusError(list.error);
      if (begins) return { head: { ...head, hash }, snapshots: [], isListLost: true };
      throw new PlexusError({
        ...list.error,
        message:
          `The list of snapshots that head ${head.number} leads to is lost. \`plexus backup run\` begins a new ` +
          "list, and stores everything again.",
      });
    }
    const catalog = openNode(list.value, { cluster, sort: "catalog" }, keys.open(catalogContext(head), sealedKey));
    const leaving = new Set(await heads.leaving?.read());
    const snapshots = readCatalog(catalog).filter((one) => !leaving.has(one.number));
    return { head: { ...head, hash }, snapshots };
  };

  /** Asks for all of them, also behind one that could not be kept. */
  const keepAll = async (refs: readonly StripeRef[], lifeMs?: number): Promise<Result<null>> => {
    let result: Result<null> = ok(null);
    for (let at = 0; at < refs.length; at += limits.keptAtOnce) {
      const some = refs.slice(at, at + limits.keptAtOnce);
      const kept = await Promise.all(some.map((ref) => stripes.keep(ref, owner, lifeMs)));
      if (result.ok) result = kept.find((one) => !one.ok) ?? result;
    }
    return result;
  };

  /** Whether a head is the newest now. An answer that was lost is asked for again; when none comes, it may be or not:
   *  then nothing is given up that it would lead to. */
  const take = async (head: Uint8Array, number: number): Promise<boolean> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return await heads.commit(head, number);
      } catch (error) {
        if (tries < limits.commitTriesMax) continue;
        unfinished = [];
        throw error;
      }
    }
  };

  const abandon: Repository["abandon"] = async (which = () => true) => {
    const given = unfinished.filter(which);
    unfinished = unfinished.filter((ref) => !which(ref));
    // What is not released now expires.
    for (const ref of ownOf(given, stripes)) await stripes.release(ref, owner);
  };
  const kept = ({ stripe }: NodeLink, node: TreeNode): TreeNode => {
    nodes.set(stripe.id, node);
    const [oldest] = nodes.keys();
    if (nodes.size > limits.nodesKept && oldest !== undefined) nodes.delete(oldest);
    return node;
  };
  const load = async (link: NodeLink): Promise<TreeNode> => {
    const known = nodes.get(link.stripe.id);
    if (known !== undefined) return known;
    return kept(link, readTreeNode(await loadNode(link, "tree"), cluster));
  };

  return {
    state,
    put,
    read,
    saveNode,
    loadNode,
    adopt: (refs) => void (unfinished = [...unfinished, ...refs]),
    saveCursors: (cursors) => saveNode(writeCursors(cursors), "cursors"),
    loadCursors: async (link) => readCursors(await loadNode(link, "cursors")),
    async save(node) {
      const link = await saveNode(writeTreeNode(node), "tree");
      // Who made it looks at it next: read back it would be there twice.
      kept(link, node);
      return link;
    },
    load,
    get unfinished() {
      return unfinished;
    },
    abandon,
    async settle() {
      if (heads.settled === undefined) return;
      const upTo = await heads.settled.read();
      const { head, snapshots, isListLost = false } = await state();
      if (head === undefined || upTo >= head.number || isListLost) return;
      const needed = new Map([[head.catalog.stripe.id, head.catalog.stripe]]);
      const add = (ref: StripeRef): void => void needed.set(ref.id, ref);
      const node = ({ stripe }: NodeLink, one: TreeNode): void => {
        add(stripe);
        if ("units" in one) for (const { fragments } of one.units) for (const place of fragments) add(place.stripe);
      };
      // What is gone for good, and what it led to, nobody can keep.
      const lost = (_: NodeLink, error: unknown): void => {
        if (!isGone(failureOf(error))) throw error;
      };
      // Older ones, too: a removal that wrote packs anew, or keys that did, has made another tree of them.
      for (const { root, cursors } of snapshots) {
        add(cursors.stripe);
        if (root !== null) await walkTree({ load }, root, { skip: ({ stripe }) => needed.has(stripe.id), node, lost });
      }
      if ((await keepAll([...needed.values()])).ok) settling.tell(head.number);
    },
    async commit(change) {
      await keys.ensure([catalogTenant]);
      for (let tries = 0; tries < limits.commitTriesMax; tries += 1) {
        const settledTo = await heads.settled?.read();
        const before = await state();
        const number = (before.head?.number ?? 0) + 1;
        const snapshots = change(before, number);
        const link = await saveNode(writeCatalog(snapshots), "catalog");
        const sealedKey = keys.seal(catalogContext({ number, epoch: keys.epoch }), link.key);
        const head: BackupHead = {
          cluster,
          number,
          previous: before.head?.hash ?? "",
          atMs: clock.nowMs(),
          epoch: keys.epoch,
          catalog: { stripe: link.stripe, sealedKey },
        };
        demandSuccession(before.head, head);
        // Stripes get an expiry until a head refers to them, so that those of a crashed or refused commit are
        // collected.
        valueOf(await keepAll(unfinished, limits.unfinishedMs));
        const bytes = writeHead(head, keys.head);
        if (await take(bytes, number)) {
          const kept = await keepAll(unfinished);
          unfinished = [];
          // What is said of snapshots that are not there any more does no harm.
          await heads.leaving?.end().catch(() => undefined);
          // The snapshot is there, whatever comes of these; `settle` makes up for them, and the next removal releases
          // the old catalog.
          if (kept.ok && Math.max(settledTo ?? 0, settling.keptUpTo()) === number - 1) settling.tell(number);
          if (before.head !== undefined) await stripes.release(before.head.catalog.stripe, owner);
          return { head: { ...head, hash: hashOfHead(bytes) }, snapshots };
        }
        await abandon(({ id }) => id === link.stripe.id);
      }
      throw new PlexusError(failure("BACKUP_CHANGED"));
    },
  };
}

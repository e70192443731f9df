/** One cluster's backups: the head, the snapshots that it leads to, and how the next head is made. Everything is stored before the head is;
 *  taking the next number is the only commit. */
import { failure, PlexusError, type Result, type StripeRef } from "../../protocols/index.ts";
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
import type { BackupPorts } from "./ports.ts";
import type { TreeNodes } from "./tree.ts";

/** The keys of the catalog are those of this tenant, which nobody erases. */
const catalogTenant = "backup";
const catalogUnit = (number: number): string => `catalog ${number}`;

/** What the newest head says. */
export interface BackupState {
  /** Undefined: there is no backup. */
  readonly head: (BackupHead & { readonly hash: string }) | undefined;
  readonly snapshots: readonly Snapshot[];
}

export interface Repository extends TreeNodes {
  /** Errors: BACKUP_DAMAGED, KEY_MISSING, those of reading stripes. */
  state(): Promise<BackupState>;
  /** Makes the next head, with other snapshots. `change` is called again when another head was there first. Error: BACKUP_CHANGED. */
  commit(change: (state: BackupState, number: number) => readonly Snapshot[]): Promise<BackupState>;
  saveCursors(cursors: ReadonlyMap<string, Cursor>): Promise<NodeLink>;
  loadCursors(link: NodeLink): Promise<ReadonlyMap<string, Cursor>>;
  put(bytes: Uint8Array, sort: "pack" | "manifest"): Promise<StripeRef>;
  read(stripe: StripeRef): Promise<Uint8Array>;
  /** What was put and is not kept yet: `commit` keeps it. */
  readonly unfinished: readonly StripeRef[];
  /** Gives up what was put and not kept: all of it, or some. */
  abandon(which?: (stripe: StripeRef) => boolean): Promise<void>;
}

/** The value, or what is wrong. */
export function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new PlexusError(result.error);
  return result.value;
}

export function openRepository(ports: BackupPorts): Repository {
  const { cluster, stripes, heads, keys, clock, random, limits, owner } = ports;
  let unfinished: StripeRef[] = [];
  const nodes = new Map<string, TreeNode>();

  const put = async (bytes: Uint8Array, sort: "pack" | "manifest"): Promise<StripeRef> => {
    const expiresAtMs = clock.nowMs() + limits.unfinishedMs;
    const ref = valueOf(await stripes.put(bytes, { class: `backup.${sort}`, owner, expiresAtMs }));
    unfinished.push(ref);
    return ref;
  };
  const read = async (stripe: StripeRef): Promise<Uint8Array> => valueOf(await stripes.read(stripe));
  const saveNode = async (value: unknown, sort: NodeSort): Promise<NodeLink> => {
    const key = random.bytes(unitFormat.keyBytes);
    return { stripe: await put(sealNode(value, { cluster, sort }, key), "manifest"), key };
  };
  const loadNode = async ({ stripe, key }: NodeLink, sort: NodeSort): Promise<unknown> =>
    openNode(await read(stripe), { cluster, sort }, key);

  const state = async (): Promise<BackupState> => {
    const bytes = await heads.read();
    if (bytes === undefined) return { head: undefined, snapshots: [] };
    const head = readHead(bytes, keys.head);
    if (head.cluster !== cluster)
      throw new PlexusError(failure("BACKUP_DAMAGED", { object: "head", reason: "of another cluster" }));
    const { stripe, sealedKey } = head.catalog;
    const context = { tenant: catalogTenant, unit: catalogUnit(head.number), epoch: head.epoch };
    const catalog = await loadNode({ stripe, key: keys.open(context, sealedKey) }, "catalog");
    return { head: { ...head, hash: hashOfHead(bytes) }, snapshots: readCatalog(catalog) };
  };

  return {
    state,
    put,
    read,
    saveCursors: (cursors) => saveNode(writeCursors(cursors), "cursors"),
    loadCursors: async (link) => readCursors(await loadNode(link, "cursors")),
    save: (node) => saveNode(writeTreeNode(node), "tree"),
    async load(link) {
      const known = nodes.get(link.stripe.id);
      if (known !== undefined) return known;
      const node = readTreeNode(await loadNode(link, "tree"), cluster);
      nodes.set(link.stripe.id, node);
      const [oldest] = nodes.keys();
      if (nodes.size > limits.nodesKept && oldest !== undefined) nodes.delete(oldest);
      return node;
    },
    get unfinished() {
      return unfinished;
    },
    async abandon(which = () => true) {
      const given = unfinished.filter(which);
      unfinished = unfinished.filter((ref) => !which(ref));
      // What is not released now expires.
      for (const ref of given) await stripes.release(ref, owner);
    },
    async commit(change) {
      await keys.ensure([catalogTenant]);
      for (let tries = 0; tries < limits.commitTriesMax; tries += 1) {
        const before = await state();
        const number = (before.head?.number ?? 0) + 1;
        const snapshots = change(before, number);
        const link = await saveNode(writeCatalog(snapshots), "catalog");
        const context = { tenant: catalogTenant, unit: catalogUnit(number), epoch: keys.epoch };
        const head: BackupHead = {
          cluster,
          number,
          previous: before.head?.hash ?? "",
          atMs: clock.nowMs(),
          epoch: keys.epoch,
          catalog: { stripe: link.stripe, sealedKey: keys.seal(context, link.key) },
        };
        demandSuccession(before.head, head);
        // Before the head: what it leads to must not expire. A crash between the two leaves what nobody refers to.
        for (const ref of unfinished) valueOf(await stripes.keep(ref, owner));
        const bytes = writeHead(head, keys.head);
        if (await heads.commit(bytes, number)) {
          unfinished = [];
          if (before.head !== undefined) await stripes.release(before.head.catalog.stripe, owner);
          return { head: { ...head, hash: hashOfHead(bytes) }, snapshots };
        }
        unfinished = unfinished.filter(({ id }) => id !== link.stripe.id);
        await stripes.release(link.stripe, owner);
      }
      throw new PlexusError(failure("BACKUP_CHANGED"));
    },
  };
}

/** Sees everything of the backups at once: rows of the directory as they change, bytes on disks, inventories. What a
 *  head leads to is read as soon as it is committed, compared with what the slots had, and from then on every shard of
 *  it has to stay. */
import { openRepository, type BackupKeys, type BackupPorts } from "../../../node/backup/index.ts";
import { headRow } from "../../../node/backup/format/heads.ts";
import { openUnits, PackCache } from "../../../node/backup/format/packs.ts";
import { createUnitKeys, isHeadSigned, openEpoch, type RootKeys } from "../../../node/keys/index.ts";
import { type EpochRecord } from "../../../node/keys/epochs.ts";
import { type TenantKey } from "../../../node/keys/units.ts";
import { readStripe, enoughOf } from "../../../node/bulk/shards/coding/index.ts";
import type { NodeId } from "../../../node/ports/index.ts";
import { failureOf, holderOf, ok, PlexusError, refused, type ActorId, type ShardReference, type StripeRef } from "../../../protocols/index.ts"; // prettier-ignore
import { tenantOf, type Cursor, type NodeLink, type Snapshot, type TreeNode, type UnitEntry } from "../../../runtimes/backup/index.ts"; // prettier-ignore
import { plainSealer, smallLimits } from "../../unit/backup/world.ts";
import { pathOf, type Fixture } from "../../unit/bulk/shards/fixture.ts";
import type { World } from "../../world/index.ts";
import type { CheckerName } from "../checkers.ts";
import { tenantOfActor, type Journals } from "./journals.ts";

/** Days become seconds. */
export const limits = {
  ...smallLimits,
  unfinishedMs: 20_000,
  lossesNamed: 100_000,
  placeStretch: 6,
  placeBatch: 3,
  placePerSecond: 20,
  markKeptMs: 150,
};
export const cluster = "harbour";
export const backupOwner = "backup/cluster" as ActorId;

/** A snapshot that is there. */
export interface Living {
  readonly snapshot: Snapshot;
  readonly cursors: ReadonlyMap<string, Cursor>;
  readonly nodes: ReadonlyMap<string, TreeNode>;
  readonly units: readonly UnitEntry[];
  readonly stripes: ReadonlyMap<string, StripeRef>;
}

interface HeadRow {
  readonly number: number;
  /** In base64. */
  readonly head: string;
}

export class BackupWatch {
  readonly #world: World;
  readonly #fixture: Fixture;
  readonly #journals: Journals;
  readonly #root: RootKeys;
  readonly #rows = new Map<string, unknown>();
  readonly #epochKeys = new Map<string, Uint8Array>();
  readonly living = new Map<number, Living>();
  /** The numbers of all that there ever were. */
  readonly seen = new Set<number>();
  #catalog: StripeRef | undefined;
  /** Shards that were on some disk for good, and to which nothing has happened since. */
  readonly sound = new Set<string>();
  /** What each key was drawn for. */
  readonly #keyed = new Map<string, string>();
  #reading: Promise<void> = Promise.resolve();
  commits = 0;
  /** Packs that were lost beyond what is promised: what lies in them cannot be brought back. */
  readonly spoiled = new Set<string>();
  /** Nodes whose clock was set wrong. */
  readonly jumped = new Set<NodeId>();
  /** Heads behind which packs were written anew. */
  repacked = 0;
  /** Which snapshots those who prune now may remove. */
  readonly mayGo = new Set<(snapshot: Snapshot, all: readonly Snapshot[]) => boolean>();

  constructor(world: World, fixture: Fixture, journals: Journals, root: RootKeys) {
    this.#world = world;
    this.#fixture = fixture;
    this.#journals = journals;
    this.#root = root;
  }

  violate(checker: CheckerName, detail: string): void {
    this.#world.violate(checker, detail);
  }

  /** A row of the directory has changed. */
  changed(key: string, value: unknown): void {
    const before = this.headNumber;
    if (value === undefined) this.#rows.delete(key);
    else this.#rows.set(key, value);
    if (key !== headRow || this.headNumber === before) return;
    const { number } = value as HeadRow;
    this.commits += 1;
    // One after the other, and without any simulated time.
    this.#reading = this.#reading
      .then(() => this.#committed(number))
      .catch((error: unknown) =>
        this.violate(
          "backup-true",
          `head ${number} cannot be read: ${JSON.stringify(failureOf(error))} ${(error as Error).stack}`,
        ),
      );
  }

  #head(): Uint8Array | undefined {
    const row = this.#rows.get(headRow) as HeadRow | undefined;
    return row && Buffer.from(row.head, "base64");
  }

  get headNumber(): number {
    return (this.#rows.get(headRow) as HeadRow | undefined)?.number ?? 0;
  }

  get epochRecords(): readonly EpochRecord[] {
    return this.#recordsIn(this.#rows);
  }

  #recordsIn(rows: ReadonlyMap<string, unknown>): readonly EpochRecord[] {
    return [...rows]
      .filter(([key]) => key.startsWith("keys/epoch/"))
      .map(([, value]) => value as EpochRecord)
      .toSorted((one, other) => one.epoch - other.epoch);
  }

  epochKey(record: EpochRecord): Uint8Array {
    const known = this.#epochKeys.get(record.commitment);
    if (known !== undefined) return known;
    const opened = openEpoch("harbour", record, this.#root);
    if (!opened.ok) throw new PlexusError(opened.error);
    this.#epochKeys.set(record.commitment, opened.value);
    return opened.value;
  }

  /** What a backup carries of the keys, as the directory has them now. */
  carriedKeys(): Uint8Array {
    const rows = [...this.#rows].filter(([key]) => key.startsWith("keys/"));
    return Buffer.from(JSON.stringify({ madeAtMs: this.#world.nowMs, rows }));
  }

  /** The keys that the kit opens in that. */
  keysOf(carried: Uint8Array): BackupKeys {
    const { rows } = JSON.parse(Buffer.from(carried).toString()) as { rows: readonly (readonly [string, unknown])[] };
    return this.#keysIn(new Map(rows));
  }

  #keysIn(rows: ReadonlyMap<string, unknown>): BackupKeys {
    const records = this.#recordsIn(rows);
    const epochs = new Map(records.map((record) => [record.epoch, this.epochKey(record)]));
    const ring = [...rows].filter(([key]) => key.startsWith("keys/ring/")).flatMap(([, part]) => tenantKeysIn(part));
    const units = createUnitKeys(epochs, records.length, ring);
    const never = (): never => {
      throw new Error("a checker only reads");
    };
    return {
      epoch: records.length,
      ensure: never,
      seal: never,
      open: (context, sealed) => units.open(context, sealed),
      head: { sign: never, verify: (bytes, signature, epoch) => isSignedIn(records, bytes, signature, epoch) },
    };
  }

  /** Whether a head is the cluster's. */
  isSigned(bytes: Uint8Array, signature: Uint8Array, epoch: number): boolean {
    return isSignedIn(this.epochRecords, bytes, signature, epoch);
  }

  /** A reader that needs no path, no process and no node's keys. */
  #ports(): BackupPorts {
    const never = async (): Promise<never> => {
      throw new Error("a checker only reads");
    };
    const { world } = this.#fixture;
    return {
      cluster,
      owner: backupOwner,
      stripes: { put: never, keep: never, release: never, inspect: never, read: async (ref) => this.#bytesOf(ref) },
      heads: { read: async () => this.#head(), commit: never },
      keys: this.#keysIn(this.#rows),
      sealer: plainSealer,
      clock: world.clock(),
      random: world.dice,
      log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
      limits,
    };
  }

  #bytesOf(ref: StripeRef) {
    const shards: Uint8Array[] = [];
    for (const { hash, sizeBytes } of ref.shards) {
      const machine = this.#fixture.machines.find(
        ({ files }) => files.isDurable(pathOf(hash)) && files.isSound(pathOf(hash)),
      );
      const bytes = machine?.files.contentOf(pathOf(hash));
      if (bytes !== undefined) shards.push(bytes.subarray(0, sizeBytes));
    }
    const read = readStripe(ref, shards);
    return read.ok ? ok(read.value) : refused(read.error);
  }

  /** A head is there: what it says is compared with what there was. */
  async #committed(number: number): Promise<void> {
    const ports = this.#ports();
    const repository = openRepository(ports);
    const { head, snapshots } = await repository.state();
    if (head?.number !== number)
      return this.violate("backup-chain", `head ${head?.number} is there as number ${number}`);
    this.#catalog = head.catalog.stripe;
    this.#demandKept(this.#catalog, `catalog ${number}`);
    const before = [...this.living.values()].map(({ snapshot }) => snapshot);
    for (const snapshot of before) {
      const now = snapshots.find((one) => one.number === snapshot.number);
      // Packs that were written anew are elsewhere, and so is the tree that names them.
      if (now !== undefined && told({ ...now, root: null }) !== told({ ...snapshot, root: null }))
        this.violate("backup-chain", `snapshot ${snapshot.number} is another in head ${number}`);
      if (now === undefined && ![...this.mayGo].some((may) => may(snapshot, before)))
        this.violate("backup-chain", `head ${number} has lost snapshot ${snapshot.number}`);
      if (now === undefined) this.living.delete(snapshot.number);
    }
    const added = snapshots.filter((one) => !before.some((old) => old.number === one.number));
    if (added.length > 1 || added.some((one) => one.number !== number))
      this.violate("backup-chain", `head ${number} has ${added.length} snapshots more`);
    const moved = snapshots.filter(({ number: one, root }) => {
      const old = this.living.get(one);
      return old !== undefined && told(old.snapshot.root) !== told(root);
    });
    this.repacked += moved.length > 0 ? 1 : 0;
    for (const snapshot of [...moved, ...added]) await this.#look(ports, snapshot);
    this.#world.note(() => `head ${number}: snapshots ${snapshots.map((one) => one.number).join()}`);
  }

  async #look(ports: BackupPorts, snapshot: Snapshot): Promise<void> {
    const repository = openRepository(ports);
    const cursors = await repository.loadCursors(snapshot.cursors);
    const stripes = new Map<string, StripeRef>([[snapshot.cursors.stripe.id, snapshot.cursors.stripe]]);
    const nodes = new Map<string, TreeNode>();
    const units: UnitEntry[] = [];
    const walk = async (link: NodeLink): Promise<void> => {
      stripes.set(link.stripe.id, link.stripe);
      this.#demandOnce(link.key, `node ${link.stripe.id}`);
      const node = await repository.load(link);
      nodes.set(link.stripe.id, node);
      if ("children" in node) for (const child of node.children) await walk(child.link);
      else units.push(...node.units);
    };
    if (snapshot.root !== null) await walk(snapshot.root);
    for (const { fragments } of units) for (const { stripe } of fragments) stripes.set(stripe.id, stripe);
    const what = `snapshot ${snapshot.number}`;
    for (const stripe of stripes.values()) this.#demandKept(stripe, what);
    this.seen.add(snapshot.number);
    this.living.set(snapshot.number, { snapshot, cursors, nodes, units, stripes });
    const packs = new PackCache(repository, 1_000);
    const contents = new Map<string, Uint8Array[]>();
    const inOrder = units.toSorted((one, other) => (one.first < other.first ? -1 : 1));
    const spoiled = new Set(
      units.filter((unit) => this.isSpoiled(unit)).map(({ name }) => `${name.thread} ${name.type}`),
    );
    const living = inOrder.filter((unit) => !this.isGoneTenant(tenantOf(unit.name)) && !this.isSpoiled(unit));
    for await (const opened of openUnits(ports, packs, living)) {
      if ("error" in opened) throw opened.error;
      const { id, epoch, name, sealedKey } = opened.unit;
      this.#demandOnce(ports.keys.open({ tenant: tenantOf(name), unit: id, epoch }, sealedKey), `unit ${id}`);
      const { thread, type } = name;
      const place = `${thread} ${type}`;
      contents.set(place, [...(contents.get(place) ?? []), opened.content]);
    }
    const isLost = (actor: ActorId, type: string): boolean => this.isGone(actor) || spoiled.has(`${actor} ${type}`);
    const fault = this.#journals.faultOf(cursors, contents, isLost);
    if (fault !== undefined) this.violate("backup-true", `${what}: ${fault}`);
  }

  #demandOnce(key: Uint8Array, what: string): void {
    const text = Buffer.from(key).toString("hex");
    const before = this.#keyed.get(text);
    if (before !== undefined && before !== what) this.violate("key-once", `${what} has the key of ${before}`);
    this.#keyed.set(text, what);
  }

  isSpoiled({ fragments }: UnitEntry): boolean {
    return fragments.some(({ stripe }) => this.spoiled.has(stripe.id));
  }

  isGoneTenant(tenant: string): boolean {
    return this.#journals.gone.has(tenant);
  }

  isGone(actor: ActorId): boolean {
    return this.#journals.gone.has(tenantOfActor(actor));
  }

  /** Enough holders keep a stripe, for long enough that somebody settles it, at the moment when a head leads to it. */
  #demandKept(stripe: StripeRef, what: string): void {
    // By the holder's own clock; one that has jumped may end a reference early, and the shard stays for the grace.
    const isLong = (node: NodeId, { expiresAtMs = Infinity }: ShardReference): boolean =>
      this.jumped.has(node) || expiresAtMs > this.#world.nowMs + limits.unfinishedMs / 2;
    const keeping = stripe.shards.filter(({ index }) =>
      this.#fixture.holders
        .inventory(holderOf(stripe.group, index))
        .some((held) => held.stripe.id === stripe.id && held.references.some((one) => one.owner === backupOwner && isLong(this.#fixture.ownerOf(holderOf(stripe.group, index)), one))),
    ); // prettier-ignore
    if (keeping.length < enoughOf(stripe.scheme))
      this.violate(
        "backup-kept",
        `${what} is there, and ${keeping.length} of ${enoughOf(stripe.scheme)} holders keep ${stripe.id} of it`,
      );
  }

  /** Where the list of snapshots is. */
  get catalog(): readonly StripeRef[] {
    return this.#catalog === undefined ? [] : [this.#catalog];
  }

  /** Every stripe that a snapshot, or the head, needs. */
  needed(): ReadonlyMap<string, StripeRef> {
    const all = new Map<string, StripeRef>();
    for (const { stripes } of this.living.values()) for (const [id, stripe] of stripes) all.set(id, stripe);
    if (this.#catalog !== undefined) all.set(this.#catalog.id, this.#catalog);
    return all;
  }

  /** What a snapshot needs, and nothing has happened to, is on some disk. */
  check(): void {
    const needed = new Set<string>();
    for (const { id, shards } of this.needed().values())
      for (const { hash } of shards) {
        needed.add(hash);
        if (this.#fixture.isKept(hash)) this.sound.add(hash);
        else if (this.sound.has(hash))
          this.violate("backup-kept", `${hash} of ${id} was deleted, and a snapshot needs it`);
      }
    for (const hash of this.sound) if (!needed.has(hash)) this.sound.delete(hash);
  }

  /** What holders keep for the backup though no snapshot needs it. */
  left(): readonly string[] {
    const needed = this.needed();
    return this.#fixture.all().flatMap((holder) =>
      this.#fixture.holders
        .inventory(holder)
        .filter(({ stripe, references, trashedAtMs }) => trashedAtMs === undefined && references.some(({ owner }) => owner === backupOwner) && !needed.has(stripe.id))
        .map(({ stripe, references }) => `${holder} ${stripe.id} ${JSON.stringify(references)}`),
    ); // prettier-ignore
  }

  /** Says whether the keys that there are now open a unit. */
  opener(): (unit: UnitEntry) => boolean {
    const { keys } = this.#ports();
    return ({ name, id, epoch, sealedKey }) => {
      try {
        return keys.open({ tenant: tenantOf(name), unit: id, epoch }, sealedKey).length > 0;
      } catch {
        return false;
      }
    };
  }

  /** What was brought back of a snapshot at a node; undefined: it is as it was. */
  faultIn(
    { cursors }: Living,
    contents: ReadonlyMap<string, readonly Uint8Array[]>,
    isLost: (actor: ActorId, type: string) => boolean,
  ): string | undefined {
    return this.#journals.faultOf(cursors, contents, isLost);
  }

  /** Every head so far has been looked at. */
  settled(): Promise<void> {
    return this.#reading;
  }
}

function isSignedIn(records: readonly EpochRecord[], bytes: Uint8Array, signature: Uint8Array, epoch: number): boolean {
  const record = records[epoch - 1];
  return record !== undefined && isHeadSigned(record, bytes, signature);
}

const told = (value: unknown): string => JSON.stringify(value);

function tenantKeysIn(part: unknown): TenantKey[] {
  return Object.entries(part as Record<string, readonly [number, string]>).map(([name, [under, sealed]]) => {
    const at = name.indexOf(" ");
    return { epoch: Number(name.slice(0, at)), tenant: name.slice(at + 1), under, sealed: Buffer.from(sealed, "base64url") }; // prettier-ignore
  });
}

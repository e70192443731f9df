/** Makes a data folder that starts of what can be read of a damaged one, which is only read.
 *
 *      files ─► rows that LevelDB's checksums vouch for ─► rows that our own do ─► slots that open ─► their directory
 *
 *  Alone, the node stays who it is. One of many does not: what it lacks now it has acknowledged, and a node that went
 *  back on that would make the others wrong. So of its rows a cluster of its own is made, with a new identity that none
 *  of the others takes for a member; it comes back to them by joining with an empty folder.
 *
 *  The row that says whose the folder is comes last: one that was not finished does not start. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { behaviors } from "../../actors/index.ts";
import {
  actorOf,
  failure,
  failureOf,
  isRoleSlot,
  parseActorId,
  PlexusError,
  slotOf,
  type ActorId,
  type SlotId,
} from "../../protocols/index.ts";
import { diskKeyFile, journalFolder, markFile, readKey, tracesOf } from "../data-folder/index.ts";
import { namesPut, syncFolder } from "../../runtimes/folders.ts";
import { createEmbeddedDirectory, directoryRowKey } from "../cluster/directory/index.ts";
import { homeKey, homeRow, readHome, type Home } from "../data-folder/home.ts";
import { epochKeysRow, openSealedStore, readDiskKey } from "../keys/index.ts";
import { findFileDamage, openLevelReader, openLevelStore, type FileDamage } from "../platform/index.ts";
import type { Clock, Random, Store, StoreOp } from "../ports/index.ts";
import { policyKey, slotKey } from "../cluster/facts/records.ts";
import { isSealed, seal, unseal } from "../data-folder/seal.ts";
import {
  everything,
  formatRow,
  headKey,
  logKey,
  logPrefix,
  readFormat,
  rescueLog,
  sidePrefix,
  spaces,
  verifyJournal,
  within,
  type Format,
  type Head,
} from "../storage/index.ts";

/** Something that is not in the new folder. */
export type Lost =
  | FileDamage
  | { readonly part: "format mark" | "home" | "node.key" | "keys of backups" }
  /** Entries of a slot's log: what they changed is lost where nothing newer says it. */
  | { readonly slot: SlotId; readonly entries: readonly [from: number, to: number] }
  /** A copy that was not whole. */
  | { readonly slot: SlotId; readonly reason: string }
  | { readonly slot: SlotId; readonly row: string }
  /** What the actor was is lost; there are records of it. */
  | { readonly actor: ActorId; readonly reason: string };

export interface Salvaged {
  /** `kept`: the node stays who it is. `new`: of what it held a cluster of its own was made. */
  readonly identity: "kept" | "new";
  readonly cluster: string;
  readonly node: string;
  readonly slots: { readonly whole: number; readonly mended: number };
  readonly rows: number;
  readonly bytes: number;
  /** Rows that lay where a damaged part may have held newer ones. */
  readonly doubtful: number;
  readonly lost: readonly Lost[];
  /** The file whose key wraps the keys of backups that are in the new folder; it is not copied. */
  readonly diskKey?: string;
  /** The damaged folder was; the new one is not. */
  readonly wasEncrypted: boolean;
}

interface SalvagePorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Told now and then what has been copied. */
  progress(done: { readonly rows: number; readonly bytes: number }): void;
}

/** Copies what can be read of the data folder `from` into `to`, which must be empty or absent. Errors: NOT_FOUND (there
 *  is nothing to be read), CONFIG_INVALID (`to` is not empty), DATA_FORMAT_UNKNOWN, KEY_MISSING (it is encrypted); the
 *  system's. */
export async function salvage(
  from: string,
  to: string,
  ports: SalvagePorts,
  keyFile = diskKeyFile(from),
): Promise<Salvaged> {
  if (!(await tracesOf(from)).node)
    throw new PlexusError(failure("NOT_FOUND", { folder: from, reason: "this folder is not a node's data folder" }));
  await expectEmpty(to);
  const files = await findFileDamage(journalFolder(from));
  const lost: Lost[] = [...files];
  const raw = await openLevelReader(journalFolder(from), () => undefined);
  const source = await openSealedStore(raw, () => readDiskKey(keyFile), "whatever is left");
  if ((await source.keys({ ...everything, limit: 1 })).length === 0)
    throw new PlexusError(failure("NOT_FOUND", { folder: from, reason: "nothing in this folder can be read" }));
  const owner = await ownerOf(from, source, ports, { files, lost });

  const target = await openLevelStore(journalFolder(to), { mark: markFile(to) });
  try {
    const copy = new Copy(source, target, { files, lost, progress: (done) => ports.progress(done) });
    const slots = await slotsIn(source);
    let whole = 0;
    const epochs = new Map<SlotId, number>();
    for (const slot of slots) {
      const head = await copy.slot(slot);
      if (head === undefined) continue;
      if (head.whole) whole += 1;
      epochs.set(slot, head.fence);
    }
    await writeDirectory(source, target, { owner, epochs });
    const keys = await copyKeys(source, target, { kept: owner.kept, holes: holesIn(files) });
    if (keys === "lost") lost.push({ part: "keys of backups" });
    await copy.flush();
    const identity = { cluster: owner.cluster, node: owner.node };
    await target.batch([homeRow(owner.home), formatRow({ ...identity, createdAtMs: owner.createdAtMs })], {
      sync: true,
    });
    const { damaged } = await verifyJournal(target);
    for (const { slot, reason } of damaged)
      lost.push({ slot: slot as SlotId, reason: typeof reason === "string" ? reason : "it does not open" });
    const counted = { slots: { whole, mended: epochs.size - whole }, rows: copy.rows, bytes: copy.bytes };
    return {
      identity: owner.kept ? "kept" : "new",
      ...identity,
      ...counted,
      doubtful: copy.doubtful,
      lost,
      ...(keys === "wrapped" && { diskKey: keyFile }),
      wasEncrypted: source.state !== "plain",
    };
  } finally {
    await target.close();
    await source.close();
    if (owner.key) await writeKey(to, owner.key);
  }
}

async function expectEmpty(to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  const [name] = await namesPut(to);
  if (name === undefined) return;
  const reason = `${to} is not empty: ${name} is in it`;
  throw new PlexusError({
    ...failure("CONFIG_INVALID", { field: "to", reason }),
    message: `The new folder must be empty or absent: ${to} has ${name} in it.`,
  });
}

async function writeKey(to: string, key: Uint8Array): Promise<void> {
  const file = join(to, "node.key");
  await writeFile(file, key, { mode: 0o600, flush: true });
  await syncFolder(to);
}

// --- whose it is -----------------------------------------------------------------------------------------------------

interface Owner {
  readonly kept: boolean;
  readonly cluster: string;
  readonly node: string;
  readonly createdAtMs: number;
  readonly home: Home;
  readonly key: Uint8Array | undefined;
}

/** What a read gives, where it gives anything. */
const orNothing = <T>(read: Promise<T | undefined>): Promise<T | undefined> =>
  read.catch((error: unknown) => {
    // Another version's: whatever is copied of it may mean something else there.
    if (failureOf(error).code === "DATA_FORMAT_UNKNOWN") throw error;
    return undefined;
  });

async function ownerOf(
  from: string,
  source: Store,
  ports: SalvagePorts,
  { files, lost }: { readonly files: readonly FileDamage[]; readonly lost: Lost[] },
): Promise<Owner> {
  const format: Format | undefined = await orNothing(readFormat(source));
  const home = await orNothing(readHome(source));
  if (format === undefined) lost.push({ part: "format mark" });
  if (home === undefined) lost.push({ part: "home" });
  const members = await orNothing(listed(source, "member/"));
  // Only where what it knew last is there for certain: an older version of it may be from before others joined.
  const isCertain =
    home !== undefined && !holesIn(files).some(({ after, through }) => homeKey > after && homeKey <= through);
  const known = [...(home?.members ?? []).map(({ node }) => node), ...(members ?? [])];
  const kept =
    format !== undefined &&
    isCertain &&
    home.directory.kind === "embedded" &&
    home.directory.host === format.node &&
    known.every((node) => node === format.node);
  const id = (): string => Buffer.from(ports.random.bytes(8)).toString("hex");
  const identity = kept ? { cluster: format.cluster, node: format.node } : { cluster: id(), node: id() };
  const key = kept ? await readKey(from).catch(() => undefined) : undefined;
  if (kept && key === undefined) lost.push({ part: "node.key" });
  return {
    kept,
    ...identity,
    key,
    createdAtMs: format?.createdAtMs ?? ports.clock.nowMs(),
    home: {
      cluster: identity.cluster,
      directory: { kind: "embedded", host: identity.node },
      // Its directory is made anew, and tells it who is there.
      members: [],
      starts: home?.starts ?? 0,
      // Prints the code for the first account if what is left of the accounts has no admin.
      began: true,
      ...(home?.hasAdmin === true && !kept && { hasAdmin: true as const }),
    },
  };
}

/** Where rows may have been that are newer than what is left. */
const holesIn = (files: readonly FileDamage[]): readonly { readonly after: string; readonly through: string }[] =>
  files.flatMap((damage) =>
    "rows" in damage && damage.rows ? [{ after: damage.rows.after ?? "", through: damage.rows.through }] : [],
  );

/** The last words of a directory's keys under a prefix. */
async function listed(source: Store, prefix: string): Promise<readonly string[]> {
  const rows = await createEmbeddedDirectory({ store: source }).list(prefix);
  return rows.map(({ key }) => key.slice(prefix.length));
}

// --- its slots -------------------------------------------------------------------------------------------------------

/** Every slot of which there is any row. */
async function slotsIn(source: Store): Promise<readonly SlotId[]> {
  const found = new Set<SlotId>();
  for (const prefix of ["head/", "log/", "snap/", ...spaces.map((space) => `side/${space}/`)]) {
    const { lt } = within(prefix);
    for (let gte = prefix; ;) {
      const [key] = await source.keys({ gte, lt, limit: 1 });
      if (key === undefined) break;
      const [first, second] = key.slice(prefix.length).split("/");
      const slot = `${first}/${second}` as SlotId;
      if (parseActorId(slot) !== undefined || isRoleSlot(slot)) found.add(slot);
      gte = prefix === "head/" ? `${key}\0` : within(`${prefix}${slot}/`).lt;
      // No text: nothing is known of what lies there.
      if (gte <= key) gte = `${key}\0`;
    }
  }
  return [...found].sort();
}

/** Rows that are read at a time, and bytes that are written in one go. */
const pageRows = 500;
const batchBytes = 2 * 1024 * 1024;

/** Copies slots, and counts. */
class Copy {
  rows = 0;
  bytes = 0;
  doubtful = 0;
  readonly #source: Store;
  readonly #target: Store;
  readonly #lost: Lost[];
  readonly #progress: SalvagePorts["progress"];
  readonly #holes: readonly { readonly after: string; readonly through: string }[];
  #ops: StoreOp[] = [];
  #waiting = 0;

  constructor(
    source: Store,
    target: Store,
    at: { readonly files: readonly FileDamage[]; readonly lost: Lost[]; readonly progress: SalvagePorts["progress"] },
  ) {
    this.#source = source;
    this.#target = target;
    this.#lost = at.lost;
    this.#progress = at.progress;
    this.#holes = holesIn(at.files);
  }

  /** What was copied of a slot: its fence, and whether all of it is there. Undefined: nothing. */
  async slot(slot: SlotId): Promise<{ readonly fence: number; readonly whole: boolean } | undefined> {
    const losses = this.#lost.length;
    const head = await this.#headOf(slot);
    if (head?.incomplete === true) {
      this.#lost.push({ slot, reason: "a copy from another node was not finished, so its content is incomplete" });
      return undefined;
    }
    const chunks: [number, Uint8Array][] = [];
    for await (const [key, value] of this.#rows(within(logPrefix(slot))))
      chunks.push([Number(key.slice(logPrefix(slot).length)), value]);
    const states = new Set<ActorId>();
    let atLeast = 0;
    for await (const [key, value] of this.#rows(within(`snap/${slot}/`))) {
      const actor = key.slice(`snap/${slot}/`.length) as ActorId;
      const seq = snapshotSeq(key, value);
      if (seq === undefined) this.#lost.push({ actor, reason: "its content cannot be read" });
      else {
        states.add(actor);
        atLeast = Math.max(atLeast, seq);
        await this.#put(key, value);
      }
    }
    const log = rescueLog(slot, { head, chunks, atLeast });
    const isSame = head !== undefined && log.gaps.length === 0 && log.head.lastChecksum === head.lastChecksum;
    for (const entries of log.gaps) this.#lost.push({ slot, entries });
    for (const [firstSeq, bytes] of isSame ? chunks : log.chunks) await this.#put(logKey(slot, firstSeq), bytes);
    const kept: Head = isSame ? head : log.head;
    await this.#put(headKey(slot), seal(headKey(slot), kept));
    await this.#sides(slot, { known: (actor) => states.has(actor) || log.actors.has(actor) });
    return { fence: kept.fence, whole: this.#lost.length === losses };
  }

  async #headOf(slot: SlotId): Promise<Head | undefined> {
    const bytes = await this.#source.get(headKey(slot));
    if (bytes !== undefined && isSealed(headKey(slot), bytes)) {
      const head = unseal(headKey(slot), bytes, "") as Head;
      // Those of the first format do not say it.
      return { ...head, continues: head.continues ?? head.fence, incomplete: head.incomplete ?? false };
    }
    this.#lost.push({ slot, row: headKey(slot) });
    return undefined;
  }

  async #sides(slot: SlotId, { known }: { readonly known: (actor: ActorId) => boolean }): Promise<void> {
    const strangers = new Set<ActorId>();
    for (const space of spaces)
      for await (const [key, value] of this.#rows(within(sidePrefix(space, slot)))) {
        if (!isSealed(key, value)) {
          this.#lost.push({ slot, row: key });
          continue;
        }
        const [kind, name] = key.slice(sidePrefix(space, slot).length).split("/");
        const actor = `${kind}/${name}` as ActorId;
        if (space === "record" && !known(actor)) strangers.add(actor);
        await this.#put(key, value);
      }
    for (const actor of strangers)
      this.#lost.push({ actor, reason: "its content is lost; only records about it are left" });
  }

  async *#rows({ gte, lt }: { readonly gte: string; readonly lt: string }) {
    for (let from = gte; ;) {
      const page = await this.#source.range({ gte: from, lt, limit: pageRows });
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < pageRows) return;
      from = `${last[0]}\0`;
    }
  }

  async #put(key: string, value: Uint8Array): Promise<void> {
    this.#ops.push({ type: "put", key, value });
    this.#waiting += key.length + value.length;
    if (this.#holes.some(({ after, through }) => key > after && key <= through)) this.doubtful += 1;
    if (this.#waiting >= batchBytes) await this.flush();
  }

  async flush(): Promise<void> {
    const ops = this.#ops;
    this.#ops = [];
    this.rows += ops.length;
    this.bytes += this.#waiting;
    this.#waiting = 0;
    await this.#target.batch(ops, { sync: true });
    this.#progress({ rows: this.rows, bytes: this.bytes });
  }
}

/** Undefined when the snapshot is damaged. */
function snapshotSeq(key: string, value: Uint8Array): number | undefined {
  if (!isSealed(key, value)) return undefined;
  const [seq] = unseal(key, value, "") as readonly [unknown];
  return typeof seq === "number" ? seq : undefined;
}

// --- the directory ---------------------------------------------------------------------------------------------------

/** Makes a directory in which the node owns every slot that it has. What operators wanted of all slots is kept. */
async function writeDirectory(
  source: Store,
  target: Store,
  { owner, epochs }: { readonly owner: Owner; readonly epochs: ReadonlyMap<SlotId, number> },
): Promise<void> {
  const directory = createEmbeddedDirectory({ store: target });
  await directory.opened();
  const policy = owner.kept
    ? await orNothing(
        createEmbeddedDirectory({ store: source })
          .read(policyKey)
          .then((row) => row?.value),
      )
    : undefined;
  if (policy !== undefined) await directory.compareAndSet(policyKey, policy, 0);
  const { node } = owner;
  await Promise.all(
    [...epochs].map(([slot, fence]) => {
      const from = splitFrom(slot);
      const record = { slot, epoch: Math.max(1, fence), owner: node, inSync: [node], learners: [] };
      return directory.compareAndSet(slotKey(slot), from === undefined ? record : { ...record, splitFrom: from }, 0);
    }),
  );
}

/** Copies the cluster's keys: they are in the directory alone, but for what the recovery kit has. They are bound to the
 *  cluster's name, so they are of no use to another one. `wrapped`: those of epochs are there, wrapped by the disk's
 *  key; `lost`: some are not there. */
async function copyKeys(
  source: Store,
  target: Store,
  { kept, holes }: { readonly kept: boolean; readonly holes: ReturnType<typeof holesIn> },
): Promise<"none" | "wrapped" | "lost"> {
  const { gte, lt } = within(directoryRowKey("keys/"));
  const directory = createEmbeddedDirectory({ store: target });
  const wrapped = await source.get(epochKeysRow);
  let found = wrapped === undefined ? 0 : 1;
  let copied = 0;
  for (let from = gte; ;) {
    const page = await source.range({ gte: from, lt, limit: pageRows });
    found += page.length;
    for (const [key, bytes] of page) {
      if (!kept || !isSealed(key, bytes)) continue;
      const { value } = unseal(key, bytes, "") as { readonly value: unknown };
      if ((await directory.compareAndSet(key.slice(directoryRowKey("").length), value, 0)).applied) copied += 1;
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageRows) break;
    from = `${last[0]}\0`;
  }
  if (wrapped !== undefined && kept && isSealed(epochKeysRow, wrapped)) {
    await target.batch([{ type: "put", key: epochKeysRow, value: wrapped }], { sync: true });
    copied += 1;
  }
  if (found === 0) return "none";
  const mayLack = holes.some(
    ({ after, through }) => (after < lt && through >= gte) || (after < epochKeysRow && through >= epochKeysRow),
  );
  return copied === found && wrapped !== undefined && !mayLack ? "wrapped" : "lost";
}

/** The slot that an actor's own was split from. */
function splitFrom(slot: SlotId): SlotId | undefined {
  const actor = actorOf(slot);
  if (actor === undefined) return undefined;
  const kind = behaviors.find((behavior) => behavior.kind === actor.slice(0, actor.indexOf("/")));
  return slotOf(kind?.role ?? "chat", actor);
}

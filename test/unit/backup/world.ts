/** A cluster of one slot, whose actors are maps of records, and backups of it in memory. */
import { createHash, randomBytes } from "node:crypto";
import {
  encode,
  failure,
  ok,
  refused,
  type ActorId,
  type Result,
  type SlotId,
  type StripeRef,
} from "../../../protocols/index.ts";
import {
  backupLimits,
  openRepository,
  type BackupKeys,
  type BackupLimits,
  type BackupPorts,
  type BackupStripes,
  type Heads,
  type SlotSource,
  type SlotView,
} from "../../../node/backup/index.ts";
import { type KnownLosses } from "../../../node/backup/ports.ts"; // prettier-ignore
import { headerBytes, readStripe } from "../../../node/bulk/shards/coding/index.ts";
import { readShard } from "../../../node/bulk/shards/coding/header.ts";
import type { Sealer } from "../../../runtimes/backup/index.ts";
import { batchOf, cut, open, seal } from "../../../runtimes/backup/thread.ts";
import { writeFiles } from "../../../runtimes/backup/writing.ts";
import { headKeys } from "../runtimes/backup/samples.ts";

/** Stripes in memory, with who refers to them. */
export function memoryStripes() {
  const held = new Map<string, { bytes: Uint8Array; owners: Set<string>; kept: boolean }>();
  const made: { bytes: Uint8Array; ref: StripeRef }[] = [];
  let puts = 0;
  const fault = { failsAt: Infinity };
  const find = (ref: StripeRef) => held.get(ref.id);
  const stripes: BackupStripes = {
    async put(bytes, { owner }) {
      puts += 1;
      if (puts >= fault.failsAt) return refused(failure("DISK_FULL"));
      const id = createHash("sha256").update(bytes).digest("hex");
      const ref: StripeRef = { id, group: "first", scheme: { type: "copies", copies: 1 }, sizeBytes: bytes.length, shards: [{ index: 0, hash: id, sizeBytes: bytes.length }] }; // prettier-ignore
      held.set(id, { bytes: new Uint8Array(bytes), owners: new Set([owner]), kept: false });
      made.push({ bytes, ref });
      return ok(ref);
    },
    async read(ref) {
      const found = find(ref);
      return found === undefined ? refused(failure("STRIPE_LOST", { stripe: ref.id })) : ok(found.bytes);
    },
    async keep(ref) {
      const found = find(ref);
      if (found === undefined) return refused(failure("STRIPE_LOST", { stripe: ref.id }));
      found.kept = true;
      return ok(null);
    },
    async release(ref) {
      held.delete(ref.id);
      return ok(null);
    },
    async inspect(ref) {
      const { id, group, scheme } = ref;
      const found = find(ref);
      const well = found !== undefined && createHash("sha256").update(found.bytes).digest("hex") === id;
      const state = found === undefined ? "missing" : well ? "well" : "damaged";
      return ok({ id, group, scheme, shards: [{ index: 0, hash: id, state }], enough: 1, well: well ? 1 : 0 } as const);
    },
  };
  return { stripes, held, fault, made };
}

export function memoryHeads(): Heads & { bytes: Uint8Array | undefined; number: number; known: KnownLosses } {
  return {
    known: { snapshots: {}, stripes: [] },
    get losses() {
      return {
        read: async () => this.known,
        write: async (known: KnownLosses) => void (this.known = known),
      };
    },
    bytes: undefined,
    number: 0,
    async read() {
      return this.bytes;
    },
    async commit(head, number) {
      if (number !== this.number + 1) return false;
      this.bytes = head;
      this.number = number;
      return true;
    },
  };
}

/** Keys that are sealed by being put beside their context. */
export function plainKeys(): BackupKeys & { readonly erased: Set<string>; readonly sealed: Uint8Array[] } {
  const erased = new Set<string>();
  const ensured = new Set<string>();
  const sealed: Uint8Array[] = [];
  const name = (context: object): string =>
    JSON.stringify(Object.entries(context).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  return {
    epoch: 1,
    erased,
    sealed,
    ensure: async (tenants) => tenants.forEach((tenant) => ensured.add(tenant)),
    seal(context, key) {
      if (!ensured.has(context.tenant)) throw new Error(`nobody ensured a key of ${context.tenant}`);
      sealed.push(key);
      return encode([name(context), key]);
    },
    open(context, bytes) {
      if (erased.has(context.tenant)) throw Object.assign(new Error("erased"), { failure: failure("KEY_MISSING") });
      const text = Buffer.from(bytes).toString("latin1");
      if (!text.includes(name(context)))
        throw Object.assign(new Error("of another"), { failure: failure("KEY_REFUSED") });
      return bytes.subarray(bytes.length - 32);
    },
    head: headKeys,
  };
}

/** The pool's work, in this thread. */
export const plainSealer: Sealer = {
  cut: async (rows, tasks, how) => cut(batchOf(rows, tasks, how)),
  seal: async (task) => seal(task),
  open: async (task) => open(task),
  write: async (task) => void writeFiles(task),
  close: async () => undefined,
};

/** Actors with records, whose every change is an entry of one slot. */
export class Actors implements SlotSource {
  readonly slot = "chat/1" as SlotId;
  readonly records = new Map<ActorId, Map<string, unknown>>();
  #log: { actor: ActorId; keys: readonly string[] }[] = [];
  /** Entries up to here are no longer in the log. */
  trimmed = 0;
  epoch = 1;
  unavailable = false;
  reads = 0;
  /** Names of files, by actor; and the bytes that there are. */
  readonly names = new Map<ActorId, readonly string[]>();
  readonly files = new Map<string, Uint8Array>();
  fileReads = 0;

  /** An actor refers to these files from now on. */
  refer(actor: ActorId, ...names: readonly string[]): void {
    this.names.set(actor, names);
    this.change(actor, {});
  }

  change(actor: ActorId, changes: Readonly<Record<string, unknown>>): void {
    const own = this.records.get(actor) ?? new Map<string, unknown>();
    this.records.set(actor, own);
    for (const [key, value] of Object.entries(changes)) {
      if (value === undefined) own.delete(key);
      else own.set(key, value);
    }
    this.#log.push({ actor, keys: Object.keys(changes) });
  }

  /** Everything there is, as a recall gives it: by actor and type, rows in order. */
  rows(): ReadonlyMap<string, readonly (readonly [string, unknown])[]> {
    const all = new Map<string, (readonly [string, unknown])[]>();
    for (const [actor, records] of this.records)
      for (const [key, value] of [...records].toSorted(([one], [other]) => (one < other ? -1 : 1))) {
        const place = `${actor} ${typeOf(key)}`;
        all.set(place, [...(all.get(place) ?? []), [key, value]]);
      }
    return all;
  }

  slots = async (): Promise<readonly SlotId[]> => [this.slot];

  async open(): Promise<SlotView> {
    if (this.unavailable) throw Object.assign(new Error("away"), { failure: failure("SLOT_UNAVAILABLE") });
    // As they are now, whatever changes while they are read.
    const frozen = new Map(
      [...this.records].map(([actor, own]) => [actor, [...own].toSorted(([one], [other]) => (one < other ? -1 : 1))]),
    );
    const log = [...this.#log];
    const names = new Map(this.names);
    const { slot, trimmed, epoch } = this;
    const rowsOf = (actor: ActorId) => (frozen.get(actor) ?? []).map(([key, value]) => [key, encode(value)] as const);
    return {
      slot,
      at: { epoch, seq: log.length },
      changed: async (since) => {
        if (since === undefined || since.seq < trimmed || since.epoch !== epoch)
          return { whole: true, actors: [...frozen.keys()].sort().map((actor) => ({ actor, records: undefined })) };
        const found = new Map<ActorId, Map<string, string>>();
        for (const { actor, keys } of log.slice(since.seq)) {
          const types = found.get(actor) ?? new Map<string, string>();
          found.set(actor, types);
          for (const key of keys) {
            const first = types.get(typeOf(key));
            if (first === undefined || key < first) types.set(typeOf(key), key);
          }
        }
        return { whole: false, actors: [...found].map(([actor, records]) => ({ actor, records })) };
      },
      state: async () => [],
      async *types(actor) {
        yield* new Set(rowsOf(actor).map(([key]) => typeOf(key)));
      },
      records: async (actor, type, from, { rows }, into) => {
        this.reads += 1;
        const own = rowsOf(actor).filter(([key]) => typeOf(key) === type && key >= from);
        for (const [key, value] of own.slice(0, rows)) into.add(key, value);
      },
      blobs: async (actor) => names.get(actor) ?? [],
      blob: async (_, hash) => {
        this.fileReads += 1;
        const bytes = this.files.get(hash);
        return bytes === undefined ? refused(failure("NOT_FOUND")) : ok(bytes);
      },
      close: async () => undefined,
    };
  }
}

const typeOf = (key: string): string => key.split("/")[0] as string;

/** Small, so that little makes many units, packs and nodes. */
export const smallLimits: BackupLimits = {
  ...backupLimits,
  recalledUnits: 7,
  unitBytes: 300,
  pageRows: 3,
  packBytes: 3_000,
  changesMax: 5,
  nodesKept: 4,
  packsKept: 3,
};

export function backupsOf(limits: BackupLimits = smallLimits) {
  const store = memoryStripes();
  const heads = memoryHeads();
  const keys = plainKeys();
  let nowMs = Date.UTC(2026, 10, 1);
  const clock = {
    nowMs: () => (nowMs += 1_000),
    monotonicMs: () => nowMs,
    after: () => () => undefined,
    soon: queueMicrotask,
  };
  const random = { number: () => 0.5, bytes: (count: number) => new Uint8Array(randomBytes(count)) };
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
  const owner = "backup/main" as ActorId;
  const ports: BackupPorts = { cluster: "harbour", owner, stripes: store.stripes, heads, keys, sealer: plainSealer, clock, random, log, limits }; // prettier-ignore
  return { ports, store, heads, keys, repository: openRepository(ports), advance: (ms: number) => (nowMs += ms) };
}

/** The value of a result that must be one. */
export function valueIn<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

/** Whether a blob's file is the shard of a pack. */
export function isPack(file: Uint8Array): boolean {
  // Behind the shard are the hashes of its leaves.
  const partBytes = new DataView(file.buffer, file.byteOffset).getUint32(12, true);
  const shard = file.subarray(0, headerBytes + partBytes);
  const { id, scheme, stripeBytes } = valueIn(readShard(shard)).header;
  const bytes = valueIn(readStripe({ id, scheme, sizeBytes: stripeBytes }, [shard]));
  return Buffer.from(bytes.subarray(0, 8)).equals(Buffer.from("PLEXPACK"));
}

/** The cluster's keys as one of its nodes uses them: public records and the key ring in the directory, the keys of epochs on the node's own disk.
 *
 *      keys/root         RootRecord                                   the recovery kit
 *      keys/epoch/N      EpochRecord                                  a chain; made by compare-and-set, so there is one N
 *      keys/turn         { by }                                       who changes the root or the chain; an earlier one's changes are refused
 *      keys/ring/XX      { tenant/epoch: [under, sealed] }            tenants' keys, wrapped; by the hash of the tenant
 *      keys/rotation     { epoch, after }                             how far the ring is wrapped anew
 *      keys/reencrypt    { epochs }                                   what is to be encrypted anew
 *      (the store) meta/epoch-keys                                    own-keys.ts
 *
 *  Order: an epoch's key is on this node's disk before its record is published, and published before anything is encrypted with it. A crash in
 *  between leaves a key that nobody knows of. While a new kit takes over, each epoch's key is sealed to the old root and to the new one; the row of the
 *  root decides which of them counts, and the other one is dropped afterwards. Rewrapping replaces one part of the ring at a time, and may be done twice. */
import { createHash, randomUUID } from "node:crypto";
import {
  failure,
  ok,
  PlexusError,
  refused,
  type KeysStatus,
  type RestoreKeys,
  type Result,
} from "../../protocols/index.ts";
import type { Clock, Directory, Log, Store } from "../ports.ts";
import { writeCarried } from "./carried.ts";
import {
  createEpoch,
  headSignerOf,
  isHeadSigned,
  isKeyOf,
  sealEpoch,
  verifyEpochs,
  type EpochRecord,
  type RecoveryKey,
  type RootRecord,
} from "./epochs.ts";
import { keyLimits } from "./limits.ts";
import { createOwnKeys, nodeContext, type DiskKeySource } from "./own-keys.ts";
import { createTenantKey, createUnitKeys, rewrapTenantKey, type TenantKey, type UnitKeys } from "./units.ts";
import { createRecipient, openFrom, sealTo } from "./x-wing.ts";

/** Where the directory has the root's record. */
export const rootRow = "keys/root";
const epochPrefix = "keys/epoch/";
const turnKey = "keys/turn";
const ringPrefix = "keys/ring/";
const rotationKey = "keys/rotation";
const reencryptKey = "keys/reencrypt";
const epochKey = (epoch: number): string => `${epochPrefix}${String(epoch).padStart(6, "0")}`;

const ringParts = 64;
const partOf = (tenant: string): string =>
  (createHash("sha256").update(tenant).digest()[0]! % ringParts).toString(16).padStart(2, "0");
const partNames = Array.from({ length: ringParts }, (_, part) => part.toString(16).padStart(2, "0"));

/** A record as the directory has it: `next` is its key sealed to the root of a kit that is taking over. */
type EpochRow = EpochRecord & { readonly next?: EpochRecord["sealed"] };
/** Only while nobody else has taken the turn. */
type Turn = { readonly key: string; readonly revision: number };

type Part = Readonly<Record<string, readonly [under: number, sealed: string]>>;
const entryKey = (tenant: string, epoch: number): string => `${epoch} ${tenant}`;
const bytesOf = (base64: string): Buffer => Buffer.from(base64, "base64url");
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

const entriesOf = (part: Part): readonly TenantKey[] =>
  Object.entries(part).map(([key, [under, sealed]]) => {
    const at = key.indexOf(" ");
    return { tenant: key.slice(at + 1), epoch: Number(key.slice(0, at)), under, sealed: bytesOf(sealed) };
  });
const rowOf = ({ under, sealed }: TenantKey): readonly [number, string] => [under, text(sealed)];

/** Seals an epoch's key to a node's `receiver`, as `restore` and `take` want it. */
export const sealEpochTo = (cluster: string, receiver: Uint8Array, epoch: number, key: Uint8Array): Uint8Array =>
  sealTo(receiver, key, nodeContext(cluster, epoch));

/** What a backup encrypts and signs with. */
export interface BackupKeys extends UnitKeys {
  /** Makes sure that these tenants have a key of this epoch. Errors: KEY_MISSING, OVERLOADED; the directory's. */
  ensure(tenants: readonly string[]): Promise<void>;
  readonly head: {
    sign(bytes: Uint8Array): Uint8Array;
    verify(bytes: Uint8Array, signature: Uint8Array, epoch: number): boolean;
  };
}

/** How a node uses and changes the cluster's keys. */
export interface ClusterKeys {
  status(): Promise<KeysStatus>;
  /** Answers with the records that the root of a new kit signs for, the last of them new. Errors: KEY_MISSING (an epoch's key is not here). */
  beginKit(to: RecoveryKey): Promise<Result<readonly EpochRecord[]>>;
  /** Errors: KEY_REFUSED (it does not vouch for what was begun), OVERLOADED (another node changed the keys). */
  confirmKit(root: RootRecord): Promise<Result<KeysStatus>>;
  /** Begins an epoch and wraps the ring anew; goes on with what was broken off. Errors: KEY_MISSING, OVERLOADED. */
  rotate(options: { readonly compromised: boolean }): Promise<Result<KeysStatus>>;
  /** Takes keys that a kit has opened. Errors: KEY_REFUSED. */
  restore(told: RestoreKeys): Promise<Result<KeysStatus>>;
  /** Destroys the keys of a tenant: whatever they have encrypted is unreadable for good. Resolves with how many there were. */
  erase(tenant: string): Promise<Result<number>>;
  /** Error: KEY_MISSING (there is no kit; the newest epoch's key is not here). */
  backupKeys(): Promise<Result<BackupKeys>>;
  /** The keys of epochs, sealed for another node of the cluster. Whether it may have them is the caller's to know. */
  sealFor(publicKey: Uint8Array): Promise<{ epoch: number; sealed: Uint8Array }[]>;
  /** Takes what `sealFor` of another node gave for `receiver`. Resolves with how many are new. */
  take(keys: readonly { readonly epoch: number; readonly sealed: Uint8Array }[]): Promise<number>;
  readonly receiver: Uint8Array;
  /** What a backup carries of the keys, so that it and the recovery kit suffice. Error: KEY_MISSING. */
  carried(): Promise<Result<Uint8Array>>;
  /** Takes the keys of tenants that a backup carried, where there are none. Error: OVERLOADED. */
  takeRing(ring: readonly TenantKey[]): Promise<Result<null>>;
}

export function createClusterKeys(ports: {
  readonly cluster: string;
  readonly directory: Directory;
  readonly store: Store;
  readonly diskKey: DiskKeySource;
  readonly clock: Clock;
  readonly log: Log;
}): ClusterKeys {
  const { cluster, directory, clock } = ports;
  const recipient = createRecipient();
  const own = createOwnKeys(ports);
  let pending: { readonly to: RecoveryKey; readonly key: Uint8Array; readonly records: readonly EpochRecord[]; readonly atMs: number } | undefined; // prettier-ignore
  const keyContext = (epoch: number): readonly (string | number)[] => nodeContext(cluster, epoch);

  // --- what lies where ---------------------------------------------------------------------------------------------------

  const readRows = async (): Promise<readonly EpochRow[]> =>
    (await directory.list(epochPrefix)).map(({ value }) => value as EpochRow).toSorted((a, b) => a.epoch - b.epoch);
  /** As the root opens them. */
  const recordsFor = (root: RootRecord | undefined, rows: readonly EpochRow[]): readonly EpochRecord[] =>
    rows.map(({ next, ...record }) =>
      next !== undefined && next.root === root?.commitment ? { ...record, sealed: next } : record,
    );
  const readRoot = async (): Promise<{ readonly root: RootRecord | undefined; readonly revision: number }> => {
    const row = await directory.read(rootRow);
    return { root: row?.value as RootRecord | undefined, revision: row?.revision ?? 0 };
  };
  /** Changes a row until nobody was faster. Undefined leaves it as it is. */
  const change = async (key: string, to: (value: unknown) => unknown, turn?: Turn): Promise<boolean> => {
    for (let attempt = 0; attempt < keyLimits.attemptsMax; attempt += 1) {
      const row = await directory.read(key);
      const next = to(row?.value);
      if (next === undefined) return true;
      if ((await directory.compareAndSet(key, next, row?.revision ?? 0, turn)).applied) return true;
    }
    return false;
  };
  const takeTurn = async (): Promise<Turn | undefined> => {
    const before = await directory.read(turnKey);
    const { applied, row } = await directory.compareAndSet(turnKey, { by: randomUUID() }, before?.revision ?? 0);
    return applied && row !== undefined ? { key: turnKey, revision: row.revision } : undefined;
  };
  /** Drops what is sealed to a root that was, once its kit has been replaced. */
  const settle = async ({ commitment }: RootRecord): Promise<boolean> => {
    for (const { epoch, next } of await readRows()) {
      if (next?.root !== commitment) continue;
      const settled = await change(epochKey(epoch), (value) => {
        const { next: sealed, ...record } = value as EpochRow;
        return sealed?.root === commitment ? { ...record, sealed } : undefined;
      });
      if (!settled) return false;
    }
    return true;
  };
  /** Without a root nobody has used the epochs that a broken attempt left. */
  const dropBehind = async (count: number, turn: Turn): Promise<void> => {
    for (const { key, value, revision } of await directory.list(epochPrefix))
      if ((value as EpochRow).epoch > count) await directory.compareAndSet(key, undefined, revision, turn);
  };
  const overloaded = () => refused(failure("OVERLOADED", { reason: "others keep changing the cluster's keys" }));
  const missing = (details: object) => refused(failure("KEY_MISSING", { ...details }));
  const noKit = () => missing({ reason: "the cluster has no recovery kit", hint: "plexus backup kit make" });

  const status = async (): Promise<KeysStatus> => {
    const [{ root }, rows, rotation, again] = await Promise.all([
      readRoot(),
      readRows(),
      directory.read(rotationKey),
      directory.read(reencryptKey),
    ]);
    const epochs = recordsFor(root, rows);
    const keys = await own.of(epochs);
    const { epoch, after } = (rotation?.value ?? {}) as { epoch?: number; after?: string };
    const reencrypt = (again?.value as { epochs?: number[] } | undefined)?.epochs;
    return {
      cluster,
      ...(root && { root: root as KeysStatus["root"] & object }),
      epochs: root === undefined ? [] : epochs,
      here: [...keys.keys()].sort((a, b) => a - b),
      ...(epoch !== undefined && { rotation: { epoch, done: partNames.indexOf(after ?? "") + 1, total: ringParts } }),
      ...(reencrypt && { reencrypt }),
      receiver: text(recipient.publicKey),
    };
  };

  // --- the kit -----------------------------------------------------------------------------------------------------------

  const beginKit: ClusterKeys["beginKit"] = async (to) => {
    const { root } = await readRoot();
    // Without a root nobody has used what a broken attempt left.
    const before = root === undefined ? [] : recordsFor(root, await readRows());
    const keys = await own.of(before);
    const lacking = before.find((record) => keys.get(record.epoch) === undefined);
    if (lacking !== undefined) return missing({ epoch: lacking.epoch });
    const passed = before.map((record) => {
      const key = keys.get(record.epoch)!;
      return { ...record, sealed: sealEpoch(cluster, to, { epoch: record.epoch, key }) };
    });
    const last = passed.at(-1);
    const made = createEpoch(cluster, to, last && { record: last, key: keys.get(last.epoch)! });
    pending = { to, key: made.key, records: [...passed, made.record], atMs: clock.monotonicMs() };
    return ok(pending.records);
  };

  const confirmKit: ClusterKeys["confirmKit"] = async (root) => {
    const begun = pending;
    const isLate = begun !== undefined && clock.monotonicMs() - begun.atMs > keyLimits.kitMs;
    if (
      begun === undefined ||
      isLate ||
      begun.to.commitment !== root.commitment ||
      begun.to.recoveryKey !== root.recoveryKey
    )
      return refused(failure("KEY_REFUSED", { reason: "this kit was not begun here, or too long ago: make another" }));
    const verified = verifyEpochs(cluster, root, begun.records);
    if (!verified.ok) return verified;
    pending = undefined;
    const { root: before, revision } = await readRoot();
    await own.remember([[begun.records.length, begun.key]]);
    const turn = await takeTurn();
    if (turn === undefined) return overloaded();
    if (before === undefined) await dropBehind(0, turn);
    for (const record of begun.records) {
      const { epoch, commitment, sealed } = record;
      let isOurs = false;
      const written = await change(
        epochKey(epoch),
        (value) => {
          const found = value as EpochRow | undefined;
          // Another node has begun this epoch meanwhile.
          isOurs = before === undefined || found === undefined || found.commitment === commitment;
          if (!isOurs || before === undefined) return isOurs ? record : undefined;
          // Until the root's row is changed, the kit that there is opens every epoch, the new one too.
          const old =
            found === undefined
              ? sealEpoch(cluster, before, { epoch, key: begun.key })
              : recordsFor(before, [found])[0]!.sealed;
          return { ...record, sealed: old, next: sealed };
        },
        turn,
      );
      if (!written || !isOurs) return overloaded();
    }
    if (!(await directory.compareAndSet(rootRow, root, revision, turn)).applied) return overloaded();
    return (await settle(root)) ? ok(await status()) : overloaded();
  };

  // --- rotation ----------------------------------------------------------------------------------------------------------

  /** Wraps the ring anew, from where it was broken off. */
  const rewrap = async (): Promise<Result<null>> => {
    const row = await directory.read(rotationKey);
    if (row === undefined) return ok(null);
    const { epoch, after } = row.value as { epoch: number; after: string };
    const keys = await own.of(await readRows());
    if (!keys.has(epoch)) return missing({ epoch });
    for (const part of partNames.slice(partNames.indexOf(after) + 1)) {
      const done = await change(`${ringPrefix}${part}`, (value) => {
        const entries = entriesOf((value ?? {}) as Part);
        if (entries.every(({ under }) => under >= epoch)) return undefined;
        const again = entries.map((entry) => (entry.under < epoch ? rewrapTenantKey(keys, entry, epoch) : entry));
        return Object.fromEntries(again.map((entry) => [entryKey(entry.tenant, entry.epoch), rowOf(entry)]));
      });
      if (!done || !(await change(rotationKey, () => ({ epoch, after: part })))) return overloaded();
    }
    const last = await directory.read(rotationKey);
    if (last !== undefined) await directory.compareAndSet(rotationKey, undefined, last.revision);
    return ok(null);
  };

  const rotate: ClusterKeys["rotate"] = async ({ compromised }) => {
    const { root } = await readRoot();
    if (root === undefined) return noKit();
    const broken = await rewrap();
    if (!broken.ok) return broken;
    if (!(await settle(root))) return overloaded();
    const turn = await takeTurn();
    // Read with the turn: a kit that takes over from now on is refused this epoch, or has it.
    const now = await readRoot();
    if (turn === undefined || now.root?.commitment !== root.commitment) return overloaded();
    const epochs = recordsFor(root, await readRows());
    const last = epochs.at(-1);
    const key = last && (await own.of(epochs)).get(last.epoch);
    if (last === undefined || key === undefined) return missing({ epoch: last?.epoch });
    const made = createEpoch(cluster, root, { record: last, key });
    await own.remember([[made.record.epoch, made.key]]);
    // Before the epoch: whoever sees the epoch and stops there leaves a rotation that any node goes on with.
    if (compromised && !(await change(reencryptKey, (value) => {
      const known = ((value as { epochs?: number[] } | undefined)?.epochs ?? []).concat(epochs.map(({ epoch }) => epoch));
      return { epochs: [...new Set(known)].sort((a, b) => a - b) };
    }))) return overloaded(); // prettier-ignore
    if (!(await directory.compareAndSet(epochKey(made.record.epoch), made.record, 0, turn)).applied)
      return overloaded();
    if (!(await change(rotationKey, () => ({ epoch: made.record.epoch, after: "" })))) return overloaded();
    const done = await rewrap();
    return done.ok ? ok(await status()) : done;
  };

  // --- using them --------------------------------------------------------------------------------------------------------

  const backupKeys: ClusterKeys["backupKeys"] = async () => {
    const { root } = await readRoot();
    if (root === undefined) return noKit();
    if (!(await settle(root))) return overloaded();
    const records = recordsFor(root, await readRows());
    const verified = verifyEpochs(cluster, root, records);
    if (!verified.ok) return verified;
    const keys = await own.of(records);
    const { epoch } = records.at(-1)!;
    const key = keys.get(epoch);
    if (key === undefined) return missing({ epoch });
    const signer = headSignerOf(key);
    const load = async (): Promise<readonly TenantKey[]> =>
      (await directory.list(ringPrefix)).flatMap(({ value }) => entriesOf(value as Part));
    let units = createUnitKeys(keys, epoch, await load());
    return ok({
      epoch,
      seal: (context, unitKey) => units.seal(context, unitKey),
      open: (context, sealed) => units.open(context, sealed),
      async ensure(tenants) {
        const byPart = Map.groupBy(tenants, partOf);
        for (const [part, names] of byPart) {
          const done = await change(`${ringPrefix}${part}`, (value) => {
            const found = (value ?? {}) as Part;
            const lacking = names.filter((tenant) => found[entryKey(tenant, epoch)] === undefined);
            if (lacking.length === 0) return undefined;
            const made = lacking.map((tenant) => [
              entryKey(tenant, epoch),
              rowOf(createTenantKey(keys, tenant, epoch)),
            ]);
            return { ...found, ...Object.fromEntries(made) };
          });
          if (!done) throw new PlexusError(overloaded().error);
        }
        units = createUnitKeys(keys, epoch, await load());
      },
      head: {
        sign: (bytes) => signer.sign(bytes),
        verify: (bytes, signature, of) =>
          records[of - 1] !== undefined && isHeadSigned(records[of - 1]!, bytes, signature),
      },
    });
  };

  const openedFor = (
    keys: readonly { readonly epoch: number; readonly sealed: Uint8Array }[],
    records: readonly EpochRecord[],
  ) =>
    keys.flatMap(({ epoch, sealed }) => {
      const key = openFrom(recipient, sealed, keyContext(epoch));
      const record = records[epoch - 1];
      return key !== undefined && record !== undefined && isKeyOf(record, key) ? [[epoch, key] as const] : [];
    });

  return {
    status,
    beginKit,
    confirmKit,
    rotate,
    backupKeys,
    receiver: recipient.publicKey,
    async restore({ root, epochs, keys }) {
      const verified = verifyEpochs(cluster, root, epochs);
      if (!verified.ok) return verified;
      const opened = openedFor(
        keys.map(({ epoch, sealed }) => ({ epoch, sealed: bytesOf(sealed) })),
        epochs,
      );
      if (opened.length < epochs.length)
        return refused(
          failure("KEY_REFUSED", {
            reason: "not every epoch's key is there, or not the one that its record commits to",
          }),
        );
      const { root: before, revision } = await readRoot();
      if (before !== undefined && before.commitment !== root.commitment)
        return refused(failure("KEY_REFUSED", { reason: "the cluster has another recovery kit" }));
      await own.remember(opened, { anew: true });
      const turn = await takeTurn();
      if (turn === undefined) return overloaded();
      if (before === undefined) await dropBehind(0, turn);
      for (const record of epochs)
        if (!(await change(epochKey(record.epoch), (value) => (value === undefined ? record : undefined), turn)))
          return overloaded();
      if (before === undefined && !(await directory.compareAndSet(rootRow, root, revision, turn)).applied)
        return overloaded();
      return ok(await status());
    },
    async erase(tenant) {
      let count = 0;
      const done = await change(`${ringPrefix}${partOf(tenant)}`, (value) => {
        const left = Object.entries((value ?? {}) as Part).filter(
          ([key]) => key.slice(key.indexOf(" ") + 1) !== tenant,
        );
        count = Object.keys((value ?? {}) as Part).length - left.length;
        return count === 0 ? undefined : Object.fromEntries(left);
      });
      return done ? ok(count) : overloaded();
    },
    async sealFor(publicKey) {
      return [...(await own.of(await readRows()))].map(([epoch, key]) => ({
        epoch,
        sealed: sealTo(publicKey, key, keyContext(epoch)),
      }));
    },
    async take(keys) {
      const records = await readRows();
      const known = await own.of(records);
      const fresh = openedFor(keys, records).filter(([epoch]) => !known.has(epoch));
      if (fresh.length > 0) await own.remember(fresh);
      return fresh.length;
    },
    async carried() {
      const { root } = await readRoot();
      if (root === undefined) return noKit();
      const epochs = recordsFor(root, await readRows());
      const key = (await own.of(epochs)).get(epochs.length);
      if (key === undefined) return missing({ epoch: epochs.length });
      const ring = (await directory.list(ringPrefix)).flatMap(({ value }) => entriesOf(value as Part));
      return ok(await writeCarried({ cluster, madeAtMs: clock.nowMs(), root, epochs }, ring, key));
    },
    async takeRing(ring) {
      for (const [part, entries] of Map.groupBy(ring, ({ tenant }) => partOf(tenant))) {
        const rows = entries.map((entry) => [entryKey(entry.tenant, entry.epoch), rowOf(entry)]);
        const done = await change(`${ringPrefix}${part}`, (value) => ({ ...Object.fromEntries(rows), ...(value as Part | undefined) })); // prettier-ignore
        if (!done) return overloaded();
      }
      return ok(null);
    },
  };
}

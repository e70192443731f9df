/** The cluster's keys as one of its nodes uses them: public records and the key ring in the directory (`rows.ts`,
 *  `ring.ts`), of which counts what the node has verified (`known-root.ts`), and the keys of epochs on the node's own
 *  disk (`own-keys.ts`).
 *
 *  Order: an epoch's key is on this node's disk before its record is published, and published before anything is
 *  encrypted with it. A crash in between leaves a key that nobody knows of. A root vouches for the one that follows
 *  before the directory names that one. While a new kit takes over, each epoch's key is sealed to the old root and to
 *  the new one; the row of the root decides which of them counts, and the other one is dropped afterwards. */
import {
  failure,
  ok,
  PlexusError,
  refused,
  type Failure,
  type KeysStatus,
  type RestoreKeys,
  type Result,
} from "../../protocols/index.ts";
import type { Clock, Directory, Log, Store } from "../ports/index.ts";
import { writeBackupKeys } from "./backup-keys.ts";
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
import { rootWords } from "./kit.ts";
import { createKnownRoot, type TrustedRoot, type KnownRoot, type Refused } from "./known-root.ts";
import { keyLimits } from "./limits.ts";
import { createOwnKeys, nodeContext, type DiskKeySource } from "./own-keys.ts";
import { reencryptionOf } from "./reencryption.ts";
import { keptRing, ringOf } from "./ring.ts";
import { keyRowsOf, recordsFor, type KeyRows } from "./rows.ts";
import { isVouched, rootHash } from "./succession.ts";
import type { TenantKey, UnitKeys } from "./units.ts";
import { createRecipient, isPublicKey, openFrom, sealTo } from "./x-wing.ts";

/** Why, in words. */
const reasonOf = ({ code, details }: Failure): string => {
  const reason = details?.["reason"];
  return typeof reason === "string" ? reason : code;
};
const bytesOf = (base64: string): Buffer => Buffer.from(base64, "base64url");
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** Seals an epoch's key to a node's `receiver`, as `restore` and `take` want it. */
export const sealEpochTo = (cluster: string, receiver: Uint8Array, epoch: number, key: Uint8Array): Uint8Array =>
  sealTo(receiver, key, nodeContext(cluster, epoch));

/** What a backup encrypts and signs with. Keys that were erased meanwhile are forgotten within
 *  `keyLimits.ringLookMs`. */
interface BackupKeys extends UnitKeys {
  /** Epochs before this one whose keys may be in the wrong hands: what they have encrypted is made anew. */
  readonly anew?: ReadonlySet<number>;
  /** Takes in how many units of these epochs the snapshots at some place refer to.*/
  counted?(place: string, units: ReadonlyMap<number, number>): Promise<unknown>;
  /** Makes sure that these tenants have a key of this epoch. Errors: KEY_MISSING, OVERLOADED, ROOT_UNVOUCHED (no kit
   *  that this node knows opens the epoch); the directory's. */
  ensure(tenants: readonly string[]): Promise<void>;
  readonly head: {
    sign(bytes: Uint8Array): Uint8Array;
    verify(bytes: Uint8Array, signature: Uint8Array, epoch: number): boolean;
  };
}

/** How a new root comes in the place of one that there is. */
interface Takeover {
  /** The signature of the one that there is (`vouchFor`). */
  readonly voucher?: string | undefined;
  /** There is none, as the former kit is lost: this node trusts the new one all the same, each other one when its
   *  operator says so. */
  readonly lost?: boolean | undefined;
}

/** How a node uses and changes the cluster's keys. */
export interface ClusterKeys {
  status(): Promise<KeysStatus>;
  /** Answers with the records that the root of a new kit signs for, the last of them new. Errors: KEY_MISSING (an
   *  epoch's key is not here), KEY_REFUSED. */
  beginKit(to: RecoveryKey): Promise<Result<readonly EpochRecord[]>>;
  /** Errors: KEY_REFUSED (it does not vouch for what was begun), ROOT_UNVOUCHED, OVERLOADED (another node changed the
   *  keys). */
  confirmKit(root: RootRecord, by?: Takeover): Promise<Result<KeysStatus>>;
  /** Says which root counts here, by its words: the directory's, or the one that this node knows, which the directory
   *  gets again. Errors: NOT_FOUND (neither has these words), KEY_REFUSED (it does not vouch for the epochs),
   *  OVERLOADED. */
  trust(words: string): Promise<Result<KeysStatus>>;
  /** Begins an epoch and wraps the ring anew; goes on with what was broken off. Errors: KIT_MISSING, KEY_MISSING,
   *  KEY_REFUSED, OVERLOADED. */
  rotate(options: { readonly compromised: boolean }): Promise<Result<KeysStatus>>;
  /** Takes keys that a kit has opened. Errors: KEY_REFUSED. */
  restore(told: RestoreKeys): Promise<Result<KeysStatus>>;
  /** Destroys the keys of a tenant: whatever they have encrypted is unreadable for good. Resolves with how many there
   *  were. */
  erase(tenant: string): Promise<Result<number>>;
  /** Errors: KIT_MISSING, KEY_MISSING (the newest epoch's key is not here), KEY_REFUSED (the epochs are not the
   *  root's). */
  backupKeys(): Promise<Result<BackupKeys>>;
  /** The keys of epochs, sealed for another node of the cluster. Whether it may have them is the caller's to know. */
  sealFor(publicKey: Uint8Array): Promise<{ epoch: number; sealed: Uint8Array }[]>;
  /** Takes what `sealFor` of another node gave for `receiver`. Resolves with how many are new. */
  take(keys: readonly { readonly epoch: number; readonly sealed: Uint8Array }[]): Promise<number>;
  readonly receiver: Uint8Array;
  /** What a backup carries of the keys, so that it and the recovery kit suffice. Errors: KIT_MISSING, KEY_MISSING. */
  carried(): Promise<Result<Uint8Array>>;
  /** Takes the keys of tenants that a backup carried, where there are none. Error: OVERLOADED. */
  takeRing(ring: readonly TenantKey[]): Promise<Result<null>>;
}

/** What to do about a key that is not here, in words. */
export interface KeysElsewhere {
  readonly elsewhere?: () => { readonly hint: string };
}

/** The root and the epochs as a node knows them, and their rows. Made once for a node. */
export function openKnownRoot(ports: {
  readonly cluster: string;
  readonly directory: Directory;
  readonly store: Store;
  readonly log: Log;
  readonly agreed?: (hash: string) => Promise<boolean | undefined>;
  readonly refused?: (what: Refused, known: RootRecord | undefined) => void;
}): KnownRoot & { readonly rows: KeyRows } {
  const rows = keyRowsOf(ports.directory);
  return { ...createKnownRoot({ ...ports, rows }), rows };
}

/** A new root whose kit was made and is not in force yet. */
interface Pending {
  readonly to: RecoveryKey;
  readonly key: Uint8Array;
  readonly records: readonly EpochRecord[];
  readonly atMs: number;
}

const notOpened = (epoch: number): PlexusError =>
  new PlexusError(
    failure("ROOT_UNVOUCHED", { epoch, reason: "the kit that this node knows does not open this epoch" }),
  );

/** What they need of a node. */
interface ClusterKeysPorts extends KeysElsewhere {
  readonly cluster: string;
  readonly directory: Directory;
  readonly store: Store;
  readonly diskKey: DiskKeySource;
  readonly clock: Clock;
  readonly log: Log;
  /** Shared with the other parts of this node that ask for the root. */
  readonly known?: ReturnType<typeof openKnownRoot>;
}

export function createClusterKeys(ports: ClusterKeysPorts): ClusterKeys {
  const { cluster, directory, clock } = ports;
  const recipient = createRecipient();
  const own = createOwnKeys(ports);
  const known = ports.known ?? openKnownRoot(ports);
  const { rows } = known;
  const ring = ringOf(directory, rows);
  const queue = reencryptionOf(directory, rows);
  let pending: Pending | undefined;
  const keyContext = (epoch: number): readonly (string | number)[] => nodeContext(cluster, epoch);

  const overloaded = () => refused(failure("OVERLOADED", { reason: "others keep changing the cluster's keys" }));
  const missing = (details: object) => refused(failure("KEY_MISSING", { ...details, ...ports.elsewhere?.() }));
  /** There is a root, and this node, which knows none, may not take it. */
  const strange = ({ root, refused: what }: TrustedRoot) =>
    root === undefined && what !== undefined ? refused(failure("ROOT_UNVOUCHED", { reason: what.reason })) : undefined;
  const noKit = () => refused(failure("KIT_MISSING"));

  const status = async (): Promise<KeysStatus> => {
    const [{ root, records, refused: denied, fault }, rotation, again] = await Promise.all([
      known.read(),
      ring.rotation(),
      queue.read(),
    ]);
    const keys = await own.of(records);
    const wrong = denied ?? (fault && { reason: reasonOf(fault) });
    return {
      cluster,
      ...(root && { root: root as KeysStatus["root"] & object }),
      epochs: records,
      ...(wrong && {
        refused: { reason: wrong.reason, ...("root" in wrong && { root: wrong.root as KeysStatus["root"] & object }) },
      }),
      here: [...keys.keys()].sort((a, b) => a - b),
      ...(rotation && { rotation }),
      ...(again.epochs.length > 0 && { reencrypt: again.epochs, reencryptLeft: again.left }),
      receiver: text(recipient.publicKey),
    };
  };

  // --- the kit -------------------------------------------------------------------------------------------------------

  const beginKit: ClusterKeys["beginKit"] = async (to) => {
    if (!isPublicKey(bytesOf(to.recoveryKey)))
      return refused(failure("BAD_REQUEST", { path: "/recoveryKey", problem: "this is not the public key of a kit" }));
    const now = await known.demand();
    if (!now.ok) return now;
    const stranger = strange(now.value);
    if (stranger !== undefined) return stranger;
    const before = now.value.records;
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

  /** Why a root may not take the place of another. */
  const unvouched = (before: RootRecord | undefined, root: RootRecord, by: Takeover): Failure | undefined => {
    if (before === undefined || by.lost === true) return undefined;
    if (by.voucher !== undefined && isVouched(cluster, { by: before, to: root }, by.voucher)) return undefined;
    return failure("ROOT_UNVOUCHED", {
      reason: "the kit that there is must sign for the one that takes its place",
      hint: "plexus backup kit make --former SHARE… or --lost",
    });
  };

  const confirmKit: ClusterKeys["confirmKit"] = async (root, by = {}) => {
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
    const now = await known.demand();
    if (!now.ok) return now;
    const { root: before, revision } = now.value;
    const denied = strange(now.value)?.error ?? unvouched(before, root, by);
    if (denied !== undefined) return refused(denied);
    pending = undefined;
    await own.remember([[begun.records.length, begun.key]]);
    const turn = await rows.takeTurn();
    if (turn === undefined) return overloaded();
    if (before === undefined) await rows.dropEpochs(turn);
    else if (by.voucher !== undefined) {
      const voucher = { by: rootHash(cluster, before), root, signature: by.voucher };
      if (!(await rows.vouch(rootHash(cluster, root), voucher, turn))) return overloaded();
    }
    for (const record of begun.records) {
      const { epoch, commitment, sealed } = record;
      let isOurs = false;
      const written = await rows.changeEpoch(
        epoch,
        (found) => {
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
    if (!(await rows.setRoot(root, revision, turn))) return overloaded();
    const trusted = await known.trust(root);
    if (!trusted.ok) return trusted;
    return (await rows.settle(root)) ? ok(await status()) : overloaded();
  };

  const trust: ClusterKeys["trust"] = async (words) => {
    const [{ root: pinned }, { root: found, revision }] = [await known.read(), await rows.root()];
    const isNamed = (root: RootRecord | undefined): root is RootRecord =>
      root !== undefined && rootWords(cluster, root) === words;
    if (isNamed(found)) {
      const trusted = await known.trust(found);
      if (!trusted.ok) return trusted;
      return (await rows.settle(found)) ? ok(await status()) : overloaded();
    }
    if (!isNamed(pinned))
      return refused(failure("NOT_FOUND", { words, reason: "neither this node nor the directory has such a root" }));
    const keys = await own.of(recordsFor(pinned, await rows.epochs()));
    const turn = await rows.takeTurn();
    if (turn === undefined) return overloaded();
    for (const [epoch, key] of keys) {
      // What somebody else's root opens is sealed to this one again.
      const mended = await rows.changeEpoch(
        epoch,
        (row) =>
          row === undefined || [row.sealed.root, row.next?.root].includes(pinned.commitment)
            ? undefined
            : { ...row, sealed: sealEpoch(cluster, pinned, { epoch, key }) },
        turn,
      );
      if (!mended) return overloaded();
    }
    if (!(await rows.setRoot(pinned, revision, turn))) return overloaded();
    const trusted = await known.trust(pinned);
    return trusted.ok ? ok(await status()) : trusted;
  };

  // --- rotation ------------------------------------------------------------------------------------------------------

  /** Goes on with a rotation that was broken off. */
  const rewrap = async (records: readonly EpochRecord[]): Promise<Result<null>> => {
    const rotation = await ring.rotation();
    if (rotation === undefined) return ok(null);
    const keys = await own.of(records);
    if (!keys.has(rotation.epoch)) return missing({ epoch: rotation.epoch });
    return (await ring.rewrap(keys)) ? ok(null) : overloaded();
  };

  const rotate: ClusterKeys["rotate"] = async ({ compromised }) => {
    const first = await known.demand();
    if (!first.ok) return first;
    const { root } = first.value;
    if (root === undefined) return strange(first.value) ?? noKit();
    const broken = await rewrap(first.value.records);
    if (!broken.ok) return broken;
    if (!(await rows.settle(root))) return overloaded();
    const turn = await rows.takeTurn();
    // Read with the turn: a kit that takes over from now on is refused this epoch, or has it.
    const now = await known.demand();
    if (!now.ok) return now;
    if (turn === undefined || now.value.root?.commitment !== root.commitment) return overloaded();
    const epochs = now.value.records;
    const last = epochs.at(-1);
    const key = last && (await own.of(epochs)).get(last.epoch);
    if (last === undefined || key === undefined) return missing({ epoch: last?.epoch });
    const made = createEpoch(cluster, root, { record: last, key });
    await own.remember([[made.record.epoch, made.key]]);
    // Before the epoch: a node that crashes once the epoch is there leaves a rotation that any node goes on with.
    if (compromised && !(await queue.add(epochs.map(({ epoch }) => epoch)))) return overloaded();
    if (!(await rows.begin(made.record, turn))) return overloaded();
    if (!(await ring.beginRewrap(made.record.epoch))) return overloaded();
    const done = await rewrap([...epochs, made.record]);
    return done.ok ? ok(await status()) : done;
  };

  // --- using them ----------------------------------------------------------------------------------------------------

  const backupKeys: ClusterKeys["backupKeys"] = async () => {
    const now = await known.demand();
    if (!now.ok) return now;
    const { root, records, refused: denied } = now.value;
    if (root === undefined) return strange(now.value) ?? noKit();
    if (denied === undefined && !(await rows.settle(root))) return overloaded();
    const keys = await own.of(records);
    const last = records.at(-1)!;
    const { epoch } = last;
    const key = keys.get(epoch);
    if (key === undefined) return missing({ epoch });
    const signer = headSignerOf(key);
    const kept = await keptRing(ring, { epoch, clock, keys: async () => own.of((await known.read()).records) });
    const { epochs: anew } = await queue.read();
    return ok({
      epoch,
      anew: new Set(anew.filter((one) => one < epoch)),
      counted: (place, units) => queue.count(place, units),
      seal: (context, unitKey) => kept.units.seal(context, unitKey),
      open: (context, sealed) => kept.units.open(context, sealed),
      async ensure(tenants) {
        if (last.sealed.root !== root.commitment) throw notOpened(epoch);
        if (!(await ring.ensure(keys, epoch, tenants))) throw new PlexusError(overloaded().error);
        await kept.look();
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
  /** Those that the root vouches for; none where it does not. */
  const vouchedRecords = async (): Promise<readonly EpochRecord[]> => {
    const { records, fault } = await known.read();
    return fault === undefined ? records : [];
  };

  return {
    status,
    beginKit,
    confirmKit,
    trust,
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
      const now = await known.read();
      const { root: before } = now;
      const stranger = strange(now);
      if (stranger !== undefined) return stranger;
      if (before !== undefined && rootHash(cluster, before) !== rootHash(cluster, root))
        return refused(failure("KEY_REFUSED", { reason: "the cluster has another recovery kit" }));
      await own.remember(opened, { anew: true });
      const turn = await rows.takeTurn();
      if (turn === undefined) return overloaded();
      const { root: found, revision } = await rows.root();
      if (before === undefined) await rows.dropEpochs(turn);
      for (const record of epochs)
        if (!(await rows.changeEpoch(record.epoch, (row) => (row === undefined ? record : undefined), turn)))
          return overloaded();
      if (found === undefined && !(await rows.setRoot(root, revision, turn))) return overloaded();
      return ok(await status());
    },
    async erase(tenant) {
      const count = await ring.erase(tenant);
      return count === undefined ? overloaded() : ok(count);
    },
    async sealFor(publicKey) {
      return [...(await own.of(await vouchedRecords()))].map(([epoch, key]) => ({
        epoch,
        sealed: sealTo(publicKey, key, keyContext(epoch)),
      }));
    },
    async take(keys) {
      const records = await vouchedRecords();
      const had = await own.of(records);
      const fresh = openedFor(keys, records).filter(([epoch]) => !had.has(epoch));
      if (fresh.length > 0) await own.remember(fresh);
      return fresh.length;
    },
    async carried() {
      const now = await known.demand();
      if (!now.ok) return now;
      const { root, records: epochs } = now.value;
      if (root === undefined) return strange(now.value) ?? noKit();
      const key = (await own.of(epochs)).get(epochs.length);
      if (key === undefined) return missing({ epoch: epochs.length });
      return ok(await writeBackupKeys({ cluster, madeAtMs: clock.nowMs(), root, epochs }, await ring.load(), key));
    },
    async takeRing(tenants) {
      return (await ring.take(tenants)) ? ok(null) : overloaded();
    },
  };
}

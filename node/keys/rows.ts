/** Where the directory has the cluster's keys. All of it is public or wrapped, and any member may have written it: rows
 *  are read by their schema, and `known-root.ts` says what of them counts.
 *
 *      keys/root         RootRecord                       the recovery kit
 *      keys/vouched/H    Voucher                          the root with hash H, signed by the one before it
 *      keys/epoch/N      EpochRecord                      a chain; made by compare-and-set, so there is one N
 *      keys/turn         { by }                           who changes the root or the chain; others are refused
 *      keys/ring/XX      { tenant/epoch: [under, sealed] }  tenants' keys, wrapped; by the hash of the tenant
 *      keys/rotation     { epoch, after }                 how far the ring is wrapped anew
 *      keys/reencrypt    { epochs, left }                 what is to be encrypted anew */
import { randomUUID } from "node:crypto";
import { checkOf } from "../../protocols/wire/check.ts";
import { epochRecord, rootRecord } from "../../protocols/index.ts";
import type { Directory } from "../ports/index.ts";
import type { EpochRecord, RootRecord } from "./epochs.ts";
import { keyLimits } from "./limits.ts";
import type { Voucher } from "./succession.ts";

/** Where the directory has the root's record. */
export const rootRow = "keys/root";
const epochPrefix = "keys/epoch/";
const turnKey = "keys/turn";
const vouchedPrefix = "keys/vouched/";
const epochKey = (epoch: number): string => `${epochPrefix}${String(epoch).padStart(6, "0")}`;

/** A record as the directory has it: `next` is its key sealed to the root of a kit that is taking over. */
type EpochRow = EpochRecord & { readonly next?: EpochRecord["sealed"] };
/** Only while nobody else has taken the turn. */
type Turn = { readonly key: string; readonly revision: number };

const isRoot = checkOf(rootRecord);
const isEpoch = checkOf(epochRecord);
const isEpochRow = (value: unknown): value is EpochRow => {
  const { next, ...record } = (value ?? {}) as Partial<EpochRow>;
  return isEpoch.Check(record) && (next === undefined || isEpoch.Check({ ...record, sealed: next }));
};
const isVoucher = (value: unknown): value is Voucher => {
  const { by, root, signature } = (value ?? {}) as Partial<Voucher>;
  return typeof by === "string" && typeof signature === "string" && isRoot.Check(root);
};

/** The root's row: `root` is absent where there is no row, or where it says none. */
export interface RootRow {
  readonly root: RootRecord | undefined;
  readonly revision: number;
}

export type KeyRows = ReturnType<typeof keyRowsOf>;

/** Reads and changes them. */
export function keyRowsOf(directory: Directory) {
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
  const epochs = async (): Promise<readonly EpochRow[]> =>
    (await directory.list(epochPrefix))
      .flatMap(({ value }) => (isEpochRow(value) ? [value] : []))
      .toSorted((a, b) => a.epoch - b.epoch);
  const changeEpoch = (epoch: number, to: (row: EpochRow | undefined) => EpochRow | undefined, turn?: Turn) =>
    change(epochKey(epoch), (value) => to(isEpochRow(value) ? value : undefined), turn);
  return {
    change,
    epochs,
    changeEpoch,
    async root(): Promise<RootRow> {
      const row = await directory.read(rootRow);
      return { root: isRoot.Check(row?.value) ? row.value : undefined, revision: row?.revision ?? 0 };
    },
    async voucherFor(hash: string): Promise<Voucher | undefined> {
      const row = await directory.read(vouchedPrefix + hash);
      return isVoucher(row?.value) ? row.value : undefined;
    },
    vouch: (hash: string, voucher: Voucher, turn: Turn): Promise<boolean> =>
      change(vouchedPrefix + hash, () => voucher, turn),
    async takeTurn(): Promise<Turn | undefined> {
      const before = await directory.read(turnKey);
      const { applied, row } = await directory.compareAndSet(turnKey, { by: randomUUID() }, before?.revision ?? 0);
      return applied && row !== undefined ? { key: turnKey, revision: row.revision } : undefined;
    },
    /** Begins an epoch, unless somebody did. */
    begin: async (record: EpochRecord, turn: Turn): Promise<boolean> =>
      (await directory.compareAndSet(epochKey(record.epoch), record, 0, turn)).applied,
    setRoot: async (root: RootRecord, revision: number, turn: Turn): Promise<boolean> =>
      (await directory.compareAndSet(rootRow, root, revision, turn)).applied,
    /** Without a root nobody has used the epochs that a broken attempt left. */
    async dropEpochs(turn: Turn): Promise<void> {
      for (const { key, revision } of await directory.list(epochPrefix))
        await directory.compareAndSet(key, undefined, revision, turn);
    },
    /** Drops what is sealed to a root that was, once its kit has been replaced. */
    async settle({ commitment }: RootRecord): Promise<boolean> {
      for (const { epoch, next } of await epochs()) {
        if (next?.root !== commitment) continue;
        const settled = await changeEpoch(epoch, (row) => {
          if (row?.next?.root !== commitment) return undefined;
          const { next: sealed, ...record } = row;
          return { ...record, sealed };
        });
        if (!settled) return false;
      }
      return true;
    },
  };
}

/** Epochs as a root opens them. */
export const recordsFor = (root: RootRecord | undefined, rows: readonly EpochRow[]): readonly EpochRecord[] =>
  rows.map(({ next, ...record }) =>
    next !== undefined && next.root === root?.commitment ? { ...record, sealed: next } : record,
  );

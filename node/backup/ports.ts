/** What a backup needs of the node. */
import type { ActorId, Failure, Result, StripeHealth, StripeRef } from "../../protocols/index.ts";
import type { HeadKeys, Sealer, StripeName } from "../../runtimes/backup/index.ts";
import type { Clock, Log, Random, Stripes } from "../ports/index.ts";
import type { BackupLimits } from "./limits.ts";

/** Failures by which content is gone for good: no other holder and no further try brings it back. */
const goneCodes: ReadonlySet<string> = new Set(["STRIPE_LOST", "BACKUP_DAMAGED", "DATA_DAMAGED", "NOT_FOUND"]);

/** Whether what could not be read will not come back by itself. */
export const isGone = ({ code }: Pick<Failure, "code">): boolean => goneCodes.has(code);

/** Where packs and the manifest are kept: the stripes of the cluster, or folders (`folders.ts`). Each method as of
 *  `Stripes`. */
export interface BackupStripes extends Pick<Stripes, "put"> {
  /** What was read may lie in `memory`, which is the reader's own until this resolves. */
  read(ref: StripeRef, memory?: Buffer): Promise<Result<Uint8Array>>;
  keep(ref: StripeRef, owner: ActorId, lifeMs?: number): Promise<Result<null>>;
  /** Absent: `keep` waits for all. */
  told?(): Promise<void>;
  release(ref: StripeRef, owner: ActorId): Promise<Result<null>>;
  inspect(ref: StripeRef, deep?: boolean): Promise<Result<StripeHealth>>;
  /** Those that are there, as far as a few questions say; of the others nothing is known. Absent: each is inspected. */
  standing?(refs: readonly StripeRef[]): Promise<ReadonlySet<string>>;
  /** Stripes that an owner refers to without an end, as far as holders answer. Absent: nothing is known but what
   *  snapshots refer to. */
  referred?(owner: ActorId): AsyncIterable<StripeRef>;
  /** What lies there, of every writer. Only one may write at a time. Absent: files that nothing refers to go by
   *  themselves. */
  readonly stored?: StoredFiles;
}

/** What lies where stripes are kept: nothing there says which of it is still needed. */
export interface StoredFiles {
  list(): Promise<readonly StoredFile[]>;
  /** The names that stripes have there. */
  namesOf(stripe: StripeName): readonly string[];
  remove(file: StoredFile): Promise<void>;
}

/** One of them. */
export interface StoredFile {
  readonly name: string;
  readonly bytes: number;
}

/** Where the head is. */
export interface Heads {
  /** The newest; undefined: there is no backup yet. */
  read(): Promise<Uint8Array | undefined>;
  /** Makes a head the newest when it is the one after the newest, or is that already. False: another one is there. An
   *  error: nobody knows. */
  commit(head: Uint8Array, number: number): Promise<boolean>;
  /** Up to which head all that was committed is kept without an end. Absent: what is put stays. */
  readonly settled?: {
    /** 0: up to none. */
    read(): Promise<number>;
    /** Up to this one, if it is still the newest. */
    tell(number: number): Promise<void>;
  };
  /** Snapshots that are as good as gone although the newest head names them: what they alone need may be removed
   *  already. Written where there is no room for the head that leaves them out; that head, when it is there, ends it. A
   *  head that was made before it was written is refused. Absent: a head is always written first. */
  readonly leaving?: {
    read(): Promise<readonly number[]>;
    /** While the head has this number. Makes the room that it needs itself. Error: BACKUP_CHANGED. */
    write(numbers: readonly number[], head: number): Promise<void>;
    end(): Promise<void>;
  };
  /** What the last checks and runs found lost, beside the head. Absent: nobody remembers. */
  readonly losses?: {
    read(): Promise<KnownLosses>;
    /** In place of what there was. */
    write(losses: KnownLosses): Promise<void>;
  };
}

/** What is known to be lost. */
export interface KnownLosses {
  /** Of each snapshot that has any, the number of units that cannot be brought back. */
  readonly snapshots: Readonly<Record<string, number>>;
  /** Stripes that a check could not read: a run reads these before it trusts them. */
  readonly stripes: readonly string[];
}

/** The keys of a backup. What is sealed for one context opens in no other. */
export interface BackupKeys {
  /** The epoch of what is made now. */
  readonly epoch: number;
  /** Epochs whose keys may be in the wrong hands: what they have encrypted is made anew. Absent: none. */
  readonly anew?: ReadonlySet<number>;
  /** Takes in how many units of these epochs the snapshots at some place refer to. */
  counted?(place: string, units: ReadonlyMap<number, number>): Promise<unknown>;
  /** Makes sure that these tenants have a key of this epoch. */
  ensure(tenants: readonly string[]): Promise<void>;
  /** Error: KEY_MISSING. */
  seal(
    context: { readonly tenant: string; readonly unit: string; readonly epoch: number },
    key: Uint8Array,
  ): Uint8Array;
  /** Errors: KEY_MISSING (also: it was erased), KEY_REFUSED. */
  open(
    context: { readonly tenant: string; readonly unit: string; readonly epoch: number },
    sealed: Uint8Array,
  ): Uint8Array;
  readonly head: HeadKeys;
}

export interface BackupPorts {
  readonly cluster: string;
  /** Refers to all stripes of the backup. */
  readonly owner: ActorId;
  readonly stripes: BackupStripes;
  readonly heads: Heads;
  readonly keys: BackupKeys;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: BackupLimits;
}

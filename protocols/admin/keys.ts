/** The keys of the cluster's backups, as admins see and change them. Keys cross the wire only sealed. */
import { Type, type Static } from "typebox";
import { object } from "../wire/schema.ts";

const bytes = (maxLength: number) => Type.String({ pattern: "^[A-Za-z0-9_-]*$", maxLength });
const number = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
const epochsMax = 1_000;

/** An epoch's public record; what its fields mean: `node/keys/epochs.ts`. */
export const epochRecord = object({
  epoch: Type.Integer({ minimum: 1, maximum: epochsMax }),
  commitment: bytes(64),
  verifyKey: bytes(3_000),
  before: bytes(64),
  signature: bytes(5_000),
  sealed: object({ root: bytes(64), key: bytes(2_000) }),
});
/** What everybody knows of a root; what its fields mean: `node/keys/epochs.ts`. */
export const rootRecord = object({
  commitment: bytes(64),
  recoveryKey: bytes(2_000),
  verifyKey: bytes(3_000),
  needed: Type.Integer({ minimum: 0, maximum: 16 }),
  digests: Type.Array(bytes(64), { maxItems: 16 }),
  madeAtMs: number,
  token: Type.Optional(
    object({ label: Type.String({ maxLength: 64 }), key: Type.String({ maxLength: 128 }), sealed: bytes(200) }),
  ),
  anchor: object({ epoch: number, hash: bytes(64), signature: bytes(5_000) }),
});

/** Body: what a new kit's root is known by. */
export const beginKit = object({ commitment: bytes(64), recoveryKey: bytes(2_000) });
/** Body: the root, which has signed what `beginKit` was answered with. */
export const confirmKit = object({
  root: rootRecord,
  voucher: Type.Optional(
    Type.String({
      pattern: "^[A-Za-z0-9_-]*$",
      maxLength: 5_000,
      description: "Signature of the root that there is over the new one; needed where there is one",
    }),
  ),
  lost: Type.Optional(
    Type.Boolean({ description: "The kit that there is is lost, and signs nothing: for the node's operator alone" }),
  ),
});
/** Body: the words of the root that counts at this node from now on. */
export const trustRoot = object({ words: Type.String({ pattern: "^[a-z]+(-[a-z]+)*$", maxLength: 100 }) });
/** Body. */
export const rotateKeys = object({
  compromised: Type.Optional(
    Type.Boolean({ description: "What the keys before have encrypted must be encrypted again" }),
  ),
});
/** Body: keys that the root has opened, sealed to the node's `receiver`. */
export const restoreKeys = object({
  root: rootRecord,
  epochs: Type.Array(epochRecord, { minItems: 1, maxItems: epochsMax }),
  keys: Type.Array(object({ epoch: number, sealed: bytes(2_000) }), { minItems: 1, maxItems: epochsMax }),
});
export type RestoreKeys = Static<typeof restoreKeys>;

/** How the keys stand. */
export interface KeysStatus {
  readonly cluster: string;
  /** The recovery kit; absent: there is none, and no backup can be made. */
  readonly root?: Static<typeof rootRecord>;
  readonly epochs: readonly Static<typeof epochRecord>[];
  /** Where keys are that this node lacks, and what to do, in words; absent: it lacks none. */
  readonly elsewhere?: string;
  /** The directory says something else of the root or the epochs, for which nobody vouched: this node goes on with
   *  `root`. */
  readonly refused?: {
    readonly reason: string;
    /** What the directory has for the root; absent where that is none, or none that can be read. */
    readonly root?: Static<typeof rootRecord>;
  };
  /** Epochs whose keys the answering node has. */
  readonly here: readonly number[];
  /** Tenants' keys are being wrapped anew by the newest epoch's: so many of the ring's parts are done. */
  readonly rotation?: { readonly epoch: number; readonly done: number; readonly total: number };
  /** Epochs whose keys may be in the wrong hands: what they encrypted is to be encrypted anew. */
  readonly reencrypt?: readonly number[];
  /** Units of these epochs that snapshots still refer to, by where the backups are, as far as runs have counted
   *  since. */
  readonly reencryptLeft?: Readonly<Record<string, number>>;
  /** Keys that the node is to have are sealed to it. */
  readonly receiver: string;
}

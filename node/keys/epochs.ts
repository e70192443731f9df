/** Epochs: the keys that nodes share for a while, and the public records by which somebody who has only the root knows
 *  them again.
 *
 *      root ── signs ──► anchor: the hash of one record
 *                             │
 *      record 1 ◄─ hash ─ record 2 ◄─ hash ─ record 3 ─ signed by 3 ─► record 4 …
 *
 *  A record before the anchor is known by its hash; one behind it by the signature of the epoch before. A new root only
 *  needs a new anchor. The sealed key is not part of what is hashed, so that it can be sealed to a new root: the
 *  commitment tells whether what comes out of it is the key. */
import { createHash, randomBytes } from "node:crypto";
import { failure, ok, refused, type Result } from "../../protocols/index.ts";
import { contextBytes, deriveKey, keyBytes } from "./cipher.ts";
import { commitmentOf } from "./shares.ts";
import { isSigned, signerOf, type Signer } from "./signing.ts";
import { openFrom, recipientOf, sealTo, type Recipient } from "./x-wing.ts";

/** What is known of a root by everybody. Bytes are base64url. */
export interface RootRecord {
  readonly commitment: string;
  /** What is sealed to it only the root opens. */
  readonly recoveryKey: string;
  readonly verifyKey: string;
  /** How many shares are needed, and the digest of each. Without shares a token alone has the root. */
  readonly needed: number;
  readonly digests: readonly string[];
  readonly madeAtMs: number;
  /** Where the root also lies, sealed by a key that never leaves a PKCS#11 token. */
  readonly token?: { readonly label: string; readonly key: string; readonly sealed: string };
  readonly anchor: { readonly epoch: number; readonly hash: string; readonly signature: string };
}

/** What is known of an epoch by everybody. */
export interface EpochRecord {
  readonly epoch: number;
  readonly commitment: string;
  /** Verifies heads of this epoch. */
  readonly verifyKey: string;
  /** Hash of the record before; empty for the first. */
  readonly before: string;
  /** By the epoch before; empty for the first. */
  readonly signature: string;
  /** The epoch's key, sealed to the root with this commitment. */
  readonly sealed: { readonly root: string; readonly key: string };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
const bytesOf = (base64: string): Buffer => Buffer.from(base64, "base64url");

/** What a root is used for. */
export interface RootKeys {
  readonly commitment: string;
  readonly recipient: Recipient;
  readonly signer: Signer;
}

/** The commitment to a root, as records have it. */
export const commitmentText = (root: Uint8Array): string => text(commitmentOf(root));
/** What a root is sealed for in a token. */
export const tokenContext = (cluster: string, commitment: string): Uint8Array =>
  contextBytes(["root in a token", cluster, commitment]);

/** The keys that are made of a root. */
export const rootKeysOf = (root: Uint8Array): RootKeys => ({
  commitment: commitmentText(root),
  recipient: recipientOf(deriveKey(root, "recovery")),
  signer: signerOf(root),
});

const bodyOf = (cluster: string, record: Omit<EpochRecord, "signature" | "sealed">): Uint8Array =>
  contextBytes(["epoch", cluster, record.epoch, record.commitment, record.verifyKey, record.before]);

/** What the record after this one calls it. */
export const hashOf = (cluster: string, record: Omit<EpochRecord, "signature" | "sealed">): string =>
  createHash("sha256").update(bodyOf(cluster, record)).digest("base64url");

const sealContext = (cluster: string, epoch: number): readonly (string | number)[] => ["epoch key", cluster, epoch];
const anchorBytes = (cluster: string, { epoch, hash }: { readonly epoch: number; readonly hash: string }): Uint8Array =>
  contextBytes(["anchor", cluster, epoch, hash]);
const epochCommitment = (key: Uint8Array): string => text(deriveKey(key, "commitment", 16));

/** To whom keys of epochs are sealed. */
export type RecoveryKey = Pick<RootRecord, "commitment" | "recoveryKey">;

/** Begins the epoch after `last`, whose key signs for it. Resolves nothing: the caller publishes the record first, then
 *  uses the key. */
export function createEpoch(
  cluster: string,
  to: RecoveryKey,
  last?: { readonly record: EpochRecord; readonly key: Uint8Array },
): { readonly key: Uint8Array; readonly record: EpochRecord } {
  const key = randomBytes(keyBytes);
  const body = {
    epoch: (last?.record.epoch ?? 0) + 1,
    commitment: epochCommitment(key),
    verifyKey: text(signerOf(key).verifyKey),
    before: last === undefined ? "" : hashOf(cluster, last.record),
  };
  const signature = last === undefined ? "" : text(signerOf(last.key).sign(bodyOf(cluster, body)));
  return { key, record: { ...body, signature, sealed: sealEpoch(cluster, to, { epoch: body.epoch, key }) } };
}

/** Seals an epoch's key to a root. */
export const sealEpoch = (
  cluster: string,
  to: RecoveryKey,
  { epoch, key }: { readonly epoch: number; readonly key: Uint8Array },
): EpochRecord["sealed"] => ({
  root: to.commitment,
  key: text(sealTo(bytesOf(to.recoveryKey), key, sealContext(cluster, epoch))),
});

/** The root vouches for an epoch and all before it. */
export function anchorOf(cluster: string, record: EpochRecord, { signer }: RootKeys): RootRecord["anchor"] {
  const place = { epoch: record.epoch, hash: hashOf(cluster, record) };
  return { ...place, signature: text(signer.sign(anchorBytes(cluster, place))) };
}

/** Whether a key is that of a record. */
export const isKeyOf = (record: Pick<EpochRecord, "commitment">, key: Uint8Array): boolean =>
  key.length === keyBytes && epochCommitment(key) === record.commitment;

/** The epoch's key, by the root. Error: KEY_REFUSED (it is sealed to another root, or changed). */
export function openEpoch(cluster: string, record: EpochRecord, root: RootKeys): Result<Uint8Array> {
  const refuse = (reason: string) => refused(failure("KEY_REFUSED", { epoch: record.epoch, reason }));
  if (record.sealed.root !== root.commitment)
    return refuse("it is sealed to another root: another recovery kit opens it");
  const key = openFrom(root.recipient, bytesOf(record.sealed.key), sealContext(cluster, record.epoch));
  return key !== undefined && isKeyOf(record, key) ? ok(key) : refuse("the sealed key was changed");
}

/** Compares records, the oldest first and none left out, with the root. Error: KEY_REFUSED (which epoch, and why). */
export function verifyEpochs(
  cluster: string,
  root: Pick<RootRecord, "verifyKey" | "anchor">,
  records: readonly EpochRecord[],
): Result<readonly EpochRecord[]> {
  const refuse = (epoch: number, reason: string) => refused(failure("KEY_REFUSED", { epoch, reason }));
  const { anchor } = root;
  if (!isSigned(bytesOf(root.verifyKey), anchorBytes(cluster, anchor), bytesOf(anchor.signature)))
    return refuse(anchor.epoch, "the root did not sign it");
  let before: EpochRecord | undefined;
  for (const [at, record] of records.entries()) {
    const { epoch } = record;
    if (epoch !== at + 1) return refuse(at + 1, "its record is missing");
    if (record.before !== (before === undefined ? "" : hashOf(cluster, before)))
      return refuse(epoch, "it does not follow on the epoch before");
    const isBehind = epoch > anchor.epoch;
    if (isBehind && !isSigned(bytesOf(before!.verifyKey), bodyOf(cluster, record), bytesOf(record.signature)))
      return refuse(epoch, "the epoch before did not sign it");
    if (epoch === anchor.epoch && hashOf(cluster, record) !== anchor.hash)
      return refuse(epoch, "it is not the one that the root has signed");
    before = record;
  }
  return records.length >= anchor.epoch ? ok(records) : refuse(records.length + 1, "its record is missing");
}

/** Signs heads of backups with an epoch's key. */
export const headSignerOf = (epochKey: Uint8Array): Signer => signerOf(epochKey);

/** Whether a head was signed in an epoch. */
export const isHeadSigned = (record: EpochRecord, head: Uint8Array, signature: Uint8Array): boolean =>
  isSigned(bytesOf(record.verifyKey), head, signature);

/** Keys: what lets somebody read the cluster's backups and disks, and who that is.
 *
 *      root ─► recovery key, signing key          `shares.ts` (t of n printed shares), `epochs.ts`
 *       └─ epoch keys (public records in a chain)  `epochs.ts`
 *           └─ tenant keys (wrapped, in the ring)  `units.ts`
 *               └─ unit keys (in the manifest)     `units.ts`
 *
 *      disk key (each node's own) ── `disk-key.ts`; `sealed-store.ts`, `sealed-files.ts`: the disk seen through it
 *
 *  `among-nodes.ts` gives members the keys that they lack, `disk.ts` encrypts what a node has. `known-root.ts` says
 *  which root and epochs count at a node, whatever the directory has; `succession.ts`, by which vouchers one root
 *  follows on another.
 *
 *  The root is at no node: commands make it, split it, and forget it. `cipher.ts`, `x-wing.ts` and `signing.ts` are
 *  what everything here is encrypted and signed with, on `node:crypto` alone. A sealed key opens only with the whole
 *  context that it was sealed for.
 *
 *  JavaScript promises neither that keys leave memory nor that arithmetic takes the same time whatever the key: who
 *  reads a running node's memory has its keys. Decision 0052. */
export { createClusterKeys, sealEpochTo, type ClusterKeys } from "./cluster-keys.ts";
export { openKeys, openKnownKeys, watchRoot } from "./among-nodes.ts";
export { openDisk } from "./disk.ts";
export { handleKeys, type KeysControl } from "./key-operations.ts";
export { handleDisk, type DiskControl } from "./operations.ts";
export type { KnownRoot } from "./known-root.ts";
export { rootHash, vouchFor } from "./succession.ts";
export { openBackupKeys, readBackupKeys, sheetOf, type BackedUpKeys, type OpenedKeys } from "./backup-keys.ts";
export { deriveKey } from "./cipher.ts";
export { readDiskKey, readOrMakeDiskKey, writeDiskKey } from "./disk-key.ts";
export { keyLimits } from "./limits.ts";
export { demandEscrow, openEscrow } from "./escrow.ts";
export { epochKeysRow } from "./own-keys.ts";
export { createSecrets, type Secrets } from "./secrets.ts";
export { keepSecretsKey, type SecretsReceiver } from "./secrets-key.ts";
export { SealedFiles } from "./sealed-files.ts";
export { openSealedStore, SealedStore } from "./sealed-store.ts";
export {
  anchorOf,
  commitmentText,
  isHeadSigned,
  openEpoch,
  rootKeysOf,
  tokenContext,
  verifyEpochs,
  type RootKeys,
  type RootRecord,
} from "./epochs.ts";
export { kitName, rootWords, readLine, shareFromText, sharePageHtml, sharePageText, type KitSheet } from "./kit.ts";
export { combineShares, createRoot, digestOf, readShare, splitRoot } from "./shares.ts";
export { createUnitKeys } from "./units.ts";
export { recipientOf } from "./x-wing.ts";

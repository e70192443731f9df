/** What a backup carries of the keys, so that its bytes and the recovery kit suffice: the records, which are public,
 *  and the key ring.
 *
 *      { form, cluster, madeAtMs, root, epochs, under, ring }      ring: zstd of JSON, sealed by the key of `under`
 *
 *  It lies beside the snapshots and not in them, and each new one takes the place of the last: what was erased from the
 *  ring is not in it any more, however old the snapshots are that it opens. */
import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import { failure, ok, parseDocument, refused, type Result } from "../../protocols/index.ts";
import { contextBytes, sealerOf } from "./cipher.ts";
import { openEpoch, verifyEpochs, type EpochRecord, type RootKeys, type RootRecord } from "./epochs.ts";
import type { KitSheet } from "./kit.ts";
import { keyLimits } from "./limits.ts";
import type { EpochKeys, TenantKey } from "./units.ts";

const form = "plexus keys 1";
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");

/** As everybody may read it. */
export interface BackedUpKeys {
  readonly form: typeof form;
  readonly cluster: string;
  readonly madeAtMs: number;
  readonly root: RootRecord;
  readonly epochs: readonly EpochRecord[];
  /** The epoch whose key seals the ring: the newest. */
  readonly under: number;
  readonly ring: string;
}

/** What a kit makes of it. */
export interface OpenedKeys extends Pick<BackedUpKeys, "cluster" | "root" | "epochs"> {
  readonly keys: EpochKeys;
  readonly ring: readonly TenantKey[];
}

const ringContext = ({ cluster, madeAtMs, under }: Pick<BackedUpKeys, "cluster" | "madeAtMs" | "under">): Uint8Array =>
  contextBytes(["key ring of a backup", cluster, madeAtMs, under]);

/** The bytes of the keys, for a backup. `key` is that of the newest epoch. */
export async function writeBackupKeys(
  of: Pick<BackedUpKeys, "cluster" | "madeAtMs" | "root" | "epochs">,
  ring: readonly TenantKey[],
  key: Uint8Array,
): Promise<Uint8Array> {
  const rows = ring.map(({ tenant, epoch, under, sealed }) => [tenant, epoch, under, text(sealed)]);
  const packed = await promisify(zstdCompress)(JSON.stringify(rows));
  const under = of.epochs.length;
  const sealed = sealerOf(key).seal(packed, ringContext({ ...of, under }));
  const carried: BackedUpKeys = { form, ...of, under, ring: text(sealed) };
  return Buffer.from(`${JSON.stringify(carried)}\n`);
}

const damaged = (reason: string) => refused(failure("BACKUP_DAMAGED", { object: "keys", reason }));

/** What everybody may read of the bytes. Nothing of it is vouched for before a kit has opened it. Error:
 *  BACKUP_DAMAGED. */
export function readBackupKeys(bytes: Uint8Array): Result<BackedUpKeys> {
  let read: BackedUpKeys;
  try {
    read = parseDocument(Buffer.from(bytes).toString()) as BackedUpKeys;
  } catch {
    return damaged("no JSON");
  }
  const { form: found, cluster, madeAtMs, root, epochs, under, ring } = read;
  if (found !== form) return damaged("of a format that is not known here");
  const isWhole =
    typeof cluster === "string" &&
    Number.isSafeInteger(madeAtMs) &&
    typeof root === "object" &&
    Array.isArray(epochs) &&
    under === epochs.length &&
    typeof ring === "string";
  return isWhole ? ok(read) : damaged("fields are missing");
}

/** The same as the public sheet of a kit, with which a wrong share is named. */
export const sheetOf = ({ cluster, root, epochs }: BackedUpKeys): KitSheet => ({
  form: "plexus kit 1",
  cluster,
  root,
  epochs,
});

/** Opens it by the root of the kit. Errors: KEY_REFUSED (of another kit, or not made by this cluster),
 *  BACKUP_DAMAGED. */
export async function openBackupKeys(carried: BackedUpKeys, by: RootKeys): Promise<Result<OpenedKeys>> {
  const { cluster, root, epochs, under } = carried;
  // An attacker who can write the backup's folder could put records of their own there: the root itself says which it
  // has signed.
  if (root.commitment !== by.commitment || root.verifyKey !== text(by.signer.verifyKey))
    return refused(failure("KEY_REFUSED", { reason: "the keys of this backup are of another recovery kit" }));
  const verified = verifyEpochs(cluster, root, epochs);
  if (!verified.ok) return verified;
  const keys = new Map<number, Uint8Array>();
  for (const record of epochs) {
    const key = openEpoch(cluster, record, by);
    if (!key.ok) return key;
    keys.set(record.epoch, key.value);
  }
  const ring = await openRing(carried, keys.get(under));
  return ring.ok ? ok({ cluster, root, epochs, keys, ring: ring.value }) : ring;
}

async function openRing(carried: BackedUpKeys, key: Uint8Array | undefined): Promise<Result<readonly TenantKey[]>> {
  const packed = key && sealerOf(key).open(Buffer.from(carried.ring, "base64url"), ringContext(carried));
  if (packed === undefined) return damaged("the key ring was changed");
  const json = await promisify(zstdDecompress)(packed, { maxOutputLength: keyLimits.carriedBytesMax });
  const rows = parseDocument(json.toString()) as readonly (readonly [string, number, number, string])[];
  return ok(
    rows.map(([tenant, epoch, under, sealed]) => ({ tenant, epoch, under, sealed: Buffer.from(sealed, "base64url") })),
  );
}

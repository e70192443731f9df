/** The head: the one thing of a backup that changes. Signed, numbered, and with the hash of the head before it.
 *
 *      canonical JSON of the head, newline, base64 of the signature, newline
 *
 *  What is signed is `plexus backup head 1`, newline, and the JSON. The head names the catalog, whose key is sealed
 *  like a unit's; the catalog names the snapshots that there are. A change of any of it is the next head, and it is
 *  made by the writer that gets that number: a compare-and-set of the head is the only commit of a backup. A reader
 *  that remembers the number and hash of a head notices if an older one, or one of another history, is put in its
 *  place. */
import { createHash } from "node:crypto";
import { demand } from "./damaged.ts";
import { decodeValue, encodeValue } from "./rows.ts";
import { fieldsOf, isCount, isText, readStripe, type StripeName } from "./stripes.ts";
import { backupFormat } from "./unit.ts";

export interface BackupHead {
  readonly cluster: string;
  /** 1 for the first; one more each time. */
  readonly number: number;
  /** Hash of the head before it (`hashOfHead`); empty for the first. */
  readonly previous: string;
  readonly atMs: number;
  /** Of the keys that the catalog's key is sealed with. */
  readonly epoch: number;
  readonly catalog: { readonly stripe: StripeName; readonly sealedKey: Uint8Array };
}

/** Signs heads, and knows whether a signature is of this cluster. */
export interface HeadKeys {
  sign(bytes: Uint8Array): Uint8Array;
  /** `epoch` is what the head says of itself: one that never was verifies nothing. */
  verify(bytes: Uint8Array, signature: Uint8Array, epoch: number): boolean;
}

export const headFormat = { bytesMax: 64 * 1024 } as const;

const prefix = "plexus backup head 1\n";
const newline = 0x0a;

/** The bytes of a head. */
export function writeHead(head: BackupHead, keys: Pick<HeadKeys, "sign">): Uint8Array {
  const json = encodeValue({ ...backupFormat, ...head });
  const signature = Buffer.from(keys.sign(Buffer.from(prefix + json))).toString("base64");
  return Buffer.from(`${json}\n${signature}\n`);
}

/** A head, when its signature is right. Error: BACKUP_DAMAGED. */
export function readHead(bytes: Uint8Array, keys: Pick<HeadKeys, "verify">): BackupHead {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  demand(all.length <= headFormat.bytesMax, "head", "too long");
  const end = all.indexOf(newline);
  demand(end >= 0 && all.at(-1) === newline && all.indexOf(newline, end + 1) === all.length - 1, "head", "no head");
  const [json, written] = [all.toString("utf8", 0, end), all.toString("latin1", end + 1, all.length - 1)];
  const signature = Buffer.from(written, "base64");
  demand(signature.toString("base64") === written, "head", "no signature");
  const fields = ["version", "suite", "cluster", "number", "previous", "atMs", "epoch", "catalog"] as const;
  const { version, suite, cluster, number, previous, atMs, epoch, catalog } = fieldsOf(decodeValue(json), fields);
  demand(
    version === backupFormat.version && suite === backupFormat.suite,
    "head",
    "of a format that is not known here",
  );
  demand(isText(cluster) && isCount(number) && number > 0 && isText(previous), "head", "no head");
  demand(isCount(atMs) && isCount(epoch), "head", "no head");
  const signed = Buffer.concat([Buffer.from(prefix), all.subarray(0, end)]);
  demand(keys.verify(signed, signature, epoch), "head", "not signed by this cluster");
  const { stripe, sealedKey } = fieldsOf(catalog, ["stripe", "sealedKey"]);
  demand(sealedKey instanceof Uint8Array, "head", "no head");
  return { cluster, number, previous, atMs, epoch, catalog: { stripe: readStripe(stripe), sealedKey } };
}

/** What the next head names this one by. */
export const hashOfHead = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Whether a head may follow another: the next number, and the hash of that one. Error: BACKUP_DAMAGED. */
export function demandSuccession(
  before: { readonly number: number; readonly hash: string } | undefined,
  next: BackupHead,
): void {
  demand(next.number === (before?.number ?? 0) + 1, "head", "not the next number");
  demand(next.previous === (before?.hash ?? ""), "head", "not the successor of the head before it");
}

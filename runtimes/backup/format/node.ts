/** A node of the manifest: an object that names others, encrypted by a key that only the node above it names.
 *
 *      "PLEXNODE" | version | suite 1 | 0 0 | AES-256-GCM of a frame (`unit.ts`) of canonical JSON | tag 16
 *
 *  Version 2 has units that are sealed together, which readers of version 1 know nothing of; any other node is of
 *  version 1.
 *
 *  A node's key is drawn for it alone, so its nonce is zero, and a thief that changed it, or put another in its
 *  place, would have to know the key. So the head, which is signed, vouches for everything below it. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { damaged, demand } from "./damaged.ts";
import { decodeValue, encodeValue } from "./rows.ts";
import { fieldsOf, isFields, readStripe, type StripeName } from "./stripes.ts";
import { backupFormat, framed, unframed, unitFormat } from "./unit.ts";

/** Where a node is, and what opens it. */
export interface NodeLink {
  readonly stripe: StripeName;
  readonly key: Uint8Array;
}

/** What a node is for: it is bound to that. */
export type NodeSort = "tree" | "catalog" | "cursors" | "part" | "changes";

const nodeFormat = {
  /** Of its JSON. */
  bytesMax: 8 * 1024 * 1024,
} as const;

const magic = Buffer.from("PLEXNODE");
const headBytes = 12;
const nonce = new Uint8Array(12);

const versions: readonly number[] = [1, 2];
const versionOf = (value: unknown): number => {
  const units = isFields(value) ? value["units"] : undefined;
  return Array.isArray(units) && units.some((unit) => isFields(unit) && Object.hasOwn(unit, "start")) ? 2 : 1;
};

const headOf = (version: number): Buffer => Buffer.concat([magic, Buffer.from([version, backupFormat.suite, 0, 0])]);

const associated = (version: number, cluster: string, sort: NodeSort): Uint8Array =>
  Buffer.from(encodeValue(["plexus backup node", version, backupFormat.suite, cluster, sort]));

/** Encrypts a node. `key` is 32 bytes of secret randomness, drawn for this node. */
export function sealNode(
  value: unknown,
  of: { readonly cluster: string; readonly sort: NodeSort },
  key: Uint8Array,
): Uint8Array {
  const json = Buffer.from(encodeValue(value));
  if (json.length > nodeFormat.bytesMax) throw new RangeError("a node is written within its limits");
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const version = versionOf(value);
  cipher.setAAD(associated(version, of.cluster, of.sort));
  return Buffer.concat([headOf(version), cipher.update(framed(json)), cipher.final(), cipher.getAuthTag()]);
}

/** What a node says. Error: BACKUP_DAMAGED. */
export function openNode(
  bytes: Uint8Array,
  of: { readonly cluster: string; readonly sort: NodeSort },
  key: Uint8Array,
): unknown {
  const end = bytes.length - unitFormat.tagBytes;
  const version = versions.find((one) => headOf(one).equals(bytes.subarray(0, headBytes)));
  demand(end > headBytes && version !== undefined, "node", "no node, or of a format that is not known here");
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: unitFormat.tagBytes });
  decipher.setAAD(associated(version, of.cluster, of.sort));
  decipher.setAuthTag(bytes.subarray(end));
  const frame = decipher.update(bytes.subarray(headBytes, end));
  try {
    decipher.final();
  } catch {
    throw damaged("node", "changed, or not the one that is meant");
  }
  return decodeValue(Buffer.from(unframed(frame, { bytesMax: nodeFormat.bytesMax })).toString("utf8"));
}

/** A link as a node above has it. Error: BACKUP_DAMAGED. */
export function readLink(value: unknown): NodeLink {
  const { stripe, key } = fieldsOf(value, ["stripe", "key"]);
  demand(key instanceof Uint8Array && key.length === unitFormat.keyBytes, "node", "no key");
  return { stripe: readStripe(stripe), key };
}

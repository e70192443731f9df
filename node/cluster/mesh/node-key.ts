/** The key that proves a node's identity. A process with the key is that node, so the key never leaves the data
 *  folder. */
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from "@libp2p/crypto/keys";
import type { PrivateKey } from "@libp2p/interface";
import { peerIdFromPrivateKey, peerIdFromString } from "@libp2p/peer-id";
import { failure, PlexusError } from "../../../protocols/index.ts";

export interface NodeKey {
  readonly privateKey: PrivateKey;
  /** The libp2p peer id, as text. */
  readonly peer: string;
}

const nodeKeyFile = "node.key";

const asNodeKey = (privateKey: PrivateKey): NodeKey => ({
  privateKey,
  peer: peerIdFromPrivateKey(privateKey).toString(),
});

/** Reads `node.key` in a data folder; makes it when there is none. The folder must belong to this process alone. Error:
 *  DATA_DAMAGED: without its key a node is another node, so none is made in the place of a broken one. */
export async function openNodeKey(folder: string): Promise<NodeKey> {
  const file = join(folder, nodeKeyFile);
  const stored = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new PlexusError(failure("DATA_DAMAGED", { file, reason: error.message }), error);
  });
  if (stored !== undefined) {
    try {
      return asNodeKey(privateKeyFromProtobuf(stored));
    } catch (error) {
      throw new PlexusError(failure("DATA_DAMAGED", { file, reason: "not a node key" }), error);
    }
  }
  const made = await generateKeyPair("Ed25519");
  // Written aside and renamed: a half-written key would stop the node for ever.
  const aside = `${file}.new`;
  const handle = await open(aside, "w", 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(privateKeyToProtobuf(made));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(aside, file);
  return asNodeKey(made);
}

/** What the node of a key vouches for. */
export const signWith = async ({ privateKey }: NodeKey, bytes: Uint8Array): Promise<Uint8Array> =>
  privateKey.sign(bytes);

/** Whether the node with a peer id has signed these bytes: the id has its public key in it. */
export async function isSignedBy(peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    return (await peerIdFromString(peer).publicKey?.verify(bytes, signature)) === true;
  } catch {
    // No peer id, or nothing that could be a signature.
    return false;
  }
}

/** The public key in a peer id: 32 bytes of Ed25519. Undefined: it is none, or has another sort of key. */
export function publicKeyOf(peer: string): Uint8Array | undefined {
  try {
    const { type, publicKey } = peerIdFromString(peer);
    return type === "Ed25519" ? publicKey?.raw : undefined;
  } catch {
    return undefined;
  }
}

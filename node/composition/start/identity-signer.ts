/** The keys of nodes, as proofs of whom they send for are signed and checked (node/routing/identity.ts), and as shares
 *  of the key of secrets are received (node/keys/secrets-key.ts). At once, because what is presented has to count for
 *  the envelope behind it. */
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import type { NodeId } from "../../ports/index.ts";
import { deriveKey, recipientOf, type SecretsReceiver } from "../../keys/index.ts";
import type { IdentitySigner } from "../../routing/index.ts";

/** Keys of other members that are kept read. */
const keysKeptMax = 256;

/** Reads this node's key, once somebody else is there to prove anything to: a node alone does not load what the mesh
 *  needs. Error: DATA_DAMAGED. */
export async function openIdentitySigner(
  folder: string,
  at: { readonly node: NodeId; peerOf(node: NodeId): string | undefined },
): Promise<IdentitySigner & SecretsReceiver> {
  const { openNodeKey, publicKeyOf } = await import("../../cluster/mesh/index.ts");
  const { privateKey, peer } = await openNodeKey(folder);
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  const jwk = (x: Uint8Array) => ({ kty: "OKP", crv: "Ed25519", x: base64(x) });
  // libp2p keeps the seed with the public key behind it.
  const seed = privateKey.raw.subarray(0, 32);
  const own = createPrivateKey({ format: "jwk", key: { ...jwk(privateKey.publicKey.raw), d: base64(seed) } });
  const keys = new Map<string, ReturnType<typeof createPublicKey>>();
  const keyOf = (of: string): ReturnType<typeof createPublicKey> | undefined => {
    const read = keys.get(of);
    if (read !== undefined) return read;
    const raw = publicKeyOf(of);
    if (raw === undefined) return undefined;
    const key = createPublicKey({ format: "jwk", key: jwk(raw) });
    if (keys.size >= keysKeptMax) keys.clear();
    keys.set(of, key);
    return key;
  };
  return {
    recipient: recipientOf(deriveKey(seed, "receiver of a node")),
    sign: (bytes) => sign(null, bytes, own),
    isSigned(by, bytes, signature) {
      const key = keyOf((by === at.node ? peer : at.peerOf(by)) ?? "");
      return key !== undefined && verify(null, bytes, key, signature);
    },
  };
}

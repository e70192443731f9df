/** Which root follows on which. A node that has verified a root takes another one only where the former signed for it,
 *  directly or over others in between: so nobody who can write the directory can put a root of his own there.
 *
 *      root A ── signs ──► voucher for B ── B signs ──► voucher for C        `keys/vouched/<hash of the new root>`
 */
import { createHash } from "node:crypto";
import { contextBytes } from "./cipher.ts";
import type { RootKeys, RootRecord } from "./epochs.ts";
import { keyLimits } from "./limits.ts";
import { isSigned } from "./signing.ts";

/** A root signs for the one that takes its place. */
export interface Voucher {
  /** Hash of the root that signed. */
  readonly by: string;
  readonly root: RootRecord;
  readonly signature: string;
}

/** What tells a root from all others, with all that is known of it but its anchor, which it signs itself. */
export function rootHash(cluster: string, root: Omit<RootRecord, "anchor">): string {
  const { commitment, recoveryKey, verifyKey, needed, digests, madeAtMs, token } = root;
  const told = [commitment, recoveryKey, verifyKey, needed, madeAtMs, digests.length, ...digests];
  const place = token === undefined ? [] : [token.label, token.key, token.sealed];
  return createHash("sha256")
    .update(contextBytes(["root", cluster, ...told, ...place]))
    .digest("base64url");
}

const voucherBytes = (cluster: string, { by, to }: { readonly by: string; readonly to: string }): Uint8Array =>
  contextBytes(["root follows", cluster, by, to]);

/** The former root's signature for the one that follows. */
export const vouchFor = (
  cluster: string,
  next: { readonly by: RootRecord; readonly to: Omit<RootRecord, "anchor"> },
  { signer }: Pick<RootKeys, "signer">,
): string =>
  Buffer.from(
    signer.sign(voucherBytes(cluster, { by: rootHash(cluster, next.by), to: rootHash(cluster, next.to) })),
  ).toString("base64url");

/** Whether a signature is that of one root for another. */
export const isVouched = (
  cluster: string,
  next: { readonly by: RootRecord; readonly to: Omit<RootRecord, "anchor"> },
  signature: string,
): boolean =>
  isSigned(
    Buffer.from(next.by.verifyKey, "base64url"),
    voucherBytes(cluster, { by: rootHash(cluster, next.by), to: rootHash(cluster, next.to) }),
    Buffer.from(signature, "base64url"),
  );

/** Whether a root is the known one, or follows on it by vouchers. */
export async function follows(
  cluster: string,
  roots: { readonly known: RootRecord; readonly found: RootRecord },
  voucherFor: (hash: string) => Promise<Voucher | undefined>,
): Promise<boolean> {
  const from = rootHash(cluster, roots.known);
  const line: Voucher[] = [];
  for (let hash = rootHash(cluster, roots.found); hash !== from;) {
    const voucher = line.length < keyLimits.successionMax ? await voucherFor(hash) : undefined;
    if (voucher === undefined || rootHash(cluster, voucher.root) !== hash) return false;
    line.unshift(voucher);
    hash = voucher.by;
  }
  let by = roots.known;
  for (const { root, signature } of line) {
    if (!isVouched(cluster, { by, to: root }, signature)) return false;
    by = root;
  }
  return true;
}

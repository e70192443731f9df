/** Receipts: the node of a holder signs what it has taken. Pure but for the signature.
 *
 *  A receipt proves to anybody that this node said that it had these bytes then, for this owner. It proves neither that
 *  it had them nor that it has them still: that is asked by audits, and nothing counts as kept for a receipt alone.
 *  With a failed audit beside it, it shows a lie, or a loss that the node must own to. */
import { encode, type ShardReceipt } from "../../../protocols/index.ts";
import type { NodeId } from "../../ports/index.ts";

/** A receipt, and by whom. */
export interface SignedReceipt {
  readonly receipt: ShardReceipt;
  readonly node: NodeId;
  readonly signature: Uint8Array;
}

/** The keys of nodes. */
export interface Signer {
  /** By this node's key. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
  /** Whether a member has signed these bytes. */
  isSigned(by: NodeId, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** Under which name a receipt is kept. */
const receiptName = ({ hash, holder }: Readonly<Record<"hash" | "holder", string>>): string => `${hash}/${holder}`;

/** The last moment that a date can name. */
const lastDateMs = 8.64e15;

/** When a node has signed for a shard; undefined where the receipt is absent, or another node's.
 *  A receipt never answers for a proof: it is said beside what was found. */
function signedAtMs(
  node: NodeId,
  receipts: Pick<Receipts, "get">,
  { hash = "", holder = "" }: Readonly<Record<string, string>>,
): number | undefined {
  const known = receipts.get(receiptName({ hash, holder }));
  // By the clock of the node that signed, which may be any.
  return known?.node === node ? Math.min(known.receipt.heldSinceMs, lastDateMs) : undefined;
}

/** The same as the facts of an entry in the cluster's log. */
export function signedBy(...named: Parameters<typeof signedAtMs>): Readonly<Record<string, string>> {
  const atMs = signedAtMs(...named);
  return atMs === undefined ? {} : { signedAt: new Date(atMs).toISOString() };
}

/** Those that a node keeps. */
interface Receipts {
  get(name: string): SignedReceipt | undefined;
  set(name: string, signed: SignedReceipt): unknown;
}

/** What a node that puts stripes does with receipts. */
export const receiptsOf = (signer: Signer, receipts: Receipts) => ({
  /** A receipt that was asked for by this node. False: its node has not signed it. */
  async takeReceipt(signed: SignedReceipt): Promise<boolean> {
    if (!(await signer.isSigned(signed.node, receiptBytes(signed), signed.signature))) return false;
    receipts.set(receiptName(signed.receipt), signed);
    return true;
  },
  /** When a node has signed for a shard, where this node has its receipt. */
  signedAtMs: (node: NodeId, shard: { readonly hash: string; readonly holder: string }) =>
    signedAtMs(node, receipts, shard),
});

/** What is signed: its purpose first, so that no signature for something else can be taken for it. */
export const receiptBytes = ({ receipt, node }: Omit<SignedReceipt, "signature">): Uint8Array => {
  const { holder, stripe, hash, sizeBytes, owner, heldSinceMs } = receipt;
  return encode(["plexus shard receipt 1", node, holder, stripe, hash, sizeBytes, owner, heldSinceMs]);
};

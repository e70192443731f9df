/** The bytes of a shard: a header, then its part of the stripe.
 *
 *       0  "PLXS"                                 16  bytes of the stripe, 8 bytes
 *       4  version of this format: 1              24  id of the stripe, 32 bytes
 *       5  how it is coded: 1 copies, 2 rs        56  the first 8 bytes of BLAKE3( 4, bytes 0…55 )
 *       6  number of the shard                    64  the shard's part of the stripe
 *       7  k (copies: 1)
 *       8  m (copies: how many, less 1)           Numbers are little-endian.
 *       9  zeros, 3 bytes
 *      12  bytes of the shard's part, 4 bytes
 *
 *  The header says all that is needed to read a stripe whose descriptor is lost: shards of one id, as many as k. Its
 *  own check finds a changed header. A changed part is found by the shard's name, which is its tree
 *  (`node/bulk/blobs/tree.ts`), or, when that is lost too, by the stripe's id, which is the tree of what was coded. */
import { assert, failure, ok, refused, type Result, type Scheme } from "../../../../protocols/index.ts";
import { taggedHash } from "../../blobs/hash.ts";
import { codingLimits } from "./limits.ts";
import { countsOf, partBytes, schemeOf } from "./scheme.ts";

export const headerBytes = 64;
const magic = Buffer.from("PLXS");
const version = 1;
const types = { copies: 1, rs: 2 } as const;
const checkedBytes = 56;
const checkBytes = 8;
const checkTag = 4;
const checkOf = taggedHash(checkedBytes);

/** What a shard says of itself. */
interface ShardHeader {
  readonly id: string;
  readonly scheme: Scheme;
  /** Its place in the code. */
  readonly number: number;
  readonly stripeBytes: number;
}

/** Writes the header to the beginning of a shard whose part is in place. */
export function writeHeader(shard: Buffer, { id, scheme, number, stripeBytes }: ShardHeader): void {
  const { k, m } = countsOf(scheme);
  assert(number < k + m && shard.length === headerBytes + partBytes(scheme, stripeBytes), "a shard fits its header");
  magic.copy(shard);
  shard.set([version, types[scheme.type], number, k, m, 0, 0, 0], 4);
  shard.writeUInt32LE(shard.length - headerBytes, 12);
  shard.writeBigUInt64LE(BigInt(stripeBytes), 16);
  assert(shard.write(id, 24, 32, "hex") === 32, "the id of a stripe has 32 bytes");
  shard.set(checkOf(checkTag, shard.subarray(0, checkedBytes)).subarray(0, checkBytes), checkedBytes);
}

const damaged = (reason: string): Result<never> => refused(failure("DATA_DAMAGED", { shard: reason }));

/** Reads a shard from anywhere. Error: DATA_DAMAGED, for whatever no writer of this format has made. */
export function readShard(bytes: Uint8Array): Result<{ readonly header: ShardHeader; readonly part: Uint8Array }> {
  const header = readHeader(bytes, bytes.length);
  return header.ok ? ok({ header: header.value, part: bytes.subarray(headerBytes) }) : header;
}

/** What a shard of `shardBytes` says at its beginning. Error: DATA_DAMAGED, as above. */
export function readHeader(bytes: Uint8Array, shardBytes: number): Result<ShardHeader> {
  if (bytes.length < headerBytes) return damaged("it is shorter than a header");
  if (shardBytes > codingLimits.shardBytesMax) return damaged("it is larger than any shard");
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, headerBytes);
  if (!magic.equals(view.subarray(0, magic.length))) return damaged("it does not begin as a shard does");
  const [written, type, number, k, m, ...zeros] = view.subarray(4, 12) as unknown as readonly [
    number,
    number,
    number,
    number,
    number,
    ...number[],
  ];
  if (written !== version) return damaged(`its format has version ${written}; this node knows ${version}`);
  const check = checkOf(checkTag, view.subarray(0, checkedBytes)).subarray(0, checkBytes);
  if (!view.subarray(checkedBytes, headerBytes).equals(check)) return damaged("its header has changed");
  const scheme = schemeOf(type === types.copies ? "copies" : type === types.rs ? "rs" : undefined, { k, m });
  if (scheme === undefined || number >= k + m || zeros.some((zero) => zero !== 0))
    return damaged("its header says what cannot be");
  const stripeBytes = Number(view.readBigUInt64LE(16));
  const partLength = shardBytes - headerBytes;
  if (
    !Number.isSafeInteger(stripeBytes) ||
    partBytes(scheme, stripeBytes) !== partLength ||
    view.readUInt32LE(12) !== partLength
  )
    return damaged("its length is not the one that its header says");
  const id = view.toString("hex", 24, checkedBytes);
  return ok({ id, scheme, number, stripeBytes });
}

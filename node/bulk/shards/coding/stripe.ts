/** A stripe: bytes coded into shards, and back from as many as suffice.
 *
 *      bytes ─ part 0 │ part 1 │ … │ part k−1, zeros at its end ─► parity ─► a header before each ─► shards     (rs)
 *            ─ masked for each copy ──────────────────────────────────────► a header before each ─► shards   (copies)
 *
 *  Its id is the name that its bytes would have as a blob. So a reader of a stripe knows that it is what was coded,
 *  whichever shards it came from, and the same bytes coded again are the same shards. */
import { assert, failure, ok, refused, type Result, type Scheme, type StripeRef } from "../../../../protocols/index.ts";
import { hashing, hashOf } from "../../blobs/tree.ts";
import { headerBytes, readShard, writeHeader } from "./header.ts";
import { codingLimits } from "./limits.ts";
import { masked, masking } from "./mask.ts";
import { encode, reconstruct } from "./reed-solomon.ts";
import { countsOf, partBytes, widthOf } from "./scheme.ts";

/** What a descriptor says of a stripe's code. */
export type Coded = Readonly<Pick<StripeRef, "id" | "scheme" | "sizeBytes">>;

/** With its shards, in the order of the code. */
type CodedShards = Coded & { readonly shards: readonly Uint8Array[] };

/** Of each shard in one step. */
const encodedBytes = 256 * 1024;

/** The most that a stripe of a scheme takes. */
export const stripeBytesMax = (scheme: Scheme): number =>
  countsOf(scheme).k * (codingLimits.shardBytesMax - headerBytes);

/** What the shards of a stripe take. */
export const codedBytes = (scheme: Scheme, stripeBytes: number): number =>
  widthOf(scheme) * (headerBytes + partBytes(scheme, stripeBytes));

/** Whether a descriptor has as many shards as its scheme, of the size that its bytes make. What others say is allocated
 *  only then. */
export function isAsCoded({ scheme, sizeBytes, shards }: Pick<StripeRef, "scheme" | "sizeBytes" | "shards">): boolean {
  if (shards.length !== widthOf(scheme) || sizeBytes > stripeBytesMax(scheme)) return false;
  const shardBytes = headerBytes + partBytes(scheme, sizeBytes);
  return shards.every((shard) => shard.sizeBytes === shardBytes);
}

/** The shards of some bytes, in the order of the code. They lie in `memory` where that is given and large enough: new
 *  memory for each stripe takes longer than to code it, so a caller that codes many gives the same again once its
 *  shards are away. Error: TOO_LARGE. */
export function codeStripe(bytes: Uint8Array, scheme: Scheme, memory?: Buffer): Result<CodedShards> {
  const steps = codingStripe(bytes, scheme, memory);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same in steps of about a millisecond, between which a thread may do something else: a pack takes ten. Neither
 *  the bytes nor the memory are to change meanwhile. */
export function* codingStripe(
  bytes: Uint8Array,
  scheme: Scheme,
  memory?: Buffer,
): Generator<void, Result<CodedShards>, void> {
  const most = stripeBytesMax(scheme);
  if (bytes.length > most) return refused(failure("TOO_LARGE", { limitBytes: most }));
  const { hash: id } = yield* hashing(bytes);
  yield;
  const size = partBytes(scheme, bytes.length);
  const needed = codedBytes(scheme, bytes.length);
  const place = memory !== undefined && memory.length >= needed ? memory : Buffer.allocUnsafe(needed);
  const shardBytes = headerBytes + size;
  const shards = Array.from({ length: widthOf(scheme) }, (_, number) =>
    place.subarray(number * shardBytes, (number + 1) * shardBytes),
  );
  const parts = shards.map((shard) => shard.subarray(headerBytes));
  if (scheme.type === "copies")
    for (const [number, part] of parts.entries()) {
      if (number > 0) yield;
      yield* masking(bytes, part, { stripeId: idBytes(id), number });
    }
  else
    for (let at = 0; at < size; at += encodedBytes) {
      if (at > 0) yield;
      const some = parts.map((part) => part.subarray(at, at + encodedBytes));
      for (const [number, part] of some.slice(0, scheme.k).entries()) {
        const from = number * size + at;
        const own = bytes.subarray(from, from + part.length);
        part.set(own);
        part.fill(0, own.length);
      }
      encode(some.slice(0, scheme.k), some.slice(scheme.k));
    }
  for (const [number, shard] of shards.entries()) writeHeader(shard, { id, scheme, number, stripeBytes: bytes.length });
  return ok({ id, scheme, sizeBytes: bytes.length, shards });
}

const idBytes = (id: string): Uint8Array => Buffer.from(id, "hex");

/** The parts in those shards that are of this stripe. Of others, and of damaged ones, nothing is taken. */
function partsIn(stripe: Coded, shards: Iterable<Uint8Array>): Map<number, Uint8Array> {
  const parts = new Map<number, Uint8Array>();
  for (const bytes of shards) {
    const read = readShard(bytes);
    if (!read.ok) continue;
    const { id, scheme, number, stripeBytes } = read.value.header;
    const same = id === stripe.id && stripeBytes === stripe.sizeBytes && scheme.type === stripe.scheme.type;
    const { k, m } = countsOf(scheme);
    const asked = countsOf(stripe.scheme);
    if (same && k === asked.k && m === asked.m) parts.set(number, read.value.part);
  }
  return parts;
}

/** What some shards of a stripe give. The caller has compared each with its name; a wrong one makes `DATA_DAMAGED` of
 *  all. It may lie in `memory` where that is given and large enough. Errors: STRIPE_LOST (too few of them are of this
 *  stripe), DATA_DAMAGED. */
export function readStripe(stripe: Coded, shards: Iterable<Uint8Array>, memory?: Buffer): Result<Uint8Array> {
  const parts = partsIn(stripe, shards);
  const bytes = joined(stripe, parts, memory);
  if (!bytes.ok) return bytes;
  if (hashOf(bytes.value) !== stripe.id) return refused(failure("DATA_DAMAGED", { stripe: stripe.id }));
  return bytes;
}

function joined(
  { id, scheme, sizeBytes }: Coded,
  parts: ReadonlyMap<number, Uint8Array>,
  memory?: Buffer,
): Result<Uint8Array> {
  const { k } = countsOf(scheme);
  if (parts.size < k) return refused(failure("STRIPE_LOST", { stripe: id, needed: k, found: [...parts.keys()] }));
  if (scheme.type === "copies") {
    const [number, part] = parts.entries().next().value as [number, Uint8Array];
    return ok(masked(part, idBytes(id), number));
  }
  const size = partBytes(scheme, sizeBytes);
  const needed = k * size;
  const isEnough = memory !== undefined && memory.length >= needed;
  const all = isEnough ? memory.subarray(0, needed) : Buffer.allocUnsafe(needed);
  const missing = new Map<number, Uint8Array>();
  for (let number = 0; number < k; number += 1) {
    const place = all.subarray(number * size, (number + 1) * size);
    const part = parts.get(number);
    if (part === undefined) missing.set(number, place);
    else place.set(part);
  }
  reconstruct(k, parts, missing);
  return ok(all.subarray(0, sizeBytes));
}

/** One shard made anew from others: the same bytes as at first. The caller compares it with its name. Error:
 *  STRIPE_LOST. */
export function remakeShard(stripe: Coded, number: number, shards: Iterable<Uint8Array>): Result<Uint8Array> {
  const { id, scheme, sizeBytes } = stripe;
  assert(number >= 0 && number < widthOf(scheme), "the stripe has this shard");
  const parts = partsIn(stripe, shards);
  const made = Buffer.allocUnsafe(headerBytes + partBytes(scheme, sizeBytes));
  const part = made.subarray(headerBytes);
  if (scheme.type === "copies") {
    const bytes = joined(stripe, parts);
    if (!bytes.ok) return bytes;
    part.set(masked(bytes.value, idBytes(id), number));
  } else {
    if (parts.size < scheme.k)
      return refused(failure("STRIPE_LOST", { stripe: id, needed: scheme.k, found: [...parts.keys()] }));
    reconstruct(scheme.k, parts, new Map([[number, part]]));
  }
  writeHeader(made, { id, scheme, number, stripeBytes: sizeBytes });
  return ok(made);
}

/** What a blob is called, and how a part of it is proved.
 *
 *      name = H(2, size, root)           root of one leaf: that leaf
 *                  ┌─ H(1, ·, ·) ─┐
 *          H(1, ·, ·)          leaf 2    a node without a sibling goes up as it is
 *          ┌───┴───┐
 *       leaf 0   leaf 1 = H(0, bytes)    16 KiB each, the last one less
 *
 *  H is BLAKE3 (https://github.com/BLAKE3-team/BLAKE3-specs) with a first byte for each sort of input, so that no leaf
 *  passes for a node. The size is in the name: it says how many leaves there are, and so which place in the tree a leaf
 *  has. */
import { assert } from "../../../protocols/index.ts";
import type { BlobHash, HashedBytes, LeafProof } from "../../ports/index.ts";
import { hash, taggedHash } from "./hash.ts";

/** A part of the format: it may never change. */
export const leafBytes = 16 * 1024;
export const hashBytes = 32;

const [leafTag, nodeTag, nameTag] = [0, 1, 2];
const tagged = taggedHash(leafBytes);

const hashLeaf = (bytes: Uint8Array): Uint8Array => {
  assert(bytes.length <= leafBytes, "a leaf has its size");
  return tagged(leafTag, bytes);
};
/** Hashes of the leaves of bytes that lie behind one free byte. Where they lie, without a copy: the byte before a leaf
 *  is its tag for a moment. */
export function hashLeavesIn(room: Uint8Array): Uint8Array[] {
  return Array.from({ length: leavesOf(room.length - 1) }, (_, leaf) => {
    const at = leaf * leafBytes;
    const before = room[at] as number;
    room[at] = leafTag;
    const made = hash(room.subarray(at, at + 1 + leafBytes));
    room[at] = before;
    return made;
  });
}
const hashNode = (left: Uint8Array, right: Uint8Array): Uint8Array => tagged(nodeTag, left, right);

/** Leaves of a blob. An empty one has one, which is empty. */
export const leavesOf = (size: number): number => Math.max(1, Math.ceil(size / leafBytes));

/** The levels of a tree, leaves first, the root alone at the end. */
function levelsOf(leaves: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  assert(leaves.length > 0, "a tree has a leaf");
  const levels = [leaves];
  for (let level = leaves; level.length > 1;) {
    const above: Uint8Array[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const [left, right] = [level[at] as Uint8Array, level[at + 1]];
      above.push(right === undefined ? left : hashNode(left, right));
    }
    levels.push(above);
    level = above;
  }
  return levels;
}

function nameOf(size: number, root: Uint8Array): BlobHash {
  const sizeField = Buffer.alloc(8);
  sizeField.writeBigUInt64LE(BigInt(size));
  return Buffer.from(tagged(nameTag, sizeField, root)).toString("hex");
}

/** The name of what has these leaves. */
export function hashOfLeaves(size: number, leaves: readonly Uint8Array[]): BlobHash {
  assert(leaves.length === leavesOf(size), "a blob has as many leaves as its size says");
  return nameOf(size, levelsOf(leaves).at(-1)?.[0] as Uint8Array);
}

/** Leaves that are hashed in one step: about a millisecond. */
const leavesInStep = 64;

/** Hashes bytes that are in memory, once for all who need the hashes. */
export function hashed(bytes: Uint8Array): HashedBytes {
  const steps = hashing(bytes);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** The same in steps, between which a thread may do something else. The bytes are not to change meanwhile. */
export function* hashing(bytes: Uint8Array): Generator<void, HashedBytes, void> {
  const leaves: Uint8Array[] = [];
  while (leaves.length < leavesOf(bytes.length)) {
    if (leaves.length > 0 && leaves.length % leavesInStep === 0) yield;
    leaves.push(hashLeaf(bytes.subarray(leaves.length * leafBytes, (leaves.length + 1) * leafBytes)));
  }
  return { bytes, leaves, hash: hashOfLeaves(bytes.length, leaves) };
}

/** The name of bytes that are in memory. */
export const hashOf = (bytes: Uint8Array): BlobHash => hashed(bytes).hash;

/** Hashes beside the way from a leaf to the root, the lowest first. */
export function pathOf(leaves: readonly Uint8Array[], leaf: number): readonly Uint8Array[] {
  let at = leaf;
  return levelsOf(leaves).flatMap((level) => {
    const beside = level[at ^ 1];
    at >>= 1;
    return beside === undefined ? [] : [beside];
  });
}

/** Whether a blob of this name has this leaf. What is asked comes from outside: anything may be in it. */
export function isProven(name: BlobHash, { leaf, size, bytes, path }: LeafProof): boolean {
  if (!Number.isSafeInteger(size) || size < 0 || !Number.isSafeInteger(leaf) || leaf < 0) return false;
  const count = leavesOf(size);
  if (leaf >= count || bytes.length !== Math.min(leafBytes, size - leaf * leafBytes)) return false;
  let node = hashLeaf(bytes);
  let used = 0;
  for (let at = leaf, width = count; width > 1; at >>= 1, width = Math.ceil(width / 2)) {
    if ((at ^ 1) >= width) continue;
    const beside = path[used];
    if (beside?.length !== hashBytes) return false;
    used += 1;
    node = (at & 1) === 0 ? hashNode(node, beside) : hashNode(beside, node);
  }
  return used === path.length && nameOf(size, node) === name;
}

/** The tree, for files that are kept elsewhere and named in the same way. */
export const contentTree = { leafBytes, hashBytes, hashLeaf, hashOfLeaves } as const;

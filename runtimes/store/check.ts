/** Reads a whole file once: both its names, the hashes of its leaves, and what it is. It takes as long as the file is
 *  large, so the node runs it in a thread (`node/inference/local/file-checks.ts`). */
import { createHash } from "node:crypto";
import { withFile } from "./bytes.ts";
import { inspectFile, type Found } from "./inspect.ts";
import type { ContentTree } from "./port.ts";

/** What a file is, in every way that the store needs. */
export interface Checked {
  readonly size: number;
  readonly sha256: string;
  readonly tree: string;
  /** The hashes of its leaves, one after the other. */
  readonly leaves: Uint8Array;
  readonly found: Found;
}

/** Checks a file called `name` that lies at `path`. `look` false: only its names are wanted. Throws what the file
 *  system throws. */
export function checkFile(path: string, name: string, tree: ContentTree, look = true): Checked {
  // Before it is hashed: most of what is refused is refused by its first bytes.
  const found: Found = look ? inspectFile(path, name) : { type: "beside" };
  return withFile(path, (bytes) => {
    const sha256 = createHash("sha256");
    const leaves: Uint8Array[] = [];
    const piece = tree.leafBytes * 64;
    for (let at = 0; at < bytes.size; at += piece) {
      const part = bytes.read(at, piece);
      sha256.update(part);
      for (let leaf = 0; leaf < part.length; leaf += tree.leafBytes)
        leaves.push(tree.hashLeaf(part.subarray(leaf, leaf + tree.leafBytes)));
    }
    if (leaves.length === 0) leaves.push(tree.hashLeaf(new Uint8Array()));
    const name64 = tree.hashOfLeaves(bytes.size, leaves);
    return {
      size: bytes.size,
      sha256: sha256.digest("hex"),
      tree: name64,
      leaves: new Uint8Array(Buffer.concat(leaves)),
      found,
    };
  });
}

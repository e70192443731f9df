/** The storage nodes as one more node that has models: for those that no other node has any more.
 *
 *      name ─► row of the directory ─► its index ─► leaves, compared with the file's name ─► pieces, each cut to chunks
 *
 *  What comes from there is believed no more than what comes from any node. */
import { failure, ok, refused, type Result, type StripeRef } from "../../../protocols/index.ts";
import type { ContentTree, ModelPeers } from "../../../runtimes/store/port.ts";
import type { StripedModel, StripedModels } from "../../cluster/facts/striped-models.ts";
import { decodeIndex, type FileStripes, type ModelIndex } from "./in-stripes.ts";
import { modelLimits } from "./limits.ts";

/** What the storage nodes are called among the nodes that have a model. No node is. */
export const inStripes = "stripes";

interface FromStripesPorts {
  readonly rows: Pick<StripedModels, "current">;
  /** Reads a stripe; the same one soon again costs nothing. */
  readonly read: (stripe: StripeRef) => Promise<Result<Uint8Array>>;
  readonly tree: ContentTree;
}

/** Makes it. */
export function createFromStripes({ rows, read, tree }: FromStripesPorts): ModelPeers {
  /** By the try of the model that they are of: the last ones that were read. */
  const indexes = new Map<string, ModelIndex>();

  async function indexOf({ name, attempt, index }: StripedModel): Promise<Result<ModelIndex>> {
    const known = indexes.get(attempt);
    if (known !== undefined) return ok(known);
    if (index === undefined) return refused(failure("NOT_FOUND", { model: name }));
    const bytes = await read(index);
    const decoded = bytes.ok ? decodeIndex(bytes.value) : bytes;
    if (!decoded.ok) return decoded;
    indexes.set(attempt, decoded.value);
    const [oldest = ""] = indexes.keys();
    if (indexes.size > modelLimits.indexesKept) indexes.delete(oldest);
    return decoded;
  }

  /** Where a file is: in a model of which somebody has just asked for the files. */
  function placeOf(digest: string): (FileStripes & { readonly pieceBytes: number }) | undefined {
    for (const { files, pieceBytes } of [...indexes.values()].toReversed()) {
      const file = files.find((one) => one.digest === digest);
      if (file !== undefined) return { ...file, pieceBytes };
    }
    return undefined;
  }

  return {
    async find(name) {
      const there = rows
        .current()
        .filter(({ model, index }) => model === name && index !== undefined)
        .toSorted((one, other) => other.addedAtMs - one.addedAtMs);
      let last: Result<never> = refused(failure("NOT_FOUND", { model: name, reason: "no node has it" }));
      for (const row of there) {
        const index = await indexOf(row);
        if (index.ok && index.value.model.name === name) return ok({ model: index.value.model, nodes: [inStripes] });
        if (!index.ok) last = index;
      }
      return last;
    },
    async leaves(_, { digest, tree: expected, size }, signal) {
      const file = placeOf(digest);
      if (file === undefined) return refused(failure("NOT_FOUND", { file: digest }));
      const leaves: Uint8Array[] = [];
      for (const piece of file.leaves) {
        if (signal.aborted) return refused(failure("STOPPING"));
        const bytes = await read(piece);
        if (!bytes.ok) return bytes;
        for (let at = 0; at < bytes.value.length; at += tree.hashBytes)
          leaves.push(bytes.value.slice(at, at + tree.hashBytes));
      }
      return tree.hashOfLeaves(size, leaves) === expected
        ? ok(leaves)
        : refused(failure("SOURCE_FAILED", { node: inStripes, reason: "its hashes are of another file" }));
    },
    async chunk(_, { digest, start, end }) {
      const file = placeOf(digest);
      if (file === undefined) return refused(failure("NOT_FOUND", { file: digest }));
      const parts: Uint8Array[] = [];
      for (let at = start; at < end;) {
        const number = Math.floor(at / file.pieceBytes);
        const piece = file.pieces[number];
        if (piece === undefined) return refused(failure("NOT_FOUND", { file: digest, from: at }));
        const bytes = await read(piece);
        if (!bytes.ok) return bytes;
        const part = bytes.value.subarray(at - number * file.pieceBytes, end - number * file.pieceBytes);
        if (part.length === 0) return refused(failure("DATA_DAMAGED", { stripe: piece.id }));
        parts.push(part);
        at += part.length;
      }
      return ok(parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts));
    },
  };
}

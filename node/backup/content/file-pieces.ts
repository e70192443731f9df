/** Files of a backup, put together of their units. */
import { failure, PlexusError } from "../../../protocols/index.ts";
import type { UnitEntry } from "../../../runtimes/backup/index.ts";
import { hashOf } from "../../bulk/blobs/tree.ts";

/** Memory of larger files is not kept. */
const keptBytes = 4 * 1024 * 1024;

/** Takes pieces, which come one after the other, and gives the file with its last piece: it is there until the next
 *  piece is taken, in memory that is used again. Error: BACKUP_DAMAGED. */
export function filePieces(): (
  unit: Pick<UnitEntry, "name" | "first" | "last">,
  piece: Uint8Array,
) => Uint8Array | undefined {
  let memory = Buffer.alloc(0);
  let coming = { file: "", pieces: 0, bytes: 0 };
  const add = (piece: Uint8Array): void => {
    const end = coming.bytes + piece.length;
    if (end > memory.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, 2 * memory.length));
      larger.set(memory.subarray(0, coming.bytes));
      memory = larger;
    }
    memory.set(piece, coming.bytes);
    coming = { ...coming, pieces: coming.pieces + 1, bytes: end };
  };
  return ({ name: { thread, bucket, part }, first, last }, piece) => {
    const file = `${thread}/${bucket}`;
    if (coming.file !== file) {
      coming = { file, pieces: 0, bytes: 0 };
      if (memory.length > keptBytes) memory = Buffer.alloc(0);
    }
    // A piece before it is lost, and named: half a file is none.
    if (part !== coming.pieces) return undefined;
    add(piece);
    if (first !== last) return undefined;
    const bytes = memory.subarray(0, coming.bytes);
    coming = { file: "", pieces: 0, bytes: 0 };
    if (hashOf(bytes) !== bucket)
      throw new PlexusError(failure("BACKUP_DAMAGED", { object: "file", reason: "not what its name says" }));
    return bytes;
  };
}

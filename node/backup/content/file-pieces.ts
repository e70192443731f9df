/** Files of a backup, put together of their units. */
import { failure, PlexusError } from "../../../protocols/index.ts";
import type { UnitEntry } from "../../../runtimes/backup/index.ts";
import { hashOf } from "../../bulk/blobs/tree.ts";

/** Takes pieces, which come one after the other, and gives the file with its last piece. Error: BACKUP_DAMAGED. */
export function filePieces(): (
  unit: Pick<UnitEntry, "name" | "first" | "last">,
  piece: Uint8Array,
) => Uint8Array | undefined {
  let coming: { readonly file: string; readonly pieces: Uint8Array[] } = { file: "", pieces: [] };
  return ({ name: { thread, bucket, part }, first, last }, piece) => {
    const file = `${thread}/${bucket}`;
    if (coming.file !== file) coming = { file, pieces: [] };
    const { pieces } = coming;
    // A piece before it is lost, and named: half a file is none.
    if (part !== pieces.length) return undefined;
    pieces.push(new Uint8Array(piece));
    if (first !== last) return undefined;
    const bytes = Buffer.concat(pieces);
    coming = { file: "", pieces: [] };
    if (hashOf(bytes) !== bucket)
      throw new PlexusError(failure("BACKUP_DAMAGED", { object: "file", reason: "not what its name says" }));
    return bytes;
  };
}

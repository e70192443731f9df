/** What the disk of one voter has, for when there is no majority to ask. */
import type { Store } from "../../../ports/index.ts";
import { loadVoter } from "./disk.ts";
import type { Mark, Members } from "./messages.ts";
import { ReplicatedRows, type RowsImage } from "./rows.ts";

/** Rows with every entry of the log applied, also those of which this voter never heard that they were committed:
 *  somebody may have been told that they were. */
export interface LastKnown {
  readonly generation: number;
  /** The highest term that it knew of. */
  readonly term: number;
  readonly last: Mark;
  readonly members: Members;
  readonly image: RowsImage;
}

/** Undefined: the store is no voter's, or of one that was given nothing yet. Errors: DATA_DAMAGED,
 *  DATA_FORMAT_UNKNOWN. */
export async function readLastKnown(store: Store): Promise<LastKnown | undefined> {
  const loaded = await loadVoter(store);
  if (loaded === undefined) return undefined;
  const { head, restored, image } = loaded;
  const rows = new ReplicatedRows(image);
  let { members } = head;
  let last: Mark = head.base;
  for (const { index, term, body } of restored.entries) {
    last = { index, term };
    if (body.type === "members") ({ members } = body);
    if (body.type === "data" && index > restored.applied) rows.apply(body.data);
  }
  // One that learns begins with nothing, before the first entry.
  if (members.voters.length === 0) return undefined;
  return { generation: head.generation, term: restored.promise.term, last, members, image: rows.image };
}

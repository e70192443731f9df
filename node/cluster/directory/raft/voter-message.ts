/** What voters of the directory say to one another. */
import type { RaftMessage } from "./messages.ts";
import type { Asked, RowsImage } from "./rows.ts";

/** A message of Raft, over the rows of the directory. */
export type VoterMessage = RaftMessage<Asked, RowsImage>;

/** How nodes read, change and watch the directory that one of them keeps (node/cluster/directory). Values of rows
 *  travel as bytes: only those who use a row know what is in it.
 *
 *      watcher                                   keeper
 *        │ directory.watch 7, "slot/" ──────────►│  snapshot
 *        │◄──────────── first page, cursor ──────│
 *        │ directory.page cursor ───────────────►│  … until the cursor is 0
 *        │◄──────────── directory.changed 7, 1 ──│  numbered from 1, a few under way at most
 *        │ directory.seen 7, 1 ─────────────────►│
 *        │◄──────────── directory.ended 7 ───────│  too far behind: watch anew */
import { Type, type Static } from "typebox";
import { bytes, call, closed, count, endpoint, message, node, slot } from "./parts.ts";

const key = Type.String({ pattern: "^[!-~]{1,256}$" });
const prefix = Type.String({ pattern: "^[!-~]{0,256}$" });

/** Key, revision, value. */
const row = Type.Tuple([key, count, bytes]);
/** A row that changed, or the key that was removed and the revision of its removal. */
const change = Type.Union([row, Type.Tuple([key, count])]);

export type DirectoryWireRow = Static<typeof row>;
export type DirectoryWireChange = Static<typeof change>;

/** `generation` 0: the sender knows of no replicated directory. Without a leader: of none in this term. `etcd`: this
 *  generation is there, and nobody votes. `since`: the place in the voters' log since which these vote; absent: the
 *  sender's version does not say. */
const lead = {
  generation: count,
  term: count,
  leader: Type.Optional(node),
  voters: Type.Array(node, { maxItems: 64 }),
  since: Type.Optional(count),
  etcd: Type.Optional(closed({ endpoints: Type.Array(endpoint, { minItems: 1, maxItems: 9 }), prefix })),
};

const rowOrNone = Type.Union([row, Type.Null()]);
/** `cursor` 0: this was the last page. */
const page = closed({ rows: Type.Array(row), cursor: count });

export const directoryMessages = {
  "directory.read": call("control", { key }, closed({ row: rowOrNone })),
  /** Compare and set; without a value: delete. The row answered is the one there is then. */
  "directory.change": call(
    "control",
    { key, value: Type.Optional(bytes), revision: count, guard: Type.Optional(Type.Tuple([key, count])) },
    closed({ applied: Type.Boolean(), row: rowOrNone }),
  ),
  /** Answered by the first page. */
  "directory.list": call("control", { prefix }, page),
  /** The next page of a listing. Error: CURSOR_EXPIRED, start again. */
  "directory.page": call("control", { cursor: count }, page),
  /** Begins a watch under a number that this peer never used before. Answered by the first page. */
  "directory.watch": call("control", { watch: count, prefix }, page),
  "directory.unwatch": message("control", { watch: count }),
  /** From the keeper: what changed since the snapshot, in order. */
  "directory.changed": message("control", { watch: count, number: count, changes: Type.Array(change) }),
  /** To the keeper: everything up to this number has arrived. */
  "directory.seen": message("control", { watch: count, number: count }),
  /** From the keeper: nothing more will come for this watch. */
  "directory.ended": message("control", { watch: count }),
  /** From one voter of a replicated directory to another (node/cluster/directory/raft). One that is too large for
   *  this goes in parts. */
  "directory.vote": message("control", { generation: count, bytes }),
  /** The bytes from `start` on of a message with so many. Each sender sends one at a time. */
  "directory.part": message("bulk", { generation: count, bytes, start: count, size: count }),
  /** The nodes that keep the replicated directory, as the sender knows. Told to peers that connect, and when it
   *  changes. */
  "directory.leads": message("control", lead),
  /** Asks for it. */
  "directory.leader": call("control", {}, closed(lead)),
  /** What the sender was told: the newest revision, and an epoch of a slot that it knows and the directory does not
   *  tell. Answered with that revision, and refused with why if the keeper knows less. */
  "directory.known": call(
    "control",
    { revision: count, newer: Type.Optional(Type.Tuple([slot, count])) },
    closed({ revision: count }),
  ),
  /** Is the watch still kept, and what was the last number sent? */
  "directory.check": call("control", { watch: count }, closed({ sent: count })),
} as const;

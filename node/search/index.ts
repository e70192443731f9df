/** Search: what people find of what was said, in the rooms and conversations that they may read now.
 *
 *      post ─► log of the slot ─ committed ─► projection ─► index of this node (SQLite, in a thread)
 *                                                             ▲
 *      search ─► rooms of the person ─► their owners ─────────┘ ─► hits ─► each room: may they, what does it say now?
 *
 *  The index is derived: it is on the node that owns a slot, is never sent to another, and is made anew from the
 *  records when it is lost, damaged, of another version or of a log that went another way. It stores with its rows
 *  where the log stood, in one transaction. So a search says up to which entry it covers each slot, and waits for what
 *  was committed when it was asked.
 *
 *  The index decides nothing about who may read what. It is asked for places that the person is in now, and each
 *  message is fetched from its room in their name.
 *
 *  Words are `protocols/text/search.ts`. Read `changes.ts` (what a record is in the index), `table.ts` (the index),
 *  `worker.ts` and `place.ts` (its thread), `projection.ts` (how it follows the logs), `query.ts` and `expression.ts`
 *  (what is asked), `find.ts` (between the nodes), `operations.ts` (how a page comes about). */
export { createSearch, type Search } from "./find.ts";
export { handleSearch } from "./operations.ts";
export { indexInThread, type Index } from "./place.ts";

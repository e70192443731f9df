/** Notices to browsers whose page is closed. The node that has an account is, for somebody with such browsers, one more
 *  client of theirs: it follows their rooms as a page does and asks `tell`.
 *
 *      account comes up here ─► watch.ts: follows their rooms ─ activity ─► tell: a notice?
 *                                                                             │ a moment later
 *                 read meanwhile, in sight, not theirs to read any more ◄─────┤
 *                                                                             ▼
 *                               delivery.ts: encrypted for each browser ─► its push service, again and again
 *
 *  What waits lies in memory: a notice that is lost with its node is a count in the page, as everything unread is. A
 *  node that does not know yet that the account has moved may send as well: the browser shows the later one in the
 *  place of the first. docs/decisions/0189-told-while-away.md. */
export { tellThoseAway } from "./telling.ts";

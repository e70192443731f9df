/** What the page knows, as data, and the rules that change it: no DOM, no clock, no network.
 *
 *  `foldRoom` and `foldAgent` turn a topic's state and events, and what this page itself sent, into the model that is
 *  shown; `window.ts` is which of a room's lines are loaded; `timelineRows` turns them into rows; `room-list.ts` keeps
 *  the unread counts; `text.ts` knows names and previews, `calling.ts` mentions,
 *  `writing.ts` and `emoji.ts` what is completed while it is typed; `explain.ts` says failures in words;
 *  `kept.ts` is what one account has not finished, in this browser. */
export * from "./agent.ts";
export * from "./calling.ts";
export * from "./drafts.ts";
export * from "./explain.ts";
export * from "./kept.ts";
export * from "./kept-form.ts";
export * from "./leaving.ts";
export * from "./meanwhile.ts";
export * from "./posting.ts";
export * from "./quoting.ts";
export * from "./room.ts";
export * from "./room-model.ts";
export * from "./room-list.ts";
export * from "./sidebar.ts";
export * from "./unsent-drafts.ts";
export * from "./text.ts";
export * from "./threads.ts";
export * from "./timeline.ts";
export * from "./topics.ts";
export * from "./unfinished.ts";
export * from "./writing.ts";
export { hasOlder, messageAt, newestLine, reachesMarker, windowMessagesMax } from "./window.ts";

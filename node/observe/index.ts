/** What a node remembers of itself, so that an admin sees what happens without any other system: lines of its log,
 *  figures over a day, and steps of traces.
 *
 *      log   ─► lines.ts    the newest lines, in memory ──────────┐
 *      meter ─► history.ts  figures of an hour and a day, by the  ├─► control.ts: an admin asks a node, which asks all
 *               table of series.ts ───────────────────────────────┤              over the mesh, and joins what they say
 *      gateway ─► requests.ts  what came of requests, by route, kind and key ─┤
 *
 *      V8    ─► profiles.ts where time was spent, when an admin asks ─┤
 *      spans ─► spans.ts    the newest steps of traces ───────────┘
 *
 *  `tracer.ts` is the Tracer port by OpenTelemetry; it is loaded only where something is traced. All of it is bounded,
 *  and gone when the process ends: what must stay is printed, scraped or exported. Nothing here has a message's text,
 *  because no log line and no metric has one. docs/decisions/0090-seeing-what-happens.md has the choice. */
export { handleObserve } from "./operations.ts";
export { handleProfiles } from "./profile-operations.ts";
export { createObserveControl, type OwnMemory } from "./control.ts";
export { keepHistory } from "./history.ts";
export { countRequests } from "./requests.ts";
export { keepLines } from "./lines.ts";
export { createProfiles } from "./profiles.ts";
export type { RunningTracer } from "./tracer.ts";
export { keepSpans } from "./spans.ts";

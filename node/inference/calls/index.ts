/** Calls of engines wherever they are served: on this node or on another member.
 *
 *      call ─► chooseServer (choice.ts) ─► this node ─► own engine
 *                     │            └► a member ── engine.<name> ──► its own engine
 *                     │                   ▲                             │
 *                     ▼                   └─ parts, coalesced; result ──┘  connection lost: one RUNTIME_FAULT, unknown
 *      nobody: MODEL_NOT_FOUND; nobody now: MODEL_UNAVAILABLE
 *
 *  A call is served by one other node at most: what comes from a peer goes to the own engine only, so calls cannot go
 *  round in circles. What members offer stands in their rows (`offers.ts` keeps this node's), and what they are busy
 *  with comes with their beats.
 *
 *  Read `calls.ts` with `choice.ts`, then `able.ts`, `attachments.ts` and `offers.ts`, which stand alone. */
export { createCalls, type Calls } from "./calls.ts";
export { affinityOf, draw, type Room } from "./draws.ts";
export { withAttachments, type ReadAttachment } from "./attachments.ts";
export { advertise } from "./offers.ts";
export { callLimits, type CallLimits } from "./limits.ts";

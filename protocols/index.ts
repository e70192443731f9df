/** The words that nodes, actors and clients share: ids, messages with their schemas, the error table, wire limits.
 *  No I/O, no clock; everything here also runs in a browser.
 *
 *  Read in this order: `ids.ts` (what is addressed), `errors.ts` (what can go wrong), `room.ts`, `user.ts`, `agent.ts` (what is
 *  said), `client.ts` (how a client says it). */
export * from "./agent.ts";
export * from "./assert.ts";
export * from "./catalog.ts";
export * from "./client.ts";
export * from "./cluster.ts";
export * from "./codec.ts";
export * from "./errors.ts";
export * from "./generation.ts";
export * from "./ids.ts";
export * from "./limits.ts";
export * from "./nodes.ts";
export * from "./role-manager.ts";
export * from "./room.ts";
export * as schema from "./schema.ts";
export type { Resumed } from "./schema.ts";
export * from "./text.ts";
export * from "./user.ts";

/** The words that nodes, actors and clients share: ids, messages with their schemas, the error table, wire limits.
 *  No I/O, no clock; everything here also runs in a browser.
 *
 *  Read in this order: `ids.ts` (what is addressed), `errors.ts` (what can go wrong), `command.ts` (how a command is declared),
 *  `room.ts`, `user.ts`, `agent.ts` (the commands), `kinds.ts` (all of them, and the types of calls), `client.ts` (the frames
 *  that carry them). */
export * from "./advice.ts";
export * from "./agent.ts";
export * from "./api.ts";
export * from "./assert.ts";
export * from "./backup.ts";
export * from "./backup-guards.ts";
export * from "./backups.ts";
export * from "./budgets.ts";
export * from "./disk.ts";
export * from "./keys.ts";
export * from "./catalog.ts";
export * from "./client.ts";
export * from "./cluster.ts";
export * from "./codec.ts";
export {
  maySend,
  type Command,
  type CommandEffect,
  type CommandFrom,
  type CommandOf,
  type CommandTable,
  type MessageOf,
  type Route,
  type Source,
} from "./command.ts";
export * from "./endpoints.ts";
export * from "./engine.ts";
export * from "./errors.ts";
export * from "./generation.ts";
export * from "./ids.ts";
export * from "./inference.ts";
export * from "./kinds.ts";
export * from "./ledger.ts";
export * from "./limits.ts";
export * from "./model-orders.ts";
export * from "./model-route.ts";
export * from "./models.ts";
export * from "./nodes.ts";
export * from "./notice.ts";
export * from "./notice-text.ts";
export * from "./permissions.ts";
export * from "./quality.ts";
export * from "./role-manager.ts";
export * from "./room.ts";
export * as schema from "./schema.ts";
export type { Resumed } from "./schema.ts";
export * from "./shard-holder.ts";
export * from "./shards.ts";
export * from "./text.ts";
export * from "./user.ts";

/** The words that nodes, actors and clients share: ids, messages with their schemas, the error table, wire limits.
 *  No I/O, no clock; everything here also runs in a browser.
 *
 *  Read in this order: `ids.ts` (what is addressed), `errors.ts` (what can go wrong), `command.ts` (how a command is
 *  declared), `room.ts`, `user.ts`, `agent.ts` (the commands), `kinds.ts` (all of them, and the types of calls),
 *  `client.ts` (the frames that carry them). */
export * from "./advice.ts";
export * from "./agent.ts";
export * from "./api.ts";
export * from "./assert.ts";
export * from "./audit.ts";
export * from "./audit-search.ts";
export * from "./audit-sinks.ts";
export * from "./authority.ts";
export * from "./power/shown.ts";
export * from "./backup.ts";
export * from "./branding.ts";
export * from "./contrast.ts";
export * from "./backup-guards.ts";
export * from "./backup-dates.ts";
export * from "./backups.ts";
export * from "./activity.ts";
export * from "./budgets.ts";
export * from "./quotas.ts";
export * from "./disk.ts";
export * from "./threat-lists.ts";
export * from "./keys.ts";
export * from "./catalog.ts";
export * from "./client.ts";
export * from "./cluster.ts";
export * from "./cluster-plan.ts";
export * from "./profiles.ts";
export * from "./forecast.ts";
export * from "./cluster-leaving.ts";
export * from "./detectors.ts";
export * from "./control.ts";
export * from "./directory-info.ts";
export * from "./codec.ts";
export * from "./configuration.ts";
export * from "./csv.ts";
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
export * from "./emoji.ts";
export * from "./endpoints.ts";
export * from "./engine.ts";
export * from "./errors.ts";
export * from "./generation.ts";
export * from "./identity-provider.ts";
export * from "./ids.ts";
export * from "./inference.ts";
export * from "./kinds.ts";
export * from "./ledger.ts";
export * from "./limits.ts";
export * from "./model-orders.ts";
export * from "./model-route.ts";
export * from "./models.ts";
export * from "./names.ts";
export * from "./nodes.ts";
export * from "./notice.ts";
export * from "./notice-text.ts";
export * from "./observe.ts";
export * from "./operations/index.ts";
export * from "./permissions.ts";
export * from "./playbooks.ts";
export { plexusMark, readAnswer } from "./plexus-answer.ts";
export { withoutControls } from "./printable.ts";
export * from "./quality.ts";
export * from "./claim.ts";
export * from "./mail.ts";
export * from "./registration.ts";
export * from "./role-manager.ts";
export * from "./secrets.ts";
export * from "./roles.ts";
export * from "./room.ts";
export * as schema from "./schema.ts";
export type { Resumed } from "./schema.ts";
export * from "./shard-holder.ts";
export * from "./shards.ts";
export * from "./same-json.ts";
export * from "./sign-in.ts";
export * from "./slot-list.ts";
export * from "./tasks.ts";
export * from "./text.ts";
export * from "./traces.ts";
export * from "./user.ts";
export * from "./watch.ts";
export * from "./json-meter.ts";
export * from "./written.ts";
export * from "./times/index.ts";

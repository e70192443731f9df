/** The words that nodes, actors and clients share: ids, messages with their schemas, the error table, wire limits.
 *  No I/O, no clock; everything here also runs in a browser.
 *
 *  Read in this order: `ids.ts` (what is addressed), `errors.ts` (what can go wrong), `command.ts` (how a command is
 *  declared), `room.ts`, `user.ts`, `agent.ts` (the commands), `kinds.ts` (all of them, and the types of calls),
 *  `client.ts` (the frames that carry them). */
export * from "./words/advice.ts";
export * from "./wire/api.ts";
export * from "./assert.ts";
export * from "./admin/audit.ts";
export * from "./admin/audit-search.ts";
export * from "./admin/audit-sinks.ts";
export * from "./authority/index.ts";
export * from "./power/shown.ts";
export * from "./admin/branding.ts";
export * from "./text/contrast.ts";
export * from "./admin/backup-guards.ts";
export * from "./admin/backup-dates.ts";
export * from "./admin/backups.ts";
export * from "./admin/activity.ts";
export * from "./admin/budgets.ts";
export * from "./authority/quotas.ts";
export * from "./admin/disk.ts";
export * from "./admin/threat-lists.ts";
export * from "./admin/keys.ts";
export * from "./wire/client.ts";
export * from "./wire/notifications.ts";
export * from "./wire/presence.ts";
export * from "./admin/cluster.ts";
export * from "./words/storage-quota.ts";
export * from "./admin/cluster-plan.ts";
export * from "./admin/profiles.ts";
export * from "./admin/forecast.ts";
export * from "./words/cluster-leaving.ts";
export * from "./admin/detectors.ts";
export * from "./authority/control.ts";
export * from "./admin/directory-info.ts";
export * from "./wire/codec.ts";
export * from "./admin/configuration.ts";
export * from "./wire/csv.ts";
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
} from "./wire/command.ts";
export * from "./text/emoji.ts";
export { isOwnEmoji, ownEmojiNameText, reactionForm } from "./text/own-emoji.ts";
export * from "./engines/endpoints.ts";
export * from "./engines/remote-adapters.ts";
export * from "./engines/call.ts";
export * from "./engines/engine.ts";
export * from "./engines/scan.ts";
export * from "./errors.ts";
export * from "./engines/generation.ts";
export * from "./authority/identity-provider.ts";
export * from "./authority/passkeys.ts";
export * from "./ids.ts";
export * from "./engines/inference.ts";
export * from "./answering/branches.ts";
export * from "./answering/conversation-key.ts";
export * from "./kinds/index.ts";
export * from "./limits.ts";
export * from "./engines/model-orders.ts";
export * from "./engines/model-route.ts";
export * from "./engines/models.ts";
export * from "./text/names.ts";
export * from "./admin/nodes.ts";
export * from "./admin/notice.ts";
export * from "./words/notice-text.ts";
export * from "./admin/observe.ts";
export * from "./admin/requests.ts";
export * from "./operations/index.ts";
export * from "./authority/permissions.ts";
export * from "./admin/playbooks.ts";
export { plexusMark, readAnswer } from "./wire/plexus-answer.ts";
export { withoutControls } from "./text/printable.ts";
export * from "./engines/quality.ts";
export * from "./admin/mail.ts";
export * from "./admin/features.ts";
export * from "./admin/reports.ts";
export * from "./authority/registration.ts";
export * from "./admin/secrets.ts";
export * from "./authority/roles.ts";
export * from "./authority/session-places.ts";
export * as schema from "./wire/schema.ts";
export * from "./text/search.ts";
export * from "./wire/catch-up.ts";
export * from "./wire/digest.ts";
export * from "./wire/push.ts";
export * from "./wire/search.ts";
export type { Resumed } from "./wire/schema.ts";
export * from "./admin/shards.ts";
export * from "./wire/same-json.ts";
export * from "./authority/sign-in.ts";
export * from "./words/slot-list.ts";
export * from "./admin/tasks.ts";
export * from "./text/text.ts";
export * from "./admin/traces.ts";
export * from "./admin/watch.ts";
export * from "./wire/json-meter.ts";
export * from "./wire/written.ts";
export * from "./times/index.ts";

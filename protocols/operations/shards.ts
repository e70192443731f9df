/** The shards of backups. */
import { Type } from "typebox";
import { answer } from "../wire/command.ts";
import { limit, object } from "../wire/schema.ts";
import { holderParams, shardHolderCommands, type ShardPage, type ShardsView } from "../kinds/shard-holder.ts";
import {
  inspectStripe,
  namedStripe,
  putStripe,
  type NodesHealed,
  type StripeHealth,
  type StripePut,
  type StripeRead,
} from "../admin/shards.ts";
import { changes, fieldsOf, ofActors, ofOthers, reads } from "./operation.ts";

const tags = ["admin"];
const { only, after } = shardHolderCommands.list.params.properties;

export const shardOperations = {
  "shards.list": reads({
    answer: answer<ShardsView>("ShardsView"),
    permission: "cluster.see",
    errors: ["NOT_FOUND"],
    summary:
      "Groups of shard-holders: which node owns which, what it holds, what is lost or missing, and how the nodes stand",
    description: "`sums` is what a holder's inventory says; it is absent while the holder does not answer.",
    tags,
  }),
  "shards.inventory": reads({
    params: holderParams,
    fields: object({ only, after, limit: Type.Optional(limit) }),
    answer: answer<ShardPage>("ShardPage"),
    permission: "cluster.see",
    errors: ["NOT_FOUND", ...ofActors],
    summary: "A page of what one holder has; `only` names the lost ones, or those in the trash",
    tags,
  }),
  "stripes.put": changes({
    fields: putStripe,
    large: "stripe",
    answer: answer<StripePut>("StripePut"),
    permission: "shards.manage",
    errors: [
      "NOT_FOUND",
      "HOLDERS_TOO_FEW",
      "DISK_FULL",
      "DATA_DAMAGED",
      "SLOT_UNAVAILABLE",
      "RELEASED",
      "MOVED",
      ...ofOthers,
    ],
    action: "putStripe",
    task: { what: () => "Upload of a stripe" },
    // How many bytes it is, and which stripe it became, the handler says.
    facts: () => ({}),
    summary: "Keeps some bytes as a stripe; answers with its descriptor, without which nobody finds it",
    description:
      "The bytes are kept as they are: encrypt them before. Answered when k + ⌈m/2⌉ holders have their shards on disk.",
    tags,
  }),
  "stripes.read": reads({
    fields: namedStripe,
    large: "stripe",
    answer: answer<StripeRead>("StripeRead"),
    looks: true,
    task: { what: ({ stripe }) => `Read of stripe ${stripe.id}` },
    permission: "shards.manage",
    errors: ["NOT_FOUND", "STRIPE_LOST", "SLOT_UNAVAILABLE", "DATA_DAMAGED", ...ofOthers],
    summary: "The bytes of a stripe, from any shards that suffice",
    tags,
  }),
  "stripes.inspect": reads({
    fields: inspectStripe,
    large: "stripe",
    answer: answer<StripeHealth>("StripeHealth"),
    looks: true,
    task: { what: ({ stripe }) => `Check of stripe ${stripe.id}` },
    permission: "shards.manage",
    errors: ["NOT_FOUND", "SLOT_UNAVAILABLE", ...ofOthers],
    summary: "How each shard of a stripe stands; with `deep` after reading it where it is",
    tags,
  }),
  "stripes.release": changes({
    fields: namedStripe,
    large: "stripe",
    answer: fieldsOf({}),
    permission: "shards.manage",
    errors: ["NOT_FOUND", "HOLDERS_TOO_FEW", "SLOT_UNAVAILABLE", "MOVED", ...ofOthers],
    action: "releaseStripe",
    task: { what: ({ stripe }) => `Release of stripe ${stripe.id}` },
    facts: ({ stripe }) => ({ stripe: stripe.id }),
    remembers: ({ stripe }) => ({ stripe: stripe.id }),
    summary: "Stops keeping a stripe that was put by hand",
    tags,
  }),
  "shards.heal": changes({
    answer: answer<NodesHealed>("NodesHealed"),
    permission: "shards.manage",
    errors: ["NOT_FOUND"],
    action: "healShards",
    task: { what: () => "Repair of shards", again: true },
    facts: () => ({}),
    summary: "Repairs at once all that storage nodes lack, without waiting for nodes that are away",
    description: "Answers with what each node did, within two minutes; what is left goes on.",
    tags,
  }),
};

/** The kinds of actors.
 *
 *      user ──► room ──► agent         commands of people; a mention summons an agent
 *        └──────────────► agent        a direct conversation
 *      room, user ──► catalog          so that public rooms and people can be found
 *      room ──► groups                 who is in a group that is mentioned
 *      (person) ──► emoji              the cluster's own emoji, by name
 *      role-manager ──► user           who is admin
 *      node ──► ledger                 what people took of models
 *      node ──► shard-holder           which shards lie at the node that owns it
 *      node ──► activity               what people did, by day
 *      room ──► quarantine             which files wait for an admin's decision
 *      user ──► claim                  which mail address is the person's, and which identity of another server
 *      node ──► backup                 what is to be done with backups, and how far it is
 *      node ──► watch                  what detectors have read and found
 *
 *  A kind is a behavior (`behavior.ts`): pure functions over data. Kinds know each other's messages (`protocols`),
 *  never each other's code. What several kinds do alike has one home: `stream.ts` (the event stream that clients
 *  resume) and `outbox.ts` (messages to other actors that survive a crash).
 *
 *  Read `behavior.ts`, then `room/index.ts`. */
import { activity } from "./activity/index.ts";
import { agent, namedIn, settingsOf } from "./agent/index.ts";
import { backup } from "./backup/index.ts";
import type { AnyBehavior } from "./behavior.ts";
import { catalog } from "./catalog/index.ts";
import { claim } from "./claim/index.ts";
import { emoji } from "./emoji/index.ts";
import { groups } from "./groups/index.ts";
import { ledger } from "./ledger/index.ts";
import { quarantine } from "./quarantine/index.ts";
import { roleManager } from "./role-manager/index.ts";
import { remaking, room } from "./room/index.ts";
import { shardHolder } from "./shard-holder/index.ts";
import { user } from "./user/index.ts";
import { watch } from "./watch/index.ts";

/** All kinds, for the kernel. */
export const behaviors: readonly AnyBehavior[] = [
  room,
  user,
  agent,
  roleManager,
  catalog,
  groups,
  emoji,
  ledger,
  shardHolder,
  backup,
  quarantine,
  watch,
  claim,
  activity,
];

export { namedIn, remaking, settingsOf, agent, backup, catalog, ledger, roleManager, room, shardHolder, user };

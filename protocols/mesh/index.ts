/** What nodes say to each other, as data: one row a message; a call has its answer beside it. Both are checked when
 *  they arrive (`node/cluster/exchange`); a member that sends garbage loses its connection. Nodes one minor version
 *  apart work together, so a row only changes as docs/decisions/0008-mesh.md allows; `protocols/CONTRACT.txt` shows
 *  each change. */
import type { Static, TSchema } from "typebox";
import { auditMessages } from "./audit.ts";
import { backupMessages } from "./backup.ts";
import { blobMessages } from "./blobs.ts";
import { directoryMessages } from "./directory.ts";
import { engineMessages } from "./engine.ts";
import { identityMessages } from "./identity.ts";
import { keyMessages } from "./keys.ts";
import { membershipMessages } from "./membership.ts";
import { modelMessages } from "./models.ts";
import { observeMessages } from "./observe.ts";
import { placementMessages } from "./placement.ts";
import { presenceMessages } from "./presence.ts";
import { profileMessages } from "./profiles.ts";
import { rateMessages } from "./rates.ts";
import { replicationMessages } from "./replication.ts";
import { responseMessages } from "./responses.ts";
import { routingMessages } from "./routing.ts";
import { searchMessages } from "./search.ts";
import { settingsMessages } from "./settings.ts";
import { shardMessages } from "./shards.ts";
import { taskMessages } from "./tasks.ts";
import { threatMessages } from "./threats.ts";
import { watchMessages } from "./watch.ts";

export type { Channel } from "./channel.ts";
export type { DirectoryWireChange, DirectoryWireRow } from "./directory.ts";
export type { Assertion } from "./identity.ts";
export { failed } from "./parts.ts";
export type { LoadReport } from "./placement.ts";
export type { Standing } from "./replication.ts";

export const meshMessages = {
  ...auditMessages,
  ...backupMessages,
  ...blobMessages,
  ...directoryMessages,
  ...engineMessages,
  ...identityMessages,
  ...keyMessages,
  ...membershipMessages,
  ...modelMessages,
  ...observeMessages,
  ...placementMessages,
  ...presenceMessages,
  ...profileMessages,
  ...rateMessages,
  ...replicationMessages,
  ...responseMessages,
  ...routingMessages,
  ...searchMessages,
  ...settingsMessages,
  ...shardMessages,
  ...taskMessages,
  ...threatMessages,
  ...watchMessages,
} as const;

/** What may be the name of a message, now or in a later version. */
export const messageName = /^[a-z][A-Za-z.]{0,63}$/;

type MeshMessages = typeof meshMessages;
export type MeshName = keyof MeshMessages;
export type MeshBody<Name extends MeshName> = Static<MeshMessages[Name]["schema"]>;
/** Names of the messages that are answered. */
export type MeshCall = {
  [Name in MeshName]: MeshMessages[Name] extends { readonly answer: TSchema } ? Name : never;
}[MeshName];
export type MeshAnswer<Name extends MeshCall> = Static<MeshMessages[Name]["answer"]>;

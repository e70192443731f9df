/** What nodes say to each other, as data: one row a message. They are checked when they arrive (`node/exchange.ts`); a
 *  member that sends anything else loses its connection. */
import type { Static } from "typebox";
import { directoryMessages } from "./directory.ts";
import { generationMessages } from "./generation.ts";
import { membershipMessages } from "./membership.ts";
import { placementMessages } from "./placement.ts";
import { replicationMessages } from "./replication.ts";
import { routingMessages } from "./routing.ts";

export type { Channel } from "./channel.ts";
export { directoryAnswers, type DirectoryWireChange, type DirectoryWireRow } from "./directory.ts";
export type { Standing } from "./replication.ts";
export { routingAnswers } from "./routing.ts";

export const meshMessages = {
  ...directoryMessages,
  ...generationMessages,
  ...membershipMessages,
  ...placementMessages,
  ...replicationMessages,
  ...routingMessages,
} as const;

export type MeshMessages = typeof meshMessages;
export type MeshName = keyof MeshMessages;
export type MeshBody<Name extends MeshName> = Static<MeshMessages[Name]["schema"]>;

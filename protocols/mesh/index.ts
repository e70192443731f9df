/** What nodes say to each other, as data: one row a message. They are checked when they arrive (`node/exchange.ts`); a
 *  member that sends garbage loses its connection. Nodes one minor version apart work together, so a row only changes as
 *  docs/decisions/0008-mesh.md allows; `protocols/CONTRACT.txt` shows each change. */
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

/** What may be the name of a message, now or in a later version. */
export const messageName = /^[a-z][A-Za-z.]{0,63}$/;

export type MeshMessages = typeof meshMessages;
export type MeshName = keyof MeshMessages;
export type MeshBody<Name extends MeshName> = Static<MeshMessages[Name]["schema"]>;

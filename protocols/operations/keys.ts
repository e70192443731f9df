/** The keys of the cluster's backups. They cross the wire only sealed. */
import { Type } from "typebox";
import { answer } from "../wire/command.ts";
import { beginKit, confirmKit, restoreKeys, rotateKeys, trustRoot, type KeysStatus } from "../admin/keys.ts";
import { object } from "../wire/schema.ts";
import { changes, fieldsOf, listOf, ofActors, ofDirectory, reads } from "./operation.ts";

const tags = ["admin"];
/** What keys may refuse: those that are not here, or not of this cluster, and the directory that has their records. */
const ofKeys = [
  "NOT_FOUND",
  "KIT_MISSING",
  "KEY_MISSING",
  "KEY_REFUSED",
  "ROOT_UNVOUCHED",
  "DISK_FULL",
  ...ofDirectory,
] as const;
const status = answer<KeysStatus>("KeysStatus");

/** An epoch's public record, in an answer. */
const epoch = fieldsOf({
  epoch: Type.Number(),
  commitment: Type.String(),
  verifyKey: Type.String(),
  before: Type.String(),
  signature: Type.String(),
  sealed: fieldsOf({ root: Type.String(), key: Type.String() }),
});

export const keyOperations = {
  "keys.status": reads({
    answer: status,
    permission: "cluster.see",
    errors: ofKeys,
    summary: "The recovery kit, the epochs, and whether this node has their keys; nothing of it is secret",
    tags,
  }),
  "keys.beginKit": changes({
    fields: beginKit,
    answer: fieldsOf({ epochs: listOf(epoch) }),
    permission: "keys.manage",
    errors: ofKeys,
    action: "beginKit",
    facts: () => ({}),
    summary: "Begins a recovery kit: answers with the epochs that its root is to sign for",
    description: "The root itself is never sent. Nothing is changed before the kit is confirmed at the same node.",
    tags,
  }),
  "keys.confirmKit": changes({
    fields: confirmKit,
    answer: status,
    permission: "keys.manage",
    errors: ["SHARE_WRONG", ...ofKeys],
    action: "makeKit",
    facts: ({ root, lost }) => ({
      kit: root.commitment,
      shares: `${root.needed} of ${root.digests.length}`,
      lost: lost === true,
    }),
    summary: "Confirms a recovery kit; one before opens nothing that is made from then on",
    description: "Where there is a kit, `voucher` is the signature of its root for the new one. Error: ROOT_UNVOUCHED.",
    tags,
  }),
  "keys.trustRoot": changes({
    fields: trustRoot,
    answer: status,
    permission: "keys.manage",
    errors: ofKeys,
    action: "trustRoot",
    facts: ({ words }) => ({ words }),
    summary: "Says which root of the keys this node trusts: the directory's, or the one that it knows",
    description: "For the node's operator alone, with the control token. Each node with keys is told by itself.",
    tags,
  }),
  "keys.rotate": changes({
    fields: rotateKeys,
    answer: status,
    permission: "keys.manage",
    errors: ofKeys,
    action: "rotateKeys",
    task: { what: () => "Rotation of the backup keys" },
    facts: ({ compromised }) => ({ compromised: compromised === true }),
    summary: "Begins an epoch: new backups get new keys, and the old keys are wrapped again",
    description: "Repeat it to go on with one that was broken off.",
    tags,
  }),
  "keys.erase": changes({
    fields: object({ tenant: Type.String({ minLength: 1, maxLength: 256 }) }),
    answer: fieldsOf({ destroyed: Type.Number() }),
    permission: "backup.prune",
    errors: ["UNDER_HOLD", "LIMIT_REACHED", ...ofKeys, ...ofActors],
    action: "eraseKeys",
    task: { what: ({ tenant }) => `Destruction of the keys of ${tenant}` },
    facts: ({ tenant }) => ({ tenant }),
    summary: "Destroys the backup keys of a person or room: what they encrypted is unreadable for good",
    tags,
  }),
  "keys.restore": changes({
    fields: restoreKeys,
    answer: status,
    large: "keys",
    permission: "keys.manage",
    errors: ofKeys,
    action: "restoreKeys",
    facts: ({ root }) => ({ kit: root.commitment }),
    summary: "Gives this node the keys that a recovery kit has opened, sealed to it",
    tags,
  }),
};

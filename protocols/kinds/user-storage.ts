/** How much a person keeps in files of rooms and of conversations with agents (decision 0257). */
import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { blobHash, key, line, nothing, position } from "../wire/schema.ts";

const byGateway = { from: ["gateway"] } as const;
const file = line(256);

export const userStorageCommands = {
  /** An upload is about to begin in a room; or in another place (`storedPlaces`), where `id` is the place, a slash and
   *  a digest. `limit` is what the person may keep, by `quota`. Errors: STORAGE_FULL,
   *  LIMIT_REACHED. */
  reserveStorage: command({
    ...byGateway,
    params: { id: file, room: key, bytes: position, limit: position, quota: line(64) },
    result: nothing,
    effect: "changes",
    summary: "Keeps room for an upload, within what the person may keep",
  }),
  /** It did not begin. */
  freeStorage: command({
    ...byGateway,
    params: { id: file },
    result: nothing,
    effect: "changes",
    summary: "Gives such room back",
  }),
  storage: command({
    ...byGateway,
    params: {},
    result: answer<StorageHeld>("StorageHeld"),
    effect: "reads",
    summary: "What the person keeps in files, and in which rooms",
  }),
  /** `began`: the person's uploads that the room knows. */
  storedIn: command({
    from: ["actor"],
    params: { room: key, bytes: position, version: position, began: Type.Array(file, { maxItems: 64 }) },
    result: nothing,
    effect: "changes",
    summary: "Tells the user of a room how much they keep there",
  }),
  /** The same of an agent of theirs: pictures and sounds that were attached as they are. */
  agentStored: command({
    from: ["actor"],
    params: { agent: key, bytes: position, version: position, began: Type.Array(blobHash, { maxItems: 64 }) },
    result: nothing,
    effect: "changes",
    summary: "Tells the owner of an agent how much its conversation keeps",
  }),
} as const;

/** What a person keeps in files; the rooms with most. */
export interface StorageHeld {
  readonly bytes: number;
  /** A `room` with a slash is none: `storedPlaces`. */
  readonly rooms: readonly { readonly room: string; readonly bytes: number }[];
}

/** What somebody keeps, and what they may keep; without `limit`: any amount. */
export interface StorageView extends StorageHeld {
  readonly limit?: number;
  readonly quota?: string;
}

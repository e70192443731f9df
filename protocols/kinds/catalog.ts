import { Type } from "typebox";
import { answer, command } from "../wire/command.ts";
import { blobHash, key, nothing, timeMs } from "../wire/schema.ts";

const fromOwner = { from: ["actor"], effect: "changes", result: nothing } as const;

/** `catalog/rooms` lists public rooms, `catalog/users` lists people, so that both can be found. */
export const catalogCommands = {
  /** The actor that the row is about sends it. */
  put: command({
    ...fromOwner,
    params: {
      key,
      title: Type.String({ maxLength: 200 }),
      detail: Type.String({ maxLength: 600 }),
      atMs: timeMs,
      avatar: Type.Optional(blobHash),
    },
    summary: "Adds or replaces the sender's own row",
  }),
  remove: command({ ...fromOwner, params: { key }, summary: "Removes the sender's own row" }),
  /** Rows whose key or title contains `text`, by key, after `after`. */
  find: command({
    params: {
      text: Type.Optional(Type.String({ maxLength: 100 })),
      after: Type.Optional(key),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
    },
    result: answer<CatalogPage>("CatalogPage"),
    from: ["client"],
    effect: "reads",
    permission: "catalog.find",
    http: [
      ["GET", "/catalog/rooms", { key: "rooms", summary: "Finds public rooms" }],
      ["GET", "/catalog/users", { key: "users", summary: "Finds people" }],
    ],
    summary: "Finds public rooms, or people",
    answers: "list",
  }),
} as const;

export interface CatalogRow {
  readonly key: string;
  readonly title: string;
  readonly detail: string;
  readonly atMs: number;
  /** Of people who have a picture: its hash. */
  readonly avatar?: string;
}

export interface CatalogPage {
  readonly rows: readonly CatalogRow[];
  readonly more: boolean;
  /** Where to go on: the next page's `after`. Present when there is more; a page may be empty and have it. */
  readonly next?: string;
}

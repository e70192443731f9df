import { Type } from "typebox";
import { key, object, timeMs } from "./schema.ts";

/** `catalog/rooms` lists public rooms, `catalog/users` lists people, so that both can be found. */
export const catalogCommands = {
  /** (room, user) Adds or replaces the sender's own row. */
  put: object({ key, title: Type.String({ maxLength: 200 }), detail: Type.String({ maxLength: 600 }), atMs: timeMs }),
  remove: object({ key }),
  /** Rows whose key or title contains `text`, by key, after `after`. */
  find: object({
    text: Type.Optional(Type.String({ maxLength: 100 })),
    after: Type.Optional(key),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })),
  }),
} as const;

export interface CatalogRow {
  readonly key: string;
  readonly title: string;
  readonly detail: string;
  readonly atMs: number;
}

export interface CatalogPage {
  readonly rows: readonly CatalogRow[];
  readonly more: boolean;
  /** Where to go on: the next page's `after`. Present when there is more; a page may be empty and have it. */
  readonly next?: string;
}

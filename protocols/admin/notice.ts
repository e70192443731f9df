/** What people are told without having asked: news of the cluster that concern them, kept by their user actor. */
import { Type, type Static } from "typebox";
import { userName } from "../wire/schema.ts";

/** What comes of the audit to people: the action, with its facts. */
export const notice = Type.Object({
  /** As of the audit's entry: `budgetWarned`, `budgetUsedUp`, or one of a later version. */
  action: Type.String({ minLength: 1, maxLength: 32 }),
  facts: Type.Record(Type.String({ maxLength: 32 }), Type.String({ maxLength: 256 }), { maxProperties: 16 }),
  atMs: Type.Integer({ minimum: 0 }),
});
export type Notice = Static<typeof notice>;

/** The people who hear of an entry of the audit. */
export const noticed = Type.Object({
  people: Type.Array(userName, { maxItems: 100 }),
  /** Everybody who administers the cluster, too. */
  admins: Type.Boolean(),
});
export type Noticed = Static<typeof noticed>;

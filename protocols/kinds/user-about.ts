/** What people tell of themselves on their card, all of it by choice (docs/decisions/0276-cards-of-people.md). */
import { Type, type Static } from "typebox";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { line, object } from "../wire/schema.ts";

/** Empty texts are left out: what is not named is taken away. */
export const personAbout = object({
  title: Type.Optional(line(limits.aboutLineCharsMax)),
  pronouns: Type.Optional(line(limits.aboutLineCharsMax)),
  about: Type.Optional(line(limits.aboutCharsMax)),
  /** A name of the IANA database. Where a reader's clock does not know it, no time is shown. */
  timeZone: Type.Optional(
    Type.String({ maxLength: 64, pattern: "^[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}$" }),
  ),
});
export type PersonAbout = Static<typeof personAbout>;

/** Of an account, for the card of its person. */
export interface UserAbout extends PersonAbout {
  /** Built-in roles that others see; absent: neither. */
  readonly role?: "admin" | "guest";
}

/** Commands to a user. */
export const userAboutCommands = {
  /** Of an account that is gone: nothing. */
  about: command({
    params: {},
    result: answer<UserAbout>("UserAbout"),
    from: ["client"],
    effect: "reads",
    permission: "account.see",
    http: ["GET", "/people/:user/about"],
    summary:
      "What somebody tells of themselves: title, pronouns, a few words, time zone; and whether they are an admin or " +
      "a guest",
  }),
  setAbout: command({
    params: personAbout.properties,
    result: answer<UserAbout>("UserAbout"),
    from: ["client"],
    effect: "changes",
    permission: "account.use",
    http: ["PUT", "/me/about"],
    summary: "Sets what the caller tells of themselves; all of it is replaced",
  }),
} as const;

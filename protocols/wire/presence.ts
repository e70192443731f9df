import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import { line, object, timeMs, userName } from "./schema.ts";

/** What a person says of themselves beside their name, for as long as they choose. */
export const personStatus = object({
  text: Type.Optional(line(limits.statusCharsMax)),
  emoji: Type.Optional(line(32, 1, "^\\S+$")),
  /** When it ends by itself. Absent: when its person ends it. */
  untilMs: Type.Optional(timeMs),
  /** Asks others not to expect an answer now. */
  doNotDisturb: Type.Optional(Type.Boolean()),
  /** Others see neither the status nor whether the person is here. */
  hidden: Type.Optional(Type.Boolean()),
});
export type PersonStatus = Static<typeof personStatus>;

/** What others see of a status. */
export type ShownStatus = Omit<PersonStatus, "hidden">;

/** Whether somebody is here: `active` uses a client now, `away` has one open, `offline` has none, or hides it. */
export interface Presence {
  readonly user: string;
  readonly here: "active" | "away" | "offline";
  /** Of people who are here. */
  readonly status?: ShownStatus;
}

/** What others see of a status at this time; undefined: nothing. */
export function shownStatus(status: PersonStatus | undefined, nowMs: number): ShownStatus | undefined {
  if (status === undefined || status.hidden === true) return undefined;
  if (status.untilMs !== undefined && status.untilMs <= nowMs) return undefined;
  const { hidden: _never, ...shown } = status;
  return Object.keys(shown).some((name) => name !== "untilMs") ? shown : undefined;
}

/** Whether a person hides from others at this time. */
export const isHidden = (status: PersonStatus | undefined, nowMs: number): boolean =>
  status?.hidden === true && (status.untilMs === undefined || status.untilMs > nowMs);

/** The people that a connection looks at from now on, in place of those before. */
export const lookFields = object({
  people: Type.Array(userName, { maxItems: limits.peopleLookedAtMax, uniqueItems: true }),
});

/** Whether the person uses the client now. */
export const hereFields = object({ active: Type.Boolean() });

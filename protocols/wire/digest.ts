/** Mail to people who were away: what of it they want, and when. */
import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import { key, line, object, position, timeMs } from "./schema.ts";

/** When mail is sent: never; once something has been unread for some minutes; every hour; once a day. */
const digestTime = Type.Union([
  Type.Literal("never"),
  Type.Literal("unread"),
  Type.Literal("hourly"),
  Type.Literal("daily"),
]);

/** What it says: how much there is; or who wrote what, and where. */
const digestContent = Type.Union([Type.Literal("counts"), Type.Literal("text")]);
export type DigestContent = Static<typeof digestContent>;

/** What a person has said of it. */
export const mailDigest = object({
  when: digestTime,
  /** For `unread`. */
  afterMinutes: Type.Integer({ minimum: limits.digestMinutesMin, maximum: 24 * 60 }),
  /** For `daily`: by the clock of this zone. */
  atMinute: Type.Integer({ minimum: 0, maximum: 24 * 60 - 1 }),
  /** A name of the time zone database: `Europe/Vienna`. */
  zone: line(64),
  content: digestContent,
});
export type MailDigest = Static<typeof mailDigest>;

/** What of it a person sets; what is not named stays. */
export const digestParts = Type.Partial(mailDigest);

/** What holds for people who have said nothing. */
export const plainDigest: MailDigest = {
  when: "never",
  afterMinutes: 30,
  atMinute: 8 * 60,
  zone: "UTC",
  content: "text",
};

/** Up to where a room was told of by mail. */
export const digestMark = object({ room: key, seq: position });
export type DigestMark = Static<typeof digestMark>;

/** What became of a mail. `unknown`: nobody knows whether the mail server took it. `away`: it took nothing, and the
 *  notices are told later. */
export const digestOutcome = Type.Union([
  Type.Literal("sent"),
  Type.Literal("refused"),
  Type.Literal("away"),
  Type.Literal("unknown"),
]);
export type DigestOutcome = Static<typeof digestOutcome>;

/** The mail that was sent last. */
const digestSent = object({ atMs: timeMs, notices: position, outcome: digestOutcome });
export type DigestSent = Static<typeof digestSent>;

/** Answer to the account's node, which sends. */
export interface DigestState {
  readonly wants: MailDigest;
  /** Rises with each change: what rests on another one is refused. */
  readonly revision: number;
  /** Nothing is told that was written before. */
  readonly sinceMs: number;
  readonly told: readonly DigestMark[];
  /** When it is to be looked next. Absent: nobody has said. */
  readonly dueMs?: number;
  /** Absent: the person has no confirmed address, or may not come in. */
  readonly to?: string;
}

/** Answer to `digest.show`. */
export interface DigestView extends MailDigest {
  /** What mail may say here at the most; `off`: none is sent. */
  readonly allowed: DigestContent | "off";
  /** Where mail goes. Absent: the person has no confirmed address. */
  readonly to?: string;
  /** Absent: none was sent. */
  readonly last?: DigestSent;
}

/** `/notify`: what a line asks of the account, and what the account says.
 *
 *      /notify                       what is told
 *      /notify all|mentions|nothing  of this room; /notify same: as of other rooms
 *      /notify mute 2h               this room, for a time; /notify unmute
 *      /notify others LEVEL          of the other rooms
 *      /notify words deploy, on call   told like a mention; /notify words: none
 *      /notify quiet 22:00-07:00 [mo tu …]   /notify quiet: none
 *      /notify mail                  what is sent by mail
 *      /notify mail never|after 30m|hourly|daily 08:30   and what it says: counts, text */
import type { ParametersOf } from "../../client/index.ts";
import type {
  DigestSent,
  DigestView,
  MailDigest,
  NotificationLevel,
  NotificationRules,
  RoomNotifications,
} from "../../protocols/index.ts";
import { noRoom, type Wrong } from "./requests.ts";

type Asked =
  | { readonly name: "user.setNotifications"; readonly fields: ParametersOf<"user.setNotifications"> }
  | { readonly name: "user.setRoomNotifications"; readonly fields: ParametersOf<"user.setRoomNotifications"> };

const usage: Wrong = {
  wrong:
    "Say what: all, mentions, nothing or same for this room; mute 2h or unmute; others LEVEL; words WORD, WORD; " +
    "quiet 22:00-07:00 mo tu we; mail never, after 30m, hourly or daily 08:30.",
};

const levels: Readonly<Record<NotificationLevel, string>> = {
  all: "every message",
  mentions: "what concerns you: mentions, answers, direct messages, your words",
  nothing: "nothing",
};
const isLevel = (word: string): word is NotificationLevel => Object.hasOwn(levels, word);

const dayNames = ["su", "mo", "tu", "we", "th", "fr", "sa"];
const unitsMs = { m: 60_000, h: 3_600_000, d: 24 * 3_600_000 } as const;

/** What a line asks for. */
export function notifyOf(
  line: string,
  at: {
    /** The room where the person is. */
    readonly room: string | undefined;
    readonly rules: NotificationRules;
    readonly nowMs: number;
    readonly zone: string;
  },
): Asked | Wrong {
  const [what = "", ...words] = line.trim().split(/\s+/);
  const rest = line.trim().slice(what.length).trim();
  const [first = ""] = words;
  if (what === "others") return isLevel(first) ? { name: "user.setNotifications", fields: { level: first } } : usage;
  if (what === "words") {
    const keywords = [...new Set(rest.split(",").map((word) => word.trim()))].filter((word) => word !== "");
    return { name: "user.setNotifications", fields: { keywords, seen: { keywords: at.rules.keywords } } };
  }
  if (what === "quiet") {
    const quiet = quietOf(words, at);
    return "wrong" in quiet ? quiet : { name: "user.setNotifications", fields: { quiet } };
  }
  const { room } = at;
  if (room === undefined) return isLevel(what) || ["same", "mute", "unmute"].includes(what) ? noRoom : usage;
  const { level, mutedUntilMs } = at.rules.rooms.find((one) => one.room === room) ?? {};
  const until = mutedUntilMs !== undefined && mutedUntilMs > at.nowMs ? { mutedUntilMs } : {};
  const set = (said: Omit<RoomNotifications, "room">): Asked => ({
    name: "user.setRoomNotifications",
    fields: { room, ...said },
  });
  if (isLevel(what)) return set({ level: what, ...until });
  if (what === "same") return set(until);
  if (what === "unmute") return set({ ...(level && { level }) });
  if (what !== "mute") return usage;
  const [, count = "", unit = ""] = /^(\d{1,3})([mhd])$/.exec(first) ?? [];
  if (count === "" || Number(count) === 0) return { wrong: "Say for how long: /notify mute 30m, 2h or 3d." };
  const forMs = Number(count) * unitsMs[unit as keyof typeof unitsMs];
  return set({ ...(level && { level }), mutedUntilMs: at.nowMs + forMs });
}

function quietOf(
  [hours, ...days]: readonly string[],
  { rules, zone }: { readonly rules: NotificationRules; readonly zone: string },
): NotificationRules["quiet"] | Wrong {
  if (hours === undefined) return { ...rules.quiet, days: [] };
  const [, ...clock] = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(hours) ?? [];
  const [fromHour = 24, fromMinute = 0, toHour = 24, toMinute = 0] = clock.map(Number);
  if (fromHour > 23 || toHour > 23 || fromMinute > 59 || toMinute > 59)
    return { wrong: "Say from when to when: /notify quiet 22:00-07:00." };
  const named = days.map((day) => dayNames.indexOf(day.slice(0, 2).toLowerCase()));
  if (named.includes(-1)) return { wrong: `The days are ${dayNames.join(", ")}; without any it is every day.` };
  const on = named.length === 0 ? dayNames.map((_, day) => day) : [...new Set(named)].toSorted((a, b) => a - b);
  return { days: on, fromMinute: fromHour * 60 + fromMinute, toMinute: toHour * 60 + toMinute, zone };
}

const clockOf = (minute: number): string =>
  `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}`;

/** What a person is told of, a line each. */
export function describeRules({ level, rooms, keywords, quiet }: NotificationRules, nowMs: number): readonly string[] {
  const { days, fromMinute, toMinute, zone } = quiet;
  const on = days.map((day) => dayNames[day]).join(" ");
  const hours = `${clockOf(fromMinute)}-${clockOf(toMinute)} by the clock of ${zone}, from ${on}`;
  return [
    `You are told of: ${levels[level]}.`,
    ...rooms.map(({ room, level: own, mutedUntilMs = 0 }) => {
      const told = own === undefined ? "as the others" : levels[own];
      const muted = mutedUntilMs > nowMs ? `; muted until ${new Date(mutedUntilMs).toLocaleString()}` : "";
      return `${room}: ${told}${muted}`;
    }),
    `Your words: ${keywords.length === 0 ? "none" : keywords.join(", ")}`,
    `Quiet hours: ${days.length === 0 ? "none" : hours}`,
  ];
}

const mailUsage: Wrong = {
  wrong: "Say when: /notify mail never, after 30m, hourly or daily 08:30; and what it says: counts or text.",
};

/** What the words behind `/notify mail` ask for. */
export function mailOf(words: readonly string[], zone: string): Partial<MailDigest> | Wrong {
  const [what = "", when = ""] = words;
  if (what === "never" || what === "hourly") return { when: what };
  if (what === "counts" || what === "text") return { content: what };
  if (what === "after") {
    const [, count = "", unit = ""] = /^(\d{1,4})([mh])$/.exec(when) ?? [];
    const afterMinutes = Number(count) * (unit === "h" ? 60 : 1);
    return count === "" ? mailUsage : { when: "unread", afterMinutes };
  }
  const [, hour = "", minute = ""] = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(when) ?? [];
  if (what !== "daily" || hour === "") return mailUsage;
  return { when: "daily", atMinute: Number(hour) * 60 + Number(minute), zone };
}

const outcomes: Readonly<Record<DigestSent["outcome"], string>> = {
  sent: "the mail server took it",
  refused: "the mail server refused it",
  away: "the mail server is away: it is sent later",
  unknown: "nobody knows whether it arrived; it is not sent again",
};

/** What a person gets by mail, a line each. */
export function describeMail({
  when,
  afterMinutes,
  atMinute,
  zone,
  content,
  allowed,
  to,
  last,
}: DigestView): readonly string[] {
  if (allowed === "off") return ["This cluster sends no mail of what you have missed."];
  const times: Readonly<Record<MailDigest["when"], string>> = {
    never: "never",
    unread: `once something is unread for ${afterMinutes} minutes`,
    hourly: "every hour",
    daily: `at ${clockOf(atMinute)} by the clock of ${zone}`,
  };
  const says = allowed === "text" && content === "text" ? "who wrote what, and where" : "how much there is";
  return [
    `Mail of what you have missed: ${times[when]}${when === "never" ? "" : `; it says ${says}`}.`,
    to === undefined ? "Your account has no confirmed mail address: none is sent." : `It goes to ${to}.`,
    ...(last === undefined
      ? []
      : [`The last one, ${new Date(last.atMs).toLocaleString()}, with ${last.notices}: ${outcomes[last.outcome]}.`]),
  ];
}

/** What a person types to find messages, in the page and in the terminal: words, and among them what narrows the
 *  search.
 *
 *      tea in:lobby from:bob topic:"release 5" after:2026-11-01 has:link mentions:me "several words"
 *
 *  What stands between quotation marks is searched for as it is. */
import type { MessageSearch } from "../wire/search.ts";

/** What a search can be narrowed by, in the order in which it is offered. */
export const findingFilters = ["from", "in", "topic", "thread", "before", "after", "has", "mentions"] as const;
export type FindingFilter = (typeof findingFilters)[number];

/** What was typed, understood. */
interface Finding {
  readonly search: MessageSearch;
  /** Words that look like a filter and are none: `before:soon`. Nothing is searched for by them. */
  readonly wrong: readonly string[];
}

type Read = (value: string, me: string) => MessageSearch | undefined;

const key = /^[a-z0-9][a-z0-9._-]*$/;

/** The first moment of a day in this time zone. Undefined: there is no such day. */
export function dayStartMs(day: string): number | undefined {
  const [, year, month, date] = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(day) ?? [];
  if (year === undefined) return undefined;
  const at = new Date(Number(year), Number(month) - 1, Number(date));
  return at.getMonth() === Number(month) - 1 ? at.getTime() : undefined;
}

/** A day as it is typed: `2026-11-27`. */
export function dayText(atMs: number): string {
  const at = new Date(atMs);
  const two = (part: number): string => String(part).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

const beside: Readonly<Record<string, MessageSearch>> = {
  link: { hasLink: true },
  file: { hasFile: true },
  reaction: { hasReaction: true },
};

const readers: { readonly [Name in FindingFilter | "to"]: Read } = {
  from(who, me) {
    const name = who.replace(/^@/, "").toLowerCase();
    if (name === "me") return { from: me };
    if (!key.test(name)) return undefined;
    return { from: name.includes(".") ? `agent/${name}` : `user/${name}` };
  },
  in(place) {
    const agent = /^@(.+)$/.exec(place.toLowerCase())?.[1];
    const room = place.replace(/^#/, "").toLowerCase();
    if (agent !== undefined) return key.test(agent) ? { agent } : undefined;
    return key.test(room) ? { room } : undefined;
  },
  topic(typed) {
    const topic = typed.replace(/^"|"$/g, "").trim();
    return topic === "" ? undefined : { topic };
  },
  /** As the button of the page has it: the room and the message that the thread begins with. */
  thread(typed) {
    const [, room, seq] = /^([a-z0-9][a-z0-9._-]*)\/([1-9]\d{0,14})$/.exec(typed.toLowerCase()) ?? [];
    return room === undefined ? undefined : { room, thread: Number(seq) };
  },
  before(day) {
    const before = dayStartMs(day);
    return before === undefined ? undefined : { before };
  },
  after(day) {
    const after = dayStartMs(day);
    return after === undefined ? undefined : { after };
  },
  has(what) {
    const one = what.toLowerCase();
    return Object.hasOwn(beside, one) ? beside[one] : undefined;
  },
  mentions: (whom) => (whom.toLowerCase() === "me" ? { mentionsMe: true } : undefined),
  to: (whom) => (whom.toLowerCase() === "me" ? { mentionsMe: true } : undefined),
};

const isFilter = (name: string): name is keyof typeof readers => Object.hasOwn(readers, name);

/** A word that narrows: its name and its value, which may be missing yet. Undefined: it is searched for. */
export function filterIn(word: string): { readonly name: FindingFilter | "to"; readonly value: string } | undefined {
  // Keyboards of phones begin with a capital.
  const [, typed = "", value = ""] = /^([a-z]+):("[^"]*"?|\S*)$/i.exec(word) ?? [];
  const name = typed.toLowerCase();
  return isFilter(name) ? { name, value } : undefined;
}

/** Reads what was typed. `me`: the person as an author, `user/ada`. */
export function findingOf(typed: string, me: string): Finding {
  const text: string[] = [];
  const wrong: string[] = [];
  let search: MessageSearch = {};
  for (const [word] of typed.matchAll(/topic:"[^"]*"?|"[^"]*"?|\S+/gi)) {
    const filter = filterIn(word);
    const read = filter && readers[filter.name](filter.value, me);
    if (filter === undefined) text.push(word);
    else if (read === undefined) wrong.push(word);
    else search = { ...search, ...read };
  }
  return { search: { ...search, ...(text.length > 0 && { text: text.join(" ") }) }, wrong };
}

/** Whether there is something to find: a room or a day alone is where to look, and not what for. */
export const looksFor = ({ text, from, hasLink, hasFile, hasReaction, mentionsMe }: MessageSearch): boolean =>
  [text, from, hasLink, hasFile, hasReaction, mentionsMe].some((one) => one !== undefined);

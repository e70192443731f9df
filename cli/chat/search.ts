/** `/search`: what a person types as fields of a search, and its results as lines with numbers. */
import type { Result } from "../../protocols/errors.ts";
import type { FoundMessage, MessageSearch, SearchPage } from "../../protocols/index.ts";
import { cliLimits } from "../limits.ts";
import { searchFilters } from "./commands.ts";
import { withoutControls } from "../terminal/printable.ts";
import { minuteText, paint } from "../terminal/output.ts";
import type { Names } from "./names.ts";
import type { Printer } from "./printer.ts";
import type { Place, Wrong } from "./requests.ts";
import type { Look } from "./view.ts";

const idOf = /^[a-z0-9._-]+$/;
const beside: Readonly<Record<string, MessageSearch>> = {
  link: { hasLink: true },
  file: { hasFile: true },
  reaction: { hasReaction: true },
};

/** The beginning of a day where the person is; undefined: it is none. */
function dayOf(text: string): number | undefined {
  const atMs = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00`) : NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs);
}

/** Undefined: it is a word like others. */
const filters: Readonly<Record<string, (value: string) => MessageSearch | undefined>> = {
  in: (room) => (idOf.test(room) ? { room } : undefined),
  from: (who) => (idOf.test(who) ? { from: who.includes(".") ? `agent/${who}` : `user/${who}` } : undefined),
  has: (what) => (Object.hasOwn(beside, what) ? beside[what] : undefined),
  to: (whom) => (whom === "me" ? { mentionsMe: true } : undefined),
  after: (day) => (dayOf(day) === undefined ? undefined : { after: dayOf(day) as number }),
  before: (day) => (dayOf(day) === undefined ? undefined : { before: dayOf(day) as number }),
};

/** Words, and among them `in:ROOM`, `from:NAME`, `has:link`, `has:file`, `has:reaction`, `to:me`, and days:
 *  `after:2026-01-31`, `before:2026-02-28`. */
function searchOf(typed: string): MessageSearch {
  let fields: MessageSearch = {};
  const words = typed.split(/\s+/).filter((word) => {
    const [, name = "", value = ""] = /^(in|from|has|to|after|before):(\S+)$/.exec(word) ?? [];
    const own = filters[name]?.(value);
    fields = { ...fields, ...own };
    return own === undefined && word !== "";
  });
  const text = words.join(" ");
  return { ...fields, ...(text !== "" && { text }), limit: cliLimits.shownEntries };
}

/** What was found last, by numbers. */
export class Finder {
  readonly #search: (fields: MessageSearch) => Promise<Result<SearchPage>>;
  readonly #at: { readonly printer: Printer; readonly names: Pick<Names, "ready"> };
  #found: readonly FoundMessage[] = [];

  constructor(
    search: (fields: MessageSearch) => Promise<Result<SearchPage>>,
    at: { readonly printer: Printer; readonly names: Pick<Names, "ready"> },
  ) {
    this.#search = search;
    this.#at = at;
  }

  /** Searches, and prints what was found. */
  async search(typed: string, look: Look): Promise<Result<SearchPage>> {
    const { printer, names } = this.#at;
    const answer = await this.#search(searchOf(typed));
    if (!answer.ok) return answer;
    this.#found = answer.value.found;
    await names.ready(this.#found);
    for (const [at, one] of this.#found.entries()) printer.show({ found: one }, describeFound(at + 1, one, look));
    for (const said of describePage(answer.value)) printer.remark(printer.dim(said));
    return answer;
  }

  /** The message with a number. */
  find(number: string): FoundMessage | Wrong {
    const one = /^\d{1,3}$/.test(number) ? this.#found[Number(number) - 1] : undefined;
    return one ?? { wrong: `The last search has no number ${withoutControls(number)}: /search WORDS.` };
  }
}

/** Where a found message is. */
export const placeOf = ({ room, agent }: FoundMessage): Place =>
  room === undefined ? { kind: "agent", key: agent ?? "" } : { kind: "room", key: room };

/** A line of the results. The words that were found are bright. */
function describeFound(number: number, found: FoundMessage, { color, who }: Look): string {
  let at = 0;
  let text = "";
  const plain = (to: number): string => withoutControls(found.text.slice(at, to)).replaceAll(/\s+/g, " ");
  for (const [start, end] of found.marks) {
    text += plain(start);
    at = start;
    text += paint(color, ["bold", "yellow"], plain(end));
    at = end;
  }
  text += plain(found.text.length);
  const { kind, key } = placeOf(found);
  const place = withoutControls(`${kind === "agent" ? "@" : ""}${key} #${found.seq}`);
  const whole = `${found.cutFrom === undefined ? "" : "…"}${text}${found.goesOn === true ? "…" : ""}`;
  return `${number}. ${paint(color, "dim", `${place}, ${minuteText(found.atMs)}`)} ${who(found.author)}: ${whole}`;
}

/** What is said of the results as a whole. */
function describePage({ found, misspelt, next, unreachable = [], covered }: SearchPage): readonly string[] {
  return [
    ...(found.length === 0 ? ["Nothing was found."] : []),
    ...(misspelt === true ? ["Nothing has the very words: these are alike."] : []),
    ...(next === undefined ? [] : [`There is more: add words, or ${searchFilters}.`]),
    ...(unreachable.length > 0 ? [`Not searched, for they do not answer now: ${unreachable.join(", ")}`] : []),
    ...(covered.some(({ behind }) => behind !== undefined)
      ? ["The newest messages may be missing: search again."]
      : []),
    ...(found.length > 0 ? ["/found N goes to the place of one."] : []),
  ];
}

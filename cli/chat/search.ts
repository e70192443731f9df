/** `/search`: its results as lines with numbers. */
import type { Result } from "../../protocols/errors.ts";
import type { FoundMessage, MessageSearch, SearchPage } from "../../protocols/index.ts";
import { findingOf } from "../../protocols/words/finding.ts";
import { cliLimits } from "../limits.ts";
import { searchFilters } from "./commands.ts";
import { withoutControls } from "../terminal/printable.ts";
import { minuteText, paint } from "../terminal/output.ts";
import type { Names } from "./names.ts";
import type { Printer } from "./printer.ts";
import type { Place, Wrong } from "./requests.ts";
import type { Look } from "./view.ts";

/** What was found last, by numbers. */
export class Finder {
  readonly #search: (fields: MessageSearch) => Promise<Result<SearchPage>>;
  readonly #at: { readonly me: string; readonly printer: Printer; readonly names: Pick<Names, "ready"> };
  #found: readonly FoundMessage[] = [];

  constructor(
    search: (fields: MessageSearch) => Promise<Result<SearchPage>>,
    at: { readonly me: string; readonly printer: Printer; readonly names: Pick<Names, "ready"> },
  ) {
    this.#search = search;
    this.#at = at;
  }

  /** Searches, and prints what was found. */
  async search(typed: string, look: Look): Promise<Result<SearchPage>> {
    const { me, printer, names } = this.#at;
    const { search, wrong } = findingOf(typed, me);
    for (const word of wrong)
      printer.remark(printer.dim(withoutControls(`${word} narrows nothing: ${searchFilters}.`)));
    const answer = await this.#search({ ...search, limit: cliLimits.shownEntries });
    if (!answer.ok) return answer;
    this.#found = answer.value.found;
    await names.ready(this.#found);
    for (const [at, one] of this.#found.entries()) printer.show({ found: one }, describeFound(at + 1, one, look));
    for (const said of describePage(answer.value)) printer.remark(printer.dim(said));
    return answer;
  }

  /** Numbers go to these from now on. */
  keep(found: readonly FoundMessage[]): void {
    this.#found = found;
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
function describeFound(number: number, found: FoundMessage, look: Look): string {
  const { color, who } = look;
  const { kind, key } = placeOf(found);
  const title = found.title === undefined ? "" : ` “${found.title}”`;
  const place = withoutControls(`${kind === "agent" ? "@" : ""}${key}${title} #${found.seq}`);
  // In a room that is a message with files; what these are, its place says.
  const bare = paint(color, "dim", kind === "room" ? "(a file)" : "(no text)");
  const said = found.text === "" ? bare : passageText(found, color);
  const file = found.file && paint(color, "dim", `in ${withoutControls(found.file.name)}:`);
  const head = `${number}. ${paint(color, "dim", `${place}, ${minuteText(found.atMs)}`)} ${who(found.author)}:`;
  return [head, file, said].filter((part) => part !== undefined).join(" ");
}

function passageText(found: FoundMessage, color: boolean): string {
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
  return `${found.cutFrom === undefined ? "" : "…"}${text}${found.goesOn === true ? "…" : ""}`;
}

const moreFound = "There is more";
const moreUnseen = "Nothing of the newest messages, and not all were looked at";

/** What is said of the results as a whole. */
function describePage({ found, misspelt, next, unreachable = [], covered }: SearchPage): readonly string[] {
  return [
    ...(found.length === 0 && next === undefined ? ["Nothing was found."] : []),
    ...(misspelt === true ? ["Nothing has the very words: these are alike."] : []),
    ...(next === undefined ? [] : [`${found.length === 0 ? moreUnseen : moreFound}: add words, or ${searchFilters}.`]),
    ...(unreachable.length > 0 ? [`Not searched, for they do not answer now: ${unreachable.join(", ")}`] : []),
    ...(covered.some(({ behind }) => behind !== undefined)
      ? ["The newest messages may be missing: search again."]
      : []),
    ...(found.length > 0 ? ["/found N goes to the place of one."] : []),
  ];
}

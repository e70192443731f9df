/** `/catchup`: what was missed, marking it as read, and taking that back. */
import { markMissed, type Client, type Markers } from "../../client/index.ts";
import { ok, type Result } from "../../protocols/errors.ts";
import type { CatchUp, FoundMessage, MissedConcern, MissedLine } from "../../protocols/index.ts";
import { cut } from "../../protocols/text/text.ts";
import { whyWords } from "../../protocols/words/catching-up.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { Names } from "./names.ts";
import type { Printer } from "./printer.ts";
import type { Wrong } from "./requests.ts";
import type { Look } from "./view.ts";

const shownChars = 160;

/** What a person has missed, as it was shown last. */
export class CatchingUp {
  readonly #ask: () => Promise<Result<CatchUp>>;
  readonly #client: Pick<Client, "call">;
  readonly #at: {
    readonly printer: Printer;
    readonly names: Pick<Names, "ready">;
    readonly keep: (found: readonly FoundMessage[]) => void;
  };
  #shown: Markers | undefined;
  #marked: Markers | undefined;

  /** `keep` is given what has a number. */
  constructor(
    ask: () => Promise<Result<CatchUp>>,
    client: Pick<Client, "call">,
    at: {
      readonly printer: Printer;
      readonly names: Pick<Names, "ready">;
      readonly keep: (found: readonly FoundMessage[]) => void;
    },
  ) {
    this.#ask = ask;
    this.#client = client;
    this.#at = at;
  }

  /** `read` marks what was shown, `undo` takes that back; nothing shows it. */
  run(word: string, look: Look): Promise<Result<unknown> | Wrong> | Wrong {
    if (word === "") return this.#show(look);
    if (word === "read") return this.#mark();
    if (word === "undo") return this.#unmark();
    return { wrong: `/catchup shows what you have missed, /catchup read marks it as read, /catchup undo undoes that.` };
  }

  async #show(look: Look): Promise<Result<unknown>> {
    const { printer, names, keep } = this.#at;
    const answer = await this.#ask();
    if (!answer.ok) return answer;
    const { concerns, rooms, threads, unseen = [], left = 0, unreachable = [] } = answer.value;
    this.#shown = { rooms, threads };
    await names.ready(answer.value);
    keep(concerns.map(foundOf));
    const remark = (text: string): void => printer.remark(printer.dim(withoutControls(text)));
    for (const [at, one] of concerns.entries())
      printer.show({ concern: one }, `${at + 1}. ${one.room} ${describe(one, look)} (${whyWords[one.why]})`);
    for (const room of rooms) {
      printer.show({ room }, withoutControls(`${room.room}: ${room.unread} unread`));
      for (const line of room.lines) printer.show({ line }, `  ${describe(line, look)}`);
    }
    for (const thread of threads) {
      printer.show({ thread }, withoutControls(`${thread.room}, thread #${thread.root}: ${thread.unread} unread`));
      for (const line of thread.lines) printer.show({ line }, `  ${describe(line, look)}`);
    }
    if (unreachable.length > 0) remark(`Not here, for they do not answer now: ${unreachable.join(", ")}`);
    if (unseen.length > 0) remark(`Only the newest part was looked at of: ${unseen.join(", ")}`);
    if (left > 0) remark(`So many more rooms have something to read: ${left}`);
    if (concerns.length > 0) remark("/found N goes to the place of one.");
    const isNothing = rooms.length + threads.length === 0;
    remark(isNothing ? "You have missed nothing." : "/catchup read marks all of it as read.");
    return answer;
  }

  async #mark(): Promise<Result<unknown> | Wrong> {
    const shown = this.#shown;
    if (shown === undefined) return { wrong: "Look first what you have missed: /catchup." };
    this.#shown = undefined;
    this.#marked = shown;
    await this.#move(shown, "read", "All of it is marked as read; /catchup undo takes that back.");
    return ok({});
  }

  async #unmark(): Promise<Result<unknown> | Wrong> {
    const marked = this.#marked;
    if (marked === undefined) return { wrong: "Nothing was marked as read here: /catchup." };
    this.#marked = undefined;
    await this.#move(marked, "unread", "All of it is unread again.");
    return ok({});
  }

  async #move(markers: Markers, to: "read" | "unread", done: string): Promise<void> {
    const { printer } = this.#at;
    const failed = await markMissed(this.#client, markers, to);
    const says = failed === 0 ? done : `Not of all: ${failed} did not answer. Try again: /catchup.`;
    printer.remark(printer.dim(says));
  }
}

/** Where one is, as for what a search has found. */
const foundOf = ({ why: _why, ...one }: MissedConcern): FoundMessage => ({ ...one, marks: [] });

function describe({ seq, author, text, goesOn }: MissedLine, { who }: Look): string {
  const said = text === "" ? "(a file)" : withoutControls(cut(text.replaceAll(/\s+/g, " ").trim(), shownChars));
  return `#${seq} ${who(author)}: ${said}${goesOn === true ? "…" : ""}`;
}

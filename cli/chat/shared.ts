/** `/share`, `/shared` and `/unshare`: read-only links to conversations with agents. */
import type { Call } from "../../client/call.ts";
import { ok, type Result } from "../../protocols/errors.ts";
import type { SharedLink } from "../../protocols/index.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { CommandName, Line } from "./commands.ts";
import type { Printer } from "./printer.ts";
import type { Place, Wrong } from "./requests.ts";

const dayMs = 24 * 3_600_000;
const moment = (atMs: number): string => new Date(atMs).toLocaleString();

const names = ["share", "shared", "unshare"] as const;
type SharedCommand = (typeof names)[number];

/** Whether a command is about read-only links. */
export const isOfShared = (name: CommandName): name is SharedCommand => names.some((one) => one === name);

/** A person's links, by the numbers of the last list. */
export class Shared {
  readonly #call: Call;
  readonly #url: () => string;
  readonly #printer: Printer;
  #listed: readonly SharedLink[] = [];

  constructor(call: Call, url: () => string, printer: Printer) {
    this.#call = call;
    this.#url = url;
    this.#printer = printer;
  }

  run(
    name: SharedCommand,
    { words: [first = ""], rest }: Pick<Extract<Line, { type: "command" }>, "words" | "rest">,
    place: Place | undefined,
  ): Promise<Result<unknown> | Wrong> | Wrong {
    if (name === "shared") return this.#list();
    if (name === "unshare") return this.#takeBack(first);
    if (place?.kind !== "agent") return { wrong: "Talk to an agent first: /agent NAME." };
    return this.#make(place.key, rest.trim());
  }

  async #make(agent: string, days: string): Promise<Result<unknown> | Wrong> {
    if (days !== "" && !/^[1-9]\d?$/.test(days)) return { wrong: "Say for how many days: /share 7" };
    const made = await this.#call("sharedLinks.make", { agent, lifeMs: Number(days || "7") * dayMs });
    if (!made.ok) return made;
    const setup = await this.#call("signIn.setup");
    const url = ((setup.ok ? setup.value.publicUrl : undefined) ?? this.#url()) + made.value.path;
    const says = `Everybody who has it reads this conversation as it is now, until ${moment(made.value.untilMs)}.`;
    const line = `${withoutControls(url)}\n${this.#printer.dim(`${says} It is not shown again.`)}`;
    this.#printer.show({ link: made.value, url }, line);
    return made;
  }

  async #list(): Promise<Result<unknown>> {
    const result = await this.#call("sharedLinks.list");
    if (!result.ok) return result;
    this.#listed = result.value.links;
    for (const [place, link] of this.#listed.entries()) {
      const facts = `${link.conversation}, made ${moment(link.atMs)}, until ${moment(link.untilMs)}`;
      const called = withoutControls(link.title === "" ? "(no title)" : link.title);
      const line = `${place + 1}. ${called} ${this.#printer.dim(facts)}`;
      this.#printer.show({ link }, line);
    }
    if (this.#listed.length === 0)
      this.#printer.remark(this.#printer.dim("You share no conversation. /share makes a link."));
    return ok(undefined);
  }

  async #takeBack(number: string): Promise<Result<unknown> | Wrong> {
    const one = /^\d{1,3}$/.test(number) ? this.#listed[Number(number) - 1] : undefined;
    if (one === undefined) return { wrong: `/shared has no number ${withoutControls(number)}.` };
    const removed = await this.#call("sharedLinks.remove", { id: one.id });
    if (removed.ok) this.#printer.remark(this.#printer.dim("* The link leads nowhere now."));
    return removed;
  }
}

/** `/link`, `/links` and `/unlink`, and `/join` with a link: links by which people come into a room. */
import type { Call } from "../../client/call.ts";
import type { Client } from "../../client/index.ts";
import { ok, type Result } from "../../protocols/errors.ts";
import type { RoomLink } from "../../protocols/index.ts";
import { joinMark } from "../../protocols/kinds/join-mark.ts";
import { counted } from "../../protocols/words/amounts.ts";
import { withoutControls } from "../terminal/printable.ts";
import type { Names } from "./names.ts";
import type { Printer } from "./printer.ts";
import type { CommandName, Line } from "./commands.ts";
import { noRoom, type Wrong } from "./requests.ts";

const dayMs = 24 * 3_600_000;

/** A link into a room. `origin`: the server that it names. */
interface Way {
  readonly origin?: string;
  readonly room: string;
  readonly secret: string;
}

/** Reads a word as a link into a room; undefined: it is none. */
export function wayIn(word: string): Way | undefined {
  const [, room = "", secret = ""] = new RegExp(`/room/([^/#?]+)#${joinMark}([A-Za-z0-9_-]{43})$`).exec(word) ?? [];
  if (secret === "") return undefined;
  try {
    const origin = URL.parse(word)?.origin;
    return { room: decodeURIComponent(room), secret, ...(origin !== undefined && { origin }) };
  } catch {
    // A `%` that means no character: the address of no room.
    return undefined;
  }
}

const people = (count: number): string => counted(count, "person", "people");
const moment = (atMs: number): string => new Date(atMs).toLocaleString();

const names = ["link", "links", "unlink"] as const;
type LinkCommand = (typeof names)[number];

/** Whether a command is about links into a room. */
export const isOfLinks = (name: CommandName): name is LinkCommand => names.some((one) => one === name);

/** The links of rooms, by the numbers of the last list. */
export class Links {
  readonly #client: Pick<Client, "at" | "call">;
  readonly #call: Call;
  readonly #at: { readonly printer: Printer; readonly names: Pick<Names, "ready" | "who"> };
  #listed: { readonly room: string; readonly links: readonly RoomLink[] } | undefined;

  constructor(
    client: Pick<Client, "at" | "call">,
    call: Call,
    at: { readonly printer: Printer; readonly names: Pick<Names, "ready" | "who"> },
  ) {
    this.#client = client;
    this.#call = call;
    this.#at = at;
  }

  run(
    name: LinkCommand,
    { words: [first = ""], rest }: Pick<Extract<Line, { type: "command" }>, "words" | "rest">,
    room: string | undefined,
  ): Promise<Result<unknown> | Wrong> | Wrong {
    if (name === "unlink") return this.#takeBack(first);
    if (room === undefined) return noRoom;
    return name === "link" ? this.#make(room, rest.trim()) : this.#list(room);
  }

  /** `terms`: for how many people, and how many days. */
  async #make(room: string, terms: string): Promise<Result<unknown> | Wrong> {
    const [, uses = "10", days = "7"] = /^(?:([1-9]\d{0,3})(?:\s+([1-9]\d?))?)?$/.exec(terms) ?? ["", "", ""];
    if (uses === "") return { wrong: "Say for how many people and days: /link 10 7" };
    const made = await this.#call("rooms.addLink", { room, uses: Number(uses), lifeMs: Number(days) * dayMs });
    if (!made.ok) return made;
    const setup = await this.#call("signIn.setup");
    const url = ((setup.ok ? setup.value.publicUrl : undefined) ?? this.#client.at.url) + made.value.path;
    const { usesLeft, untilMs } = made.value;
    const says = `For ${people(usesLeft)}, until ${moment(untilMs)}. It is not shown again.`;
    this.#at.printer.show({ link: made.value, url }, `${withoutControls(url)}\n${this.#at.printer.dim(says)}`);
    return made;
  }

  async #list(room: string): Promise<Result<unknown>> {
    const { printer, names } = this.#at;
    const result = await this.#client.call("room.links", room, {});
    if (!result.ok) return result;
    const { links } = result.value;
    this.#listed = { room, links };
    await names.ready(links.map(({ by }) => by));
    for (const [at, link] of links.entries()) {
      const { usesLeft, untilMs, by } = link;
      printer.show({ link }, `${at + 1}. ${people(usesLeft)} left, until ${moment(untilMs)}, by ${names.who(by)}`);
    }
    if (links.length === 0)
      printer.remark(printer.dim("No link leads into this room now. /link makes one for 10 people and 7 days."));
    return result;
  }

  async #takeBack(number: string): Promise<Result<unknown> | Wrong> {
    const link = /^\d{1,3}$/.test(number) ? this.#listed?.links[Number(number) - 1] : undefined;
    if (this.#listed === undefined || link === undefined)
      return { wrong: `The last list has no number ${withoutControls(number)}: /links.` };
    const result = await this.#call("rooms.removeLink", { room: this.#listed.room, id: link.id });
    return result.ok || result.error.code !== "NOT_FOUND" ? result : ok({});
  }

  /** The secret goes to the server that the link names, and to no other. */
  async join({ origin, ...way }: Way): Promise<Result<unknown> | Wrong> {
    if (origin !== undefined && !(await this.#isHere(origin)))
      return { wrong: `This link leads to ${withoutControls(origin)}, another server: sign in there to use it.` };
    return this.#call("rooms.joinByLink", way);
  }

  /** Whether it is the address of this server: the one that this terminal uses, or the one that it gives in links. */
  async #isHere(origin: string): Promise<boolean> {
    if (URL.parse(this.#client.at.url)?.origin === origin) return true;
    const setup = await this.#call("signIn.setup");
    return setup.ok && setup.value.publicUrl !== undefined && URL.parse(setup.value.publicUrl)?.origin === origin;
  }
}

import type { People } from "../../client/index.ts";
import type { CatalogPage, Result, RoomMessage } from "../../protocols/index.ts";
import { folded, sought } from "../../protocols/text/names.ts";
import { titleForm, withAccounts } from "../../protocols/reading/mentions.ts";
import { isPlain, readPlain } from "../../protocols/reading/plain.ts";
import { peopleAmong, severalIn, withNames, type Mentionable } from "../../protocols/reading/shown.ts";
import type { Block } from "../../protocols/reading/tree.ts";
import { withoutControls } from "../terminal/printable.ts";

/** `user/ada` → `ada`, `agent/ada.helper` → `ada.helper`. */
export const nameOf = (principal: string): string => withoutControls(principal.slice(principal.indexOf("/") + 1));

/** How people are called where something is printed. */
export interface Callers {
  /** As everybody is shown: by the name that they have now. */
  readonly who: (principal: string) => string;
  /** The words of a message, with these names in the places of accounts. */
  readonly said: (message: Pick<RoomMessage, "text" | "mentions">) => string;
}

/** Everybody by their account, and texts as they were sent. */
export const accounts: Callers = { who: nameOf, said: ({ text }) => text };

const hasSign = (text: string): boolean => /[@＠﹫]/.test(text);
const userOf = (principal: string): string | undefined => /^user\/(.+)$/.exec(principal)?.[1];

/** Fields of what is printed whose people are counted or not shown. */
const unshown: ReadonlySet<string> = new Set(["reactions", "members", "view", "mentionedBefore", "rounds"]);

/** Whom somebody may mean. */
interface Meant {
  readonly accounts: readonly string[];
  readonly like: readonly string[];
  readonly isPart?: boolean;
}

/** Names as people see them, in a terminal: what is printed has the names of now, and what is typed calls people by
 *  them. */
export class Names implements Callers {
  readonly #people: People;
  /** Programs read accounts. */
  readonly #asAccounts: boolean;
  readonly #find: (text: string) => Promise<Result<CatalogPage>>;
  #read: ((text: string) => readonly Block[]) | undefined;

  /** `find`: people whose account or name contains a text. */
  constructor(people: People, asAccounts: boolean, find: (text: string) => Promise<Result<CatalogPage>>) {
    this.#people = people;
    this.#asAccounts = asAccounts;
    this.#find = find;
  }

  /** The accounts that somebody may mean who typed this: the account itself, or those of all who are called so.
   *  `like`: names that have it in them, where nobody is called so. `isPart`: there are too many to know all. */
  async meant(typed: string): Promise<Meant> {
    const wanted = sought(typed);
    const isAccount = /^[a-z0-9][a-z0-9_-]*$/.test(wanted);
    if (isAccount && !this.#asAccounts) await this.#people.want([wanted]);
    if (isAccount && (this.#asAccounts || this.#people.get(wanted) !== undefined))
      return { accounts: [wanted], like: [] };
    const found = this.#asAccounts ? undefined : await this.#find(wanted);
    // A node that cannot say it now says what it thinks of the account.
    if (found?.ok !== true) return { accounts: isAccount ? [wanted] : [], like: [] };
    const { rows, more } = found.value;
    if (rows.some(({ key }) => key === wanted)) return { accounts: [wanted], like: [] };
    // Of more people than one page has, another may be called so too.
    if (more) return { accounts: [], like: [], isPart: true };
    const accounts = rows.filter(({ title }) => folded(title) === wanted).map(({ key }) => key);
    return { accounts, like: accounts.length > 0 ? [] : rows.map(({ title }) => title) };
  }

  /** Whether all that these need to be printed is known. */
  has(shown: unknown): boolean {
    if (this.#asAccounts) return true;
    const { users, needsParser } = needsOf(shown);
    return users.every((user) => this.#people.isAsked(user)) && !(needsParser && this.#read === undefined);
  }

  /** Asks for all that these need to be printed. */
  async ready(shown: unknown): Promise<void> {
    if (this.has(shown)) return;
    const { users, needsParser } = needsOf(shown);
    await Promise.all([this.#people.want(users), needsParser ? this.#load() : undefined]);
  }

  /** A name that could be another's stands beside the account, which nobody else has. */
  who = (principal: string): string => {
    const user = userOf(principal);
    const title = user === undefined ? "" : withoutControls(this.#people.get(user)?.title ?? "");
    if (user === undefined || title === "" || titleForm(title) === user) return nameOf(principal);
    const couldBeAnother = /^[a-z0-9._-]+$/.test(titleForm(title)) || this.#people.isShared(user);
    return couldBeAnother ? `${title} (${user})` : title;
  };

  /** With the account, by which commands name them. */
  listed(principal: string): string {
    const shown = this.who(principal);
    const name = nameOf(principal);
    return shown === name || shown.endsWith(`(${name})`) ? shown : `${shown} (${name})`;
  }

  said = ({ text, mentions = [] }: Pick<RoomMessage, "text" | "mentions">): string => {
    const blocks = mentions.length === 0 ? undefined : this.#blocksOf(text);
    return blocks === undefined ? text : withNames(text, blocks, { mentions, members: {}, nameFor: this.who });
  };

  /** The text that is sent for what was typed to these: accounts in the places of names. `several`: names that more
   *  than one of them has, which call nobody. */
  async sent(
    text: string,
    members: readonly string[],
  ): Promise<{ readonly text: string; readonly several: readonly string[] }> {
    if (this.#asAccounts || !hasSign(text)) return { text, several: [] };
    await Promise.all([
      this.#people.want(members.flatMap((member) => userOf(member) ?? [])),
      isPlain(text) ? undefined : this.#load(),
    ]);
    const present = members.map((principal): Mentionable => ({ principal, label: this.#titleOf(principal) }));
    const blocks = this.#blocksOf(text);
    if (blocks === undefined) return { text, several: [] };
    return {
      text: withAccounts(text, (one) => this.#blocksOf(one), peopleAmong(present)),
      several: severalIn(blocks, present),
    };
  }

  /** The accounts of those who are called so. */
  called(name: string, members: readonly string[]): readonly string[] {
    return members.filter((member) => titleForm(this.#titleOf(member)) === titleForm(name)).map(nameOf);
  }

  #titleOf(principal: string): string {
    const user = userOf(principal);
    return user === undefined ? nameOf(principal) : (this.#people.get(user)?.title ?? user);
  }

  #blocksOf(text: string): readonly Block[] | undefined {
    return isPlain(text) ? readPlain(text) : this.#read?.(text);
  }

  /** Without the parser texts stay as they are. */
  async #load(): Promise<void> {
    this.#read ??= await import("../../protocols/reading/index.ts").then(
      ({ readText }) => readText,
      () => undefined,
    );
  }
}

/** Whose names are printed with something, and whether its text has marks and mentions. */
function needsOf(shown: unknown): { readonly users: readonly string[]; readonly needsParser: boolean } {
  const users = new Set<string>();
  let needsParser = false;
  const look = (value: unknown, depth: number): void => {
    if (typeof value === "string") {
      const user = userOf(value);
      if (user !== undefined && /^[a-z0-9][a-z0-9_-]*$/.test(user)) users.add(user);
    } else if (Array.isArray(value)) for (const one of value) look(one, depth - 1);
    else if (typeof value === "object" && value !== null && depth > 0) {
      const { text, mentions } = value as { readonly text?: unknown; readonly mentions?: unknown };
      if (typeof text === "string" && Array.isArray(mentions) && mentions.length > 0 && !isPlain(text))
        needsParser = true;
      for (const [name, field] of Object.entries(value)) if (!unshown.has(name)) look(field, depth - 1);
    }
  };
  look(shown, 6);
  return { users: [...users], needsParser };
}

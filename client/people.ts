import type { Result } from "../protocols/errors.ts";
import type { CatalogPage, CatalogRow } from "../protocols/index.ts";
import { folded } from "../protocols/text/names.ts";
import { clientLimits as limits } from "./limits.ts";

/** The public part of a person, as lists of people have it. */
export type Person = Pick<CatalogRow, "key" | "title" | "avatar">;

/** The questions about people that a node answers. */
export interface PeoplePorts {
  /** A page of the list of people, after an account. */
  readonly page: (after: string | undefined) => Promise<Result<CatalogPage>>;
  /** One person; the node says no more of somebody without an account. */
  readonly card: (user: string) => Promise<Result<Person>>;
}

/** The people whom a client has met, by their accounts: how they are called, in a room of any size.
 *
 *  A missing name is asked for once: a few one by one, many by the pages of the list of people. All of it is bounded;
 *  people beyond the bound are called by their account. */
export class People {
  readonly #ports: PeoplePorts;
  readonly #known = new Map<string, Person>();
  /** Asked for and not found: they are called by their accounts. */
  readonly #unknown = new Set<string>();
  /** Accounts by the folded names of their people. */
  readonly #titles = new Map<string, Set<string>>();
  readonly #listeners = new Set<() => void>();
  #version = 0;
  /** Where the list goes on; undefined: it was read to its end. */
  #next: { readonly after: string | undefined } | undefined = { after: undefined };
  #pagesRead = 0;
  #asking: Promise<void> = Promise.resolve();

  constructor(ports: PeoplePorts) {
    this.#ports = ports;
  }

  /** Rises whenever something new is learnt. */
  readonly version = (): number => this.#version;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Whether this person is known, or was not found. */
  isAsked(user: string): boolean {
    return this.#known.has(user) || this.#unknown.has(user);
  }

  /** Whether another one of those who are known has the same name. */
  isShared(user: string): boolean {
    const title = this.#known.get(user)?.title;
    return title !== undefined && (this.#titles.get(folded(title))?.size ?? 0) > 1;
  }

  get(user: string): Person | undefined {
    return this.#known.get(user);
  }

  /** Takes rows of people in place of those that were known. */
  learn(people: readonly Person[]): void {
    for (const person of people) {
      this.#forget(person.key);
      this.#known.set(person.key, person);
      const title = folded(person.title);
      this.#titles.set(title, (this.#titles.get(title) ?? new Set()).add(person.key));
      this.#unknown.delete(person.key);
    }
    for (const [key] of this.#known) {
      if (this.#known.size <= limits.peopleMax) break;
      this.#forget(key);
    }
    if (people.length === 0) return;
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }

  /** Asks for the people who are not known yet, one question at a time; resolves after the last one. */
  want(users: Iterable<string>): Promise<void> {
    const wanted = [...users];
    if (this.#missing(wanted).length === 0) return Promise.resolve();
    this.#asking = this.#asking.then(() => this.#ask(wanted));
    return this.#asking;
  }

  #forget(user: string): void {
    const title = folded(this.#known.get(user)?.title ?? "");
    this.#known.delete(user);
    this.#titles.get(title)?.delete(user);
    if (this.#titles.get(title)?.size === 0) this.#titles.delete(title);
  }

  #missing(users: readonly string[]): readonly string[] {
    return [...new Set(users)].filter((user) => !this.isAsked(user));
  }

  async #ask(users: readonly string[]): Promise<void> {
    while (this.#missing(users).length > limits.peopleOneByOneMax && (await this.#readPage()));
    for (const user of this.#missing(users)) {
      const card = this.#unknown.size + this.#known.size < limits.peopleMax ? await this.#ports.card(user) : undefined;
      if (card?.ok === true) this.learn([card.value]);
      // A node that cannot answer now is asked again the next time.
      else if (card === undefined || card.error.outcome === "failed") this.#unknown.add(user);
      else return;
    }
  }

  /** False: there is no more, or it cannot be had. */
  async #readPage(): Promise<boolean> {
    if (this.#next === undefined || this.#pagesRead >= limits.peoplePagesMax) return false;
    this.#pagesRead += 1;
    const page = await this.#ports.page(this.#next.after);
    if (!page.ok) return false;
    this.#next = page.value.next === undefined ? undefined : { after: page.value.next };
    this.learn(page.value.rows);
    return true;
  }
}

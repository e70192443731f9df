/** What the pages of people and roles ask of their node. */
import { useQuery } from "@tanstack/react-query";
import { wireLimits } from "../../../../../protocols/limits.ts";
import type { PeoplePage, PersonRoles } from "../../../../../protocols/index.ts";
import { useActOn, type Act } from "../../parts/act.ts";
import { asked, seen } from "../../../wire/index.ts";
import { live } from "../look.ts";

/** Other admins act, and devices come and go. */
const lookMs = 5_000;
/** People on a page of the list. */
const pagePeople = 25;
/** To find programs, so many pages of people with roles are looked at for one page of the list. */
const pagesMax = 5;

const all = ["authority"];
/** Sends a change of people or roles. */
export const useAct = (): Act => useActOn(all);

export const usePerson = (user: string) =>
  useQuery({
    ...live(lookMs),
    queryKey: ["authority", "person", user],
    queryFn: () => seen("people.show", { user }),
  });

export const useRoles = () =>
  useQuery({ ...live(lookMs), queryKey: ["authority", "roles"], queryFn: () => seen("roles.list") });

export const useInvitations = () =>
  useQuery({
    ...live(lookMs),
    queryKey: ["authority", "invitations"],
    queryFn: () => seen("signUpInvitations.list"),
  });

/** Somebody in the list. */
export interface Listed {
  readonly user: string;
  readonly title?: string;
  readonly roles: readonly string[];
}

/** A page of the list. */
interface ListedPage {
  readonly people: readonly Listed[];
  /** Where the next page begins. */
  readonly next?: string;
}

/** Which list. */
export type Show = "all" | "roles" | "programs";

/** A page of people, with their roles. */
export function usePeopleList(show: Show, text: string, after: string | undefined) {
  return useQuery({
    ...live(lookMs),
    queryKey: ["authority", "people", show, text, after],
    queryFn: () => (show === "all" ? everybody(text, after) : withRoles(show, after)),
    placeholderData: (before) => before,
  });
}

const rolesAfter = (after: string | undefined, limit: number): Promise<PeoplePage> =>
  seen("people.list", { ...(after !== undefined && { after }), limit });

async function everybody(text: string, after: string | undefined): Promise<ListedPage> {
  const page = await asked("people", {
    ...(text !== "" && { text }),
    ...(after !== undefined && { after }),
    limit: pagePeople,
  });
  const roles = await rolesOf(page.rows.map(({ key }) => key));
  const people = page.rows.map(({ key, title }) => ({ user: key, title, roles: roles.get(key) ?? [] }));
  return { people, ...(page.more && page.next !== undefined && { next: page.next }) };
}

/** The roles of these people; of a plain member nothing. One question, however many others have roles. */
async function rolesOf(names: readonly string[]): Promise<ReadonlyMap<string, readonly string[]>> {
  if (names.length === 0) return new Map();
  const { people } = await seen("people.list", { among: names.join(",") });
  return new Map(people.map(({ user, roles }) => [user, roles]));
}

async function withRoles(show: "roles" | "programs", after: string | undefined): Promise<ListedPage> {
  const isShown = ({ roles }: PersonRoles) => show === "roles" || roles.includes("service");
  let found: readonly PersonRoles[] = [];
  let from = after;
  for (let pages = 0; pages < pagesMax; pages += 1) {
    const page = await rolesAfter(from, pagePeople);
    found = [...found, ...page.people.filter(isShown)];
    from = page.more ? page.people.at(-1)?.user : undefined;
    if (from === undefined || found.length >= pagePeople) break;
  }
  return { people: found, ...(from !== undefined && { next: from }) };
}

/** Somebody with roles. */
export type Holder = PersonRoles;

/** The people who have a role, as far as so many pages tell. */
export async function holdersOf(role: string): Promise<{ readonly people: readonly Holder[]; readonly more: boolean }> {
  const people: Holder[] = [];
  let from: string | undefined;
  for (let pages = 0; pages < pagesMax; pages += 1) {
    const page = await rolesAfter(from, wireLimits.pageEntriesMax);
    people.push(...page.people.filter(({ roles }) => roles.includes(role)));
    from = page.more ? page.people.at(-1)?.user : undefined;
    if (from === undefined) return { people, more: false };
  }
  return { people, more: true };
}

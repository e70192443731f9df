/** Who may act on whom: the roles of a person, compared with those of the asker. */
import {
  defaultRole,
  failure,
  grantsOf,
  mayLetInto,
  ok,
  refused,
  type ActorId,
  type Asker,
  type PeoplePage,
  type Result,
  type RoleTable,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";

/** What the rules look at. */
export interface RolesParts {
  readonly ask: (to: ActorId, message: Message, timeoutMs?: number) => Promise<Result<unknown>>;
  /** What each role grants now. */
  readonly table: () => RoleTable;
}

/** The roles of a person on whom somebody acts. Error: FORBIDDEN where they may do more than the asker. */
export async function rolesWithin(
  { ask, table }: RolesParts,
  asker: Pick<Asker, "mayGive">,
  user: string,
): Promise<Result<readonly string[]>> {
  const held = await ask("role-manager/cluster", { type: "people", user });
  if (!held.ok) return held;
  const roles = (held.value as PeoplePage).people[0]?.roles ?? [defaultRole];
  const reason = asker.mayGive(grantsOf(roles, table()));
  return reason === undefined ? ok(roles) : refused(reason);
}

/** The same, of a way into their account that is being made. Error: FORBIDDEN also where they may do as much: see
 *  `mayLetInto`. */
export async function rolesLetInto(
  at: RolesParts,
  asker: Pick<Asker, "kind" | "actor" | "roles" | "mayGive">,
  user: string,
): Promise<Result<readonly string[]>> {
  const within = await rolesWithin(at, asker, user);
  if (!within.ok || asker.kind === "operator" || asker.actor === `user/${user}`) return within;
  if (mayLetInto(within.value, asker.roles, at.table())) return within;
  const reason =
    "this account has as many rights as yours: only a person with more rights, or the operator, can set up a " +
    "way into it";
  return refused(failure("FORBIDDEN", { reason }));
}

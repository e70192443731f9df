/** Whether somebody who is signed in may do what an admin's route does: by the row of its permission, and by nothing else. */
import { failure, permissionOf, type Failure, type Permission } from "../../protocols/index.ts";
import type { Caller } from "./accounts.ts";

/** Why not; undefined: the caller may. Errors: FORBIDDEN, SIGN_IN_AGAIN. */
export function refusalOfRight(
  name: Permission,
  { admin, kind, provedAgoMs = Number.POSITIVE_INFINITY }: Pick<Caller, "admin" | "kind" | "provedAgoMs">,
  freshSignInMs: number,
): Failure | undefined {
  const row = permissionOf(name);
  if (!(row.has.includes("admin") && admin)) return failure("FORBIDDEN", { reason: "only admins may do this" });
  if (row.apiKeys === false && kind !== "session")
    return failure("FORBIDDEN", { reason: "this needs a signed-in session; API keys may not do it" });
  if (row.fresh === true && provedAgoMs > freshSignInMs)
    return failure("SIGN_IN_AGAIN", { permission: name, withinMs: freshSignInMs });
  return undefined;
}

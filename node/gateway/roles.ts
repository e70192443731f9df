/** What the gateway refuses of what somebody would give, or would do beyond what a route needs. */
import type { FastifyRequest } from "fastify";
import { beyond, failure, type Failure, type Grant, type Permission } from "../../protocols/index.ts";
import type { GatewayContext } from "./options.ts";

/** Why somebody may not give or take this: they have not all of it. Undefined: they may; the operator always. */
export function refusalToGive(
  at: Pick<GatewayContext, "rights">,
  { caller }: Pick<FastifyRequest, "caller">,
  grants: readonly Grant[],
): Failure | undefined {
  const permission = caller === null ? undefined : beyond(caller.roles, grants, at.rights.table(caller));
  if (permission === undefined) return undefined;
  return failure("FORBIDDEN", {
    permission,
    reason: "you cannot give or take rights that you do not have, or act on a person who has more rights than you",
  });
}

/** Why somebody may not do what needs one permission more than its route has: the other direction of it gives
 *  something. Undefined: they may; the operator always. */
export const refusalOf = (
  at: Pick<GatewayContext, "rights">,
  { caller, address }: Pick<FastifyRequest, "caller" | "address">,
  permission: Permission,
): Failure | undefined => (caller === null ? undefined : at.rights.refusal(caller, permission, address));

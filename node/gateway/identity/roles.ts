/** What the gateway refuses of what somebody would give, or would do beyond what a route needs. */
import type { FastifyRequest } from "fastify";
import { beyond, failure, type Failure, type Grant, type Permission } from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";
import { isOperator } from "./rights.ts";

/** Why somebody may not give or take this: they have not all of it. Undefined: they may; the operator always. */
export function refusalToGive(
  at: Pick<GatewayContext, "rights">,
  request: Pick<FastifyRequest, "caller" | "routeOptions">,
  grants: readonly Grant[],
): Failure | undefined {
  const { caller } = request;
  if (caller === null && !isOperator(request)) return failure("UNAUTHENTICATED");
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
  request: Pick<FastifyRequest, "caller" | "address" | "routeOptions">,
  permission: Permission,
): Failure | undefined => {
  if (request.caller !== null) return at.rights.refusal(request.caller, permission, request.address);
  return isOperator(request) ? undefined : failure("UNAUTHENTICATED");
};

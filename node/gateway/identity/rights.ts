/** Whether somebody who is signed in may do what they ask for: the permission, the cluster's roles, and where the
 *  request comes from. Every wire asks here; what the request is about, the actor checks. */
import { BlockList, isIP } from "node:net";
import type { FastifyRequest } from "fastify";
import { mayDo, permissionsIn, roleTable, type RoleTable, type Shown } from "../../../protocols/index.ts";
import type { ClusterRoles } from "../../cluster/facts/roles.ts";
import type { Clock } from "../../ports/index.ts";
import { familyOf } from "../edge/addresses.ts";
import type { RightsOf, Rights } from "../ports.ts";

/** How long ago a caller proved who they are; undefined: nobody knows of it. */
const provedAgo = (
  { provedAgoMs, askedAtMs }: Pick<RightsOf, "provedAgoMs" | "askedAtMs">,
  clock: Clock,
): number | undefined =>
  provedAgoMs === undefined
    ? undefined
    : provedAgoMs + Math.max(0, clock.monotonicMs() - (askedAtMs ?? clock.monotonicMs()));

/** Whether the operator asks: with the operator's token, which is nobody's account. Routes of admins alone look at it;
 *  who comes without an account to any other route is a stranger. */
export const isOperator = ({ caller, routeOptions }: Pick<FastifyRequest, "caller" | "routeOptions">): boolean =>
  caller === null && routeOptions.config.access === "admin";

/** What the gateway says of its caller when it sends a command of power: the owner of the state looks at it itself. */
export function shownBy(
  { clock }: { readonly clock: Clock },
  request: Pick<FastifyRequest, "caller" | "routeOptions">,
): { readonly shown?: Shown } {
  const { caller } = request;
  if (caller === null) return isOperator(request) ? { shown: { as: "operator" } } : {};
  if (caller.kind !== "session") return { shown: { as: caller.kind === "control" ? "token" : "key" } };
  const agoMs = provedAgo(caller, clock);
  return {
    shown: { as: "session", session: caller.session, ...(agoMs !== undefined && { provedAgoMs: Math.floor(agoMs) }) },
  };
}

/** Makes it. */
export function createRights(at: {
  readonly clusterRoles?: Pick<ClusterRoles, "table">;
  readonly clock: Clock;
  readonly limits: { readonly freshSignInMs: number };
  labels?(): Readonly<Record<string, string>>;
}): Rights {
  const { clusterRoles, clock, limits } = at;
  const alone = roleTable([]);
  const table = (caller?: RightsOf | null): RoleTable => {
    const roles = clusterRoles?.table() ?? alone;
    if (caller?.kind !== "control" || caller.scopes === undefined) return roles;
    const held = new Map(permissionsIn(caller.scopes).map((permission) => [permission, [undefined]]));
    return new Map([...roles, ...caller.roles.map((role) => [role, held] as const)]);
  };
  return {
    table,
    refusal(caller, permission, address) {
      const { proofUntold } = caller;
      const provedAgoMs = provedAgo(caller, clock);
      const may = mayDo(caller, permission, {
        roles: table(caller),
        freshMs: limits.freshSignInMs,
        nowMs: clock.nowMs(),
        isFrom: (range) => address !== undefined && isWithinRange(address, range),
        labels: at.labels?.() ?? {},
        ...(proofUntold === true && { proofUntold }),
        ...(provedAgoMs !== undefined && { provedAgoMs }),
      });
      return may.ok ? undefined : may.error;
    },
  };
}

/** Whether an address is of a range, `10.0.0.0/8`, or the address that it is. */
function isWithinRange(address: string, range: string): boolean {
  const [bare = ""] = address.split("%", 1);
  if (isIP(bare) === 0 || !isRange(range)) return false;
  const [first = "", bits] = range.split("/");
  const list = new BlockList();
  if (bits === undefined) list.addAddress(first, familyOf(first));
  else list.addSubnet(first, Number(bits), familyOf(first));
  return list.check(bare, familyOf(bare));
}

/** Whether a text is an address, or a range of them. */
export function isRange(text: string): boolean {
  const [address = "", bits, more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || more !== undefined) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

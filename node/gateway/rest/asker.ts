/** Who asks for an operation, as its handler sees it: a handler knows no request. */
import type { FastifyRequest } from "fastify";
import type { Asker } from "../../../protocols/index.ts";
import { askedBy, whoIs } from "../audited.ts";
import { addressOfPage } from "../identity-providers.ts";
import type { GatewayContext } from "../options.ts";
import { refusalOf, refusalToGive } from "../roles.ts";

/** Makes it of a request. */
export function askerOf(at: Pick<GatewayContext, "clock" | "rights" | "publicUrl">, request: FastifyRequest): Asker {
  const { caller, address } = request;
  return {
    by: whoIs(request),
    ...(caller !== null && { actor: caller.actor, session: caller.session }),
    kind: caller?.kind ?? "operator",
    roles: caller?.roles ?? [],
    address,
    // Most handlers never ask for these.
    get said() {
      return askedBy(at, request);
    },
    get page() {
      return addressOfPage(at, request);
    },
    may: (permission) => refusalOf(at, request, permission),
    mayGive: (grants) => refusalToGive(at, request, grants),
  };
}

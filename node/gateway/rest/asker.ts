/** Who asks for an operation, as its handler sees it: a handler knows no request. */
import { hash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { Type } from "typebox";
import { orderedJson, wireLimits, type Asker, type OperationName } from "../../../protocols/index.ts";
import { askedBy, whoIs, withoutAccount } from "../audited.ts";
import { addressOfPage } from "../identity/identity-providers.ts";
import type { GatewayContext } from "../options.ts";
import { refusalOf, refusalToGive } from "../identity/roles.ts";

/** The header of a command that may be asked again: its actor hears the key itself. */
export const operationHeader = Type.Object({
  "idempotency-key": Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: wireLimits.operationIdCharsMax,
      pattern: "^[\\x21-\\x7e]+$",
      description: "Makes the command idempotent: the first answer is given again",
    }),
  ),
});

/** The same of a row that may be asked again. Its actor hears a name of a fixed length (`operationIdOf`), so the key
 *  may be any text: programs send one with each request. */
export const keyHeader = Type.Object({
  "idempotency-key": Type.Optional(
    Type.String({ description: "Makes the same request idempotent: the first answer is given again" }),
  ),
});

/** What a request says that it is called; undefined: nothing. */
export const operationOf = (request: FastifyRequest): string | undefined => {
  const value = request.headers["idempotency-key"];
  return typeof value === "string" ? value : undefined;
};

/** What actors hear that a request is called. All operations of the node are asked in the gateway's name, so the key
 *  alone would give one person the answer of another, and one thing the answer about another: the name is of who asks,
 *  of what, with which fields, and of the key. */
export const operationIdOf = (actor: string, name: OperationName, input: object, key: string): string =>
  hash("sha256", orderedJson([actor, name, input, key]), "base64url");

/** Makes it of a request. `once`: the operation and its fields, if it may be asked again. */
export function askerOf(
  at: Pick<GatewayContext, "clock" | "rights" | "publicUrl">,
  request: FastifyRequest,
  once?: { readonly name: OperationName; readonly input: object },
): Asker {
  const { caller, address } = request;
  const kind = caller?.kind ?? withoutAccount(request);
  // One stranger would get the answer of another.
  const key = once && kind !== "stranger" && operationOf(request);
  return {
    by: whoIs(request),
    ...(caller !== null && { actor: caller.actor, session: caller.session }),
    kind,
    ...(once && key && { operation: operationIdOf(caller?.actor ?? kind, once.name, once.input, key) }),
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

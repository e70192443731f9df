/** Control tokens: made, listed and revoked by those who have `control.manage`, and who one is at the control
 *  endpoint. */
import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import {
  controlTokenName,
  controlTokenPrefix,
  createControlToken,
  failure,
  grantsOf,
  isForTokens,
  permissions,
  permissionsIn,
  refused,
  schema,
  unknownScopes,
  type ControlSelf,
  type ControlTokenMade,
  type ControlTokensView,
  type ControlTokenView,
  type Permission,
  type Result,
} from "../../protocols/index.ts";
import type { ControlToken, ControlTokens } from "../cluster/facts/control-tokens.ts";
import { auditBy, audited, audits } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { refusalToGive } from "./identity/roles.ts";
import { createDevice, sha256 } from "./identity/tokens.ts";

const nameParams = schema.object({ name: controlTokenName });
const self = Type.Object({ by: Type.String(), permissions: Type.Array(Type.String()) });

function viewOf(token: ControlToken): ControlTokenView {
  const { tokenHash, ...view } = token;
  return tokenHash === undefined ? token : view;
}

/** Adds the routes under /api/v1/admin/control. */
export function addControlRoutes(app: FastifyInstance, at: GatewayContext, tokens: ControlTokens): void {
  const { clock, rights } = at;
  const tags = ["control"];

  app.get(
    "/admin/control/self",
    {
      config: { access: "admin", permission: "cluster.see" },
      schema: { summary: "Names the caller, and what they may do", tags, response: { 200: self } },
    },
    async (request): Promise<ControlSelf> => {
      const { caller, address } = request;
      const names = Object.keys(permissions) as Permission[];
      const may = names.filter((name) => caller === null || rights.refusal(caller, name, address) === undefined);
      return { by: auditBy(request).by, permissions: may };
    },
  );

  app.get(
    "/admin/control/tokens",
    {
      config: { access: "admin", permission: "cluster.see" },
      schema: { summary: "The control tokens that hold, without their secrets", tags },
    },
    async (): Promise<ControlTokensView> => ({ tokens: tokens.current().map(viewOf) }),
  );

  app.post<{ Body: Static<typeof createControlToken> }>(
    "/admin/control/tokens",
    {
      config: audits("createControlToken", "control.manage"),
      schema: {
        summary: "Makes a control token; only this answer shows its secret",
        description:
          "With `subject` it has none: the client certificate of that subject stands for it. Nobody gives more than they have, and no token makes another: what gives somebody something needs a person.",
        tags,
        body: createControlToken,
      },
    },
    async (request): Promise<ControlTokenMade> => {
      const { name, scopes, role, subject, expiresInMs } = request.body;
      const nowMs = clock.nowMs();
      const secret = subject === undefined ? `${controlTokenPrefix}${createDevice(at.random)}` : undefined;
      const token: ControlToken = {
        name,
        ...(scopes && { scopes }),
        ...(role !== undefined && { role }),
        ...(subject !== undefined && { subject }),
        ...(secret !== undefined && { tokenHash: sha256(secret) }),
        createdAtMs: nowMs,
        by: auditBy(request).by,
        ...(expiresInMs !== undefined && { expiresAtMs: nowMs + expiresInMs }),
      };
      const make = async (): Promise<Result<ControlToken>> => {
        const wrong = (path: string, problem: string) => refused(failure("BAD_REQUEST", { path, problem }));
        if ((scopes === undefined) === (role === undefined)) return wrong("/scopes", "name either scopes or a role");
        const [unknown] = unknownScopes(scopes ?? []);
        if (unknown !== undefined) return wrong("/scopes", `${unknown} is not a permission or set of them`);
        const ofPeople = (scopes ?? []).find((one) => Object.hasOwn(permissions, one) && !isForTokens(one as Permission)); // prettier-ignore
        if (ofPeople !== undefined) return wrong("/scopes", `${ofPeople} gives somebody something, which needs a person; control tokens never have it`); // prettier-ignore
        if (role !== undefined && !rights.table().has(role)) return refused(failure("NOT_FOUND", { role }));
        const given =
          role === undefined
            ? permissionsIn(scopes ?? []).map((permission) => ({ permission }))
            : grantsOf([role], rights.table());
        const reason = refusalToGive(at, request, given);
        return reason === undefined ? tokens.make(token) : refused(reason);
      };
      const facts = { token: name, ...(scopes && { scopes: scopes.join(" ") }), ...(role !== undefined && { role }), ...(subject !== undefined && { subject }) }; // prettier-ignore
      await audited(at, request, facts, make());
      return { ...viewOf(token), ...(secret !== undefined && { token: secret }) };
    },
  );

  app.delete<{ Params: Static<typeof nameParams> }>(
    "/admin/control/tokens/:name",
    {
      config: audits("revokeControlToken", "control.manage"),
      schema: { summary: "Revokes a control token, everywhere at once", tags, params: nameParams },
    },
    async (request) => {
      const { name } = request.params;
      const end = async (): Promise<Result<ControlToken>> => {
        const found = tokens.current().find((one) => one.name === name);
        const { scopes, role } = found ?? {};
        const held =
          role === undefined
            ? permissionsIn(scopes ?? []).map((permission) => ({ permission }))
            : grantsOf([role], rights.table());
        // A person who may do less does not lock out one who may do more.
        const reason = refusalToGive(at, request, held);
        return reason === undefined ? tokens.remove(name) : refused(reason);
      };
      const ended = await audited(at, request, { token: name }, end());
      return viewOf(ended);
    },
  );
}

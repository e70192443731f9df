/** What the operations on control tokens do: they are made, listed and revoked by those who have `control.manage`; and
 *  who one is at the control endpoint. */
import {
  controlTokenPrefix,
  failure,
  grantsOf,
  isForTokens,
  ok,
  permissions,
  permissionsIn,
  refused,
  unknownScopes,
  type Asker,
  type controlOperations,
  type ControlTokenView,
  type CreateControlToken,
  type Failure,
  type Grant,
  type HandlersOf,
  type Permission,
  type RoleTable,
} from "../../../protocols/index.ts";
import { createDevice, sha256 } from "../../keys/secret-text.ts";
import type { Clock, Random } from "../../ports/index.ts";
import type { ControlToken, ControlTokens } from "./control-tokens.ts";

/** What the handlers stand on. */
interface Parts {
  readonly tokens: Pick<ControlTokens, "current" | "make" | "remove">;
  /** What each role grants now. */
  readonly table: () => RoleTable;
  readonly clock: Pick<Clock, "nowMs">;
  readonly random: Pick<Random, "bytes">;
}

function viewOf(token: ControlToken): ControlTokenView {
  const { tokenHash, ...view } = token;
  return tokenHash === undefined ? token : view;
}

/** The handlers. */
export const handleControl = (at: Parts): HandlersOf<typeof controlOperations> => ({
  "control.self": (_, asker) => {
    const names = Object.keys(permissions) as Permission[];
    return ok({ by: nameOf(asker), permissions: names.filter((name) => asker.may(name) === undefined) });
  },
  "control.tokens": () => ok({ tokens: at.tokens.current().map(viewOf) }),
  "control.make": async (asked, asker) => {
    const { name, scopes, role, subject, expiresInMs } = asked;
    const reason = refusalOf(at, asked) ?? asker.mayGive(grantsIn(at, asked));
    if (reason !== undefined) return { result: refused(reason) };
    const nowMs = at.clock.nowMs();
    const secret = subject === undefined ? `${controlTokenPrefix}${createDevice(at.random)}` : undefined;
    const token: ControlToken = {
      name,
      ...(scopes && { scopes }),
      ...(role !== undefined && { role }),
      ...(subject !== undefined && { subject }),
      ...(secret !== undefined && { tokenHash: sha256(secret) }),
      createdAtMs: nowMs,
      by: nameOf(asker),
      ...(expiresInMs !== undefined && { expiresAtMs: nowMs + expiresInMs }),
    };
    const made = await at.tokens.make(token);
    return { result: made.ok ? ok({ ...viewOf(token), ...(secret !== undefined && { token: secret }) }) : made };
  },
  "control.revoke": async ({ name }, asker) => {
    const found = at.tokens.current().find((one) => one.name === name);
    // A person who may do less does not lock out one who may do more.
    const reason = asker.mayGive(grantsIn(at, found ?? {}));
    if (reason !== undefined) return { result: refused(reason) };
    const ended = await at.tokens.remove(name);
    return { result: ended.ok ? ok(viewOf(ended.value)) : ended };
  },
});

/** As the audit says it. */
const nameOf = ({ actor, kind }: Asker): string => actor ?? kind;

/** What a token may do. */
const grantsIn = (
  { table }: Pick<Parts, "table">,
  { scopes, role }: Pick<ControlTokenView, "scopes" | "role">,
): readonly Grant[] =>
  role === undefined ? permissionsIn(scopes ?? []).map((permission) => ({ permission })) : grantsOf([role], table());

/** What cannot be a token. Errors: BAD_REQUEST, NOT_FOUND. */
function refusalOf({ table }: Pick<Parts, "table">, { scopes, role }: CreateControlToken): Failure | undefined {
  const wrong = (problem: string) => failure("BAD_REQUEST", { path: "/scopes", problem });
  if ((scopes === undefined) === (role === undefined)) return wrong("name either scopes or a role");
  const [unknown] = unknownScopes(scopes ?? []);
  if (unknown !== undefined) return wrong(`${unknown} is not a permission or set of them`);
  const ofPeople = (scopes ?? []).find((one) => Object.hasOwn(permissions, one) && !isForTokens(one as Permission));
  if (ofPeople !== undefined)
    return wrong(`${ofPeople} gives somebody something, which needs a person; control tokens never have it`);
  return role !== undefined && !table().has(role) ? failure("NOT_FOUND", { role }) : undefined;
}

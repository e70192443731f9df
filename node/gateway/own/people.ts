/** Keys of programs, which the gateway makes: it alone makes what opens a session. */
import {
  actorId,
  failure,
  ok,
  refused,
  type ActorId,
  type Credentials,
  type Failure,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { rolesLetInto } from "../../cluster/facts/people.ts";
import type { Accounts } from "../identity/accounts.ts";
import type { GatewayContext } from "../options.ts";
import type { OwnHandlers } from "../rest/own.ts";

/** The handler. */
export function handleProgramKeys(
  at: Pick<GatewayContext, "kernel" | "limits" | "rights">,
  accounts: Pick<Accounts, "createKey">,
): Pick<OwnHandlers, "people.addKey"> {
  const ask = (to: ActorId, message: Message) =>
    at.kernel.ask({ to, from: "gateway", message, timeoutMs: at.limits.askTimeoutMs });

  /** Why somebody else may not give this account a way in; undefined: it is a program's. */
  async function refusalOfPerson(user: string, roles: readonly string[]): Promise<Failure | undefined> {
    const found = await ask(actorId("user", user), { type: "credentials" });
    if (!found.ok) return found.error;
    const { passwordHash, factors } = found.value as Credentials;
    const isClosed = passwordHash === undefined && factors?.passkeys === 0 && factors.identities.length === 0;
    if (isClosed && roles.includes("service")) return undefined;
    return failure("FORBIDDEN", { reason: "people make their API keys themselves" });
  }
  return {
    "people.addKey": async ({ user, ...wanted }, asker) => {
      const may = await rolesLetInto({ ask, table: () => at.rights.table() }, asker, user);
      if (!may.ok) return { result: may };
      const reason = await refusalOfPerson(user, may.value);
      if (reason !== undefined) return { result: refused(reason) };
      const made = await accounts.createKey(user, wanted, { ...asker.said, byAdmin: true });
      if (!made.ok) return { result: made };
      const { token, session } = made.value;
      const { id, label, expiresAtMs } = session;
      const after = { key: id, label, ...(expiresAtMs !== undefined && { expiresAtMs }) };
      return { result: ok({ key: token, ...session }), after };
    },
  };
}

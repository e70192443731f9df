/** The callers that are let in with one request, by any wire: how often they may ask, and whether they have the
 *  right. */
import { failure, type AuditAction, type Failure, type Permission, type Result } from "../../../protocols/index.ts";
import type { Accounts } from "../identity/accounts.ts";
import type { GatewayContext } from "../options.ts";
import type { Caller } from "../identity/callers.ts";

/** A request of somebody who has shown a token. */
interface Asked {
  readonly address: string;
  /** A session alone may do it, no API key. */
  readonly personOnly: boolean;
  readonly permission: Permission | undefined;
  /** What the audit calls it. */
  readonly action?: AuditAction;
  /** What the audit says was asked for. */
  readonly method: string;
  readonly route: string;
}

/** Why somebody is not let in; undefined: they are. It counts against their rate, and the audit hears of a refusal for
 *  lack of a right. */
export function admit(at: GatewayContext, caller: Caller, asked: Asked): Failure | undefined {
  if (asked.personOnly && caller.kind !== "session")
    return failure("FORBIDDEN", { reason: "this needs a signed-in session; API keys may not do it" });
  const retryAfterMs = at.commands.take(caller);
  if (retryAfterMs > 0) return failure("RATE_LIMITED", { retryAfterMs });
  const { action, address, permission, method, route } = asked;
  const reason = permission && at.rights.refusal(caller, permission, address);
  if (reason === undefined) return undefined;
  if (action !== undefined) at.log.info("audit.cluster", { action, by: caller.actor, address, outcome: reason.code });
  const { actor: by, session } = caller;
  const facts = { permission: permission ?? "", method, route };
  void at.audit
    ?.write({ action: action ?? "refused", by, session, address, outcome: reason.code, facts })
    .catch(() => undefined);
  return reason;
}

/** The person whom a token names: at once where its actor said so a moment ago. What it says of a proof may be older
 *  than the person's newest one, so a person who is refused for that is asked for again. */
export function identify(
  at: Pick<GatewayContext, "rights">,
  accounts: Pick<Accounts, "trusted" | "authenticate">,
  { token, address, permission }: Pick<Asked, "address" | "permission"> & { readonly token: string },
): Caller | Promise<Result<Caller>> {
  const trusted = accounts.trusted(token);
  const isOld =
    permission !== undefined &&
    trusted !== undefined &&
    at.rights.refusal(trusted, permission, address)?.code === "SIGN_IN_AGAIN";
  return trusted !== undefined && !isOld ? trusted : accounts.authenticate(token, address);
}

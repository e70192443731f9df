/** The caller's own account: what it is and may do, its password, sessions and keys. */
import {
  acted,
  ok,
  permissions,
  placed,
  type Permission,
  type Result,
  type Session,
  type UserView,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import type { Accounts } from "../identity/accounts.ts";
import { callerOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import { shownBy } from "../identity/rights.ts";
import { fromDevice } from "../identity/sign-in.ts";
import type { OwnHandlers } from "../rest/own.ts";
import type { Caller } from "../identity/callers.ts";

/** Asks an actor in the name of the person who asks. */
type AskAs = (caller: Caller, to: `${string}/${string}`, message: Message) => Promise<Result<unknown>>;

/** Makes it. */
export const askAs =
  ({ kernel, limits }: Pick<GatewayContext, "kernel" | "limits">): AskAs =>
  (caller, to, message) =>
    kernel.ask({ to, from: caller.actor, message, timeoutMs: limits.askTimeoutMs });

type Handled =
  | "account.show"
  | "account.permissions"
  | "account.setPassword"
  | "account.sessions"
  | "account.keys"
  | "account.addKey"
  | "account.endKey";

/** The handlers. */
export function handleAccount(at: GatewayContext, accounts: Accounts): Pick<OwnHandlers, Handled> {
  const ask = askAs(at);

  const sessionsOf = async (caller: Caller, kind: Session["kind"]): Promise<Result<readonly Session[]>> => {
    const answer = await ask(caller, caller.actor, { type: "sessions" });
    if (!answer.ok) return answer;
    // An older node answers with the list itself.
    const said = answer.value as readonly Session[] | { readonly sessions: readonly Session[] };
    const all = "sessions" in said ? said.sessions : said;
    return ok(all.filter((session) => session.kind === kind));
  };

  return {
    "account.show": async (_, __, { request }) => {
      const caller = callerOf(request);
      const { actor, admin, session, kind } = caller;
      const view = await ask(caller, actor, { type: "describe" });
      return view.ok ? ok({ ...(view.value as UserView), admin, session: { id: session, kind } }) : view;
    },

    "account.permissions": (_, asker) => {
      const all = Object.keys(permissions) as Permission[];
      const refusals = all.map((one) => asker.may(one)?.code);
      return ok({
        permissions: all.filter((__, index) => refusals[index] === undefined),
        again: all.filter((__, index) => refusals[index] === "SIGN_IN_AGAIN"),
      });
    },

    "account.setPassword": async ({ current, password }, _, { request }) => {
      const set = await accounts.setPassword(callerOf(request), current, password, fromDevice(request));
      return acted(set.ok ? ok({}) : set);
    },

    "account.sessions": async (_, __, { request }) => {
      const caller = callerOf(request);
      const found = await sessionsOf(caller, "session");
      if (!found.ok) return found;
      return ok({ sessions: placed(found.value, at.placeOf ?? (() => undefined)), current: caller.session });
    },

    "account.keys": async (_, __, { request }) => {
      const found = await sessionsOf(callerOf(request), "key");
      return found.ok ? ok({ keys: found.value }) : found;
    },

    "account.addKey": async (wanted, _, { request }) => {
      const made = await accounts.createKey(callerOf(request).user, wanted, shownBy(at, request));
      return acted(made.ok ? ok({ key: made.value.token, ...made.value.session }) : made);
    },

    "account.endKey": async ({ id }, _, { request }) => {
      const caller = callerOf(request);
      const ended = await ask(caller, caller.actor, { type: "revokeSession", id });
      return acted(ended as Result<Record<never, never>>);
    },
  };
}

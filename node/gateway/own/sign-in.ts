/** Coming in by name and password, and going out. */
import { failure, ok, PlexusError, type Setup } from "../../../protocols/index.ts";
import { noteOwner } from "../audited.ts";
import type { Accounts, Progress } from "../identity/accounts.ts";
import { sessionCookie } from "../identity/callers.ts";
import { callerOf, originOf } from "../edge/http.ts";
import { openedElsewhere, signOutElsewhere } from "../identity/identity-links.ts";
import { choicesOf } from "../identity/identity-sign-in.ts";
import { tellByMail } from "../identity/mail.ts";
import type { GatewayContext } from "../options.ts";
import { noted, type OwnHandlers } from "../rest/own.ts";
import { answerSignIn, fromDevice } from "../identity/sign-in.ts";
import { askAs } from "./account.ts";

/** What the sign-in page is told. */
async function setupOf(at: GatewayContext): Promise<Setup> {
  const publicUrl = at.publicUrl?.();
  const { generate } = at.engines;
  return {
    // Who has an account need not wait for the node that knows; a sign-up asks for itself.
    adminNeeded: await at.adminNeeded().catch(() => false),
    signUp: at.signUp,
    mail: at.mail?.publicUrl !== undefined && at.mail.settings.isSet(),
    providers: choicesOf(at),
    ...(publicUrl !== undefined && { publicUrl }),
    version: at.version,
    node: at.node,
    demonstrationModel: generate.models().find(({ state }) => state !== "failed")?.demonstration ?? false,
  };
}

type Handled =
  | "signIn.setup"
  | "signIn.signUp"
  | "signIn.byPassword"
  | "signIn.servers"
  | "signIn.reset"
  | "signIn.claimAdmin"
  | "signIn.signOut";

/** The handlers. */
export function handleSignIn(at: GatewayContext, accounts: Accounts): Pick<OwnHandlers, Handled> {
  const ask = askAs(at);
  return {
    "signIn.setup": async () => ok(await setupOf(at)),

    "signIn.servers": () => ok({ providers: choicesOf(at) }),

    "signIn.signUp": async (account, _, { request, reply }) => {
      const done = await accounts.signUp(account, fromDevice(request));
      return noted(done, async (progress) => {
        if (progress.type === "entered" && progress.session.admin) await noteOwner(at, request, account.name);
        return answerSignIn(at, request, reply, progress);
      });
    },

    "signIn.byPassword": async (account, _, { request, reply }) => {
      const done = await accounts.signIn(account, fromDevice(request));
      const isStep = done.ok && done.value.type !== "entered";
      const answered = (progress: Progress) => answerSignIn(at, request, reply, progress);
      return noted(done, answered, { action: isStep ? "signInStep" : "signIn" });
    },

    "signIn.reset": async ({ user, secret, password }, _, { request }) => {
      const done = await accounts.reset(user, secret, password, originOf(request));
      return noted(done, async () => {
        await tellByMail(at, user, (to) => ({ what: "passwordSet", to, user })).catch(() => undefined);
        return {};
      });
    },

    "signIn.claimAdmin": async ({ adminCode }, _, { request }) => {
      const { user } = callerOf(request);
      const claimed = await accounts.claimAdmin(user, adminCode, originOf(request));
      // The entry is of the role that the code gives.
      const entry = () => noteOwner(at, request, user);
      return noted(claimed, (value) => (value ?? {}) as Record<never, never>, { entry });
    },

    "signIn.signOut": async (_, __, { request, reply }) => {
      const caller = callerOf(request);
      // A stranger who has found a key must not be able to end it, and with it the program that it belongs to.
      if (caller.kind !== "session")
        throw new PlexusError(
          failure("FORBIDDEN", {
            reason: "an API key is not a session; DELETE /api/v1/me/keys/:id, sent with a session, revokes it",
          }),
        );
      const elsewhere = await openedElsewhere(at, caller);
      const ended = await ask(caller, caller.actor, { type: "revokeSession", id: caller.session });
      return noted(ended, async () => {
        reply.clearCookie(sessionCookie, { path: request.mount || "/" });
        // It has ended here, whatever the other server answers.
        const url = elsewhere && (await signOutElsewhere(at, request, elsewhere).catch(() => undefined));
        return url === undefined ? {} : { url };
      });
    },
  };
}

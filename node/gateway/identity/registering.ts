/** What lets somebody make an account, taken in order and given back when the account is not made: `registrationState`
 *  (protocols) says what is needed; here it is looked for. A mail address is proven by what a link says, sealed with
 *  the cluster's key: nothing is kept for a person who has not come yet, so there is nothing that strangers could
 *  fill. */
import {
  holdsAt,
  actorId,
  failure,
  isOfDomains,
  ok,
  refusalToRegister,
  refused,
  registrationState,
  type Applicant,
  type ErrorCode,
  type Identity,
  type Registration,
  type Result,
  type SignUpInvitation,
  byRule,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import { isGroup } from "../own/groups.ts";
import { claimsAt, mailClaim } from "./claims.ts";
import type { GatewayContext } from "../options.ts";
import { sha256 } from "./tokens.ts";

/** What somebody brings who wants an account. */
interface Bringing {
  readonly invitation?: string | undefined;
  /** What the link of a mail says: see `sealMail`. */
  readonly mail?: string | undefined;
  /** Whom a server of identities has named: its rule counts, and what it says of an address. */
  readonly named?: Pick<Applicant, "mail"> & { readonly registration: Registration };
}

/** They may. */
interface Allowed {
  /** The mail address that is proven. */
  readonly address?: string;
  /** What lets them in; undefined: anybody may. */
  readonly uses: "invitation" | "mail" | undefined;
}

/** What was taken for an account. */
interface Taken {
  /** Fields of the command that makes the account. */
  readonly create: {
    readonly contact?: { readonly address: string; readonly claim: string };
    readonly identity?: Identity;
    readonly guest?: { readonly lifeMs?: number };
  };
  /** The account was not made: what was taken is given back. */
  readonly giveBack: () => Promise<void>;
  /** The account is made. */
  readonly made: () => Promise<void>;
}

const mailContext = ["sign-up mail"];

/** What a link says about the person who opens it: that they read mail at this address. */
export async function sealMail(
  { secrets, clock, limits }: Pick<GatewayContext, "secrets" | "clock" | "limits">,
  address: string,
): Promise<Result<string>> {
  if (secrets === undefined) return refused(failure("MAIL_OFF"));
  return ok(await secrets.seal(JSON.stringify({ address, untilMs: clock.nowMs() + limits.mailLinkMs }), mailContext));
}

async function openMail(
  at: Pick<GatewayContext, "secrets" | "clock" | "limits">,
  proof: string,
): Promise<Result<string>> {
  const text = await at.secrets?.open(proof, mailContext);
  if (text === undefined) return refused(failure("LINK_INVALID"));
  const { address, untilMs } = JSON.parse(text) as { readonly address: string; readonly untilMs: number };
  return holdsAt(at.clock.nowMs(), untilMs, at.limits.mailLinkMs) ? ok(address) : refused(failure("LINK_INVALID"));
}

/** The rule of the cluster. */
export const registrationAt = ({
  signUp,
  signUpDomains = [],
}: Pick<GatewayContext, "signUp" | "signUpDomains">): Registration => ({
  rule: signUp,
  domains: signUpDomains,
});

/** Looks whether somebody may make an account, before anything is taken. Errors: SIGN_UP_CLOSED, SIGN_UP_NEEDS,
 *  MAIL_DOMAIN_REFUSED, LINK_INVALID. */
export async function mayRegister(at: GatewayContext, { invitation, mail, named }: Bringing): Promise<Result<Allowed>> {
  const opened = mail === undefined ? undefined : await openMail(at, mail);
  if (opened?.ok === false) return opened;
  const address = opened?.value;
  const state = registrationState(named?.registration ?? registrationAt(at), {
    invited: invitation !== undefined && at.invitations !== undefined,
    mail: named !== undefined ? named.mail : address === undefined ? undefined : { address, confirmed: true },
  });
  const notYet = refusalToRegister(state);
  if (notYet !== undefined) return refused(notYet);
  return ok({ ...(address !== undefined && { address }), uses: state.type === "may" ? state.uses : undefined });
}

/** Whose account it is to be. */
interface Newcomer {
  readonly name: string;
  readonly invitation?: string | undefined;
  /** By which they come in, with its claim. */
  readonly identity?: Identity & { readonly claim: string };
}

/** Makes the account of somebody who may have one. Errors: MAIL_TAKEN, IDENTITY_TAKEN, SIGN_UP_INVITATION_INVALID, and
 *  those of the command `create`. */
export async function register(
  at: GatewayContext,
  who: Newcomer,
  allowed: Allowed,
  fields: { readonly passwordHash?: string; readonly displayName?: string },
): Promise<Result<unknown>> {
  const taken = await takeFor(at, who, allowed);
  if (!taken.ok) return taken;
  const { create, giveBack, made } = taken.value;
  const created = await createAccount(at, who.name, { ...fields, ...create });
  if (created.ok) await made();
  // Where nobody knows whether there is an account now, what was taken for it is gone.
  else if (created.error.outcome !== "unknown") await giveBack();
  return created;
}

/** Asks a person's actor to make the account. While nobody knows whether it did, as where its owner has only just
 *  joined and is slow to begin, the same is asked again: one who signs up anew would find the name taken. Errors: those
 *  of the command `create`. */
export async function createAccount(
  { kernel, limits, newId }: Pick<GatewayContext, "kernel" | "limits" | "newId">,
  name: string,
  fields: Readonly<Record<string, unknown>>,
): Promise<Result<unknown>> {
  // It would be mentioned in the place of the group.
  if (await isGroup({ kernel, limits }, name)) return refused(failure("NAME_TAKEN"));
  const asked = {
    to: actorId("user", name),
    from: "gateway",
    message: { type: "create", ...fields },
    operationId: newId(),
    timeoutMs: limits.signUpTimeoutMs,
  } as const;
  /** The first try of which nobody knows the outcome: it may have made the account, whatever a later one is told. */
  let unknown: Result<unknown> | undefined;
  for (let tries = 1; ; tries += 1) {
    const created = await kernel.ask(asked);
    if (created.ok) return created;
    if (created.error.outcome !== "unknown") return unknown ?? created;
    unknown ??= created;
    if (tries === limits.signUpTriesMax) return unknown;
  }
}

/** Takes what lets somebody in: their address and identity for their name, so that of two browsers at once one makes an
 *  account; a use of the invitation. */
async function takeFor(
  at: GatewayContext,
  { name, invitation: code, identity }: Newcomer,
  { address, uses }: Allowed,
): Promise<Result<Taken>> {
  const { kernel, clock, limits } = at;
  const ask = (to: `${string}/${string}`, message: Message) =>
    kernel.ask({ to, from: "gateway", message, timeoutMs: limits.askTimeoutMs });
  const claims = claimsAt(at);
  const contact = address === undefined ? undefined : { address, claim: mailClaim(address) };
  let undo: (() => Promise<unknown>)[] = [];
  const giveBack = async (): Promise<void> => {
    const steps = undo;
    undo = [];
    for (const step of steps) await step().catch(() => undefined);
  };

  const wanted: (readonly [claim: string, taken: ErrorCode])[] = [
    ...(contact ? [[contact.claim, "MAIL_TAKEN"] as const] : []),
    ...(identity ? [[identity.claim, "IDENTITY_TAKEN"] as const] : []),
  ];
  for (const [claim, taken] of wanted) {
    const answer = await claims.take(claim, name, taken);
    if (!answer.ok) {
      await giveBack();
      return answer;
    }
    if (!answer.value.had) undo.push(() => claims.release(claim, name));
  }
  let invitation: SignUpInvitation | undefined;
  if (uses === "invitation") {
    const id = sha256(code ?? "");
    const used = await at.invitations?.use(id, clock.nowMs(), 1);
    if (used?.ok === false) {
      await giveBack();
      return used;
    }
    invitation = used?.value;
    undo.push(async () => at.invitations?.use(id, clock.nowMs(), -1));
  }
  const guest = invitation?.guest;
  return ok({
    create: {
      ...(contact && { contact }),
      ...(identity && { identity }),
      ...(guest !== undefined && { guest: { lifeMs: guest.lifeMs } }),
    },
    giveBack,
    async made() {
      undo = [];
      if (guest === undefined) return;
      // The account is a guest's from its first turn on; this is for the list of who has which roles.
      const listed = await ask("role-manager/cluster", { type: "setRoles", user: name, roles: ["guest"], ...byRule });
      if (!listed.ok) at.log.warn("guest.role.refused", { code: listed.error.code });
      const { room, by } = guest;
      if (room === undefined) return;
      const brought = await ask(actorId("room", room), {
        type: "admitGuest",
        member: `user/${name}`,
        ...(by !== undefined && { by }),
      });
      if (!brought.ok) at.log.warn("guest.room.refused", { room, code: brought.error.code });
    },
  });
}

/** Whether an address is one of those whose mail lets people in here. */
export const isAdmittedAddress = (at: Pick<GatewayContext, "signUpDomains">, address: string): boolean =>
  isOfDomains(address, at.signUpDomains ?? []);

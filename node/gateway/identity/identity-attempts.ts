/** Sign-ins that are under way at another server: begun here, kept while the browser is away, and taken up when it
 *  comes back.
 *
 *      begin ──► attempt (cookie) ──► the other server ──► cameBack ──► the claims let somebody in
 *                                                              └─► prove ──► provenOf, on the page's yes: link, confirm
 *
 *  A browser that comes back has to hold the secret of the attempt that `state` names: nobody else's code or answer is
 *  taken, and nobody is signed in as somebody else by a link. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { failure, ok, PlexusError, refused, type Result, type Shown } from "../../../protocols/index.ts";
import type { IdentityProviderRow } from "../../cluster/facts/identity-providers.ts";
import type { Claims, Kept } from "../../identity/index.ts";
import type { Accounts } from "./accounts.ts";
import { attemptName } from "./attempts.ts";
import { presentedAttempt } from "./callers.ts";
import { callerOf } from "../edge/http.ts";
import { backOf, openedProvider } from "./identity-providers.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { fromDevice, setAttempt } from "./sign-in.ts";

/** What somebody wants who is sent there. */
type Purpose = "signIn" | "link" | "confirm";

/** What an attempt keeps while the browser is away. */
interface Away {
  readonly type: "away";
  readonly purpose: Purpose;
  readonly provider: string;
  /** The row as it was: an answer is to the question that was asked. */
  readonly row: string;
  readonly back: string;
  readonly again: boolean;
  readonly kept: Kept;
  readonly path: string;
  readonly invitation?: string | undefined;
  readonly session?: string | undefined;
  /** What the session that links had shown when it began. */
  readonly shown?: Shown | undefined;
}

/** What an attempt keeps until the page says yes. */
interface Proven {
  readonly type: "proven";
  readonly purpose: "link" | "confirm";
  readonly provider: string;
  readonly claims: Claims;
  readonly atMs: number;
  readonly session: string;
  readonly shown?: Shown | undefined;
}

/** A form of another server. */
type Form = Readonly<Record<string, string>>;

/** The sign-ins of a gateway that other servers have a part in. */
export interface IdentityAttempts {
  /** Error: NOT_FOUND. */
  rowOf(name: string): Result<IdentityProviderRow>;
  /** Begins an attempt and gives the address to go to. Errors: NOT_FOUND, RATE_LIMITED, and those of the server. */
  begin(request: FastifyRequest, reply: FastifyReply, name: string, how: BeginHow): Promise<Result<string>>;
  /** A form that came without its browser, which comes at once. False: nobody is away with this `state`. */
  hold(state: string, provider: string, form: Form): boolean;
  /** The attempt that this browser began and that `state` names. Ends it. Errors: NOT_FOUND, SIGN_IN_EXPIRED. */
  cameBack(request: FastifyRequest, state: string, provider: string): Result<CameBack>;
  /** Begins to wait for the yes of the page. */
  prove(request: FastifyRequest, reply: FastifyReply, user: string | undefined, proven: Omit<Proven, "type">): void;
  /** What this browser has proven to link or to confirm with. `end`: it is used. Throws SIGN_IN_EXPIRED. */
  provenOf(request: FastifyRequest, end: boolean): Proven;
}

/** What a sign-in is begun with. */
type BeginHow = Pick<Away, "purpose" | "again" | "path" | "invitation" | "session" | "shown"> & {
  readonly user?: string;
};

/** A person who came back. */
interface CameBack {
  readonly away: Away;
  readonly row: IdentityProviderRow;
  readonly user: string | undefined;
  readonly form: Form | undefined;
}

/** A path of the page itself, from what a request said; else its beginning. Browsers read `\` as `/`, and drop tabs and
 *  line ends. */
export function pathOfPage(said: string | undefined): string {
  if (said === undefined || !/^\/(?![/\\])[\x21-\x7e]*$/.test(said) || said.includes("\\")) return "/";
  const { origin, pathname, search } = new URL(said, "http://page.invalid");
  const isPage =
    origin === "http://page.invalid" && !pathname.startsWith("//") && !/^\/(?:api|v1|ws)(?:\/|$)/.test(pathname);
  return isPage ? pathname + search : "/";
}

/** Forms that wait for their browser, by the attempt. */
function createWaiting(max: number) {
  const forms = new Map<string, Form>();
  return {
    put(state: string, form: Form): void {
      // The first one counts: a stranger who sees `state` later changes nothing.
      if (forms.has(state)) return;
      const [oldest] = forms.keys();
      if (forms.size >= max && oldest !== undefined) forms.delete(oldest);
      forms.set(state, form);
    },
    take(state: string): Form | undefined {
      const form = forms.get(state);
      forms.delete(state);
      return form;
    },
  };
}

/** On the attempts of the entrance. */
export function createIdentityAttempts(at: GatewayContext, accounts: Accounts): IdentityAttempts {
  const { limits } = at;
  const waiting = createWaiting(limits.identityFormsMax);
  const expired = refused(failure("SIGN_IN_EXPIRED"));
  const rowOf = (name: string): Result<IdentityProviderRow> => {
    const row = at.identities?.rows.current().find((one) => one.name === name);
    return row === undefined ? refused(failure("NOT_FOUND", { provider: name })) : ok(row);
  };

  return {
    rowOf,

    async begin(request, reply, name, { user, ...asked }) {
      const from = fromDevice(request);
      const knocked = accounts.knock(from);
      if (!knocked.ok) return knocked;
      const row = rowOf(name);
      if (!row.ok) return row;
      const provider = await openedProvider(at, row.value);
      if (!provider.ok) return provider;
      const secret = accounts.begin({ facts: [], ...(user !== undefined && { user }) }, from);
      const back = backOf(at, request, name);
      const begun = await provider.value.begin({ back, state: attemptName(secret), again: asked.again });
      if (!begun.ok) {
        accounts.take(secret);
        at.log.warn("identity.refused", { provider: name, code: begun.error.code, ...begun.error.details });
        return begun;
      }
      const { url, kept } = begun.value;
      const away: Away = { type: "away", ...asked, provider: name, row: JSON.stringify(row.value), back, kept };
      accounts.keep(secret, away);
      setAttempt(request, reply, secret, limits.attemptMs);
      return ok(url);
    },

    hold(state, provider, form) {
      const away = accounts.awaited(state) as Away | undefined;
      const isAway = away?.type === "away" && away.provider === provider;
      if (isAway) waiting.put(state, form);
      return isAway;
    },

    cameBack(request, state, provider) {
      const row = rowOf(provider);
      if (!row.ok) return row;
      const secret = presentedAttempt(request.raw);
      if (secret === undefined || attemptName(secret) !== state) return expired;
      const form = waiting.take(state);
      const attempt = accounts.take(secret);
      if (!attempt.ok) return attempt;
      const { asked, user } = attempt.value;
      const away = asked as Away | undefined;
      const isSame = away?.type === "away" && away.provider === provider && JSON.stringify(row.value) === away.row;
      return isSame ? ok({ away, row: row.value, user, form }) : expired;
    },

    prove(request, reply, user, proven) {
      const asked: Proven = { type: "proven", ...proven };
      const secret = accounts.begin({ facts: [], user, asked }, fromDevice(request));
      setAttempt(request, reply, secret, limits.attemptMs);
    },

    provenOf(request, end) {
      const caller = callerOf(request);
      const secret = presentedAttempt(request.raw) ?? "";
      const { user, asked } = demand(end ? accounts.take(secret) : accounts.find(secret));
      const proven = asked as Proven | undefined;
      if (proven?.type !== "proven" || user !== caller.user || proven.session !== caller.session)
        throw new PlexusError(failure("SIGN_IN_EXPIRED"));
      return proven;
    },
  };
}

import type { Call } from "../../client/call.ts";
import { failure, PlexusError, refused, type Failure, type Result } from "../../protocols/errors.ts";
import type { Setup, SignedIn, SignInProgress } from "../../protocols/index.ts";
import { callsTo } from "../node/admin.ts";
import { withoutControls } from "../terminal/printable.ts";
import { savedSession, saveSession, type SavedSession } from "../terminal/session.ts";
import type { Screen } from "./screen.ts";

/** The person who wants to sign in. The password comes from PLEXUS_PASSWORD or is asked for. */
export interface SignInOptions {
  /** Nodes of one cluster; the first that answers is asked. */
  readonly urls: readonly string[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Makes the account. */
  readonly signUp: boolean;
  readonly adminCode: string | undefined;
  /** The code of an invitation. */
  readonly invitation?: string | undefined;
}

/** What an invitation says, given as its link or as its code alone. Error: BAD_REQUEST. */
export function invitationIn(text: string): { readonly code: string; readonly url?: string } {
  const [, url, code] = /^(?:(https?:\/\/[^#]+)#invitation=)?([A-Za-z0-9_-]{43})$/.exec(text.trim()) ?? [];
  if (code !== undefined) return { code, ...(url !== undefined && { url: url.replace(/\/+$/, "") }) };
  const reason =
    "this is not an invitation: give the whole link, such as https://chat.example.org/#invitation=…, " +
    "in quotation marks";
  throw new PlexusError(failure("BAD_REQUEST", { field: "--invitation", reason }));
}

/** A session, and the address it is kept under. */
export interface KeptSession extends SavedSession {
  readonly keptFor: string;
}

/** A session in the cluster: one kept from last time, or a new one after asking. Errors: those of sign-in and
 *  sign-up. */
export async function signIn(options: SignInOptions, screen: Screen): Promise<KeptSession> {
  for (const url of options.signUp ? [] : options.urls) {
    const saved = await savedSession(url, Date.now());
    if (saved !== undefined && (options.user === undefined || options.user === saved.user))
      return { ...saved, keptFor: url };
  }
  const { url, answer: first } = await enterAnywhere(options, screen);
  const answer = await finished(url, first, screen);
  if (!answer.ok) throw new PlexusError(await withPage(url, answer.error));
  const { user, token, expiresAtMs } = answer.value;
  const session = { user, token, expiresAtMs };
  await saveSession(url, session);
  return { ...session, keptFor: url };
}

/** A person who signs in only by another server is refused here like one with a wrong password, so that nobody learns
 *  which names have an account. That the page is the way for them is said to everybody. */
async function withPage(url: string, error: Failure): Promise<Failure> {
  if (error.code !== "SIGN_IN_FAILED") return error;
  const setup = await callsTo({ url })("signIn.setup");
  const labels = ((setup.ok && setup.value.providers) || []).map(({ label }) => withoutControls(label));
  if (labels.length === 0) return error;
  const reason = `an account that signs in by ${labels.join(" or ")} alone has no password here`;
  const hint = `open ${url} in a browser to sign in; an API key that is made in its settings works from a terminal`;
  return { ...error, details: { ...error.details, reason, hint } };
}

const triesMax = 3;

/** Goes on with a sign-in that needs more than the password. Errors: SIGN_IN_UNFINISHED, CODE_WRONG. */
async function finished(url: string, first: Result<SignInProgress>, screen: Screen): Promise<Result<SignedIn>> {
  let answer = first;
  for (let tries = 0; answer.ok && "needs" in answer.value;) {
    const { attempt, needs } = answer.value;
    if (!needs.includes("totp") && !needs.includes("recovery")) {
      const what = needs.includes("identity")
        ? "another server, to which only a browser goes"
        : "a passkey, which only a browser has";
      const reason = `this account needs ${what}: open ${url} in a browser, or use an API key`;
      return refused(failure("SIGN_IN_UNFINISHED", { needs, reason }));
    }
    if (!screen.interactive) {
      const reason = "this account has a second factor: sign in on a terminal first, or use an API key";
      return refused(failure("SIGN_IN_UNFINISHED", { needs, reason }));
    }
    const code = await ask(screen, "One-time code or recovery code: ");
    const next = await callsTo({ url })("signIn.code", { attempt, code });
    tries += 1;
    const again = !next.ok && next.error.code === "CODE_WRONG" && tries < triesMax;
    if (again) screen.print("This code is wrong, too old, or was used before.");
    else answer = next;
  }
  return answer as Result<SignedIn>;
}

/** The answer of the node at `url`. */
interface Answered<T> {
  readonly url: string;
  readonly answer: Result<T>;
}

async function enterAnywhere(options: SignInOptions, screen: Screen): Promise<Answered<SignInProgress>> {
  const { urls, user: name, password } = options;
  // Nothing is left to ask a person, so nothing has to be known of the node first.
  if (!options.signUp && name !== undefined && password !== undefined) {
    const direct = await firstToAnswer(urls, (call) => call("signIn.byPassword", { name, password }));
    if (direct.answer.ok || direct.answer.error.code !== "SIGN_IN_FAILED") return direct;
    const setup = await callsTo(direct)("signIn.setup");
    // Name or password is wrong, unless nobody has an account yet.
    if (!setup.ok || !setup.value.adminNeeded) return direct;
    return { url: direct.url, answer: await enter({ ...options, url: direct.url }, setup.value, screen) };
  }
  const { url, answer: setup } = await firstToAnswer(urls, (call) => call("signIn.setup"));
  return { url, answer: setup.ok ? await enter({ ...options, url }, setup.value, screen) : setup };
}

async function firstToAnswer<T>(
  urls: readonly string[],
  ask: (call: Call) => Promise<Result<T>>,
): Promise<Answered<T>> {
  let last: Answered<T> = { url: "", answer: refused(failure("UNREACHABLE")) };
  for (const url of urls) {
    // Nobody has to check whether a sign-in that was lost took effect.
    last = { url, answer: await ask(callsTo({ url, reads: true })) };
    if (last.answer.ok || last.answer.error.outcome === "failed") break;
  }
  return last;
}

async function enter(
  options: SignInOptions & { readonly url: string },
  setup: Setup,
  screen: Screen,
): Promise<Result<SignInProgress>> {
  const { adminNeeded, signUp } = setup;
  if (adminNeeded && screen.interactive)
    screen.print("This node is new: the first account becomes its admin and needs the code that the node printed.");
  const name = options.user ?? (await ask(screen, "Name: "));
  const isNew =
    options.signUp || adminNeeded || (signUp === "open" && screen.interactive && !(await hasAccount(screen)));
  const password = options.password ?? (await ask(screen, isNew ? "New password: " : "Password: ", true));
  const call = callsTo(options);
  if (!isNew) return call("signIn.byPassword", { name, password });
  if (options.password === undefined && (await ask(screen, "Once more: ", true)) !== password)
    throw new PlexusError(failure("BAD_REQUEST", { field: "password", reason: "the two passwords differ" }));
  const adminCode = adminNeeded ? (options.adminCode ?? (await ask(screen, "Admin code: "))) : undefined;
  return call("signIn.signUp", {
    name,
    password,
    ...(adminCode !== undefined && { adminCode }),
    ...(options.invitation !== undefined && { invitation: options.invitation }),
  });
}

async function hasAccount(screen: Screen): Promise<boolean> {
  return !/^n/i.test(await ask(screen, "Do you have an account here? [Y/n] "));
}

async function ask(screen: Screen, prompt: string, hidden = false): Promise<string> {
  if (!screen.interactive)
    throw new PlexusError(
      failure("UNAUTHENTICATED", {
        reason: "give --user and the password in PLEXUS_PASSWORD, or sign in on a terminal",
      }),
    );
  const answer = await screen.question(prompt, hidden);
  if (answer === undefined) throw new PlexusError(failure("UNAUTHENTICATED", { reason: "nothing was entered" }));
  return hidden ? answer : answer.trim();
}

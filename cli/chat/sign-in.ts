import { failure, PlexusError, refused, type Result } from "../../protocols/errors.ts";
import type { SignedIn } from "../../protocols/index.ts";
import { callNode } from "../node-client.ts";
import { savedSession, saveSession, type SavedSession } from "../session.ts";
import type { Screen } from "./screen.ts";

/** Who wants to come in. The password comes from PLEXUS_PASSWORD or is asked for. */
export interface SignInOptions {
  /** Nodes of one cluster; the first that answers is asked. */
  readonly urls: readonly string[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** Makes the account. */
  readonly signUp: boolean;
  readonly adminCode: string | undefined;
}

/** What a node says before anybody has signed in. */
interface Setup {
  readonly adminNeeded: boolean;
  readonly signUp: "open" | "closed";
}

/** A session, and the address it is kept under. */
export interface KeptSession extends SavedSession {
  readonly keptFor: string;
}

/** A session in the cluster: one kept from last time, or a new one after asking. Errors: those of sign-in and sign-up. */
export async function signIn(options: SignInOptions, screen: Screen): Promise<KeptSession> {
  for (const url of options.signUp ? [] : options.urls) {
    const saved = await savedSession(url, Date.now());
    if (saved !== undefined && (options.user === undefined || options.user === saved.user))
      return { ...saved, keptFor: url };
  }
  const { url, answer } = await enterAnywhere(options, screen);
  if (!answer.ok) throw new PlexusError(answer.error);
  const { user, token, expiresAtMs } = answer.value;
  const session = { user, token, expiresAtMs };
  await saveSession(url, session);
  return { ...session, keptFor: url };
}

/** The answer of the node at `url`. */
interface Answered<T> {
  readonly url: string;
  readonly answer: Result<T>;
}

async function enterAnywhere(options: SignInOptions, screen: Screen): Promise<Answered<SignedIn>> {
  const { urls, user: name, password } = options;
  // Nothing is left to ask a person, so nothing has to be known of the node first.
  if (!options.signUp && name !== undefined && password !== undefined) {
    const direct = await firstToAnswer<SignedIn>(urls, "POST", "/api/v1/sign-in", { name, password });
    if (direct.answer.ok || direct.answer.error.code !== "SIGN_IN_FAILED") return direct;
    const setup = await callNode<Setup>(direct, "GET", "/api/v1/setup");
    // Name or password is wrong, unless nobody has an account yet.
    if (!setup.ok || !setup.value.adminNeeded) return direct;
    return { url: direct.url, answer: await enter({ ...options, url: direct.url }, setup.value, screen) };
  }
  const { url, answer: setup } = await firstToAnswer<Setup>(urls, "GET", "/api/v1/setup");
  return { url, answer: setup.ok ? await enter({ ...options, url }, setup.value, screen) : setup };
}

async function firstToAnswer<T>(
  urls: readonly string[],
  ...request: readonly ["GET" | "POST", path: string, body?: object]
): Promise<Answered<T>> {
  let last: Answered<T> = { url: "", answer: refused(failure("UNREACHABLE")) };
  for (const url of urls) {
    last = { url, answer: await callNode<T>({ url }, ...request) };
    if (last.answer.ok || last.answer.error.outcome === "failed") break;
  }
  return last;
}

async function enter(
  options: SignInOptions & { readonly url: string },
  setup: Setup,
  screen: Screen,
): Promise<Result<SignedIn>> {
  const { adminNeeded, signUp } = setup;
  if (adminNeeded && screen.interactive)
    screen.print("This node is new: the first account becomes its admin and needs the code that the node printed.");
  const name = options.user ?? (await ask(screen, "Name: "));
  const isNew =
    options.signUp || adminNeeded || (signUp === "open" && screen.interactive && !(await hasAccount(screen)));
  const password = options.password ?? (await ask(screen, isNew ? "New password: " : "Password: ", true));
  if (!isNew) return callNode(options, "POST", "/api/v1/sign-in", { name, password });
  if (options.password === undefined && (await ask(screen, "Once more: ", true)) !== password)
    throw new PlexusError(failure("BAD_REQUEST", { field: "password", reason: "the two are not the same" }));
  const adminCode = adminNeeded ? (options.adminCode ?? (await ask(screen, "Admin code: "))) : undefined;
  return callNode(options, "POST", "/api/v1/sign-up", {
    name,
    password,
    ...(adminCode !== undefined && { adminCode }),
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

import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { asksBy, callsBy, Keys, type Ask, type Call, type CallInput } from "../../client/call.ts";
import { failure, PlexusError, refused, type Failure, type Result } from "../../protocols/errors.ts";
import { parseActorId } from "../../protocols/ids.ts";
import type { OperationAnswer, OperationName } from "../../protocols/index.ts";
import { localTarget, readControlFile } from "../cluster/control.ts";
import { callNode } from "./node-client.ts";
import type { Target } from "./target.ts";
import { withoutControls } from "../terminal/printable.ts";
import { savedSession } from "../terminal/session.ts";
import { askPassword } from "../terminal/confirm.ts";

/** Where an admin command goes: a node on this machine by its data folder, or any node by address. */
export interface AdminFlags {
  readonly dataFolder: string;
  readonly url: string | undefined;
  readonly json: boolean;
  /** The identity used at that address, and the certificates that are trusted; absent: the person who signed in
   *  there. */
  readonly credentials?: Pick<Target, "token" | "ca" | "cert" | "key">;
}

/** With `--endpoint` a control token or a client certificate is used, or the session of `plexus chat`; without, the
 *  control file of the data folder. */
export async function findNode(flags: AdminFlags): Promise<Target> {
  if (flags.url !== undefined) {
    const { credentials } = flags;
    if (credentials?.token !== undefined || credentials?.cert !== undefined) {
      if (await isReadable(flags.url))
        throw new PlexusError(
          failure("BAD_REQUEST", {
            field: "--endpoint",
            reason: "a token is sent to another machine only over https",
          }),
        );
      return { url: flags.url, ...credentials };
    }
    const session = await savedSession(flags.url, Date.now());
    if (session === undefined) throw new PlexusError(failure("UNAUTHENTICATED", { hint: signInHint(flags.url) }));
    const target: Target = { url: flags.url, token: session.token, ...credentials };
    return { ...target, confirm: () => confirmSession(target, session.user) };
  }
  const control = await readControlFile(flags.dataFolder);
  if (control === undefined) {
    const closed = await access(flags.dataFolder, constants.R_OK | constants.X_OK).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === "EACCES",
    );
    const reason = closed
      ? "only the user that runs the node may read this data folder; --url with a sign-in of `plexus chat` works " +
        "as well"
      : "no node runs on this data folder";
    throw new PlexusError(failure("UNREACHABLE", { reason, data: flags.dataFolder }));
  }
  return localTarget(control);
}

/** Whether what is sent there can be read on the way. */
async function isReadable(url: string): Promise<boolean> {
  const address = URL.parse(url);
  // Not loaded where a command stays on this machine.
  const { isLoopback } = await import("../../protocols/admin/nodes.ts");
  return address?.protocol === "http:" && !isLoopback(address.hostname);
}

/** What asks for a fresh sign-in: a code where the account has a second factor, asked for on the terminal; else the
 *  password, which comes from PLEXUS_PASSWORD, or is asked for. */
async function confirmSession(target: Target, user: string): Promise<Result<unknown>> {
  const factors = await asksTo(target)("factors");
  if (factors.ok && (factors.value.totp !== undefined || factors.value.passkeys.length > 0)) {
    const code = await askPassword(`One-time code or recovery code of ${withoutControls(user)}: `);
    if (code === undefined)
      return refused(failure("SIGN_IN_AGAIN", { hint: "run this command in a terminal: it asks for a code" }));
    return callsTo(target)("factors.confirm", { code });
  }
  const password =
    process.env["PLEXUS_PASSWORD"] ?? (await askPassword(`Password of ${withoutControls(user)} again: `));
  if (password === undefined) {
    const hint = "run this command in a terminal, or give the password in PLEXUS_PASSWORD";
    return refused(failure("SIGN_IN_AGAIN", { hint }));
  }
  return callsTo(target)("factors.confirm", { password });
}

/** How one becomes known to a node that is not on this machine. */
const signInHint = (url: string): string =>
  `\`plexus chat --url ${url}\` signs in, and these commands then use that session; ` +
  `the account must be an admin's. Or give a control token: --endpoint ${url} --token-file FILE`;

/** The value of an answer; the failure of a refused one is thrown and becomes the end of the command. */
export function demand<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  const { error } = result;
  const ended = error.code === "UNAUTHENTICATED" && error.details?.["hint"] === undefined;
  throw new PlexusError(ended ? { ...error, details: { ...error.details, hint: signInHint("ADDRESS") } } : error);
}

/** The page's terminal knows no module of Node. */
const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const keys = new Keys(newKey, () => performance.now());

/** Calls the operations of a node. */
export const callsTo = (target: Target): Call =>
  callsBy(
    (method, path, body, key, looks) =>
      callNode({ ...target, ...(key && { operation: key }), ...(looks && { reads: true }) }, method, path, body),
    keys,
  );

/** Asks actors by a node. */
export const asksTo = (target: Target): Ask => asksBy((method, path, body) => callNode(target, method, path, body));

/** What the node of a command answers to an operation; a refusal is thrown. */
export const operate = async <Name extends OperationName>(
  flags: AdminFlags,
  name: Name,
  ...input: CallInput<Name>
): Promise<OperationAnswer<Name>> => demand(await callsTo(await findNode(flags))(name, ...input));

type Advice = string | ((refusal: Failure) => string | undefined);

/** Adds what to do to a refusal that does not say it by itself. */
export function advised<T>(result: Result<T>, advice: Readonly<Partial<Record<Failure["code"], Advice>>>): Result<T> {
  if (result.ok) return result;
  const given = advice[result.error.code];
  const hint = typeof given === "function" ? given(result.error) : given;
  return hint === undefined ? result : refused({ ...result.error, details: { ...result.error.details, hint } });
}

/** An actor, as operations name it. Error: BAD_REQUEST. */
export function actorNamed(actor: string): { readonly kind: string; readonly key: string } {
  const id = parseActorId(actor);
  if (id !== undefined) return id;
  const reason = "the name of an actor is KIND/NAME, such as room/lobby";
  throw new PlexusError(failure("BAD_REQUEST", { field: "actor", reason }));
}

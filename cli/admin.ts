import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { failure, PlexusError, refused, type Failure, type Result } from "../protocols/errors.ts";
import { parseActorId } from "../protocols/ids.ts";
import { readControlFile } from "./control.ts";
import { callNode, type Target } from "./node-client.ts";
import { withoutControls } from "./printable.ts";
import { savedSession } from "./session.ts";
import { askPassword } from "./sure.ts";

/** Where an admin command goes: a node on this machine by its data folder, or any node by address. */
export interface AdminFlags {
  readonly dataFolder: string;
  readonly url: string | undefined;
  readonly json: boolean;
}

/** With `--url` the session of `plexus chat` is used; without, the control file of the data folder. */
export async function findNode(flags: AdminFlags): Promise<Target> {
  if (flags.url !== undefined) {
    const session = await savedSession(flags.url, Date.now());
    if (session === undefined) throw new PlexusError(failure("UNAUTHENTICATED", { hint: signInHint(flags.url) }));
    const target: Target = { url: flags.url, token: session.token };
    return { ...target, confirm: () => confirmSession(target, session.user) };
  }
  const control = await readControlFile(flags.dataFolder);
  if (control === undefined) {
    const closed = await access(flags.dataFolder, constants.R_OK | constants.X_OK).then(
      () => false,
      (error: NodeJS.ErrnoException) => error.code === "EACCES",
    );
    const reason = closed
      ? "only the user that runs the node may read this data folder; --url with a sign-in of `plexus chat` works as well"
      : "no node runs on this data folder";
    throw new PlexusError(failure("UNREACHABLE", { reason, data: flags.dataFolder }));
  }
  return { url: control.url, token: control.controlToken };
}

/** What asks for a fresh sign-in: the password comes from PLEXUS_PASSWORD, or is asked for on the terminal. */
async function confirmSession(target: Target, user: string): Promise<Result<unknown>> {
  const password =
    process.env["PLEXUS_PASSWORD"] ?? (await askPassword(`Password of ${withoutControls(user)} again: `));
  if (password === undefined) {
    const hint = "run it on a terminal, or give the password in PLEXUS_PASSWORD";
    return refused(failure("SIGN_IN_AGAIN", { hint }));
  }
  return callNode(target, "POST", "/api/v1/me/session/confirm", { password });
}

/** How one becomes known to a node that is not on this machine. */
const signInHint = (url: string): string =>
  `\`plexus chat --url ${url}\` signs in, and keeps that for these commands; it takes an admin's account`;

/** The value of an answer; the failure of a refused one is thrown and becomes the end of the command. */
export function demand<T>(result: Result<T>): T {
  if (result.ok) return result.value;
  const { error } = result;
  const ended = error.code === "UNAUTHENTICATED" && error.details?.["hint"] === undefined;
  throw new PlexusError(ended ? { ...error, details: { ...error.details, hint: signInHint("ADDRESS") } } : error);
}

type Advice = string | ((refusal: Failure) => string | undefined);

/** Adds what to do to a refusal that does not say it by itself. */
export function advised<T>(result: Result<T>, advice: Readonly<Partial<Record<Failure["code"], Advice>>>): Result<T> {
  if (result.ok) return result;
  const given = advice[result.error.code];
  const hint = typeof given === "function" ? given(result.error) : given;
  return hint === undefined ? result : refused({ ...result.error, details: { ...result.error.details, hint } });
}

/** The path of an actor's routes. Error: BAD_REQUEST. */
export function actorPath(actor: string, below = "/api/v1/admin/actors"): string {
  const id = parseActorId(actor);
  if (id === undefined)
    throw new PlexusError(failure("BAD_REQUEST", { field: "actor", reason: "an actor is kind/key, like room/lobby" }));
  return `${below}/${id.kind}/${id.key}`;
}

/** `plexus users`: what an operator does for and against accounts. */
import { demand, findNode, type AdminFlags } from "./admin.ts";
import { download } from "./download.ts";
import { callNode } from "./node-client.ts";
import { exitCodes, type Output } from "./output.ts";
import { jsonLine, withoutControls } from "./printable.ts";
import { isSure } from "./sure.ts";
import { urlAt } from "../protocols/nodes.ts";

const pathOf = (user: string, what: string): string => `/api/v1/admin/users/${encodeURIComponent(user)}/${what}`;

interface Link {
  readonly user: string;
  readonly path: string;
  readonly expiresAtMs: number;
}

/** `plexus users reset`. */
export async function resetPassword(flags: AdminFlags, user: string, output: Output): Promise<number> {
  const target = await findNode(flags);
  const link = demand(await callNode<Link>(target, "POST", pathOf(user, "reset")));
  const url = urlAt(target.url, link.path).href;
  if (flags.json) output.print(jsonLine({ ...link, url }));
  else {
    output.print(url);
    output.printError(
      `The person who opens it sets the password of ${withoutControls(user)}, once, until ${new Date(link.expiresAtMs).toISOString()}. ` +
        "It ends their sessions and API keys. Use the address by which people reach the node.",
    );
  }
  return exitCodes.ok;
}

/** `plexus users suspend` and `restore`. */
export async function setSuspended(
  flags: AdminFlags,
  { user, suspended }: { readonly user: string; readonly suspended: boolean },
  output: Output,
): Promise<number> {
  demand(await callNode(await findNode(flags), "PUT", pathOf(user, "suspended"), { suspended }));
  // A person who is let in again stays.
  if (!suspended) demand(await callNode(await findNode(flags), "PUT", pathOf(user, "deletion"), { deleted: false }));
  const said = suspended
    ? `${withoutControls(user)} is suspended: sessions and API keys have ended.`
    : `${withoutControls(user)} may sign in again.`;
  output.print(flags.json ? jsonLine({ user, suspended }) : said);
  return exitCodes.ok;
}

interface Invitation {
  readonly path: string;
  readonly uses: number;
  readonly expiresAtMs: number;
}

/** `plexus users invite`. */
export async function inviteUsers(
  flags: AdminFlags,
  asked: {
    readonly uses: number;
    readonly expiresInMs: number;
    readonly note?: string | undefined;
    readonly guest?: { readonly room: string | undefined; readonly lifeMs: number } | undefined;
  },
  output: Output,
): Promise<number> {
  const target = await findNode(flags);
  const { note, guest, ...rest } = asked;
  const body = { ...rest, ...(note !== undefined && { note }), ...(guest && { guest }) };
  const made = demand(await callNode<Invitation>(target, "POST", "/api/v1/admin/sign-up-invitations", body));
  const url = urlAt(target.url, made.path).href;
  if (flags.json) output.print(jsonLine({ ...made, url }));
  else {
    output.print(url);
    const times = made.uses === 1 ? "one account" : `${made.uses} accounts`;
    output.printError(
      `Anybody who opens it can create an account, unless sign-up is closed. It is valid for ${times}, until ${new Date(made.expiresAtMs).toISOString()}. ` +
        "Use the address by which people reach the node.",
    );
  }
  return exitCodes.ok;
}

/** `plexus users delete`. */
export async function deleteUser(
  flags: AdminFlags,
  { user, atOnce, yes }: { readonly user: string; readonly atOnce: boolean; readonly yes: boolean },
  output: Output,
): Promise<number> {
  const target = await findNode(flags);
  const shown = withoutControls(user);
  if (!yes && !(await isSure(`Delete the account ${shown}${atOnce ? " at once, for good" : ""}?`))) {
    output.printError("Nothing was deleted: say yes on a terminal, or give --yes.");
    return exitCodes.failed;
  }
  const { atMs } = demand(
    await callNode<{ readonly atMs: number }>(target, "PUT", pathOf(user, "deletion"), { deleted: true, atOnce }),
  );
  const said = atOnce
    ? `The account ${shown} is deleted. What they wrote stays, marked as from a deleted account.`
    : `The account ${shown} will be deleted on ${new Date(atMs).toISOString()}; sessions and API keys have ended. \`plexus users restore ${shown}\` calls it off.`;
  output.print(
    flags.json
      ? jsonLine({ user, atMs })
      : `${said} Backups keep what they have: \`plexus backup erase\` destroys their keys.`,
  );
  return exitCodes.ok;
}

/** `plexus users export`. */
export async function exportUser(
  flags: AdminFlags,
  { user, file }: { readonly user: string; readonly file: string | undefined },
  output: Output,
): Promise<number> {
  await download(await findNode(flags), pathOf(user, "export"), file);
  const shown = withoutControls(user);
  if (file !== undefined)
    output.print(flags.json ? jsonLine({ user, file }) : `What the account of ${shown} has is in ${file}.`);
  return exitCodes.ok;
}

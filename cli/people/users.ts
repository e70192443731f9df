/** `plexus users`: what an operator does for and against accounts. */
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { download } from "../terminal/download.ts";
import { exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { isConfirmed } from "../terminal/confirm.ts";
import { urlAt } from "../../protocols/admin/nodes.ts";

const pathOf = (user: string, what: string): string => `/api/v1/admin/users/${encodeURIComponent(user)}/${what}`;

/** `plexus users reset`. */
export async function resetPassword(flags: AdminFlags, user: string, output: Output): Promise<number> {
  const target = await findNode(flags);
  const link = demand(await callsTo(target)("people.makeReset", { user }));
  const url = urlAt(target.url, link.path).href;
  if (flags.json) output.print(jsonLine({ ...link, url }));
  else {
    output.print(url);
    output.printError(
      `The person who opens it sets the password of ${withoutControls(user)}, once, until ` +
        `${new Date(link.expiresAtMs).toISOString()}. ` +
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
  await operate(flags, "people.suspend", { user, suspended });
  // A person who is let in again stays.
  if (!suspended) await operate(flags, "people.delete", { user, deleted: false });
  const said = suspended
    ? `${withoutControls(user)} is suspended: sessions and API keys have ended.`
    : `${withoutControls(user)} may sign in again.`;
  output.print(flags.json ? jsonLine({ user, suspended }) : said);
  return exitCodes.ok;
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
  const room = guest?.room;
  const body = {
    ...rest,
    ...(note !== undefined && { note }),
    ...(guest && { guest: { lifeMs: guest.lifeMs, ...(room !== undefined && { room }) } }),
  };
  const made = demand(await callsTo(target)("signUpInvitations.make", body));
  const url = urlAt(target.url, made.path).href;
  if (flags.json) output.print(jsonLine({ ...made, url }));
  else {
    output.print(url);
    const times = made.uses === 1 ? "one account" : `${made.uses} accounts`;
    output.printError(
      `Anybody who opens it can create an account, unless sign-up is closed. It is valid for ${times}, until ` +
        `${new Date(made.expiresAtMs).toISOString()}. ` +
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
  if (!yes && !(await isConfirmed(`Delete the account ${shown}${atOnce ? " at once, for good" : ""}?`))) {
    output.printError("Nothing was deleted: say yes on a terminal, or give --yes.");
    return exitCodes.failed;
  }
  const { atMs = 0 } = demand(await callsTo(target)("people.delete", { user, deleted: true, atOnce }));
  const said = atOnce
    ? `The account ${shown} is deleted. What they wrote stays, marked as from a deleted account.`
    : `The account ${shown} will be deleted on ${new Date(atMs).toISOString()}; sessions and API keys have ` +
      `ended. \`plexus users restore ${shown}\` calls it off.`;
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

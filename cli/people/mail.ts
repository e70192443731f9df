/** `plexus mail`: how the cluster sends mail. */
import type { MailServer, MailView } from "../../protocols/index.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { forLook } from "../node/node-client.ts";
import { exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { secretIn } from "../terminal/text-file.ts";

/** `plexus mail` and `plexus mail show`. */
export async function showMail(flags: AdminFlags, output: Output): Promise<number> {
  const view = demand(await callsTo(forLook(await findNode(flags)))("mail.show"));
  output.print(flags.json ? jsonLine(view) : describeMail(view, output.color));
  return exitCodes.ok;
}

/** What `plexus mail show` prints. */
export function describeMail({ server, hasPassword, publicUrl, waiting }: MailView, color: boolean): string {
  if (server === undefined) return "No mail server is set, so no mail is sent: `plexus mail set HOST --from ADDRESS`.";
  const { host, port, security, user, from, fromName } = server;
  const signsIn =
    user === undefined
      ? "signs in: no"
      : `signs in: as ${withoutControls(user)}${hasPassword ? "" : ", and its password is lost: set it again"}`;
  const lines = [
    `server: ${host}:${port}, ${security === "plain" ? "without encryption" : security === "tls" ? "TLS" : "STARTTLS"}`,
    signsIn,
    `from: ${fromName === undefined ? from : `${withoutControls(fromName)} <${from}>`}`,
    `links lead to: ${publicUrl ?? "nowhere"}`,
    `waiting at this node: ${waiting}`,
  ];
  if (publicUrl === undefined)
    lines.push(
      `${paint(color, "yellow", "warning")} Without publicUrl in the configuration no links are sent: ` +
        "no forgotten passwords, no confirmed addresses.",
    );
  return lines.join("\n");
}

/** What is to be set. */
export interface MailChoice extends MailServer {
  /** The file with the password; `-`: standard input. */
  readonly passwordFile: string | undefined;
}

/** `plexus mail set`. */
export async function setMail(
  flags: AdminFlags,
  { passwordFile, ...server }: MailChoice,
  output: Output,
): Promise<number> {
  const password = passwordFile === undefined ? undefined : await secretIn(passwordFile);
  const set = await operate(flags, "mail.set", { ...server, ...(password !== undefined && { password }) });
  output.print(flags.json ? jsonLine(set) : "Mail is set up on all nodes. Try it: `plexus mail test ADDRESS`.");
  return exitCodes.ok;
}

/** `plexus mail remove`. */
export async function removeMail(flags: AdminFlags, output: Output): Promise<number> {
  await operate(flags, "mail.remove");
  output.print(flags.json ? jsonLine({ removed: true }) : "No mail is sent any more, and the password is forgotten.");
  return exitCodes.ok;
}

/** `plexus mail test`. */
export async function testMail(flags: AdminFlags, to: string, output: Output): Promise<number> {
  await operate(flags, "mail.test", { to });
  output.print(flags.json ? jsonLine({ sent: true }) : "The mail server took the message. Look whether it arrives.");
  return exitCodes.ok;
}

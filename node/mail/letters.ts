/** What the cluster writes to people. Text and HTML say the same; what is put into HTML is escaped, and nothing in it
 *  is loaded from anywhere. */

import { apiPrefix, withoutControls } from "../../protocols/index.ts";
import type { DigestCounts, DigestLine, MailAttachment, MailRequest } from "../ports/index.ts";

/** One message. */
export interface Letter {
  /** The sort of letter, as the log and the metrics name it. The recipient is never named there. */
  readonly what: MailRequest["what"];
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** Headers of this letter. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly attachments?: readonly MailAttachment[];
}

const escapes: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => escapes[sign] as string);

/** One paragraph, or a link that stands alone. */
type Part = string | { readonly link: string; readonly says: string };

/** A link into the page. Browsers do not send the part behind `#` to a server. */
const linkTo = (publicUrl: string, rest: string): string => `${publicUrl}/#${rest}`;
const hours = (ms: number): string => (ms >= 7_200_000 ? `${Math.round(ms / 3_600_000)} hours` : "an hour");

/** Where the page is, and what the node is called. */
interface LetterPlace {
  readonly publicUrl: string;
  readonly node: string;
  /** What the cluster is called. */
  readonly brand?: string | undefined;
}

type RequestOf<What extends MailRequest["what"]> = Extract<MailRequest, { readonly what: What }>;
type Parts = readonly [subject: string, ...parts: readonly Part[]];

const texts: {
  readonly [What in MailRequest["what"]]: (
    request: RequestOf<What>,
    at: LetterPlace & { readonly host: string },
  ) => Parts;
} = {
  reset: ({ user, secret, lifeMs }, { publicUrl, host }) => [
    `A new password at ${host}`,
    `Somebody has asked for a new password for the account ${user} at ${host}. With this link you set one, ` +
      `once, within ${hours(lifeMs)}:`,
    { link: linkTo(publicUrl, `reset=${user}.${secret}`), says: "Set a new password" },
    "It ends all sessions and API keys of the account. A second factor is still asked for.",
    "If that was not you, do nothing: your password stays as it is.",
  ],
  confirm: ({ user, secret, lifeMs }, { publicUrl, host }) => [
    `Your mail address at ${host}`,
    `The account ${user} at ${host} is to have this mail address. If it is yours, confirm it within ${hours(lifeMs)}:`,
    { link: linkTo(publicUrl, `mail=${user}.${secret}`), says: "Confirm this address" },
    "If you have no such account, do nothing.",
  ],
  signUp: ({ proof, lifeMs }, { publicUrl, host }) => [
    `Your account at ${host}`,
    `Somebody, probably you, wants to make an account at ${host} with this mail address. With this link you ` +
      `choose a name and a password, within ${hours(lifeMs)}:`,
    { link: linkTo(publicUrl, `account=${proof}`), says: "Make an account" },
    "If that was not you, do nothing: nothing was made.",
  ],
  known: ({ user }, { publicUrl, host }) => [
    `Your account at ${host}`,
    `Somebody, probably you, wants to make an account at ${host} with this mail address. You have one already: ` +
      `${user}. If you have forgotten its password, set a new one there:`,
    { link: publicUrl, says: "Sign in" },
  ],
  changed: ({ user }, { host }) => [
    `The mail address of ${user} at ${host}`,
    `The account ${user} at ${host} does not use this mail address any more. What concerns the account does ` +
      "not come here from now on.",
    "If that was not you, ask an admin: somebody else may be signed in as you.",
  ],
  passwordSet: ({ user }, { host }) => [
    `Your password at ${host} was changed`,
    `The password of the account ${user} at ${host} was changed with a link. All sessions and API keys have ended.`,
    "If that was not you, ask an admin at once.",
  ],
  deletion: ({ user, atMs, byAdmin }, { host }) => [
    `Your account at ${host} will be deleted`,
    `The account ${user} at ${host} will be deleted on ${new Date(atMs).toUTCString()}. All sessions and API ` +
      "keys have ended.",
    byAdmin
      ? "An admin has decided so. Ask an admin if it should stay."
      : "If you sign in before that, the account stays.",
  ],
  alert: ({ alert, seen, playbook }, { publicUrl, host, node }) => {
    const { severity, about, title, source, count, lastAtMs, facts = {}, id } = alert;
    // The letter may name a person who did not ask for it: a stranger chooses which account to guess at.
    const line = (text: string): string => withoutControls(text);
    const where = host === "" ? node : host;
    return [
      `${severity[0]?.toUpperCase()}${severity.slice(1)} at ${where}: ${line(title)} (${line(about)})`,
      `Alert ${id}, ${line(about)}: ${line(title)}. Found by ${source}, ` +
        `${count === 1 ? "once" : `${count} times`}, at last on ${new Date(lastAtMs).toUTCString()}.`,
      ...Object.entries(facts).map(([name, fact]) => `${line(name)}: ${line(String(fact))}`),
      ...(seen.length > 0 ? ["What was seen:"] : []),
      ...seen.map((one) =>
        line(
          [
            new Date(one.atMs).toISOString(),
            one.action,
            one.outcome,
            `by ${one.by}`,
            ...(one.target === undefined ? [] : [`on ${one.target}`]),
            ...(one.address === undefined ? [] : [`from ${one.address}`]),
          ].join(" "),
        ),
      ),
      ...(publicUrl === "" ? [] : [{ link: `${publicUrl}/admin/alerts`, says: "Look at it" }]),
      `The playbook ${playbook} sent this. “plexus alerts acknowledge ${id}” takes note of the alert.`,
    ];
  },
  digest: ({ user, counts, rooms, lines, token }, { publicUrl, host }) => {
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
    return [
      `${countedOf(counts)} at ${host}`,
      `${user}, while you were away: ${countedOf(counts)}, in ${counted(rooms, "room", "rooms")}.`,
      ...lines.flatMap((line): readonly Part[] => [
        saidIn(line),
        { link: `${publicUrl}${line.path}`, says: "Show it in its place" },
      ]),
      ...(lines.length > 0 && lines.length < all ? [`There are ${all - lines.length} more.`] : []),
      { link: `${publicUrl}/catchup`, says: "Everything that you have missed" },
      "You get this mail because you have asked for it in the settings of your account. With this link there is no " +
        "more of it:",
      { link: linkTo(publicUrl, `unsubscribe=${token}`), says: "No more of these mails" },
    ];
  },
  report: ({ report, from, until }, { publicUrl, host, node }) => [
    `Usage of ${host === "" ? node : host}: ${withoutControls(report)}`,
    from === "" ? "Nobody has done anything in these days." : `What people did from ${from} to ${until} is attached.`,
    ...(publicUrl === "" ? [] : [{ link: `${publicUrl}/admin/usage`, says: "Look at it" }]),
    `An admin has set that you get this report. “plexus usage reports remove ${withoutControls(report)}” ends it.`,
  ],
  test: (_request, { node, brand }) => [
    `A test from ${withoutControls(brand ?? "Plexus")}`,
    `The node ${node} can send mail to you. Nothing needs to be done.`,
  ],
};

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;
const sorts: Readonly<Record<keyof DigestCounts, readonly [one: string, many: string]>> = {
  mention: ["mention", "mentions"],
  direct: ["direct message", "direct messages"],
  answer: ["answer", "answers"],
  word: ["message with a word of yours", "messages with words of yours"],
  topic: ["message in a topic that you follow", "messages in topics that you follow"],
};
const countedOf = (counts: DigestCounts): string =>
  Object.entries(sorts)
    .map(([sort, names]) => [counts[sort as keyof DigestCounts] ?? 0, names] as const)
    .filter(([count]) => count > 0)
    .map(([count, names]) => counted(count, ...names))
    .join(", ");
/** What somebody wrote stands in one line, behind where: nothing of it can look like a part of the letter. */
const saidIn = ({ author, room, text }: DigestLine): string =>
  `${withoutControls(author)}${room === undefined ? "" : ` in ${withoutControls(room)}`}: “${withoutControls(text)}”`;

/** Headers by which mail programs end such mails with one press (RFC 8058). */
const headersOf = (request: MailRequest, publicUrl: string): Pick<Letter, "headers"> =>
  request.what !== "digest"
    ? {}
    : {
        headers: {
          "List-Unsubscribe": `<${publicUrl}${apiPrefix}/mail/unsubscribe/${request.token}>`,
          "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
      };

/** The letter that answers one request. */
export function letterOf(request: MailRequest, at: LetterPlace): Letter {
  const address = at.publicUrl === "" ? "" : new URL(at.publicUrl).host;
  const named = withoutControls(at.brand ?? "");
  const host = named === "" ? address : address === "" ? named : `${named} (${address})`;
  const make = texts[request.what] as (of: MailRequest, place: LetterPlace & { readonly host: string }) => Parts;
  const [subject, ...parts] = make(request, { ...at, host });
  const text = parts.map((part) => (typeof part === "string" ? part : part.link)).join("\n\n");
  const html = parts.map(htmlOf).join("\n");
  return {
    what: request.what,
    to: request.to,
    subject,
    text: `${text}\n`,
    html: `<!doctype html>\n<html lang="en"><body>\n${html}\n</body></html>\n`,
    ...headersOf(request, at.publicUrl),
    ...(request.what === "report" && { attachments: request.attachments }),
  };
}

const htmlOf = (part: Part): string =>
  typeof part === "string"
    ? `<p>${escaped(part)}</p>`
    : `<p><a href="${escaped(part.link)}">${escaped(part.says)}</a></p>\n<p>${escaped(part.link)}</p>`;

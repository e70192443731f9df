import { awayNode, type Failure } from "../../../protocols/errors.ts";
import { describeDuration } from "../../../protocols/words/amounts.ts";
import { plainProblem, sentence, withoutSigns } from "./field-faults.ts";
import { nameOf } from "./text.ts";
import { locale } from "./locale.ts";

/** Something written here that the node has not confirmed. */
export interface Unconfirmed {
  readonly status: "waiting" | "accepted" | "failed";
  readonly failure?: Failure | undefined;
}

/** What that is called. Of one that failed perhaps nobody knows whether it was done. */
export const nameUnsent = ({ status, failure }: Unconfirmed): string =>
  status !== "failed" ? "Sending" : failure?.outcome === "unknown" ? "May not have been sent" : "Not sent";

/** A failure in words for the person: what the error table says, and the detail that names the cause. `asked`: what it
 *  is that failed. Only of a change it matters that it may take effect later. */
export const explain = (reason: Failure, asked: "change" | "look" = "change"): string =>
  withoutSigns(explainWithCode(reason, asked));

/** The same for a place that shows what stands between backquotes as code. */
export function explainWithCode(reason: Failure, asked: "change" | "look" = "change"): string {
  const doubt = asked === "change" ? "; it may still take effect." : ". Try again later.";
  const retryAfterMs = reason.details?.["retryAfterMs"];
  if (reason.code === "RATE_LIMITED" && typeof retryAfterMs === "number")
    return `Too fast: try again in ${Math.max(1, Math.ceil(retryAfterMs / 1000))} s.`;
  if (reason.code === "SLOW_MODE" && typeof retryAfterMs === "number")
    return `Members of this room wait between two messages: try again in ${describeDuration(retryAfterMs + 999)}.`;
  // The table's help is written for somebody without a code; here one was typed.
  if (reason.code === "ADMIN_CODE_WRONG")
    return "This is not the admin code that the node printed at its latest start.";
  if (reason.code === "PASSKEY_REFUSED" && reason.details?.["problem"] !== undefined)
    return "The browser gave no passkey. Try again, or use another way.";
  if (reason.code === "MAIL_DOMAIN_REFUSED")
    return `New accounts need a mail address of one of these domains: ${String(reason.details?.["domains"])}.`;
  if (reason.code === "TOO_LARGE") return "This is larger than is allowed here.";
  if (reason.code === "MAIL_OFF") return "This cluster sends no mail now. Ask an admin.";
  if (reason.code === "BANNED") return explainBan(reason.details ?? {});
  if (reason.code === "MUTED") return explainBan(reason.details ?? {}, "Muted here");
  if (reason.code === "UNREACHABLE") return "The node does not answer. Is it running?";
  const { path, problem, reason: why, field } = reason.details ?? {};
  // And here for people who run the nodes.
  const away = awayNode(reason);
  if (reason.code === "ASK_TIMEOUT")
    return `${away === undefined ? "No answer in time" : `${away}, the node that has it, does not answer`}${doubt}`;
  // No operationId here: to try again is to repeat the same operation.
  if (reason.code === "APPEND_FAILED") return `The disk of the node that has it refused a write${doubt}`;
  if (reason.code === "PEER_LOST") return `The connection to the node that has it ended${doubt}`;
  if (away !== undefined)
    return `Not available now: ${away}, the node that has it, does not answer. Try again later, or tell your admin.`;
  if (reason.code === "DIRECTORY_AWAY" && reason.details?.["joined"] === false)
    return (
      "Not available now: a node that was just started has not joined the cluster yet. Try another node, or try " +
      "again later."
    );
  if (reason.code === "SLOT_UNAVAILABLE")
    return typeof why === "string"
      ? `Not available now: ${why}.`
      : "Not available now: it is on a node that is away. Try again later, or ask your admin.";
  if (reason.code === "DIRECTORY_AWAY")
    return (
      "Not possible now: the directory of the cluster, which places new rooms and accounts, cannot be reached. " +
      "What exists keeps working. Try again later, or tell your admin."
    );
  if (typeof path === "string" && typeof problem === "string") return `${nameOfField(path)} ${plainProblem(problem)}.`;
  if (typeof why === "string") {
    // A request that is not valid: why says it all.
    const said = reason.code === "BAD_REQUEST" ? "" : shownMessage(reason);
    return said === "" ? sentence(why) : `${said} Reason: ${/[.!?]$/.test(why) ? why : `${why}.`}`;
  }
  return typeof field === "string" ? `${shownMessage(reason)} (${field})` : shownMessage(reason);
}

/** Where the page shows no details, a message does not point to them; nor does it speak of schemas. */
const shownMessage = ({ message }: Failure): string =>
  message
    .split(/(?<=[.!?;]) |: (?=[^:]*\bdetails?\b)/)
    .filter((part) => !/\bdetails?\b/i.test(part))
    .map((part) => (/[.!?;:]$/.test(part) ? part : `${part}.`))
    .join(" ")
    .replaceAll(/[;:] (?=[A-Z])/g, ". ")
    .replaceAll(/\bits schema\b|\bthe schema\b/g, "what is expected")
    .replace(/[;:,]\s*$/, ".")
    .trim() || "This was refused: something in it is not valid.";

/** What people call the field at a path: `displayName` is the display name. */
function nameOfField(path: string): string {
  const last = path.split("/").findLast((part) => part !== "" && !/^\d+$/.test(part));
  if (last === undefined) return "The request";
  const words = last
    .replaceAll(/([a-z])([A-Z])/g, "$1 $2")
    .replaceAll(/[_.-]/g, " ")
    .toLowerCase();
  return `The field “${words}”`;
}

/** A ban, or a mute, in words: by whom, until when, and why. */
export function explainBan({ by, untilMs, reason }: Readonly<Record<string, unknown>>, what = "Banned"): string {
  const who = typeof by === "string" ? ` by @${nameOf(by)}` : "";
  const until = typeof untilMs === "number" ? `until ${whenOf(untilMs)}` : "until it is lifted";
  const why = typeof reason === "string" ? ` Reason given: ${withoutSigns(reason)}` : "";
  return `${what}${who} ${until}.${why}`;
}

const whenOf = (atMs: number): string =>
  new Date(atMs).toLocaleString(locale, { dateStyle: "long", timeStyle: "short" });

/** News of the cluster in words, for the page and the terminal. */
import type { Notice } from "../admin/notice.ts";

const amount = (measure: string, text: string | undefined): string =>
  measure === "cost" ? (Number(text) / 1_000_000).toFixed(2) : Number(text).toLocaleString("en");

/** What an admin reads of backups. */
function backupText({ action, facts }: Notice, me: string): string | undefined {
  const { for: asker = "", reason = "", person, thread, snapshot = "", approvedBy = "" } = facts;
  const what = [thread, person].filter(Boolean).join(", ") || (snapshot === "" ? "everything" : `snapshot ${snapshot}`);
  const by = facts["by"] === "operator" ? "The operator" : (facts["by"] ?? "");
  const whose = asker === me ? "your recall" : `the recall that ${asker} asked for,`;
  switch (action) {
    case "askRecall":
      return `${by} asks for a recall of ${what}: ${reason}. Another admin has to approve it: see Settings, Backups.`;
    case "approveRecall":
      return `${by} approved ${whose} of ${what}. It begins within a day.`;
    case "declineRecall":
      return `${by} declined ${whose} of ${what}.`;
    case "beginRecall":
      return `${by} recalls ${what} from the backups; ${approvedBy} approved it.`;
    case "recallBackup":
    case "placeBackup":
    case "recallPrivate":
      return `${by} recalls ${what} from the backups.`;
    case "liftHold":
      return `${by} lifted the legal hold on ${what}: ${reason}.`;
    case "drillFailed":
      return facts["reason"] === undefined
        ? `A rehearsed restore of ${facts["from"] ?? ""} did not bring everything back: ${facts["lost"] ?? ""} ` +
            `missing, ${facts["wrong"] ?? ""} wrong` +
            (facts["behind"] === undefined ? ". " : `; without the newest head on their disks: ${facts["behind"]}. `) +
            "Run `plexus backup drill` to see what."
        : `A rehearsed restore of ${facts["from"] ?? ""} failed: ${facts["reason"]}. ` +
            "Run `plexus backup drill` to see why.";
    default:
      return powerText(facts);
  }
}

/** What all admins read of what has power: who did what, and to whom or what. Its words come with it, so that a page of
 *  an older version has them. */
function powerText({ by, does, session: _session, ...facts }: Notice["facts"]): string | undefined {
  if (does === undefined) return undefined;
  const what = Object.entries(facts)
    .filter(([, fact]) => fact !== "")
    .map(([name, fact]) => `${name} ${fact}`)
    .join(", ");
  return (
    `${by === "operator" ? "The operator" : (by ?? "")}: ` +
    `${does}${what === "" ? "" : ` (${what.slice(0, 200)})`}. See \`plexus audit\`.`
  );
}

/** What the person who began a task reads when it is over. */
function taskText({ facts }: Notice): string {
  const { task = "", what = "", state = "", node, reason } = facts;
  const which = `${what}${node === undefined ? "" : ` at ${node}`}`;
  if (state === "done") return `${which} is done.`;
  if (state === "cancelled") return `${which} was cancelled.`;
  return `${which} failed${reason === undefined ? "" : `: ${reason}`}. See \`plexus tasks show ${task}\`.`;
}

/** Facts that name a person, by the account. */
const persons: ReadonlySet<string> = new Set(["by", "for", "approvedBy", "whose", "user", "person", "about"]);

/** The account that a fact names; undefined: it names none. Where it may be something else, only `user/NAME` is one. */
function accountIn(fact: string, text: string): string | undefined {
  const [, kind, account] = /^(user\/)?([a-z0-9][a-z0-9_-]{0,31})$/.exec(text) ?? [];
  if (!persons.has(fact) || account === undefined || account === "operator") return undefined;
  return kind === undefined && (fact === "about" || fact === "person") ? undefined : account;
}

/** The people whom it names. */
export const peopleIn = ({ facts }: Notice): readonly string[] =>
  Object.entries(facts).flatMap(([name, fact]) => accountIn(name, fact) ?? []);

/** What a person reads of it, with commands between backquotes; undefined: it is of a version that knows more. `me`:
 *  whose it is. `called`: how somebody is called who has an account. */
export function noticeText(
  told: Notice,
  me: string,
  called: (account: string) => string = (account) => account,
): string | undefined {
  const named = Object.entries(told.facts).map(([name, fact]) => {
    const account = accountIn(name, fact);
    const text = account === undefined || account === me ? fact : called(account);
    // What stands between backquotes is a command that can be copied: people write none into a notice.
    return [name, text.replaceAll("`", "'")] as const;
  });
  const notice = { ...told, facts: Object.fromEntries(named) };
  const { action, facts } = notice;
  const { budget = "", whose = "", measure = "", per = "", ending = "", instead = "", resets = "" } = facts;
  const [spent, limit] = [amount(measure, facts["spent"]), amount(measure, facts["limit"])];
  const unit = measure === "cost" ? "" : ` ${measure}`;
  const of = whose === me ? "Your budget" : whose === "" ? "The budget" : `The budget of ${whose},`;
  const until = `It begins again at ${resets.replace("T", " ").replace(/:\d\d(?:\.\d+)?Z$/, "")} UTC.`;
  const sum = `${spent} of ${limit}${unit} this ${per}`;
  if (action === "sinkBehind")
    return (
      `The audit has not reached ${facts["sink"] ?? ""} for ${facts["minutes"] ?? ""} minutes: ` +
      `${facts["reason"] ?? ""}. ${facts["waiting"] ?? ""} entries wait. See \`plexus audit push list\`.`
    );
  if (action === "auditUnsent")
    return (
      `Entries of the audit up to ${facts["upTo"] ?? ""} were removed, though a system that it is sent to had ` +
      `confirmed only ${facts["confirmed"] ?? ""}. See \`plexus audit push list\`.`
    );
  if (action === "budgetWarned") return `${of} "${budget}" is nearly used up: ${sum}. ${until}`;
  if (action === "alert")
    return `Alert ${facts["alert"] ?? ""}, ${facts["about"] ?? ""}: ${facts["title"] ?? ""}. See \`plexus alerts\`.`;
  if (action === "runPlaybook")
    return (
      `Playbook ${facts["playbook"] ?? ""}${facts["mode"] === "dryRun" ? " (rehearsal)" : ""} for alert ` +
      `${facts["alert"] ?? ""}, ${facts["about"] ?? ""}: ${facts["steps"] ?? ""}.`
    );
  if (action === "roomWarned")
    return `${facts["by"] ?? ""} warned you in the room ${facts["room"] ?? ""}: ${facts["reason"] ?? ""}`;
  if (action === "taskEnded") return taskText(notice);
  if (action !== "budgetUsedUp") return backupText(notice, me);
  const then =
    ending === "stop"
      ? "Calls of models are refused until then."
      : ending === "instead"
        ? `Until then ${instead} answers in place.`
        : "Nothing is stopped.";
  return `${of} "${budget}" is used up: ${sum}. ${until} ${then}`;
}

/** Sends an alert by mail, to an address or to everybody with a role. No address is in what it says: that goes into the
 *  audit. */
import type { Alert, Failure, PlaybookOrder, Result, SeenEntry } from "../../protocols/index.ts";
import type { MailRequest } from "../ports/index.ts";
import { watchLimits } from "./limits.ts";

export interface MailingPorts {
  /** The names of all people with a role. Rejects where they cannot be read now. */
  holders(role: string): Promise<readonly string[]>;
  /** The confirmed mail address of somebody who may come in; undefined: there is none. */
  addressOf(user: string): Promise<string | undefined>;
  readonly mail: {
    /** Whether a mail server is set, as this node knows. */
    isSet(): boolean;
    /** Sends a mail now, once. */
    send(request: MailRequest): Promise<Result<unknown>>;
    /** Queues a mail, which is tried again while the mail server is away. */
    post(request: MailRequest): Result<unknown>;
  };
}

type MailAct = Extract<PlaybookOrder["acts"][number], { do: "mail" }>;

/** The text of a mail. */
interface Said {
  readonly alert: Alert;
  readonly seen: readonly SeenEntry[];
  readonly playbook: string;
}

const mailIsOff = "MAIL_OFF: this cluster sends no mail; `plexus mail set` has it do so";

/** The recipients, and the people of the role who have no address. */
async function receivers(
  ports: MailingPorts,
  act: MailAct,
): Promise<{ readonly to: readonly string[]; readonly without: number; readonly beyond: number }> {
  if ("to" in act) return { to: [act.to], without: 0, beyond: 0 };
  const holders = (await ports.holders(act.role)).toSorted();
  const first = holders.slice(0, watchLimits.mailHoldersMax);
  const addresses = await Promise.all(first.map((user) => ports.addressOf(user)));
  const to = [...new Set(addresses.filter((address) => address !== undefined))];
  return {
    to,
    without: addresses.filter((address) => address === undefined).length,
    beyond: holders.length - first.length,
  };
}

const people = (count: number): string => (count === 1 ? "1 person" : `${count} people`);
const lacking = ({ without, beyond }: { readonly without: number; readonly beyond: number }): readonly string[] => [
  ...(without > 0 ? [`${people(without)} with the role have no confirmed mail address`] : []),
  ...(beyond > 0 ? [`${people(beyond)} are more than one act writes to`] : []),
];

/** What the act would do, without doing it. */
export async function rehearsal(ports: MailingPorts, act: MailAct): Promise<string> {
  if (!ports.mail.isSet()) return mailIsOff;
  const found = await receivers(ports, act);
  return [`the mail would be sent to ${people(found.to.length)}`, ...lacking(found)].join("; ");
}

/** Sends it. Undefined: to all; a text says who did not get it, or not yet. Rejects where no one gets it. */
export async function mailAlert(ports: MailingPorts, act: MailAct, said: Said): Promise<string | undefined> {
  if (!ports.mail.isSet()) throw new Error(mailIsOff);
  const found = await receivers(ports, act);
  if (found.to.length === 0) throw new Error(["it has nobody to go to", ...lacking(found)].join("; "));
  let [later, failed] = [0, 0];
  let newest: Failure | undefined;
  for (const to of found.to) {
    const request: MailRequest = { what: "alert", to, ...said };
    const sent = await ports.mail.send(request);
    if (sent.ok) continue;
    newest = sent.error;
    // The server may have the mail already, so it is not sent again.
    if (newest.code === "MAIL_AWAY" && ports.mail.post(request).ok) later += 1;
    else failed += 1;
  }
  if (failed === found.to.length && newest !== undefined) throw newest;
  const notes = [
    ...(later > 0 ? [`the mail server is away: ${later} of ${found.to.length} mails are tried again`] : []),
    ...(failed > 0 ? [`${failed} of ${found.to.length} mails were not sent (${newest?.code})`] : []),
    ...lacking(found),
  ];
  return notes.length === 0 ? undefined : notes.join("; ");
}

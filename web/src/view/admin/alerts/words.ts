/** Alerts in words: what to do, and where to look. Pure. */
import type { AuditSearch } from "../audit/search.ts";

const advices: Readonly<Record<string, string>> = {
  "detector/refused-person":
    "Ask the person whether it was them. If not, block the address that the entries name, and make sure that " +
    "the account has a second factor.",
  "detector/refused-address":
    "Somebody tries many accounts from one address. Block that address, and check whether one of the sign-ins worked.",
  "detector/impossible-travel":
    "Ask the person whether both sign-ins were theirs. If not, end their sessions, and have them set a new " +
    "password and a second factor.",
  "detector/new-place-exports":
    "Ask the person now. If it was not them, suspend the account, and see in the entries what was exported.",
  "detector/power-used-at-once":
    "Look at who gave the roles and what was done with them. If nobody meant to give them, take them back and " +
    "end the sessions of both people.",
  "detector/refused-acts":
    "Look at what was tried. A person may need a role that they do not have. A program may use somebody else's " +
    "key: revoke that key.",
  "detector/refusals-rise":
    "Somebody probes this node with many accounts or addresses. Look at the refused sign-ins in the audit and " +
    "at the node's log, and block the addresses.",
  "detector/undelivered-rise":
    "Actors (rooms, accounts or agents) of this node take no messages. `plexus actors list --status quarantined` " +
    "shows which, and why.",
  "detector/false-identities":
    "Another node sent requests in the name of people without a valid proof that they are signed in there. The log " +
    "of this node names it (`identity.refused`). Check the clock of that node. If it is right, drain and " +
    "evict the node.",
  "detector/runs-out":
    "Make room, or add a node. The page “Nodes” shows the forecast, and what would move to a new node.",
  "watch/playbooks":
    "Look at what the playbooks did last. An address that answers slowly, or a mail server that is down, " +
    "delays the others.",
  "watch/overflow":
    "Acknowledge the alerts that you know, so that there is room for new ones. The audit keeps all of them.",
  "detector/audit-trouble":
    "Export the audit and run `plexus audit verify FILE`. Do not trust the node until you know why: drain it.",
};

/** What an admin does about an alert. */
export const adviceOn = (source: string): string =>
  advices[source] ?? "Look at the entries, and decide whether somebody meant to do it.";

/** Where what an alert is about is found. */
export function aboutOf(about: string): { readonly user?: string; readonly search?: AuditSearch } {
  const [kind = "", id = ""] = about.split(/\/(.*)/s, 2);
  if (kind === "user") return { user: id, search: { text: about } };
  if (kind === "address") return { search: { address: id } };
  if (kind === "node") return { search: { node: id } };
  return { search: { text: about } };
}

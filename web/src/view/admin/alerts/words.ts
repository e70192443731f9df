/** Alerts in words: what to do, and where to look. Pure. */
import type { AuditSearch } from "../audit/search.ts";

const advices: Readonly<Record<string, string>> = {
  "detector/refused-person":
    "Ask the person whether it was them. If not, the address is in the entries: refuse it with a list of addresses, and see that the account has a second factor.",
  "detector/refused-address":
    "Somebody tries many accounts from one place. Refuse the address with a list of addresses, and look whether one of the sign-ins was let in.",
  "detector/impossible-travel":
    "Ask the person whether both sign-ins were theirs. If not, end their devices and have them set a new password and a second factor.",
  "detector/new-place-exports":
    "Ask the person now. If it was not them, suspend the account, and look in the entries at what left the cluster.",
  "detector/power-used-at-once":
    "Look at who gave the roles and what was done with them. If nobody meant it, take the roles back and end the devices of both.",
  "detector/refused-acts":
    "Look at what was tried. A person may lack a role that they need; a program may have another's key: end that key.",
  "detector/refusals-rise":
    "Somebody tries this node out, by many accounts or addresses. Look at the refused sign-ins in the audit and the node's log, and refuse the addresses with a list.",
  "detector/undelivered-rise":
    "Actors of this node take no messages. plexus actors list --status quarantined shows which, and why.",
  "detector/false-identities":
    "Another node says of people what it cannot prove. Find it in this node's log (identity.refused). If it was not a clock that is wrong, drain and evict it.",
  "detector/runs-out": "Make room, or add a node: “Nodes” says how it goes, and what would move to another node.",
  "watch/playbooks":
    "Look at what the playbooks did last: an address that answers slowly, or a mail server that is away, holds the others up.",
  "watch/overflow": "Take note of what is known, so that what comes next has room. The audit has all of it.",
  "detector/audit-trouble":
    "Export the audit and run plexus audit verify FILE. Do not trust the node until you know why: drain it.",
};

/** What an admin does about an alert. */
export const adviceOn = (source: string): string =>
  advices[source] ?? "Look at the entries, and decide whether it was meant.";

/** Where what an alert is about is found. */
export function aboutOf(about: string): { readonly user?: string; readonly search?: AuditSearch } {
  const [kind = "", id = ""] = about.split(/\/(.*)/s, 2);
  if (kind === "user") return { user: id, search: { text: about } };
  if (kind === "address") return { search: { address: id } };
  if (kind === "node") return { search: { node: id } };
  return { search: { text: about } };
}

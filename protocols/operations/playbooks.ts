/** What is done when an alert is raised. */
import { Type } from "typebox";
import {
  playbookMode,
  setPlaybookBody,
  type PlaybookList,
  type PlaybookRuns,
  type PlaybookSet,
  type ShownPlaybook,
} from "../admin/playbooks.ts";
import { alertId } from "../admin/watch.ts";
import { answer } from "../wire/command.ts";
import { key, limit, object } from "../wire/schema.ts";
import { changes, ofActors, reads } from "./operation.ts";

const tags = ["admin"];
const params = object({ playbook: key });
const playbook = answer<ShownPlaybook>("ShownPlaybook");

export const playbookOperations = {
  "playbooks.list": reads({
    answer: answer<PlaybookList>("PlaybookList"),
    permission: "alerts.read",
    errors: ofActors,
    summary: "The playbooks: what is done by itself when there is an alert",
    description: "Of the address of a page only the host is shown.",
    tags,
  }),
  "playbooks.runs": reads({
    fields: object({ before: Type.Optional(alertId), limit: Type.Optional(limit) }),
    answer: answer<PlaybookRuns>("PlaybookRuns"),
    permission: "alerts.read",
    errors: ofActors,
    summary: "A page of what playbooks did, or would have done, the newest first",
    tags,
  }),
  "playbooks.set": changes({
    params,
    fields: setPlaybookBody,
    answer: answer<PlaybookSet>("PlaybookSet"),
    permission: "alerts.manage",
    errors: ["CHANGED_MEANWHILE", "LIMIT_REACHED", "MAIL_OFF", "NOT_FOUND", "SIGN_IN_AGAIN", ...ofActors],
    action: "setPlaybook",
    facts: ({ playbook: name }) => ({ playbook: name }),
    summary: "Makes a playbook, or changes it; it only rehearses until it is switched on",
    description:
      "`secret` is in the answer where an act is a page with a `url`: " +
      "with it the pages are signed (`x-plexus-signature: v1=HMAC-SHA256(secret, x-plexus-time + '.' + body)`), " +
      "and it is shown this once. The `url` is never shown again; a page with its `host` alone keeps url and " +
      "secret that the playbook has there. A mail goes to an address (`to`) or to everybody with a `role`.",
    tags,
  }),
  "playbooks.switch": changes({
    params,
    fields: playbookMode,
    answer: playbook,
    permission: "playbooks.manage",
    errors: ["ALREADY_DONE", "MAIL_OFF", "NOT_FOUND", "SIGN_IN_AGAIN", ...ofActors],
    action: "setPlaybook",
    facts: ({ playbook: name, mode }) => ({ playbook: name, mode }),
    summary: "Switches a playbook on, or back to rehearsals",
    description:
      "The person who switches it on must be allowed to do the same acts by hand. " +
      "`acts` are those that were seen: where they are others by now, " +
      "it is refused with ALREADY_DONE and nothing is switched.",
    tags,
  }),
  "playbooks.remove": changes({
    params,
    answer: playbook,
    permission: "alerts.manage",
    errors: ["NOT_FOUND", "SIGN_IN_AGAIN", ...ofActors],
    action: "removePlaybook",
    facts: ({ playbook: name }) => ({ playbook: name }),
    summary: "Removes a playbook; answers with it",
    tags,
  }),
};

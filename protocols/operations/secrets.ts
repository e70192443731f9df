/** Secrets of the cluster with names: written and never read. */
import { answer } from "../wire/command.ts";
import {
  adoptSecret,
  rotateSecret,
  secretParams,
  setSecretBody,
  type SecretsView,
  type SecretView,
} from "../admin/secrets.ts";
import { changes, ofDirectory, reads } from "./operation.ts";

const tags = ["admin"];
const one = answer<SecretView>("SecretView");

export const secretOperations = {
  "secrets.list": reads({
    answer: answer<SecretsView>("SecretsView"),
    permission: "secrets.read",
    errors: ["NOT_FOUND", "DIRECTORY_UNAVAILABLE"],
    summary:
      "The secrets of the cluster without what they are: where they may be sent, what uses them, who set them last",
    description: "`own`: settings that keep a secret by themselves.",
    tags,
  }),
  "secrets.set": changes({
    params: secretParams,
    fields: setSecretBody,
    answer: one,
    permission: "secrets.manage",
    errors: ["NOT_FOUND", "LIMIT_REACHED", ...ofDirectory],
    action: "setSecret",
    facts: ({ secret, for: places }) => ({ secret, for: places }),
    summary: "Sets a secret, in place of the one of that name",
    description:
      "`value` is written and never read. `for` names the hosts that it may be sent to: a setting for another " +
      "place does not get it. Settings take it as `secret:NAME` where they take a password or a key. `seen`: " +
      "how often the caller has seen it set, 0 for never; where it is another number by now, nothing is set " +
      "(CHANGED_MEANWHILE).",
    tags,
  }),
  "secrets.rotate": changes({
    params: secretParams,
    fields: rotateSecret,
    answer: one,
    permission: "secrets.manage",
    errors: ["NOT_FOUND", "LIMIT_REACHED", ...ofDirectory],
    action: "rotateSecret",
    facts: ({ secret }) => ({ secret }),
    summary: "Replaces the value of a secret; whatever uses it takes the new one",
    tags,
  }),
  "secrets.adopt": changes({
    params: secretParams,
    fields: adoptSecret,
    answer: one,
    permission: "secrets.manage",
    errors: ["NOT_FOUND", "ALREADY_DONE", "NAME_TAKEN", "LIMIT_REACHED", ...ofDirectory],
    action: "setSecret",
    facts: ({ secret, from }) => ({ secret, from }),
    summary:
      "Makes the secret that a setting keeps by itself one with a name, to which the setting refers from then on",
    tags,
  }),
  "secrets.remove": changes({
    params: secretParams,
    answer: one,
    permission: "secrets.manage",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "removeSecret",
    facts: ({ secret }) => ({ secret }),
    summary: "Removes a secret that nothing uses",
    description: "FORBIDDEN, with what uses it, while something does.",
    tags,
  }),
};

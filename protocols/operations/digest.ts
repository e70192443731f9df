/** Mail to people who were away. */
import { answer } from "../wire/command.ts";
import { digestParts, type DigestView } from "../wire/digest.ts";
import { changes, ofActors, ofOwnAccount, reads } from "./operation.ts";

const tags = ["account"];

export const digestOperations = {
  "digest.show": reads({
    answer: answer<DigestView>("DigestView"),
    permission: "account.use",
    errors: ofActors,
    summary: "What the caller gets by mail while they are away",
    tags,
  }),
  "digest.set": changes({
    ...ofOwnAccount,
    fields: digestParts,
    answer: answer<DigestView>("DigestView"),
    permission: "account.use",
    person: true,
    errors: ["BAD_REQUEST", ...ofActors],
    action: "setDigest",
    summary: "Sets what the caller gets by mail while they are away, and when",
    description: "What is not named stays. Mail goes to the account's confirmed address.",
    tags,
  }),
};

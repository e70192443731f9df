/** Mail to people who were away. */
import { Type } from "typebox";
import { answer } from "../wire/command.ts";
import { digestParts, type DigestView } from "../wire/digest.ts";
import { object } from "../wire/schema.ts";
import { changes, fieldsOf, ofActors, ofOwnAccount, reads } from "./operation.ts";

const tags = ["account"];
const params = object({ token: Type.String({ maxLength: 1_024, pattern: "^[A-Za-z0-9_-]+$" }) });

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
  "digest.lookAtEnd": reads({
    params,
    answer: fieldsOf({}),
    permission: "anyone",
    errors: [],
    summary: "Leads to the page on which a person ends mail of what they have missed",
    tags,
  }),
  "digest.end": changes({
    params,
    answer: fieldsOf({}),
    permission: "anyone",
    proves: true,
    form: true,
    errors: ["LINK_INVALID", ...ofActors],
    about: "account",
    action: "setDigest",
    facts: () => ({}),
    summary: "Ends mail of what somebody has missed, by the link in one",
    description: "Mail programs post a form there (RFC 8058). Nothing of it is looked at but the address.",
    tags,
  }),
};

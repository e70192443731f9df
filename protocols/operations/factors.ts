/** What people prove themselves with: passkeys, one-time codes, recovery codes, identities of other servers. */
import { Type } from "typebox";
import { providerName, type ProvenIdentity } from "../authority/identity-provider.ts";
import { passkeyAnswer, type PasskeyCreation, type PasskeyRequest } from "../authority/passkeys.ts";
import { wireLimits } from "../limits.ts";
import { answer } from "../wire/command.ts";
import { line, object } from "../wire/schema.ts";
import { changes, fieldsOf, listOf, nothing, ofActors, ofOwnAccount, reads } from "./operation.ts";

const tags = ["account"];
const attempt = { attempt: Type.Optional(Type.String({ maxLength: 64 })) };
const code = Type.String({ minLength: 1, maxLength: 64 });
const recovery = fieldsOf({ recovery: listOf(Type.String()) });
const ofProvider = object({ provider: providerName });
const comeBack = object({
  return: Type.Optional(Type.String({ maxLength: 512, description: "A path of the page to come back to" })),
});
const ofProviders = ["NOT_FOUND", "IDENTITY_PROVIDER_AWAY", "DIRECTORY_UNAVAILABLE", ...ofActors] as const;

export const factorOperations = {
  "factors.confirm": changes({
    ...ofOwnAccount,
    fields: object({
      ...attempt,
      password: Type.Optional(Type.String({ minLength: 1, maxLength: wireLimits.passwordCharsMax })),
      code: Type.Optional(code),
      passkey: Type.Optional(passkeyAnswer),
    }),
    answer: fieldsOf({}),
    permission: "account.use",
    person: true,
    proves: true,
    errors: [
      "SIGN_IN_FAILED",
      "SIGN_IN_UNFINISHED",
      "SIGN_IN_EXPIRED",
      "CODE_WRONG",
      "PASSKEY_REFUSED",
      "NOT_FOUND",
      ...ofActors,
    ],
    action: "proveAgain",
    summary:
      "Proves again who the caller is, for what asks for a fresh sign-in (SIGN_IN_AGAIN): " +
      "by the second factor where there is one",
    tags,
  }),
  "factors.confirmOptions": reads({
    fields: object(attempt),
    answer: fieldsOf({ options: answer<PasskeyRequest>("PasskeyRequest"), attempt: Type.String() }),
    permission: "account.use",
    person: true,
    errors: ofActors,
    summary: "What a browser asks the caller's passkeys with",
    tags,
  }),
  "factors.confirmWith": reads({
    params: ofProvider,
    fields: comeBack,
    answer: fieldsOf({ url: Type.String() }),
    permission: "account.use",
    person: true,
    errors: ofProviders,
    summary: "Begins to prove again, by another server, who the caller is; answers with the address to go to",
    tags,
  }),
  "factors.beginTotp": reads({
    fields: nothing,
    answer: fieldsOf({ secret: Type.String(), uri: Type.String(), qr: Type.String() }),
    permission: "account.secure",
    errors: ["ALREADY_DONE", "NOT_FOUND", ...ofActors],
    summary: "Begins to set up one-time codes; only this answer shows the seed",
    tags,
  }),
  "factors.confirmTotp": changes({
    ...ofOwnAccount,
    fields: object({ code }),
    answer: recovery,
    permission: "account.secure",
    errors: ["CODE_WRONG", "NOT_FOUND", "SIGN_IN_UNFINISHED", ...ofActors],
    action: "addFactor",
    summary: "Sets up one-time codes by one of them; only this answer shows the recovery codes",
    tags,
  }),
  "factors.removeTotp": changes({
    ...ofOwnAccount,
    answer: fieldsOf({}),
    permission: "account.secure",
    errors: ["NOT_FOUND", ...ofActors],
    action: "removeFactor",
    summary: "Removes one-time codes",
    tags,
  }),
  "factors.makeRecovery": changes({
    ...ofOwnAccount,
    fields: nothing,
    answer: recovery,
    permission: "account.secure",
    errors: ["NOT_FOUND", ...ofActors],
    action: "addFactor",
    summary: "Makes new recovery codes; only this answer shows them",
    tags,
  }),
  "factors.passkeyOptions": reads({
    fields: object(attempt),
    answer: fieldsOf({ options: answer<PasskeyCreation>("PasskeyCreation"), attempt: Type.String() }),
    permission: "account.secure",
    errors: ofActors,
    summary: "What a browser makes a passkey with",
    tags,
  }),
  "factors.addPasskey": changes({
    ...ofOwnAccount,
    fields: object({ ...attempt, passkey: passkeyAnswer, name: line(wireLimits.passkeyNameCharsMax) }),
    answer: fieldsOf({}),
    permission: "account.secure",
    errors: ["SIGN_IN_EXPIRED", "PASSKEY_REFUSED", "NAME_TAKEN", "LIMIT_REACHED", "SIGN_IN_UNFINISHED", ...ofActors],
    action: "addFactor",
    summary: "Adds a passkey",
    tags,
  }),
  "factors.removePasskey": changes({
    ...ofOwnAccount,
    params: object({ id: Type.String({ maxLength: 512 }) }),
    answer: fieldsOf({}),
    permission: "account.secure",
    errors: ["NOT_FOUND", ...ofActors],
    action: "removeFactor",
    summary: "Removes a passkey",
    tags,
  }),
  "factors.linkWith": reads({
    params: ofProvider,
    fields: comeBack,
    answer: fieldsOf({ url: Type.String() }),
    permission: "account.secure",
    errors: ofProviders,
    summary: "Begins to link an identity of another server; answers with the address to go to",
    tags,
  }),
  "factors.proven": reads({
    answer: answer<ProvenIdentity>("ProvenIdentity"),
    permission: "account.use",
    person: true,
    errors: ["SIGN_IN_EXPIRED"],
    summary: "The identity that this browser has proven and that waits for a yes",
    tags,
  }),
  // What it links was begun by a session that was fresh.
  "factors.acceptProven": changes({
    ...ofOwnAccount,
    fields: nothing,
    answer: fieldsOf({}),
    permission: "account.use",
    person: true,
    proves: true,
    errors: [
      "SIGN_IN_EXPIRED",
      "SIGN_IN_UNFINISHED",
      "IDENTITY_TAKEN",
      "IDENTITY_UNKNOWN",
      "LIMIT_REACHED",
      ...ofProviders,
    ],
    action: "linkIdentity",
    summary: "The yes: links it, or proves again by it who the caller is",
    tags,
  }),
  "factors.unlink": changes({
    ...ofOwnAccount,
    params: object({ id: Type.String({ pattern: "^identity\\.[0-9a-f]{64}$" }) }),
    answer: fieldsOf({}),
    permission: "account.secure",
    errors: ["NOT_FOUND", ...ofActors],
    action: "unlinkIdentity",
    summary: "Removes the link to an identity: its id is the `claim` of it in the list of factors",
    tags,
  }),
};

/** Sign-up and sign-in. Strangers ask: no answer says whether there is an account. */
import { Type } from "typebox";
import { mailAddress } from "../admin/mail.ts";
import type { SignInChoice } from "../authority/identity-provider.ts";
import { passkeyAnswer, type PasskeyRequest } from "../authority/passkeys.ts";
import { credentials, signUp, type Setup, type SignInNeeds, type SignInProgress } from "../wire/client.ts";
import { answer } from "../wire/command.ts";
import { object, userName } from "../wire/schema.ts";
import { changes, fieldsOf, listOf, ofActors, ofOwnAccount, reads } from "./operation.ts";

const tags = ["account"];
const attempt = { attempt: Type.Optional(Type.String({ maxLength: 64 })) };
const linkSecret = Type.String({ minLength: 1, maxLength: 64 });
const newPassword = signUp.properties.password;
const progress = answer<SignInProgress>("SignInProgress");

/** Of what a stranger sends: FORBIDDEN to a page of another site. */
const ofStrangers = ["FORBIDDEN", ...ofActors] as const;
const ofSteps = ["SIGN_IN_EXPIRED", "SIGN_IN_FAILED", "SUSPENDED", ...ofStrangers] as const;

export const signInOperations = {
  "signIn.setup": reads({
    answer: answer<Setup>("Setup"),
    permission: "anyone",
    errors: [],
    summary: "Settings of the sign-in page",
    tags,
  }),
  "signIn.signUp": changes({
    fields: signUp,
    answer: progress,
    also: 202,
    permission: "anyone",
    proves: true,
    errors: [
      "ADMIN_CODE_WRONG",
      "SIGN_UP_CLOSED",
      "SIGN_UP_NEEDS",
      "SIGN_UP_INVITATION_INVALID",
      "LINK_INVALID",
      "MAIL_DOMAIN_REFUSED",
      "MAIL_TAKEN",
      "NAME_TAKEN",
      "PASSWORD_LEAKED",
      "LIMIT_REACHED",
      "SUSPENDED",
      "DIRECTORY_UNAVAILABLE",
      "DIRECTORY_FULL",
      "CHANGED_MEANWHILE",
      ...ofStrangers,
    ],
    about: "account",
    action: "signUp",
    facts: ({ name }) => ({ user: name }),
    summary: "Creates an account and signs in",
    tags,
  }),
  "signIn.mailLink": reads({
    fields: object({ mail: mailAddress }),
    answer: fieldsOf({}),
    permission: "anyone",
    errors: ["MAIL_OFF", "MAIL_DOMAIN_REFUSED", ...ofStrangers],
    summary: "Sends a link with which somebody makes an account, where sign-up asks for a mail address",
    description:
      "The link is `/#account=PROOF`, and the proof is `mail` of `POST /sign-up`. " +
      "The answer is the same whether there is an account with this address or not.",
    tags,
  }),
  "signIn.byPassword": changes({
    fields: credentials,
    answer: progress,
    also: 202,
    permission: "anyone",
    proves: true,
    errors: ["SIGN_IN_FAILED", "SUSPENDED", ...ofStrangers],
    about: "account",
    action: "signIn",
    facts: ({ name }) => ({ user: name }),
    summary: "Signs in",
    tags,
  }),
  "signIn.code": changes({
    ...ofOwnAccount,
    fields: object({ ...attempt, code: Type.String({ minLength: 1, maxLength: 64 }) }),
    answer: progress,
    also: 202,
    permission: "anyone",
    proves: true,
    errors: ["CODE_WRONG", ...ofSteps],
    action: "signIn",
    summary: "Goes on with a sign-in by a one-time code or a recovery code",
    tags,
  }),
  "signIn.passkeyOptions": reads({
    fields: object(attempt),
    answer: fieldsOf({ options: answer<PasskeyRequest>("PasskeyRequest"), attempt: Type.String() }),
    permission: "anyone",
    errors: ofStrangers,
    summary: "What a browser asks its passkeys with: to begin a sign-in, or to go on with one",
    tags,
  }),
  "signIn.passkey": changes({
    ...ofOwnAccount,
    fields: object({ ...attempt, passkey: passkeyAnswer }),
    answer: progress,
    also: 202,
    permission: "anyone",
    proves: true,
    errors: ["PASSKEY_REFUSED", ...ofSteps],
    action: "signIn",
    summary: "Begins or goes on with a sign-in by a passkey",
    tags,
  }),
  "signIn.servers": reads({
    answer: fieldsOf({ providers: listOf(answer<SignInChoice>("SignInChoice")) }),
    permission: "anyone",
    errors: [],
    summary: "The servers by which people can sign in",
    tags,
  }),
  "signIn.standing": reads({
    answer: answer<SignInNeeds>("SignInNeeds"),
    permission: "anyone",
    errors: ["SIGN_IN_EXPIRED", ...ofActors],
    summary: "What the sign-in that this browser has under way still needs",
    tags,
  }),
  "signIn.forgot": reads({
    fields: object({ account: Type.String({ minLength: 1, maxLength: 254 }) }),
    answer: fieldsOf({}),
    permission: "anyone",
    errors: ["MAIL_OFF", ...ofStrangers],
    summary:
      "Sends a link for a new password to the mail address of an account, which is named by its name or that address",
    description:
      "The answer is the same whether there is such an account or not. A second factor is still asked for afterwards.",
    tags,
  }),
  "signIn.reset": changes({
    fields: object({ user: userName, secret: linkSecret, password: newPassword }),
    answer: fieldsOf({}),
    permission: "anyone",
    proves: true,
    errors: ["LINK_INVALID", "PASSWORD_LEAKED", ...ofStrangers],
    about: "account",
    action: "resetPassword",
    facts: ({ user }) => ({ user }),
    summary: "Sets a password by a link from an admin or by mail; sessions and keys end",
    tags,
  }),
  "signIn.confirmMail": changes({
    fields: object({ user: userName, secret: linkSecret }),
    answer: fieldsOf({ user: Type.String(), mail: Type.String() }),
    permission: "anyone",
    proves: true,
    errors: ["LINK_INVALID", "MAIL_TAKEN", ...ofStrangers],
    about: "account",
    action: "confirmMailAddress",
    facts: ({ user }) => ({ user }),
    summary: "Confirms a mail address by the link that was sent there",
    description: "The page takes it as `/#mail=USER.SECRET`. It opens no session.",
    tags,
  }),
  "signIn.claimAdmin": changes({
    ...ofOwnAccount,
    fields: object({ adminCode: Type.String({ minLength: 1, maxLength: 64 }) }),
    answer: fieldsOf({}),
    permission: "account.use",
    person: true,
    proves: true,
    errors: ["ADMIN_CODE_WRONG", "ALREADY_DONE", ...ofActors],
    action: "setRoles",
    summary: "Makes the caller the first admin, with the admin code that the node printed",
    tags,
  }),
  "signIn.signOut": changes({
    ...ofOwnAccount,
    answer: fieldsOf({ url: Type.Optional(Type.String()) }),
    permission: "account.use",
    errors: ["NOT_FOUND", ...ofActors],
    action: "signOut",
    summary:
      "Ends this session and its connections; API keys are revoked apart. " +
      "With `url`, the browser goes there to sign out at the server by which it signed in",
    tags,
  }),
};

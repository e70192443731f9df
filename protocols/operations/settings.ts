/** The cluster's settings: how it looks, its configuration, the tokens of its control endpoint, and how it sends
 *  mail. */
import { setBrandingBody, type BrandingView } from "../admin/branding.ts";
import {
  changeSettings,
  planSettings,
  rollBackSettings,
  settingsQuery,
  settingsViewQuery,
  type SettingsHistory,
  type SettingsPlan,
  type SettingsView,
} from "../admin/configuration.ts";
import { mailAddress, setMail, type MailServer, type MailView } from "../admin/mail.ts";
import {
  controlTokenName,
  createControlToken,
  type ControlSelf,
  type ControlTokenMade,
  type ControlTokensView,
  type ControlTokenView,
} from "../authority/control.ts";
import { answer } from "../wire/command.ts";
import { object } from "../wire/schema.ts";
import { changes, fieldsOf, ofDirectory, reads } from "./operation.ts";

const tags = ["admin"];

export const brandingOperations = {
  "branding.show": reads({
    answer: answer<BrandingView>("BrandingView"),
    permission: "anyone",
    // `plexus branding` from another machine asks there.
    control: "open",
    errors: ["NOT_FOUND"],
    cached: true,
    summary: "Name, colour and logo of the cluster, as the sign-in page shows them",
    tags: ["account"],
  }),
  "branding.set": changes({
    fields: setBrandingBody,
    answer: answer<BrandingView>("BrandingView"),
    permission: "config.manage",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "setBranding",
    facts: () => ({}),
    summary: "Sets name, colour and logo of the cluster",
    description:
      "What is absent stays, `null` is what Plexus has by itself. " +
      "The logo is a PNG, JPEG or WebP of at most 32 KiB and 512 pixels a side; SVG is refused. " +
      "`seen`: how the caller has seen it look; where what is changed is something else by now, " +
      "nothing is changed (CHANGED_MEANWHILE).",
    tags,
  }),
};

const plan = answer<SettingsPlan>("SettingsPlan");
/** What a change of the configuration may refuse, and what only looks at one. */
const ofPlans = ["NOT_FOUND", "SIGN_IN_AGAIN"] as const;
const ofChanges = [
  ...ofPlans,
  "CONFIG_CHANGED",
  "ALREADY_DONE",
  "TOO_LARGE",
  "OVERLOADED",
  "DIRECTORY_UNAVAILABLE",
  "DIRECTORY_FULL",
] as const;

export const configurationOperations = {
  "configuration.show": reads({
    fields: settingsViewQuery,
    answer: answer<SettingsView>("SettingsView"),
    permission: "config.read",
    errors: ["NOT_FOUND"],
    summary: "Every key of the configuration: what it is, and at each node its value and where that comes from",
    description:
      "`scopes` is what admins have set, for all nodes and for single ones. " +
      "Flags and environment of a node count more, its file counts less. `next`: what counts after a restart. " +
      "With `node`, or `own=true`, that node alone, and what is set for all and for it: " +
      "a cluster of many nodes is half a megabyte.",
    tags,
  }),
  "configuration.plan": reads({
    fields: planSettings,
    answer: plan,
    looks: true,
    permission: "config.manage",
    errors: ofPlans,
    summary: "What a change of the configuration would do at each node; nothing is changed",
    description: "With `to`: what going back to that revision would do.",
    tags,
  }),
  "configuration.set": changes({
    fields: changeSettings,
    answer: plan,
    permission: "config.manage",
    errors: ofChanges,
    action: "setConfiguration",
    // For which nodes it is, and what differs then: the handler says both.
    facts: () => ({}),
    summary: "Changes the configuration of all nodes, or of one",
    description:
      "`revision` is the one that `GET` has shown for this scope: a change that somebody else made since then is " +
      "not overwritten (CONFIG_CHANGED). The answer says what each node does with the change.",
    tags,
  }),
  "configuration.history": reads({
    fields: settingsQuery,
    answer: answer<SettingsHistory>("SettingsHistory"),
    permission: "config.read",
    errors: ["NOT_FOUND"],
    summary: "What was changed of the configuration, newest first",
    tags,
  }),
  "configuration.rollBack": changes({
    fields: rollBackSettings,
    answer: plan,
    permission: "config.manage",
    errors: ofChanges,
    action: "rollBackConfiguration",
    facts: ({ to }) => ({ backTo: to }),
    summary: "Sets the configuration back to what it was after a change; that is a change itself",
    tags,
  }),
};

const controlTags = ["control"];

export const controlOperations = {
  "control.self": reads({
    answer: answer<ControlSelf>("ControlSelf"),
    permission: "cluster.see",
    errors: [],
    summary: "Names the caller, and what they may do",
    tags: controlTags,
  }),
  "control.tokens": reads({
    answer: answer<ControlTokensView>("ControlTokensView"),
    permission: "cluster.see",
    errors: [],
    summary: "The control tokens that hold, without their secrets",
    tags: controlTags,
  }),
  "control.make": changes({
    fields: createControlToken,
    answer: answer<ControlTokenMade>("ControlTokenMade"),
    permission: "control.manage",
    errors: ["NOT_FOUND", "NAME_TAKEN", "LIMIT_REACHED", ...ofDirectory],
    action: "createControlToken",
    facts: ({ name, scopes, role, subject }) => ({
      token: name,
      ...(scopes && { scopes: scopes.join(" ") }),
      ...(role !== undefined && { role }),
      ...(subject !== undefined && { subject }),
    }),
    summary: "Makes a control token; only this answer shows its secret",
    description:
      "With `subject` it has none: the client certificate of that subject stands for it. " +
      "Nobody gives more than they have, and no token makes another: what gives somebody something needs a person.",
    tags: controlTags,
  }),
  "control.revoke": changes({
    params: object({ name: controlTokenName }),
    answer: answer<ControlTokenView>("ControlTokenView"),
    permission: "control.manage",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "revokeControlToken",
    facts: ({ name }) => ({ token: name }),
    summary: "Revokes a control token, everywhere at once",
    tags: controlTags,
  }),
};

export const mailOperations = {
  "mail.show": reads({
    answer: answer<MailView>("MailView"),
    permission: "cluster.see",
    errors: ["DIRECTORY_UNAVAILABLE"],
    summary: "How the cluster sends mail, without the password",
    tags,
  }),
  "mail.set": changes({
    fields: setMail,
    answer: answer<MailServer>("MailServer"),
    permission: "cluster.own",
    errors: ofDirectory,
    action: "setMail",
    facts: ({ host, port, security, password }) => ({
      host,
      port,
      security,
      password: password === undefined ? "kept" : "given",
    }),
    summary: "Says how the cluster sends mail",
    description: "`password` is written and never read. Without it the one that is there stays, if server and user do.",
    tags,
  }),
  "mail.remove": changes({
    answer: fieldsOf({}),
    permission: "cluster.own",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "removeMail",
    facts: () => ({}),
    summary: "Ends the sending of mail",
    tags,
  }),
  "mail.test": changes({
    fields: object({ to: mailAddress }),
    answer: fieldsOf({}),
    permission: "cluster.administer",
    errors: ["MAIL_OFF", "MAIL_REFUSED", "MAIL_AWAY", "MAIL_UNKNOWN", "DIRECTORY_UNAVAILABLE"],
    action: "testMail",
    task: { what: () => "Test of the mail server" },
    // Whom it went to is not written down: an address is in no log.
    facts: () => ({}),
    summary: "Sends a mail now, and says how the mail server answered",
    tags,
  }),
};

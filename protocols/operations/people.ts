/** People, their roles, and what invites them. */
import { Type } from "typebox";
import {
  createApiKey,
  createServiceAccount,
  createSignUpInvitation,
  type ApiKeyMade,
  type SignUpInvitation,
  type SignUpInvitationMade,
} from "../wire/client.ts";
import { answer } from "../wire/command.ts";
import { wireLimits } from "../limits.ts";
import type { PeoplePage, PersonRoles } from "../kinds/role-manager.ts";
import { roleName, setRole, type ClusterRole, type RolesView } from "../authority/roles.ts";
import { key, object, userName } from "../wire/schema.ts";
import { roleNames } from "../kinds/user-shape.ts";
import type { PersonView } from "../kinds/user-views.ts";
import { counted } from "../words/amounts.ts";
import { changes, fieldsOf, listOf, ofActors, ofDirectory, reads } from "./operation.ts";

const tags = ["admin"];
const ofRole = object({ role: roleName });
const ofUser = object({ user: userName });
const emptyAnswer = fieldsOf({});

export const peopleOperations = {
  "roles.list": reads({
    answer: answer<RolesView>("RolesView"),
    permission: "people.see",
    errors: [],
    summary: "The roles of the cluster, and what they grant",
    tags,
  }),
  "roles.set": changes({
    params: ofRole,
    fields: setRole,
    answer: answer<ClusterRole>("ClusterRole"),
    permission: "roles.manage",
    errors: ["LIMIT_REACHED", ...ofDirectory],
    action: "setRole",
    facts: ({ role }) => ({ role }),
    summary: "Says what a role grants",
    description:
      "In place of what it granted. `owner` and `admin` cannot be changed. Nobody grants what they do not " +
      "have. All that `when` names must hold. `seen`: what the caller has seen it grant, or null where there " +
      "was no such role; where it is something else by now, nothing is changed (CHANGED_MEANWHILE).",
    tags,
  }),
  "roles.remove": changes({
    params: ofRole,
    answer: answer<ClusterRole>("ClusterRole"),
    permission: "roles.manage",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "removeRole",
    facts: ({ role }) => ({ role }),
    summary: "Removes a role of the cluster's own, or what it says in place of a built-in one; answers with it",
    description: "People who have the role keep its name, which no longer grants anything.",
    tags,
  }),
  "people.list": reads({
    fields: object({
      after: Type.Optional(userName),
      /** Names with commas: these alone. */
      among: Type.Optional(
        Type.String({ maxLength: wireLimits.rolesAmongMax * 33, pattern: "^[a-z0-9_-]{1,32}(,[a-z0-9_-]{1,32})*$" }),
      ),
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: wireLimits.pageEntriesMax })),
    }),
    answer: answer<PeoplePage>("PeoplePage"),
    permission: "people.see",
    errors: ofActors,
    summary: "Everybody who has other roles than a member's",
    tags,
  }),
  "people.setRoles": changes({
    params: ofUser,
    fields: object({
      roles: roleNames,
      /** The roles that the caller has seen. Others are refused: CHANGED_MEANWHILE. */
      seen: Type.Optional(roleNames),
    }),
    answer: answer<PersonRoles>("PersonRoles"),
    permission: "roles.manage",
    errors: ["NOT_FOUND", "CHANGED_MEANWHILE", "LIMIT_REACHED", ...ofActors],
    action: "setRoles",
    facts: ({ user, roles }) => ({ user, roles: roles.join(" ") }),
    summary: "Says which roles a person has; none: those of a member",
    description:
      "Nobody gives or takes what they do not have, and the last owner stays one. `seen` are the roles that " +
      "the caller has seen: where the person has others by now, nothing is changed (CHANGED_MEANWHILE).",
    tags,
  }),
  "people.setAdmin": changes({
    params: ofUser,
    fields: object({ admin: Type.Boolean() }),
    answer: emptyAnswer,
    permission: "roles.manage",
    errors: ["NOT_FOUND", "LIMIT_REACHED", "NOT_IN_SYNC", ...ofActors],
    action: "setAdmin",
    facts: ({ user, admin }) => ({ user, admin }),
    summary: "Gives a person the role admin, or ends that and owner",
    description: "`PUT /admin/users/:user/roles` says all roles of a person.",
    tags,
  }),
  "people.show": reads({
    params: ofUser,
    answer: answer<PersonView>("PersonView"),
    permission: "people.see",
    errors: ["NOT_FOUND", ...ofActors],
    summary: "The account of a person: roles, factors, devices and API keys",
    tags,
  }),
  "people.endSession": changes({
    params: object({ user: userName, id: key }),
    answer: emptyAnswer,
    permission: "people.manage",
    errors: ["NOT_FOUND", ...ofActors],
    action: "endSession",
    facts: ({ user, id }) => ({ user, id }),
    summary: "Ends a session or API key of a person, and its connections",
    tags,
  }),
  "people.endSessions": changes({
    params: ofUser,
    answer: emptyAnswer,
    permission: "people.manage",
    errors: ["NOT_FOUND", ...ofActors],
    action: "endSession",
    facts: ({ user }) => ({ user, id: "all" }),
    summary: "Ends all sessions and API keys of a person",
    tags,
  }),
  "people.endSharedLinks": changes({
    params: ofUser,
    answer: fieldsOf({ ended: Type.Number() }),
    permission: "people.manage",
    errors: ["NOT_FOUND", ...ofActors],
    action: "endSharedLink",
    facts: ({ user }) => ({ user, id: "all" }),
    task: {
      what: ({ user }) => `End of the shared links of ${user}`,
      again: true,
      result: ({ ended }) => `${counted(ended, "link")} ended.`,
    },
    summary: "Ends all read-only links of a person to conversations with agents, for good",
    tags,
  }),
  "people.suspend": changes({
    params: ofUser,
    fields: object({ suspended: Type.Boolean() }),
    answer: emptyAnswer,
    permission: "people.manage",
    errors: ["NOT_FOUND", "SIGN_IN_AGAIN", ...ofActors],
    action: "suspendUser",
    facts: ({ user }) => ({ user }),
    summary: "Suspends a person, whose sessions and API keys end, or lifts that",
    tags,
  }),
  "people.makeReset": changes({
    params: ofUser,
    answer: fieldsOf({ user: Type.String(), secret: Type.String(), path: Type.String(), expiresAtMs: Type.Number() }),
    permission: "people.admit",
    errors: ["NOT_FOUND", "SIGN_IN_AGAIN", ...ofActors],
    action: "resetPassword",
    facts: ({ user }) => ({ user }),
    summary: "Makes a link by which a person sets a new password, once; only this answer shows it",
    description:
      "The page takes it as `/#reset=USER.SECRET`. It opens no session: people with a second factor still need " +
      "it afterwards.",
    tags,
  }),
  "people.delete": changes({
    params: ofUser,
    fields: object({ deleted: Type.Boolean(), atOnce: Type.Optional(Type.Boolean()) }),
    answer: fieldsOf({ atMs: Type.Optional(Type.Number()) }),
    permission: "people.manage",
    errors: ["NOT_FOUND", "SIGN_IN_AGAIN", ...ofActors],
    action: "deleteUser",
    facts: ({ user, atOnce = false }) => ({ user, atOnce }),
    summary: "Deletes a person's account, after a time in which it can be called off, or at once; or calls it off",
    tags,
  }),
  "people.addProgram": changes({
    fields: createServiceAccount,
    answer: answer<PersonRoles>("PersonRoles"),
    permission: "people.admit",
    errors: ["NOT_FOUND", "NAME_TAKEN", "LIMIT_REACHED", ...ofActors],
    action: "createServiceAccount",
    facts: ({ name }) => ({ user: name }),
    summary: "Makes an account for a program: it has the role `service`, no password, and keys only",
    tags,
  }),
};

/** Keys of programs: the gateway makes them. */
export const programKeyOperations = {
  "people.addKey": changes({
    params: ofUser,
    fields: createApiKey,
    answer: answer<ApiKeyMade>("ApiKeyMade"),
    permission: "people.admit",
    errors: ["NOT_FOUND", "SUSPENDED", "LIMIT_REACHED", ...ofActors],
    action: "createKey",
    facts: ({ user, scopes }) => ({ user, ...(scopes && { scopes: scopes.join(" ") }) }),
    summary: "Makes an API key of a program's account; only this answer shows it",
    description: "Of accounts with the role `service` that have no password and no other way in.",
    tags,
  }),
};

/** Invitations to make an account. */
export const signUpInvitationOperations = {
  "signUpInvitations.list": reads({
    answer: fieldsOf({ invitations: listOf(answer<SignUpInvitation>("SignUpInvitation")) }),
    permission: "people.see",
    errors: ["NOT_FOUND", "DIRECTORY_UNAVAILABLE"],
    summary: "Invitations to make an account that may still be used",
    tags,
  }),
  "signUpInvitations.make": changes({
    fields: createSignUpInvitation,
    answer: answer<SignUpInvitationMade>("SignUpInvitationMade"),
    permission: "people.admit",
    errors: ["NOT_FOUND", "LIMIT_REACHED", ...ofActors, ...ofDirectory],
    action: "inviteAccount",
    facts: ({ uses, guest }) => ({ uses, ...(guest && { guest }) }),
    summary: "Makes an invitation to make an account, where sign-up asks for one; only this answer shows its code",
    description: "The page takes it as `/#invitation=CODE`.",
    tags,
  }),
  "signUpInvitations.end": changes({
    params: object({ id: Type.String({ pattern: "^[0-9a-f]{64}$" }) }),
    answer: answer<SignUpInvitation>("SignUpInvitation"),
    permission: "people.manage",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "endAccountInvitation",
    facts: ({ id }) => ({ id: id.slice(0, 12) }),
    summary: "Ends an invitation to make an account",
    tags,
  }),
};

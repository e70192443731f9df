/** What callers may do: one row a permission. Every command that clients send names one (`command.ts`), and the actor that gets
 *  the command checks it. Exceptions that need more than the holder's name or rank are told in the row, and are the actor's. */

/** Who has a permission: everybody who is signed in; members of the room, its moderators, its owners, each with those above
 *  them; whoever made the thing in question; the person whose account or agent it is; admins of the cluster. */
export type Holder = "person" | "member" | "moderator" | "owner" | "author" | "self" | "admin";

/** One permission. */
export interface PermissionRow {
  readonly has: readonly Holder[];
  /** False: only a signed-in session has it, or a control token that is for it. A leaked API key must not lock its owner out. */
  readonly apiKeys?: false;
  /** True: only a person has it, not a control token: two people must agree, and one of them could have made the token. */
  readonly people?: true;
  /** True: the session must have proved its password a short while ago (`freshSignInMs`). A browser that somebody left open must not be
   *  enough. The operator's control token has it as it is. */
  readonly fresh?: true;
  readonly for: string;
}

/** Every permission. */
export const permissions = {
  "room.create": { has: ["person"], for: "Creating rooms" },
  "room.join": { has: ["person"], for: "Joining public rooms; who is banned may not" },
  "room.see": { has: ["member"], for: "Seeing a room and its members; of public rooms everybody" },
  "room.read": { has: ["member"], for: "Reading and following what is said in a room" },
  "room.leave": { has: ["member"], for: "Leaving a room; not a direct one" },
  "room.post": { has: ["member"], for: "Posting, reacting, polls and votes" },
  "room.edit": { has: ["author"], for: "Editing a message" },
  "room.delete": { has: ["author", "moderator"], for: "Deleting a message; in a direct room its author alone" },
  "room.close": { has: ["author", "moderator"], for: "Closing a poll; in a direct room its author alone" },
  "room.pin": { has: ["moderator"], for: "Pinning messages; in a direct room both people" },
  "room.invite": { has: ["moderator"], for: "Bringing people into a room; agents are brought in by their owners" },
  "room.remove": {
    has: ["moderator"],
    for: "Removing and banning members of lower rank; people remove agents of theirs",
  },
  "room.rename": { has: ["moderator"], for: "Changing a room's title and topic" },
  "room.rank": { has: ["owner"], for: "Changing the rank of members" },
  "account.use": { has: ["self"], for: "The own profile, rooms, devices and agents" },
  "account.see": { has: ["person"], for: "Seeing what everybody may know of a person: name and picture" },
  "account.revoke": { has: ["self"], apiKeys: false, for: "Ending sessions and API keys" },
  "agent.use": { has: ["self"], for: "Talking to an own agent and changing it" },
  "catalog.find": { has: ["person"], for: "Finding public rooms and people" },
  "model.use": { has: ["person"], for: "Asking models through the interfaces for programs" },
  "people.see": { has: ["admin"], for: "Seeing everybody's roles, devices and API keys" },
  "people.manage": {
    has: ["admin"],
    apiKeys: false,
    for: "Ending the sessions and API keys of others; accounts of programs and their keys. Not of people who may do more",
  },
  "roles.manage": {
    has: ["admin"],
    apiKeys: false,
    fresh: true,
    for: "Giving and taking roles, and saying what they grant. Nobody gives more than they have",
  },
  "identity.manage": {
    has: ["admin"],
    apiKeys: false,
    fresh: true,
    for: "Setting up the servers by which people sign in. Whoever has it can become everybody who comes in by them and may do no more than they",
  },
  "audit.read": { has: ["admin"], for: "Reading what was done to the cluster, and by whom" },
  "cluster.own": {
    has: ["admin"],
    apiKeys: false,
    for: "Making and unmaking owners; saying how mail is sent, by which passwords are set anew. The role owner alone has it",
  },
  "cluster.see": { has: ["admin"], for: "Seeing how the cluster is: its nodes, actors, models, backups and figures" },
  "logs.read": {
    has: ["admin"],
    for: "Reading what the nodes log: names of people, their addresses, errors; never what they write to one another",
  },
  "traces.read": {
    has: ["admin"],
    for: "Seeing the way of traced requests through the nodes: names, times and errors, never texts",
  },
  "cluster.administer": { has: ["admin"], for: "Changing the cluster" },
  "control.manage": {
    has: ["admin"],
    apiKeys: false,
    fresh: true,
    for: "Making and revoking control tokens, which open the control endpoint. Nobody gives more than they have",
  },
  "audit.export": { has: ["admin"], apiKeys: false, for: "Exporting the audit" },
  "alerts.read": { has: ["admin"], for: "Seeing alerts, rules over events and playbooks" },
  "alerts.manage": {
    has: ["admin"],
    apiKeys: false,
    for: "Acknowledging alerts; thresholds of detectors; rules over events; playbooks that only rehearse",
  },
  "playbooks.manage": {
    has: ["admin"],
    apiKeys: false,
    fresh: true,
    for: "Switching on playbooks, which act by themselves. Nobody switches on what they may not do by hand",
  },
  "audit.manage": {
    has: ["admin"],
    apiKeys: false,
    fresh: true,
    for: "Saying where the audit is sent and how long it is kept",
  },
  "config.read": { has: ["admin"], for: "Seeing how the nodes are configured, and what was changed" },
  "config.manage": {
    has: ["admin"],
    apiKeys: false,
    fresh: true,
    for: "Changing the configuration of the cluster. Where links of mail lead to also takes `cluster.own`",
  },
  "secrets.read": {
    has: ["admin"],
    for: "Seeing which secrets there are, what uses them, and who changed them. Never what they are",
  },
  "secrets.manage": {
    has: ["admin"],
    apiKeys: false,
    fresh: true,
    for: "Setting, rotating and removing secrets, and saying where they may be sent",
  },
  "backup.run": { has: ["admin"], apiKeys: false, for: "Backing up, checking backups, schedules; ending tasks" },
  "backup.recall": { has: ["admin"], apiKeys: false, fresh: true, for: "Bringing back what is in backups" },
  "backup.approve": {
    has: ["admin"],
    apiKeys: false,
    people: true,
    fresh: true,
    for: "Agreeing to a recall of private things that another admin asks for",
  },
  "backup.prune": {
    has: ["admin"],
    apiKeys: false,
    fresh: true,
    for: "Removing snapshots; destroying the backup keys of a person or room",
  },
  "backup.hold": { has: ["admin"], apiKeys: false, fresh: true, for: "Setting and lifting legal holds" },
  "keys.manage": {
    has: ["admin"],
    apiKeys: false,
    fresh: true,
    for: "The recovery kit; rotating and restoring keys; encryption of disks",
  },
  "shards.manage": { has: ["admin"], apiKeys: false, for: "Having shards checked and lost ones made good at once" },
} as const satisfies Readonly<Record<string, PermissionRow>>;

export type Permission = keyof typeof permissions;

/** A permission's row. */
export const permissionOf = (name: Permission): PermissionRow => permissions[name];

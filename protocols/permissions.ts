/** What callers may do: one row a permission. Every command that clients send names one (`command.ts`), and the actor that gets
 *  the command checks it. Exceptions that need more than the holder's name or rank are told in the row, and are the actor's. */

/** Who has a permission: everybody who is signed in; members of the room, its moderators, its owners, each with those above
 *  them; whoever made the thing in question; the person whose account or agent it is; admins of the cluster. */
export type Holder = "person" | "member" | "moderator" | "owner" | "author" | "self" | "admin";

/** What comes of an operation beyond itself, the least first (docs/decisions/0109-power-is-a-column.md):
 *
 *      none         Nobody may do more or less afterwards, no way in is made, and nothing is shown that others keep to themselves.
 *      takes        Takes from others what they may do, have or would be told, or says where that goes. Nobody gets more.
 *      within       Gives rights, a way in, or what others keep to themselves: never more than whoever does it may do.
 *      everything   Whoever does it can have everything by it. */
export type Power = "none" | "takes" | "within" | "everything";
const powers: readonly Power[] = ["none", "takes", "within", "everything"];

/** Whether an operation of one power is let in by the guards of another. */
export const isAtLeast = (power: Power, other: Power): boolean => powers.indexOf(power) >= powers.indexOf(other);

/** One permission. */
export interface PermissionRow {
  readonly has: readonly Holder[];
  /** The most that comes of any operation that needs it. Where it is not `none`, a session is asked for that has proved its person a short
   *  while ago (`freshSignInMs`): neither a leaked API key nor a browser that somebody left open is enough. All admins are told what was
   *  done. What gives something (`within`, `everything`) only people have: a control token, whose maker nobody sees, may take and not give. */
  readonly power: Power;
  /** False: API keys have it not, though nothing comes of it. */
  readonly apiKeys?: false;
  readonly for: string;
}

/** Every permission. */
export const permissions = {
  "room.create": { has: ["person"], power: "none", for: "Creating rooms" },
  "room.join": { has: ["person"], power: "none", for: "Joining public rooms; who is banned may not" },
  "room.see": { has: ["member"], power: "none", for: "Seeing a room and its members; of public rooms everybody" },
  "room.read": { has: ["member"], power: "none", for: "Reading and following what is said in a room" },
  "room.leave": { has: ["member"], power: "none", for: "Leaving a room; not a direct one" },
  "room.post": { has: ["member"], power: "none", for: "Posting, reacting, polls and votes" },
  "room.edit": { has: ["author"], power: "none", for: "Editing a message" },
  "room.delete": {
    has: ["author", "moderator"],
    power: "none",
    for: "Deleting a message; in a direct room its author alone",
  },
  "room.close": {
    has: ["author", "moderator"],
    power: "none",
    for: "Closing a poll; in a direct room its author alone",
  },
  "room.pin": { has: ["moderator"], power: "none", for: "Pinning messages; in a direct room both people" },
  "room.invite": {
    has: ["moderator"],
    power: "none",
    for: "Bringing people into a room; agents are brought in by their owners",
  },
  "room.remove": {
    has: ["moderator"],
    power: "none",
    for: "Removing and banning members of lower rank; people remove agents of theirs",
  },
  "room.rename": { has: ["moderator"], power: "none", for: "Changing a room's title and topic" },
  "room.rank": { has: ["owner"], power: "none", for: "Changing the rank of members" },
  "account.use": { has: ["self"], power: "none", for: "The own profile, rooms, devices and agents" },
  "account.see": {
    has: ["person"],
    power: "none",
    for: "Seeing what everybody may know of a person: name and picture",
  },
  "account.secure": {
    has: ["self"],
    power: "within",
    for: "Ways into the own account: API keys, passkeys, codes, identities, the mail address; exporting and deleting it",
  },
  "account.revoke": { has: ["self"], power: "none", apiKeys: false, for: "Ending sessions and API keys" },
  "agent.use": { has: ["self"], power: "none", for: "Talking to an own agent and changing it" },
  "catalog.find": { has: ["person"], power: "none", for: "Finding public rooms and people" },
  "model.use": { has: ["person"], power: "none", for: "Asking models through the interfaces for programs" },
  "people.see": { has: ["admin"], power: "none", for: "Seeing everybody's roles, devices and API keys" },
  "people.manage": {
    has: ["admin"],
    power: "takes",
    for: "Ending the sessions and API keys of others; suspending and deleting accounts. Not of people who may do more",
  },
  "people.admit": {
    has: ["admin"],
    power: "within",
    for: "Ways in for others: invitations, links for new passwords, accounts of programs and their keys, accounts that come back; what an account has. Not of people who may do more",
  },
  "roles.manage": {
    has: ["admin"],
    power: "within",
    for: "Giving and taking roles, and saying what they grant. Nobody gives more than they have",
  },
  "identity.manage": {
    has: ["admin"],
    power: "within",
    for: "Setting up the servers by which people sign in. Whoever has it can become everybody who comes in by them and may do less than they",
  },
  "audit.read": { has: ["admin"], power: "none", for: "Reading what was done to the cluster, and by whom" },
  "cluster.own": {
    has: ["admin"],
    power: "everything",
    for: "Making and unmaking owners; saying how mail is sent, by which passwords are set anew. The role owner alone has it",
  },
  "cluster.see": {
    has: ["admin"],
    power: "none",
    for: "Seeing how the cluster is: its nodes, actors, models, backups and figures",
  },
  "logs.read": {
    has: ["admin"],
    power: "none",
    for: "Reading what the nodes log: names of people, their addresses, errors; never what they write to one another",
  },
  "traces.read": {
    has: ["admin"],
    power: "none",
    for: "Seeing the way of traced requests through the nodes: names, times and errors, never texts",
  },
  "cluster.administer": { has: ["admin"], power: "none", for: "Changing the cluster" },
  "nodes.manage": {
    has: ["admin"],
    power: "takes",
    for: "Taking nodes out for good, their roles, and how many keep the directory",
  },
  "nodes.admit": {
    has: ["admin"],
    power: "everything",
    for: "Inviting nodes, which have what their slots hold; moving the directory to another place",
  },
  "models.connect": {
    has: ["admin"],
    power: "takes",
    for: "Saying which servers have models: they read what people ask, and secrets are sent to them",
  },
  "control.manage": {
    has: ["admin"],
    power: "within",
    for: "Making and revoking control tokens, which open the control endpoint. Nobody gives more than they have",
  },
  "audit.export": { has: ["admin"], power: "none", apiKeys: false, for: "Exporting the audit" },
  "alerts.read": { has: ["admin"], power: "none", for: "Seeing alerts, rules over events and playbooks" },
  "alerts.acknowledge": { has: ["admin"], power: "none", apiKeys: false, for: "Taking note of alerts" },
  "alerts.manage": {
    has: ["admin"],
    power: "takes",
    for: "Thresholds of detectors; rules over events; playbooks that only rehearse. What a playbook would do by them takes what that takes by hand",
  },
  "playbooks.manage": {
    has: ["admin"],
    power: "takes",
    for: "Switching on playbooks, which act by themselves. Nobody switches on what they may not do by hand",
  },
  "audit.manage": {
    has: ["admin"],
    power: "takes",
    for: "Saying where the audit is sent and how long it is kept",
  },
  "config.read": { has: ["admin"], power: "none", for: "Seeing how the nodes are configured, and what was changed" },
  "config.manage": {
    has: ["admin"],
    power: "takes",
    for: "Changing the configuration of the cluster. What decides who comes in or where things are sent takes what that takes by hand, too",
  },
  "secrets.read": {
    has: ["admin"],
    power: "none",
    for: "Seeing which secrets there are, what uses them, and who changed them. Never what they are",
  },
  "secrets.manage": {
    has: ["admin"],
    power: "takes",
    for: "Setting, rotating and removing secrets, and saying where they may be sent",
  },
  "backup.run": {
    has: ["admin"],
    power: "none",
    apiKeys: false,
    for: "Backing up, checking backups, schedules; ending tasks",
  },
  "backup.recall": { has: ["admin"], power: "within", for: "Bringing back what is in backups" },
  "backup.approve": {
    has: ["admin"],
    power: "within",
    for: "Agreeing to a recall of private things that another admin asks for",
  },
  "backup.prune": {
    has: ["admin"],
    power: "takes",
    for: "Removing snapshots; destroying the backup keys of a person or room",
  },
  "backup.hold": { has: ["admin"], power: "takes", for: "Setting and lifting legal holds" },
  "keys.manage": {
    has: ["admin"],
    power: "everything",
    for: "The recovery kit; rotating and restoring keys; encryption of disks",
  },
  "shards.manage": {
    has: ["admin"],
    power: "none",
    apiKeys: false,
    for: "Having shards checked and lost ones made good at once",
  },
} as const satisfies Readonly<Record<string, PermissionRow>>;

export type Permission = keyof typeof permissions;

/** A permission's row. */
export const permissionOf = (name: Permission): PermissionRow => permissions[name];

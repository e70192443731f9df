/** What callers may do: one row a permission. Every command that clients send names one (`command.ts`), and the actor
 *  that gets the command checks it. Exceptions that need more than the holder's name or rank are told in the row, and
 *  are the actor's. */

/** The people who have a permission: everybody who is signed in; members of the room, its moderators, its owners, each
 *  with those above them; the author of the thing in question; the person whose account or agent it is; admins of the
 *  cluster. */
export type Holder = "person" | "member" | "moderator" | "owner" | "author" | "self" | "admin";

/** What comes of an operation beyond itself, the least first (docs/decisions/0109-power-is-a-column.md):
 *
 *      none         Nobody may do more or less afterwards, no way in is made, and nothing that others keep to
 *                   themselves is shown.
 *      takes        Takes from others what they may do, have or would be told, or says where that goes. Nobody gets
 *                   more.
 *      within       Gives rights, a way in, or what others keep to themselves: never more than the acting person has.
 *      everything   The acting person can have everything by it. */
export type Power = "none" | "takes" | "within" | "everything";
const powers: readonly Power[] = ["none", "takes", "within", "everything"];

/** Whether an operation of one power is let in by the guards of another. */
export const isAtLeast = (power: Power, other: Power): boolean => powers.indexOf(power) >= powers.indexOf(other);

/** One permission. */
export interface PermissionRow {
  readonly has: readonly Holder[];
  /** The most that comes of any operation that needs it. Where it is not `none`, a session is asked for that has proved
   *  its person a short while ago (`freshSignInMs`): neither a leaked API key nor a browser that somebody left open is
   *  enough. All admins are told what was done. What gives something (`within`, `everything`) only people have: a
   *  control token, whose maker nobody sees, may take and not give. */
  readonly power: Power;
  /** False: API keys have it not, though nothing comes of it. */
  readonly apiKeys?: false;
  readonly for: string;
}

/** Every permission. */
export const permissions = {
  "room.create": { has: ["person"], power: "none", for: "Creating rooms" },
  "room.join": { has: ["person"], power: "none", for: "Joining public rooms, unless banned" },
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
  "room.mute": {
    has: ["moderator"],
    power: "none",
    for: "Muting and warning members of lower rank, and seeing who was warned",
  },
  "room.rename": { has: ["moderator"], power: "none", for: "Changing a room's title and topic" },
  "room.rules": { has: ["moderator"], power: "none", for: "Setting who posts in a room, and how often" },
  "room.agents": {
    has: ["moderator"],
    power: "none",
    for: "Setting what agents may do in a room, and stopping all of them at once",
  },
  "room.visibility": { has: ["owner"], power: "none", for: "Making a room public or private" },
  "room.links": { has: ["owner"], power: "none", for: "Making and taking back links by which people come into a room" },
  "room.archive": { has: ["owner"], power: "none", for: "Archiving a room, and bringing it back" },
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
    for:
      "Ways into the own account: API keys, passkeys, codes, identities, the mail address; exporting and " +
      "deleting it",
  },
  "account.revoke": { has: ["self"], power: "none", apiKeys: false, for: "Ending sessions and API keys" },
  "agent.use": { has: ["self"], power: "none", for: "Talking to an own agent and changing it" },
  "catalog.find": { has: ["person"], power: "none", for: "Finding public rooms and people" },
  "groups.manage": {
    has: ["admin"],
    power: "none",
    for: "Making, changing and removing groups of people that can be mentioned together",
  },
  "emoji.manage": {
    has: ["admin"],
    power: "none",
    for: "Adding and removing the cluster's own emoji",
  },
  "model.use": { has: ["person"], power: "none", for: "Asking models through the interfaces for programs" },
  "people.see": { has: ["admin"], power: "none", for: "Seeing everybody's roles, devices and API keys" },
  "people.manage": {
    has: ["admin"],
    power: "takes",
    for:
      "Ending the sessions and API keys of others; suspending and deleting accounts. Not of people with more " +
      "permissions",
  },
  "people.admit": {
    has: ["admin"],
    power: "within",
    for:
      "Letting others in: invitations, links for new passwords, accounts for programs and their keys, restoring " +
      "accounts; exporting accounts. Not of people with more permissions",
  },
  "roles.manage": {
    has: ["admin"],
    power: "within",
    for: "Giving and taking roles, and changing what they allow. Nobody gives more than they have",
  },
  "identity.manage": {
    has: ["admin"],
    power: "within",
    for:
      "Setting up the servers that people sign in with. This allows acting as people who sign in with them and " +
      "have fewer permissions",
  },
  "audit.read": { has: ["admin"], power: "none", for: "Reading who changed what in the cluster" },
  "cluster.own": {
    has: ["admin"],
    power: "everything",
    for:
      "Making and removing owners; setting how mail is sent, because passwords are reset by mail. Only the role " +
      "owner has it",
  },
  "cluster.see": {
    has: ["admin"],
    power: "none",
    for: "Seeing the state of the cluster: its nodes, actors, models, backups and figures",
  },
  "logs.read": {
    has: ["admin"],
    power: "none",
    for: "Reading what the nodes log: names of people, their addresses, errors; never what they write to one another",
  },
  "traces.read": {
    has: ["admin"],
    power: "none",
    for: "Seeing how traced requests went through the nodes: names, times and errors, never texts",
  },
  "cluster.administer": { has: ["admin"], power: "none", for: "Changing the cluster" },
  "nodes.manage": {
    has: ["admin"],
    power: "takes",
    for: "Evicting nodes, changing their roles, and how many keep the directory",
  },
  "nodes.admit": {
    has: ["admin"],
    power: "everything",
    for: "Inviting nodes, which get a part of the data; moving the directory",
  },
  "models.connect": {
    has: ["admin"],
    power: "takes",
    for: "Setting which servers have models. They read what people ask, and secrets are sent to them",
  },
  "control.manage": {
    has: ["admin"],
    power: "within",
    for: "Making and revoking control tokens, which open the control endpoint. Nobody gives more than they have",
  },
  "audit.export": { has: ["admin"], power: "none", apiKeys: false, for: "Exporting the audit" },
  "alerts.read": { has: ["admin"], power: "none", for: "Seeing alerts, rules over events and playbooks" },
  "alerts.acknowledge": { has: ["admin"], power: "none", apiKeys: false, for: "Acknowledging alerts" },
  "alerts.manage": {
    has: ["admin"],
    power: "takes",
    for:
      "Setting thresholds of detectors, rules, and playbooks that only rehearse. A playbook needs the " +
      "permissions for what it would do",
  },
  "playbooks.manage": {
    has: ["admin"],
    power: "takes",
    for: "Switching on playbooks, which act by themselves. Nobody switches on what they may not do themselves",
  },
  "audit.manage": {
    has: ["admin"],
    power: "takes",
    for: "Setting where the audit is sent and how long it is kept",
  },
  "config.read": { has: ["admin"], power: "none", for: "Seeing how the nodes are configured, and who changed it" },
  "config.manage": {
    has: ["admin"],
    power: "takes",
    for:
      "Changing the configuration of the cluster. Settings that decide who gets in or where data is sent also " +
      "need the permission for that",
  },
  "secrets.read": {
    has: ["admin"],
    power: "none",
    for: "Seeing which secrets there are, what uses them, and who changed them, but never their values",
  },
  "secrets.manage": {
    has: ["admin"],
    power: "takes",
    for: "Setting, rotating and removing secrets, and where they may be sent",
  },
  "files.quarantine": {
    has: ["admin"],
    power: "takes",
    for: "Releasing and deleting files in which a scanner has found something",
  },
  "backup.run": {
    has: ["admin"],
    power: "none",
    apiKeys: false,
    for: "Backing up, checking backups, schedules; ending tasks",
  },
  "backup.recall": { has: ["admin"], power: "within", for: "Bringing back data from backups" },
  "backup.approve": {
    has: ["admin"],
    power: "within",
    for: "Approving a recall of private data that another admin asks for",
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
    for: "Checking shards and repairing lost ones at once",
  },
} as const satisfies Readonly<Record<string, PermissionRow>>;

export type Permission = keyof typeof permissions;

/** A permission's row. */
export const permissionOf = (name: Permission): PermissionRow => permissions[name];

import { assert } from "./assert.ts";

/** What a node may do. Each kind of actor lives on the nodes of one role. */
export const roles = ["gateway", "chat", "ai", "storage", "manager"] as const;
export type Role = (typeof roles)[number];

/** What a newcomer is invited to do when nobody says otherwise: everything. The third manager is who makes the death of
 *  any one node survived, the first included, so nobody should have to know of the role. */
export const newcomerRoles: readonly Role[] = roles;

/** The kinds of actors. Their commands are in `kinds.ts`, their behaviors in `actors/index.ts`. */
export const kinds = [
  "room",
  "user",
  "agent",
  "catalog",
  "groups",
  "emoji",
  "role-manager",
  "ledger",
  "shard-holder",
  "backup",
  "quarantine",
  "watch",
  "claim",
  "activity",
] as const;
export type Kind = (typeof kinds)[number];

/** An actor's address: `kind/key`, for example `room/lobby` or `agent/ada.helper`. */
export type ActorId = `${string}/${string}`;

/** A share of the actors of one role: `chat/17`. */
export type RoleSlot = `${Role}/${number}`;

declare const ofOneActor: unique symbol;
/** The slot of one actor alone, named like the actor: `room/lobby`. No kind is named like a role. */
export type OwnSlot = ActorId & { readonly [ofOneActor]: true };

/** The unit that is owned, replicated and moved. */
export type SlotId = RoleSlot | OwnSlot;

/** Slots per role. Fixed when a cluster is created; a node that counts otherwise is refused. */
export const slotCount = 256;

/** A kind, a key, and both as an address, as regular expressions for schemas: to be put between `^` and `$`. */
export const kindText = "[a-z][a-z-]{0,31}";
export const keyText = "[a-z0-9][a-z0-9._-]{0,95}";
export const addressText = `${kindText}/${keyText}`;

const kindPattern = new RegExp(`^${kindText}$`);
const keyPattern = new RegExp(`^${keyText}$`);

/** Lower-case letters, digits, `.`, `_`, `-`; 1 to 96 characters; starts with a letter or digit. */
export const isKey = (text: string): boolean => keyPattern.test(text);

/** Reads `kind/key`; undefined when the text is not an actor id. */
export function parseActorId(text: string): { readonly kind: string; readonly key: string } | undefined {
  const slash = text.indexOf("/");
  if (slash < 0) return undefined;
  const kind = text.slice(0, slash);
  const key = text.slice(slash + 1);
  return kindPattern.test(kind) && keyPattern.test(key) ? { kind, key } : undefined;
}

/** Joins kind and key. Both must be well formed: ids from outside go through `parseActorId`. */
export function actorId(kind: string, key: string): ActorId {
  assert(kindPattern.test(kind) && keyPattern.test(key), "an actor id is well formed");
  return `${kind}/${key}`;
}

/** FNV-1a, 32 bits, with a final avalanche so that the low bits are usable (Fowler–Noll–Vo; murmur3 finaliser). */
export const hash32 = (text: string): number => saltedHash32(text, 0x811c9dc5);

/** `hash32` from another start, which is what it would come to behind some prefix. */
export function saltedHash32(text: string, salt: number): number {
  let hash = salt;
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The slot an actor belongs to, by its role and its hash. The same on every node, for ever. */
export const slotOf = (role: Role, id: ActorId): RoleSlot => `${role}/${hash32(id) % slotCount}`;

/** Reads `role/number`; undefined when the text is not a share of a role. */
export function placeOfSlot(text: string): { readonly role: Role; readonly number: number } | undefined {
  const [, role, digits] = /^([a-z]+)\/(\d{1,9})$/.exec(text) ?? [];
  const known = roles.find((one) => one === role);
  return known !== undefined && Number(digits) < slotCount ? { role: known, number: Number(digits) } : undefined;
}

/** The name of the slot that an actor has for itself, if it has one. */
export const ownSlot = (actor: ActorId): OwnSlot => actor as OwnSlot;

/** The only actor that may be in a slot; undefined for a share of a role. */
export const actorOf = (slot: SlotId): ActorId | undefined => (isRoleSlot(slot) ? undefined : slot);

/** Whether a name is that of a share of the actors of a role. */
export const isRoleSlot = (name: string): name is RoleSlot =>
  (roles as readonly string[]).includes(name.slice(0, name.indexOf("/")));

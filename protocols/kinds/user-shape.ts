/** What an account keeps of its person. */
import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import { roleName } from "../authority/roles.ts";
import { blobHash, key, line, object, position } from "../wire/schema.ts";

/** A picture of a person. Its bytes are a blob of this name (node/bulk/blobs). */
export const avatar = object({
  hash: blobHash,
  size: Type.Integer({ minimum: 1, maximum: limits.avatarBytesMax }),
  format: Type.Union([Type.Literal("png"), Type.Literal("jpeg"), Type.Literal("webp")]),
});
export type Avatar = Static<typeof avatar>;

/** Roles of a person. */
export const roleNames = Type.Array(roleName, { maxItems: limits.rolesPerUserMax, uniqueItems: true });

/** What a person wants of previews of links: of those in their own messages, and to see them. */
export const linkPreviewChoice = object({ own: Type.Boolean(), shown: Type.Boolean() });
export type LinkPreviewChoice = Static<typeof linkPreviewChoice>;

/** A passkey, as much of it as its answers are checked with. */
export const passkey = object({
  id: Type.String({ minLength: 1, maxLength: 512, pattern: "^[A-Za-z0-9_-]+$" }),
  /** COSE, base64url. */
  publicKey: Type.String({ minLength: 1, maxLength: 2_048 }),
  counter: position,
  /** The host name of the page that it was made for, and answers to. */
  host: line(253),
  name: line(limits.passkeyNameCharsMax),
  transports: Type.Array(Type.String({ maxLength: 32 }), { maxItems: 8 }),
  /** It is kept by a service, and so on more than one device. */
  synced: Type.Boolean(),
});
export type Passkey = Static<typeof passkey>;

const roomKeys = (maxItems: number) => Type.Array(key, { maxItems, uniqueItems: true });
const sidebarFields = {
  /** In the order in which they are shown. */
  favourites: roomKeys(limits.favouritesMax),
  /** Rooms in sections of the person's own, in order. A room stands in one at most. */
  sections: Type.Array(object({ name: line(limits.sectionNameCharsMax), rooms: roomKeys(limits.roomsPerUserMax) }), {
    maxItems: limits.sidebarSectionsMax,
  }),
  /** Rooms of which nothing is told but mentions. */
  muted: roomKeys(limits.roomsPerUserMax),
} as const;

/** How a person has arranged their rooms, the same on every device. */
export const sidebar = object(sidebarFields);
export type Sidebar = Static<typeof sidebar>;

/** A session of a device, or a key of a program. */
export const sessionKind = Type.Union([Type.Literal("session"), Type.Literal("key")]);

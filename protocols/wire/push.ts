/** Notices that reach a browser whose page is closed (RFC 8030, 8291, 8292). */
import { Type, type Static } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import { key, line, object, timeMs } from "./schema.ts";

/** What a notice says: nothing but that there is something; who wrote, and where; how the message begins, too. */
export const pushContent = Type.Union([Type.Literal("nothing"), Type.Literal("sender"), Type.Literal("text")]);
export type PushContent = Static<typeof pushContent>;

const base64url = (charsMax: number) =>
  Type.String({ minLength: 16, maxLength: charsMax, pattern: "^[A-Za-z0-9_-]+$" });

/** Where a browser takes notices, as its `PushSubscription` says. */
export const pushPlace = object({
  endpoint: Type.String({ maxLength: limits.pushEndpointCharsMax, pattern: "^https://[^\\s@#]+$" }),
  /** The browser's public key (P-256, 65 bytes), and its secret (16 bytes). */
  p256dh: base64url(100),
  auth: base64url(40),
});
export type PushPlace = Static<typeof pushPlace>;

/** A browser that takes notices. */
export const pushDevice = object({
  id: key,
  /** What the person calls it. */
  name: line(limits.labelCharsMax),
  content: pushContent,
  addedAtMs: timeMs,
});
export type PushDevice = Static<typeof pushDevice>;

/** One in the list of a person. */
export interface PushPlaced extends PushDevice {
  /** The SHA-256 of its address (base64url): a browser finds itself by it. */
  readonly place: string;
}

/** Answer to `push.show`. */
export interface PushView {
  /** The key by which browsers know this cluster (base64url). Absent: it sends none. */
  readonly publicKey?: string;
  /** Those of the caller, the newest last. */
  readonly devices: readonly PushPlaced[];
}

/** What a browser is given, encrypted: what it shows, and where a press leads to. */
export interface PushMessage {
  readonly title: string;
  readonly body: string;
  /** Of those with the same tag the last one counts. */
  readonly tag: string;
  /** The place in the page, below its address. */
  readonly path: string;
}

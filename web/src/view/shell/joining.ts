/** The way into a room by a link, across a sign-in: a person who comes back from another server, or by a link in a
 *  mail, comes back without it. The browser keeps it until then, for a day. */
import { joinMark } from "../../../../protocols/kinds/join-mark.ts";
import { ownPath, shelf } from "../../wire/index.ts";

const place = "joining";
const keptMs = 24 * 3_600_000;

interface Way {
  readonly room: string;
  readonly secret: string;
}

/** The secret of a link, in what an address has behind `#`; undefined: it is no link into a room. */
export const secretIn = (hash: string): string | undefined =>
  new RegExp(`^#?${joinMark}([A-Za-z0-9_-]{43})$`).exec(hash)?.[1];

/** Keeps the way where the address is one; whether it is. */
export function keepWay(): boolean {
  const secret = secretIn(location.hash);
  const room = /^\/room\/([^/]+)$/.exec(ownPath())?.[1];
  if (secret === undefined || room === undefined) return false;
  shelf.write(place, JSON.stringify({ room: decodeURIComponent(room), secret, atMs: Date.now() }));
  return true;
}

/** The way that was kept, once; undefined: none, or too long ago. */
export function takeWay(): Way | undefined {
  const text = shelf.read(place);
  if (text === undefined) return undefined;
  shelf.remove(place);
  const { atMs, ...way } = JSON.parse(text) as Way & { readonly atMs: number };
  return Math.abs(Date.now() - atMs) < keptMs ? way : undefined;
}

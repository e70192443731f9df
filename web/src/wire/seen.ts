/** What this browser has seen of the node, for a start without it: one JSON text for each name. It lies in a cache, as
 *  browsers have it where their connection is safe; elsewhere nothing is kept. */
import { pageLimits } from "./limits.ts";
import { at } from "./mount.ts";

const shelfName = "plexus-seen";

/** A name as the cache takes it: an address at which nothing is. */
const addressOf = (name: string): string => at(`/seen/${name}`);

/** One after the other: what is forgotten is not written again by what was begun before. */
let last: Promise<unknown> = Promise.resolve();

/** Undefined: the browser has no cache, lets nobody look, or has no room. */
function inTurn<Value>(use: (cache: Cache) => Promise<Value>): Promise<Value | undefined> {
  const turn = last.then(async () => {
    try {
      return typeof caches === "undefined" ? undefined : await use(await caches.open(shelfName));
    } catch {
      return undefined;
    }
  });
  last = turn;
  return turn;
}

/** What was kept under a name; undefined: nothing, or nothing that can be read. */
export const readSeen = (name: string): Promise<unknown> =>
  inTurn(async (cache) => (await cache.match(addressOf(name)))?.json() as Promise<unknown>);

/** Keeps a value in the place of what was there; nothing, where it is too large. */
export function keepSeen(name: string, value: unknown): Promise<unknown> {
  return inTurn(async (cache) => {
    const text = JSON.stringify(value);
    await cache.delete(addressOf(name));
    if (text.length > pageLimits.seenCharsMax) return;
    await cache.put(addressOf(name), new Response(text, { headers: { "content-type": "application/json" } }));
  });
}

/** Forgets what is kept under a name. Without one: everything. */
export const forgetSeen = (name?: string): Promise<unknown> =>
  inTurn((cache) => (name === undefined ? caches.delete(shelfName) : cache.delete(addressOf(name))));

/** The names that begin so, the one that was kept least lately first. */
export async function seenNames(beginning: string): Promise<readonly string[]> {
  const before = new URL(addressOf(""), location.href).href;
  const kept = (await inTurn((cache) => cache.keys())) ?? [];
  return kept.map(({ url }) => url.slice(before.length)).filter((name) => name.startsWith(beginning));
}

/** The person whose page this browser can show without the node; undefined: nobody's. */
export async function lastHere(): Promise<string | undefined> {
  const here = await readSeen("here");
  return typeof here === "string" ? here : undefined;
}

/** Remembers whose page it is. What was somebody else's goes. */
export async function rememberHere(user: string): Promise<void> {
  const before = await lastHere();
  if (before === user) return;
  if (before !== undefined) await forgetSeen();
  await keepSeen("here", user);
}

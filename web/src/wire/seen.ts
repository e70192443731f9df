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

const read = (name: string): Promise<unknown> =>
  inTurn(async (cache) => (await cache.match(addressOf(name)))?.json() as Promise<unknown>);

/** What was kept of a person under a name; undefined: nothing, or nothing that can be read. */
export const readSeen = (user: string, name: string): Promise<unknown> => read(`${user}/${name}`);

/** Whose page this tab shows; undefined: nobody's, and nothing is kept. */
let shown: string | undefined;

/** Keeps a value in the place of what was there; nothing, where it is too large, or not of the person whose page this
 *  is. */
export function keepSeen(user: string, name: string, value: unknown): Promise<unknown> {
  return inTurn(async (cache) => {
    const address = addressOf(`${user}/${name}`);
    await cache.delete(address);
    const text = JSON.stringify(value);
    if (user !== shown || text.length > pageLimits.seenCharsMax) return;
    await cache.put(address, new Response(text, { headers: { "content-type": "application/json" } }));
  });
}

/** Forgets one thing. */
export const forgetSeenOf = (user: string, name: string): Promise<unknown> =>
  inTurn((cache) => cache.delete(addressOf(`${user}/${name}`)));

/** Forgets everything, and keeps nothing more in this tab until somebody is there again. */
export function forgetSeen(): Promise<unknown> {
  shown = undefined;
  return inTurn(() => caches.delete(shelfName));
}

/** The names that begin so, the one that was kept least lately first. */
export async function seenNames(user: string, beginning: string): Promise<readonly string[]> {
  const before = new URL(addressOf(`${user}/`), location.href).href;
  const kept = (await inTurn((cache) => cache.keys())) ?? [];
  return kept.filter(({ url }) => url.startsWith(before + beginning)).map(({ url }) => url.slice(before.length));
}

/** The person whose page this browser can show without the node; undefined: nobody's. */
export async function lastHere(): Promise<string | undefined> {
  const here = await read("here");
  return typeof here === "string" ? here : undefined;
}

/** Remembers whose page it is. What was somebody else's goes. */
export async function rememberHere(user: string): Promise<void> {
  shown = user;
  await inTurn(async (cache) => {
    const own = new URL(addressOf(`${user}/`), location.href).href;
    for (const kept of await cache.keys()) if (!kept.url.startsWith(own)) await cache.delete(kept);
    await cache.put(addressOf("here"), new Response(JSON.stringify(user)));
  });
}

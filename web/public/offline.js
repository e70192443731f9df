/** Starts the page where its node cannot be reached: what the page was made of last stays in the browser.
 *
 *      the page itself    asked of the node first; what it was last, where nothing or a proxy alone answers
 *      assets/            never change under their names: from the browser, else from the node
 *      all else           as if this worker were not there
 *
 *  What people say is none of its business: the page keeps that itself (`web/src/live/looked-at.ts`). */

const made = "plexus-page";
/** The oldest go. A version of the page has about 150. */
const filesMax = 400;
/** Where the page is (`web/src/view/shell/router.tsx`). At all other addresses of the host somebody else may answer. */
const places = /^\/(?:$|(?:room|agent|compare|temporary|settings|admin)(?:\/|$)|(?:catchup|later|saved)$)/;
/** How long the node is waited for, where the page can start without it. */
const patienceMs = 5_000;
/** What a proxy answers whose node is down. */
const isDown = ({ status }) => status === 502 || status === 503 || status === 504;

self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { scope } = self.registration;
  if (request.method !== "GET" || !request.url.startsWith(scope)) return;
  const path = `/${request.url.slice(scope.length).split(/[?#]/, 1)[0]}`;
  if (request.mode === "navigate" && places.test(path)) event.respondWith(page(event));
  else if (path.startsWith("/assets/")) event.respondWith(file(event));
});

/** A page tells what it was made of before this worker was there. */
self.addEventListener("message", (event) => {
  if (Array.isArray(event.data?.keep)) event.waitUntil(keepAll(event.data.keep));
});

async function page(event) {
  const last = await caches.match(self.registration.scope, { cacheName: made });
  const asked = fetch(event.request);
  event.waitUntil(asked.then((answer) => answer.ok && keepPage(answer.clone())).catch(() => undefined));
  if (last === undefined) return asked;
  const late = new Promise((resolve) => setTimeout(resolve, patienceMs, last));
  const answer = await Promise.race([asked.catch(() => last), late]);
  return isDown(answer) ? last : answer;
}

/** Keeps the page. What a proxy shows in its place, or another node at the same host, has no files of this one. */
async function keepPage(answer) {
  if (answer.redirected) return;
  const { headers } = answer;
  const text = await answer.text();
  const files = `"${new URL(self.registration.scope).pathname}assets/`;
  if (!text.includes('id="page"') || !text.includes(files)) return;
  const cache = await caches.open(made);
  await cache.put(self.registration.scope, new Response(text, { headers }));
}

async function file(event) {
  const cache = await caches.open(made);
  const known = await cache.match(event.request, { ignoreVary: true });
  if (known !== undefined) return known;
  const answer = await fetch(event.request);
  if (isFile(answer)) event.waitUntil(keep(cache, event.request, answer.clone()));
  return answer;
}

/** Whether the node gave a file, and nothing between gave a page of its own. */
const isFile = ({ status, type, redirected, headers }) =>
  status === 200 && type === "basic" && !redirected && !/html/.test(headers.get("content-type") ?? "html");

async function keep(cache, request, answer) {
  await cache.put(request, answer);
  const names = await cache.keys();
  const files = names.filter(({ url }) => url.includes("/assets/"));
  for (const oldest of files.slice(0, -filesMax)) await cache.delete(oldest);
}

async function keepAll(urls) {
  const { scope } = self.registration;
  const cache = await caches.open(made);
  for (const url of urls.slice(0, filesMax)) {
    if (typeof url !== "string" || !url.startsWith(`${scope}assets/`)) continue;
    if ((await cache.match(url, { ignoreVary: true })) !== undefined) continue;
    const answer = await fetch(url);
    if (isFile(answer)) await keep(cache, url, answer);
  }
  if ((await cache.match(scope)) === undefined) await keepPage(await fetch(scope));
}

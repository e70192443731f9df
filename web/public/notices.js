/** The service worker of the page. A notice of the machine can be shown on phones by it, and be pressed when its page
 *  is gone; and the page starts where its node cannot be reached (`offline.js`). */

importScripts("offline.js");

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.url));
});

/** Goes to an address of the page: in a tab that has it open, or in a new one. */
async function open(url) {
  const tabs = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const own = tabs.filter((tab) => tab.url.startsWith(self.registration.scope));
  const tab = own.find(({ visibilityState }) => visibilityState === "visible") ?? own[0];
  if (tab === undefined) return self.clients.openWindow(url);
  tab.postMessage({ open: url });
  return tab.focus();
}

/** What a node sends while no page of it is open (protocols/wire/push.ts). */
self.addEventListener("push", (event) => {
  const { title, body, tag, path } = event.data.json();
  // As the page has it: without the host.
  const { pathname, search } = new URL(`.${path}`, self.registration.scope);
  const url = `${pathname}${search}`;
  event.waitUntil(self.registration.showNotification(title, { body, tag, data: { url } }));
});

/** The browser has renewed its subscription, or lost it: the node is told the new one in the place of the old, in the
 *  name of the person who is signed in. */
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil(renew(event.oldSubscription, event.newSubscription));
});

async function renew(before, renewed) {
  const pushes = new URL("api/v1/me/push", self.registration.scope);
  const asked = await fetch(pushes, { credentials: "same-origin" });
  if (!asked.ok) return;
  const { publicKey, devices } = await asked.json();
  const place = before && (await placeOf(before.endpoint));
  const known = devices.find((device) => device.place === place);
  // It was somebody else's, or was removed meanwhile.
  if (known === undefined || publicKey === undefined) return;
  const options = { userVisibleOnly: true, applicationServerKey: publicKey };
  const next = renewed ?? (await self.registration.pushManager.subscribe(options));
  const { endpoint, keys } = next.toJSON();
  const body = JSON.stringify({ endpoint, ...keys, name: known.name, content: known.content });
  const headers = { "content-type": "application/json" };
  // First the new one: what comes between goes to one of them.
  const added = await fetch(pushes, { method: "POST", credentials: "same-origin", headers, body });
  if (added.ok && (await added.json()).id !== known.id)
    await fetch(`${pushes}/${known.id}`, { method: "DELETE", credentials: "same-origin" });
}

/** What the node calls a place: its address may be told to nobody (protocols/wire/push.ts). */
async function placeOf(endpoint) {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint));
  return btoa(String.fromCharCode(...new Uint8Array(hash)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

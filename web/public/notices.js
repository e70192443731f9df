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
  const url = new URL(`.${path}`, self.registration.scope).href;
  event.waitUntil(self.registration.showNotification(title, { body, tag, data: { url } }));
});

/** The service worker of the page. It is there so that a notice of the machine can be shown on phones, and be pressed
 *  when its page is gone. It answers no request and keeps nothing: a browser asks the node as if it were not there. */

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

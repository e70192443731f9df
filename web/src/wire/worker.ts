/** The page's service worker (`web/public/notices.js`), which browsers have where their connection is safe. */
import { at } from "./mount.ts";

const hasWorkers = (): boolean => "serviceWorker" in navigator;

let asked: Promise<ServiceWorkerRegistration | undefined> | undefined;

/** Undefined: this browser has no worker for this page. */
export function worker(): Promise<ServiceWorkerRegistration | undefined> {
  asked ??= hasWorkers() ? registered() : Promise.resolve(undefined);
  return asked;
}

const registered = (): Promise<ServiceWorkerRegistration | undefined> =>
  navigator.serviceWorker
    .register(at("/notices.js"), { scope: at("/"), updateViaCache: "none" })
    .then(() => navigator.serviceWorker.ready)
    .catch(() => undefined);

/** From now on the page starts in this browser also where its node cannot be reached: the worker keeps what the page
 *  was made of so far, and by itself what it loads later. */
export async function startsWithoutNode(): Promise<void> {
  const { active } = (await worker()) ?? {};
  active?.postMessage({ keep: performance.getEntriesByType("resource").map(({ name }) => name) });
}

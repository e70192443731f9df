/** Notices while the page is closed: the browser's own subscription, and what the node knows of it. */
import type { PushContent } from "../../../protocols/index.ts";
import { call, worker } from "../wire/index.ts";

/** Whether this browser takes them. */
export const canPush = (): boolean => "PushManager" in window && "serviceWorker" in navigator;

const text = (bytes: ArrayBuffer | null): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes ?? new ArrayBuffer(0))))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

/** Subscribes, and tells the node. False: the browser, or its push service, does not. */
export async function startPush(publicKey: string, name: string, content: PushContent): Promise<boolean> {
  const by = await worker();
  try {
    const known = await by?.pushManager.getSubscription();
    // It may be of another cluster's key, or of somebody who was signed in here before.
    await known?.unsubscribe();
    const subscription = await by?.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
    if (subscription === undefined) return false;
    const [p256dh, auth] = [text(subscription.getKey("p256dh")), text(subscription.getKey("auth"))];
    const added = await call("push.add", { endpoint: subscription.endpoint, p256dh, auth, name, content });
    if (!added.ok) await subscription.unsubscribe();
    return added.ok;
  } catch {
    return false;
  }
}

/** The browser takes none any more, whatever the node knows. */
export async function endPush(): Promise<void> {
  const known = await (await worker())?.pushManager.getSubscription();
  await known?.unsubscribe();
}

/** Notices while the page is closed: the browser's own subscription, and what the node knows of it. */
import type { Failure, PushContent } from "../../../protocols/index.ts";
import { call, worker } from "../wire/index.ts";
import { pageLimits } from "../wire/limits.ts";

/** Whether this browser takes them. */
export const canPush = (): boolean => "PushManager" in window && "serviceWorker" in navigator;

const text = (bytes: ArrayBuffer | null): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes ?? new ArrayBuffer(0))))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

const subscription = async (): Promise<PushSubscription | undefined> =>
  (await (await worker())?.pushManager.getSubscription()) ?? undefined;

/** What the node calls the place where this browser takes notices (`PushPlaced`). Null: it takes none. */
export async function ownPlace(): Promise<string | null> {
  const own = await subscription().catch(() => undefined);
  if (own === undefined) return null;
  return text(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(own.endpoint)));
}

/** What came of it: on; the push service of the browser does not answer, or does not take it; the node refuses. */
type PushStarted = "on" | "noService" | Failure;

/** Attempts of this page so far. All get the same subscription of the browser. */
let attempts = 0;

/** Subscribes, and tells the node. */
export async function startPush(publicKey: string, name: string, content: PushContent): Promise<PushStarted> {
  attempts += 1;
  const attempt = attempts;
  try {
    const known = await subscription();
    // It may be of another cluster's key, or of somebody who was signed in here before.
    await known?.unsubscribe();
    const by = await worker();
    const asked = by?.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
    const late = new Promise<undefined>((resolve) => setTimeout(resolve, pageLimits.pushServiceMs));
    const got = await Promise.race([asked, late]);
    if (got === undefined) {
      // One that comes all the same is nobody's, or a later attempt's.
      void asked?.then((one) => (attempt === attempts ? one.unsubscribe() : undefined)).catch(() => undefined);
      return "noService";
    }
    const [p256dh, auth] = [text(got.getKey("p256dh")), text(got.getKey("auth"))];
    const added = await call("push.add", { endpoint: got.endpoint, p256dh, auth, name, content });
    if (added.ok) return "on";
    await got.unsubscribe();
    return added.error;
  } catch {
    return "noService";
  }
}

/** The browser takes none any more, whatever the node knows. */
export async function endPush(): Promise<void> {
  await (await subscription())?.unsubscribe();
}

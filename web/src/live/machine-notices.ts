/** Notices of the machine. A service worker shows them (`web/public/notices.js`), since phones take them from nobody
 *  else, and since one can be pressed when its page is gone. */
import { worker } from "../wire/index.ts";

/** One notice. Of those with the same tag the last one counts. */
interface MachineNotice {
  readonly title: string;
  readonly body: string;
  readonly tag: string;
  readonly icon: string;
  /** Where a press leads to. */
  readonly url: string;
}

/** Whether this browser can show them: only where its connection is safe. */
export const canNotify = (): boolean =>
  "Notification" in window && "locks" in navigator && "serviceWorker" in navigator;

/** Shows it, aloud also where one with its tag is shown; false: this browser did not. */
export async function showNotice({ title, body, tag, icon, url }: MachineNotice): Promise<boolean> {
  const by = await worker();
  const options: NotificationOptions & { readonly renotify: boolean } = { body, tag, icon, renotify: true };
  const shown = by?.showNotification(title, { ...options, data: { url } });
  return shown === undefined
    ? false
    : shown.then(
        () => true,
        () => false,
      );
}

const allShown = async (): Promise<readonly Notification[]> => (await worker())?.getNotifications() ?? [];

/** The tags of those that are shown and begin so. */
export async function shownTags(beginning: string): Promise<readonly string[]> {
  return (await allShown()).map(({ tag }) => tag).filter((tag) => tag.startsWith(beginning));
}

/** Takes those away whose tag fits. */
export async function closeNotices(fits: (tag: string) => boolean): Promise<void> {
  for (const notice of await allShown()) if (fits(notice.tag)) notice.close();
}

/** Calls back with the address of a notice that was pressed, in one tab, until what this gives is called. */
export function onNoticePressed(open: (url: string) => void): () => void {
  const hear = ({ data }: MessageEvent<{ readonly open?: unknown } | null>): void => {
    if (typeof data?.open === "string") open(data.open);
  };
  navigator.serviceWorker.addEventListener("message", hear);
  navigator.serviceWorker.startMessages();
  return () => navigator.serviceWorker.removeEventListener("message", hear);
}

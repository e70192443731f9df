/** Pages of the web that messages link to: read once for everybody here, remembered for a while, and never more than a
 *  person, a room, a host and this node may have read in a minute. */
import { cleaned, cut, wireLimits } from "../../protocols/index.ts";
import type { SmallPicture } from "../../runtimes/opened/index.ts";
import type { PreviewPorts, WebBody } from "./ports.ts";

/** What a page is, in words and with a small picture. */
export interface Page {
  readonly title: string;
  readonly description?: string;
  readonly site?: string;
  readonly picture?: SmallPicture;
}

/** For whom a page is read. */
interface Reader {
  readonly person: string;
  readonly room: string;
}

interface Remembered {
  readonly page: Page | undefined;
  readonly untilMs: number;
  readonly bytes: number;
}

const isPage = (type: string): boolean => /^(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i.test(type);
const isPicture = (type: string): boolean => /^image\/(?:png|jpeg|webp|gif)\s*(?:;|$)/i.test(type);

/** Signs that are not seen, and such as turn the words behind them round. */
const unseen = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** One line of words, cut where it is too long; undefined: there is nothing to see in it. */
function lineOf(said: string | undefined, charsMax: number): string | undefined {
  const seen = (said ?? "").toWellFormed().replaceAll(/\s+/g, " ").replaceAll(unseen, "");
  const words = cleaned(seen, "line").trim();
  const line = words.length <= charsMax ? words : `${cut(words, charsMax - 1).trimEnd()}…`;
  return line === "" ? undefined : line;
}

/** Gives pages. */
export function createPages(ports: PreviewPorts): {
  /** Undefined: nothing can be shown of it, or too much was read already. */
  read(url: string, reader: Reader): Promise<Page | undefined>;
} {
  const { clock, meter, limits, opener } = ports;
  const remembered = new Map<string, Remembered>();
  const underWay = new Map<string, Promise<Page | undefined>>();
  const counted = createCounts(ports);
  let bytesKept = 0;

  const forget = (url: string): void => {
    bytesKept -= remembered.get(url)?.bytes ?? 0;
    remembered.delete(url);
  };

  function remember(url: string, page: Page | undefined): void {
    const keptMs = page === undefined ? limits.pageFailedMs : limits.pageKeptMs;
    const bytes = url.length + (page?.picture?.bytes.length ?? 0) + 1_024;
    forget(url);
    remembered.set(url, { page, untilMs: clock.monotonicMs() + keptMs, bytes });
    bytesKept += bytes;
    for (const [oldest] of remembered) {
      if (remembered.size <= limits.pagesKept && bytesKept <= limits.pagesKeptBytesMax) break;
      forget(oldest);
    }
  }

  const smaller = (body: WebBody, person: string): Promise<SmallPicture | undefined> => {
    const box = { width: limits.pagePictureWidth, height: limits.pagePictureHeight };
    return body.isCut ? Promise.resolve(undefined) : opener.open("picture", { bytes: body.bytes, box }, person);
  };

  async function pictureAt(url: string, person: string, signal: AbortSignal): Promise<SmallPicture | undefined> {
    try {
      const mayAsk = (host: string): boolean => counted.take([hostOf(host)]);
      const how = { signal, bytesMax: limits.pagePictureBytesMax, isWanted: isPicture, mayAsk };
      return await smaller(await ports.read(url, how), person);
    } catch {
      // A page without its picture is a preview, too.
      return undefined;
    }
  }

  async function fetched(url: string, person: string, signal: AbortSignal): Promise<Page | undefined> {
    const isWanted = (type: string): boolean => isPage(type) || isPicture(type);
    // The first one was counted with its reader.
    let hosts = 0;
    const mayAsk = (host: string): boolean => (hosts += 1) === 1 || counted.take([hostOf(host)]);
    const body = await ports.read(url, { signal, bytesMax: limits.pageBytesMax, isWanted, mayAsk });
    if (isPicture(body.type)) {
      const whole = body.isCut ? await pictureAt(url, person, signal) : await smaller(body, person);
      const title = lineOf(nameIn(body.url), wireLimits.previewTitleCharsMax);
      return whole && { title: title ?? "picture", picture: whole };
    }
    const facts = await opener.open("page", { bytes: body.bytes, type: body.type, url: body.url }, person);
    const title = lineOf(facts?.title, wireLimits.previewTitleCharsMax);
    if (facts === undefined || title === undefined) return undefined;
    const description = lineOf(facts.description, wireLimits.previewTextCharsMax);
    const site = lineOf(facts.site, wireLimits.previewSiteCharsMax);
    const picture = facts.image === undefined ? undefined : await pictureAt(facts.image, person, signal);
    return { title, ...(description && { description }), ...(site && { site }), ...(picture && { picture }) };
  }

  async function begin(url: string, person: string): Promise<Page | undefined> {
    const ended = new AbortController();
    const cancel = clock.after(limits.pageMsMax, () => ended.abort());
    try {
      const page = await fetched(url, person, ended.signal);
      meter.count("link_pages_read", 1, { verdict: page === undefined ? "nothing" : "page" });
      remember(url, page);
      return page;
    } catch (error) {
      meter.count("link_pages_read", 1, { verdict: "failed" });
      ports.log.debug("preview.page.unread", { host: new URL(url).hostname, error });
      remember(url, undefined);
      return undefined;
    } finally {
      cancel();
      underWay.delete(url);
    }
  }

  return {
    async read(url, { person, room }) {
      const known = remembered.get(url);
      if (known !== undefined && known.untilMs > clock.monotonicMs()) return known.page;
      const going = underWay.get(url);
      if (going !== undefined) return going;
      const wanted = [
        { of: "person", name: person },
        { of: "room", name: room },
        { of: "node", name: "" },
        hostOf(new URL(url).hostname),
      ] as const;
      if (!counted.take(wanted)) {
        meter.count("link_pages_read", 1, { verdict: "refused" });
        return undefined;
      }
      const reading = begin(url, person);
      underWay.set(url, reading);
      return reading;
    },
  };
}

/** The last word of an address. */
function nameIn(url: string): string {
  const last = new URL(url).pathname.split("/").at(-1) ?? "";
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/** What is counted, and of whom. */
interface Counted {
  readonly of: "person" | "room" | "host" | "node";
  readonly name: string;
}

/** A host, however its name ends and its address is written. */
const hostOf = (host: string): Counted => ({ of: "host", name: host.replaceAll(/[[\]]|\.$/g, "") });

/** Counts by the minute. */
function createCounts({ clock, limits }: Pick<PreviewPorts, "clock" | "limits">): {
  /** False: one of them has had all that it may have in this minute; then none of them is counted. */
  take(wanted: readonly Counted[]): boolean;
} {
  const most = {
    person: limits.pagesPerPersonMax,
    room: limits.pagesPerRoomMax,
    host: limits.pagesPerHostMax,
    node: limits.pagesMax,
  };
  const counts = new Map<string, number>();
  let minute = 0;
  return {
    take(wanted) {
      const now = Math.floor(clock.monotonicMs() / 60_000);
      if (now !== minute) counts.clear();
      minute = now;
      const keys = wanted.map(({ of, name }) => ({ key: `${of} ${name}`, max: most[of] }));
      const isFull = counts.size + keys.length > limits.countedMax;
      if (isFull || keys.some(({ key, max }) => (counts.get(key) ?? 0) >= max)) return false;
      for (const { key } of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
      return true;
    },
  };
}

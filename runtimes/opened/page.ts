/** What a page of the web says of itself in its head: its title, a description, its site and a picture. Read by a
 *  parser that makes no tree, so what is nested deep, or never closed, costs no more than its bytes. */
import { Parser } from "htmlparser2";
import { openedLimits as limits } from "./limits.ts";
import type { OpenedTable, PageFacts } from "./tasks.ts";

/** The words of the first bytes that say which charset a page is in. */
const saidBytes = 1_024;

/** The text of a page: as its server says, as it says itself, or as most are. */
function textOf(bytes: Uint8Array, type: string): string {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, saidBytes)).toString("latin1");
  const pattern = /charset\s*=\s*["']?\s*([a-z0-9_:.-]{1,40})/i;
  const label = pattern.exec(type)?.[1] ?? pattern.exec(head)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(label).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

/** Names in the head, the best first. */
const names = {
  title: ["og:title", "twitter:title", "title"],
  description: ["og:description", "twitter:description", "description"],
  site: ["og:site_name"],
  image: ["og:image:secure_url", "og:image:url", "og:image", "twitter:image", "twitter:image:src"],
} as const;

/** Much longer ones say nothing to people. */
const valueCharsMax = 4_096;

/** What the head of a page has: of each name the first. */
function headOf(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const say = (name: string, value: string): void => {
    if (value.trim() !== "" && !found.has(name)) found.set(name, value.slice(0, valueCharsMax));
  };
  let [title, isTitle, tags] = ["", false, 0];
  const parser = new Parser({
    onopentag(name, attributes) {
      tags += 1;
      if (name === "body" || tags > limits.pageTagsMax) return parser.pause();
      isTitle = name === "title" && title === "";
      if (name !== "meta") return;
      const { property, name: called, content = "" } = attributes;
      say((property ?? called ?? "").toLowerCase(), content);
    },
    ontext(words) {
      if (isTitle && title.length < valueCharsMax) title += words;
    },
    onclosetag(name) {
      if (name === "title") isTitle = false;
      if (name === "head") parser.pause();
    },
  });
  parser.write(text);
  say("title", title);
  return found;
}

/** The whole address of a picture. */
function addressOf(said: string, url: string): string | undefined {
  try {
    const { href, protocol } = new URL(said.trim(), url);
    return protocol === "http:" || protocol === "https:" ? href : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a page. */
export async function factsOfPage({ bytes, type, url }: OpenedTable["page"]["asks"]): Promise<PageFacts> {
  const head = headOf(textOf(bytes, type));
  const first = (of: readonly string[]): string | undefined => of.map((name) => head.get(name)).find(Boolean);
  const [title, description, site] = [first(names.title), first(names.description), first(names.site)];
  const said = first(names.image);
  const image = said === undefined ? undefined : addressOf(said, url);
  return {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(site !== undefined && { site }),
    ...(image !== undefined && { image }),
  };
}

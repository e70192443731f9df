/** Previews of the links of messages, made by the node that owns the room. */
import {
  failure,
  ok,
  refused,
  type ActorId,
  type LinkPreview,
  type MadePicture,
  type Result,
  type RoomMessage,
} from "../../protocols/index.ts";
import { linksOf, readText } from "../../protocols/reading/index.ts";
import { FairQueue } from "../../runtimes/fair-queue.ts";
import { createPages, type Page } from "./pages.ts";
import type { PreviewPorts } from "./ports.ts";

/** A message whose links are to be read. */
interface Wanted {
  readonly room: ActorId;
  readonly message: RoomMessage;
  readonly links: readonly string[];
}

/** A preview as the room is told of it. */
type Told = Omit<LinkPreview, "image"> & { readonly picture?: MadePicture; readonly kept?: string };

/** What the room is told of a preview that it has. */
const keptOf = ({ image, ...told }: LinkPreview): Told => ({ ...told, ...(image && { kept: image.id }) });

/** Makes it: hears of each message that is posted or edited here. */
export function createLinkPreviews(ports: PreviewPorts): {
  heard(room: ActorId, message: RoomMessage): void;
  stop(): void;
} {
  const { limits, log, settings } = ports;
  const places = { max: limits.linksWaitingMax, perShareMax: limits.linksWaitingPerPersonMax };
  const queue = new FairQueue<Wanted>();
  const pages = createPages(ports);
  let running = 0;
  let stopped = false;

  /** What agents write is written for others, who may want an address to be asked: nothing is read for them. */
  const isWanted = ({ author, restored, deletedAtMs, previews }: RoomMessage): boolean =>
    author.startsWith("user/") && restored === undefined && deletedAtMs === undefined && previews?.length !== 0;

  async function wantsThem(author: string): Promise<boolean> {
    const answer = await ports.ask(author as ActorId, { type: "linkPreviews" }, limits.previewAskTimeoutMs);
    return answer.ok && (answer.value as { readonly own: boolean }).own;
  }

  const tell = ({ room, message }: Wanted, previews: readonly Told[]): Promise<Result<unknown>> => {
    const { seq, editedAtMs: edited = 0 } = message;
    return ports.ask(room, { type: "preview", seq, edited, previews }, limits.previewAskTimeoutMs);
  };

  /** Tells the room of one page more. */
  async function add(wanted: Wanted, known: readonly Told[], url: string, page: Page): Promise<Result<Told>> {
    const inOrder = (previews: readonly Told[]): readonly Told[] =>
      previews.toSorted((one, other) => wanted.links.indexOf(one.url) - wanted.links.indexOf(other.url));
    const { title, description, site, picture } = page;
    const told: Told = { url, title, ...(description && { description }), ...(site && { site }) };
    if (picture === undefined) {
      const done = await tell(wanted, inOrder([...known, told]));
      return done.ok ? ok(told) : done;
    }
    let kept: string | undefined;
    const done = await ports.keepPicture(wanted.room, picture, async (made) => {
      const answer = await tell(wanted, inOrder([...known, { ...told, picture: made }]));
      kept = `${made.part}.${wanted.room.slice("room/".length)}`;
      return answer;
    });
    return done.ok ? ok({ ...told, ...(kept && { kept }) }) : done;
  }

  async function work(wanted: Wanted): Promise<Result<unknown>> {
    const { room, message, links } = wanted;
    const before = message.previews ?? [];
    if (!(await wantsThem(message.author))) return ok(null);
    // What the room is not told of goes, so each time it is told of all that it has.
    let known = before.filter(({ url }) => links.includes(url)).map(keptOf);
    for (const url of links) {
      if (stopped) return refused(failure("STOPPING"));
      if (known.some((one) => one.url === url)) continue;
      const page = await pages.read(url, { person: message.author, room });
      const added = page && (await add(wanted, known, url, page));
      if (added?.ok === false) return added;
      if (added !== undefined) known = [...known, added.value];
    }
    return ok(null);
  }

  const next = (): void => {
    while (running < limits.linksReadingMax && !stopped) {
      const wanted = queue.next();
      if (wanted === undefined) return;
      running += 1;
      work(wanted)
        .then((done) => {
          if (!done.ok) log.debug("preview.not.told", { room: wanted.room, failure: done.error });
        })
        .catch((error: unknown) => log.warn("preview.failed", { error }))
        .finally(() => {
          running -= 1;
          next();
        });
    }
  };

  return {
    heard(room, message) {
      if (stopped || !settings().links || !isWanted(message) || !message.text.includes("://")) return;
      const links = linksOf(readText(message.text), message.text);
      const known = message.previews ?? [];
      if (links.every((url) => known.some((one) => one.url === url))) return;
      queue.join(message.author, room, { room, message, links }, places);
      next();
    },
    stop() {
      stopped = true;
      queue.takeAll();
    },
  };
}

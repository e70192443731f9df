import { wireLimits } from "../../../protocols/limits.ts";
import { cleaned } from "../../../protocols/text/text.ts";
import { describeBytes } from "../../../protocols/words/amounts.ts";
import { explain } from "../model/explain.ts";
import { sifted } from "../model/files.ts";
import type { Kept } from "../model/kept.ts";
import type { PendingSay } from "../model/agent.ts";
import { placeOfPost, type AttachedFile, type PendingPost } from "../model/room-model.ts";
import {
  foldUploads,
  isStuck,
  isUnderWay,
  nextUploads,
  uploadsAt,
  uploadsKept,
  type Upload,
  type UploadInput,
  type Uploads as UploadList,
} from "../model/uploads.ts";
import { isChosen, type Chosen } from "../model/unfinished.ts";
import { pageLimits } from "../wire/limits.ts";
import { browserPorts } from "../wire/sending.ts";
import { holdsAlone } from "../wire/tab.ts";
import { endUpload, uploadFile } from "../wire/tus.ts";
import { newOperationId } from "../wire/index.ts";
import { notices } from "./notices.ts";
import type { RoomStore } from "./room-store.ts";
import { TopicStore } from "./topic-store.ts";

/** The node need not keep these. What it does not hear goes by itself after a while. */
export function giveUp(ids: readonly string[]): void {
  for (const id of ids) void endUpload(id, browserPorts.send);
}

/** A browser copies what is kept of a tab to a duplicate of it: the tab that has it goes on with it, and the duplicate
 *  begins with nothing. Else both would send the messages that wait, and each would give up what the other sends. */
export async function claimTab(keptInTab: Kept): Promise<void> {
  const known = keptInTab.read(keptTab);
  if (typeof known === "string") {
    if (await holdsAlone(`plexus-tab/${known}`)) return;
    for (const place of keptInTab.places("")) keptInTab.write(place, undefined);
  }
  const own = newOperationId();
  keptInTab.write(keptTab, own);
  await holdsAlone(`plexus-tab/${own}`);
}

/** Which tab it is. */
export const keptTab = "tab";
const keptUploads = "uploads";
const keptPosts = "posts";

/** What uploads need of the session that they belong to. */
export interface UploadsOwner {
  readonly kept: Kept;
  readonly keptInTab: Kept;
  /** What sends the messages of a room or of a conversation. */
  sends(target: string): Pick<RoomStore, "filesUp" | "discard">;
}

/** A message that waits for its files, as it is kept in this tab. */
export interface HeldPost {
  /** The room, or `agent/` and the conversation with one. */
  readonly room: string;
  /** The field that it was written in. */
  readonly from: string;
  readonly post: Pick<PendingPost, "operationId" | "text" | "atMs" | "replyTo" | "alsoInRoom"> &
    Pick<PendingSay, "pictures" | "sounds" | "parent">;
}

/** The files that a person sends from this tab.
 *
 *  A file belongs to the tab in which it was chosen: no other one can read it. So what is kept of uploads and of the
 *  messages that wait for them is of the tab as well, and there again when it is loaded anew. What the node has by then
 *  is sent; of the rest the browser has let go, and the text is back in its field, with what has to be chosen again. */
export class Uploads {
  readonly store = new TopicStore<UploadList, UploadInput>([], foldUploads);
  readonly #session: UploadsOwner;
  readonly #files = new Map<string, File>();
  readonly #running = new Map<string, AbortController>();
  #held: readonly HeldPost[] = [];
  #isClosed = false;

  constructor(session: UploadsOwner) {
    this.#session = session;
    this.store.apply({ type: "attached", uploads: uploadsKept(session.keptInTab.read(keptUploads)) }, "now");
    const posts = session.keptInTab.read(keptPosts);
    for (const held of Array.isArray(posts) ? (posts as readonly HeldPost[]) : []) this.#comeBack(held);
    this.#keep();
  }

  /** Whether something would be lost with the tab. */
  get isUnderWay(): boolean {
    return this.#held.length > 0 || this.store.latest.some(isUnderWay);
  }

  /** Uploads what was chosen, pasted or dropped. What cannot be sent is said before any of it is. */
  attach(place: string, room: string, chosen: readonly File[], { keeps }: { readonly keeps?: true } = {}): void {
    const { filesPerMessageMax, fileBytesMax: bytesMax, filePictureBytesMax } = wireLimits;
    const rules = { filesPerMessageMax, bytesMax, ...(!keeps && { pictureBytesMax: filePictureBytesMax }) };
    const { taken, whole, faults } = sifted(chosen, uploadsAt(this.store.latest, place).length, rules);
    for (const fault of faults) notices.show(fault, "bad");
    if (whole.length > 0) {
      const run = () => this.attach(place, room, whole, { keeps: true });
      notices.show(largePictures(whole, filePictureBytesMax), "bad", { label: "Send as it is", run });
    }
    const uploads = taken.map((file): Upload => {
      const key = newOperationId();
      this.#files.set(key, file);
      return { key, place, room, ...aboutOf(file), ...(keeps && { keeps }), sentBytes: 0, status: "waiting" };
    });
    this.#apply({ type: "attached", uploads });
  }

  pause(key: string): void {
    this.#apply({ type: "paused", key });
    this.#running.get(key)?.abort();
  }

  /** Goes on with what was paused, or tries again what failed. */
  goOn(key: string): void {
    this.#apply({ type: "resumed", key });
  }

  /** Gives an upload its file again, which the browser has let go. */
  find(key: string, file: File): void {
    this.#files.set(key, file);
    this.#apply({ type: "found", key, file: aboutOf(file) });
  }

  /** The file does not go with its message. */
  remove(key: string): void {
    const upload = this.#of(key);
    if (upload === undefined) return;
    this.#running.get(key)?.abort();
    if (upload.id !== undefined) giveUp([upload.id]);
    this.#files.delete(key);
    this.#apply({ type: "removed", key });
  }

  /** The chosen file, to be shown before it is sent; undefined where the browser has dropped it. */
  fileOf = (key: string): File | undefined => this.#files.get(key);

  /** Why what is attached at a place cannot be sent now, in words. */
  hindrance(place: string): string | undefined {
    const stuck = uploadsAt(this.store.latest, place).find(isStuck);
    if (stuck === undefined) return undefined;
    const rest = stuck.status === "lost" ? "Choose it again, or remove it." : "Try again, or remove it.";
    return `“${stuck.name}” is not uploaded. ${rest}`;
  }

  /** What a message takes along that is sent from a place. */
  filesAt(place: string): readonly AttachedFile[] {
    return uploadsAt(this.store.latest, place).map(({ key, id, status, name, type, bytes }) => ({
      key,
      name,
      type,
      bytes,
      ...(status === "up" && id !== undefined && { id }),
    }));
  }

  /** A message was sent with all that is attached there. It goes out when its files are up. */
  sent(place: string, room: string, post: HeldPost["post"]): void {
    const mine = uploadsAt(this.store.latest, place);
    if (mine.length === 0) return;
    this.#held = [...this.#held, { room, from: place, post }];
    this.#apply({ type: "moved", from: place, to: placeOfPost(post.operationId) });
    for (const { key, status } of mine) if (status === "paused") this.goOn(key);
  }

  /** A message that waits for its files is not sent: they are given up, too. */
  discard(place: string): void {
    const held = this.#held.find(({ post }) => placeOfPost(post.operationId) === place);
    this.#held = this.#held.filter((one) => one !== held);
    for (const { key } of uploadsAt(this.store.latest, place)) this.remove(key);
    if (held !== undefined) this.#session.sends(held.room).discard(held.post.operationId);
    this.#keep();
  }

  /** Nothing is sent any more; what was begun is kept. */
  close(): void {
    this.#isClosed = true;
    for (const controller of this.#running.values()) controller.abort();
  }

  #of(key: string): Upload | undefined {
    return this.store.latest.find((upload) => upload.key === key);
  }

  #apply(input: UploadInput): void {
    this.store.apply(input, input.type === "sent" ? "frame" : "now");
    if (input.type === "sent") return;
    this.#go();
    this.#keep();
  }

  /** Starts what is to be started, and sends the messages that waited long enough. */
  #go(): void {
    for (const key of nextUploads(this.store.latest, pageLimits.filesAtOnceMax)) {
      this.store.apply({ type: "started", key }, "now");
      void this.#send(key);
    }
    for (const held of this.#held) this.#release(held);
  }

  /** Sends a message whose files are up. Where all of them were removed, its text goes alone. */
  #release(held: HeldPost): void {
    const { operationId, text } = held.post;
    const place = placeOfPost(operationId);
    const uploads = uploadsAt(this.store.latest, place);
    if (uploads.some(({ status }) => status !== "up")) return;
    this.#held = this.#held.filter((one) => one !== held);
    const store = this.#session.sends(held.room);
    if (text === "" && uploads.length === 0) store.discard(operationId);
    else store.filesUp(held.post, this.filesAt(place));
    for (const { key } of uploads) {
      this.#files.delete(key);
      this.store.apply({ type: "removed", key }, "now");
    }
    this.#keep();
  }

  async #send(key: string): Promise<void> {
    const upload = this.#of(key);
    const file = this.#files.get(key);
    // The run before may still be ending.
    const before = this.#running.get(key);
    if (upload === undefined || file === undefined || before !== undefined || this.#isClosed) return;
    const { id, name, type, room, keeps } = upload;
    const controller = new AbortController();
    this.#running.set(key, controller);
    const metadata = { filename: name, filetype: type, ...targetOf(room), ...(keeps && { metadata: "keep" }) };
    const end = await uploadFile(
      file,
      { id, metadata },
      browserPorts,
      {
        created: (made) => this.#apply({ type: "created", key, id: made }),
        sent: (bytes) => {
          if (!controller.signal.aborted) this.#apply({ type: "sent", key, bytes });
        },
        forgotten: () => this.#apply({ type: "forgotten", key }),
        away: () => this.#apply({ type: "away", key }),
      },
      controller.signal,
    );
    this.#running.delete(key);
    switch (end.ended) {
      case "up":
        return this.#apply({ type: "up", key });
      case "stopped":
        // It may have been told to go on meanwhile.
        return this.#of(key)?.status === "sending" ? void this.#send(key) : undefined;
      case "unread":
        return this.#apply({
          type: "failed",
          key,
          says: "Your browser cannot read it any more. Remove it, and choose it again; pack folders into one file.",
          mayRepeat: false,
        });
      case "refused": {
        const { refusal } = end;
        return this.#apply({
          type: "failed",
          key,
          says: explain(refusal),
          mayRepeat: refusal.code !== "TOO_LARGE",
        });
      }
    }
  }

  /** A message of the tab before it was loaded anew. */
  #comeBack(held: HeldPost): void {
    const place = placeOfPost(held.post.operationId);
    const uploads = uploadsAt(this.store.latest, place);
    if (uploads.every(({ status }) => status === "up")) {
      this.#session.sends(held.room).filesUp(held.post, this.filesAt(place));
      for (const { key } of uploads) this.store.apply({ type: "removed", key }, "now");
      return;
    }
    const { kept } = this.#session;
    const written = kept.read(held.from);
    const texts = [held.post.text, typeof written === "string" ? written : ""].filter((text) => text !== "");
    if (texts.length > 0) kept.write(held.from, texts.join("\n\n"));
    if (held.post.alsoInRoom === true) kept.write(`${held.from}/also`, true);
    for (const sort of ["pictures", "sounds"] as const) this.#chosenAgain(`${held.room}/${sort}`, held.post[sort]);
    this.store.apply({ type: "moved", from: place, to: held.from }, "now");
  }

  /** What the node has of a message is chosen again, beside what was chosen since. */
  #chosenAgain(place: string, chosen: readonly Chosen[] = []): void {
    if (chosen.length === 0) return;
    const { kept } = this.#session;
    const now = kept.read(place);
    const since = (Array.isArray(now) ? now : [])
      .filter(isChosen)
      .filter(({ hash }) => chosen.every((one) => one.hash !== hash));
    kept.write(place, [...chosen, ...since]);
  }

  #keep(): void {
    const { keptInTab } = this.#session;
    const { latest } = this.store;
    keptInTab.write(keptUploads, latest.length === 0 ? undefined : latest);
    keptInTab.write(keptPosts, this.#held.length === 0 ? undefined : this.#held);
  }
}

/** Whose files they are, as the node is told. */
const targetOf = (room: string): Readonly<Record<string, string>> =>
  room.startsWith("agent/") ? { agent: room.slice("agent/".length) } : { room };

const largePictures = (pictures: readonly File[], max: number): string =>
  `Larger than ${describeBytes(max)}: ${pictures.map(({ name }) => `“${name}”`).join(", ")}. ` +
  "What says where and with what it was taken stays in a picture of this size.";

const aboutOf = ({ name, type, size, lastModified }: File) => ({
  name: cleaned(name, "line").slice(-wireLimits.fileNameCharsMax),
  type,
  bytes: size,
  modifiedMs: lastModified,
});

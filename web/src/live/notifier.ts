/** Notices of the machine, for a person who has no tab of this page in sight.
 *
 *  One tab of a browser shows them: the one that has the lock. Tabs in sight hold another one together, so the first
 *  knows of them, and a tab that is closed or dies holds none. What comes within a moment is one notice a room. */
import type { RoomSummary } from "../../../protocols/index.ts";
import { cut } from "../../../protocols/text/text.ts";
import {
  isDirectNow,
  noticeTitle,
  tell,
  wishOf,
  type Telling,
  type ToldPerson,
} from "../../../protocols/telling/index.ts";
import { hasKeyword, keywordTerms } from "../../../protocols/telling/keywords.ts";
import { at } from "../wire/index.ts";
import { closeNotices, showNotice, shownTags } from "./machine-notices.ts";
import type { Heard } from "./session.ts";

/** What of the page a notice needs. */
export interface NotifierPorts {
  /** The account as it is now. */
  person(): ToldPerson | undefined;
  /** A line of the list of rooms. */
  room(key: string): RoomSummary | undefined;
  nameOf(principal: string): string;
  titleOf(room: RoomSummary): string;
  readonly icon: string;
}

/** What comes within it is told together. The list of rooms has it by then, and whether it was read elsewhere. */
const gatherMs = 500;
const bodyCharsMax = 160;

/** A message among the lines of its room, or the thread that it is in. */
const placeOf = ({ seq, thread }: Heard): string =>
  thread === undefined ? `?at=${seq}` : `?panel=thread&seq=${thread}`;

/** Whether something in a room waits to be read. */
const isUnread = ({ unread, threads = 0, mentioned }: RoomSummary): boolean => unread + threads > 0 || mentioned;

/** Shows notices from `start` on, until `close`. */
export class Notifier {
  readonly #ports: NotifierPorts;
  readonly #leads: string;
  readonly #inSight: string;
  readonly #waiting = new Map<string, { readonly heard: Heard; readonly count: number }>();
  /** What the tags of this account begin with. */
  readonly #tags: string;
  /** Tags of notices that are shown. */
  readonly #shown = new Set<string>();
  readonly #end = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isLeader = false;
  #leaveSight: (() => void) | undefined;

  constructor(account: string, ports: NotifierPorts) {
    this.#ports = ports;
    this.#leads = `plexus.notices/${account}`;
    this.#inSight = `plexus.inSight/${account}`;
    this.#tags = `plexus/${account}/`;
    this.#hold(this.#leads, "exclusive", () => {
      this.#isLeader = true;
      // Of a tab that had the lock before.
      void shownTags(this.#tags).then((tags) => tags.forEach((tag) => this.#shown.add(tag)));
    });
    document.addEventListener("visibilitychange", this.#onSight);
    this.#onSight();
  }

  close(): void {
    document.removeEventListener("visibilitychange", this.#onSight);
    clearTimeout(this.#timer);
    this.#end.abort();
    this.#leaveSight?.();
    // What one person was told is not for the next one who signs in here.
    if (this.#isLeader) void this.#closeAll();
    this.#isLeader = false;
  }

  /** A message was posted. */
  heard(heard: Heard): void {
    if (this.#isLeader && this.#tellingOf(heard) === "notice") void this.#gather(heard);
  }

  /** The list of rooms has changed: what was read meanwhile, here or elsewhere, is no news any more. */
  listed(): void {
    for (const tag of this.#shown) {
      const known = this.#ports.room(tag.slice(this.#tags.length));
      if (known !== undefined && isUnread(known)) continue;
      this.#shown.delete(tag);
      void closeNotices((shown) => shown === tag);
    }
  }

  #tellingOf(heard: Heard): Telling {
    const person = this.#ports.person() ?? {};
    const { room, text = "", mentioned, reply } = heard;
    const keyword = heard.keyword ?? hasKeyword(text, keywordTerms(person.notifications?.keywords ?? []));
    const known = this.#ports.room(room);
    const direct = isDirectNow(room, known?.visibility);
    const interest = wishOf({ topics: known?.topics }, heard.topic);
    const message = { room, isOwn: heard.isOwn, direct, mentioned, keyword, reply, interest };
    return tell(person, { ...message, threadOnly: heard.thread !== undefined }, Date.now());
  }

  async #gather(heard: Heard): Promise<void> {
    if ((await this.#isLookedAt()) || this.#end.signal.aborted) return;
    const before = this.#waiting.get(heard.room);
    this.#waiting.set(heard.room, { heard, count: (before?.count ?? 0) + 1 });
    this.#timer ??= setTimeout(() => void this.#flush(), gatherMs);
  }

  /** Shows what was gathered, unless the person is back. */
  async #flush(): Promise<void> {
    this.#timer = undefined;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    if ((await this.#isLookedAt()) || this.#end.signal.aborted) return;
    for (const { heard, count } of waiting) this.#show(heard, count);
  }

  #show(heard: Heard, count: number): void {
    const room = this.#ports.room(heard.room);
    if (room === undefined || !isUnread(room)) return;
    const [author, title] = [this.#ports.nameOf(heard.author), this.#ports.titleOf(room)];
    const where = noticeTitle(heard.room, author, title);
    const tag = this.#tags + heard.room;
    this.#shown.add(tag);
    void showNotice({
      title: count > 1 ? `${where} (${count} new)` : where,
      body: cut(heard.text ?? "", bodyCharsMax),
      tag,
      icon: this.#ports.icon,
      url: at(`/room/${heard.room}${placeOf(heard)}`),
    });
  }

  /** Whether a tab of this person is in sight in this browser. */
  async #isLookedAt(): Promise<boolean> {
    if (document.visibilityState === "visible") return true;
    const { held = [] } = await navigator.locks.query();
    return held.some(({ name }) => name === this.#inSight);
  }

  readonly #onSight = (): void => {
    if (document.visibilityState === "visible") {
      this.#leaveSight ??= this.#hold(this.#inSight, "shared");
      this.#shown.clear();
      void this.#closeAll();
    } else {
      this.#leaveSight?.();
      this.#leaveSight = undefined;
    }
  };

  #closeAll(): Promise<void> {
    return closeNotices((shown) => shown.startsWith(this.#tags));
  }

  /** Holds a lock, as soon as it is there, until what this gives is called, or the end. */
  #hold(name: string, mode: LockMode, held?: () => void): () => void {
    const { promise: over, resolve: leave } = Promise.withResolvers<void>();
    const { signal } = this.#end;
    signal.addEventListener("abort", () => leave());
    const kept = navigator.locks.request(name, { mode, signal }, () => {
      held?.();
      return over;
    });
    // A request that is given up while it waits is the only one that fails.
    kept.catch(() => undefined);
    return leave;
  }
}

import type {
  AnswerOf,
  CommandsOf,
  Failure,
  FollowSignal,
  ParametersOf,
  PollResults,
  Result,
  RoomEvent,
  RoomFiles,
  RoomHistory,
  RoomMessage,
  RoomTopics,
  RoomUnread,
  ThreadSignal,
  UserSignal,
} from "../../../protocols/index.ts";
import { cleaned, cut } from "../../../protocols/text/text.ts";
import {
  emptyRoom,
  foldRoom,
  messageAt,
  plainLine,
  reachesMarker,
  windowMessagesMax,
  type AttachedFile,
  type Kept,
  type PendingPost,
  type RoomInput,
  type RoomModel,
} from "../model/index.ts";
import { newOperationId, type Client } from "../wire/index.ts";
import { notices } from "./notices.ts";
import { undoSendMaxMs, undoSendMs } from "./undo-send.ts";
import { TopicStore } from "./topic-store.ts";
import { UnsentStore } from "./unsent-store.ts";

const historyPage = 50;
const typingEveryMs = 3_000;
const markReadDelayMs = 1_000;
/** All pages that are told of the same change do not ask at the same moment. */
const askPauseMs = 3_000;
const askPause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.random() * askPauseMs));
/** Of a message that can be taken back, as much as says which it is. */
const saidChars = 40;

/** One room that this page follows: its model and what can be done in it. */
export class RoomStore {
  readonly room: string;
  readonly store: TopicStore<RoomModel, RoomInput>;
  /** The topic in which the person writes. Undefined: none. */
  writesIn: string | undefined;
  /** The newest line that was in view: where the reader is. */
  viewedSeq = 0;
  readonly #client: Client;
  readonly #kept: Kept;
  readonly #unsent: UnsentStore<PendingPost>;
  readonly #unfollow: () => void;
  readonly #outbox: PendingPost["operationId"][] = [];
  /** Those that their author may still take back, with what ends that. */
  readonly #held = new Map<string, Promise<void>>();
  #sending = false;
  #loading: Promise<void> | undefined;
  /** How often somebody wanted the window elsewhere: the last one counts. */
  #places = 0;
  /** The person wants it unread: nothing is marked by itself until they come back to the room, or write. */
  #isHeld = false;
  #markedSeq = 0;
  #markTimer: ReturnType<typeof setTimeout> | undefined;
  #typedAtMs = 0;
  /** The topic that was marked as read last, and up to where. */
  #topicMark = "";
  /** Where the node said last that the marker stands. */
  #toldSeq = 0;
  /** How often a thread was read or followed here. */
  #marks = 0;
  readonly #pause: () => Promise<void>;
  #isAsking = false;
  #isAskWanted = false;
  /** How many votes of the person the room has told. */
  #votesTold = 0;

  /** `onNews` hears of what is kept outside of this store. */
  constructor(
    client: Client,
    room: string,
    me: string,
    kept: Kept,
    onNews: (type: RoomEvent["type"] | "state", event?: RoomEvent) => void,
    pause = askPause,
  ) {
    this.#pause = pause;
    this.#client = client;
    this.#kept = kept;
    this.room = room;
    this.store = new TopicStore<RoomModel, RoomInput>({ ...emptyRoom, me }, foldRoom);
    this.#unsent = new UnsentStore(kept, `room/${room}`);
    const posts = this.#unsent.all(Date.now());
    this.store.apply({ type: "restored", posts });
    for (const { operationId, heldUntilMs } of posts)
      if (heldUntilMs !== undefined) this.#hold(operationId, heldUntilMs);
    this.#outbox.push(...posts.filter(({ status }) => status === "waiting").map(({ operationId }) => operationId));
    this.#unfollow = client.follow(`room/${room}`, {
      state: (state) => {
        const isElsewhere = this.store.latest.newer;
        this.store.apply({ type: "state", state });
        this.#toldSeq = state.unread?.readSeq ?? 0;
        onNews("state");
        // A person who reads further back stays there.
        if (isElsewhere) void this.#place(this.viewedSeq);
      },
      event: (event) => {
        this.#happened(event, me);
        onNews(event.type, event);
      },
      signal: (signal) => this.store.apply({ type: "signal", signal, nowMs: Date.now() }),
      refused: (reason) => this.store.apply({ type: "refused", reason }),
    });
    void this.#send();
  }

  close(): void {
    this.#isAskWanted = false;
    this.#unfollow();
  }

  #happened(event: RoomEvent, me: string): void {
    this.store.apply({ type: "event", event });
    if (event.type === "edited" || event.type === "deleted" || event.type === "withdrawn") void this.#askMentioned();
    if (event.type !== "voted" || event.by !== me) return;
    this.#votesTold += 1;
    this.store.apply({ type: "chose", seq: event.message.seq, choices: event.choices });
  }

  /** Whether something was written here that the node has not taken: it waits while the page is closed. */
  get hasUnsent(): boolean {
    return this.store.latest.pending.some((post) => post.status !== "accepted");
  }

  /** Shows the message at once and sends it. Messages of one room go out one after the other, so that they keep their
   *  order; one with files waits for them, passed by others, until `filesUp`. */
  post(
    written: string,
    replyTo?: number,
    alsoInRoom = false,
    files: readonly AttachedFile[] = [],
  ): Pick<PendingPost, "operationId" | "text" | "atMs" | "replyTo" | "alsoInRoom" | "topic"> {
    const operationId = newOperationId();
    // What was pasted may hold what no message may.
    const text = cleaned(written, "lines");
    const { writesIn: topic } = this;
    const inRoom = topic === undefined ? {} : { topic };
    const where = replyTo === undefined ? inRoom : { replyTo, ...(alsoInRoom && { alsoInRoom }) };
    const post = { operationId, text, atMs: Date.now(), ...where };
    const heldMs = files.length === 0 ? undoSendMs(this.#kept) : 0;
    const held = heldMs > 0 && { heldUntilMs: post.atMs + heldMs };
    this.#isHeld = false;
    this.store.apply({ type: "posting", post: { ...post, ...held, ...(files.length > 0 && { files }) } }, "now");
    if (held) this.#offerUndo(post, heldMs, this.#hold(operationId, held.heldUntilMs));
    if (files.length === 0) this.#enqueue(operationId);
    return post;
  }

  /** The files of a message that waited for them are at the node. */
  filesUp(post: Omit<PendingPost, "status" | "afterSeq" | "files">, files: readonly AttachedFile[]): void {
    this.store.apply({ type: "filesUp", post: { ...post, ...(files.length > 0 && { files }) } }, "now");
    this.#enqueue(post.operationId);
  }

  #enqueue(operationId: string): void {
    this.#keep(operationId);
    this.#outbox.push(operationId);
    void this.#send();
  }

  /** A message waits so long for its author to take it back, in every tab that has it. What is written behind it waits,
   *  too: the order stays. Gives the way to end that before. */
  #hold(operationId: string, untilMs: number): () => void {
    const held = Promise.withResolvers<void>();
    this.#held.set(operationId, held.promise);
    const release = () => {
      clearTimeout(timer);
      this.#held.delete(operationId);
      held.resolve();
    };
    // However the clock was set meanwhile.
    const timer = setTimeout(release, Math.min(untilMs - Date.now(), undoSendMaxMs));
    return release;
  }

  /** Lets the author take a message back before it leaves. */
  #offerUndo(
    { operationId, text, replyTo }: Pick<PendingPost, "operationId" | "text" | "replyTo">,
    heldMs: number,
    release: () => void,
  ): void {
    const said = cut(plainLine(text), saidChars);
    const notice = notices.raise(`“${said}” is sent in ${heldMs / 1_000} s.`, "plain", {
      label: "Undo",
      run: () => {
        // It has left meanwhile.
        if (!this.#held.has(operationId)) return;
        this.discard(operationId);
        const place = replyTo === undefined ? `room/${this.room}/text` : `room/${this.room}/thread/${replyTo}`;
        const since = this.#kept.read(place);
        this.#kept.write(place, typeof since === "string" && since !== "" ? `${text}\n${since}` : text);
        release();
      },
    });
    void this.#held.get(operationId)?.then(() => notices.dismiss(notice));
  }

  retry(operationId: string): void {
    this.store.apply({ type: "retrying", operationId }, "now");
    this.#enqueue(operationId);
  }

  /** The message is not sent. What it would have taken along does not stay at the node, where it would be in the way of
   *  what the person sends next. */
  discard(operationId: string): void {
    const post = this.store.latest.pending.find((one) => one.operationId === operationId);
    const ids = post?.status === "failed" ? (post.files ?? []).flatMap(({ id }) => id ?? []) : [];
    if (ids.length > 0) void import("./uploads.ts").then(({ giveUp }) => giveUp(ids)).catch(() => undefined);
    this.store.apply({ type: "discarded", operationId }, "now");
    this.#keep(operationId);
  }

  #keep(operationId: string): void {
    this.#unsent.keep(operationId, this.store.latest.pending);
  }

  /** Where a half-done edit of a message is kept. */
  editPlace(seq: number): string {
    return `room/${this.room}/edit/${seq}`;
  }

  /** The messages whose edit was left half done. */
  halfEdits(): readonly number[] {
    const beginning = `room/${this.room}/edit/`;
    return this.#kept.places(beginning).map((place) => Number(place.slice(beginning.length)));
  }

  /** Saves an edit that rests on a state of the message: when it was edited last, or 0. Where it is another by now,
   *  nothing is saved, and the message as it is comes as news. */
  async edit(seq: number, text: string, seenMs: number): Promise<Result<RoomMessage>> {
    const parameters = { seq, text: cleaned(text, "lines"), seen: seenMs };
    const result = await this.#client.call("room.edit", this.room, parameters);
    if (!result.ok && result.error.code !== "CHANGED_MEANWHILE") notices.fail(result.error);
    return result;
  }

  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    for (let next = this.#outbox.shift(); next !== undefined; next = this.#outbox.shift()) {
      const operationId = next;
      await this.#held.get(operationId);
      const post = this.store.latest.pending.find((pending) => pending.operationId === operationId);
      if (post === undefined) continue;
      // Another tab has taken it back, or sent it.
      if (post.heldUntilMs !== undefined && !this.#unsent.has(operationId)) {
        this.store.apply({ type: "discarded", operationId }, "now");
        continue;
      }
      const { text, replyTo, alsoInRoom, files, topic } = post;
      const parameters = {
        text,
        ...(replyTo !== undefined && { replyTo }),
        ...(alsoInRoom && { alsoInRoom }),
        ...(topic !== undefined && { topic }),
        ...(files && { files: files.flatMap(({ id }) => id ?? []) }),
      };
      const result = await this.#client.call("room.post", this.room, parameters, { operationId });
      if (result.ok) this.store.apply({ type: "posted", operationId, seq: result.value.seq });
      else this.store.apply({ type: "postFailed", operationId, failure: result.error });
      this.#keep(operationId);
    }
    this.#sending = false;
  }

  /** Loads one more page of lines at an end of the window; calls during a load share it. */
  load(end: "older" | "newer"): Promise<void> {
    this.#loading ??= this.#load(end).finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(end: "older" | "newer"): Promise<void> {
    const { latest } = this.store;
    if (!latest[end]) return;
    const { from, to, messages } = latest;
    const other = end === "older" ? "newer" : "older";
    // In a step of its own: a list that changes at both its ends cannot keep its place.
    this.store.apply({ type: "trimmed", end: other, count: messages.length + historyPage - windowMessagesMax }, "now");
    const query = end === "older" ? { before: from } : { after: to };
    const result = await this.history({ ...query, limit: historyPage, roomOnly: true });
    // The window is elsewhere by now.
    if (end === "older" ? this.store.latest.from !== from : this.store.latest.to !== to) return;
    if (result.ok) this.store.apply({ type: end, history: result.value }, "now");
    else notices.fail(result.error, "look");
  }

  /** Puts the window around a line, if it is not in it. False: it could not be loaded. */
  async reach(seq: number): Promise<boolean> {
    if (!this.store.latest.messages.some((message) => message.seq === seq)) return this.#place(seq);
    // Here it stays, also where another place was asked for before.
    this.#places += 1;
    return true;
  }

  /** Puts the window where reading goes on: at the first unread line. */
  async reachUnread(): Promise<void> {
    const { latest } = this.store;
    if (latest.unread.unread > 0 && !reachesMarker(latest)) await this.#place(latest.unread.readSeq + 1);
  }

  async #place(around?: number): Promise<boolean> {
    const place = (this.#places += 1);
    const query = around === undefined ? {} : { around };
    const result = await this.history({ ...query, limit: historyPage, roomOnly: true });
    // A person who opens a room and goes somewhere at once ends there, whichever answer comes last.
    if (place !== this.#places) return false;
    if (result.ok) this.store.apply({ type: "placed", history: result.value }, "now");
    else notices.fail(result.error, "look");
    return result.ok;
  }

  /** Puts the window at the end. */
  async toLatest(): Promise<void> {
    if (this.store.latest.newer) await this.#place();
    else this.#places += 1;
  }

  /** A message, wherever it is. Undefined: there is none. */
  async find(seq: number): Promise<RoomMessage | undefined | "failed"> {
    const known = messageAt(this.store.latest, seq);
    if (known !== undefined) return known;
    const result = await this.history({ before: seq + 1, limit: 1 });
    if (result.ok) return result.value.messages.find((message) => message.seq === seq);
    notices.fail(result.error, "look");
    return "failed";
  }

  /** The files of the room, newest first: those of messages before `before`. */
  files(before?: number): Promise<Result<RoomFiles>> {
    return this.#client.call("room.files", this.room, before === undefined ? {} : { before });
  }

  history(query: ParametersOf<"room.history">): Promise<Result<RoomHistory>> {
    return this.#client.call("room.history", this.room, query);
  }

  /** All up to `seq` was in view. The page shows it as read at once; the node hears of it once per second at most,
   *  because each marker is an append, and in a busy room there is one for every reader. */
  markRead(me: string, seq: number): void {
    if (this.#isHeld) return;
    // What was read before may have been edited since, and mention the reader.
    const { mentioned } = this.store.latest.unread;
    this.store.apply({ type: "seen", member: me, seq });
    if (seq <= this.#markedSeq && !mentioned) return;
    this.#markedSeq = Math.max(this.#markedSeq, seq);
    // At once, since the page may go; what comes within the pause is said at its end.
    if (this.#markTimer === undefined) this.#sendMark();
  }

  #sendMark(): void {
    const seq = this.#markedSeq;
    this.#markTimer = setTimeout(() => {
      this.#markTimer = undefined;
      if (this.#markedSeq > seq) this.#sendMark();
    }, markReadDelayMs);
    void this.#client.call("room.markRead", this.room, { seq }).then((result) => {
      if (result.ok && seq === this.#markedSeq) this.counted(result.value);
    });
  }

  /** Counts a line and all behind it as unread, until the person comes back to them. */
  async markUnread(seq: number): Promise<void> {
    this.#topicMark = "";
    const result = await this.change("markUnread", { seq });
    if (result.ok) this.counted(result.value);
  }

  /** Takes what is unread from the node. Where the marker went back, here or on another device, it stays there. */
  counted(unread: Partial<RoomUnread>): void {
    const { readSeq, messageSeq, unread: count, mentioned, seen, topics } = unread;
    // An older node says where the marker is, and no more.
    if (readSeq === undefined || messageSeq === undefined || count === undefined || mentioned === undefined) return;
    const told = this.#toldSeq;
    this.#toldSeq = readSeq;
    // What the node says of an earlier marker of this page, which has read on meanwhile.
    if (readSeq >= told && readSeq < this.store.latest.unread.readSeq) return;
    if (readSeq < told) {
      this.#isHeld = true;
      clearTimeout(this.#markTimer);
      this.#markTimer = undefined;
      this.#markedSeq = readSeq;
    }
    const behind = { ...(seen && { seen }), ...(topics && { topics }) };
    this.store.apply({ type: "counted", unread: { readSeq, messageSeq, unread: count, mentioned, ...behind } }, "now");
  }

  /** Takes what the person did here on another device. */
  told(signal: UserSignal | ThreadSignal | FollowSignal): void {
    switch (signal.type) {
      case "threadFollowed":
        return this.store.apply({ type: "threadFollowed", root: signal.of, follow: signal.follow });
      case "threadRead": {
        const { of: root, seq, own } = signal;
        this.store.apply({ type: "threadSeen", root, seq, ...(own && { own }) });
        return void this.#askMentioned();
      }
      case "roomRead":
        if (signal.unread === undefined)
          this.store.apply({ type: "seen", member: this.store.latest.me, seq: signal.seq });
        else this.counted(signal.unread);
    }
  }

  /** What was said to mention the person may do so no longer, and where the node alone knows what it was, it is
   *  asked. */
  async #askMentioned(): Promise<void> {
    this.#isAskWanted = this.store.latest.toldOf;
    if (this.#isAsking || !this.#isAskWanted) return;
    this.#isAsking = true;
    // One question at a time: what happens before it, it answers, and for all that happens meanwhile there is one more.
    while (this.#isAskWanted) {
      await this.#pause();
      this.#isAskWanted = false;
      if (this.store.latest.toldOf) await this.caughtUp();
    }
    this.#isAsking = false;
  }

  /** The connection is a new one: the room's events come from where they were, but not what its person read on other
   *  devices meanwhile. That is asked for, again where something is read here meanwhile. */
  async caughtUp(): Promise<void> {
    if (this.store.latest.status !== "ready") return;
    for (let marks = -1; marks !== this.#marks;) {
      marks = this.#marks;
      const told = await this.#client.call("room.threads", this.room, {});
      if (!told.ok || told.value.unread === undefined) return;
      const { threads, unread } = told.value;
      if (marks !== this.#marks) continue;
      this.counted(unread);
      this.store.apply({ type: "threadsTold", threads, to: unread.messageSeq }, "now");
    }
  }

  /** Topics of the room, and what is unread in them. */
  topics(query: ParametersOf<"room.topics">): Promise<Result<RoomTopics>> {
    return this.#client.call("room.topics", this.room, query);
  }

  /** All of a topic up to `seq` was in view. */
  markTopic(topic: string, seq: number): void {
    const mark = `${seq} ${topic}`;
    if (this.#isHeld || mark === this.#topicMark) return;
    this.#topicMark = mark;
    void this.#client.call("room.markRead", this.room, { seq, topic }).then((result) => {
      if (result.ok) this.counted(result.value);
      else if (this.#topicMark === mark) this.#topicMark = "";
    });
  }

  /** The person has come to the room: what is seen from now on is read. */
  opened(): void {
    this.#isHeld = false;
  }

  /** All of a thread up to `seq` was in view. */
  markThread(root: number, seq: number): void {
    const own = this.store.latest.threads[root]?.own;
    if (own === undefined || own.readSeq >= seq) return;
    this.#marks += 1;
    this.store.apply({ type: "threadSeen", root, seq }, "now");
    void this.#client.call("room.markRead", this.room, { seq, thread: root }).then(() => this.#askMentioned());
  }

  /** Follows a thread, or mutes it. */
  async followThread(root: number, follow: boolean): Promise<void> {
    const result = await this.change("followThread", { seq: root, follow });
    this.#marks += 1;
    if (result.ok) this.store.apply({ type: "threadFollowed", root, follow }, "now");
  }

  typing(): void {
    const nowMs = Date.now();
    if (nowMs - this.#typedAtMs < typingEveryMs) return;
    this.#typedAtMs = nowMs;
    void this.#client.call("room.typing", this.room, {});
  }

  /** Any other change of the room; a refusal is shown. */
  async change<Name extends CommandsOf<"room", "changes">>(
    command: Name,
    parameters: ParametersOf<`room.${Name}`>,
    /** Takes a refusal that has its own place. */
    on?: (refusal: Failure) => boolean,
  ): Promise<Result<AnswerOf<`room.${Name}`>>> {
    const result = await this.#client.call(`room.${command}`, this.room, parameters);
    if (!result.ok && result.error.code !== "ALREADY_DONE" && on?.(result.error) !== true) notices.fail(result.error);
    return result;
  }

  /** Votes in a poll. The page shows the vote as the person's own before the room tells everybody of it. */
  async vote(seq: number, choices: readonly number[]): Promise<Result<unknown>> {
    const told = this.#votesTold;
    const result = await this.change("vote", { seq, choices: [...choices] });
    // A vote that was told meanwhile may be a later one, of another device.
    if (result.ok && told === this.#votesTold) this.store.apply({ type: "chose", seq, choices });
    return result;
  }

  /** The counts of a poll, and who votes for what. A refusal is shown by what asked for it. */
  pollResults(seq: number): Promise<Result<PollResults>> {
    return this.#client.call("room.pollResults", this.room, { seq });
  }

  /** Brings somebody in. The refusal is the caller's to show: that somebody is banned can be helped. */
  invite(member: string): Promise<Result<unknown>> {
    return this.#client.call("room.invite", this.room, { member });
  }

  /** Lifts a ban, and brings in the person it kept out. */
  async letIn(member: string): Promise<void> {
    const lifted = await this.change("unban", { member });
    if (lifted.ok) await this.change("invite", { member });
  }

  /** What agents may do here, and what they took. */
  agents() {
    return this.#client.call("room.agents", this.room, {});
  }

  /** The people who are kept out, for moderators. */
  bans() {
    return this.#client.call("room.bans", this.room, {});
  }

  /** Who was warned here: for moderators; for others their own warnings. */
  warnings() {
    return this.#client.call("room.warnings", this.room, {});
  }
}

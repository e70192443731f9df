import { createContext, useContext, useEffect, useState, useSyncExternalStore } from "react";
import type { QueryClient } from "@tanstack/react-query";
import { People } from "../../../client/index.ts";
import { failure, ok } from "../../../protocols/errors.ts";
import { noticeText, peopleIn } from "../../../protocols/words/notice-text.ts";
import type {
  Failure,
  AnswerOf,
  CommandsOf,
  Hello,
  Notice,
  ParametersOf,
  Result,
  RoomEvent,
  RoomLeft,
  RoomSummary,
  UserEvent,
  UserRooms,
  FollowSignal,
  Sidebar,
  ThreadSignal,
  UserSignal,
  UserView,
} from "../../../protocols/index.ts";
import {
  agentStateOf,
  Kept,
  listAfterNews,
  stateOf,
  listAfterRead,
  listAfterRoom,
  listAfterSummary,
  plainSidebar,
} from "../model/index.ts";
import {
  askActor,
  call,
  hasUnkept,
  onShelfChanged,
  openClient,
  shelf,
  tabShelf,
  type Client,
  type Link,
} from "../wire/index.ts";
import { AgentStore } from "./agent-store.ts";
import type { DraftSync } from "./draft-sync.ts";
import { Facts } from "./facts.ts";
import { Files } from "./files.ts";
import { LookedAt } from "./looked-at.ts";
import { notices } from "./notices.ts";
import { followUse, PresenceStore } from "./presence.ts";
import { RoomStore } from "./room-store.ts";
import { waitingTopics } from "./unsent-store.ts";

// Rooms and agents that stay followed after one leaves them, so that going back shows them at once.
const followedMax = 12;

/** The query keys of what is loaded as a whole. */
export const queryKeys = {
  me: ["me"],
  rooms: ["rooms"],
  agents: ["agents"],
  models: ["models"],
  people: ["people"],
  later: ["later"],
  saved: ["saved"],
} as const;

/** A node that is away is asked again so often who is signed in. */
const askAgainMs = 3_000;

/** Answers in threads come in quick succession: their room is asked once for all of them. */
const recountAfterMs = 1_000;

/** Two devices of one person arrange their rooms at once: as often as that is tried. */
const arrangeAttempts = 3;

/** News that say no end of themselves are told for so long. */
const newsMs = 24 * 3_600_000;

/** A message in a room of the person, as much as telling of it needs. */
export interface Heard {
  readonly room: string;
  readonly seq: number;
  readonly author: string;
  readonly isOwn: boolean;
  readonly text?: string;
  readonly mentioned: boolean;
  /** It answers the person, or in a thread that they follow. */
  readonly reply: boolean;
  /** It has one of the person's words; absent: the text is whole, and says it. */
  readonly keyword?: boolean;
  /** It is shown in the thread of this message only. */
  readonly thread?: number;
  readonly topic?: string;
}

/** All that belongs to one signed-in person: the connection, the rooms and agents on show, the room list. */
export class Session {
  /** The user's name, `ada`. */
  readonly name: string;
  /** The user as member and author, `user/ada`. */
  readonly me: string;
  readonly client: Client;
  /** What the person has not finished, in this browser. */
  readonly kept: Kept;
  /** The same of this tab alone: another one cannot read the files that were chosen here. */
  readonly keptInTab: Kept;
  /** The files that are sent. */
  readonly files: Files;
  /** How people are called, and what they look like, also in rooms of thousands. */
  readonly people: People;
  /** What is shown where the node is away. */
  readonly lookedAt: LookedAt;
  /** The node was reached since the page was opened; before, what this browser had is shown. */
  wasReached = false;
  /** The node does not say who is signed in. */
  isAsking = false;
  /** Who of those on show is there. */
  readonly presence: PresenceStore;
  /** What was typed into the terminal of the page; it goes with the session. */
  terminalLines: readonly string[] = [];
  /** The thread that was open last, `den/12`. */
  lastThread?: string;
  readonly #queries: QueryClient;
  readonly #facts: Facts;
  /** What is begun to be written, on all devices. */
  #drafts: DraftSync | undefined;
  readonly #rooms = new Map<string, RoomStore>();
  readonly #agents = new Map<string, AgentStore>();
  readonly #stopListening: () => void;
  readonly #recounting = new Set<string>();
  #isClosed = false;
  readonly #hearers = new Set<(heard: Heard) => void>();
  /** Which session this browser has, once that was asked. */
  #current: Promise<Result<{ readonly current: string }>> | undefined;

  constructor(name: string, queries: QueryClient) {
    this.name = name;
    this.me = `user/${name}`;
    this.#queries = queries;
    this.#facts = new Facts(queries);
    // What the page follows, it knows at least as well as any list.
    this.#facts.over<UserRooms>(queryKeys.rooms, (list) => ({ ...list, rooms: this.#withFollowed(list.rooms) }));
    this.lookedAt = new LookedAt(name, queries, [queryKeys.me, queryKeys.rooms, queryKeys.agents]);
    this.kept = new Kept(shelf, name, Date.now);
    this.keptInTab = new Kept(tabShelf, name, Date.now);
    this.files = new Files(this);
    const stopHearing = onShelfChanged((changed) => this.kept.changedElsewhere(changed));
    this.client = openClient();
    this.people = new People({
      page: (after) => askActor("people", { limit: 200, ...(after !== undefined && { after }) }),
      card: async (user) => {
        const card = await this.client.call("user.card", user, {});
        if (!card.ok) return card;
        const { displayName, avatar } = card.value;
        return ok({ key: user, title: displayName, ...(avatar && { avatar: avatar.hash }) });
      },
    });
    this.presence = new PresenceStore(this.client);
    const stopUse = followUse(this.client);
    let greeting: Hello | undefined;
    this.client.onLink((link) => {
      // Once for each connection.
      if (link.status !== "open" || link.hello === greeting) return;
      this.wasReached = true;
      greeting = link.hello;
      // What happened while the page was away reached no activity frame.
      void queries.invalidateQueries({ queryKey: queryKeys.rooms });
      void queries.invalidateQueries({ queryKey: queryKeys.later });
      void queries.invalidateQueries({ queryKey: queryKeys.saved });
      void this.#syncDrafts();
      for (const room of this.#rooms.values()) void room.caughtUp();
    });
    this.client.onActivity((news) => {
      const nowMs = Date.now();
      this.#tellRooms((rooms) => listAfterNews(rooms, news, { me: this.me, nowMs }));
      const { room, seq, author, mentioned, keyword, text, thread, topic, reply = false } = news;
      const isOwn = author === this.me;
      const places = {
        ...(text !== undefined && { text }),
        ...(thread !== undefined && { thread }),
        ...(topic !== undefined && { topic }),
      };
      const heard: Heard = { room, seq, author, isOwn, mentioned, reply, keyword: keyword === true, ...places };
      if (thread === undefined) this.#say(heard);
      // Only the room knows who follows a thread.
      else void this.#recount(room).then((isMore) => this.#say({ ...heard, reply: reply || isMore }));
    });
    const applyView = (view: UserView) => this.#facts.know(queryKeys.me, view);
    this.client.follow(`user/${name}`, {
      state: (view) => {
        applyView(view);
        for (const notice of view.notices ?? []) void this.#tell(notice);
      },
      event: (event) => this.#onUserEvent(event, applyView),
      signal: (signal) => this.#onUserSignal(signal),
      refused: (reason) => notices.fail(reason, "look"),
    });
    const wake = () => {
      if (document.hidden) this.#drafts?.flush();
      else this.client.wake();
    };
    const sleep = () => this.client.sleep();
    const beforeUnload = (event: BeforeUnloadEvent) => {
      if (this.#hasUnsent()) event.preventDefault();
    };
    window.addEventListener("beforeunload", beforeUnload);
    window.addEventListener("online", wake);
    window.addEventListener("offline", sleep);
    document.addEventListener("visibilitychange", wake);
    this.#stopListening = () => {
      stopHearing();
      stopUse();
      this.presence.close();
      this.#facts.close();
      window.removeEventListener("beforeunload", beforeUnload);
      window.removeEventListener("online", wake);
      window.removeEventListener("offline", sleep);
      document.removeEventListener("visibilitychange", wake);
    };
  }

  /** Connects. Everything before waits for it. */
  start(): void {
    this.client.start();
    // What waits for the node goes out wherever the person looks.
    for (const [kind, topic] of waitingTopics(this.kept).slice(0, followedMax))
      if (kind === "room") this.room(topic);
      else this.agent(topic);
    if (this.keptInTab.places("").some((place) => place !== "tab")) void this.files.load().catch(() => undefined);
  }

  /** Connects once the node has said that the person of this session is signed in; `onOther`: it is nobody, or somebody
   *  else. Until then nothing is sent: it would be in that other one's name. */
  async startIfSame(onOther: (why: Failure) => void): Promise<void> {
    this.isAsking = true;
    while (!this.#isClosed) {
      const me = await call("account.show");
      if (this.#isClosed) return;
      if (me.ok && me.value.user === this.me) return this.start();
      if (me.ok || me.error.code === "UNAUTHENTICATED") return onOther(failure("UNAUTHENTICATED"));
      await new Promise((resolve) => setTimeout(resolve, askAgainMs));
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#stopListening();
    // Before the client, whose end fails what waits: it stays kept as it is, and goes on when this person is back.
    this.lookedAt.close();
    this.#drafts?.close();
    this.kept.close();
    this.keptInTab.close();
    this.files.uploads?.close();
    this.client.close();
    notices.clear();
  }

  /** What keeps drafts together is loaded when there is a node to ask. */
  async #syncDrafts(): Promise<void> {
    if (this.#drafts === undefined) {
      const loaded = await import("./drafts.ts").catch(() => undefined);
      if (loaded === undefined || this.#isClosed) return;
      this.#drafts ??= loaded.syncDrafts(this);
    }
    this.#drafts.connected();
  }

  #hasUnsent(): boolean {
    if (hasUnkept() || this.files.uploads?.isUnderWay === true) return true;
    return [...this.#rooms.values(), ...this.#agents.values()].some((store) => store.hasUnsent);
  }

  #onUserEvent(event: UserEvent, applyView: (view: UserView) => void): void {
    this.#drafts?.told(event);
    switch (event.type) {
      case "profileSet": {
        const { signInsFailed } = event.view;
        const known = this.#queries.getQueryData<UserView>(queryKeys.me);
        if (signInsFailed !== undefined && signInsFailed.count !== known?.signInsFailed?.count)
          notices.show(`Somebody tried to sign in as you and failed. See Settings, "Devices and password".`, "bad");
        return applyView(event.view);
      }
      case "sidebarSet":
        return this.#facts.tell<UserView>(queryKeys.me, (known) => ({ ...known, sidebar: event.sidebar }));
      case "notificationsSet": {
        const { notifications } = event;
        return this.#facts.tell<UserView>(queryKeys.me, (known) => ({ ...known, notifications }));
      }
      case "laterSet":
        return void this.#queries.invalidateQueries({ queryKey: queryKeys.later });
      case "savedSet":
        return void this.#queries.invalidateQueries({ queryKey: queryKeys.saved });
      case "noticed":
        if (event.notice.action === "roomWarned")
          void this.#queries.invalidateQueries({ queryKey: ["warnings", event.notice.facts["room"]] });
        void this.#tell(event.notice);
        return void this.#queries.invalidateQueries({ queryKey: ["budgets"] });
      case "roomLeft":
        this.#forget(event.room);
        return void this.#queries.invalidateQueries({ queryKey: queryKeys.rooms });
      case "roomJoined":
        return void this.#queries.invalidateQueries({ queryKey: queryKeys.rooms });
      case "agentCreated":
      case "agentDeleted":
        return void this.#queries.invalidateQueries({ queryKey: queryKeys.agents });
      case "sessionOpened":
      case "sessionRevoked":
        return void this.#queries.invalidateQueries({ queryKey: ["sessions"] });
      case "draftSet":
        return undefined;
    }
  }

  /** Whether it says what was done in this browser: its person knows. What somebody else does in their name is news. */
  async #isOwnAct({ facts }: Notice): Promise<boolean> {
    if (facts["session"] === undefined || facts["by"] !== this.name) return false;
    this.#current ??= call("account.sessions");
    const own = await this.#current;
    if (!own.ok) this.#current = undefined;
    return own.ok && own.value.current === facts["session"];
  }

  /** Shows news of the cluster, once in this browser, and not when what they say is over. */
  async #tell(notice: Notice): Promise<void> {
    if (await this.#isOwnAct(notice)) return;
    await this.people.want(peopleIn(notice));
    const text = noticeText(notice, this.name, (account) => {
      const title = this.people.get(account)?.title ?? account;
      return title === account ? account : `${title} (${account})`;
    });
    if (text === undefined || !this.#isNews(notice)) return;
    const { resets } = notice.facts;
    const isOver = (resets === undefined ? notice.atMs + newsMs : Date.parse(resets)) <= Date.now();
    if (!isOver) notices.show(text, resets === undefined ? "plain" : "bad");
  }

  /** Whether this browser has not shown it. One that keeps nothing shows it at each visit. */
  #isNews({ action, atMs, facts }: Notice): boolean {
    const known = this.kept.read("notices");
    const shown = Array.isArray(known) ? known.filter((line) => typeof line === "string") : [];
    const own = [atMs, action, facts["counted"]].join(" ");
    if (shown.includes(own)) return false;
    this.kept.write("notices", [...shown, own].slice(-noticesRemembered));
    return true;
  }

  /** What was read on another device is read here, too. */
  #onUserSignal(signal: UserSignal | ThreadSignal | FollowSignal): void {
    const room = signal.type === "roomRead" ? signal.room : signal.in;
    const store = this.#rooms.get(room);
    // The list follows what the page follows.
    if (store !== undefined) store.told(signal);
    else if (signal.type === "roomRead") this.#tellRooms((rooms) => listAfterRead(rooms, signal));
    else void this.#recount(room);
  }

  /** Asks the node what is unread in a room that this page does not follow; what comes meanwhile is answered
   *  together. True: there is something new in a thread that was read before. */
  async #recount(room: string): Promise<boolean> {
    if (this.#recounting.has(room)) return false;
    this.#recounting.add(room);
    await new Promise((resolve) => setTimeout(resolve, recountAfterMs));
    this.#recounting.delete(room);
    const ask = async () => {
      const told = await this.client.call("room.summary", room, {});
      return told.ok && !this.#rooms.has(room) ? told.value : undefined;
    };
    let isMore = false;
    await this.#facts.part<UserRooms, RoomSummary>(queryKeys.rooms, ask, (known, summary) => {
      const before = known.rooms.find((one) => one.room === room)?.threads ?? 0;
      isMore ||= (summary.threads ?? 0) > before;
      const rooms = listAfterSummary(known.rooms, summary);
      return rooms && { ...known, rooms };
    });
    return isMore;
  }

  /** Tells news of the list of rooms; undefined: it must be loaded anew. */
  #tellRooms(change: (rooms: readonly RoomSummary[]) => readonly RoomSummary[] | undefined): void {
    this.#facts.tell<UserRooms>(queryKeys.rooms, (known) => {
      const rooms = change(known.rooms);
      return rooms === known.rooms ? known : rooms && { ...known, rooms };
    });
  }

  #withFollowed(list: readonly RoomSummary[]): readonly RoomSummary[] {
    return [...this.#rooms.values()].reduce((rooms, { store }) => listAfterRoom(rooms, store.latest), list);
  }

  /** The room, followed from now on. Asked again after a refusal, it tries anew. */
  room(room: string): RoomStore {
    const known = this.#rooms.get(room);
    if (known !== undefined && known.store.latest.status !== "refused") return touch(this.#rooms, room, known);
    known?.close();
    const store = new RoomStore(this.client, room, this.me, this.kept, (type, event) => {
      this.#onRoomNews(room, type);
      if (event !== undefined) this.#hear(store, event);
    });
    store.store.subscribe(() => this.#tellRooms((rooms) => listAfterRoom(rooms, store.store.shown())));
    this.lookedAt.follow(`room/${room}`, { store: store.store, stateOf });
    return touch(this.#rooms, room, store);
  }

  /** What was posted in a room that the page follows, for those who tell of it. */
  #hear({ room, store }: RoomStore, event: RoomEvent): void {
    if (event.type !== "posted" && event.type !== "edited") return;
    const { seq, author, text, replyTo, threadOnly, topic, mentions = [] } = event.message;
    const mentioned = (event.type === "edited" ? (event.told ?? []) : mentions).includes(this.me);
    if (event.type === "edited" && !mentioned) return;
    const own = replyTo === undefined ? undefined : store.latest.threads[replyTo]?.own;
    this.#say({
      room,
      seq,
      author,
      isOwn: author === this.me,
      text,
      mentioned,
      reply: own !== undefined && own.muted !== true,
      ...(threadOnly === true && replyTo !== undefined && { thread: replyTo }),
      ...(topic !== undefined && { topic }),
    });
  }

  #say(heard: Heard): void {
    for (const listener of this.#hearers) listener(heard);
  }

  /** Calls back at every message in rooms of the person, until what this gives is called. */
  onHeard(listener: (heard: Heard) => void): () => void {
    this.#hearers.add(listener);
    return () => this.#hearers.delete(listener);
  }

  /** What was asked for beside the room is asked for anew when it may be another. */
  #onRoomNews(room: string, type: RoomEvent["type"] | "state"): void {
    const changed = {
      banned: "bans",
      unbanned: "bans",
      joined: "links",
      edited: "versions",
      state: "thread",
      deleted: "files",
      withdrawn: "files",
    } as const;
    if (type in changed)
      void this.#queries.invalidateQueries({ queryKey: [changed[type as keyof typeof changed], room] });
    // What is forgotten there is not kept here either.
    if (type === "deleted" || type === "withdrawn" || type === "rulesSet")
      void this.#queries.resetQueries({ queryKey: ["versions", room] });
  }

  /** What sends the messages of a room, or of a conversation (`agent/…`). */
  sends(target: string): Pick<RoomStore, "filesUp" | "discard"> {
    return target.startsWith("agent/") ? this.agent(target.slice("agent/".length)) : this.room(target);
  }

  agent(agent: string): AgentStore {
    const known = this.#agents.get(agent);
    if (known !== undefined && known.store.latest.status !== "refused") return touch(this.#agents, agent, known);
    known?.close();
    const store = new AgentStore(this.client, agent, this.kept);
    store.store.subscribe(() => {
      // What was begun there goes with it, on every device.
      if (store.store.latest.status === "deleted") this.kept.write(`agent/${agent}/text`, undefined);
    });
    this.lookedAt.follow(`agent/${agent}`, { store: store.store, stateOf: agentStateOf });
    return touch(this.#agents, agent, store);
  }

  /** A change of the user's own; a refusal is shown. */
  async change<Name extends CommandsOf<"user", "changes">>(
    command: Name,
    parameters: ParametersOf<`user.${Name}`>,
    /** Takes a refusal that has its own place. */
    on?: (refusal: Failure) => boolean,
  ): Promise<Result<AnswerOf<`user.${Name}`>>> {
    const result = await this.client.call(`user.${command}`, this.name, parameters);
    if (result.ok) notices.worked();
    else if (on?.(result.error) !== true) notices.fail(result.error);
    return result;
  }

  /** Arranges the rooms anew, on what is known of them; where another device was faster, on what that made of them. */
  async arrange(edit: (sidebar: Sidebar) => Sidebar): Promise<void> {
    let seen = this.#queries.getQueryData<UserView>(queryKeys.me)?.sidebar ?? plainSidebar;
    for (let attempt = 1; ; attempt += 1) {
      const isLast = attempt >= arrangeAttempts;
      const result = await this.change(
        "setSidebar",
        { ...edit(seen), seen },
        ({ code }) => code === "CHANGED_MEANWHILE" && !isLast,
      );
      if (result.ok) return this.#facts.know(queryKeys.me, result.value);
      if (result.error.code !== "CHANGED_MEANWHILE" || isLast) return;
      seen = { ...seen, ...(result.error.details?.["now"] as Partial<Sidebar>) };
    }
  }

  /** Leaves a room; the list shows it at once, so that the page does not go back there. */
  async leave(room: string, successor?: string, on?: (refusal: Failure) => boolean): Promise<Result<RoomLeft>> {
    const parameters = successor === undefined ? {} : { successor };
    const result = await this.changeRoom("leave", room, parameters, on);
    if (result.ok) this.#forget(room);
    return result;
  }

  /** Comes back to a room that was left, with the agents that left with one. */
  async comeBack(room: string, agents: readonly string[]): Promise<boolean> {
    const joined = await this.changeRoom("join", room, {});
    if (!joined.ok && joined.error.code !== "ALREADY_DONE") return false;
    for (const member of agents) await this.changeRoom("invite", room, { member });
    return true;
  }

  #forget(room: string): void {
    const known = this.#rooms.get(room);
    // A room that is being asked for says by itself that it is closed to this person, and more: that it was a ban.
    if (known?.store.latest.status !== "loading") {
      // A person who has it on the screen is told, and does not go on writing into a room that has sent them away.
      if (known?.store.latest.status === "ready") {
        const isPublic = known.store.latest.view?.visibility === "public";
        known.store.apply({ type: "refused", reason: failure(isPublic ? "NOT_A_MEMBER" : "NOT_FOUND") }, "now");
      }
      known?.close();
      this.#rooms.delete(room);
    }
    this.lookedAt.forget(`room/${room}`);
    this.#tellRooms((rooms) =>
      rooms.some((one) => one.room === room) ? rooms.filter((one) => one.room !== room) : rooms,
    );
  }

  /** A change of a room that this page may not follow (join, create, leave). A refusal is shown. */
  async changeRoom<Name extends CommandsOf<"room", "changes">>(
    command: Name,
    room: string,
    parameters: ParametersOf<`room.${Name}`>,
    /** Takes a refusal that has its own place. */
    on?: (refusal: Failure) => boolean,
  ): Promise<Result<AnswerOf<`room.${Name}`>>> {
    const result = await this.client.call(`room.${command}`, room, parameters);
    if (result.ok) notices.worked();
    else if (result.error.code !== "ALREADY_DONE" && on?.(result.error) !== true) notices.fail(result.error);
    return result;
  }
}

/** As many as the newest ones of a person, several times. */
const noticesRemembered = 128;

/** Marks as last used, and drops the one that was not used for longest; rather of one without unsent messages. */
function touch<Store extends { close(): void; readonly hasUnsent: boolean }>(
  stores: Map<string, Store>,
  key: string,
  store: Store,
): Store {
  stores.delete(key);
  const others = [...stores];
  const oldest = others.find(([, other]) => !other.hasUnsent) ?? others[0];
  if (stores.size >= followedMax && oldest !== undefined) {
    stores.delete(oldest[0]);
    oldest[1].close();
  }
  stores.set(key, store);
  return store;
}

export const SessionContext = createContext<Session | undefined>(undefined);

/** The session; only below the sign-in screen. */
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === undefined) throw new Error("broken invariant: a signed-in screen has a session");
  return session;
}

export function useLink(session: Session): Link {
  return useSyncExternalStore(
    (listener) => session.client.onLink(listener),
    () => session.client.link,
  );
}

/** Whether something has been so for `afterMs`. */
export function useLasting(isSo: boolean, afterMs: number): boolean {
  const [lasting, setLasting] = useState(false);
  useEffect(() => {
    setLasting(false);
    if (!isSo) return;
    const timer = setTimeout(() => setLasting(true), afterMs);
    return () => clearTimeout(timer);
  }, [isSo, afterMs]);
  return lasting;
}

/** The time, every `everyMs` while `running`. */
export function useNow(everyMs: number, running: boolean): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    if (!running) return;
    setNowMs(Date.now());
    const timer = setInterval(() => setNowMs(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, running]);
  return nowMs;
}

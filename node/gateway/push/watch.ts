/** Follows the rooms of people who have browsers that take notices, and decides what these are told. */
import {
  cut,
  isSeen,
  ok,
  type ActorId,
  type Failure,
  type HeldPushes,
  type PushMessage,
  type Result,
  type RoomHistory,
  type RoomMessage,
  type RoomSummary,
  type RoomThreads,
  type TopicInterest,
  type UserCard,
} from "../../../protocols/index.ts";
import { isDirectNow, noticeTitle, tell, wishOf } from "../../../protocols/telling/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import type { GatewayContext } from "../options.ts";
import type { Activity } from "../feeds/away.ts";
import type { Subscribers } from "../feeds/subscribers.ts";
import { backoffMs } from "../../waiting.ts";
import type { HeldPush, PushPort } from "../ports.ts";
import { PushDelivery, strongest, type Notice } from "./delivery.ts";

type Following = Awaited<ReturnType<Subscribers["follow"]>>;

/** Push at one gateway. */
interface PushPart {
  stop(): void;
}

/** Somebody who is followed. */
interface Watch {
  readonly user: string;
  follows: Following | undefined;
  /** By room, or room and thread. */
  readonly waiting: Map<string, { news: readonly Activity[]; readonly cancel: () => void }>;
  cancelRetry: (() => void) | undefined;
  failures: number;
  looking: boolean;
  again: boolean;
}

/** A place of a room: the room itself, or one of its threads. */
const placeOf = ({ room, thread }: Activity): string => (thread === undefined ? room : `${room} ${thread}`);

/** Makes it. */
export function createPush(
  at: Pick<GatewayContext, "kernel" | "clock" | "random" | "log" | "meter" | "limits" | "branding">,
  port: PushPort,
  subscribers: Pick<Subscribers, "follow" | "presence">,
): PushPart {
  const { kernel, clock, log, meter, limits } = at;
  const watches = new Map<string, Watch>();
  let stopped = false;

  const ask = async <Answer>(from: ActorId | "gateway", to: ActorId, message: Message): Promise<Result<Answer>> =>
    (await kernel.ask({ to, from, message, timeoutMs: limits.askTimeoutMs })) as Result<Answer>;
  const pushesOf = async (user: string): Promise<Result<readonly HeldPush[]>> => {
    const answer = await ask<HeldPushes>("gateway", `user/${user}`, { type: "pushes" });
    return answer.ok ? ok(answer.value.pushes) : answer;
  };

  const gone = (user: string, id: string): void => void ask("gateway", `user/${user}`, { type: "removePush", id });
  const delivery = new PushDelivery(port, { ...at, gone });
  /** Places of all people whose notice waits, or is looked into. */
  let places = 0;

  // --- who is followed -----------------------------------------------------------------------------------------------

  function look(user: string): void {
    if (stopped) return;
    const watch = watches.get(user) ?? begin(user);
    if (watch.looking) watch.again = true;
    else
      void lookAt(watch).catch((error: unknown) => {
        log.error("push.watch.failed", { error: String(error) });
        watch.looking = false;
        retry(watch);
      });
  }

  function begin(user: string): Watch {
    const watch: Watch = {
      user,
      follows: undefined,
      waiting: new Map(),
      cancelRetry: undefined,
      failures: 0,
      looking: false,
      again: false,
    };
    watches.set(user, watch);
    meter.gauge("push_people", watches.size);
    return watch;
  }

  async function lookAt(watch: Watch): Promise<void> {
    watch.looking = true;
    watch.cancelRetry?.();
    do {
      watch.again = false;
      // Also where the setting is off: once it is on again nothing says who has browsers.
      const held = port.has(watch.user) ? await pushesOf(watch.user) : ok([]);
      const wanted = held.ok ? held.value[0] : undefined;
      const isOver = held.ok ? wanted === undefined : held.error.outcome === "failed";
      // Something was added meanwhile.
      if (isOver && watch.again && !stopped) continue;
      if (stopped || isOver) return end(watch);
      if (held.ok && wanted !== undefined && !(await follow(watch, wanted))) retry(watch);
      if (!held.ok) retry(watch);
    } while (watch.again);
    watch.looking = false;
  }

  /** As one more client, with the session in which a browser was added: when that ends, it is looked again. */
  async function follow(watch: Watch, { session }: HeldPush): Promise<boolean> {
    const known = watch.follows;
    if (known?.session === session && known.isOpen()) return true;
    known?.stop();
    watch.follows = undefined;
    const follows = await subscribers.follow(
      { user: watch.user, session },
      { heard: (activity) => hear(watch, activity), ended: () => look(watch.user) },
    );
    if (watches.get(watch.user) !== watch) follows?.stop();
    else watch.follows = follows;
    if (follows !== undefined) watch.failures = 0;
    return follows !== undefined;
  }

  function retry(watch: Watch): void {
    const waitMs = backoffMs(watch.failures, { firstMs: limits.catchUpRetryMs, maxMs: limits.sweepMs });
    watch.failures += 1;
    watch.cancelRetry?.();
    watch.cancelRetry = clock.after(waitMs, () => look(watch.user));
  }

  function end(watch: Watch): void {
    watches.delete(watch.user);
    meter.gauge("push_people", watches.size);
    watch.cancelRetry?.();
    watch.follows?.stop();
    for (const { cancel } of watch.waiting.values()) cancel();
    places -= watch.waiting.size;
    watch.waiting.clear();
  }

  // --- what they are told --------------------------------------------------------------------------------------------

  /** `reply`: whether it answers them, which of a thread only its room knows, as it alone knows what it is now
   *  (`direct`), and what they interest of its topic. */
  function isTold(
    watch: Watch,
    { room, author, mentioned, keyword, thread }: Activity,
    {
      reply,
      direct,
      interest,
    }: { readonly reply: boolean; readonly direct: boolean; readonly interest: TopicInterest | undefined },
  ): boolean {
    const account = watch.follows?.account();
    if (account === undefined) return false;
    const said = { room, isOwn: author === `user/${watch.user}`, direct, mentioned, reply, interest };
    const message = { ...said, keyword: keyword === true, threadOnly: thread !== undefined };
    return tell(account, message, clock.nowMs()) === "notice";
  }

  function hear(watch: Watch, activity: Activity): void {
    const { reply = false, thread } = activity;
    const interest = activity.topic === undefined ? undefined : "follow";
    const direct = isDirectNow(activity.room, undefined);
    const most = { reply: reply || thread !== undefined, direct, interest } as const;
    if (!port.isOn() || !isTold(watch, activity, most)) return;
    const place = placeOf(activity);
    const known = watch.waiting.get(place);
    if (known !== undefined) return void (known.news = strongest([activity, ...known.news], limits));
    if (watch.waiting.size >= limits.pushPlacesMax || places >= limits.pushesWaitingMax)
      return meter.count("push", 1, { outcome: "dropped" });
    const cancel = clock.after(limits.pushDelayMs, () => {
      const due = watch.waiting.get(place)?.news;
      watch.waiting.delete(place);
      void delivery
        .inTurn(async () => due && push(watch, place, due))
        .catch((error: unknown) => log.error("push.failed", { error: String(error) }))
        .finally(() => (places -= 1));
    });
    watch.waiting.set(place, { news: [activity], cancel });
    places += 1;
  }

  async function push(watch: Watch, place: string, news: readonly Activity[]): Promise<void> {
    const due = await dueNow(watch, news);
    if (typeof due === "string") return;
    for (const to of due.pushes) {
      const again = async (all: readonly Activity[]): Promise<Notice | "over" | "silent"> => {
        const now = await dueNow(watch, all);
        if (typeof now === "string") return now;
        const still = now.pushes.find(({ id }) => id === to.id);
        return still === undefined ? "over" : noticeFor(still, watch.user, now.news);
      };
      delivery.send({ user: watch.user, first: noticeFor(to, watch.user, due.news), place, news, again });
    }
  }

  /** The first of what is told of that is still to be told, and in which browsers, as it is now. */
  async function dueNow(watch: Watch, all: readonly Activity[]): Promise<Due | "over" | "silent"> {
    const { user } = watch;
    // Else its account is elsewhere, or has no such browser any more.
    if (watches.get(user) !== watch) return "over";
    if (!port.isOn() || !port.has(user) || subscribers.presence.isActive(user)) return "over";
    for (const activity of all) {
      const news = await newsOf(watch, activity);
      if (news === "over") continue;
      if (news === "silent") return news;
      const pushes = await pushesOf(user);
      return pushes.ok ? { news, pushes: pushes.value } : unknown(pushes.error);
    }
    return "over";
  }

  /** What is told of, as it is now. "over": it was read, is gone, or is not theirs to read any more. */
  async function newsOf(watch: Watch, activity: Activity): Promise<News | "over" | "silent"> {
    const me: ActorId = `user/${watch.user}`;
    const { room, seq, thread } = activity;
    const to: ActorId = `room/${room}`;
    const summary = await ask<RoomSummary>(me, to, { type: "summary" });
    if (!summary.ok) return unknown(summary.error);
    let reply = activity.reply === true;
    const isRead = summary.value.readSeq >= seq || isSeen(summary.value.seen, seq);
    if (thread === undefined && isRead && activity.edited !== true) return "over";
    if (thread !== undefined) {
      const all = await ask<RoomThreads>(me, to, { type: "threads" });
      if (!all.ok) return unknown(all.error);
      const own = all.value.threads.find(({ root }) => root === thread)?.own;
      if (own !== undefined && own.readSeq >= seq) return "over";
      reply ||= own !== undefined && own.muted !== true;
    }
    // The session ended with which they are followed: they are with another one in a moment, or no more.
    if (watch.follows?.isOpen() !== true) return "silent";
    const direct = isDirectNow(room, summary.value.visibility);
    if (!watch.follows.mayRead(to)) return "over";
    const page = await ask<RoomHistory>(me, to, { type: "history", after: seq - 1, limit: 1 });
    if (!page.ok) return unknown(page.error);
    const message = page.value.messages.find((one) => one.seq === seq);
    if (message === undefined || message.deletedAtMs !== undefined) return "over";
    // It may have been moved since.
    const interest = wishOf(summary.value, message.topic);
    if (!isTold(watch, activity, { reply, direct, interest })) return "over";
    const author = await nameOf(message.author, me);
    const named = summary.value.title || room;
    return {
      activity,
      message,
      author,
      direct,
      title: message.topic === undefined ? named : `${named} › ${message.topic}`,
    };
  }

  async function nameOf(author: string, me: ActorId): Promise<string> {
    const plain = author.slice(author.indexOf("/") + 1);
    if (!author.startsWith("user/")) return plain;
    const card = await ask<UserCard>(me, author as ActorId, { type: "card" });
    return card.ok ? card.value.displayName : plain;
  }

  function noticeFor(to: HeldPush, user: string, { activity, message, author, direct, title }: News): Notice {
    const { room, seq, thread, mentioned } = activity;
    const { content } = to;
    const brand = at.branding?.current().name ?? "Plexus";
    const where = noticeTitle(room, author, title);
    const search = thread === undefined ? `?at=${seq}` : `?panel=thread&seq=${thread}`;
    const told: PushMessage = {
      title: content === "nothing" ? brand : where,
      body: content === "text" ? bodyOf(message) : content === "nothing" ? "There is something new for you." : "",
      tag: content === "nothing" ? `plexus/${user}/` : `plexus/${user}/${room}`,
      path: content === "nothing" ? "/catchup" : `/room/${encodeURIComponent(room)}${search}`,
    };
    return { to, message: told, urgent: mentioned || direct };
  }

  const stopFollowing = port.follow(look);
  const stopMoved = port.onMoved(() => {
    for (const { user } of watches.values()) if (!port.has(user)) look(user);
  });
  return {
    stop() {
      stopped = true;
      stopFollowing();
      stopMoved();
      for (const watch of watches.values()) end(watch);
      delivery.stop();
    },
  };
}

/** What a room that does not answer as asked says of a notice. */
const unknown = ({ outcome }: Failure): "over" | "silent" => (outcome === "failed" ? "over" : "silent");

interface Due {
  readonly news: News;
  readonly pushes: readonly HeldPush[];
}

interface News {
  readonly activity: Activity;
  readonly message: RoomMessage;
  readonly author: string;
  /** Its room is a direct conversation. */
  readonly direct: boolean;
  readonly title: string;
}

const bodyCharsMax = 160;
const bodyOf = ({ text, files = [] }: RoomMessage): string =>
  text.trim() === "" && files.length > 0 ? "a file" : cut(text.replaceAll(/\s+/g, " ").trim(), bodyCharsMax);

/** Mail to people who were away.
 *
 *      the account's reminder ─► look: wanted now, away, something unread that concerns them
 *                                   │ takeDigest: nobody else sends it
 *                                   ▼
 *                               asked again: what was read, deleted or left meanwhile is not in it,
 *                               nor is there a mail after other settings or to another address
 *                                   │
 *                                   ▼
 *                               one attempt ─► settleDigest: sent, refused, unknown, or given back
 *
 *  Invariant: nothing is sent that the account has not taken, and nothing is tried twice of which the mail server may
 *  have something. docs/decisions/0234-mail-to-those-who-are-away.md. */
import {
  holdsAt,
  wireLimits,
  type ActorId,
  type DigestContent,
  type DigestOutcome,
  type DigestState,
  type MissedConcern,
  type Result,
  type RoomSummary,
  type UserCard,
  type UserView,
} from "../../protocols/index.ts";
import { toldOf } from "../../protocols/telling/rooms.ts";
import type { Message } from "../../actors/behavior.ts";
import type { Clock, DigestCounts, DigestLine, Log, MailRequest, Meter, Random } from "../ports/index.ts";
import { missedBy, type CatchUpParts } from "./catch-up.ts";
import { nextLookMs, quietUntilMs } from "./digest-times.ts";
import { tellingLimits, type TellingLimits } from "./limits.ts";
import { createMailPause } from "./mail-pause.ts";
import { withJitter } from "../waiting.ts";

/** What sending stands on. */
export interface DigestPorts extends CatchUpParts {
  readonly clock: Pick<Clock, "nowMs" | "soon">;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** Calls back with each account whose time has come at this node. */
  readonly onDue: (listener: (user: string) => void) => () => void;
  /** What mail may say at the most; `off`: none is sent. */
  readonly allowed: () => DigestContent | "off";
  /** Whether there is a mail server, and an address for links. */
  readonly isSet: () => boolean;
  /** Whether somebody's roles let them read rooms now; undefined: nobody can say. */
  readonly mayRead: (user: string) => Promise<boolean | undefined>;
  /** Makes what ends somebody's mails. */
  readonly tokenFor: (user: string) => Promise<string>;
  /** Sends one now, once. Errors: those of `Outbound.send`. */
  readonly send: (request: MailRequest) => Promise<Result<unknown>>;
}

/** Mail of what was missed, at one node. */
interface Digests {
  /** Looks whether there is mail for somebody, and sends it. */
  look(user: string): Promise<void>;
  stop(): void;
}

/** What there is to tell. */
interface News {
  readonly concerns: readonly MissedConcern[];
  readonly rooms: ReadonlyMap<string, RoomSummary>;
  readonly view: UserView;
  /** Rooms that did not answer. */
  readonly silent: ReadonlySet<string>;
}

/** What a letter has besides the news: names of authors, and what ends mail. */
interface Around {
  readonly names: ReadonlyMap<string, string>;
  readonly token: string;
}

/** What came of a mail. `answered`: whether the mail server took part in it; undefined: it was not asked. */
interface Came {
  readonly outcome: DigestOutcome;
  readonly answered?: boolean;
}

const placeOf = ({ room, seq }: MissedConcern): string => `${room} ${seq}`;

/** Makes it. `isActive`: whether somebody uses a client now. */
export function createDigests(at: DigestPorts, isActive: (user: string) => boolean): Digests {
  const { kernel, clock, log, meter } = at;
  const bounds: TellingLimits = { ...tellingLimits, ...at.bounds };
  const queue = new Set<string>();
  const looking = new Set<string>();
  const pause = createMailPause(clock, at.random, bounds);
  const retryAtMs = (): number => clock.nowMs() + withJitter(bounds.digestRetryMs, at.random);
  let stopped = false;

  const ask = async <Answer>(from: ActorId | "gateway", to: ActorId, message: Message): Promise<Result<Answer>> =>
    (await kernel.ask({ to, from, message, timeoutMs: at.limits.askTimeoutMs })) as Result<Answer>;
  const askAccount = <Answer>(user: string, type: string, fields: object = {}): Promise<Result<Answer>> =>
    ask<Answer>("gateway", `user/${user}`, { ...fields, type });

  /** What concerns somebody, is unread, and was in no mail. "silent": nobody can say now. */
  async function newsOf(user: string, { sinceMs, told }: DigestState): Promise<News | "silent"> {
    const missed = await missedBy(at, `user/${user}`, 1);
    if (!missed.ok) return "silent";
    const { found, view, rooms } = missed.value;
    const marks = new Map(told.map(({ room, seq }) => [room, seq]));
    const nowMs = clock.nowMs();
    const concerns = found.concerns.filter(
      ({ room, seq, atMs }) => seq > (marks.get(room) ?? 0) && atMs >= sinceMs && !toldOf(view, room, nowMs).isPaused,
    );
    return {
      concerns,
      view,
      rooms: new Map(rooms.map((room) => [room.room, room])),
      silent: new Set(found.unreachable),
    };
  }

  function letterFor(
    { user, to, says }: { readonly user: string; readonly to: string; readonly says: DigestContent },
    { concerns, rooms }: News,
    { names, token }: Around,
  ): MailRequest {
    const counts: Record<string, number> = {};
    for (const { why } of concerns) counts[why] = (counts[why] ?? 0) + 1;
    const shown = says === "text" ? concerns.slice(0, bounds.digestLinesMax) : [];
    const lines = shown.map(({ author, room, seq, text, replyTo, threadOnly, topic }): DigestLine => {
      const search = threadOnly === true && replyTo !== undefined ? `?panel=thread&seq=${replyTo}` : `?at=${seq}`;
      const path = `/room/${encodeURIComponent(room)}${search}`;
      const { title, visibility } = rooms.get(room) ?? {};
      return {
        author: names.get(author) ?? author,
        text,
        path,
        ...(visibility !== "direct" && { room: topic === undefined ? title || room : `${title || room} › ${topic}` }),
      };
    });
    const places = new Set(concerns.map(({ room }) => room)).size;
    return { what: "digest", to, user, counts: counts as DigestCounts, rooms: places, lines, token };
  }

  /** Asked before the last look, so that nothing is between that and sending. */
  async function around(user: string, { concerns }: News, { wants }: DigestState): Promise<Around> {
    const named = at.allowed() === "text" && wants.content === "text" ? concerns : [];
    const asked = [...new Set(named.map(({ author }) => author))].map(async (author): Promise<[string, string]> => [
      author,
      await nameOf(author, `user/${user}`),
    ]);
    const [names, token] = await Promise.all([Promise.all(asked), at.tokenFor(user)]);
    return { names: new Map(names), token };
  }

  async function nameOf(author: string, from: ActorId): Promise<string> {
    const plain = author.slice(author.indexOf("/") + 1);
    if (!author.startsWith("user/")) return plain;
    const timeoutMs = Math.min(bounds.digestNamesMs, at.limits.askTimeoutMs);
    const card = await kernel.ask({ to: author as ActorId, from, message: { type: "card" }, timeoutMs });
    return card.ok ? (card.value as UserCard).displayName : plain;
  }

  /** Why nothing is sent now: when to look again. */
  async function laterMs(user: string, state: DigestState): Promise<number | News> {
    const nowMs = clock.nowMs();
    const { wants, dueMs } = state;
    if (dueMs === undefined) return nextLookMs(wants, nowMs);
    if (holdsAt(nowMs, dueMs, wireLimits.digestLookMsMax)) return dueMs;
    if (state.to === undefined || at.allowed() === "off" || !at.isSet()) return nowMs + bounds.digestIdleMs;
    if (isActive(user)) return nowMs + bounds.digestActiveMs;
    if (pause.waitMs() > 0) return nowMs + pause.waitMs() + withJitter(bounds.digestPauseMs, at.random);
    const may = await at.mayRead(user);
    if (may !== true) return may === false ? nowMs + bounds.digestIdleMs : retryAtMs();
    const news = await newsOf(user, state);
    if (news === "silent") return retryAtMs();
    const quietMs = quietUntilMs(news.view, nowMs);
    if (quietMs !== undefined) return quietMs;
    if (news.concerns.length === 0) return news.silent.size > 0 ? retryAtMs() : nextLookMs(wants, nowMs);
    const ripeMs = Math.min(...news.concerns.map(({ atMs }) => atMs)) + wants.afterMinutes * 60_000;
    return wants.when === "unread" && ripeMs > nowMs ? ripeMs : news;
  }

  /** What may be sent of what the account has taken, as all of it is now; undefined: nothing. */
  async function letterNow(user: string, taken: News, state: DigestState): Promise<MailRequest | undefined> {
    const known = await around(user, taken, state);
    if ((await at.mayRead(user)) !== true) return undefined;
    const again = await newsOf(user, state);
    // What a silent room has may have been read or deleted: all of it is told another time.
    if (again === "silent" || taken.concerns.some(({ room }) => again.silent.has(room))) return undefined;
    if (quietUntilMs(again.view, clock.nowMs()) !== undefined) return undefined;
    const still = new Set(taken.concerns.map(placeOf));
    const concerns = again.concerns.filter((one) => still.has(placeOf(one)));
    if (concerns.length === 0) return undefined;
    const now = await askAccount<DigestState>(user, "digestState");
    if (!now.ok || now.value.revision !== state.revision + 1) return undefined;
    const { wants, to } = now.value;
    const allowed = at.allowed();
    if (stopped || allowed === "off" || wants.when === "never" || to === undefined || to !== state.to) return undefined;
    return letterFor({ user, to, says: allowed === "counts" ? allowed : wants.content }, { ...again, concerns }, known);
  }

  /** Sends it. What did not come to a mail server is told another time. */
  async function sendTaken(user: string, taken: News, state: DigestState): Promise<Came> {
    const letter = await letterNow(user, taken, state).catch((error: unknown) =>
      log.warn("digest.unwritten", { error: String(error) }),
    );
    if (letter === undefined) return { outcome: "away" };
    const sent = await at.send(letter);
    if (sent.ok) return { outcome: "sent", answered: true };
    const { code, details } = sent.error;
    if (code === "MAIL_UNKNOWN") return { outcome: "unknown", answered: false };
    // Settings that are wrong, and a server that is away, say nothing of this address.
    const answered = details?.["at"] === "letter";
    if (code !== "MAIL_REFUSED" || !answered) return { outcome: "away", answered };
    log.warn("digest.refused", { actor: `user/${user}`, ...details });
    return { outcome: "refused", answered };
  }

  /** Takes them, sends, and says what came of it. */
  async function tellOf(user: string, news: News, state: DigestState): Promise<void> {
    const told = marksOf(news.concerns);
    const notices = news.concerns.length;
    const { revision, wants } = state;
    const taken = await askAccount<{ revision: number }>(user, "takeDigest", { revision, told, notices });
    // Also where it may have been taken: then nobody sends it, and the account says so.
    if (!taken.ok) return;
    let came: Came = { outcome: "unknown" };
    pause.begin();
    try {
      came = await sendTaken(user, news, state);
    } finally {
      pause.end(came.answered);
    }
    const { outcome } = came;
    meter.count("digests", 1, { outcome });
    const dueMs = outcome === "away" ? Math.ceil(retryAtMs()) : nextLookMs(wants, clock.nowMs());
    await askAccount(user, "settleDigest", { revision: taken.value.revision, outcome, dueMs });
  }

  async function lookAt(user: string): Promise<void> {
    const asked = await askAccount<DigestState>(user, "digestState");
    // Where nobody can say, the reminder comes again.
    if (!asked.ok || asked.value.wants.when === "never") return;
    const state = asked.value;
    const { revision } = state;
    const news = await laterMs(user, state);
    if (typeof news === "number")
      return void (await askAccount(user, "awaitDigest", { revision, dueMs: Math.ceil(news) }));
    await tellOf(user, news, state);
  }

  async function look(user: string): Promise<void> {
    looking.add(user);
    try {
      await lookAt(user);
    } catch (error) {
      log.error("digest.failed", { error: String((error as Error)?.stack ?? error) });
    } finally {
      looking.delete(user);
      pump();
    }
  }

  function pump(): void {
    for (const user of queue) {
      if (stopped || looking.size >= bounds.digestLooksMax) return;
      queue.delete(user);
      void look(user);
    }
  }

  const stopFollowing = at.onDue((user) => {
    if (stopped || looking.has(user)) return;
    if (queue.size >= bounds.digestsWaitingMax) return meter.count("digests", 1, { outcome: "dropped" });
    queue.add(user);
    pump();
  });
  return {
    look,
    stop() {
      stopped = true;
      stopFollowing();
      queue.clear();
    },
  };
}

/** The newest of each room. */
function marksOf(concerns: readonly MissedConcern[]): readonly { readonly room: string; readonly seq: number }[] {
  const marks = new Map<string, number>();
  for (const { room, seq } of concerns) marks.set(room, Math.max(seq, marks.get(room) ?? 0));
  return [...marks].map(([room, seq]) => ({ room, seq }));
}

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import WebSocket from "ws";
import {
  awayNode,
  failure,
  failureOf,
  givenUp,
  ok,
  passingCodes,
  PlexusError,
  refused,
  unreachedNodes,
  type Failure,
  type Result,
} from "../../protocols/errors.ts";
import { wireLimits } from "../../protocols/limits.ts";
import type { Degraded, Hello, NodeFrame, Subscribed } from "../../protocols/index.ts";
import { cliLimits } from "../limits.ts";
import { attempted, nextAddress, roundsOf, routeFrom, routeOf, type Route } from "./route.ts";

/** Who connects, and where: any of these addresses is a node of the same cluster. */
export interface Destination {
  readonly urls: readonly string[];
  readonly token: string;
}

/** The node that a connection is at. */
export interface At {
  readonly name: string;
  readonly url: string;
  /** Whether there are others to go on at. */
  readonly amongMany: boolean;
}

/** What a connection reports. */
export interface ConnectionEvents {
  /** A topic's state was loaded: at the first subscription, or anew when the cursor was too old. */
  onState(topic: string, state: unknown): void;
  onEvent(topic: string, event: unknown, at: number | undefined): void;
  /** A topic can not be followed any more: access to it ended, or it is gone. */
  onLost(topic: string, reason: Failure): void;
  onActivity(activity: Extract<NodeFrame, { activity: unknown }>["activity"]): void;
  /** A command was refused for what may pass, and is sent again by itself from now on. */
  onHold(reason: Failure): void;
  /** `up` again means that nothing was missed: subscriptions go on from their cursors. */
  onChange(state: "up" | "down", reason: string): void;
  /** The node by this name does not reach others by those names; it stays in use until there is a better one. */
  onDegraded(node: string, unreached: readonly string[]): void;
  /** The node will not have us: the session ended. No further attempts are made. */
  onEnd(reason: Failure): void;
  /** Before the first connection: a node is there, and refused for what may pass. Resolves when it should be tried again,
   *  `pauseMs` later, with whether it should at all. */
  onWait(reason: Failure, pauseMs: number): Promise<boolean>;
}

/** One WebSocket to a node that comes back by itself, at another node when its own does not. A node that is cut off is left as
 *  soon as another one has said hello, never before, and returned to when it is well again:
 *
 *      up ──degraded──► looks elsewhere ──hello of a better one──► up there ──hello of the first, well again──► up
 *       └──closed──► down ──► tries in turn ──hello──► up */
export interface Connection {
  /** The node it is at, or was at last while it is down. */
  at(): At;
  readonly isUp: () => boolean;
  /** Sends a command and waits for its answer, across reconnects: it is sent again with the same operationId. */
  ask(command: string, to: string, parameters?: object): Promise<Result<unknown>>;
  subscribe(topic: string): Promise<Result<Subscribed>>;
  unsubscribe(topic: string): void;
  close(): void;
}

interface Frame {
  readonly do: string;
  readonly to: string;
  readonly with?: object;
  readonly operationId?: string;
  readonly cursor?: number;
}

interface Pending {
  readonly frame: Frame & { readonly id: number };
  readonly resolve: (result: Result<unknown>) => void;
  timer: NodeJS.Timeout;
  /** Why it was refused last. */
  refusal?: Failure;
  /** It went out, and has not been answered. */
  out: boolean;
  /** An earlier sending may have had its effect. */
  mayHaveRun: boolean;
  repeats: number;
  /** Answers after which nobody could say what became of it. */
  unknowns: number;
  /** Its time was over once, and it has been sent anew to learn what became of it. */
  asksAgain: boolean;
}

/** Commands that change nothing: asking again is asking anew. */
const reads = new Set(["describe", "summary", "history", "rooms", "sessions"]);

const isStale = (reason: Failure): boolean => reason.code === "CURSOR_EXPIRED" || reason.code === "CURSOR_INVALID";

const pauseMs = (step: number): number =>
  // Jitter: a restarted node should not meet all its clients in one instant.
  Math.min(cliLimits.reconnectMaxMs, cliLimits.reconnectFirstMs * 2 ** Math.min(step, 16)) * (0.5 + Math.random() / 2);

/** What a node answered instead of the upgrade. */
async function refusalIn(response: IncomingMessage, url: string): Promise<Failure> {
  const { statusCode = 0 } = response;
  if (statusCode === 401 || statusCode === 403) return failure("UNAUTHENTICATED");
  try {
    let text = "";
    for await (const piece of response) {
      text += String(piece);
      if (text.length > wireLimits.frameBytesMax) break;
    }
    const carried = (JSON.parse(text) as { readonly error?: Failure } | null)?.error;
    if (carried?.code !== undefined) return carried;
  } catch {
    // Not from a Plexus node, or cut off: the status is all there is.
  }
  return failure("UNREACHABLE", { url, reason: `HTTP ${statusCode}` });
}

/** Opens a connection at the first address that answers; resolves after its `hello`. Throws UNREACHABLE or UNAUTHENTICATED
 *  when there is none, and the reason of a refusal that `onWait` does not want to outlast. */
export async function openConnection(destination: Destination, events: ConnectionEvents): Promise<Connection> {
  const pending = new Map<number, Pending>();
  const cursors = new Map<string, number | undefined>();
  /** Topics somebody wants to follow, whether that works now or not. */
  const wanted = new Set<string>();
  /** The one in use. */
  let socket: WebSocket | undefined;
  /** Those that have not said hello. */
  const dialled = new Set<WebSocket>();
  let hello: Hello | undefined;
  let nextId = 1;
  let route: Route = routeOf(destination.urls);
  let at: At = { name: "", url: destination.urls[0] ?? "", amongMany: route.addresses.length > 1 };
  let closed = false;
  /** Rises whenever the node in use is another, or what is known of it: who looks for a better one then stops. */
  let standing = 0;
  /** The node that was left because it was cut off. */
  let home: string | undefined;
  let silence: NodeJS.Timeout | undefined;
  const retries = new Set<NodeJS.Timeout>();

  const later = (delayMs: number, callback: () => void): void => {
    const timer = setTimeout(() => {
      retries.delete(timer);
      callback();
    }, delayMs);
    retries.add(timer);
  };

  const transmit = (frame: object): boolean => {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(frame));
    return true;
  };

  /** `onAnswer` runs before the next frame is looked at: events may follow an answer within the same packet. */
  function request(frame: Frame, onAnswer?: (result: Result<unknown>) => void): Promise<Result<unknown>> {
    const id = nextId;
    nextId += 1;
    return new Promise((resolve) => {
      const settle = (result: Result<unknown>): void => {
        onAnswer?.(result);
        resolve(result);
      };
      const expire = (): void => {
        const mayHaveRun = waiting.out || waiting.mayHaveRun;
        // Before it is given up as unknown it is asked once more what became of it, or it is done now: under its operation id
        // that is the same.
        if (mayHaveRun && frame.operationId !== undefined && !waiting.asksAgain) {
          Object.assign(waiting, { mayHaveRun, asksAgain: true });
          waiting.out = transmit(whole);
          waiting.timer = setTimeout(expire, cliLimits.lastAnswerTimeoutMs);
          return;
        }
        pending.delete(id);
        settle(refused(givenUp(waiting.refusal, mayHaveRun)));
      };
      const timer = setTimeout(expire, cliLimits.answerTimeoutMs);
      const whole = { id, ...frame };
      const fresh = { out: false, mayHaveRun: false, repeats: 0, unknowns: 0, asksAgain: false };
      const waiting: Pending = { frame: whole, resolve: settle, timer, ...fresh };
      pending.set(id, waiting);
      waiting.out = transmit(whole);
    });
  }

  function repeat(waiting: Pending, refusal: Failure): void {
    const by = socket;
    waiting.refusal = refusal;
    waiting.out = false;
    waiting.mayHaveRun ||= refusal.outcome === "unknown";
    if (waiting.repeats === 0 && waiting.frame.do !== "subscribe") events.onHold(refusal);
    later(pauseMs(waiting.repeats), () => {
      // After a reconnect it was already sent again with all others.
      if (by !== socket || !pending.has(waiting.frame.id)) return;
      waiting.out = transmit(waiting.frame);
    });
    waiting.repeats += 1;
  }

  async function subscribe(topic: string): Promise<Result<Subscribed>> {
    const cursor = cursors.get(topic);
    cursors.set(topic, cursor);
    const frame = { do: "subscribe", to: topic, ...(cursor !== undefined && { cursor }) };
    const answer = await request(frame, (result) => {
      if (!result.ok) {
        // What may pass goes on from where it was; ALREADY_DONE says that a newer subscribe took over.
        if (result.error.outcome === "failed" && result.error.code !== "ALREADY_DONE") cursors.delete(topic);
        return;
      }
      const subscribed = result.value as Subscribed;
      // With a cursor the missed events follow and move it; without one the state is as of `head`.
      if (cursor !== undefined) return;
      cursors.set(topic, subscribed.head);
      events.onState(topic, subscribed.state);
    });
    if (answer.ok) return ok(answer.value as Subscribed);
    return isStale(answer.error) && cursor !== undefined ? subscribe(topic) : answer;
  }

  /** Follows a topic again by itself; what may pass is tried again later, what will not is reported. */
  async function followAgain(topic: string): Promise<void> {
    const answer = await subscribe(topic);
    if (answer.ok || closed || !wanted.has(topic) || answer.error.code === "ALREADY_DONE") return;
    if (answer.error.outcome === "failed") {
      wanted.delete(topic);
      events.onLost(topic, answer.error);
    } else later(cliLimits.reconnectMaxMs, () => wanted.has(topic) && void followAgain(topic));
  }

  function onFrame(frame: NodeFrame): void {
    if ("re" in frame) {
      const waiting = pending.get(frame.re);
      if (waiting === undefined) return;
      if ("error" in frame && isRepeated(waiting, frame.error)) return repeat(waiting, frame.error);
      pending.delete(frame.re);
      clearTimeout(waiting.timer);
      waiting.resolve("ok" in frame ? ok(frame.ok) : refused(givenUp(frame.error, waiting.mayHaveRun)));
    } else if ("event" in frame) {
      const cursor = cursors.get(frame.topic);
      if (cursor === undefined || (frame.at !== undefined && frame.at <= cursor)) return;
      if (frame.at !== undefined) cursors.set(frame.topic, frame.at);
      events.onEvent(frame.topic, frame.event, frame.at);
    } else if ("lost" in frame) {
      if (isStale(frame.lost)) cursors.delete(frame.topic);
      if (frame.lost.outcome !== "failed" || isStale(frame.lost)) void followAgain(frame.topic);
      else {
        cursors.delete(frame.topic);
        wanted.delete(frame.topic);
        events.onLost(frame.topic, frame.lost);
      }
    } else if ("activity" in frame) events.onActivity(frame.activity);
    else if ("degraded" in frame) onDegraded(frame.degraded ?? undefined);
  }

  /** Whether a refusal is not the last word. */
  function isRepeated(waiting: Pending, refusal: Failure): boolean {
    // A refusal that names a node tells of another one, too.
    if (passingCodes.has(refusal.code) && (at.amongMany || awayNode(refusal) !== undefined)) return true;
    const unknown = givenUp(refusal, waiting.mayHaveRun).outcome === "unknown";
    if (!unknown || waiting.frame.operationId === undefined) return false;
    waiting.unknowns += 1;
    return waiting.unknowns <= cliLimits.unknownRepeatsMax;
  }

  /** Takes a connection that has said hello into use, in place of the one before. */
  function adopt(opened: WebSocket, first: Hello, url: string): void {
    const left = socket;
    socket = opened;
    standing += 1;
    left?.close(1000);
    if (home === url) home = undefined;
    onHello(first, url);
    armSilence();
    onDegraded(first.degraded);
  }

  // --- a node that is cut off ----------------------------------------------------------------------------------------

  function onDegraded(degraded: Degraded | undefined): void {
    standing += 1;
    if (degraded === undefined) {
      if (home !== undefined) returnHome(home, 0);
      return;
    }
    events.onDegraded(at.name, unreachedNodes(degraded.reason));
    // What its hello lists are those that it reaches.
    const nodes = [{ name: at.name, url: at.url }, ...degraded.nodes];
    const known = routeFrom(at.url, { nodes, given: route.addresses, chance: Math.random() });
    route = known;
    const others = known.addresses.slice(1);
    at = { ...at, amongMany: others.length > 0 };
    if (others.length > 0) void lookElsewhere(others, 0, standing);
  }

  /** Tries the others one after the other, the next one also while the one before has not answered: it may be gone. */
  async function lookElsewhere(addresses: readonly string[], round: number, since: number): Promise<void> {
    const from = at.url;
    const isBetter = (first: Hello): boolean => since === standing && first.degraded === undefined;
    const attempt = (url: string): Promise<void> =>
      dial(url, (opened, first) => {
        if (!isBetter(first)) return false;
        home ??= from;
        adopt(opened, first, url);
        return true;
      });
    const tried: Promise<unknown>[] = [];
    for (const url of addresses) {
      if (since !== standing || closed) return;
      const one = attempt(url).catch(() => undefined);
      tried.push(one);
      await Promise.race([one, new Promise<void>((resolve) => later(cliLimits.hedgeMs, resolve))]);
    }
    await Promise.all(tried);
    if (since !== standing || closed) return;
    later(pauseMs(round), () => {
      if (since === standing) void lookElsewhere(addresses, round + 1, since);
    });
  }

  function returnHome(url: string, round: number): void {
    const since = standing;
    const waitMs = Math.min(cliLimits.returnMaxMs, cliLimits.returnFirstMs * 2 ** Math.min(round, 16));
    later(waitMs * (0.5 + Math.random() / 2), () => {
      if (since !== standing) return;
      const isWell = (opened: WebSocket, first: Hello): boolean => {
        if (since !== standing || first.degraded !== undefined) return false;
        adopt(opened, first, url);
        return true;
      };
      dial(url, isWell).catch(() => since === standing && returnHome(url, round + 1));
    });
  }

  function onHello(first: Hello, url: string): void {
    hello = first;
    const nodes = first.nodes ?? [];
    route = routeFrom(url, { nodes, given: destination.urls, chance: Math.random() });
    at = { name: nodes[0]?.name ?? first.node, url, amongMany: route.addresses.length > 1 };
    for (const each of pending.values()) {
      each.mayHaveRun ||= each.out;
      each.out = true;
    }
    const waiting = [...pending.values()].map(({ frame }) => frame);
    const asked = new Set(waiting.filter((frame) => frame.do === "subscribe").map((frame) => frame.to));
    transmit({ id: 0, do: "watch" });
    for (const frame of waiting) transmit(frame);
    for (const topic of wanted) if (!asked.has(topic)) void followAgain(topic);
    events.onChange("up", at.name);
  }

  function armSilence(): void {
    clearTimeout(silence);
    if (hello !== undefined)
      silence = setTimeout(() => socket?.terminate(), hello.heartbeatMs * cliLimits.silentBeatsMax);
  }

  /** Opens a connection. Resolves when it has said hello and was taken into use, rejects when it ends before; what is not
   *  taken is closed. */
  function dial(url: string, taken: (opened: WebSocket, first: Hello) => boolean): Promise<void> {
    const address = new URL("/ws", url);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    return new Promise((resolve, reject) => {
      let reason: Failure = failure("UNREACHABLE", { url });
      const opening = new WebSocket(address, {
        headers: { authorization: `Bearer ${destination.token}` },
        handshakeTimeout: route.addresses.length > 1 ? cliLimits.handshakeAmongManyMs : cliLimits.handshakeTimeoutMs,
        perMessageDeflate: false,
      });
      dialled.add(opening);
      // A node that takes the connection and says nothing.
      const unanswered = setTimeout(() => opening.terminate(), cliLimits.handshakeTimeoutMs);
      opening.on("unexpected-response", (_request, response) => {
        void refusalIn(response, url).then((refusal) => {
          reason = refusal;
          response.destroy();
          opening.terminate();
        });
      });
      opening.on("error", (error: NodeJS.ErrnoException) => {
        if (reason.code === "UNREACHABLE" && reason.details?.["reason"] === undefined)
          reason = failure("UNREACHABLE", { url, reason: error.code ?? error.message });
      });
      opening.on("ping", () => opening === socket && armSilence());
      opening.on("message", (data: Buffer) => {
        const frame = JSON.parse(data.toString("utf8")) as NodeFrame;
        if ("bye" in frame) reason = frame.bye;
        else if ("hello" in frame) {
          dialled.delete(opening);
          clearTimeout(unanswered);
          if (!closed && taken(opening, frame.hello)) return resolve();
          if (frame.hello.degraded !== undefined) reason = frame.hello.degraded.reason;
          opening.close(1000);
        } else if (opening === socket) {
          armSilence();
          onFrame(frame);
        }
      });
      opening.on("close", () => {
        dialled.delete(opening);
        clearTimeout(unanswered);
        reject(new PlexusError(reason));
        if (opening !== socket) return;
        clearTimeout(silence);
        socket = undefined;
        standing += 1;
        if (!closed) onDown(reason);
      });
    });
  }

  /** The next attempt of a connection that is down. */
  function attemptOnce(): Promise<void> {
    const url = nextAddress(route);
    route = attempted(route);
    return dial(url, (opened, first) => {
      adopt(opened, first, url);
      return true;
    });
  }

  function onDown(reason: Failure): void {
    if (reason.code === "UNAUTHENTICATED" || reason.code === "BAD_FRAME") {
      end(reason);
      return;
    }
    events.onChange("down", reason.code);
    scheduleRetry();
  }

  function scheduleRetry(): void {
    later(pauseMs(roundsOf(route)), () => {
      attemptOnce().catch((thrown: unknown) => {
        const reason = failureOf(thrown);
        if (closed) return;
        if (reason.code === "UNAUTHENTICATED") end(reason);
        else scheduleRetry();
      });
    });
  }

  function end(reason: Failure): void {
    close();
    events.onEnd(reason);
  }

  function close(): void {
    closed = true;
    clearTimeout(silence);
    for (const timer of retries) clearTimeout(timer);
    for (const { timer, resolve, out, mayHaveRun } of pending.values()) {
      clearTimeout(timer);
      resolve(refused(givenUp(failure("STOPPING"), out || mayHaveRun)));
    }
    pending.clear();
    for (const opening of dialled) opening.terminate();
    socket?.close(1000);
  }

  async function openFirst(): Promise<void> {
    /** Why a node of this round did not have us, where that may pass. */
    let passes: unknown;
    for (;;) {
      try {
        return await attemptOnce();
      } catch (thrown) {
        const reason = failureOf(thrown);
        if (reason.code === "UNAUTHENTICATED") throw thrown;
        if (passingCodes.has(reason.code)) passes = thrown;
        if (route.attempts % route.addresses.length > 0) continue;
        if (passes === undefined) throw thrown;
        if (!(await events.onWait(failureOf(passes), pauseMs(roundsOf(route))))) throw passes;
        passes = undefined;
      }
    }
  }

  await openFirst();
  return {
    at: () => at,
    isUp: () => socket !== undefined,
    ask: (command, to, parameters = {}) =>
      request({
        do: command,
        to,
        with: parameters,
        ...(!reads.has(command.slice(command.indexOf(".") + 1)) && { operationId: randomUUID() }),
      }),
    async subscribe(topic) {
      cursors.delete(topic);
      wanted.add(topic);
      const answer = await subscribe(topic);
      if (!answer.ok) wanted.delete(topic);
      return answer;
    },
    unsubscribe(topic) {
      cursors.delete(topic);
      if (!wanted.delete(topic)) return;
      void request({ do: "unsubscribe", to: topic });
    },
    close,
  };
}

import type { ClientFrame, Degraded, Failure, Hello, NodeFrame, Result, Subscribed } from "../../../protocols/index.ts";
import { awayNode, failure, givenUp, passingCodes } from "../../../protocols/errors.ts";
import { backoffMs } from "./backoff.ts";
import { connectionLimits as bounds } from "./limits.ts";

/** The state of the connection, as the page shows it. */
export type Link =
  | { readonly status: "connecting"; readonly attempt: number }
  /** `late`: something that was sent has not been answered for a while. `away`: the node that has what was asked for, which
   *  does not answer this one. `degraded`: the page's own node is cut off from what it needs; the page of another one is of
   *  more use until it is not. */
  | {
      readonly status: "open";
      readonly hello: Hello;
      readonly late: boolean;
      readonly away: string | undefined;
      readonly degraded: Degraded | undefined;
    }
  | { readonly status: "waiting"; readonly retryAtMs: number; readonly attempt: number }
  | { readonly status: "offline" }
  | { readonly status: "ended"; readonly failure: Failure };

/** Who wants a topic. `state` comes first and again whenever the topic could not be continued. */
export interface Follower {
  state(state: unknown, head: number): void;
  event(event: unknown, at: number): void;
  signal(event: unknown): void;
  refused(reason: Failure): void;
}

/** What the connection needs of the browser, so that its rules can be tested without one. */
export interface ConnectionPorts {
  /** Opens a socket; calls back until `closed`. */
  open(on: { readonly opened: () => void; readonly frame: (text: string) => void; readonly closed: () => void }): {
    send(text: string): void;
    close(): void;
  };
  /** Calls back once after `delayMs`; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
  nowMs(): number;
  chance(): number;
  operationId(): string;
  /** Asks over HTTP whether the session still stands: a refused upgrade looks to a page like a node that is down. */
  sessionEnded(): Promise<Failure | undefined>;
  online(): boolean;
}

/** Reads ask without, changes with an operationId, so that a repeated change is applied once. */
export type CommandKind = "read" | "change" | "transient";

interface Waiting {
  readonly frame: ClientFrame;
  readonly transient: boolean;
  readonly answer: (result: Result<unknown>) => void;
  cancelTimeout: () => void;
  repeats: number;
  /** When it went out on this connection, or goes out again; undefined before. */
  sentAtMs: number | undefined;
  /** Why it was refused last. */
  refusal: Failure | undefined;
  /** An earlier sending may have had its effect. */
  mayHaveRun: boolean;
  /** Its time was over once, and it was sent anew to learn what became of it. */
  asksAgain: boolean;
}

interface Topic {
  readonly followers: Set<Follower>;
  cursor: number | undefined;
  /** The subscribe command whose answer we wait for; answers to older ones are ignored. */
  asked: number | undefined;
  /** Why it is not followed now, while it is asked for again. */
  refusal: Failure | undefined;
  live: boolean;
}

const repeated: ReadonlySet<string> = new Set([...passingCodes, "RATE_LIMITED", "MAILBOX_FULL", "OVERLOADED"]);
const outOfRange: ReadonlySet<string> = new Set(["CURSOR_INVALID", "CURSOR_EXPIRED"]);

/** Whether nobody could say after this answer what became of a command, and the node can once it gets it again. */
const leavesUnknown = ({ frame, mayHaveRun }: Waiting, refusal: Failure): boolean =>
  frame.operationId !== undefined && givenUp(refusal, mayHaveRun).outcome === "unknown";

/** The one connection of a page to its node. Sends commands, follows topics, and comes back by itself:
 *
 *      connecting ──► open ──► waiting ──► connecting …       offline: waits for the browser's `online`
 *                                                             ended: the session is over; only signing in helps
 *
 *  Invariant: a follower sees each durable event once and in order, across any number of connections. The cursor moves with
 *  each event, a subscription resumes from it, and an event at or before it is dropped.
 *  Invariant: a command is answered exactly once. One that was sent and not answered is sent again with its operationId. */
export class Connection {
  readonly #ports: ConnectionPorts;
  #link: Link = { status: "connecting", attempt: 0 };
  readonly #linkListeners = new Set<(link: Link) => void>();
  readonly #activityListeners = new Set<(activity: Activity) => void>();
  #socket: { send(text: string): void; close(): void } | undefined;
  #socketNumber = 0;
  #attempt = 0;
  #openedAtMs = 0;
  #heardAtMs = 0;
  #cancelTimer: () => void = () => {};
  #cancelHeartbeat: () => void = () => {};
  #cancelLate: () => void = () => {};
  #nextId = 1;
  readonly #waiting = new Map<number, Waiting>();
  readonly #topics = new Map<string, Topic>();
  #closed = false;

  constructor(ports: ConnectionPorts) {
    this.#ports = ports;
  }

  get link(): Link {
    return this.#link;
  }

  /** Opens the connection; from now on it keeps itself open. */
  start(): void {
    this.#connect();
  }

  /** Ends it for good: every command is answered, nothing is called any more. */
  close(): void {
    this.#closed = true;
    this.#dropSocket();
    this.#cancelTimer();
    this.#answerAll(failure("UNAUTHENTICATED"));
    this.#topics.clear();
    this.#linkListeners.clear();
    this.#activityListeners.clear();
  }

  onLink(listener: (link: Link) => void): () => void {
    this.#linkListeners.add(listener);
    return () => this.#linkListeners.delete(listener);
  }

  onActivity(listener: (activity: Activity) => void): () => void {
    this.#activityListeners.add(listener);
    return () => this.#activityListeners.delete(listener);
  }

  /** Sends a command and brings its answer, however often the connection is lost meanwhile. A `transient` one (typing) is
   *  dropped instead when it can not be sent at once. */
  command<Answer>(
    name: string,
    to: string | undefined,
    parameters: object,
    options: { readonly kind: CommandKind; readonly operationId?: string },
  ): Promise<Result<Answer>> {
    const { kind } = options;
    const frame: ClientFrame = {
      id: this.#nextId++,
      do: name,
      ...(to === undefined ? {} : { to }),
      with: parameters as Record<string, never>,
      ...(kind === "change" ? { operationId: options.operationId ?? this.#ports.operationId() } : {}),
    };
    return new Promise((resolve) => {
      const full = this.#waiting.size >= bounds.queuedMax;
      const unsendable = kind === "transient" && this.#link.status !== "open";
      if (this.#closed || full || unsendable || this.#link.status === "ended")
        return resolve({ ok: false, error: failure(this.#link.status === "ended" ? "UNAUTHENTICATED" : "OVERLOADED") });
      this.#enqueue(frame, kind === "transient", resolve as (result: Result<unknown>) => void);
      this.#pump();
    });
  }

  /** Follows a topic: its state, then every event after it. */
  follow(topic: string, follower: Follower): () => void {
    const known = this.#topics.get(topic);
    if (known === undefined) {
      const followers = new Set([follower]);
      this.#topics.set(topic, { followers, cursor: undefined, asked: undefined, refusal: undefined, live: false });
      this.#subscribe(topic);
    } else {
      known.followers.add(follower);
      this.reload(topic);
    }
    return () => {
      const entry = this.#topics.get(topic);
      if (entry === undefined || !entry.followers.delete(follower) || entry.followers.size > 0) return;
      this.#topics.delete(topic);
      if (this.#link.status === "open") void this.command("unsubscribe", topic, {}, { kind: "transient" });
    };
  }

  /** Loads a topic's state anew: for a follower that noticed a gap in best-effort events. */
  reload(topic: string): void {
    const entry = this.#topics.get(topic);
    if (entry === undefined) return;
    entry.cursor = undefined;
    if (this.#link.status !== "open") return;
    if (entry.live) void this.command("unsubscribe", topic, {}, { kind: "transient" });
    entry.live = false;
    this.#subscribe(topic);
  }

  /** The page woke up or the network came back: connect at once, or make sure that the open connection still lives. */
  wake(): void {
    const { status } = this.#link;
    if (status === "waiting" || status === "offline") {
      this.#cancelTimer();
      this.#connect();
    } else if (status === "open") this.#probe();
  }

  /** The browser says that there is no network: no use in trying. */
  sleep(): void {
    if (this.#link.status === "waiting") {
      this.#cancelTimer();
      this.#setLink({ status: "offline" });
    }
  }

  #setLink(link: Link): void {
    this.#link = link;
    for (const listener of this.#linkListeners) listener(link);
  }

  #connect(): void {
    if (this.#closed) return;
    this.#dropSocket();
    this.#attempt += 1;
    this.#setLink({ status: "connecting", attempt: this.#attempt });
    const number = ++this.#socketNumber;
    const current = () => number === this.#socketNumber && !this.#closed;
    let greeted = false;
    this.#cancelTimer = this.#ports.after(bounds.backoffMaxMs, () => {
      if (current() && !greeted) this.#lost(false);
    });
    this.#socket = this.#ports.open({
      opened: () => {},
      frame: (text) => {
        if (!current()) return;
        greeted = true;
        this.#heardAtMs = this.#ports.nowMs();
        this.#receive(JSON.parse(text) as NodeFrame);
      },
      closed: () => {
        if (current()) this.#lost(greeted);
      },
    });
  }

  #dropSocket(): void {
    this.#socketNumber += 1;
    this.#cancelHeartbeat();
    this.#cancelLate();
    this.#socket?.close();
    this.#socket = undefined;
  }

  #lost(greeted: boolean): void {
    this.#dropSocket();
    this.#cancelTimer();
    for (const topic of this.#topics.values()) {
      topic.asked = undefined;
      topic.refusal = undefined;
      topic.live = false;
    }
    for (const [id, waiting] of this.#waiting) {
      waiting.mayHaveRun ||= this.#isOut(waiting);
      waiting.sentAtMs = undefined;
      if (waiting.transient) this.#answer(id, { ok: false, error: failure("UNREACHABLE") });
    }
    if (this.#link.status === "ended") return;
    const stable = greeted && this.#ports.nowMs() - this.#openedAtMs >= bounds.stableAfterMs;
    if (stable) this.#attempt = 0;
    this.#wait();
    if (!greeted)
      void this.#ports.sessionEnded().then((reason) => {
        if (reason !== undefined && !this.#closed && this.#link.status !== "open") this.#end(reason);
      });
  }

  #wait(): void {
    if (!this.#ports.online()) return this.#setLink({ status: "offline" });
    const attempt = Math.max(1, this.#attempt);
    const delayMs = backoffMs(attempt, this.#ports.chance());
    this.#setLink({ status: "waiting", retryAtMs: this.#ports.nowMs() + delayMs, attempt });
    this.#cancelTimer = this.#ports.after(delayMs, () => this.#connect());
  }

  #end(reason: Failure): void {
    this.#dropSocket();
    this.#cancelTimer();
    this.#setLink({ status: "ended", failure: reason });
    this.#answerAll(reason);
  }

  #receive(frame: NodeFrame): void {
    if ("re" in frame) return this.#answered(frame);
    if ("topic" in frame) return this.#topicFrame(frame);
    if ("activity" in frame) {
      for (const listener of this.#activityListeners) listener(frame.activity);
      return;
    }
    if ("hello" in frame) return this.#greeted(frame.hello);
    if ("degraded" in frame) {
      if (this.#link.status === "open") this.#setLink({ ...this.#link, degraded: frame.degraded ?? undefined });
      return;
    }
    if ("bye" in frame) {
      if (frame.bye.code === "UNAUTHENTICATED") this.#end(frame.bye);
      else this.#lost(this.#link.status === "open");
    }
  }

  #greeted(hello: Hello): void {
    this.#cancelTimer();
    this.#openedAtMs = this.#ports.nowMs();
    this.#setLink({ status: "open", hello, late: false, away: undefined, degraded: hello.degraded });
    this.#heartbeat(hello.heartbeatMs);
    for (const topic of this.#topics.keys()) this.#subscribe(topic);
    this.#pump();
  }

  #heartbeat(everyMs: number): void {
    this.#cancelHeartbeat = this.#ports.after(everyMs, () => {
      const silentMs = this.#ports.nowMs() - this.#heardAtMs;
      // Twice: one lost beat is normal, two are not.
      if (silentMs >= everyMs * 2) return this.#lost(true);
      this.#send({ id: this.#nextId++, do: "ping" });
      this.#heartbeat(everyMs);
    });
  }

  #probe(): void {
    const heardAtMs = this.#heardAtMs;
    const number = this.#socketNumber;
    this.#send({ id: this.#nextId++, do: "ping" });
    this.#ports.after(bounds.probeTimeoutMs, () => {
      if (number === this.#socketNumber && this.#heardAtMs === heardAtMs) this.#lost(true);
    });
  }

  #enqueue(frame: ClientFrame, transient: boolean, answer: (result: Result<unknown>) => void): void {
    const expire = (): void => {
      const mayHaveRun = waiting.mayHaveRun || this.#isOut(waiting);
      // Before it is given up as unknown the node is asked once more what became of it, or does it now: under its operation
      // id that is the same.
      if (mayHaveRun && frame.operationId !== undefined && !waiting.asksAgain) {
        Object.assign(waiting, { mayHaveRun, asksAgain: true });
        waiting.cancelTimeout = this.#ports.after(bounds.lastAnswerTimeoutMs, expire);
        if (this.#link.status === "open") this.#send(frame);
        return;
      }
      this.#answer(frame.id, { ok: false, error: givenUp(waiting.refusal, mayHaveRun) });
    };
    const waiting: Waiting = {
      frame,
      transient,
      answer,
      cancelTimeout: this.#ports.after(bounds.answerTimeoutMs, expire),
      repeats: 0,
      sentAtMs: undefined,
      refusal: undefined,
      mayHaveRun: false,
      asksAgain: false,
    };
    this.#waiting.set(frame.id, waiting);
  }

  /** Whether it was sent on this connection and not answered. */
  #isOut({ sentAtMs }: Waiting): boolean {
    return sentAtMs !== undefined && sentAtMs <= this.#ports.nowMs();
  }

  #pump(): void {
    if (this.#link.status !== "open") return;
    let outstanding = 0;
    for (const waiting of this.#waiting.values()) {
      if (waiting.sentAtMs === undefined) {
        waiting.sentAtMs = this.#ports.nowMs();
        this.#send(waiting.frame);
      }
      outstanding += 1;
      if (outstanding >= bounds.outstandingMax) break;
    }
    this.#watchAnswers();
  }

  /** Says whether the oldest unanswered command is late, or looks again when it will be; and which node is waited for. */
  #watchAnswers(): void {
    this.#cancelLate();
    if (this.#link.status !== "open" || this.#socket === undefined) return;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const { sentAtMs } of this.#waiting.values()) oldestMs = Math.min(oldestMs, sentAtMs ?? oldestMs);
    const dueInMs = oldestMs + bounds.lateAfterMs - this.#ports.nowMs();
    const late = dueInMs <= 0;
    if (!late && oldestMs !== Number.POSITIVE_INFINITY)
      this.#cancelLate = this.#ports.after(dueInMs, () => this.#watchAnswers());
    const away = this.#away();
    if (late !== this.#link.late || away !== this.#link.away) this.#setLink({ ...this.#link, late, away });
  }

  #away(): string | undefined {
    for (const { refusal } of [...this.#waiting.values(), ...this.#topics.values()]) {
      const node = refusal && awayNode(refusal);
      if (node !== undefined) return node;
    }
    return undefined;
  }

  #send(frame: ClientFrame): void {
    this.#socket?.send(JSON.stringify(frame));
  }

  #answerAll(reason: Failure): void {
    // Deleting from a Map while it is walked is well defined: an entry is visited at most once.
    for (const id of this.#waiting.keys()) this.#answer(id, { ok: false, error: reason });
  }

  #answer(id: number, result: Result<unknown>): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    waiting.cancelTimeout();
    this.#watchAnswers();
    waiting.answer(result);
  }

  #answered(frame: Extract<NodeFrame, { re: number }>): void {
    const waiting = this.#waiting.get(frame.re);
    if (waiting === undefined) return;
    if (
      "error" in frame &&
      (repeated.has(frame.error.code) || leavesUnknown(waiting, frame.error)) &&
      // A node that is away comes back, or another takes over: the person may wait for that, and sees for whom.
      (waiting.repeats < bounds.repeatsMax || awayNode(frame.error) !== undefined) &&
      !waiting.transient
    ) {
      waiting.repeats += 1;
      waiting.refusal = frame.error;
      waiting.mayHaveRun ||= frame.error.outcome === "unknown";
      const asked = frame.error.details?.["retryAfterMs"];
      const step = Math.min(waiting.repeats, bounds.repeatsMax);
      const delayMs = typeof asked === "number" ? Math.min(asked, bounds.backoffMaxMs) : backoffMs(step, 1);
      const number = this.#socketNumber;
      // The node does answer: what counts is how long the repetition is left without.
      waiting.sentAtMs = this.#ports.nowMs() + delayMs;
      this.#watchAnswers();
      this.#ports.after(delayMs, () => {
        // After a reconnect the command was already sent again with all others.
        if (number !== this.#socketNumber || !this.#waiting.has(frame.re)) return;
        this.#send(waiting.frame);
      });
      return;
    }
    const { mayHaveRun } = waiting;
    const result =
      "error" in frame
        ? ({ ok: false, error: givenUp(frame.error, mayHaveRun) } as const)
        : ({ ok: true, value: frame.ok } as const);
    this.#answer(frame.re, result);
    this.#pump();
  }

  #subscribe(topic: string): void {
    const entry = this.#topics.get(topic);
    if (entry === undefined || this.#link.status !== "open") return;
    const { cursor } = entry;
    const id = this.#nextId++;
    entry.asked = id;
    const frame: ClientFrame = { id, do: "subscribe", to: topic, ...(cursor === undefined ? {} : { cursor }) };
    this.#enqueue(frame, true, (result) => {
      if (this.#topics.get(topic) !== entry || entry.asked !== id) return;
      entry.asked = undefined;
      if (result.ok) return this.#subscribed(entry, result.value as Subscribed);
      if (outOfRange.has(result.error.code)) {
        entry.cursor = undefined;
        return this.#subscribe(topic);
      }
      // The connection went away: it is asked again on the next one.
      if (this.#link.status !== "open") return;
      this.#refuse(topic, entry, result.error);
    });
    this.#pump();
  }

  #subscribed(entry: Topic, answer: Subscribed): void {
    entry.live = true;
    entry.refusal = undefined;
    if (answer.state === undefined) return;
    entry.cursor = answer.head;
    for (const follower of entry.followers) follower.state(answer.state, answer.head);
  }

  #refuse(topic: string, entry: Topic, reason: Failure): void {
    if (reason.outcome === "failed") {
      this.#topics.delete(topic);
      for (const follower of entry.followers) follower.refused(reason);
      return;
    }
    // Not started, or unknown: the node is busy or an actor restarts. The topic stays wanted.
    entry.refusal = reason;
    const number = this.#socketNumber;
    this.#ports.after(backoffMs(3, this.#ports.chance()), () => {
      if (number === this.#socketNumber && this.#topics.get(topic) === entry && !entry.live) this.#subscribe(topic);
    });
  }

  #topicFrame(frame: Extract<NodeFrame, { topic: string }>): void {
    const entry = this.#topics.get(frame.topic);
    if (entry === undefined) return;
    if ("lost" in frame) {
      entry.live = false;
      if (outOfRange.has(frame.lost.code)) entry.cursor = undefined;
      if (frame.lost.outcome === "failed" && !outOfRange.has(frame.lost.code))
        return this.#refuse(frame.topic, entry, frame.lost);
      return this.#subscribe(frame.topic);
    }
    if (frame.at === undefined) {
      for (const follower of entry.followers) follower.signal(frame.event);
      return;
    }
    // Before the state has arrived, or seen on an earlier connection.
    if (entry.cursor === undefined || frame.at <= entry.cursor) return;
    entry.cursor = frame.at;
    for (const follower of entry.followers) follower.event(frame.event, frame.at);
  }
}

/** Something happened in a room of the user that this page does not follow. */
export type Activity = Extract<NodeFrame, { activity: unknown }>["activity"];

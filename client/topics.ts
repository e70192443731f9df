import type { Failure, Result } from "../protocols/errors.ts";
import type { ClientFrame, NodeFrame, Subscribed } from "../protocols/index.ts";
import { backoffMs } from "./backoff.ts";
import type { ClientPorts } from "./ports.ts";

/** A follower of a topic. */
export interface Follower<State = unknown, Event = unknown, Signal = unknown> {
  /** Comes first, unless a position was given, and again whenever the topic could not be continued. */
  state(state: State, head: number): void;
  /** A durable event: each once and in order after the state. */
  event(event: Event, at: number): void;
  /** Best effort: typing, drafts. */
  signal?(signal: Signal): void;
  /** It cannot be followed now, and is asked for again. */
  held?(reason: Failure): void;
  /** It cannot be followed, or no longer; nothing comes after this. */
  refused(reason: Failure): void;
}

interface Topic {
  readonly followers: Set<Follower>;
  cursor: number | undefined;
  /** The subscribe command whose answer is waited for; answers to older ones are ignored. */
  asked: number | undefined;
  /** Why it is not followed now, while it is asked for again; and how often that was in vain. */
  refusal: Failure | undefined;
  refusals: number;
  live: boolean;
}

const outOfRange: ReadonlySet<string> = new Set(["CURSOR_INVALID", "CURSOR_EXPIRED"]);

/** Pauses between two tries to follow a topic begin at this step of the back-off, and end at that. */
const steps = { first: 2, last: 6 };

/** The topics that a program follows.
 *
 *  Invariant: a follower sees each durable event once and in order, across any number of connections. The cursor moves
 *  with each event, a subscription resumes from it, and an event at or before it is dropped. */
export class Topics {
  readonly #ports: ClientPorts;
  readonly #send: (
    frame: Omit<ClientFrame, "id">,
    answer: (id: number, result: Result<unknown>) => void,
  ) => number | undefined;
  readonly #topics = new Map<string, Topic>();
  /** The number of the present connection. */
  #era = 0;

  /** `send` sends a command that is dropped when the connection is lost, and gives its id; undefined: there is none. */
  constructor(
    ports: ClientPorts,
    send: (frame: Omit<ClientFrame, "id">, answer: (id: number, result: Result<unknown>) => void) => number | undefined,
  ) {
    this.#ports = ports;
    this.#send = send;
  }

  /** The refusals of topics that are asked for again. */
  *refusals(): Iterable<Failure> {
    for (const { refusal } of this.#topics.values()) if (refusal !== undefined) yield refusal;
  }

  /** Follows a topic; call what it gives to end that. `after`: the position of the last event that is known. */
  follow(topic: string, follower: Follower, after: number | undefined): () => void {
    const known = this.#topics.get(topic);
    if (known === undefined) {
      const followers = new Set([follower]);
      const entry = { followers, cursor: after, asked: undefined, refusal: undefined, refusals: 0, live: false };
      this.#topics.set(topic, entry);
      this.#subscribe(topic, entry);
    } else {
      known.followers.add(follower);
      this.reload(topic);
    }
    return () => {
      const entry = this.#topics.get(topic);
      if (entry === undefined || !entry.followers.delete(follower) || entry.followers.size > 0) return;
      this.#topics.delete(topic);
      this.#unsubscribe(topic);
    };
  }

  /** Loads a topic's state anew. */
  reload(topic: string): void {
    const entry = this.#topics.get(topic);
    if (entry === undefined) return;
    entry.cursor = undefined;
    if (entry.live) this.#unsubscribe(topic);
    entry.live = false;
    this.#subscribe(topic, entry);
  }

  /** There is a connection: everything that is wanted is asked for. */
  opened(): void {
    for (const [topic, entry] of this.#topics) this.#subscribe(topic, entry);
  }

  /** The connection is lost. */
  lost(): void {
    this.#era += 1;
    for (const entry of this.#topics.values())
      Object.assign(entry, { asked: undefined, refusal: undefined, live: false });
  }

  /** Nothing is followed any more. */
  end(): void {
    this.#era += 1;
    this.#topics.clear();
  }

  /** Takes a frame of the node about a topic. */
  take(frame: Extract<NodeFrame, { topic: string }>): void {
    const entry = this.#topics.get(frame.topic);
    if (entry === undefined) return;
    if ("lost" in frame) {
      // This ends an earlier subscription. The present one has an answer of its own.
      if (entry.asked !== undefined) return;
      entry.live = false;
      const isStale = outOfRange.has(frame.lost.code);
      if (isStale) entry.cursor = undefined;
      if (isStale || frame.lost.outcome !== "failed") this.#subscribe(frame.topic, entry);
      else this.#refuse(frame.topic, entry, frame.lost);
      return;
    }
    // The state has not arrived yet, and is newer than this event.
    if (entry.cursor === undefined) return;
    if (frame.at === undefined) {
      for (const follower of entry.followers) follower.signal?.(frame.event);
      return;
    }
    // Seen on an earlier connection.
    if (frame.at <= entry.cursor) return;
    entry.cursor = frame.at;
    for (const follower of entry.followers) follower.event(frame.event, frame.at);
  }

  #unsubscribe(topic: string): void {
    this.#send({ do: "unsubscribe", to: topic, with: {} }, () => {});
  }

  #subscribe(topic: string, entry: Topic): void {
    const { cursor } = entry;
    const frame = { do: "subscribe", to: topic, ...(cursor === undefined ? {} : { cursor }) };
    entry.asked = this.#send(frame, (id, result) => {
      if (this.#topics.get(topic) !== entry || entry.asked !== id) return;
      entry.asked = undefined;
      if (result.ok) return this.#subscribed(entry, result.value as Subscribed);
      if (outOfRange.has(result.error.code)) {
        entry.cursor = undefined;
        return this.#subscribe(topic, entry);
      }
      this.#refuse(topic, entry, result.error);
    });
  }

  #subscribed(entry: Topic, answer: Subscribed): void {
    entry.live = true;
    entry.refusal = undefined;
    entry.refusals = 0;
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
    // Not started, or unknown: the node is busy, or the actor is on its way elsewhere. The topic stays wanted.
    entry.refusal = reason;
    for (const follower of entry.followers) follower.held?.(reason);
    const step = Math.min(steps.first + entry.refusals, steps.last);
    entry.refusals += 1;
    const era = this.#era;
    this.#ports.after(backoffMs(step, this.#ports.chance()), () => {
      if (era === this.#era && this.#topics.get(topic) === entry && !entry.live && entry.asked === undefined)
        this.#subscribe(topic, entry);
    });
  }
}

import { awayNode, failure, type Failure, type Result } from "../protocols/errors.ts";
import type {
  AnswerOf,
  ClientFrame,
  CommandName,
  Degraded,
  Hello,
  NodeFrame,
  ParametersOf,
  Presence,
} from "../protocols/index.ts";
import { backoffMs } from "./backoff.ts";
import { effectOf, type Streams } from "./commands.ts";
import { Connection, type At, type ConnectionStatus } from "./connection.ts";
import { clientLimits as limits } from "./limits.ts";
import { Outbox } from "./outbox.ts";
import type { ClientPorts } from "./ports.ts";
import { Topics, type Follower } from "./topics.ts";

/** How a client stands, for the program that shows it. */
export type Link =
  | Exclude<ConnectionStatus, { readonly status: "open" }>
  /** `late`: something that was sent has not been answered for a while. `away`: the node that has what was asked for,
   *  which does not answer this one. `degraded`: the node in use is cut off from what it needs. */
  | {
      readonly status: "open";
      readonly hello: Hello;
      readonly late: boolean;
      readonly away: string | undefined;
      readonly degraded: Degraded | undefined;
    };

/** Something happened in a room of the user that this client does not follow. */
export type Activity = Extract<NodeFrame, { activity: unknown }>["activity"];

/** Hears of the people who are looked at. `whole`: those who are left out are not here; else it is what changed. */
type PresenceListener = (people: readonly Presence[], whole: boolean) => void;

/** Where a client connects to, and how patient it is. */
export interface ClientOptions {
  /** Addresses of nodes of one cluster. */
  readonly urls: readonly string[];
  /** Whether it goes on at nodes that its node names, when that one is gone or cut off. Unless told: yes. */
  readonly roams?: boolean;
  /** The time of one command; see `clientLimits`. */
  readonly answerTimeoutMs?: number;
}

/** A client of a Plexus cluster: commands that are answered once, topics that go on where they were after any loss, and
 *  a link that says how things stand. */
export class Client {
  readonly #ports: ClientPorts;
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #topics: Topics;
  #link: Link = { status: "connecting", attempt: 0 };
  readonly #linkListeners = new Set<(link: Link) => void>();
  readonly #activityListeners = new Set<(activity: Activity) => void>();
  readonly #presenceListeners = new Set<PresenceListener>();
  /** The people who are looked at; undefined: `look` was not called yet. */
  #lookedAt: readonly string[] | undefined;
  /** The newest `look`, whose answer counts. */
  #look: number | undefined;
  #active = true;
  readonly #timers = new Set<() => void>();
  #nextId = 1;
  #closed = false;

  constructor(options: ClientOptions, ports: ClientPorts) {
    this.#ports = { ...ports, after: (delayMs, callback) => this.#after(ports, delayMs, callback) };
    this.#connection = new Connection({ urls: options.urls, roams: options.roams ?? true }, this.#ports, {
      status: (status) => this.#onStatus(status),
      frame: (frame) => this.#onFrame(frame),
    });
    const connection = this.#connection;
    this.#outbox = new Outbox({
      ports: this.#ports,
      way: {
        send: (frame) => connection.send(frame),
        get isOpen() {
          return connection.status.status === "open";
        },
        get amongMany() {
          return connection.at.amongMany;
        },
      },
      answerTimeoutMs: options.answerTimeoutMs ?? limits.answerTimeoutMs,
      changed: () => this.#refresh(),
    });
    this.#topics = new Topics(this.#ports, (frame, answer) => this.#once(frame, answer));
  }

  get link(): Link {
    return this.#link;
  }

  /** The node it is at, or was at last. */
  get at(): At {
    return this.#connection.at;
  }

  /** Opens the connection; from now on it keeps itself open. */
  start(): void {
    this.#connection.start();
  }

  /** Ends it for good: every command is answered, nothing is called any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
    this.#linkListeners.clear();
    this.#activityListeners.clear();
    this.#presenceListeners.clear();
    this.#topics.end();
    this.#outbox.end(failure("STOPPING"));
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  /** Calls back whenever the link changes; call what it gives to end that. */
  onLink(listener: (link: Link) => void): () => void {
    this.#linkListeners.add(listener);
    return () => this.#linkListeners.delete(listener);
  }

  /** Calls back for what happens in rooms of the user that are not followed; call what it gives to end that. */
  onActivity(listener: (activity: Activity) => void): () => void {
    this.#activityListeners.add(listener);
    if (this.#activityListeners.size === 1) this.#watch(1);
    return () => this.#activityListeners.delete(listener);
  }

  /** Looks at these people from now on, on this connection and each later one, in place of those before. At most
   *  `peopleLookedAtMax`. Listeners hear how they are, and of what changes. Gives those who are here now; refused where
   *  there is no connection, or the node knows no presence. */
  look(people: readonly string[]): Promise<Result<readonly Presence[]>> {
    this.#lookedAt = people;
    return new Promise((resolve) => this.#sendLook(1, resolve));
  }

  /** Calls back for the people who are looked at; call what it gives to end that. */
  onPresence(listener: PresenceListener): () => void {
    this.#presenceListeners.add(listener);
    return () => this.#presenceListeners.delete(listener);
  }

  /** Says whether the person uses this client now. */
  here(active: boolean): void {
    if (active === this.#active) return;
    this.#active = active;
    this.#sendHere();
  }

  /** Sends a command and brings its answer, however often the connection is lost meanwhile. `to` is the key of the
   *  room, agent or user. What changes something is made at most once: every repetition has the same operation id, and
   *  who asks for the same change later may name it. A best-effort command (typing) is dropped when it cannot be sent
   *  at once. */
  call<Name extends CommandName>(
    name: Name,
    to: string,
    parameters: ParametersOf<Name>,
    options: { readonly operationId?: string } = {},
  ): Promise<Result<AnswerOf<Name>>> {
    const effect = effectOf(name);
    const frame: ClientFrame = {
      id: this.#nextId++,
      do: name,
      to,
      with: parameters,
      ...(effect === "changes" ? { operationId: options.operationId ?? this.#ports.operationId() } : {}),
    };
    return new Promise((resolve) => {
      const once = effect === "signals";
      const error = this.#unsendable(once);
      if (error !== undefined) resolve({ ok: false, error });
      else this.#outbox.add({ frame, once, answer: resolve as (result: Result<unknown>) => void });
    });
  }

  /** Follows a topic: its state, then every event after it; call what it gives to end that. `after`: the position of
   *  the last event that is known; then the events after it come, and no state. */
  follow<Kind extends keyof Streams>(
    topic: `${Kind}/${string}`,
    follower: Follower<Streams[Kind]["state"], Streams[Kind]["event"], Streams[Kind]["signal"]>,
    after?: number,
  ): () => void {
    if (this.#closed) return () => {};
    return this.#topics.follow(topic, follower as Follower, after);
  }

  /** Loads a topic's state anew: for a follower that noticed a gap in best-effort events. */
  reload(topic: string): void {
    this.#topics.reload(topic);
  }

  /** The program woke up or the network came back: connects at once, or makes sure that the open connection still
   *  lives. */
  wake(): void {
    this.#connection.wake();
  }

  /** There is no network: no use in trying. */
  sleep(): void {
    this.#connection.sleep();
  }

  /** Timers end with the client: none keeps a process alive. */
  #after(ports: ClientPorts, delayMs: number, callback: () => void): () => void {
    const cancel = (): void => {
      this.#timers.delete(cancel);
      stop();
    };
    const stop = ports.after(delayMs, () => {
      this.#timers.delete(cancel);
      callback();
    });
    this.#timers.add(cancel);
    return cancel;
  }

  /** Why a command is refused before it is sent. */
  #unsendable(once: boolean): Failure | undefined {
    if (this.#link.status === "ended") return this.#link.failure;
    if (this.#closed) return failure("STOPPING");
    if (this.#outbox.isFull) return failure("OVERLOADED", { limit: "queuedMax", max: limits.queuedMax });
    return once && this.#link.status !== "open" ? failure("UNREACHABLE") : undefined;
  }

  /** Sends a command of the connection itself, which the next connection does without. */
  #once(frame: Omit<ClientFrame, "id">, answer: (id: number, result: Result<unknown>) => void): number | undefined {
    if (this.#connection.status.status !== "open") return undefined;
    const id = this.#nextId++;
    this.#outbox.add({ frame: { id, ...frame }, once: true, answer: (result) => answer(id, result) });
    return id;
  }

  #watch(attempt: number): void {
    if (this.#activityListeners.size === 0) return;
    const { status } = this.#connection;
    this.#once({ do: "watch" }, (_id, result) => {
      const isHere = status === this.#connection.status || this.#connection.status.status === "open";
      if (result.ok || result.error.outcome === "failed" || !isHere) return;
      this.#ports.after(backoffMs(attempt, this.#ports.chance()), () => this.#watch(attempt + 1));
    });
  }

  #sendHere(): void {
    this.#once({ do: "here", with: { active: this.#active } }, () => undefined);
  }

  #sendLook(attempt: number, told?: (people: Result<readonly Presence[]>) => void): void {
    const people = this.#lookedAt;
    if (people === undefined) return;
    const answered = (id: number, result: Result<unknown>): void => {
      const here = result.ok ? (result.value as { readonly people: readonly Presence[] }).people : undefined;
      if (here === undefined) told?.(result as Result<never>);
      else told?.({ ok: true, value: here });
      // A later one, or that of a later connection, is under way.
      if (id !== this.#look) return;
      if (here !== undefined) return this.#tellPresence(here, true);
      if (result.ok || result.error.outcome === "failed" || this.#connection.status.status !== "open") return;
      const again = (): void => void (id === this.#look && this.#sendLook(attempt + 1));
      this.#ports.after(backoffMs(attempt, this.#ports.chance()), again);
    };
    this.#look = this.#once({ do: "look", with: { people: [...people] } }, answered);
    if (this.#look === undefined) told?.({ ok: false, error: failure("UNREACHABLE") });
  }

  #tellPresence(people: readonly Presence[], whole: boolean): void {
    for (const listener of this.#presenceListeners) listener(people, whole);
  }

  #onStatus(status: ConnectionStatus): void {
    const before = this.#link;
    if (status.status === "open") {
      const isNew = before.status !== "open" || before.hello !== status.hello;
      if (isNew && before.status === "open") this.#lost();
      this.#refresh();
      if (isNew) {
        this.#watch(1);
        if (!this.#active) this.#sendHere();
        this.#sendLook(1);
        this.#topics.opened();
        this.#outbox.pump();
      }
      return;
    }
    if (before.status === "open") this.#lost();
    if (this.#closed) return;
    if (status.status === "ended") this.#closed = true;
    this.#set(status);
    if (status.status === "ended") {
      this.#topics.end();
      this.#outbox.end(status.failure);
    }
  }

  #lost(): void {
    this.#topics.lost();
    this.#outbox.lost();
  }

  #onFrame(frame: NodeFrame): void {
    if ("re" in frame) this.#outbox.answered(frame);
    else if ("topic" in frame) {
      this.#topics.take(frame);
      this.#refresh();
    } else if ("activity" in frame) for (const listener of this.#activityListeners) listener(frame.activity);
    else if ("presence" in frame) this.#tellPresence(frame.presence, false);
  }

  /** Brings the link up to date with what is waited for. */
  #refresh(): void {
    const { status } = this.#connection;
    if (status.status !== "open" || this.#closed) return;
    const next: Link = { ...status, late: this.#outbox.late, away: this.#away() };
    const known = this.#link;
    if (
      known.status === "open" &&
      known.hello === next.hello &&
      known.late === next.late &&
      known.away === next.away &&
      known.degraded === next.degraded
    )
      return;
    this.#set(next);
  }

  #away(): string | undefined {
    for (const refusals of [this.#outbox.refusals(), this.#topics.refusals()])
      for (const refusal of refusals) {
        const node = awayNode(refusal);
        if (node !== undefined) return node;
      }
    return undefined;
  }

  #set(link: Link): void {
    this.#link = link;
    for (const listener of this.#linkListeners) listener(link);
  }
}

/** What a person saw last in this browser, for a start of the page without the node: who they are, their lists of rooms
 *  and agents, and the ends of the rooms and conversations that they looked at. It goes when nobody is signed in any
 *  more. */
import type { QueryClient, QueryKey } from "@tanstack/react-query";
import { forgetSeenOf, keepSeen, readSeen, seenNames } from "../wire/index.ts";
import type { TopicStore } from "./topic-store.ts";

/** Rooms that are kept, and as many conversations. The one that was kept least lately goes first. */
const topicsMax = 12;
/** How long a change waits for others before it is kept. */
const keepAfterMs = 2_000;

/** A room or a conversation with an agent: `room/lobby`, `agent/ada.helper`. */
type Topic = `room/${string}` | `agent/${string}`;

/** What a page knows of a topic, and how the node would say it. */
interface Followed<Model, State> {
  readonly store: TopicStore<Model, { readonly type: "state"; readonly state: State }>;
  /** Undefined: the page does not know it whole. */
  readonly stateOf: (model: Model) => State | undefined;
}

/** Keeps what a session shows, and gives it back. */
export class LookedAt {
  readonly #user: string;
  readonly #queries: QueryClient;
  readonly #keys: readonly QueryKey[];
  /** What has changed and is not kept yet: how to read it, by its name. */
  readonly #changed = new Map<string, () => unknown>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #stop: () => void;
  #isClosed = false;

  /** `keys`: the queries whose answers are kept. */
  constructor(user: string, queries: QueryClient, keys: readonly QueryKey[]) {
    this.#user = user;
    this.#queries = queries;
    this.#keys = keys;
    for (const key of keys) void this.#giveBack(key);
    const stopHearing = queries.getQueryCache().subscribe(({ type, query }) => {
      const name = String(query.queryKey[0]);
      if (type === "updated" && this.#keys.some(([key]) => key === name))
        this.#keep(name, () => queries.getQueryData([name]));
    });
    const leave = (): void => this.#flush();
    addEventListener("pagehide", leave);
    this.#stop = () => {
      stopHearing();
      removeEventListener("pagehide", leave);
    };
  }

  /** Shows a topic as it was last, until the node has said how it is, and keeps how it changes. */
  follow<Model extends { readonly status: string }, State>(
    topic: Topic,
    { store, stateOf }: Followed<Model, State>,
  ): void {
    void readSeen(this.#user, topic).then((state) => {
      if (this.#isClosed || state === undefined || store.latest.status !== "loading") return;
      store.apply({ type: "state", state: state as State });
    });
    store.subscribe(() => {
      const { status } = store.latest;
      if (status === "refused" || status === "deleted") this.forget(topic);
      else this.#keep(topic, () => stateOf(store.latest));
    });
  }

  /** The person is not in a room any more, or the conversation is gone. */
  forget(topic: Topic): void {
    this.#changed.delete(topic);
    void forgetSeenOf(this.#user, topic);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#changed.clear();
    this.#stop();
  }

  async #giveBack(key: QueryKey): Promise<void> {
    const known = await readSeen(this.#user, String(key[0]));
    // As old as can be: the node is asked all the same.
    if (!this.#isClosed && known !== undefined && this.#queries.getQueryData(key) === undefined)
      this.#queries.setQueryData(key, known, { updatedAt: 1 });
  }

  #keep(name: string, read: () => unknown): void {
    if (this.#isClosed) return;
    this.#changed.set(name, read);
    this.#timer ??= setTimeout(() => this.#flush(), keepAfterMs);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const [name, read] of changed) {
      const value = read();
      if (value !== undefined) void keepSeen(this.#user, name, value);
    }
    for (const kind of ["room/", "agent/"])
      if (changed.some(([name]) => name.startsWith(kind))) void this.#makeRoom(kind);
  }

  async #makeRoom(kind: string): Promise<void> {
    const topics = await seenNames(this.#user, kind);
    for (const oldest of topics.slice(0, -topicsMax)) await forgetSeenOf(this.#user, oldest);
  }
}

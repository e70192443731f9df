import { Client, type ClientOptions, type ClientPorts, type Follower } from "../../../client/index.ts";
import { failure, type ClientFrame, type Failure, type NodeFrame, type NodePlace } from "../../../protocols/index.ts";
import { World, type WallClock } from "../../world/index.ts";

/** How long a packet travels. */
export const travelMs = 1;

/** A socket as the node sees it. */
export interface Session {
  readonly sent: ClientFrame[];
  open: boolean;
  say(frame: NodeFrame): void;
  /** Ends it, as a crash or the network does; `reason`: what an upgrade was refused with, if that can be seen. */
  drop(reason?: Failure): void;
}

/** A node that says what the test tells it to say. */
export interface ScriptedNode {
  readonly place: NodePlace;
  /** `dead`: nobody listens; `mute`: sockets open, and nothing is said; `gone`: not even that is answered. */
  state: "well" | "dead" | "mute" | "gone";
  /** Upgrades are refused with this. */
  refusal: Failure | undefined;
  /** What is in its hello beside the usual. */
  hello: Partial<Extract<NodeFrame, { hello: unknown }>["hello"]>;
  readonly sessions: Session[];
  readonly session: Session;
  /** Called for every frame that comes. */
  onFrame: (frame: ClientFrame, session: Session) => void;
  /** The newest command of this name on the newest socket. */
  last(name: string): ClientFrame;
  /** All of this name, on all sockets. */
  all(name: string): readonly ClientFrame[];
  say(frame: NodeFrame): void;
  /** Ends as a killed process does. */
  die(): void;
}

/** Scripted nodes, and the machine of their clients, in one simulated world. Packets of one socket keep their order; a
 *  socket that is dropped loses what is under way, in both directions. */
export class ScriptedCluster {
  readonly #world = new World(0);
  readonly #wall: WallClock = { offsetMs: 0 };
  #operations = 0;
  readonly #nodes = new Map<string, ScriptedNode>();
  online = true;
  /** What `refusal` answers; a function that is absent on clients whose sockets say why they were closed. */
  refusal: Failure | undefined;
  kept: readonly NodePlace[] = [];
  travel: () => number = () => travelMs;

  get nowMs(): number {
    return this.#world.nowMs;
  }

  /** What is still to happen: timers, and packets on the way. */
  get timers(): number {
    return this.#world.pending;
  }

  /** Calls back after a while, unless what this gives is called. */
  after(delayMs: number, callback: () => void): () => void {
    return this.#world.after(delayMs, callback);
  }

  /** Lets time pass, and what is due in it happen. */
  pass(durationMs: number): void {
    this.#world.elapse(durationMs);
  }

  /** The clients' machine sleeps: only its wall clock goes on, and its timers are late by that. */
  sleep(durationMs: number): void {
    this.#wall.offsetMs += durationMs;
  }

  node(name: string, others: () => readonly NodePlace[] = () => []): ScriptedNode {
    const place = { name, url: `http://10.0.0.${this.#nodes.size + 1}:7070` };
    const sessions: Session[] = [];
    const node: ScriptedNode = {
      place,
      state: "well",
      refusal: undefined,
      hello: {},
      sessions,
      onFrame: () => {},
      get session() {
        const session = sessions.at(-1);
        if (session === undefined) throw new Error(`nobody is connected to ${name}`);
        return session;
      },
      last(command) {
        const found = node.session.sent.findLast((frame) => frame.do === command);
        if (found === undefined) throw new Error(`no ${command} was sent to ${name}`);
        return found;
      },
      all: (command) => sessions.flatMap(({ sent }) => sent.filter((frame) => frame.do === command)),
      say: (frame) => node.session.say(frame),
      die() {
        node.state = "dead";
        for (const session of sessions) session.drop();
      },
    };
    node.hello = { nodes: [place] };
    Object.defineProperty(node.hello, "nodes", { get: () => [place, ...others()], enumerable: true });
    this.#nodes.set(place.url, node);
    return node;
  }

  readonly ports: ClientPorts = {
    open: (url, on) => {
      const node = this.#nodes.get(url);
      let over = false;
      // In order, however long a single packet takes.
      let arrivesMs = 0;
      const travel = (callback: () => void): void => {
        arrivesMs = Math.max(this.nowMs + this.travel(), arrivesMs);
        this.#world.after(arrivesMs - this.nowMs, () => {
          if (!over) callback();
        });
      };
      const session: Session = {
        sent: [],
        open: true,
        say: (frame) => {
          const text = JSON.stringify(frame);
          travel(() => on.frame(text));
        },
        drop(reason) {
          if (over) return;
          over = true;
          session.open = false;
          on.closed(reason);
        },
      };
      if (node === undefined || node.state === "dead") this.#world.after(travelMs, () => session.drop());
      else if (node.state !== "gone")
        travel(() => {
          if (node.refusal !== undefined) return session.drop(node.refusal);
          node.sessions.push(session);
          on.opened();
          if (node.state === "mute") return;
          const hello = { version: "1", node: node.place.name, user: "ada", admin: false, heartbeatMs: 30_000 };
          session.say({ hello: { ...hello, ...node.hello } });
        });
      return {
        send: (text) => {
          const frame = JSON.parse(text) as ClientFrame;
          travel(() => {
            if (node === undefined || node.state === "gone" || node.state === "mute") return;
            if (frame.do === "ping") return session.say({ re: frame.id, ok: {} });
            session.sent.push(frame);
            node.onFrame(frame, session);
          });
        },
        close: () => {
          over = true;
          session.open = false;
        },
      };
    },
    after: (delayMs, callback) => this.#world.after(delayMs, callback),
    nowMs: () => this.nowMs + this.#wall.offsetMs,
    monotonicMs: () => this.nowMs,
    chance: () => 0.5,
    operationId: () => `operation-${++this.#operations}`,
    online: () => this.online,
    storage: { load: () => this.kept, save: (nodes) => void (this.kept = nodes) },
  };

  /** A client that has been started. */
  client(options: ClientOptions, ports: Partial<ClientPorts> = {}): Client {
    const client = new Client(options, { ...this.ports, ...ports });
    client.start();
    return client;
  }

  /** As browsers do it: a socket never says why it was closed, a second question does. */
  get asBrowser(): Partial<ClientPorts> {
    return {
      open: (url, on) => this.ports.open(url, { ...on, closed: () => on.closed() }),
      refusal: () => Promise.resolve(this.refusal),
    };
  }
}

/** Remembers what a follower is told. */
export function recorder() {
  const seen: unknown[] = [];
  const follower: Follower = {
    state: (state, head) => seen.push(["state", state, head]),
    event: (event, at) => seen.push([event, at]),
    signal: (event) => seen.push(["signal", event]),
    refused: (reason) => seen.push(["refused", reason.code]),
  };
  return { seen, follower };
}

/** NODE_DEGRADED, with the nodes that may be better off. */
export const cutOff = (nodes: readonly NodePlace[], away: readonly string[] = []) => ({
  reason: failure("NODE_DEGRADED", away.length === 0 ? undefined : { away }),
  nodes,
});

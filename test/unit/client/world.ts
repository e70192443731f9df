import { Client, type ClientOptions, type ClientPorts, type Follower } from "../../../client/index.ts";
import { failure, type ClientFrame, type Failure, type NodeFrame, type NodePlace } from "../../../protocols/index.ts";

/** How long a packet travels. */
export const travelMs = 1;

/** A socket as the node sees it. */
export interface Seat {
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
  readonly seats: Seat[];
  readonly seat: Seat;
  /** Called for every frame that comes. */
  onFrame: (frame: ClientFrame, seat: Seat) => void;
  /** The newest command of this name on the newest socket. */
  last(name: string): ClientFrame;
  /** All of this name, on all sockets. */
  all(name: string): readonly ClientFrame[];
  say(frame: NodeFrame): void;
  /** Ends as a killed process does. */
  die(): void;
}

/** A network of scripted nodes and a clock, both simulated. Packets of one socket keep their order; a socket that is dropped loses
 *  what is under way, in both directions. */
export class World {
  #nowMs = 0;
  #order = 0;
  #timers: { readonly dueMs: number; readonly order: number; readonly callback: () => void }[] = [];
  #operations = 0;
  readonly #nodes = new Map<string, ScriptedNode>();
  online = true;
  /** What `refusal` answers; a function that is absent on clients whose sockets say why they were closed. */
  refusal: Failure | undefined;
  kept: readonly NodePlace[] = [];
  travel: () => number = () => travelMs;

  get nowMs(): number {
    return this.#nowMs;
  }

  get timers(): number {
    return this.#timers.length;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, order: this.#order++, callback };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  /** Lets time pass, and what is due in it happen. */
  pass(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      const [next] = this.#timers
        .filter((timer) => timer.dueMs <= endMs)
        .toSorted((one, other) => one.dueMs - other.dueMs || one.order - other.order);
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs = next.dueMs;
      next.callback();
    }
    this.#nowMs = endMs;
  }

  /** Lets promises that are settled be seen. */
  async settle(): Promise<void> {
    for (let count = 0; count < 10; count += 1) await Promise.resolve();
  }

  node(name: string, others: () => readonly NodePlace[] = () => []): ScriptedNode {
    const place = { name, url: `http://10.0.0.${this.#nodes.size + 1}:7070` };
    const seats: Seat[] = [];
    const node: ScriptedNode = {
      place,
      state: "well",
      refusal: undefined,
      hello: {},
      seats,
      onFrame: () => {},
      get seat() {
        const seat = seats.at(-1);
        if (seat === undefined) throw new Error(`nobody is connected to ${name}`);
        return seat;
      },
      last(command) {
        const found = node.seat.sent.findLast((frame) => frame.do === command);
        if (found === undefined) throw new Error(`no ${command} was sent to ${name}`);
        return found;
      },
      all: (command) => seats.flatMap(({ sent }) => sent.filter((frame) => frame.do === command)),
      say: (frame) => node.seat.say(frame),
      die() {
        node.state = "dead";
        for (const seat of seats) seat.drop();
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
        arrivesMs = Math.max(this.#nowMs + this.travel(), arrivesMs);
        this.after(arrivesMs - this.#nowMs, () => {
          if (!over) callback();
        });
      };
      const seat: Seat = {
        sent: [],
        open: true,
        say: (frame) => {
          const text = JSON.stringify(frame);
          travel(() => on.frame(text));
        },
        drop(reason) {
          if (over) return;
          over = true;
          seat.open = false;
          on.closed(reason);
        },
      };
      if (node === undefined || node.state === "dead") this.after(travelMs, () => seat.drop());
      else if (node.state !== "gone")
        travel(() => {
          if (node.refusal !== undefined) return seat.drop(node.refusal);
          node.seats.push(seat);
          on.opened();
          if (node.state === "mute") return;
          const hello = { version: "1", node: node.place.name, user: "ada", admin: false, heartbeatMs: 30_000 };
          seat.say({ hello: { ...hello, ...node.hello } });
        });
      return {
        send: (text) => {
          const frame = JSON.parse(text) as ClientFrame;
          travel(() => {
            if (node === undefined || node.state === "gone" || node.state === "mute") return;
            if (frame.do === "ping") return seat.say({ re: frame.id, ok: {} });
            seat.sent.push(frame);
            node.onFrame(frame, seat);
          });
        },
        close: () => {
          over = true;
          seat.open = false;
        },
      };
    },
    after: (delayMs, callback) => this.after(delayMs, callback),
    nowMs: () => this.#nowMs,
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

import { failure, passingCodes, type Failure } from "../protocols/errors.ts";
import type { ClientFrame, Degraded, Hello, NodeFrame } from "../protocols/index.ts";
import { backoffMs } from "./backoff.ts";
import { clientLimits as limits } from "./limits.ts";
import { momentOf, sinceMs, type Moment } from "./moment.ts";
import type { ClientPorts, Socket } from "./ports.ts";
import { attempted, nextAddress, routeFrom, routeOf, type Route } from "./route.ts";

/** The node that a client is at. */
export interface At {
  readonly name: string;
  readonly url: string;
  /** Whether there are others to go on at. */
  readonly amongMany: boolean;
}

/** How the connection stands. */
export type ConnectionStatus =
  | { readonly status: "connecting"; readonly attempt: number }
  /** `degraded`: the node is cut off from what it needs. */
  | { readonly status: "open"; readonly hello: Hello; readonly degraded: Degraded | undefined }
  /** `tried`: every known node has had its turn since there was a connection; `reason`: why the last attempt failed,
   *  rather one that may pass. */
  | {
      readonly status: "waiting";
      readonly retryAtMs: number;
      readonly attempt: number;
      readonly tried: boolean;
      readonly reason: Failure;
    }
  | { readonly status: "offline" }
  | { readonly status: "ended"; readonly failure: Failure };

/** What a connection reports. `status` first, then frames of the node in use other than those about the connection. */
export interface ConnectionListener {
  status(status: ConnectionStatus): void;
  frame(frame: NodeFrame): void;
}

/** A socket that was asked for. */
interface Dialled {
  readonly url: string;
  readonly socket: Socket;
  /** Closes it without another callback. */
  drop(): void;
}

const ends: ReadonlySet<string> = new Set(["UNAUTHENTICATED", "BAD_FRAME"]);

/** Keeps one WebSocket open, at one of the nodes of a cluster:
 *
 *      connecting ──► open ──► waiting ──► connecting …       offline: waits for the network
 *                                                             ended: the session is over; only signing in helps
 *
 *  A client that `roams` tries all nodes in turn. It leaves a node that is cut off as soon as another one has said
 *  hello, never before, and returns when the first is well again:
 *
 *      open ──degraded──► looks elsewhere ──hello of a better one──► open there ──hello of the first, well──► open */
export class Connection {
  readonly #ports: ClientPorts;
  readonly #on: ConnectionListener;
  readonly #given: readonly string[];
  readonly #roams: boolean;
  #status: ConnectionStatus = { status: "connecting", attempt: 0 };
  #route: Route;
  #at: At;
  /** The socket in use. */
  #current: Dialled | undefined;
  /** Sockets whose node has not said hello yet. */
  readonly #dialled = new Set<Dialled>();
  /** Attempts since the connection was stable last. */
  #attempt = 0;
  /** A reason from this round of nodes that may pass. */
  #passing: Failure | undefined;
  /** Pauses of attempts: they end, as `#dialled` does, whenever the node in use is another, or what is known of it. */
  readonly #pauses = new Set<() => void>();
  /** The node that was left because it was cut off. */
  #home: string | undefined;
  #openedAt: Moment;
  #heardAt: Moment;
  #cancelBeat: () => void = () => {};
  #closed = false;

  constructor(
    options: { readonly urls: readonly string[]; readonly roams: boolean },
    ports: ClientPorts,
    on: ConnectionListener,
  ) {
    this.#ports = ports;
    this.#on = on;
    this.#given = options.urls;
    this.#roams = options.roams;
    const kept = options.roams ? (ports.storage?.load() ?? []) : [];
    const [first = ""] = options.urls;
    this.#route =
      kept.length > 0 ? routeFrom(first, { nodes: kept, given: options.urls, chance: 0 }) : routeOf(options.urls);
    this.#at = { name: "", url: first, amongMany: this.#amongMany };
    this.#openedAt = this.#heardAt = momentOf(ports);
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** The node it is at, or was at last. */
  get at(): At {
    return this.#at;
  }

  get #amongMany(): boolean {
    return this.#route.addresses.length > 1;
  }

  start(): void {
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  /** False: there is no connection to send it on. */
  send(frame: ClientFrame): boolean {
    if (this.#current === undefined) return false;
    this.#current.socket.send(JSON.stringify(frame));
    return true;
  }

  /** The program woke up or the network came back: connects at once, or makes sure that the open connection still
   *  lives. */
  wake(): void {
    const { status } = this.#status;
    if (status === "waiting" || status === "offline") this.#connect();
    else if (status === "open") this.#probe();
  }

  /** There is no network: no use in trying. */
  sleep(): void {
    if (this.#status.status !== "waiting") return;
    this.#settle();
    this.#set({ status: "offline" });
  }

  #set(status: ConnectionStatus): void {
    this.#status = status;
    this.#on.status(status);
  }

  // --- one socket ----------------------------------------------------------------------------------------------------

  /** Opens a socket, and takes it into use when it says a `hello` that `isWanted`; else `failed` is told why not. */
  #dial(url: string, isWanted: (hello: Hello) => boolean, failed: (reason: Failure) => void): void {
    let over = false;
    let reason: Failure | undefined;
    const end = (): void => {
      over = true;
      cancelOpen();
      cancelHello();
      this.#dialled.delete(dialled);
    };
    const fail = (why?: Failure): void => {
      if (over) return;
      end();
      dialled.socket.close();
      const known = reason ?? why;
      if (this.#current === dialled) return this.#lost(known ?? failure("UNREACHABLE", { url }));
      if (known !== undefined || this.#ports.refusal === undefined)
        return failed(known ?? failure("UNREACHABLE", { url }));
      failed(failure("UNREACHABLE", { url }));
      void this.#ports.refusal(url).then((late) => this.#toldLate(late));
    };
    const receive = (text: string): void => {
      const frame = parse(text);
      if (frame === undefined) return fail(failure("UNREACHABLE", { url, reason: "not from a Plexus node" }));
      if ("bye" in frame) {
        reason = frame.bye;
        return fail();
      }
      if (!("hello" in frame)) return this.#current === dialled ? this.#heard(frame) : undefined;
      cancelOpen();
      cancelHello();
      this.#dialled.delete(dialled);
      if (isWanted(frame.hello)) return this.#adopt(dialled, frame.hello);
      reason = frame.hello.degraded?.reason;
      fail();
    };
    const cancelOpen = this.#amongMany ? this.#ports.after(limits.handshakeAmongManyMs, () => fail()) : () => {};
    const cancelHello = this.#ports.after(limits.handshakeTimeoutMs, () => fail());
    const drop = (): void => {
      if (over) return;
      end();
      dialled.socket.close();
    };
    const socket = this.#ports.open(url, {
      opened: () => cancelOpen(),
      frame: (text) => (over ? undefined : receive(text)),
      closed: (why) => fail(why),
    });
    const dialled: Dialled = { url, socket, drop };
    this.#dialled.add(dialled);
  }

  /** Why the node refused this client, where only a second question can tell. */
  #toldLate(reason: Failure | undefined): void {
    if (reason === undefined || this.#closed || this.#status.status === "open") return;
    if (ends.has(reason.code)) this.#end(reason);
    else if (this.#status.status === "waiting") this.#set({ ...this.#status, reason });
  }

  // --- the one in use ------------------------------------------------------------------------------------------------

  #connect(): void {
    if (this.#closed) return;
    this.#drop();
    this.#attempt += 1;
    this.#set({ status: "connecting", attempt: this.#attempt });
    const url = nextAddress(this.#route);
    this.#route = attempted(this.#route);
    const always = (): boolean => true;
    this.#dial(url, always, (reason) => this.#failed(reason));
  }

  /** Ends every attempt that is under way. */
  #settle(): void {
    for (const cancel of this.#pauses) cancel();
    this.#pauses.clear();
    for (const dialled of this.#dialled) dialled.drop();
  }

  /** Goes on with an attempt after a while, unless that is settled by then. */
  #pause(delayMs: number, callback: () => void): void {
    const cancel = this.#ports.after(delayMs, () => {
      this.#pauses.delete(cancel);
      callback();
    });
    this.#pauses.add(cancel);
  }

  /** Takes a connection that has said hello into use, in place of the one before. */
  #adopt(dialled: Dialled, hello: Hello): void {
    this.#settle();
    const left = this.#current;
    this.#current = dialled;
    left?.drop();
    this.#cancelBeat();
    const { url } = dialled;
    if (this.#home === url) this.#home = undefined;
    const nodes = hello.nodes ?? [];
    this.#ports.storage?.save(nodes);
    this.#learn(url, nodes, this.#given);
    this.#at = { name: nodes[0]?.name ?? hello.node, url, amongMany: this.#amongMany };
    this.#passing = undefined;
    this.#openedAt = this.#heardAt = momentOf(this.#ports);
    this.#beat(hello.heartbeatMs);
    this.#set({ status: "open", hello, degraded: undefined });
    if (hello.degraded !== undefined) this.#degraded(hello.degraded);
    else if (this.#home !== undefined) this.#returnTo(this.#home, 0);
  }

  #learn(url: string, nodes: NonNullable<Hello["nodes"]>, given: readonly string[]): void {
    this.#route = this.#roams ? routeFrom(url, { nodes, given, chance: this.#ports.chance() }) : routeOf(this.#given);
  }

  #heard(frame: NodeFrame): void {
    this.#heardAt = momentOf(this.#ports);
    if ("degraded" in frame) this.#degraded(frame.degraded ?? undefined);
    else this.#on.frame(frame);
  }

  #drop(): void {
    this.#settle();
    this.#cancelBeat();
    const current = this.#current;
    this.#current = undefined;
    current?.drop();
  }

  /** The connection in use has ended. */
  #lost(reason: Failure): void {
    this.#drop();
    if (ends.has(reason.code)) return this.#end(reason);
    if (sinceMs(this.#openedAt, this.#ports) >= limits.stableAfterMs) this.#attempt = 0;
    this.#wait(reason, false);
  }

  /** An attempt has failed. */
  #failed(reason: Failure): void {
    if (ends.has(reason.code)) return this.#end(reason);
    if (passingCodes.has(reason.code)) this.#passing = reason;
    const tried = this.#route.attempts % this.#route.addresses.length === 0;
    this.#wait(this.#passing ?? reason, tried);
    if (tried) this.#passing = undefined;
  }

  #wait(reason: Failure, tried: boolean): void {
    if (this.#closed) return;
    if (this.#ports.online?.() === false) return this.#set({ status: "offline" });
    const attempt = Math.max(1, this.#attempt);
    const delayMs = backoffMs(Math.ceil(attempt / this.#route.addresses.length), this.#ports.chance());
    this.#pause(delayMs, () => this.#connect());
    this.#set({ status: "waiting", retryAtMs: this.#ports.nowMs() + delayMs, attempt, tried, reason });
  }

  #end(reason: Failure): void {
    this.#drop();
    this.#closed = true;
    this.#set({ status: "ended", failure: reason });
  }

  // The client's own: a browser does not show the pings of a node.
  #beat(everyMs: number): void {
    this.#cancelBeat = this.#ports.after(everyMs, () => {
      const silentMs = sinceMs(this.#heardAt, this.#ports);
      if (silentMs >= everyMs * limits.silentBeatsMax) return this.#lost(failure("UNREACHABLE", { url: this.#at.url }));
      this.#ping();
      this.#beat(everyMs);
    });
  }

  #probe(): void {
    const heardAt = this.#heardAt;
    const current = this.#current;
    this.#ping();
    this.#ports.after(limits.probeTimeoutMs, () => {
      if (current !== undefined && current === this.#current && this.#heardAt === heardAt)
        this.#lost(failure("UNREACHABLE", { url: current.url }));
    });
  }

  // The answer itself is not awaited: any frame is a sign of life.
  #ping(): void {
    this.send({ id: 0, do: "ping" });
  }

  // --- a node that is cut off ----------------------------------------------------------------------------------------

  #degraded(degraded: Degraded | undefined): void {
    if (this.#status.status !== "open") return;
    this.#settle();
    const { name, url } = this.#at;
    if (degraded === undefined) {
      this.#set({ ...this.#status, degraded });
      if (this.#home !== undefined) this.#returnTo(this.#home, 0);
      return;
    }
    // What its hello lists are those that it reaches.
    const nodes = [{ name, url }, ...degraded.nodes];
    this.#ports.storage?.save(nodes);
    this.#learn(url, nodes, this.#route.addresses);
    this.#at = { name, url, amongMany: this.#amongMany };
    this.#set({ ...this.#status, degraded });
    const others = this.#route.addresses.slice(1);
    if (others.length > 0) this.#lookElsewhere(others, 1);
  }

  /** Tries the others one after the other, the next one also while the one before has not answered: it may be gone. */
  #lookElsewhere(addresses: readonly string[], round: number): void {
    const from = this.#at.url;
    let unanswered = addresses.length;
    const tryFrom = (index: number): void => {
      const url = addresses[index];
      if (url === undefined) return;
      let wentOn = false;
      const goOn = (): void => {
        if (!wentOn) tryFrom(index + 1);
        wentOn = true;
      };
      this.#pause(limits.hedgeMs, goOn);
      const isBetter = ({ degraded }: Hello): boolean => {
        if (degraded === undefined) this.#home ??= from;
        return degraded === undefined;
      };
      this.#dial(url, isBetter, () => {
        unanswered -= 1;
        goOn();
        if (unanswered > 0) return;
        this.#pause(backoffMs(round, this.#ports.chance()), () => this.#lookElsewhere(addresses, round + 1));
      });
    };
    tryFrom(0);
  }

  #returnTo(url: string, round: number): void {
    const waitMs = Math.min(limits.returnMaxMs, limits.returnFirstMs * 2 ** Math.min(round, 16));
    const isWell = ({ degraded }: Hello): boolean => degraded === undefined;
    this.#pause(waitMs * (0.5 + this.#ports.chance() / 2), () =>
      this.#dial(url, isWell, () => this.#returnTo(url, round + 1)),
    );
  }
}

function parse(text: string): NodeFrame | undefined {
  try {
    const frame: unknown = JSON.parse(text);
    if (typeof frame !== "object" || frame === null || Array.isArray(frame)) return undefined;
    return "hello" in frame && !isHello(frame.hello) ? undefined : (frame as NodeFrame);
  } catch {
    return undefined;
  }
}

/** Whether a node began the connection: another program may say hello as well. */
function isHello(said: unknown): boolean {
  const { node, heartbeatMs } = (said ?? {}) as { readonly [field: string]: unknown };
  return typeof node === "string" && typeof heartbeatMs === "number" && heartbeatMs > 0;
}

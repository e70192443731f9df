/** Typed messages between nodes, on top of the Transport port: every message is a row of `protocols/mesh`, is checked
 *  when it arrives, and goes to the one part that registered for it. Some are calls, which have an answer and a
 *  deadline.
 *
 *      part ─ send / call ─► [name, call, body] ─► Transport ─► check ─► handler
 *        ▲                                                                  │
 *        └──── check ◄──── Transport ◄──── ["", call, answer] ◄─────────────┘
 *
 *  A peer that sends what is no message or no answer loses its connection; nothing else is touched. A peer of a later
 *  version may say more than the rows here know: its fields are left out, its messages are not taken, and the
 *  connection stays. */
import {
  assert,
  encodedBytesMax,
  failure,
  failureOf,
  refused,
  wireLimits,
  type Failure,
  type Result,
} from "../../../protocols/index.ts";
import {
  meshMessages,
  messageName,
  type Channel,
  type MeshAnswer,
  type MeshBody,
  type MeshCall,
  type MeshName,
} from "../../../protocols/mesh/index.ts";
import type { Clock, Log, Meter, NodeId, Transport } from "../../ports/index.ts";
import { callLimits } from "./limits.ts";
import { answerOf, channelOf, fits, saidIn } from "./shapes.ts";

export { askEach } from "./asking.ts";

/** What handlers give back: nothing for a message, a result for a call. */
type Handled = void | Result<unknown> | Promise<Result<unknown>>;
type HandledOf<Name extends MeshName> = Name extends MeshCall
  ? Result<MeshAnswer<Name>> | Promise<Result<MeshAnswer<Name>>>
  : void;

export interface Exchange {
  readonly node: NodeId;
  peers(): readonly NodeId[];
  /** Registers the one handler of a message. It must not throw for what a peer says: that would be a fault of ours. */
  on<Name extends MeshName>(name: Name, handler: (body: MeshBody<Name>, from: NodeId) => HandledOf<Name>): void;
  /** Sends without an answer. False: not sent, see `Transport.send`. To oneself it arrives at once. */
  send<Name extends MeshName>(to: NodeId, name: Name, body: MeshBody<Name>): boolean;
  /** Lets messages of the kind that was sent leave now, see `Transport.flush`. */
  flush(to: NodeId, name: MeshName): void;
  /** Sends and waits for the answer. Never rejects. Errors beside those of the handler: UNREACHABLE (not_started: there
   *  was no connection), TOO_LARGE (the body, or the answer), PEER_LOST (unknown: it ended, or no answer came in time),
   *  VERSION_UNSUPPORTED (the peer's version does not know this message), BAD_FRAME (what the peer answered is no
   *  answer; its connection is ended). */
  call<Name extends MeshCall>(
    to: NodeId,
    name: Name,
    body: MeshBody<Name>,
    timeoutMs: number,
  ): Promise<Result<MeshAnswer<Name>>>;
  /** Ends the connection with a peer that says what no member says. */
  disconnect(peer: NodeId, reason: Failure): void;
  /** Hears of connections as they come and go. */
  onPeer(listener: { connected?(peer: NodeId): void; disconnected?(peer: NodeId): void }): void;
}

interface OpenCall {
  readonly to: NodeId;
  readonly name: MeshCall;
  readonly cancel: () => void;
  settle(result: Result<unknown>): void;
}

const { callsPerPeerMax, unknownNamesMax } = callLimits;

export function createExchange(ports: {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
}): Exchange {
  const { transport, clock, log, meter } = ports;
  const handlers = new Map<string, (body: never, from: NodeId) => Handled>();
  const listeners: { connected?(peer: NodeId): void; disconnected?(peer: NodeId): void }[] = [];
  const open = new Map<number, OpenCall>();
  const perPeer = new Map<NodeId, number>();
  /** Counts the connections with each peer: what was asked over one is not answered over another, where the number of
   *  the call may be somebody else's. */
  const connections = new Map<NodeId, number>();
  const unknownNames = new Set<string>();
  let nextCall = 0;

  const settle = (call: number, result: Result<unknown>): void => {
    const waiting = open.get(call);
    if (waiting === undefined) return;
    open.delete(call);
    const left = (perPeer.get(waiting.to) ?? 0) - 1;
    assert(left >= 0, "a call is counted while it is open");
    perPeer.set(waiting.to, left);
    waiting.cancel();
    waiting.settle(result);
  };

  const refuseFrame = (from: NodeId, reason: string): void => {
    meter.count("mesh_bad_frames");
    transport.disconnect(from, failure("BAD_FRAME", { reason }));
  };

  /** A message of a later version. Nothing here can act on it, and only a call waits for something. */
  const passOver = (from: NodeId, channel: Channel, name: string, call: number): void => {
    meter.count("mesh_unknown_messages");
    const seen = `${from} ${name}`;
    if (unknownNames.size < unknownNamesMax && !unknownNames.has(seen)) {
      unknownNames.add(seen);
      log.warn("mesh.message.unknown", { from, name, call: call !== 0 });
    }
    if (call !== 0) transport.send(from, channel, ["", call, refused(failure("VERSION_UNSUPPORTED", { name }))]);
  };

  /** Runs a handler; a fault in it is ours, and must not look like a refusal of the peer's message. */
  const handle = (name: string, body: unknown, from: NodeId): Handled => {
    try {
      return handlers.get(name)?.(body as never, from);
    } catch (error) {
      log.error("mesh.handler.failed", { name, from, error });
      return refused(failureOf(error));
    }
  };

  const received = (from: NodeId, channel: Channel, frame: unknown): void => {
    if (!Array.isArray(frame) || frame.length !== 3 || !Number.isSafeInteger(frame[1]))
      return refuseFrame(from, "not a message");
    const [name, call, body] = frame as [unknown, number, unknown];
    if (name === "") {
      // An answer. One that nobody waits for came too late.
      const asked = open.get(call);
      if (asked?.to !== from) return;
      const result = answerOf(asked.name, body);
      if (result !== undefined) return settle(call, result);
      const reason = `the answer to ${asked.name} does not fit its schema`;
      settle(call, refused(failure("BAD_FRAME", { node: from, name: asked.name, reason })));
      return refuseFrame(from, reason);
    }
    if (typeof name !== "string" || !messageName.test(name)) return refuseFrame(from, "not a message");
    const travelsOn = channelOf(name);
    if (travelsOn === undefined) return passOver(from, channel, name, call);
    if (travelsOn !== channel) return refuseFrame(from, `${name} does not travel on this channel`);
    const said = saidIn(name, body);
    if (said === undefined) return refuseFrame(from, `${name} does not fit its schema`);
    const handled = handle(name, said, from);
    if (call === 0) return;
    const connection = connections.get(from);
    const answer = (result: Result<unknown>): void => {
      if (connections.get(from) !== connection || transport.send(from, channel, ["", call, result])) return;
      const tooLarge = oversize(result);
      if (tooLarge) transport.send(from, channel, ["", call, refused(tooLarge)]);
    };
    if (handled instanceof Promise) {
      handled.then(answer, (error: unknown) => {
        log.error("mesh.handler.failed", { name, from, error });
        answer(refused(failureOf(error)));
      });
    } else {
      answer(handled ?? refused(failure("BAD_REQUEST", { reason: `${name} has no answer here` })));
    }
  };

  transport.listen({
    received,
    connected: (peer) => {
      for (const listener of listeners) listener.connected?.(peer);
    },
    disconnected: (peer) => {
      for (const [call, { to }] of open) if (to === peer) settle(call, refused(failure("PEER_LOST", { node: peer })));
      perPeer.delete(peer);
      connections.set(peer, (connections.get(peer) ?? 0) + 1);
      for (const listener of listeners) listener.disconnected?.(peer);
    },
  });

  return {
    node: transport.node,
    peers: () => transport.peers(),
    on(name, handler) {
      handlers.set(name, handler as (body: never, from: NodeId) => Handled);
    },
    send(to, name, body) {
      if (to !== transport.node) return transport.send(to, meshMessages[name].channel, [name, 0, body]);
      clock.soon(() => void handle(name, body, to));
      return true;
    },
    flush: (to, name) => transport.flush(to, meshMessages[name].channel),
    call(to, name, body, timeoutMs) {
      if (to === transport.node) {
        return new Promise((resolve) => {
          // Unchecked: the handler's own type says that it fits.
          const settled = resolve as OpenCall["settle"];
          clock.soon(() => {
            const handled = handle(name, body, to);
            if (handled instanceof Promise)
              handled.then(settled, (error: unknown) => settled(refused(failureOf(error))));
            else settled(handled ?? refused(failure("BAD_REQUEST", { reason: `${name} has no answer here` })));
          });
        });
      }
      const waiting = perPeer.get(to) ?? 0;
      if (waiting >= callsPerPeerMax) return Promise.resolve(refused(failure("OVERLOADED", { callsPerPeerMax })));
      nextCall += 1;
      const call = nextCall;
      return new Promise((resolve) => {
        if (!transport.send(to, meshMessages[name].channel, [name, call, body])) {
          resolve(refused(oversize(body) ?? failure("UNREACHABLE", { node: to })));
          return;
        }
        perPeer.set(to, waiting + 1);
        const cancel = clock.after(timeoutMs, () =>
          settle(call, refused(failure("PEER_LOST", { node: to, because: "no answer in time", timeoutMs }))),
        );
        open.set(call, { to, name, cancel, settle: resolve as OpenCall["settle"] });
      });
    },
    disconnect: (peer, reason) => transport.disconnect(peer, reason),
    onPeer: (listener) => void listeners.push(listener),
  };
}

/** Why a body that others made must not be sent: its receiver would take this node for none of the cluster, and end the
 *  connection. */
export function misfit(name: MeshName, body: unknown): Failure | undefined {
  return fits(name, body)
    ? undefined
    : failure("BAD_REQUEST", { reason: "it has more than one message between nodes takes, or fields of other kinds" });
}

/** Why a body can never be sent. Asked when it was not: most that are not sent find a full queue. */
export function oversize(body: unknown): Failure | undefined {
  const { peerMessageBytesMax } = wireLimits;
  const bodyBytes = encodedBytesMax(body);
  return bodyBytes > peerMessageBytesMax ? failure("TOO_LARGE", { bodyBytes, peerMessageBytesMax }) : undefined;
}

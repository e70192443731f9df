/** libp2p as the mesh uses it: TCP, noise, yamux, and no service of its own. Every setting here that is not obvious
 *  answers a measured trap. */
import { isIP } from "node:net";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import {
  start,
  stop,
  type ComponentLogger,
  type Connection,
  type ConnectionGater,
  type Libp2p,
  type Logger,
  type MessageStream,
  type PrivateKey,
  type Startable,
} from "@libp2p/interface";
import { mdns, type MulticastDNSComponents } from "@libp2p/mdns";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { failure, PlexusError } from "../../../protocols/index.ts";
import type { MeshLimits } from "./limits.ts";

/** Larger windows than `maxReadBufferLength` reset slow readers; fixed, because the tuning needs yamux's own pings. */
const windowBytes = 1024 * 1024;
const yamuxHeaderBytes = 12;
/** So much is read of a stream before its sender is told that it may send as much more. Yamux tells of each frame: then
 *  a small message has a packet back that wakes its sender. A quarter of the smallest window that a peer has. */
const windowStepBytes = 64 * 1024;

/** A pair has two streams on one connection and one on the other; a joining node has one. */
const streamsPerConnectionMax = 8;

const keepAliveAfterMs = 30_000;

// The debug logger of libp2p formats and allocates on every stream, also when nobody reads it.
const silent: Logger = Object.assign(() => undefined, {
  error: () => undefined,
  trace: () => undefined,
  enabled: false,
  newScope: () => silent,
});
const silentLogger: ComponentLogger = { forComponent: () => silent };

/** The multiaddr of an IP address and a port. Error: CONFIG_INVALID. */
export function listenAddress(host: string, port: number): string {
  const address = host === "localhost" ? "127.0.0.1" : host;
  const family = isIP(address);
  if (family === 0) {
    throw new PlexusError(failure("CONFIG_INVALID", { field: "mesh.host", host, reason: "not an IP address" }));
  }
  return `/ip${family}/${address}/tcp/${port}`;
}

/** Looks around by mDNS. Not as libp2p's own peer discovery, which would keep every stranger that ever announced
 *  itself, and tell of each peer only once. */
const lookout =
  (found: (peer: string, addresses: readonly string[]) => void) =>
  (components: MulticastDNSComponents): Startable => {
    const discovery = mdns({ serviceTag: "_plexus._udp.local" })(components);
    discovery.addEventListener("peer", ({ detail }) => found(detail.id.toString(), detail.multiaddrs.map(String)));
    return { start: () => start(discovery), stop: () => stop(discovery) };
  };

/** Noise hands its lengths, texts and tags on one by one, and the transport makes a system call of each, which without
 *  delay is a packet of each. Joined, a message alone costs a fifth less. */
const noiseInOnePiece: ReturnType<typeof noise> = (components) => {
  const encrypter = noise()(components);
  const inbound = encrypter.secureInbound.bind(encrypter);
  const outbound = encrypter.secureOutbound.bind(encrypter);
  encrypter.secureInbound = (stream, options) => inbound(inOnePiece(stream), options);
  encrypter.secureOutbound = (stream, options) => outbound(inOnePiece(stream), options);
  return encrypter;
};

/** A stream that sends each message as one piece, whatever that is put together of. */
export function inOnePiece<S extends Pick<MessageStream, "send">>(stream: S): S {
  const send = stream.send.bind(stream);
  stream.send = (data) => send(data instanceof Uint8Array ? data : data.subarray());
  return stream;
}

/** The fields of yamux's own streams and muxers that are used here. */
interface YamuxStream {
  readonly state: number;
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  sendWindowUpdate(): void;
}
interface YamuxMuxer {
  readonly decoder: { readonly buffer: { readonly byteLength: number } };
  _newStream(...given: readonly unknown[]): YamuxStream;
}
const established = 3;

/** Before a stream is established, what is said of its window says that it was taken as well. */
function tellingInSteps(stream: YamuxStream): YamuxStream {
  const tell = stream.sendWindowUpdate.bind(stream);
  stream.sendWindowUpdate = () => {
    if (stream.state !== established || stream.recvWindow - stream.recvWindowCapacity >= windowStepBytes) tell();
  };
  return stream;
}

/** Yamux holds back a frame until it has arrived whole, whatever length it claims, and looks at its window only then.
 *  An honest one is never longer than that. */
const yamuxInBounds: ReturnType<typeof yamux> = () => {
  const factory = yamux({
    enableKeepAlive: false,
    maxInboundStreams: streamsPerConnectionMax,
    maxOutboundStreams: streamsPerConnectionMax,
    streamOptions: { initialStreamWindowSize: windowBytes, maxStreamWindowSize: windowBytes },
  })();
  const create = factory.createStreamMuxer.bind(factory);
  factory.createStreamMuxer = (connection) => {
    const muxer = create(connection);
    const own = muxer as unknown as YamuxMuxer;
    const { decoder } = own;
    const begin = own._newStream.bind(own);
    own._newStream = (...given) => tellingInSteps(begin(...given));
    const read = muxer.onData.bind(muxer);
    muxer.onData = (bytes) => {
      read(bytes);
      if (decoder.buffer.byteLength > yamuxHeaderBytes + windowBytes) throw new Error("a frame larger than any window");
    };
    return muxer;
  };
  return factory;
};

/** Makes libp2p, which does nothing before `startSwarm`. */
export function createSwarm(options: {
  readonly key: PrivateKey;
  readonly listen: readonly string[];
  readonly announce?: readonly string[];
  readonly gater: ConnectionGater;
  /** Set: members are looked for on the local network, and every answer is reported. */
  readonly found?: (peer: string, addresses: readonly string[]) => void;
  readonly limits: MeshLimits;
}): Promise<Libp2p> {
  const { limits } = options;
  const keepAlive = { noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveAfterMs };
  return createLibp2p({
    start: false,
    privateKey: options.key,
    addresses: { listen: [...options.listen], announce: [...(options.announce ?? [])] },
    transports: [
      tcp({
        // A bulk connection may have nothing to say for hours. The mesh watches its peers itself.
        inboundSocketInactivityTimeout: 0,
        outboundSocketInactivityTimeout: 0,
        dialOpts: keepAlive,
        listenOpts: keepAlive,
      }),
    ],
    connectionEncrypters: [noiseInOnePiece],
    streamMuxers: [yamuxInBounds],
    connectionGater: options.gater,
    // It aborts healthy connections whose event loop was busy for a few seconds.
    connectionMonitor: { enabled: false },
    connectionManager: {
      // Five a second from one address by default: a cluster on one machine would lock itself out.
      inboundConnectionThreshold: Infinity,
      // The gate counts them, and makes room by itself.
      maxIncomingPendingConnections: Infinity,
      maxConnections: limits.connectionsMax,
      reconnectRetries: 0,
      dialTimeout: limits.dialTimeoutMs,
      addressDialTimeout: limits.dialTimeoutMs,
      maxPeerAddrsToDial: limits.addressesMax,
      // In the order given: libp2p's own order might begin with a dead address each time.
      addressSorter: () => 0,
      inboundUpgradeTimeout: limits.handshakeTimeoutMs,
      inboundStreamProtocolNegotiationTimeout: limits.handshakeTimeoutMs,
      outboundStreamProtocolNegotiationTimeout: limits.handshakeTimeoutMs,
      connectionCloseTimeout: limits.closeTimeoutMs,
    },
    ...(options.found === undefined ? {} : { services: { lookout: lookout(options.found) } }),
    logger: silentLogger,
  });
}

/** Why something failed, as text. libp2p and the streams do not always reject with an error: also with events and
 *  lists. */
export function textOf(thrown: unknown): string {
  if (thrown instanceof AggregateError && thrown.errors.length > 0)
    return [...new Set(thrown.errors.map(textOf))].join("; ");
  if (thrown instanceof Error) return String(thrown);
  const { error, type } = (thrown ?? {}) as { readonly error?: unknown; readonly type?: unknown };
  if (error !== undefined && error !== null) return textOf(error);
  if (typeof type === "string") return type.toLowerCase().includes("close") ? "the connection was closed" : type;
  return String(thrown);
}

/** Ends a connection at once. */
export function cut(connection: Connection, reason: string): void {
  const error = new Error(reason);
  try {
    connection.abort(error);
  } catch {
    // Yamux wants to say goodbye on a connection that is already closed, and throws before the socket is let go. It
    // tries that only once.
    connection.abort(error);
  }
}

/** Why an address cannot be listened on, by the system's code, which libp2p hands on in its text only. */
const listenRefusals: Readonly<Record<string, { readonly field: string; readonly reason: string }>> = {
  EADDRNOTAVAIL: {
    field: "mesh.host",
    reason: "this machine has no such address; name one of its own (--mesh-host), or 0.0.0.0 for all of them",
  },
  EADDRINUSE: {
    field: "mesh.port",
    reason: "another program has this port; choose another with --mesh-port, or 0 for any free one",
  },
  EACCES: { field: "mesh.port", reason: "permission denied; choose a port above 1023 (--mesh-port)" },
};

/** Listens and looks around. Error: CONFIG_INVALID, when it cannot listen. */
export async function startSwarm(swarm: Libp2p): Promise<void> {
  try {
    await swarm.start();
  } catch (error) {
    await swarm.stop();
    const [, because, code] = /Error: (listen (E[A-Z]+)[^\n]*)/.exec(String(error)) ?? [];
    const known = listenRefusals[code ?? ""];
    const told = known ? { ...known, because } : { field: "mesh.host", reason: because ?? String(error) };
    const invalid = failure("CONFIG_INVALID", told);
    const [, port] = /:(\d+)$/.exec(because ?? "") ?? [];
    const message =
      code === "EADDRINUSE"
        ? `Port ${port ?? "for other nodes"} is in use by another process; choose one for other nodes with --mesh-port.`
        : `The node cannot listen for other nodes: ${told.reason}.`;
    throw new PlexusError({ ...invalid, message }, error);
  }
}

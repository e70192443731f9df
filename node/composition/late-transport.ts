import type { NodeId, Transport, TransportListener } from "../ports.ts";

/** A transport that is there before the mesh is: the parts of a node are made on it, and the mesh needs what they know.
 *  Until `attach` nobody can be sent to. */
export interface LateTransport extends Transport {
  attach(transport: Transport): void;
}

export function createLateTransport(node: NodeId): LateTransport {
  let listener: TransportListener | undefined;
  let attached: Transport | undefined;
  return {
    node,
    send: (to, channel, message) => attached?.send(to, channel, message) ?? false,
    flush: (to, channel) => attached?.flush(to, channel),
    peers: () => attached?.peers() ?? [],
    listen: (heard) => void (listener = heard),
    disconnect: (peer, reason) => attached?.disconnect(peer, reason),
    attach(transport) {
      attached = transport;
      if (listener !== undefined) transport.listen(listener);
    },
  };
}

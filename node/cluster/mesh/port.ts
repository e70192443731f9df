import type { Mesh } from "./index.ts";
import type { Failure } from "../../../protocols/index.ts";
import type { MemberRecord, NodeId, Transport, TransportListener } from "../../ports/index.ts";
import { nodeIdOf } from "./node-id.ts";

/** A mesh's place before the mesh is there: a peer is made on it, and the mesh needs what the peer knows. Until the
 *  mesh is open nobody can be sent to, and nobody is refused. */
export interface MeshPort {
  readonly transport: Transport;
  /** The mesh once it is open. */
  readonly mesh: Mesh | undefined;
  /** Resolves when the mesh is open. */
  readonly opened: Promise<Mesh>;
  /** Opens the mesh, once. */
  open(start: () => Promise<Mesh>): Promise<Mesh>;
  /** See `Mesh.located`. */
  located(node: NodeId, addresses: readonly string[]): void;
  /** See `Mesh.refusals`. */
  refusals(): ReadonlyMap<NodeId, Failure>;
  /** Also ends a mesh that is being opened. */
  stop(deadlineMs: number): Promise<void>;
}

/** Makes the place. */
export function createMeshPort(node: NodeId): MeshPort {
  const opened = Promise.withResolvers<Mesh>();
  let listener: TransportListener | undefined;
  let opening: Promise<Mesh> | undefined;
  let mesh: Mesh | undefined;
  const transport: Transport = {
    node,
    send: (to, channel, message) => mesh?.transport.send(to, channel, message) ?? false,
    flush: (to, channel) => mesh?.transport.flush(to, channel),
    peers: () => mesh?.transport.peers() ?? [],
    disconnect: (peer, reason) => mesh?.transport.disconnect(peer, reason),
    listen: (heard) => void (listener = heard),
  };
  return {
    transport,
    get mesh() {
      return mesh;
    },
    opened: opened.promise,
    async open(start) {
      opening = start();
      mesh = await opening;
      if (listener !== undefined) mesh.transport.listen(listener);
      opened.resolve(mesh);
      return mesh;
    },
    located: (other, addresses) => mesh?.located(other, addresses),
    refusals: () => mesh?.refusals() ?? new Map(),
    stop: async (deadlineMs) => (await opening?.catch(() => undefined))?.stop(deadlineMs),
  };
}

/** What a node learns of other members by the word of a third: where they listen, and who they are. The id has to be
 *  made from the key, and the folder must not know that the node of that key was taken out. */
export const byWordOfThird = (
  port: Pick<MeshPort, "located">,
  home: { readonly now: { readonly evicted?: readonly string[] } },
) => ({
  located: (other: NodeId, addresses: readonly string[]): void => port.located(other, addresses),
  mayBelong: (record: MemberRecord): boolean =>
    record.node === nodeIdOf(record) && home.now.evicted?.includes(record.peer) !== true,
});

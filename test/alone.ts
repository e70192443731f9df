/** A peer that is a cluster of one, on a store of the caller's. */
import type { AnyBehavior } from "../actors/behavior.ts";
import { createMeshPort } from "../node/composition/mesh-port.ts";
import { createPeer, type Peer, type PeerOptions } from "../node/composition/peer.ts";
import type { Clock, Log, Meter, Random, Store } from "../node/ports.ts";
import { openJournal, type Journal } from "../node/storage/index.ts";
import { roles } from "../protocols/index.ts";
import type { Engines } from "../runtimes/engine.ts";
import { ownRecord } from "./members.ts";

export interface AloneOptions {
  readonly node?: string;
  readonly store: Store;
  readonly behaviors: readonly AnyBehavior[];
  readonly engines: Engines;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: NonNullable<PeerOptions["limits"]>;
}

/** Starts it; it holds every role. */
export async function startAlone(options: AloneOptions): Promise<{ readonly peer: Peer; readonly journal: Journal }> {
  const { node = "alone", store, clock, log, meter } = options;
  const identity = { cluster: "c1", node };
  const journal = await openJournal({ store, clock, log, meter, identity });
  const peer = createPeer({
    ...options,
    node,
    cluster: "c1",
    journal,
    transport: createMeshPort(node).transport,
    directory: { kind: "embedded", host: node },
    policy: { replicas: 3, minInSync: 1 },
    seed: [],
  });
  const record = ownRecord(node, { name: node, roles });
  const joined = await peer.start(record, { found: true });
  if (!joined.ok) throw new Error(`the peer did not start: ${JSON.stringify(joined.error)}`);
  return { peer, journal };
}

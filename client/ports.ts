import type { Failure, NodePlace } from "../protocols/index.ts";

/** What a client needs of the world, so that its rules can be tested without one. `standard.ts` has all of it for
 *  browsers and for Node. */
export interface ClientPorts {
  /** Opens a WebSocket to the node at `url` (an http or https address) and calls back until `closed`, which may say
   *  why. */
  open(
    url: string,
    on: {
      readonly opened: () => void;
      readonly frame: (text: string) => void;
      readonly closed: (reason?: Failure) => void;
    },
  ): Socket;
  /** Calls back once after `delayMs`, later where the machine sleeps meanwhile; the returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
  /** The wall clock: it goes on while the machine sleeps, and may be set. */
  nowMs(): number;
  /** A clock that is never set; it may stand still while the machine sleeps. */
  monotonicMs(): number;
  /** A number in [0, 1). */
  chance(): number;
  /** A fresh id under which a change is made at most once. */
  operationId(): string;
  /** Asks in another way why the node at `url` does not have us: to many sockets a refused upgrade looks like a node
   *  that is down. Undefined: the reason is not known. Absent: `closed` says it. */
  refusal?(url: string): Promise<Failure | undefined>;
  /** False: there is no network, so no attempt is made. Absent: the platform cannot tell. */
  online?(): boolean;
  /** Keeps what a node said about others: it is needed when the node can no longer be asked. Absent: nothing is
   *  kept. */
  readonly storage?: NodeStorage;
}

/** An open WebSocket, or one that opens. */
export interface Socket {
  send(text: string): void;
  close(): void;
}

/** Where the places of a cluster's nodes are kept between two runs of a program. */
export interface NodeStorage {
  load(): readonly NodePlace[];
  save(nodes: readonly NodePlace[]): void;
}

import type { Publisher } from "../ports.ts";

/** Takes one event of a followed topic. `at` is absent for best-effort events. Must not throw or wait. */
export type Follower = (event: unknown, at: number | undefined) => void;

/** Where the kernel publishes and the gateway listens, wherever in the cluster either is. */
export interface Hub extends Publisher {
  /** Hears every event of `topic` from now on, until the returned function is called. `onGap` is called when events may
   *  have been missed: the topic moved to another node, or a connection between nodes broke. */
  follow(topic: string, follower: Follower, onGap?: () => void): () => void;
}

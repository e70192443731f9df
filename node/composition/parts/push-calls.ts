/** Whom a node follows for those who are told while away. */
import type { Publisher } from "../../ports/index.ts";

/** Accounts that come up at this node and have somebody to tell while away: they say so, and nobody but their node
 *  hears it. */
export interface PushCalls {
  /** What actors publish, without what is said to this node alone. */
  over(publisher: Publisher): Publisher;
  follow(listener: (user: string) => void): () => void;
}

/** Makes it. */
export function createPushCalls(): PushCalls {
  const known = new Set<string>();
  const listeners = new Set<(user: string) => void>();
  return {
    over: (publisher) => ({
      publish(actor, event, ...where) {
        if ((event as { readonly type?: unknown }).type !== "pushWatched")
          return publisher.publish(actor, event, ...where);
        const user = actor.slice("user/".length);
        // Remembered for those who listen later: the gateway opens after the actors.
        if (listeners.size === 0) known.add(user);
        for (const listener of listeners) listener(user);
      },
    }),
    follow(listener) {
      listeners.add(listener);
      for (const user of known) listener(user);
      known.clear();
      return () => void listeners.delete(listener);
    },
  };
}

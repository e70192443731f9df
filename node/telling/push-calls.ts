/** Whom a node follows for those who are told while away. */
import { activityActor } from "../../protocols/index.ts";
import type { Publisher } from "../ports/index.ts";

/** What accounts say to their node, and nobody else hears: they have somebody to tell while away; it is time to look
 *  whether there is mail to send. */
export interface PushCalls {
  /** What actors publish, without what is said to this node alone. */
  over(publisher: Publisher): Publisher;
  /** Accounts with browsers that take notices, as they come up here. */
  follow(listener: (user: string) => void): () => void;
  /** Accounts whose time for mail has come. */
  onDigest(listener: (user: string) => void): () => void;
  /** A report waits to be sent by mail. */
  onReport(listener: () => void): () => void;
}

/** Makes it. */
export function createPushCalls(): PushCalls {
  const known = new Set<string>();
  const listeners = new Set<(user: string) => void>();
  const ofDigests = new Set<(user: string) => void>();
  const ofReports = new Set<() => void>();
  return {
    over: (publisher) => ({
      publish(actor, event, ...where) {
        const { type } = event as { readonly type?: unknown };
        if (type === "reportDue" && actor === activityActor) {
          for (const listener of ofReports) listener();
          return undefined;
        }
        if (type !== "pushWatched" && type !== "digestDue") return publisher.publish(actor, event, ...where);
        const user = actor.slice("user/".length);
        // Nobody listens yet: the account says it again.
        if (type === "digestDue") for (const listener of ofDigests) listener(user);
        if (type === "digestDue") return undefined;
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
    onDigest(listener) {
      ofDigests.add(listener);
      return () => void ofDigests.delete(listener);
    },
    onReport(listener) {
      ofReports.add(listener);
      return () => void ofReports.delete(listener);
    },
  };
}

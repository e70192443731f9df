import type { Hub } from "../../../node/ports/index.ts";
import type { EventFollower } from "../../../node/ports/cluster.ts";

/** A hub within one process, which misses nothing. An event nobody follows costs one look-up. */
export function createHub(): Hub {
  const topics = new Map<string, Set<EventFollower>>();
  return {
    publish(topic, event, at) {
      const followers = topics.get(topic);
      if (followers !== undefined) for (const follower of followers) follower(event, at);
    },
    follow(topic, follower) {
      const followers = topics.get(topic) ?? new Set<EventFollower>();
      topics.set(topic, followers);
      followers.add(follower);
      return () => {
        followers.delete(follower);
        if (followers.size === 0 && topics.get(topic) === followers) topics.delete(topic);
      };
    },
  };
}

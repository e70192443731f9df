/** Which actors of the cluster take the most turns, for whoever looks at it. Every node is asked for what it measured last;
 *  one that is down or slow is left out, because a summary is wanted most when something does not answer. */
import type { ActorId, BusyActor } from "../../protocols/index.ts";
import type { Exchange } from "../exchange.ts";
import type { Clock, Membership } from "../ports.ts";
import type { PlacementLimits } from "./limits.ts";

/** What the returned function resolves with: the busiest first, or undefined when nobody answered. */
export function createBusiest(ports: {
  readonly exchange: Exchange;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly limits: PlacementLimits;
}): () => Promise<readonly BusyActor[] | undefined> {
  const { exchange, membership, clock, limits } = ports;
  let last: Promise<readonly BusyActor[] | undefined> | undefined;
  let askedMs = 0;

  const ask = async (): Promise<readonly BusyActor[] | undefined> => {
    const up = membership.members().members.filter(({ node }) => membership.isUp(node));
    const reports = await Promise.all(
      up.map(async ({ node }) => {
        const answer = await exchange.call(node, "placement.load", {}, limits.busiestTimeoutMs);
        return { node, report: answer.ok ? answer.value : undefined };
      }),
    );
    const busy = new Map<ActorId, BusyActor>();
    for (const { node, report } of reports) {
      for (const [actor, , turnsPerSecond] of report?.actors ?? []) {
        // Two name one that has just moved: it is where it is busier.
        if (turnsPerSecond > (busy.get(actor)?.turnsPerSecond ?? 0)) busy.set(actor, { actor, node, turnsPerSecond });
      }
    }
    if (reports.every(({ report }) => report === undefined)) return undefined;
    return [...busy.values()]
      .sort((one, other) => other.turnsPerSecond - one.turnsPerSecond || (one.actor < other.actor ? -1 : 1))
      .slice(0, limits.busiestMax);
  };

  return () => {
    const nowMs = clock.monotonicMs();
    // Many who look at once share one question.
    if (last === undefined || nowMs - askedMs >= limits.busiestFreshMs) {
      askedMs = nowMs;
      last = ask();
    }
    return last;
  };
}

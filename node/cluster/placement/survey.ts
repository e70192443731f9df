/** What the nodes say of themselves to people who look at the cluster. Every node is asked for what it measured last;
 *  one that is down or slow is left out, because a summary is wanted most when something does not answer. */
import type { ActorId, BusyActor } from "../../../protocols/index.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Clock, Membership, NodeId } from "../../ports/index.ts";
import type { SlotTable } from "../facts/slot-table.ts";
import type { PlacementLimits } from "./limits.ts";
import { ofOwnSlots } from "./load.ts";

export interface Survey {
  /** Which actors take the most turns, the busiest first; undefined when nobody answered. */
  readonly busiest: readonly BusyActor[] | undefined;
  /** How many turns slots take in a second, as their owners say. */
  readonly turns: ReadonlyMap<string, number>;
  /** Nodes whose disk takes nothing. */
  readonly refusing: ReadonlySet<NodeId>;
}

/** The returned function asks all nodes at most every `surveyFreshMs`. */
export function createSurvey(ports: {
  readonly exchange: Exchange;
  readonly membership: Membership;
  readonly table: SlotTable;
  readonly clock: Clock;
  readonly limits: PlacementLimits;
}): () => Promise<Survey> {
  const { exchange, membership, table, clock, limits } = ports;
  let last: Promise<Survey> | undefined;
  let askedMs = 0;

  const ask = async (): Promise<Survey> => {
    const up = membership.members().members.filter(({ node }) => membership.isUp(node));
    const reports = await Promise.all(
      up.map(async ({ node }) => {
        const answer = await exchange.call(node, "placement.load", {}, limits.surveyTimeoutMs);
        return { node, report: answer.ok ? ofOwnSlots(node, answer.value, table) : undefined };
      }),
    );
    const busy = new Map<ActorId, BusyActor>();
    for (const { node, report } of reports) {
      for (const [actor, , turnsPerSecond] of report?.actors ?? []) {
        // Two name one that has just moved: it is where it is busier.
        if (turnsPerSecond > (busy.get(actor)?.turnsPerSecond ?? 0)) busy.set(actor, { actor, node, turnsPerSecond });
      }
    }
    const ranked = [...busy.values()]
      .sort((one, other) => other.turnsPerSecond - one.turnsPerSecond || (one.actor < other.actor ? -1 : 1))
      .slice(0, limits.busiestMax);
    return {
      busiest: reports.every(({ report }) => report === undefined) ? undefined : ranked,
      turns: new Map(reports.flatMap(({ report }) => report?.slots ?? [])),
      refusing: new Set(reports.flatMap(({ node, report }) => (report?.refuses === true ? [node] : []))),
    };
  };

  return () => {
    const nowMs = clock.monotonicMs();
    // Callers at the same time share one question.
    if (last === undefined || nowMs - askedMs >= limits.surveyFreshMs) {
      askedMs = nowMs;
      last = ask();
    }
    return last;
  };
}

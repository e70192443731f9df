import {
  countRequests,
  createObserveControl,
  keepHistory,
  keepLines,
  keepSpans,
  type OwnMemory,
} from "../../../node/observe/index.ts";
import { type Readings } from "../../../node/observe/series.ts";
import type { Clock, Membership, ObserveControl } from "../../../node/ports/index.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { Links, simulatedClock, World } from "../../world/index.ts";

/** Nodes that remember, linked, in simulated time. */
export interface ObservedNodes {
  readonly world: World;
  readonly clock: Clock;
  readonly links: Links;
  readonly own: Readonly<Record<string, OwnMemory>>;
  readonly control: Readonly<Record<string, ObserveControl>>;
}

/** Makes them, all linked with all. */
export function observedNodes(
  names: readonly string[],
  readings: (name: string) => Readings = () => ({}),
): ObservedNodes {
  const world = new World(1);
  const clock = simulatedClock(world, { offsetMs: 1_700_000_000_000 }, { life: 1, alive: true });
  const links = new Links(clock);
  const members = names.map((name) => memberRecord(`id-of-${name}`, { name }));
  const own: Record<string, OwnMemory> = {};
  const control: Record<string, ObserveControl> = {};
  for (const name of names) {
    const memory = {
      lines: keepLines(quietLog, { clock, level: () => "debug" }),
      history: keepHistory(quietMeter, { clock, readings: () => readings(name) }),
      spans: keepSpans(),
      requests: countRequests(clock),
    };
    own[name] = memory;
    control[name] = createObserveControl({
      node: `id-of-${name}`,
      name,
      own: memory,
      exchange: links.exchange(`id-of-${name}`),
      membership: { members: () => ({ view: 1, members }) } as unknown as Membership,
      clock,
    });
  }
  for (const one of members) for (const other of members) if (one.node < other.node) links.link(one.node, other.node);
  return { world, clock, links, own, control };
}

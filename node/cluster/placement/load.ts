/** How busy slots and actors are, and whose disk takes nothing: every node knows its own, the controller asks all of
 *  them. */
import {
  actorOf,
  failure,
  failureOf,
  isRoleSlot,
  ok,
  refused,
  type ActorId,
  type SlotId,
} from "../../../protocols/index.ts";
import type { LoadReport } from "../../../protocols/mesh/index.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Kernel } from "../../kernel/api.ts";
import type { Clock, NodeId } from "../../ports/index.ts";
import { roleOf, slotOfActor, type SlotTable } from "../facts/slot-table.ts";
import type { Load } from "./candidates.ts";
import { placementLimits, type PlacementLimits } from "./limits.ts";
import { ownsSlot } from "../facts/slot-owner.ts";

/** Figures of this node for its own beats. */
interface LoadFigures {
  readonly actors: number;
  readonly turnsPerSecond: number;
}

/** How long one measurement is good for. */
const sampleMs = 1_000;

interface LoadPorts {
  readonly exchange: Exchange;
  readonly kernel: Pick<Kernel, "load" | "split">;
  readonly clock: Clock;
  readonly journal: { readonly refusedAtMs: number | undefined };
  /** What is known of the directory. Absent: nothing. */
  readonly directory?: {
    /** The disk under it is known to fail: a voter tries it again and again, also where nobody writes to the
     *  journal. */
    readonly diskFails: () => boolean;
    /** Why it takes no change. */
    readonly refusal: () => string | undefined;
  };
  readonly limits?: Partial<PlacementLimits>;
}

/** Answers the questions of the controller and of admins' commands. To be called once on each node. `figures` is for
 *  the beats: `Kernel.load` counts since it was last called, so only this may call it. Reports may be asked for at any
 *  rate: they are of the last measurement. */
export function servePlacement(ports: LoadPorts): { figures(): LoadFigures } {
  const { exchange, kernel, clock, journal } = ports;
  const limits: PlacementLimits = { ...placementLimits, ...ports.limits };
  let sampledMs = clock.monotonicMs();
  let figures: LoadFigures = { actors: 0, turnsPerSecond: 0 };
  let slots = new Map<SlotId, number>();
  let actors = new Map<ActorId, readonly [slot: SlotId, turnsPerSecond: number]>();

  const sample = (): void => {
    const nowMs = clock.monotonicMs();
    const passedMs = nowMs - sampledMs;
    if (passedMs < sampleMs) return;
    sampledMs = nowMs;
    const nextSlots = new Map<SlotId, number>();
    const nextActors: typeof actors = new Map();
    const smooth = (before: number | undefined, turns: number): number => {
      const rate = (turns * 1_000) / passedMs;
      return before === undefined ? rate : before + limits.loadNewest * (rate - before);
    };
    let living = 0;
    for (const { slot, actors: count, turns, busiest } of kernel.load()) {
      living += count;
      const rate = smooth(slots.get(slot), turns);
      // A slot or an actor that was busy is forgotten when it takes less than one turn in ten seconds.
      if (rate >= 0.1) nextSlots.set(slot, rate);
      if (busiest !== undefined && busiest.turns > 0)
        nextActors.set(busiest.actor, [slot, smooth(actors.get(busiest.actor)?.[1], busiest.turns)]);
    }
    slots = nextSlots;
    actors = nextActors;
    figures = { actors: living, turnsPerSecond: [...slots.values()].reduce((sum, rate) => sum + rate, 0) };
  };

  /** Nothing is sent to a disk that refuses, so nobody would learn that it has room again. It is
   *  tried after a while. */
  const refuses = (): boolean =>
    ports.directory?.diskFails() === true ||
    (journal.refusedAtMs !== undefined && clock.monotonicMs() - journal.refusedAtMs < limits.refusedForMs);

  exchange.on("placement.load", () => {
    sample();
    const report: LoadReport = {
      slots: [...slots].sort(([, one], [, other]) => other - one).slice(0, limits.loadSlotsMax),
      actors: [...actors]
        .map(([actor, [slot, rate]]) => [actor, slot, rate] as const)
        .sort(([, , one], [, , other]) => other - one)
        .slice(0, limits.loadActorsMax),
      ...(refuses() && { refuses: true }),
    };
    return ok(report);
  });
  exchange.on("placement.pin", async ({ actor, to }) => {
    // Else all that the actor has would be written again at each try, for a slot that cannot be made; and a copy that
    // is a little behind by then has to be made anew, which cannot be either.
    const because = ports.directory?.refusal();
    if (because !== undefined) return refused(failure("DIRECTORY_REFUSES", { because }));
    try {
      return await kernel.split(actor, to);
    } catch (error) {
      return refused(failureOf(error));
    }
  });

  return {
    figures() {
      sample();
      return figures;
    },
  };
}

/** The part of a report about slots that its node owns, and about actors in them. Other rows are left out: they could
 *  lead to moves of slots that are placed well. */
export function ofOwnSlots(node: NodeId, report: LoadReport, table: Pick<SlotTable, "get">): LoadReport {
  const owns = (slot: SlotId): boolean => ownsSlot(table, node, slot);
  const livesIn = (actor: ActorId, slot: SlotId): boolean =>
    actorOf(slot) === actor || (isRoleSlot(slot) && slot === slotOfActor(table, roleOf({ slot }), actor));
  return {
    ...report,
    slots: report.slots.filter(([slot]) => owns(slot)),
    actors: report.actors.filter(([actor, slot]) => owns(slot) && livesIn(actor, slot)),
  };
}

/** The last reports of all nodes. One that does not answer keeps its last; the kernel's own smoothing is enough. */
export class LoadBook {
  readonly #reports = new Map<NodeId, LoadReport>();

  /** Takes a node's report of the slots that it owns now. A slot that moves on keeps its figures until the node is
   *  asked again: its new owner has not been asked yet, and the slot is not idle. */
  take(node: NodeId, report: LoadReport, table: Pick<SlotTable, "get">): void {
    this.#reports.set(node, ofOwnSlots(node, report, table));
  }

  keep(nodes: ReadonlySet<NodeId>): void {
    for (const node of this.#reports.keys()) if (!nodes.has(node)) this.#reports.delete(node);
  }

  /** Nodes whose disk takes nothing. */
  refusing(): ReadonlySet<NodeId> {
    return new Set([...this.#reports].flatMap(([node, { refuses }]) => (refuses === true ? [node] : [])));
  }

  /** Undefined until all of `nodes` have reported: a silent one would look idle, and be sent more. */
  load(nodes: Iterable<NodeId>): Load | undefined {
    const slots = new Map<SlotId, number>();
    const actors: Load["actors"][number][] = [];
    for (const node of nodes) {
      const report = this.#reports.get(node);
      if (report === undefined) return undefined;
      // A slot that has just moved is named by two: it is as busy as the busier says.
      for (const [slot, rate] of report.slots) slots.set(slot, Math.max(rate, slots.get(slot) ?? 0));
      for (const [actor, slot, turnsPerSecond] of report.actors) actors.push({ actor, slot, turnsPerSecond });
    }
    return { slots, actors };
  }
}

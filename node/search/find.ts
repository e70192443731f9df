/** A search across the nodes: each owner of slots is asked once for all places of the asker that it has.
 *
 *      find ─► owner of slots 1, 2, 7 ─► still mine? ─► index has what is committed now? ─► hits ─┐
 *           └► owner of slots 3, 4    ─► …                                                       ─┴► merged
 *
 *  The position that counts is that of the moment of asking, confirmed by the other copies as a read of an actor is: so
 *  nothing is missing that anybody was told before. */
import { failure, failureOf, ok, refused, type ActorId, type Result, type SlotId } from "../../protocols/index.ts";
import type { MeshAnswer, MeshBody } from "../../protocols/mesh/index.ts";
import { askEach, type Exchange } from "../cluster/exchange/index.ts";
import { slotOwner } from "../cluster/facts/slot-owner.ts";
import type { SlotTable } from "../cluster/facts/slot-table.ts";
import type { Kernel } from "../kernel/api.ts";
import type { Clock, Log, Membership, Meter, NodeId } from "../ports/index.ts";
import { searchLimits, type SearchLimits } from "./limits.ts";
import type { Index } from "./place.ts";
import type { Find, Hits } from "./ports.ts";
import { Projection, type SlotFeed } from "./projection.ts";
import { mergeHits, type Query } from "./query.ts";
import { FindLate } from "./worker.ts";

type Asked = MeshBody<"search.find">;
type Answered = MeshAnswer<"search.find">;

interface SearchPorts {
  readonly node: NodeId;
  readonly index: Index;
  readonly slots: Omit<SlotFeed, "isElsewhere">;
  readonly kernel: Pick<Kernel, "slotOf" | "serve">;
  readonly exchange: Exchange;
  readonly table: SlotTable;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<SearchLimits>;
}

/** Search on one node. */
export interface Search {
  /** Searches some places, wherever they are. Never rejects: what cannot be searched is named. */
  readonly find: Find;
  /** Something was committed in a slot of this node, or it begins to serve it. */
  wake(slot: SlotId): void;
  start(): void;
  stop(): Promise<void>;
}

/** Makes it. To be called once on each node. */
export function createSearch(ports: SearchPorts): Search {
  const { node, index, kernel, exchange, table, membership, clock, log, meter } = ports;
  const limits: SearchLimits = { ...searchLimits, ...ports.limits };
  const isElsewhere = (slot: SlotId): boolean => {
    const owner = slotOwner(table, slot);
    return owner !== undefined && owner !== node;
  };
  const slots: SlotFeed = { ...ports.slots, isElsewhere };
  const projection = new Projection({ index, slots, clock, log, meter, limits });
  table.onChange((slot, row) => void (row !== undefined && isElsewhere(slot) && projection.moved(slot)));

  // --- for others ----------------------------------------------------------------------------------------------------

  let finding = 0;

  /** How far a slot is to be searched; undefined: it cannot be. */
  async function reached(slot: SlotId, deadlineMs: number): Promise<Answered["covered"][number] | undefined> {
    if (slots.committed(slot) === undefined && !isElsewhere(slot)) kernel.serve(slot);
    const served = await projection.served(slot, deadlineMs);
    if (served === undefined) return undefined;
    const { epoch, seq } = served;
    const error = await new Promise<unknown>((resolve) => served.confirm(resolve));
    if (error !== undefined) return undefined;
    const at = await projection.reach(slot, seq, deadlineMs);
    if (at === undefined) return undefined;
    return { slot, epoch, seq: at.seq, ...(at.seq < seq && { behind: seq - at.seq }) };
  }

  async function findHere({ query, places }: Asked): Promise<Result<Answered>> {
    if (finding >= limits.findsMax) return refused(failure("OVERLOADED", { findsMax: limits.findsMax }));
    finding += 1;
    const sinceMs = clock.monotonicMs();
    const late = new Int32Array(new SharedArrayBuffer(4));
    const inTime = clock.after(limits.findTimeoutMs, () => void Atomics.store(late, 0, 1));
    try {
      const states = await Promise.all(places.map(({ slot }) => reached(slot, sinceMs + limits.waitMs)));
      let covered = states.filter((state) => state !== undefined);
      for (;;) {
        const whole = new Set(covered.map(({ slot }) => slot));
        const asked = places.filter(({ slot }) => whole.has(slot)).map(({ slot, actors }) => [slot, actors] as const);
        const { at, ...found } = await index.ask("find", { query: query as Query, places: asked, late });
        // The index may have been lost and made anew since a slot was ready: what it says itself counts. Of a slot that
        // is not whole any more nothing is answered, for it is asked for again.
        const still = covered.filter(({ slot, seq }) => (at.get(slot)?.seq ?? -1) >= seq);
        if (still.length < covered.length) covered = still;
        else {
          const missing = places.filter(({ slot }) => !whole.has(slot)).map(({ slot }) => slot);
          meter.observeMs("search", clock.monotonicMs() - sinceMs);
          return ok({ ...found, hits: [...found.hits], covered, missing });
        }
      }
    } catch (error) {
      if (error instanceof FindLate) return refused(failure("OVERLOADED", { findTimeoutMs: limits.findTimeoutMs }));
      projection.failed(error);
      return refused(failureOf(error));
    } finally {
      inTime();
      finding -= 1;
    }
  }

  exchange.on("search.find", findHere);

  // --- for people ----------------------------------------------------------------------------------------------------

  const ask = (to: NodeId, asked: Asked): Promise<Result<Answered>> =>
    to === node ? findHere(asked) : exchange.call(to, "search.find", asked, limits.findTimeoutMs);

  /** Asks each owner for its slots; those that it does not serve come back. */
  async function round(
    query: Query,
    wanted: ReadonlyMap<SlotId, readonly ActorId[]>,
  ): Promise<{ readonly parts: readonly Answered[]; readonly missing: readonly SlotId[] }> {
    const owners = new Map<NodeId, SlotId[]>();
    const missing: SlotId[] = [];
    for (const slot of wanted.keys()) {
      const owner = slotOwner(table, slot);
      if (owner === undefined || !membership.isUp(owner)) missing.push(slot);
      else owners.set(owner, [...(owners.get(owner) ?? []), slot]);
    }
    const { said, silent } = await askEach([...owners], ([owner, own]) => {
      const places = own.map((slot) => ({ slot, actors: [...(wanted.get(slot) ?? [])] }));
      return ask(owner, { query: query as Asked["query"], places });
    });
    for (const [[owner, own], error] of silent) {
      log.debug("search.node.silent", { node: owner, failure: error });
      missing.push(...own);
    }
    const parts = said.map(([, answer]) => answer);
    return { parts, missing: [...missing, ...parts.flatMap((part) => part.missing)] };
  }

  return {
    wake: (slot) => projection.wake(slot),
    start: () => projection.start(),
    stop: () => projection.stop(),
    async find(query, places): Promise<Hits> {
      const wanted = new Map<SlotId, ActorId[]>();
      for (const place of places) {
        const slot = kernel.slotOf(place);
        if (slot !== undefined) wanted.set(slot, [...(wanted.get(slot) ?? []), place]);
      }
      const first = await round(query, wanted);
      const again = new Map(first.missing.map((slot) => [slot, wanted.get(slot) ?? []] as const));
      // A slot that has just moved: by now the table knows where it is.
      const second = again.size === 0 ? undefined : await round(query, again);
      const parts = [...first.parts, ...(second?.parts ?? [])];
      return {
        ...mergeHits(query, parts),
        covered: parts.flatMap(({ covered }) => covered),
        unreachable: (second?.missing ?? []).flatMap((slot) => wanted.get(slot) ?? []),
      };
    },
  };
}

/** References to a stripe: its holders are told, and a late holder keeps nobody waiting.
 *
 *      keep ─► every holder is told ─► enough receipts: answered ─► the others ─► told
 *                      ▲                     │
 *                      └─────────────────────┘ one remembers a later release: told again by a later operation
 *
 *  Invariant: nobody asks here by a later operation for what was answered or released: the release that a late holder
 *  remembers may have come after the answer. The letter to it finds out (`holder-notices.ts`). */
import {
  failure,
  ok,
  refused,
  type ActorId,
  type Failure,
  type Result,
  type StripeRef,
} from "../../../protocols/index.ts";
import type { MeshAnswer, MeshBody } from "../../../protocols/mesh/index.ts";
import type { NodeId, Stripes } from "../../ports/index.ts";
import { ownerOf } from "./parts.ts";
import { learnedFrom, whyNot } from "./refusals.ts";
import { holderOfShard, type Shard, type StripesPorts, type KeptShard } from "./stripes-ports.ts";

/** A put or a keep that is under way. */
export interface Putting {
  readonly stripe: string;
  readonly owner: ActorId;
  released: boolean;
}

/** Asks a node to take a shard into the inventory of its holder. */
export async function holdAt(
  { clock, links, paces }: Pick<StripesPorts, "clock" | "links" | "paces">,
  to: NodeId,
  body: MeshBody<"shard.hold">,
): Promise<Result<MeshAnswer<"shard.hold">>> {
  const startedMs = clock.monotonicMs();
  const held = await links.call(to, "shard.hold", body);
  // A holder that is late here is late for readers, too: they ask others first.
  if (held.ok) paces.answered(to, clock.monotonicMs() - startedMs);
  return held;
}

/** Tells one holder of a stripe that somebody refers to it. Gives the node that has taken it. */
async function hold(
  ports: StripesPorts,
  { stripe, shard, owner, operation, lifeMs }: KeptShard,
): Promise<Result<NodeId>> {
  const holder = holderOfShard(stripe, stripe.shards[shard] as Shard);
  const to = ownerOf(ports, holder);
  if (to === undefined) return refused(failure("SLOT_UNAVAILABLE", { slot: holder }));
  const body = { holder, stripe, shard, for: owner, operation, ...(lifeMs !== undefined && { lifeMs }) };
  const held = await holdAt(ports, to, body);
  if (!held.ok) return held;
  const isSigned = await ports.takeReceipt({ ...held.value, node: to });
  return isSigned
    ? ok(to)
    : refused(failure("DATA_DAMAGED", { holder, reason: "its receipt is not signed by its node" }));
}

/** Makes it. `puttings`: what is under way here, so that a release of a stripe ends it. `suffices`: whether these
 *  nodes are enough for a stripe. */
export function createKeeping(
  ports: StripesPorts,
  {
    puttings,
    suffices,
  }: {
    readonly puttings: Set<Putting>;
    readonly suffices: (stripe: StripeRef, receipts: readonly NodeId[]) => boolean;
  },
): Pick<Stripes, "keep" | "told"> {
  const { clock, limits } = ports;
  /** Of each stripe that is kept anew: until all its holders have answered. */
  const telling = new Set<Promise<void>>();

  /** Tells every holder of a stripe that somebody refers to it, until all have answered. `answer` hears once enough
   *  have, or that too few do. */
  async function tellAll(
    keeping: Putting,
    wanted: Omit<KeptShard, "shard" | "operation">,
    answer: (kept: Result<null>) => void,
  ): Promise<void> {
    const { stripe } = wanted;
    let operation = Math.floor(clock.nowMs());
    let isAnswered = false;
    for (let tries = 1; ; tries += 1) {
      const receipts: NodeId[] = [];
      const failures = new Map<number, Failure>();
      /** A later operation, where a holder remembers a release by a later one than this. */
      const later = (): number | undefined => {
        const next = tries < limits.putTriesMax ? learnedFrom(stripe, operation, failures)?.operation : undefined;
        return next !== undefined && next > operation ? next : undefined;
      };
      await Promise.all(
        stripe.shards.map(async (_, shard) => {
          const held = await hold(ports, { ...wanted, shard, operation });
          if (held.ok) receipts.push(held.value);
          else failures.set(shard, held.error);
          if (isAnswered || later() !== undefined || !suffices(stripe, receipts)) return;
          isAnswered = true;
          answer(ok(null));
        }),
      );
      const next = keeping.released || isAnswered ? undefined : later();
      if (next !== undefined) {
        operation = next;
        continue;
      }
      if (!keeping.released) for (const shard of failures.keys()) ports.mend({ ...wanted, shard, operation });
      answer(suffices(stripe, receipts) ? ok(null) : refused(whyNot(stripe, receipts, failures)));
      return;
    }
  }

  async function keep(stripe: StripeRef, owner: ActorId, lifeMs?: number): Promise<Result<null>> {
    const { promise, resolve, reject } = Promise.withResolvers<Result<null>>();
    const keeping: Putting = { stripe: stripe.id, owner, released: false };
    puttings.add(keeping);
    const over = tellAll(keeping, { stripe, owner, ...(lifeMs !== undefined && { lifeMs }) }, resolve)
      .catch(reject)
      .finally(() => {
        puttings.delete(keeping);
        telling.delete(over);
      });
    telling.add(over);
    // With so many that are late, those that come wait as long as they do.
    if (telling.size > limits.keepsTellingMax) await over;
    return promise;
  }

  return { keep, told: async () => void (await Promise.all(telling)) };
}

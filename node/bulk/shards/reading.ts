/** How stripes are read: the holders that were fastest are asked first, one that is late is doubled by the next, and
 *  each shard is compared with its hash before it counts. Before a stripe is called lost every node that keeps shards
 *  is asked. */
import { failure, ok, refused, type Failure, type Result, type StripeRef } from "../../../protocols/index.ts";
import type { NodeId } from "../../ports/index.ts";
import { countsOf } from "./coding/index.ts";
import { attempt, ownerOf } from "./parts.ts";
import { holderOfShard, type Shard, type StripesPorts } from "./stripes-ports.ts";

/** What a holder's node says of bytes that are not there, or not whole. */
const lostCodes: ReadonlySet<string> = new Set(["NOT_FOUND", "DATA_DAMAGED"]);

/** Makes it. */
export function createReading(
  ports: StripesPorts,
  isStopped: () => boolean,
): {
  /** Shards of a stripe, as many as suffice; `without`: one that is not asked for. Errors: STRIPE_LOST,
   *  SLOT_UNAVAILABLE. */
  gather(stripe: StripeRef, without?: number): Promise<Result<ReadonlyMap<number, Uint8Array>>>;
} {
  const { clock, meter, limits, links, paces, membership } = ports;

  /** Other nodes that may have a shard which its holder's node does not have. */
  const elsewhere = (owner: NodeId | undefined): readonly NodeId[] =>
    membership
      .members()
      .members.filter(({ node, roles }) => roles.includes("storage") && node !== owner && membership.isUp(node))
      .map(({ node }) => node);

  async function fetchShard(stripe: StripeRef, number: number): Promise<Result<Uint8Array>> {
    const shard = stripe.shards[number] as Shard;
    const owner = ownerOf(ports, holderOfShard(stripe, shard));
    if (owner === undefined || !membership.isUp(owner))
      return refused(failure("UNREACHABLE", { ...(owner !== undefined && { node: owner }) }));
    const startedMs = clock.monotonicMs();
    const fetched = await links.whole(owner, shard);
    paces.took(owner, clock.monotonicMs() - startedMs, fetched.ok ? shard.sizeBytes : undefined);
    return fetched;
  }

  /** A shard that its holder's node does not have, from another node that has it. */
  async function fetchElsewhere(stripe: StripeRef, number: number): Promise<Uint8Array | undefined> {
    const shard = stripe.shards[number] as Shard;
    for (const node of elsewhere(ownerOf(ports, holderOfShard(stripe, shard)))) {
      const lacks = await links.call(node, "shard.lacks", { hashes: [shard.hash] });
      if (!lacks.ok || lacks.value.lacks.length > 0) continue;
      const fetched = await links.whole(node, shard);
      if (fetched.ok) return fetched.value;
    }
    return undefined;
  }

  /** Shards of a stripe, as many as suffice, each compared with its hash; those in `without` are not asked for. */
  async function gather(stripe: StripeRef, without?: number): Promise<Result<ReadonlyMap<number, Uint8Array>>> {
    const { k } = countsOf(stripe.scheme);
    const good = new Map<number, Uint8Array>();
    const bad = new Map<number, Failure>();
    const numbers = stripe.shards.map((_, number) => number).filter((number) => number !== without);
    const ownerAt = (number: number) => ownerOf(ports, holderOfShard(stripe, stripe.shards[number] as Shard));
    const expected = (number: number): number => {
      const owner = ownerAt(number);
      const { sizeBytes } = stripe.shards[number] as Shard;
      return owner === undefined || !membership.isUp(owner) ? Infinity : paces.expectedMs(owner, sizeBytes);
    };
    const order = numbers.toSorted((one, other) => expected(one) - expected(other) || one - other);
    const untilMs = clock.monotonicMs() + limits.readTimeoutMs;
    const { promise, resolve } = Promise.withResolvers<void>();
    let underWay = 0;
    let over = false;
    let cancelHedge = (): void => undefined;

    const start = (): boolean => {
      const number = order.shift();
      if (number === undefined) return false;
      underWay += 1;
      void attempt(() => fetchShard(stripe, number)).then((tried) => {
        const fetched = tried.ok ? tried.value : tried;
        underWay -= 1;
        if (fetched.ok) good.set(number, fetched.value);
        else bad.set(number, fetched.error);
        step();
      });
      return true;
    };
    /** As many are asked as are still needed; one that is late does not count. */
    function step(late = 0): void {
      if (over) return;
      if (good.size >= k || clock.monotonicMs() >= untilMs || isStopped()) return finish();
      while (good.size + underWay - late < k && start());
      if (underWay === 0) return finish();
      cancelHedge();
      const slowest =
        limits.hedgeFactor *
        Math.max(...numbers.map((number) => (good.has(number) || bad.has(number) ? 0 : finite(expected(number)))));
      const waitMs = Math.min(limits.hedgeMsMax, Math.max(limits.hedgeMsMin, slowest));
      cancelHedge = clock.after(waitMs, () => {
        if (order.length > 0) meter.count("shards_hedged");
        step(order.length > 0 ? underWay : 0);
      });
    }
    function finish(): void {
      over = true;
      cancelHedge();
      resolve();
    }
    step();
    await promise;
    if (bad.size > 0) suspect(stripe, bad);
    if (good.size >= k) return ok(good);
    // Before anything is called lost: a node that had a holder before may still have its bytes.
    for (const number of numbers) {
      if (good.has(number) || good.size >= k || clock.monotonicMs() >= untilMs || isStopped()) continue;
      const found = await fetchElsewhere(stripe, number);
      if (found !== undefined) good.set(number, found);
    }
    if (good.size >= k) return ok(good);
    const missing = numbers.filter((number) => !good.has(number));
    const isLost = (number: number): boolean => lostCodes.has(bad.get(number)?.code ?? "");
    const lost = missing.filter(isLost).map((number) => (stripe.shards[number] as Shard).hash);
    const away = membership
      .members()
      .members.filter(({ node, roles }) => roles.includes("storage") && !membership.isUp(node))
      .map(({ node }) => node);
    const details = { stripe: stripe.id, needed: k, found: good.size, lost };
    // A node that is away may have had a holder before, and its bytes still.
    if (numbers.length - lost.length < k && away.length === 0) return refused(failure("STRIPE_LOST", details));
    const because =
      away.length === 0 ? "too few holders of the stripe answer" : "nodes that may have its shards are away";
    return refused(failure("SLOT_UNAVAILABLE", { slot: stripe.id, because, ...details, away }));
  }

  /** What a read found wrong is made good. */
  function suspect(stripe: StripeRef, bad: ReadonlyMap<number, Failure>): void {
    for (const [shard, { code }] of bad)
      if (lostCodes.has(code))
        ports.mend({ stripe, shard, owner: holderOfShard(stripe, stripe.shards[shard] as Shard), operation: 0 });
  }

  return { gather };
}

const finite = (ms: number): number => (Number.isFinite(ms) ? ms : 0);

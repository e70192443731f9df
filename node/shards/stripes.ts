/** Stripes: what many holders keep together.
 *
 *      put   code ─► a shard to each holder, all at once ─► k + ⌈m/2⌉ receipts: acknowledged ─► the rest, in the background
 *      read  k holders, the fastest first ─► one is slow or has nothing: one more ─► each compared with its hash ─► k of them: decoded
 *
 *  Invariant: a receipt counts only when the holder's node had the bytes synced under the hash that the descriptor names. */
import {
  assert,
  failure,
  holderOf,
  ok,
  refused,
  shardsOf,
  type ActorId,
  type Failure,
  type HeldShard,
  type HeldShards,
  type Result,
  type ShardReleased,
  type ShardState,
  type StripeHealth,
  type StripeRef,
} from "../../protocols/index.ts";
import type { BlobHash, NodeId, Stripes } from "../ports.ts";
import { hashOf } from "../blobs/index.ts";
import { backoffMs, withJitter } from "../waiting.ts";
import { codeStripe, countsOf, enoughOf, isAsCoded, readStripe, schemeText } from "./coding/index.ts";
import type { Bytes, Links } from "./links.ts";
import { attempt, holdersOf, ownerOf, type ShardPorts } from "./parts.ts";
import type { Release } from "./messenger.ts";
import type { Paces } from "./paces.ts";
import { referredBy } from "./referred.ts";
import type { SignedReceipt } from "./receipts.ts";
import { createStripeRoom, type Leave } from "./room.ts";

type Shard = StripeRef["shards"][number];

/** What somebody wants kept: a shard of a stripe, for whom, how long. */
export interface Wanted {
  readonly stripe: StripeRef;
  readonly shard: number;
  readonly owner: ActorId;
  /** By which operation its owner wants it. */
  readonly operation: number;
  readonly expiresAtMs?: number;
}

export interface StripesPorts extends ShardPorts {
  readonly links: Links;
  readonly paces: Paces;
  /** Where a new stripe goes, and how it is coded. Error: HOLDERS_TOO_FEW. */
  choose(how: { readonly class: string; readonly bytes: number }): Result<Chosen>;
  /** A shard is not as it should be: its holder is told. */
  mend(shard: Wanted): void;
  /** An owner lets go of a stripe: nobody is told any more that it wants it. */
  forget(stripe: string, owner: ActorId): void;
  /** See `Messenger.tellRelease`. */
  tellRelease(release: Release): Promise<boolean>;
  /** A receipt that was asked for by this node. False: its node has not signed it. */
  takeReceipt(signed: SignedReceipt): Promise<boolean>;
  /** Whether what a node says it has taken counts: not while it is on probation. */
  counts(node: NodeId): boolean;
}

/** A group, a scheme, and the holders' numbers in the order of the code. */
export interface Chosen {
  readonly group: string;
  readonly scheme: StripeRef["scheme"];
  /** `without`: holders that cannot take it, if there are enough others. Error: HOLDERS_TOO_FEW. */
  readonly places: (id: string, shardBytes: number, without: ReadonlySet<number>) => Result<readonly number[]>;
}

/** Failures of a holder that another try does not mend. */
const lasting: ReadonlySet<string> = new Set(["ALREADY_DONE", "LIMIT_REACHED", "TOO_LARGE", "BAD_REQUEST", "FORBIDDEN", "DATA_DAMAGED", "DISK_FULL", "STOPPING", "RELEASED"]); // prettier-ignore

/** A put that is under way. */
interface Putting {
  readonly stripe: string;
  readonly owner: ActorId;
  released: boolean;
}

/** A put must begin again: what its attempt has learned. */
interface Again {
  readonly operation: number;
  readonly without: ReadonlySet<number>;
}

export const holderOfShard = (stripe: StripeRef, { index }: Shard): ActorId => holderOf(stripe.group, index);

/** Makes the port. */
export function createStripes(ports: StripesPorts): Stripes & { stop(): void; comingShards(): number } {
  const { clock, random, log, meter, limits, links, paces, membership } = ports;
  const room = createStripeRoom({ bytesMax: limits.stripeBytesAtOnce, waitingMax: limits.stripesWaitingMax });
  /** Shards whose uploads are under way, by their hashes. */
  const coming = new Set<BlobHash>();
  const puttings = new Set<Putting>();
  let stopped = false;

  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));

  /** Brings one shard to its holder and into the inventory, however often it moves, while it `goesOn`. Gives the node that has it. */
  async function place(
    { stripe, shard, owner, operation, expiresAtMs }: Wanted,
    bytes: Bytes,
    goesOn: () => boolean,
  ): Promise<Result<NodeId>> {
    // prettier-ignore
    const wanted = stripe.shards[shard] as Shard;
    const holder = holderOfShard(stripe, wanted);
    const { hash, sizeBytes } = wanted;
    let last: Failure = failure("SLOT_UNAVAILABLE", { slot: holder, because: "no node owns the holder" });
    for (let tries = 0; goesOn(); tries += 1) {
      if (tries > 0) {
        const wait = backoffMs(tries - 1, { firstMs: limits.retryMsMin, maxMs: limits.retryMsMax });
        await pause(withJitter(wait, random));
        if (!goesOn()) break;
      }
      const to = ownerOf(ports, holder);
      if (to === undefined) continue;
      if (!membership.isUp(to)) {
        last = failure("UNREACHABLE", { node: to });
        continue;
      }
      const given = await links.give(to, { holder, hash, sizeBytes, bytes });
      // Who let go of it meanwhile wants no holder to hear of it.
      if (given.ok && !goesOn()) break;
      const body = { holder, stripe, shard, for: owner, operation, ...(expiresAtMs !== undefined && { expiresAtMs }) };
      const held = given.ok ? await links.call(to, "shard.hold", body) : given;
      if (held.ok) {
        const { receipt, signature } = held.value;
        const isMine = receipt.hash === hash && receipt.holder === holder;
        if (isMine && (await ports.takeReceipt({ receipt, node: to, signature }))) return ok(to);
        log.error("shard.receipt.wrong", { holder, node: to, stripe: stripe.id, hash, says: receipt.hash });
        last = failure("DATA_DAMAGED", { holder, reason: "its receipt is for other bytes" });
      } else last = held.error;
      if (lasting.has(last.code)) break;
    }
    return refused(last);
  }

  /** On how many nodes the shards must be that `enough` counts: after a failover two holders may share one, and its disk is one disk.
   *  Where fewer nodes than `enough` have holders of the group now, all of these. */
  function nodesNeeded({ group, scheme, shards }: StripeRef): number {
    const known = ports.groups().find(({ name }) => name === group);
    const holders = known ? holdersOf(known) : shards.map(({ index }) => holderOf(group, index));
    const owners = holders.map((holder) => ownerOf(ports, holder));
    const up = new Set(owners.filter((owner) => owner !== undefined && membership.isUp(owner) && ports.counts(owner)));
    return Math.min(enoughOf(scheme), up.size);
  }

  /** Whether a stripe is kept: enough receipts, from enough nodes. `more` may still come. Receipts of nodes on probation do not count, as long
   *  as enough of the stripe's holders are at others. */
  function suffices(stripe: StripeRef, receipts: readonly NodeId[], more = 0): boolean {
    const { scheme, shards } = stripe;
    const counted = receipts.filter((one) => ports.counts(one));
    const able = shards.filter((shard) => ports.counts(ownerOf(ports, holderOfShard(stripe, shard)) ?? "")).length;
    const isEnough = receipts.length + more >= enoughOf(scheme);
    return isEnough && counted.length + more >= Math.min(enoughOf(scheme), able) && new Set(counted).size + more >= nodesNeeded(stripe); // prettier-ignore
  }

  /** What holders of the group have under the name of a stripe, and who let go of it: a put that is repeated, perhaps after a crash, finds
   *  what it did. */
  async function heldBefore(group: string, id: string): Promise<HeldShards> {
    const known = ports.groups().find(({ name }) => name === group);
    if (known === undefined) return { shards: [], released: [] };
    const command = { type: "describe" as const, stripes: [id] };
    const answers = await Promise.all(holdersOf(known).map((holder) => ports.ask(holder, command, limits.holderTimeoutMs))); // prettier-ignore
    const told = answers.flatMap((answer) => (answer.ok ? [answer.value as HeldShards] : []));
    const held = told.flatMap(({ shards }) => shards);
    // What lies in the trash is taken out again; where it does, nothing else of this stripe could be held.
    const sorted = [...held.filter((one) => one.trashedAtMs === undefined), ...held.filter((one) => one.trashedAtMs !== undefined)]; // prettier-ignore
    const shards = sorted.filter(({ stripe }) => stripe.shards.every(({ index }) => index < known.width));
    return { shards, released: told.flatMap(({ released }) => released) };
  }

  /** What a put is to do: the bytes coded, their descriptor, and the first operation that holders take. */
  interface Plan {
    readonly stripe: StripeRef;
    readonly shards: readonly Uint8Array[];
    readonly operation: number;
  }

  async function planOf(
    bytes: Uint8Array,
    how: { readonly class: string; readonly owner: ActorId },
    { operation, without }: Again,
  ): Promise<Result<Plan>> {
    const chosen = ports.choose({ class: how.class, bytes: bytes.length });
    if (!chosen.ok) return chosen;
    const { group, scheme, places } = chosen.value;
    const coded = codeStripe(bytes, scheme);
    if (!coded.ok) return coded;
    const { id, shards } = coded.value;
    const before = await heldBefore(group, id);
    // A clock that is behind must not make it an operation before the last release.
    const ended = before.released.flatMap((one) => (one.owner === how.owner ? one.operation + 1 : 0));
    const next = Math.max(operation, ...ended);
    /** Holders of something else under this name. */
    const others = new Set(without);
    const looked = new Set<string>();
    for (const { stripe, shard } of before.shards) {
      const text = JSON.stringify(stripe);
      if (!looked.has(text)) {
        looked.add(text);
        const isSame = schemeText(stripe.scheme) === schemeText(scheme);
        const again = isSame ? coded : codeStripe(bytes, stripe.scheme);
        const isTrue = again.ok && isAsCoded(stripe) && stripe.sizeBytes === bytes.length && again.value.shards.every((one, number) => hashOf(one) === stripe.shards[number]?.hash); // prettier-ignore
        if (isTrue) return ok({ stripe, shards: again.value.shards, operation: next });
        // Somebody said so without having the bytes: the other holders take it as it is.
        log.warn("stripe.descriptor.wrong", { stripe: id, group });
      }
      const index = stripe.shards[shard]?.index;
      if (index !== undefined) others.add(index);
    }
    const shardBytes = shards[0]?.length ?? 0;
    const apart = places(id, shardBytes, others);
    const placed = apart.ok ? apart : places(id, shardBytes, new Set());
    if (!placed.ok) return placed;
    assert(placed.value.length === shards.length, "each shard has a holder");
    const named = shards.map((shard, number): Shard => ({
      index: placed.value[number] as number,
      hash: hashOf(shard),
      sizeBytes: shard.length,
    }));
    return ok({ stripe: { id, group, scheme, sizeBytes: bytes.length, shards: named }, shards, operation: next });
  }

  /** Plans and uploads, and begins again with what holders have said, some times. */
  async function putIn(
    bytes: Uint8Array,
    how: Parameters<Stripes["put"]>[1],
    leave: Leave,
  ): Promise<Result<StripeRef>> {
    let known: Again = { operation: Math.floor(clock.nowMs()), without: new Set() };
    for (let tries = 1; ; tries += 1) {
      const planned = await planOf(bytes, how, known);
      if (!planned.ok) {
        leave();
        return planned;
      }
      const { stripe, shards, operation } = planned.value;
      const plan = { ...planned.value, shards: shards.map((shard) => shard) };
      const putting: Putting = { stripe: stripe.id, owner: how.owner, released: false };
      puttings.add(putting);
      const { put, over } = upload(plan, { how, putting, leave, mayAgain: tries < limits.putTriesMax });
      const end = (): void => void puttings.delete(putting);
      const outcome = await put;
      if (!("operation" in outcome)) {
        void over.finally(() => {
          end();
          leave();
        });
        return outcome;
      }
      await over;
      end();
      known = {
        operation: Math.max(operation, outcome.operation),
        without: new Set([...known.without, ...outcome.without]),
      };
    }
  }

  /** Brings each shard to its holder. `put`: it is kept, or is not, or must be tried again, knowing more; `over`: nothing is under way any more. */
  function upload(
    { stripe, shards, operation }: Plan,
    {
      how,
      putting,
      leave,
      mayAgain,
    }: {
      readonly how: Parameters<Stripes["put"]>[1];
      readonly putting: Putting;
      readonly leave: Leave;
      readonly mayAgain: boolean;
    },
  ): { readonly put: Promise<Result<StripeRef> | Again>; readonly over: Promise<void> } {
    /** Shards that are not where they should be yet. */
    const left = new Map(shards.entries());
    const { id } = stripe;
    const startedMs = clock.monotonicMs();
    const { promise, resolve } = Promise.withResolvers<Result<StripeRef> | Again>();
    let untilMs = startedMs + limits.putTimeoutMs;
    /** From which nodes. */
    const receipts: NodeId[] = [];
    let [acknowledged, given] = [false, false];
    const failures = new Map<number, Failure>();
    // Once acknowledged, the rest can be made of the others: it must not keep new stripes waiting for a holder that takes nothing.
    const goesOn = (): boolean => !stopped && !given && !putting.released && clock.monotonicMs() < untilMs && !(acknowledged && room.isWanted); // prettier-ignore
    const leaveRest = (): void => leave(sum(left.values()));
    const settle = (): void => {
      if (acknowledged || given) return;
      const again = mayAgain && !putting.released ? learnedFrom(stripe, operation, failures) : undefined;
      if (again !== undefined) {
        given = true;
        resolve(again);
      } else if (suffices(stripe, receipts)) {
        acknowledged = true;
        untilMs = startedMs + limits.restTimeoutMs;
        // All shards are one piece of memory, which is free when nothing of it is needed any more.
        for (const [number, shard] of left) left.set(number, Buffer.from(shard));
        leaveRest();
        meter.observeMs("stripe_put", clock.monotonicMs() - startedMs);
        resolve(ok(stripe));
      } else if (!suffices(stripe, receipts, stripe.shards.length - receipts.length - failures.size)) {
        given = true;
        resolve(refused(whyNot(stripe, receipts, failures)));
      }
    };
    const uploads = stripe.shards.map(async ({ hash }, number) => {
      const bytes: Bytes = (start, end) => (left.get(number) as Uint8Array).subarray(start, end);
      coming.add(hash);
      const wanted = { stripe, shard: number, ...reference(how), operation };
      const placed = await place(wanted, bytes, goesOn).finally(() => coming.delete(hash));
      left.delete(number);
      if (placed.ok) receipts.push(placed.value);
      else {
        failures.set(number, placed.error);
        if (!putting.released) log.warn("shard.not.placed", { stripe: id, shard: number, failure: placed.error });
      }
      settle();
      if (acknowledged) leaveRest();
    });
    const over = Promise.all(uploads).then(() => {
      // Acknowledged without them: their holders make them of the others.
      if (acknowledged && !putting.released)
        for (const shard of failures.keys()) ports.mend({ stripe, shard, ...reference(how), operation });
    });
    void over.catch((error: unknown) => log.error("stripe.put.failed", { error }));
    return { put: promise, over };
  }

  /** Tells every holder of a stripe that somebody refers to it. */
  async function holdAll(
    stripe: StripeRef,
    { owner, operation, expiresAtMs }: Omit<Wanted, "stripe" | "shard">,
  ): Promise<{ readonly receipts: readonly NodeId[]; readonly failed: ReadonlyMap<number, Failure> }> {
    const kept = await Promise.all(
      stripe.shards.map(async (shard, number): Promise<Result<NodeId>> => {
        const holder = holderOfShard(stripe, shard);
        const to = ownerOf(ports, holder);
        if (to === undefined) return refused(failure("SLOT_UNAVAILABLE", { slot: holder }));
        const body = {
          holder,
          stripe,
          shard: number,
          for: owner,
          operation,
          ...(expiresAtMs !== undefined && { expiresAtMs }),
        };
        const held = await links.call(to, "shard.hold", body);
        if (!held.ok) return held;
        const isSigned = await ports.takeReceipt({ ...held.value, node: to });
        return isSigned
          ? ok(to)
          : refused(failure("DATA_DAMAGED", { holder, reason: "its receipt is not signed by its node" }));
      }),
    );
    const failed = new Map(kept.flatMap((one, number) => (one.ok ? [] : [[number, one.error] as const])));
    return { receipts: kept.flatMap((one) => (one.ok ? [one.value] : [])), failed };
  }

  const reference = ({ owner, expiresAtMs }: { readonly owner: ActorId; readonly expiresAtMs?: number }) => ({
    owner,
    ...(expiresAtMs !== undefined && { expiresAtMs }),
  });

  // --- reading -----------------------------------------------------------------------------------------------------------

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

  /** A shard that its holder's node does not have, from whoever has it. */
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
      if (good.size >= k || clock.monotonicMs() >= untilMs || stopped) return finish();
      while (good.size + underWay - late < k && start());
      if (underWay === 0) return finish();
      cancelHedge();
      const slowest = limits.hedgeFactor * Math.max(...numbers.map((number) => (good.has(number) || bad.has(number) ? 0 : finite(expected(number))))); // prettier-ignore
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
      if (good.has(number) || good.size >= k || clock.monotonicMs() >= untilMs || stopped) continue;
      const found = await fetchElsewhere(stripe, number);
      if (found !== undefined) good.set(number, found);
    }
    if (good.size >= k) return ok(good);
    const missing = numbers.filter((number) => !good.has(number));
    const isLost = (number: number): boolean => lostCodes.has(bad.get(number)?.code ?? "");
    const lost = missing.filter(isLost).map((number) => (stripe.shards[number] as Shard).hash);
    const away = membership.members().members.filter(({ node, roles }) => roles.includes("storage") && !membership.isUp(node)).map(({ node }) => node); // prettier-ignore
    const details = { stripe: stripe.id, needed: k, found: good.size, lost };
    // Who is away may have had a holder before, and its bytes still.
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

  // --- looking -----------------------------------------------------------------------------------------------------------

  async function stateOf(stripe: StripeRef, shard: Shard, deep: boolean): Promise<ShardState> {
    if (coming.has(shard.hash)) return "coming";
    const holder = holderOfShard(stripe, shard);
    const command = { type: "describe" as const, stripes: [stripe.id] };
    const answer = await ports.ask(holder, command, limits.holderTimeoutMs);
    if (!answer.ok) return "unknown";
    const [held] = (answer.value as { shards: readonly HeldShard[] }).shards;
    if (held === undefined || held.stripe.shards[held.shard]?.hash !== shard.hash) return "missing";
    const owner = ownerOf(ports, holder);
    if (owner === undefined) return "unknown";
    const lacks = await links.call(owner, "shard.lacks", { hashes: [shard.hash] });
    if (!lacks.ok) return "unknown";
    if (lacks.value.lacks.length > 0) return held.lost === undefined ? "missing" : "coming";
    if (!deep) return held.lost?.why ?? "well";
    const checked = await links.call(owner, "shard.check", { hash: shard.hash }, limits.readTimeoutMs);
    if (!checked.ok) return checked.error.code === "NOT_FOUND" ? "missing" : "unknown";
    if (checked.value.well) return "well";
    ports.mend({ stripe, shard: stripe.shards.indexOf(shard), owner: holder, operation: 0 });
    return "damaged";
  }

  return {
    async put(bytes, how) {
      if (bytes.length > limits.stripeBytesMax)
        return refused(failure("TOO_LARGE", { limitBytes: limits.stripeBytesMax }));
      const entered = await room.enter(how.owner, 3 * bytes.length);
      if (!entered.ok) return entered;
      try {
        return await putIn(bytes, how, entered.value);
      } catch (thrown) {
        entered.value();
        throw thrown;
      }
    },
    async read(stripe) {
      if (!isAsCoded(stripe)) return notAsCoded(stripe);
      const entered = await room.enter("read", 3 * stripe.sizeBytes);
      if (!entered.ok) return entered;
      const startedMs = clock.monotonicMs();
      try {
        const gathered = await gather(stripe);
        if (!gathered.ok) return gathered;
        const read = readStripe(stripe, gathered.value.values());
        meter.observeMs("stripe_read", clock.monotonicMs() - startedMs);
        return read;
      } finally {
        entered.value();
      }
    },
    async gather(stripe, without) {
      if (!isAsCoded(stripe)) return notAsCoded(stripe);
      const entered = await room.enter("mend", 3 * stripe.sizeBytes);
      if (!entered.ok) return entered;
      try {
        return await gather(stripe, without);
      } finally {
        entered.value();
      }
    },
    async keep(stripe, owner, expiresAtMs) {
      const reference = { owner, ...(expiresAtMs !== undefined && { expiresAtMs }) };
      let operation = Math.floor(clock.nowMs());
      for (let tries = 1; ; tries += 1) {
        const { receipts, failed } = await holdAll(stripe, { ...reference, operation });
        const again = tries < limits.putTriesMax ? learnedFrom(stripe, operation, failed)?.operation : undefined;
        if (again !== undefined && again > operation) {
          operation = again;
          continue;
        }
        for (const shard of failed.keys()) ports.mend({ stripe, shard, ...reference, operation });
        return suffices(stripe, receipts) ? ok(null) : refused(whyNot(stripe, receipts, failed));
      }
    },
    async release(stripe, owner) {
      for (const putting of puttings)
        if (putting.stripe === stripe.id && putting.owner === owner) putting.released = true;
      ports.forget(stripe.id, owner);
      const holders = stripe.shards.map((shard) => holderOfShard(stripe, shard));
      let operation = Math.floor(clock.nowMs());
      for (let tries = 1; ; tries += 1) {
        const command = { type: "release" as const, stripe: stripe.id, owner, operation };
        const released = await Promise.all(holders.map((holder) => ports.ask(holder, command, limits.holderTimeoutMs)));
        // What was begun by a clock that is ahead is let go of, too.
        const newer = released.map((one) => (one.ok ? ((one.value as ShardReleased).newer ?? 0) : 0));
        if (Math.max(...newer) > operation && tries < limits.putTriesMax) {
          operation = Math.max(...newer);
          continue;
        }
        const first = released.find((one) => !one.ok);
        if (first === undefined || first.ok) return ok(null);
        const isHeard = released.some((one) => one.ok);
        const unheard = holders.filter((_, place) => released[place]?.ok === false);
        if (!isHeard) return refused(first.error);
        const told = await attempt(() =>
          Promise.all(unheard.map((holder) => ports.tellRelease({ holder, stripe: stripe.id, owner, operation }))),
        );
        return told.ok && told.value.every(Boolean) ? ok(null) : refused(first.error);
      }
    },
    async inspect(stripe, deep = false): Promise<Result<StripeHealth>> {
      const shards = await Promise.all(
        stripe.shards.map(async (shard) => {
          const owner = ownerOf(ports, holderOfShard(stripe, shard));
          const node = membership.members().members.find((member) => member.node === owner)?.name;
          return { index: shard.index, hash: shard.hash, state: await stateOf(stripe, shard, deep), ...(node !== undefined && { node }) }; // prettier-ignore
        }),
      );
      const { id, group, scheme } = stripe;
      const well = shards.filter(({ state }) => state === "well").length;
      return ok({ id, group, scheme, shards, enough: shardsOf(scheme).enough, well });
    },
    referred: (owner) => referredBy(ports, owner),
    comingShards: () => coming.size,
    stop() {
      stopped = true;
    },
  };
}

/** The answer to a descriptor that no writer of stripes has made. */
export const notAsCoded = ({ id }: StripeRef): Result<never> =>
  refused(failure("BAD_REQUEST", { stripe: id, problem: "its sizes are not those that its scheme makes" }));

/** What refusals of holders say that another attempt can do better: a later operation, other holders. Undefined: nothing. */
function learnedFrom(stripe: StripeRef, operation: number, failures: ReadonlyMap<number, Failure>): Again | undefined {
  let next = operation;
  const without = new Set<number>();
  for (const [number, { code, details }] of failures) {
    const ended = details?.["operation"];
    if (code === "RELEASED" && typeof ended === "number") next = Math.max(next, ended + 1);
    const index = stripe.shards[number]?.index;
    if (code === "ALREADY_DONE" && index !== undefined) without.add(index);
  }
  return next > operation || without.size > 0 ? { operation: next, without } : undefined;
}

const sum = (all: Iterable<Uint8Array>): number => [...all].reduce((bytes, { length }) => bytes + length, 0);

const finite = (ms: number): number => (Number.isFinite(ms) ? ms : 0);

/** What a holder's node says of bytes that are not there, or not whole. */
const lostCodes: ReadonlySet<string> = new Set(["NOT_FOUND", "DATA_DAMAGED"]);

/** Why too few holders took their shards: what most of them said. */
function whyNot(stripe: StripeRef, receipts: readonly NodeId[], failures: ReadonlyMap<number, Failure>): Failure {
  const codes = [...failures.values()].map(({ code }) => code);
  const [first] = failures.values();
  const isFull = codes.length > 0 && codes.every((code) => code === first?.code);
  if (first !== undefined && isFull && !["UNREACHABLE", "PEER_LOST", "MOVED", "SLOT_UNAVAILABLE"].includes(first.code)) return first; // prettier-ignore
  return failure("HOLDERS_TOO_FEW", {
    group: stripe.group,
    // Two on one node are one.
    holders: stripe.shards.length - failures.size - (receipts.length - new Set(receipts).size),
    needed: enoughOf(stripe.scheme),
    because: [...new Set(codes)],
  });
}

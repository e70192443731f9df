/** How stripes get to their holders, who refers to them, and who does no longer.
 *
 *      put      plan: what is held under this name? ─► upload: all shards at once ─► enough receipts: acknowledged
 *                 ▲                                               │
 *                 └── a holder has other shards, or a later end ──┘
 *      keep     every holder is told of one who refers to it ─► enough receipts: acknowledged ─► the others
 *      release  ... of one who does no longer, until all have heard it */
import {
  assert,
  failure,
  holderOf,
  ok,
  refused,
  type ActorId,
  type Failure,
  type HeldShards,
  type Result,
  type ShardReleased,
  type StripeRef,
  shardsOf,
} from "../../../protocols/index.ts";
import type { BlobHash, NodeId, PutPacing, Stripes } from "../../ports/index.ts";
import { hashOf } from "../blobs/index.ts";
import { backoffMs, withJitter } from "../../waiting.ts";
import { codeStripe, codingStripe, enoughOf, isAsCoded, schemeText } from "./coding/index.ts";
import type { Bytes } from "./links.ts";
import { attempt, holdersOf, ownerOf } from "./parts.ts";
import { learnedFrom, lasting, whyNot, type Again } from "./refusals.ts";
import type { Leave } from "./room.ts";
import { createKeeping, holdAt, type Putting } from "./keeping.ts";
import { holderOfShard, type Shard, type StripesPorts, type KeptShard } from "./stripes-ports.ts";

/** What a put is to do: the bytes coded, their descriptor, and the first operation that holders take. */
interface Plan {
  readonly stripe: StripeRef;
  readonly shards: readonly Uint8Array[];
  readonly operation: number;
}

interface Writing {
  /** `leave` gives the room back, a part of it early. */
  put(bytes: Uint8Array, how: Parameters<Stripes["put"]>[1], leave: Leave): Promise<Result<StripeRef>>;
  readonly stripes: Pick<Stripes, "keep" | "told" | "release">;
  /** Shards whose uploads are under way, by their hashes. */
  readonly coming: ReadonlySet<BlobHash>;
}

/** On how many nodes the shards must be that `enough` counts: after a failover two holders may share one, and its disk
 *  is one disk. Where fewer nodes than `enough` have holders of the group now, all of these. */
function nodesNeeded(ports: StripesPorts, { group, scheme, shards }: StripeRef): number {
  const known = ports.groups().find(({ name }) => name === group);
  const holders = known ? holdersOf(known) : shards.map(({ index }) => holderOf(group, index));
  const owners = holders.map((holder) => ownerOf(ports, holder));
  const up = new Set(
    owners.filter((owner) => owner !== undefined && ports.membership.isUp(owner) && ports.counts(owner)),
  );
  return Math.min(enoughOf(scheme), up.size);
}

/** Codes a stripe, when people have room for that. */
async function codedBeside(pacing: PutPacing | undefined, ...what: Parameters<typeof codeStripe>) {
  if (pacing === undefined) return codeStripe(...what);
  const steps = codingStripe(...what);
  for (;;) {
    const step = await pacing.part(async () => steps.next());
    if (step.done === true) return step.value;
  }
}

const reference = ({ owner, lifeMs }: { readonly owner: ActorId; readonly lifeMs?: number }) => ({
  owner,
  ...(lifeMs !== undefined && { lifeMs }),
});

const isTrashed = ({ trashedAtMs }: { readonly trashedAtMs?: number }): boolean => trashedAtMs !== undefined;

/** Whether a descriptor is that of bytes of this length which are coded into these shards. */
const isOf = (stripe: StripeRef, sizeBytes: number, shards: readonly Uint8Array[]): boolean =>
  isAsCoded(stripe) &&
  stripe.sizeBytes === sizeBytes &&
  shards.every((one, number) => hashOf(one) === stripe.shards[number]?.hash);

/** Makes it. `isRoomWanted`: somebody waits for the memory that uploads take. */
export function createWriting(
  ports: StripesPorts,
  { isStopped, isRoomWanted }: { readonly isStopped: () => boolean; readonly isRoomWanted: () => boolean },
): Writing {
  const { clock, random, log, meter, limits, links, membership } = ports;
  const coming = new Set<BlobHash>();
  const puttings = new Set<Putting>();

  const logged = (event: string) => (error: unknown) => log.error(event, { error });
  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));

  /** Brings one shard to its holder and into the inventory, however often it moves, while it `goesOn`. Gives the node
   *  that has it. */
  async function place(
    { stripe, shard, owner, operation, lifeMs }: KeptShard,
    bytes: Bytes,
    { goesOn, pacing }: { readonly goesOn: () => boolean; readonly pacing: PutPacing | undefined },
  ): Promise<Result<NodeId>> {
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
      const given = await links.give(to, { holder, hash, sizeBytes, bytes, pacing });
      // It was released meanwhile: no holder is to hear of it.
      if (given.ok && !goesOn()) break;
      const body = { holder, stripe, shard, for: owner, operation, ...(lifeMs !== undefined && { lifeMs }) };
      const held = given.ok ? await holdAt(ports, to, body) : given;
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

  /** Whether a stripe is kept: enough receipts, from enough nodes. `more` may still come. Receipts of nodes on
   *  probation do not count, as long as enough of the stripe's holders are at others. */
  function suffices(stripe: StripeRef, receipts: readonly NodeId[], more = 0): boolean {
    const { scheme, shards } = stripe;
    const counted = receipts.filter((one) => ports.counts(one));
    const able = shards.filter((shard) => ports.counts(ownerOf(ports, holderOfShard(stripe, shard)) ?? "")).length;
    const isEnough = receipts.length + more >= enoughOf(scheme);
    const isSpread = new Set(counted).size + more >= nodesNeeded(ports, stripe);
    return isEnough && isSpread && counted.length + more >= Math.min(enoughOf(scheme), able);
  }

  /** What holders of the group have under a stripe's name, and whose references they dropped, for a repeated put. So
   *  many are heard that one of them has each put that was kept. */
  async function heldBefore(group: string, id: string, scheme: StripeRef["scheme"]): Promise<HeldShards> {
    const known = ports.groups().find(({ name }) => name === group);
    if (known === undefined) return { shards: [], released: [] };
    const command = { type: "describe" as const, stripes: [id] };
    const asked = holdersOf(known).map((holder) => ports.ask(holder, command, limits.holderTimeoutMs));
    const told = await firstOf<HeldShards>(asked, asked.length - shardsOf(scheme).all + enoughOf(scheme));
    const held = told.flatMap((one) => one.shards);
    // What lies in the trash is taken out again; where it does, nothing else of this stripe could be held.
    const sorted = held.toSorted((one, other) => Number(isTrashed(one)) - Number(isTrashed(other)));
    const shards = sorted.filter(({ stripe }) => stripe.shards.every(({ index }) => index < known.width));
    return { shards, released: told.flatMap(({ released }) => released) };
  }

  async function planOf(
    bytes: Uint8Array,
    how: { readonly class: string; readonly owner: ActorId; readonly pacing?: PutPacing },
    { operation, without }: Again,
  ): Promise<Result<Plan>> {
    const chosen = ports.choose({ class: how.class, bytes: bytes.length });
    if (!chosen.ok) return chosen;
    const { group, scheme, places } = chosen.value;
    const coded = await codedBeside(how.pacing, bytes, scheme);
    if (!coded.ok) return coded;
    const { id, shards } = coded.value;
    const before = await heldBefore(group, id, scheme);
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
        if (again.ok && isOf(stripe, bytes.length, again.value.shards))
          return ok({ stripe, shards: again.value.shards, operation: next });
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

  /** Brings each shard to its holder. `put`: it is kept, or is not, or must be tried again; `over`: all has ended. */
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
    const startedMs = clock.monotonicMs();
    const { promise, resolve } = Promise.withResolvers<Result<StripeRef> | Again>();
    let untilMs = startedMs + limits.putTimeoutMs;
    const receipts: NodeId[] = [];
    let [acknowledged, given] = [false, false];
    const failures = new Map<number, Failure>();
    // Once acknowledged, the rest can be made of the others: new stripes must not wait for a holder that takes nothing.
    const isOver = (): boolean => isStopped() || given || putting.released === true || clock.monotonicMs() >= untilMs;
    const goesOn = (): boolean => !isOver() && !(acknowledged && isRoomWanted());
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
      const placed = await place(wanted, bytes, { goesOn, pacing: how.pacing }).finally(() => coming.delete(hash));
      left.delete(number);
      if (placed.ok) receipts.push(placed.value);
      else {
        failures.set(number, placed.error);
        if (!putting.released)
          log.warn("shard.not.placed", { stripe: stripe.id, shard: number, failure: placed.error });
      }
      settle();
      if (acknowledged) leaveRest();
    });
    const over = Promise.all(uploads).then(() => {
      if (!acknowledged || putting.released) return;
      // A late one may remember a later release (decision 0059). The letter hears that, and asks the other holders
      // whether it was acknowledged.
      for (const shard of failures.keys()) ports.mend({ stripe, shard, ...reference(how), operation });
    });
    void over.catch(logged("stripe.put.failed"));
    return { put: promise, over };
  }

  /** Ends what an owner has under way for it, and tells all holders. It is known when so many have heard it that a
   *  later put cannot be acknowledged without one of them; the others get letters. */
  async function release(stripe: StripeRef, owner: ActorId): Promise<Result<null>> {
    for (const putting of puttings)
      if (putting.stripe === stripe.id && putting.owner === owner) putting.released = true;
    ports.forget(stripe.id, owner);
    const holders = stripe.shards.map((shard) => holderOfShard(stripe, shard));
    let operation = Math.floor(clock.nowMs());
    for (let tries = 1; ; tries += 1) {
      const command = { type: "release" as const, stripe: stripe.id, owner, operation };
      const released = await Promise.all(holders.map((holder) => ports.ask(holder, command, limits.holderTimeoutMs)));
      // What was begun by a clock that is ahead is released, too.
      const newer = released.map((one) => (one.ok ? ((one.value as ShardReleased).newer ?? 0) : 0));
      if (Math.max(...newer) > operation && tries < limits.putTriesMax) {
        operation = Math.max(...newer);
        continue;
      }
      const first = released.find((one) => !one.ok);
      if (first === undefined || first.ok) return ok(null);
      const unheard = holders.filter((_, place) => released[place]?.ok === false);
      // One that too few have heard spreads no further: it must not end a put that met none of them.
      const heard = holders.length - unheard.length;
      if (heard <= holders.length - enoughOf(stripe.scheme)) return refused(first.error);
      const told = await attempt(() =>
        Promise.all(unheard.map((holder) => ports.tellRelease({ holder, stripe: stripe.id, owner, operation }))),
      );
      return told.ok && told.value.every(Boolean) ? ok(null) : refused(first.error);
    }
  }

  const keeping = createKeeping(ports, { puttings, suffices });
  return { put: putIn, stripes: { ...keeping, release }, coming };
}

/** The first so many good answers, or all there are once everybody has answered. */
async function firstOf<Value>(asked: readonly Promise<Result<unknown>>[], needed: number): Promise<readonly Value[]> {
  const told: Value[] = [];
  await new Promise<void>((enough) => {
    let answered = 0;
    for (const one of asked)
      void one.then((answer) => {
        answered += 1;
        if (answer.ok) told.push(answer.value as Value);
        if (told.length >= needed || answered === asked.length) enough();
      });
  });
  return told.slice();
}

const sum = (all: Iterable<Uint8Array>): number => [...all].reduce((bytes, { length }) => bytes + length, 0);

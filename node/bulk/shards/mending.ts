/** Repairs what holders of this node lack: from a node that has the same bytes, else from other shards of the stripe.
 *
 *      the holder's list of lost shards (its journal) ─► how many of each stripe are well? ─► the most endangered first
 *          ─► here under another holder's name, or at another node: taken ─┐
 *          └► nowhere, and waited for long enough: made of k others ───────┴► compared with the hash, synced ─► found
 *
 *  The list is in the journal, so nothing is forgotten when this node ends. No key is needed. Invariant: what is said
 *  to be found was compared with its hash while it was written. */
import {
  failure,
  failureOf,
  PlexusError,
  type ActorId,
  type HeldShard,
  type ShardPage,
} from "../../../protocols/index.ts";
import type { BlobHash, NodeId, Stripes } from "../../ports/index.ts";
import { hashOf } from "../blobs/index.ts";
import { backoffMs } from "../../waiting.ts";
import { remakeShard } from "./coding/index.ts";
import { bySickness, dueMs, type Sick } from "./healing.ts";
import type { Links } from "./links.ts";
import { ownedHolders, ownerOf, type ShardPorts } from "./parts.ts";
import { holderOfShard, type KeptShard } from "./stripes-ports.ts";

interface MendingPorts extends ShardPorts {
  readonly links: Links;
  readonly stripes: Pick<Stripes, "gather">;
  /** Takes a shard whose bytes are here into the inventory. `released`: its owner has released it. */
  hold(wanted: KeptShard): Promise<"held" | "later" | "released">;
}

export interface Mending {
  /** Something is lost: the next look is soon. */
  wake(): void;
  /** Looks at everything once, now, and waits for no node that is away. */
  hurry(): Promise<{ readonly mended: number; readonly lost: number }>;
  /** A shard that its holder here should have, and of which the holder knows nothing. False: too many are known
   *  already. */
  adopt(wanted: KeptShard): boolean;
  /** An owner wants a stripe no longer. */
  forget(stripe: string, owner: ActorId): void;
  stop(): void;
}

interface Patient extends Sick {
  readonly holder: ActorId;
  readonly hash: BlobHash;
  readonly sizeBytes: number;
  /** Not in the inventory yet. */
  readonly wanted?: KeptShard;
}

/** Begins to look. */
export function createMending(ports: MendingPorts): Mending {
  const { node, owned, clock, limits, links, membership, log, meter } = ports;
  const tries = new Map<BlobHash, { readonly tries: number; readonly notBeforeMs: number }>();
  /** Since when this node has each holder, as it noticed. */
  const since = new Map<ActorId, number>();
  const adopted = new Map<BlobHash, KeptShard>();
  const cursors = new Map<ActorId, string>();
  let stopped = false;
  let looking = false;
  let again = false;
  let cancel = (): void => undefined;
  let mended = 0;
  /** Somebody has said not to wait for nodes that are away. */
  let hurries = 0;

  const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));

  /** The next of a holder's lost shards, from where the last look ended. */
  async function lostOf(holder: ActorId): Promise<readonly Patient[]> {
    const sinceMs = sinceOf(holder);
    const after = cursors.get(holder);
    const limit = limits.mendWindow;
    const command = { type: "list" as const, only: "lost" as const, limit, ...(after !== undefined && { after }) };
    const answer = await ports.ask(holder, command, limits.holderTimeoutMs);
    if (!answer.ok) return [];
    const { shards, next } = answer.value as ShardPage;
    if (next === undefined) cursors.delete(holder);
    else cursors.set(holder, next);
    const found: HeldShard[] = [];
    for (let at = 0; at < shards.length; at += limits.describedMax) {
      const stripes = shards.slice(at, at + limits.describedMax).map(({ stripe }) => stripe);
      const described = await ports.ask(holder, { type: "describe", stripes }, limits.holderTimeoutMs);
      if (described.ok) found.push(...(described.value as { shards: readonly HeldShard[] }).shards);
    }
    return found.flatMap(({ stripe, shard, lost }) => {
      const place = stripe.shards[shard];
      if (place === undefined || lost === undefined) return [];
      const { hash, sizeBytes } = place;
      return [{ holder, stripe, shard, hash, sizeBytes, why: lost.why, sinceMs, others: 0 }];
    });
  }

  /** Since when what a holder lacks is waited for: the clock of the node before may have been another. One time for all
   *  its shards: what is remembered of each is forgotten when there are many. Not by epoch, which a replica's return
   *  changes, too. */
  function sinceOf(holder: ActorId): number {
    const known = since.get(holder) ?? clock.monotonicMs();
    since.set(holder, known);
    return known;
  }

  /** Remembers that a shard could not be made good. False: too many others could not either. It is tried again when its
   *  turn comes. */
  const noteTry = (hash: BlobHash, triesBefore: number): boolean =>
    put(
      hash,
      triesBefore + 1,
      backoffMs(triesBefore, { firstMs: limits.mendRetryMsMin, maxMs: limits.mendRetryMsMax }),
    );
  function put(hash: BlobHash, times: number, waitMs: number): boolean {
    const nowMs = clock.monotonicMs();
    tries.delete(hash);
    const [oldest] = tries;
    // The lists are walked in circles: to forget one that waits for the newest would forget each before its turn comes
    // again.
    if (oldest !== undefined && nowMs - oldest[1].notBeforeMs > limits.mendRetryMsMax) tries.delete(oldest[0]);
    if (tries.size >= limits.mendsKnownMax) return false;
    tries.set(hash, { tries: times, notBeforeMs: nowMs + waitMs });
    return true;
  }

  /** Which of some bytes a node has; none when it does not answer. */
  async function hadBy(other: NodeId, hashes: readonly BlobHash[]): Promise<readonly BlobHash[]> {
    const had: BlobHash[] = [];
    for (let at = 0; at < hashes.length; at += limits.hashesPerMessage) {
      const asked = hashes.slice(at, at + limits.hashesPerMessage);
      const answer = await links.call(other, "shard.lacks", { hashes: asked });
      if (!answer.ok) return had;
      const lacks = new Set(answer.value.lacks);
      had.push(...asked.filter((_, place) => !lacks.has(place)));
    }
    return had;
  }

  /** How many other shards of each stripe are where they belong, and which nodes have the bytes of the lost ones. */
  async function survey(
    patients: readonly Patient[],
  ): Promise<{ readonly patients: readonly Patient[]; readonly has: ReadonlyMap<BlobHash, readonly NodeId[]> }> {
    const asked = new Map<NodeId, Set<BlobHash>>();
    const ask = (other: NodeId, hash: BlobHash): void =>
      void asked.set(other, (asked.get(other) ?? new Set()).add(hash));
    const storages = membership
      .members()
      .members.filter((one) => one.roles.includes("storage"))
      .map((one) => one.node);
    const belongs = new Map<BlobHash, NodeId>();
    for (const { stripe, shard, hash } of patients) {
      for (const other of new Set([node, ...storages])) if (membership.isUp(other)) ask(other, hash);
      for (const [number, one] of stripe.shards.entries()) {
        const owner = ownerOf(ports, holderOfShard(stripe, one));
        if (number === shard || owner === undefined || !membership.isUp(owner)) continue;
        ask(owner, one.hash);
        belongs.set(one.hash, owner);
      }
    }
    const answers = await Promise.all(
      [...asked].map(async ([other, hashes]) => [other, await hadBy(other, [...hashes])] as const),
    );
    const has = new Map<BlobHash, NodeId[]>();
    for (const [other, hashes] of answers) for (const hash of hashes) has.set(hash, [...(has.get(hash) ?? []), other]);
    const isWell = (hash: BlobHash): boolean => has.get(hash)?.includes(belongs.get(hash) ?? "") ?? false;
    const counted = patients.map((one) => ({
      ...one,
      others: one.stripe.shards.filter(({ hash }, number) => number !== one.shard && isWell(hash)).length,
    }));
    return { patients: counted, has };
  }

  /** Brings one shard's bytes here, unless they are. */
  async function bring(patient: Patient, has: readonly NodeId[]): Promise<"here" | "brought" | "later"> {
    const { holder, hash, sizeBytes, stripe, shard, why } = patient;
    // One that the holder knows nothing of may well be here: only somebody who refers to it is new.
    const mayBeHere = has.includes(node) && (why === "missing" || patient.wanted !== undefined);
    if (mayBeHere && (await owned.adopt([hash, holder]))) return "here";
    for (const other of has) {
      if (other === node) continue;
      try {
        await owned.take([hash, holder], links.stream(other, { hash, sizeBytes }), sizeBytes);
        meter.count("shards_fetched");
        return "brought";
      } catch (thrown) {
        const reason = failureOf(thrown);
        if (["DISK_FULL", "LIMIT_REACHED", "STOPPING"].includes(reason.code)) throw thrown;
        log.warn("shard.not.fetched", { holder, from: other, hash, failure: reason });
      }
    }
    const patience = { absenceMs: limits.absenceMs, absenceMsMin: limits.absenceMsMin };
    if (hurries === 0 && clock.monotonicMs() < dueMs(patient, patience)) return "later";
    const gathered = await ports.stripes.gather(stripe, shard);
    if (!gathered.ok) throw new PlexusError(gathered.error);
    const made = remakeShard(stripe, shard, gathered.value.values());
    if (!made.ok) throw new PlexusError(made.error);
    if (hashOf(made.value) !== hash)
      throw new PlexusError(
        failure("DATA_DAMAGED", { stripe: stripe.id, reason: "what its shards give is not what its descriptor names" }),
      );
    await owned.take([hash, holder], once(made.value), sizeBytes);
    meter.count("shards_rebuilt");
    return "brought";
  }

  async function mend(patient: Patient, has: readonly NodeId[]): Promise<void> {
    const { hash, holder, stripe, sizeBytes, wanted } = patient;
    try {
      const outcome = await bring(patient, has);
      // Not asked for again with every look: those that may have it would be asked all the time.
      if (outcome === "later") return void put(hash, tries.get(hash)?.tries ?? 0, limits.mendEveryMs);
      if (wanted !== undefined) {
        const held = await ports.hold(wanted);
        if (held === "later") return;
        adopted.delete(hash);
        if (held === "released") return;
      } else if (!(await ports.ask(holder, foundOf(stripe, outcome), limits.holderTimeoutMs)).ok) return;
      tries.delete(hash);
      mended += 1;
      log.info("shard.mended", { holder, stripe: stripe.id, hash, why: patient.why });
      // Chat comes first: what is made good takes its share of disk and network, not all of it.
      await pause((sizeBytes / limits.mendBytesPerSecond) * 1_000);
    } catch (thrown) {
      const before = tries.get(hash)?.tries ?? 0;
      const isKnown = noteTry(hash, before);
      meter.count("shards_not_mended");
      log.warn("shard.not.mended", { holder, stripe: stripe.id, hash, failure: failureOf(thrown) });
      // An adopted one is nobody's duty but this node's memory: a walk of an audit finds it again.
      if (wanted !== undefined && (!isKnown || before + 1 >= limits.adoptTriesMax)) adopted.delete(hash);
    }
  }

  /** Whether the last look has mended anything. */
  let isFruitful = false;

  /** Tells how many are lost, of those that it came to. `only`: of these holders. */
  async function look(only?: ReadonlySet<ActorId>): Promise<number> {
    const before = mended;
    isFruitful = false;
    const holders = new Set(ownedHolders(ports));
    // What is half walked here is the next owner's.
    for (const known of [cursors, since])
      for (const holder of known.keys()) if (!holders.has(holder)) known.delete(holder);
    const asked = [...holders].filter((holder) => only?.has(holder) !== false);
    const lost = (await Promise.all(asked.map(lostOf))).flat();
    const strangers = [...adopted].flatMap(([hash, wanted]): Patient[] => {
      const place = wanted.stripe.shards[wanted.shard];
      if (place === undefined) return [];
      const holder = holderOfShard(wanted.stripe, place);
      if (!holders.has(holder)) return [];
      const { stripe, shard } = wanted;
      return [
        {
          holder,
          stripe,
          shard,
          hash,
          sizeBytes: place.sizeBytes,
          why: "damaged",
          sinceMs: sinceOf(holder),
          others: 0,
          wanted,
        },
      ];
    });
    const nowMs = clock.monotonicMs();
    const ready = [...lost, ...strangers].filter(
      ({ hash }) => hurries > 0 || (tries.get(hash)?.notBeforeMs ?? 0) <= nowMs,
    );
    meter.gauge("shards_lost", lost.length);
    if (cursors.size > 0) again = true;
    if (ready.length === 0 || stopped) return lost.length;
    const { patients, has } = await survey(ready);
    const line = patients.toSorted(bySickness);
    const worker = async (): Promise<void> => {
      for (let next = line.shift(); next !== undefined && !stopped; next = line.shift())
        await mend(next, has.get(next.hash) ?? []);
    };
    await Promise.all(Array.from({ length: limits.mendsAtOnce }, worker));
    isFruitful = mended > before;
    return lost.length;
  }

  let nextMs = Infinity;
  /** The next look is then, or before: news that come all the time put nothing off. */
  function soon(delayMs: number): void {
    const atMs = clock.monotonicMs() + delayMs;
    if (stopped || atMs >= nextMs) return;
    cancel();
    nextMs = atMs;
    cancel = clock.after(delayMs, () => {
      nextMs = Infinity;
      if (looking) {
        again = true;
        return;
      }
      looking = true;
      again = false;
      void look()
        .catch((error: unknown) => log.error("shard.mending.failed", { error }))
        .finally(() => {
          looking = false;
          // The next page comes soon, and sooner where this one has shown that something can be done.
          soon(again ? (isFruitful ? limits.mendSettleMs : limits.mendPageMs) : limits.mendEveryMs);
        });
    });
  }
  soon(limits.mendSettleMs);

  return {
    wake() {
      if (looking) again = true;
      else soon(limits.mendSettleMs);
    },
    async hurry() {
      hurries += 1;
      const before = mended;
      try {
        let found = 0;
        // All pages of all holders once, with a pause between them, and no longer than somebody waits for it.
        const untilMs = clock.monotonicMs() + limits.healTimeoutMs;
        for (
          let isFirst = true;
          (isFirst || cursors.size > 0) && !stopped && clock.monotonicMs() < untilMs;
          isFirst = false
        ) {
          if (!isFirst) await pause(limits.mendSettleMs);
          while (looking && !stopped) await pause(limits.mendSettleMs);
          if (isFirst) cursors.clear();
          looking = true;
          try {
            found += await look(isFirst ? undefined : new Set(cursors.keys()));
          } finally {
            looking = false;
          }
        }
        return { mended: mended - before, lost: Math.max(0, found - (mended - before)) };
      } finally {
        hurries -= 1;
        soon(limits.mendEveryMs);
      }
    },
    adopt(wanted) {
      const hash = wanted.stripe.shards[wanted.shard]?.hash;
      if (hash === undefined || (adopted.size >= limits.adoptedMax && !adopted.has(hash))) return false;
      adopted.set(hash, wanted);
      if (looking) again = true;
      else soon(limits.mendSettleMs);
      return true;
    },
    forget(stripe, owner) {
      for (const [hash, wanted] of adopted)
        if (wanted.stripe.id === stripe && wanted.owner === owner) adopted.delete(hash);
    },
    stop() {
      stopped = true;
      cancel();
    },
  };
}

const foundOf = ({ id }: Patient["stripe"], outcome: "here" | "brought") => ({
  type: "found" as const,
  stripes: [id],
  ...(outcome === "brought" && { mended: true as const }),
});

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

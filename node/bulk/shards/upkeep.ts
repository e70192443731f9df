/** Looks after the bytes of the holders that this node owns, and after bytes here that belong to none of them.
 *
 *      a holder came, or six hours are over ─► compare inventory and disk ─► lost, found ─► mending.ts
 *      each minute    ─► read some shards, ask others for leaves (audit.ts) ─► damaged: lost here, or its node is told
 *      each ten       ─► collect: gone from the inventory, then from the disk; bytes without inventory, after a grace
 *
 *  Invariant: bytes are deleted only when the holder itself has said, after they were last seen to be named, that it
 *  does not name them; or when its owner's node has read the same bytes whole. */
import {
  failureOf,
  ownSlot,
  type ActorId,
  type Collected,
  type HeldShards,
  type Result,
  type ShardPage,
} from "../../../protocols/index.ts";
import type { BlobHash, NodeId } from "../../ports/index.ts";
import { backoffMs } from "../../waiting.ts";
import { createAuditing, type Auditing, type AuditingPorts } from "./auditing.ts";
import type { Links } from "./links.ts";
import type { Mending } from "./mending.ts";
import type { Suspected } from "./holder-notices.ts";
import { isHolder, lasts, ownedHolders, type ShardPorts } from "./parts.ts";
import { holderOfShard, type KeptShard } from "./stripes-ports.ts";

interface UpkeepPorts extends Omit<AuditingPorts, "checkOwn"> {
  readonly links: Links;
  readonly mending: Mending;
  /** See `Intake.isBeingHeld`. */
  isBeingHeld(hash: BlobHash): boolean;
}

export interface Upkeep {
  /** A holder here is told that one of its shards may be missing or damaged, or that somebody refers to it. */
  suspect(wanted: KeptShard): Promise<Suspected>;
  /** Compares all holders here with the disk, now. */
  surveyAll(): Promise<number>;
  readonly auditing: Pick<Auditing, "opinionOf" | "opinions">;
  stop(): void;
}

/** What is known of a holder here, in memory. */
interface Care {
  readonly epoch: number;
  shards: number;
}

/** Bytes for which no holder has a row: they are kept for nobody, until the grace is over. */
const unclaimed: ActorId = "shard-holder/unclaimed.0";

/** Begins to look after them. */
export function createUpkeep(ports: UpkeepPorts): Upkeep {
  const { node, owned, clock, limits, links, mending, log, meter, table, membership } = ports;
  const { blobs } = owned;
  const cares = new Map<ActorId, Care>();
  const surveying = new Set<ActorId>();
  const suspected = new Set<BlobHash>();
  /** The nodes that owned the holders of other nodes of which bytes are here, and since when, as this node noticed. */
  const away = new Map<ActorId, { readonly owner: NodeId | undefined; readonly sinceMs: number }>();
  let stopped = false;
  const cancels = new Set<() => void>();

  const after = (ms: number, work: () => Promise<unknown>): void => {
    const cancel = clock.after(ms, () => {
      cancels.delete(cancel);
      if (stopped) return;
      void work().catch((error: unknown) => log.error("shards.upkeep.failed", { error }));
    });
    cancels.add(cancel);
  };
  const every = (ms: number, work: () => Promise<unknown>): void =>
    after(ms, () => work().finally(() => void (stopped || every(ms, work))));

  const epochOf = (holder: ActorId): number | undefined => {
    const record = table.get(ownSlot(holder))?.record;
    return record?.owner === node ? record.epoch : undefined;
  };
  const ask = <T>(holder: ActorId, command: Parameters<ShardPorts["ask"]>[1]): Promise<Result<T>> =>
    ports.ask(holder, command, limits.holderTimeoutMs) as Promise<Result<T>>;

  /** Whether a holder names these bytes, in its trash or not; undefined when it does not answer. */
  async function isNamed(holder: ActorId, hash: BlobHash): Promise<boolean | undefined> {
    const answer = await ask<ShardPage>(holder, { type: "list", hash, limit: 1 });
    return answer.ok ? answer.value.shards.length > 0 : undefined;
  }

  // --- comparing -----------------------------------------------------------------------------------------------------

  /** Compares a holder's whole inventory with what is here. False: the holder did not answer to all of it. */
  async function survey(holder: ActorId): Promise<boolean> {
    const epoch = epochOf(holder);
    if (epoch === undefined || surveying.has(holder)) return false;
    surveying.add(holder);
    try {
      let isTold = true;
      const tell = async (command: Parameters<ShardPorts["ask"]>[1]): Promise<void> => {
        if (!(await ask(holder, command)).ok) isTold = false;
      };
      const named = new Set<BlobHash>();
      let missing = 0;
      for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
        const page: Result<ShardPage> = await ask<ShardPage>(holder, {
          type: "list",
          ...(cursor !== undefined && { after: cursor }),
        });
        if (!page.ok || stopped || epochOf(holder) !== epoch) return false;
        const lost: { stripe: string; why: "missing" }[] = [];
        const found: string[] = [];
        for (const { hash, stripe, lost: why } of page.value.shards) {
          named.add(hash);
          const isHere =
            (owned.isFor(hash, holder) && (await blobs.has(hash)) !== undefined) || (await owned.adopt([hash, holder]));
          if (isHere) await owned.seen([hash, holder]);
          else missing += 1;
          if (!isHere && why === undefined) lost.push({ stripe, why: "missing" });
          if (isHere && why === "missing") found.push(stripe);
        }
        for (let at = 0; at < lost.length; at += limits.describedMax)
          await tell({ type: "lost", shards: lost.slice(at, at + limits.describedMax) });
        for (let at = 0; at < found.length; at += limits.describedMax)
          await tell({ type: "found", stripes: found.slice(at, at + limits.describedMax) });
        if (lost.length > 0) mending.wake();
        cursor = page.value.next;
      }
      const care = cares.get(holder);
      if (care?.epoch === epoch) care.shards = named.size;
      await tell({ type: "report", node, missing });
      log.info("shards.surveyed", { holder, shards: named.size, missing });
      await dropUnnamed(holder, named);
      return isTold;
    } finally {
      surveying.delete(holder);
    }
  }

  /** Does so soon after a holder came, and again until it answers: nothing else notices for hours what is missing. */
  function surveySoon(holder: ActorId, care: Care, failuresBefore: number, delayMs: number): void {
    after(delayMs, async () => {
      if (cares.get(holder) !== care) return;
      const isDone = await survey(holder).catch((error: unknown) => {
        log.error("shards.survey.failed", { holder, error });
        return false;
      });
      const waits = { firstMs: limits.surveyRetryMsMin, maxMs: limits.surveyRetryMsMax };
      if (!isDone && !stopped) surveySoon(holder, care, failuresBefore + 1, backoffMs(failuresBefore, waits));
    });
  }

  /** What is here for a holder of this node and is not in its inventory: in its trash, or for nobody. */
  async function dropUnnamed(holder: ActorId, named: ReadonlySet<BlobHash>): Promise<void> {
    for (const hash of owned.of(holder)) {
      if (named.has(hash) || stopped) continue;
      const reference = ports.isBeingHeld(hash) ? undefined : owned.reference([hash, holder]);
      if (reference === undefined || clock.nowMs() - reference.atMs <= limits.graceMs) continue;
      if ((await isNamed(holder, hash)) === false && (await owned.drop([hash, holder], reference)))
        meter.count("shards_dropped", 1, { because: "unnamed" });
    }
  }

  /** What is here for holders of other nodes: they may need it; when they have it whole, it goes. */
  async function lookAtOthers(): Promise<void> {
    for (const holder of owned.actors()) {
      if (stopped) return;
      const record = table.get(ownSlot(holder))?.record;
      const { owner } = record ?? {};
      const known = away.get(holder);
      if (known?.owner !== owner) away.set(holder, { owner, sinceMs: clock.monotonicMs() });
      // On its way here, or here; or it came to its owner just now, and what that has may not be its own yet: two nodes
      // that give it to each other must not both delete.
      const isSettled =
        known?.owner === owner && known !== undefined && clock.monotonicMs() - known.sinceMs > limits.movedMs;
      if (owner === node || record?.want?.owner === node || !isSettled) continue;
      const isOld = (hash: BlobHash, ms: number): boolean =>
        clock.nowMs() - (owned.reference([hash, holder])?.atMs ?? Infinity) > ms;
      for (const hash of owned.of(holder).filter((one) => isOld(one, limits.movedMs))) {
        const reference = owned.reference([hash, holder]);
        if (reference === undefined || stopped) continue;
        const because = await mayGo(holder, owner, hash, isOld(hash, limits.graceMs));
        // It is on its way back since: what was compared must stay.
        if (table.get(ownSlot(holder))?.record.want?.owner === node) break;
        if (because !== undefined && (await owned.drop([hash, holder], reference)))
          meter.count("shards_dropped", 1, { because });
      }
    }
    // Bytes without a row: from a store that was put back older than the disk. They get one, and with it a grace.
    for (let last = ""; ;) {
      const page = await blobs.list(last);
      for (const { hash } of page) if (!owned.has(hash)) await owned.adopt([hash, unclaimed]);
      const next = page.at(-1)?.hash;
      if (next === undefined || stopped) return;
      last = next;
    }
  }

  /** Why bytes for a holder of another node may go; undefined: they stay. */
  async function mayGo(
    holder: ActorId,
    owner: NodeId | undefined,
    hash: BlobHash,
    isPastGrace: boolean,
  ): Promise<string | undefined> {
    if (holder === unclaimed) return isPastGrace ? "unnamed" : undefined;
    if (owner !== undefined && membership.isUp(owner)) {
      const checked = await links.call(owner, "shard.check", { hash }, limits.callTimeoutMs);
      if (checked.ok && checked.value.well) return "moved";
    }
    return isPastGrace && (await isNamed(holder, hash)) === false ? "unnamed" : undefined;
  }

  // --- collecting ----------------------------------------------------------------------------------------------------

  async function collect(holder: ActorId): Promise<void> {
    for (let more = true; more && !stopped && epochOf(holder) !== undefined;) {
      const { collectGraceMs: graceMs, trashMs, rememberMs } = limits;
      const command = { type: "collect" as const, graceMs, trashMs, rememberMs };
      const answer = await ask<Collected>(holder, command);
      if (!answer.ok) return;
      ({ more } = answer.value);
      if (answer.value.trashed > 0) meter.count("shards_trashed", answer.value.trashed);
      for (const { hash } of answer.value.gone) {
        // Code that tells the holder of them from now on makes another reference first.
        const reference = ports.isBeingHeld(hash) ? undefined : owned.reference([hash, holder]);
        // Another stripe may have the same bytes.
        if (reference === undefined || (await isNamed(holder, hash)) !== false) continue;
        if (await owned.drop([hash, holder], reference)) meter.count("shards_dropped", 1, { because: "collected" });
      }
    }
  }

  // --- audits --------------------------------------------------------------------------------------------------------

  /** Reads a shard here. False: it was not well, and is looked after. */
  async function checkOwn(holder: ActorId, stripe: string, hash: BlobHash): Promise<boolean> {
    const isHere = await blobs.has(hash);
    const isWell = isHere !== undefined && (await blobs.check(hash));
    if (isWell) return true;
    const why = isHere === undefined ? "missing" : "damaged";
    meter.count("shards_found_damaged", 1, { why });
    log.warn("shard.damaged", { holder, stripe, hash, why });
    await ask(holder, { type: "lost", shards: [{ stripe, why }] });
    mending.wake();
    return false;
  }

  const auditing = createAuditing({ ...ports, checkOwn });

  // --- when ----------------------------------------------------------------------------------------------------------

  function came(holder: ActorId): void {
    const epoch = epochOf(holder);
    if (epoch === undefined) {
      cares.delete(holder);
      return;
    }
    if (cares.get(holder)?.epoch === epoch) return;
    const care = { epoch, shards: 0 };
    cares.set(holder, care);
    surveySoon(holder, care, 0, limits.mendSettleMs);
  }
  const stopTable = table.onChange((slot) => isHolder(slot) && came(slot));
  for (const holder of ownedHolders(ports)) came(holder);

  every(limits.surveyEveryMs, async () => {
    for (const holder of ownedHolders(ports)) await survey(holder);
    await lookAtOthers();
  });
  every(limits.auditEveryMs, async () => {
    for (const [holder, care] of cares)
      await auditing
        .step(holder, care.shards, () => !stopped && epochOf(holder) === care.epoch)
        .catch((error: unknown) => log.warn("shard.audit.failed", { holder, failure: failureOf(error) }));
  });
  every(limits.collectEveryMs, async () => {
    for (const holder of ownedHolders(ports)) await collect(holder);
  });

  return {
    async suspect(wanted) {
      const { stripe, shard } = wanted;
      const place = stripe.shards[shard];
      if (place === undefined) return "done";
      if (suspected.has(place.hash) || suspected.size >= limits.adoptedMax) return "later";
      const holder = holderOfShard(stripe, place);
      if (epochOf(holder) === undefined) return "later";
      suspected.add(place.hash);
      try {
        const described = await ask<HeldShards>(holder, { type: "describe", stripes: [stripe.id] });
        if (!described.ok) return "later";
        const gone = described.value.released.find(
          ({ owner, operation }) => owner === wanted.owner && operation >= wanted.operation,
        );
        if (gone !== undefined) return { released: gone.operation };
        const held = described.value.shards.find((one) => one.stripe.shards[one.shard]?.hash === place.hash);
        if (held !== undefined) {
          if (held.lost === undefined) await checkOwn(holder, stripe.id, place.hash);
          else mending.wake();
        }
        // A record that was only read names no owner that refers to it.
        const known = held?.references.find(({ owner }) => owner === wanted.owner);
        if (isHolder(wanted.owner) || (known !== undefined && lasts(known, wanted.lifeMs, clock.nowMs())))
          return "done";
        return mending.adopt(wanted) ? "done" : "later";
      } finally {
        suspected.delete(place.hash);
      }
    },
    async surveyAll() {
      const holders = ownedHolders(ports);
      for (const holder of holders) await survey(holder);
      return holders.length;
    },
    auditing,
    stop() {
      stopped = true;
      stopTable();
      for (const cancel of cancels) cancel();
    },
  };
}

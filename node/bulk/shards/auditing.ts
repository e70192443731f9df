/** Audits of the holders that this node owns: their own shards are read, others are asked for leaves of theirs.
 *
 *      the walk's next shards ─► read here: damaged? lost
 *                             └► another holder of the stripe: prove this leaf ─► and give it as to a reader ─► judged
 *                                   └► told to the asked node, counted for it; when it is bad: written down, healed
 *
 *  The walk goes on where it was when the node is started anew; a holder that comes from elsewhere begins one. */
import type { ActorId, HeldShard, HeldShards, Result, ShardLine, ShardPage } from "../../../protocols/index.ts";
import { contentTree, isProven } from "../blobs/index.ts";
import type { BlobHash, LeafProof, NodeId } from "../../ports/index.ts";
import {
  beginWalk,
  deadlineFor,
  digitsMax,
  judge,
  leafOf,
  noOpinion,
  opinionAfter,
  partOf,
  sampleSize,
  stepOf,
  targetOf,
  type Answer,
  type AuditResult,
  type Opinion,
} from "./audit.ts";
import type { Links } from "./links.ts";
import type { ShardMemory } from "./memory.ts";
import { signedBy } from "./receipts.ts";
import { leftOf, lasts, ownerOf, type ShardPorts } from "./parts.ts";
import { rememberedOf } from "./remembered.ts";
import { holderOfShard, type KeptShard } from "./stripes-ports.ts";
import { nameIn } from "../../cluster/facts/members.ts";

export interface AuditingPorts extends ShardPorts {
  readonly links: Links;
  readonly memory: Pick<ShardMemory, "walks" | "opinions" | "receipts">;
  /** Reads a shard here. False: it was not well, and is looked after. */
  checkOwn(holder: ActorId, stripe: string, hash: BlobHash): Promise<boolean>;
  /** Tells the node of a holder that its shard is not as it should be, or who refers to it. */
  readonly tell: (wanted: KeptShard) => void;
  /** What an audit has found that everybody should know. */
  noted(action: string, facts: Readonly<Record<string, string>>): void;
}

export interface Auditing {
  /** The next step of a holder's walk, while `goesOn`. `shards`: how many it has, about. */
  step(holder: ActorId, shards: number, goesOn: () => boolean): Promise<void>;
  opinionOf(node: NodeId): Opinion;
  opinions(): readonly (Opinion & { readonly node: NodeId })[];
}

/** Makes it, and takes what others found. */
export function createAuditing(ports: AuditingPorts): Auditing {
  const { node, clock, limits, links, log, meter, random, membership, exchange, memory } = ports;
  const { walks, opinions } = memory;
  /** When something bad was last written down about a node. */
  const notedMs = new Map<NodeId, number>();

  const ask = <T>(holder: ActorId, command: Parameters<ShardPorts["ask"]>[1]): Promise<Result<T>> =>
    ports.ask(holder, command, limits.holderTimeoutMs) as Promise<Result<T>>;
  const secret = (): string => Buffer.from(random.bytes(16)).toString("hex");
  const opinionOf = (other: NodeId): Opinion => opinions.get(other) ?? noOpinion;

  /** All of the inventory whose hashes begin in a certain way; undefined: the holder does not answer. */
  async function linesOf(holder: ActorId, start: string): Promise<readonly ShardLine[] | undefined> {
    const lines: ShardLine[] = [];
    for (let after: string | undefined = start === "" ? undefined : start; ;) {
      const page: Result<ShardPage> = await ask<ShardPage>(holder, {
        type: "list",
        ...(after !== undefined && { after }),
      });
      if (!page.ok) return undefined;
      const mine = page.value.shards.filter(({ hash }) => hash.startsWith(start));
      lines.push(...mine);
      if (
        page.value.next === undefined ||
        mine.length < page.value.shards.length ||
        lines.length >= limits.walkLinesMax
      )
        return lines;
      after = page.value.next;
    }
  }

  /** The next shards of a holder's walk. */
  async function nextOf(
    holder: ActorId,
    shards: number,
  ): Promise<{ readonly round: number; readonly held: readonly HeldShard[] }> {
    const { auditCoverMs: coverMs, auditEveryMs: everyMs } = limits;
    const limit = sampleSize(Math.max(1, shards), {
      coverMs,
      everyMs,
      max: Math.min(limits.auditsMax, limits.describedMax),
    });
    let walk = walks.get(holder) ?? beginWalk(shards, Math.floor(random.number() * 1_000_000), secret());
    const { round } = walk;
    const found: ShardLine[] = [];
    // Parts with nothing in them are passed by, some at a time.
    for (let looks = 0; looks < limits.walkPartsAtOnce && found.length < limit && walk.round === round; looks += 1) {
      const start = partOf(walk);
      if (start === undefined) {
        walk = beginWalk(shards, round + 1, secret());
        break;
      }
      const lines = await linesOf(holder, start);
      if (lines === undefined) return { round, held: [] };
      if (lines.length >= limits.walkLinesMax && walk.digits < digitsMax) {
        // It has grown, or was not known yet.
        walk = { round, secret: walk.secret, digits: walk.digits + 1, part: 0 };
        continue;
      }
      const step = stepOf(walk, lines, limit - found.length);
      found.push(...step.lines);
      ({ walk } = step);
    }
    walks.set(holder, walk);
    const stripes = found.filter(({ lost }) => lost === undefined).map(({ stripe }) => stripe);
    if (stripes.length === 0) return { round, held: [] };
    const described = await ask<HeldShards>(holder, { type: "describe", stripes });
    return { round, held: described.ok ? described.value.shards : [] };
  }

  async function challenge(by: ActorId, held: HeldShard, target: number): Promise<void> {
    const { stripe } = held;
    const asked = stripe.shards[target];
    if (asked === undefined) return;
    const holder = holderOfShard(stripe, asked);
    const owner = ownerOf(ports, holder);
    const { hash, sizeBytes } = asked;
    const leaf = leafOf(sizeBytes, contentTree.leafBytes, random.number());
    const answer = await proofOf(owner, { holder, hash, leaf, sizeBytes });
    const answering = stripe.shards.filter((one) => {
      const at = ownerOf(ports, holderOfShard(stripe, one));
      return at !== undefined && membership.isUp(at);
    }).length;
    const usual = opinions
      .entries()
      .flatMap(([other, { usualMs }]) => (other === owner || usualMs === 0 ? [] : usualMs));
    const deadlineMs = deadlineFor(usual, {
      mostMs: limits.auditDeadlineMs,
      leastMs: limits.auditDeadlineMsMin,
      factor: limits.auditDeadlineFactor,
    });
    const judged = judge(answer, { stripe, answering, deadlineMs });
    const there = judged === "missing" ? await describedAt(holder, stripe.id) : undefined;
    const result = there?.shards[0]?.lost === undefined ? judged : "lacking";
    const tookMs = answer.type === "unreached" ? 0 : Math.round(answer.tookMs);
    noteResult(owner, result, answer.type === "unreached" ? 0 : answer.tookMs);
    if (result !== "ok" && result !== "lacking")
      log.warn("shard.audit", { by, holder, node: owner, stripe: stripe.id, hash, leaf, result, tookMs });
    // A holder that admits the loss knows of it.
    if (owner !== undefined && result !== "offline" && result !== "lacking")
      exchange.send(owner, "shard.audited", { holder, by: node, stripe: stripe.id, hash, leaf, result, tookMs });
    if (owner !== undefined && owner !== node && (result === "failed" || result === "missing"))
      writeDown(owner, { holder, stripe: stripe.id, hash, result });
    if (result === "ok" || judged === "failed" || judged === "missing")
      await compareReferences(by, held, { target, holder, isWell: result === "ok" });
  }

  /** What a holder's inventory says of a stripe; undefined: it does not answer. */
  async function describedAt(holder: ActorId, stripe: string): Promise<HeldShards | undefined> {
    const described = await ask<HeldShards>(holder, { type: "describe", stripes: [stripe] });
    return described.ok ? described.value : undefined;
  }

  /** Each of a stripe's holders learns from the others who refers to it, and who does no longer. */
  async function compareReferences(
    by: ActorId,
    held: HeldShard,
    { target, holder, isWell }: { readonly target: number; readonly holder: ActorId; readonly isWell: boolean },
  ): Promise<void> {
    const { stripe } = held;
    const described = await describedAt(holder, stripe.id);
    const { shards, released } = described ?? { shards: [], released: [] };
    const there = shards[0]?.references ?? [];
    for (const one of held.references) {
      const lifeMs = leftOf(one, Math.floor(clock.nowMs()));
      if (lifeMs === 0) continue;
      const gone = released.find(({ owner, operation }) => owner === one.owner && operation >= one.operation);
      // One that too few remember was not acknowledged: that holder is told that the stripe is wanted.
      const { known: ended } = gone ? await rememberedOf(ports, { stripe, ...one }) : { known: 0 };
      if (ended >= one.operation) {
        await ask(by, { type: "release", stripe: stripe.id, owner: one.owner, operation: ended });
        continue;
      }
      const known = there.find(({ owner }) => owner === one.owner);
      const isOlder = known === undefined || known.operation < one.operation || !lasts(known, lifeMs, clock.nowMs());
      // An owner that refers to the stripe here and not there has told of as many holders as suffice, not of all.
      if (!isWell || (described !== undefined && isOlder))
        ports.tell({
          stripe,
          shard: target,
          owner: one.owner,
          operation: one.operation,
          ...(lifeMs !== undefined && { lifeMs }),
        });
    }
  }

  async function proofOf(
    owner: NodeId | undefined,
    { holder, hash, leaf, sizeBytes }: { holder: ActorId; hash: BlobHash; leaf: number; sizeBytes: number },
  ): Promise<Answer> {
    if (owner === undefined || !membership.isUp(owner)) return { type: "unreached" };
    const startedMs = clock.monotonicMs();
    const timeoutMs = 2 * limits.auditDeadlineMs;
    const answer = await links.call(owner, "shard.prove", { holder, hash, leaf }, timeoutMs);
    const tookMs = clock.monotonicMs() - startedMs;
    if (!answer.ok)
      return answer.error.code === "UNREACHABLE"
        ? { type: "unreached" }
        : { type: "refused", code: answer.error.code, tookMs };
    const { proof } = answer.value;
    const isGood = proof.leaf === leaf && proof.size === sizeBytes && isProven(hash, proof);
    if (!isGood || random.number() >= limits.auditReadShare) return { type: "proof", isProven: isGood, tookMs };
    return (await givesToReaders(owner, hash, proof, timeoutMs)) ?? { type: "proof", isProven: true, tookMs };
  }

  /** A holder that proves what it has and gives it to nobody keeps it from its owners. Undefined: it gives it. */
  async function givesToReaders(
    owner: NodeId,
    hash: BlobHash,
    proof: LeafProof,
    timeoutMs: number,
  ): Promise<Answer | undefined> {
    const start = proof.leaf * contentTree.leafBytes;
    const startedMs = clock.monotonicMs();
    const read = await links.call(owner, "shard.read", { hash, start, end: start + proof.bytes.length }, timeoutMs);
    const tookMs = clock.monotonicMs() - startedMs;
    if (!read.ok)
      return { type: "refused", code: read.error.code === "UNREACHABLE" ? "PEER_LOST" : read.error.code, tookMs };
    const isSame = Buffer.compare(Buffer.from(read.value.bytes), Buffer.from(proof.bytes)) === 0;
    return isSame ? undefined : { type: "proof", isProven: false, tookMs };
  }

  function noteResult(owner: NodeId | undefined, result: AuditResult, tookMs: number): void {
    meter.count("shard_audits", 1, { result });
    if (owner === undefined || owner === node) return;
    opinions.set(owner, { ...opinionAfter(opinionOf(owner), result, tookMs), node: owner });
  }

  /** In the cluster's log, not more often of one node than is read. */
  function writeDown(owner: NodeId, facts: Readonly<Record<string, string>>): void {
    const nowMs = clock.monotonicMs();
    if (nowMs - (notedMs.get(owner) ?? -Infinity) < limits.auditNotedEveryMs) return;
    if (notedMs.size >= limits.pacesMax) notedMs.clear();
    notedMs.set(owner, nowMs);
    const name = nameIn(membership, owner);
    ports.noted("shards.audit.failed", { ...facts, ...signedBy(owner, memory.receipts, facts), node: name });
  }

  exchange.on("shard.audited", ({ holder, by, stripe, hash, leaf, result, tookMs }, from) => {
    meter.count("shard_audits_of_this_node", 1, { result });
    const facts = { holder, by, from, stripe, hash, leaf, result, tookMs };
    // The operator of this node learns from its own log why it counts as unreliable.
    if (result === "ok") log.debug("shard.audited", facts);
    else log.warn("shard.audited", facts);
  });

  return {
    async step(holder, shards, goesOn) {
      const { round, held } = await nextOf(holder, shards);
      for (const one of held) {
        if (!goesOn()) return;
        const own = one.stripe.shards[one.shard];
        if (own === undefined) continue;
        await ports.checkOwn(holder, one.stripe.id, own.hash);
        const target = targetOf(one.stripe, one.shard, round);
        if (target !== one.shard) await challenge(holder, one, target);
      }
    },
    opinionOf,
    opinions: () => opinions.entries().map(([, opinion]) => opinion),
  };
}

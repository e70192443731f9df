/** Writes down which nodes may be trusted with shards: asks all of them what their audits have shown, and decides
 *  (`trust.ts`). */
import { failureOf } from "../../../protocols/index.ts";
import { asTrust, trustKey, type TrustRow } from "../facts/records.ts";
import type { Trust } from "../facts/trust.ts";
import type { Exchange } from "../exchange/index.ts";
import type { Clock, Directory, Log, Membership, MemberRecord, NodeId } from "../../ports/index.ts";
import type { PlacementLimits } from "./limits.ts";
import { nextTrust, type Opinion } from "./trust.ts";

interface TrustingPorts {
  readonly trust: Trust;
  readonly directory: Directory;
  readonly membership: Membership;
  readonly exchange: Exchange;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: PlacementLimits;
  /** Whether this node may change rows now. */
  acts(): boolean;
}

/** To be called often: it asks nobody more often than is needed. */
export function createTrusting(ports: TrustingPorts): { look(): void } {
  const { trust, directory, membership, exchange, clock, log, limits } = ports;
  let lookedMs = -Infinity;
  let looking = false;

  const keepers = (): readonly MemberRecord[] =>
    membership.members().members.filter(({ roles, state }) => state === "active" && roles.includes("storage"));

  /** What is said of each node, but by itself. */
  async function opinions(): Promise<ReadonlyMap<NodeId, readonly Opinion[]>> {
    const said = new Map<NodeId, Opinion[]>();
    const up = keepers().filter(({ node }) => membership.isUp(node));
    const ask = async ({ node: by }: MemberRecord): Promise<void> => {
      const answer = await exchange.call(by, "shard.opinions", {}, limits.loadTimeoutMs);
      if (!answer.ok) return;
      for (const { node, ...opinion } of answer.value.opinions)
        if (node !== by) said.set(node, [...(said.get(node) ?? []), { by, ...opinion }]);
    };
    for (let at = 0; at < up.length; at += limits.loadAsksMax)
      await Promise.all(up.slice(at, at + limits.loadAsksMax).map(ask));
    return said;
  }

  async function write(row: TrustRow | undefined, name: NodeId): Promise<void> {
    const key = trustKey(name);
    const there = await directory.read(key);
    const before = trust.current().find((one) => one.name === name);
    // Somebody else changed it: what is to be written is decided anew.
    if ((there && asTrust(there)?.state) !== before?.state || !ports.acts()) return;
    const { applied } = await directory.compareAndSet(key, row, there?.revision ?? 0);
    if (applied && row !== undefined) log.info("placement.trust", { ...row, before: before?.state });
  }

  async function decide(): Promise<void> {
    const members = keepers();
    const rows = trust.current();
    const isUnknown = members.some(({ node }) => rows.every(({ name }) => name !== node));
    // A new node is written down at once; what audits say changes slowly.
    const pauseMs = isUnknown ? limits.surveyFreshMs : limits.trustEveryMs;
    if (clock.monotonicMs() - lookedMs < pauseMs) return;
    lookedMs = clock.monotonicMs();
    const said = rows.length === 0 ? new Map<NodeId, readonly Opinion[]>() : await opinions();
    const nowMs = Math.floor(clock.nowMs());
    for (const { node } of members) {
      const known = rows.find(({ name }) => name === node);
      const next = nextTrust(node, known, { opinions: said.get(node) ?? [], rows, nowMs }, limits);
      if (next !== undefined) await write(next, node);
    }
    const all = new Set(membership.members().members.map(({ node }) => node));
    for (const { name } of rows) if (!all.has(name)) await write(undefined, name);
  }

  return {
    look() {
      if (looking || !ports.acts()) return;
      looking = true;
      decide()
        .catch((error: unknown) => log.warn("placement.trust.failed", { code: failureOf(error).code }))
        .finally(() => (looking = false));
    },
  };
}

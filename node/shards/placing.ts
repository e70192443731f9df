/** Where a new stripe goes: the group with the most independent holders, the scheme for so many, and the holders that draw highest. */
import { failure, ok, refused, type Result, type Scheme, type TrustState } from "../../protocols/index.ts";
import type { NodeId } from "../ports.ts";
import { chooseHolders, schemeFor, usualSchemes, widthOf, type Candidate } from "./coding/index.ts";
import { holdersOf, ownerOf, type ShardPorts } from "./parts.ts";
import type { Chosen } from "./wanted.ts";

/** What is known of a node that may take shards. */
export interface NodeCondition {
  /** Which part of the time it answered well, 0 to 1. */
  readonly reliability: number;
  /** Undefined: it has not said. */
  readonly freeBytes: number | undefined;
  /** Absent: it is trusted. */
  readonly trust?: TrustState | undefined;
}

/** A node that has not said how much room it has counts as one with this much. */
const unknownFreeBytes = 64 * 1024 ** 3;
/** A node that is seldom there still counts a little: else nothing would ever find out that it is better now. */
const reliabilityMin = 0.05;

/** A node on probation gets so much less: enough to be asked about. */
const probationShare = 0.25;

/** Chooses among the open groups as they are now. Errors: HOLDERS_TOO_FEW. */
export function choosePlace(
  ports: Pick<ShardPorts, "table" | "membership" | "groups"> & {
    conditionOf(node: NodeId): NodeCondition;
    /** What is set for a class; undefined: nothing is. */
    schemesOf?(name: string): readonly Scheme[] | undefined;
  },
  how: { readonly class: string; readonly bytes: number },
): Result<Chosen> {
  const { membership } = ports;
  const members = new Map(membership.members().members.map((member) => [member.node, member]));
  const groups = ports
    .groups()
    .filter(({ open }) => open)
    .map((group) => {
      const candidates = holdersOf(group).flatMap((holder, index): Candidate[] => {
        const node = ownerOf(ports, holder);
        const member = node === undefined ? undefined : members.get(node);
        if (node === undefined || member === undefined || !membership.isStaying(node)) return [];
        const { reliability, freeBytes = unknownFreeBytes, trust = "trusted" } = ports.conditionOf(node);
        if (trust === "suspect") return [];
        const zone = member.labels["zone"];
        const isTrusted = trust === "trusted";
        const weighs = Math.max(reliabilityMin, reliability) * (isTrusted ? 1 : probationShare);
        return [{ index, node, zone, freeBytes, reliability: weighs, isTrusted }];
      });
      const trusted = candidates.filter(({ isTrusted }) => isTrusted);
      return { group: group.name, candidates, nodes: new Set(trusted.map(({ node }) => node)).size };
    });
  const [best] = groups.toSorted((one, other) => other.nodes - one.nodes || (one.group < other.group ? -1 : 1));
  const settings = { name: how.class, schemes: ports.schemesOf?.(how.class) ?? usualSchemes };
  const scheme = schemeFor(settings, best?.nodes ?? 0);
  if (!scheme.ok) return scheme;
  if (best === undefined)
    return refused(failure("HOLDERS_TOO_FEW", { class: how.class, holders: 0, needed: widthOf(scheme.value) }));
  return ok({
    group: best.group,
    scheme: scheme.value,
    places(id, shardBytes, without) {
      const others = best.candidates.filter(({ index }) => !without.has(index));
      const chosen = chooseHolders(id, { scheme: scheme.value, shardBytes }, others);
      return chosen.ok ? ok(chosen.value.map(({ index }) => index)) : chosen;
    },
  });
}

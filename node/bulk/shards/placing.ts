/** Where a new stripe goes: the group with the most independent holders, the scheme for so many, and the holders that
 *  draw highest. */
import {
  failure,
  ok,
  refused,
  type Failure,
  type Result,
  type Scheme,
  type TrustState,
} from "../../../protocols/index.ts";
import type { NodeId } from "../../ports/index.ts";
import { chooseHolders, headerBytes, partBytes, schemeFor, usualOf, widthOf, type Candidate } from "./coding/index.ts";
import { holdersOf, ownerOf, type ShardPorts } from "./parts.ts";
import { admitsClass } from "./quota.ts";
import type { Chosen } from "./stripes-ports.ts";

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

/** On how many nodes that may be trusted, each with room for a shard of so many bytes. */
const nodesOf = (candidates: readonly Candidate[], bytes = 0): number =>
  new Set(
    candidates.flatMap(({ node, isTrusted, freeBytes }) => (isTrusted === true && freeBytes >= bytes ? node : [])),
  ).size;

/** Of so many members a refusal says that they are down. */
const downNamed = 8;

/** What to do about nodes that are down, of which so many would be enough. */
function startHint(down: readonly string[], needed: number): string {
  if (down.length === 1) return `The storage node ${down[0]} is down: start ${down[0]} again.`;
  const names = down.slice(0, downNamed).join(", ") + (down.length > downNamed ? ", …" : "");
  const isPart = down.length > downNamed || (needed > 1 && needed < down.length);
  if (isPart) return `Storage nodes are down: start ${needed} of: ${names}`;
  const format = new Intl.ListFormat("en", { type: needed < down.length ? "disjunction" : "conjunction" });
  return `The storage nodes ${names} are down: start ${format.format(down)} again.`;
}

/** Storage nodes that are down and would count if they were not, where there would be enough with them: how a refusal
 *  names them, and what to do. */
function withDown(
  ports: Pick<ShardPorts, "membership"> & { conditionOf(node: NodeId): NodeCondition },
  name: string,
  { details }: Failure,
) {
  const { holders, needed } = details as { readonly holders: number; readonly needed: number };
  const down = ports.membership
    .members()
    .members.filter(
      ({ node, leaving, roles, storage }) =>
        !ports.membership.isStaying(node) &&
        leaving !== true &&
        roles.includes("storage") &&
        admitsClass(storage, name) &&
        (ports.conditionOf(node).trust ?? "trusted") === "trusted",
    )
    .map((one) => one.name);
  if (down.length === 0 || holders + down.length < needed) return {};
  return { down: down.slice(0, downNamed), hint: startHint(down, needed - holders) };
}

/** Chooses among the open groups as they are now. Errors: HOLDERS_TOO_FEW (`untrusted`: nodes that do not count yet, or
 *  no more; `down`: nodes with which there would be enough), DISK_FULL (there would be enough, with more room). */
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
  const untrusted = new Set<NodeId>();
  const groups = ports
    .groups()
    .filter(({ open }) => open)
    .map((group) => {
      const candidates = holdersOf(group).flatMap((holder, index): Candidate[] => {
        const node = ownerOf(ports, holder);
        const member = node === undefined ? undefined : members.get(node);
        if (node === undefined || member === undefined || !membership.isStaying(node)) return [];
        if (!admitsClass(member.storage, how.class)) return [];
        const { reliability, freeBytes = unknownFreeBytes, trust = "trusted" } = ports.conditionOf(node);
        if (trust !== "trusted") untrusted.add(node);
        if (trust === "suspect") return [];
        const zone = member.labels["zone"];
        const isTrusted = trust === "trusted";
        const weighs = Math.max(reliabilityMin, reliability) * (isTrusted ? 1 : probationShare);
        return [{ index, node, zone, freeBytes, reliability: weighs, isTrusted }];
      });
      return { group: group.name, candidates, nodes: nodesOf(candidates) };
    });
  const [best] = groups.toSorted((one, other) => other.nodes - one.nodes || (one.group < other.group ? -1 : 1));
  const settings = { name: how.class, schemes: ports.schemesOf?.(how.class) ?? usualOf(how.class) };
  const enough = schemeFor(settings, best?.nodes ?? 0);
  const tooFew = (found: Failure) =>
    refused({
      ...found,
      details: {
        ...found.details,
        ...(untrusted.size > 0 && { untrusted: untrusted.size }),
        ...withDown(ports, how.class, found),
      },
    });
  if (!enough.ok) return tooFew(enough.error);
  if (best === undefined)
    return tooFew(failure("HOLDERS_TOO_FEW", { class: how.class, holders: 0, needed: widthOf(enough.value) }));
  // A node without room is none: fewer and larger shards may still fit elsewhere.
  const scheme = settings.schemes.find(
    (each) => widthOf(each) <= nodesOf(best.candidates, partBytes(each, how.bytes) + headerBytes),
  );
  if (scheme === undefined) return refused(failure("DISK_FULL", { class: how.class, group: best.group }));
  return ok({
    group: best.group,
    scheme,
    places(id, shardBytes, without) {
      const others = best.candidates.filter(({ index }) => !without.has(index));
      const chosen = chooseHolders(id, { scheme, shardBytes }, others);
      return chosen.ok ? ok(chosen.value.map(({ index }) => index)) : chosen;
    },
  });
}

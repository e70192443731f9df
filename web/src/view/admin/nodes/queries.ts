/** What the page of nodes asks of its node, and how it changes the cluster. */
import { useQuery } from "@tanstack/react-query";
import type { ClusterSlotRow, Role, StorageTerms, SupposedChange } from "../../../../../protocols/index.ts";
import { call, seen } from "../../../wire/index.ts";
import { useActOn, type Act } from "../../parts/act.ts";
import { live } from "../look.ts";

/** A change of the configuration: of a node, or of all. */
type Settings = { readonly set: Readonly<Record<string, number>>; readonly node?: string };

/** Nodes die, come back and are drained while somebody looks. */
const lookMs = 2_000;

export const useSummary = () =>
  useQuery({ ...live(lookMs), queryKey: ["nodes", "summary"], queryFn: () => seen("cluster.summary") });
export const useVoters = () =>
  useQuery({ ...live(lookMs), queryKey: ["nodes", "voters"], queryFn: () => seen("cluster.voters") });

/** Each change of the cluster that the page makes. */
export const changes = {
  drain: (node: string, draining: boolean) => call("cluster.drain", { node, draining }),
  evict: (node: string, force: boolean) => call("cluster.evict", { node, ...(force && { force }) }),
  /** `known`: those that were on show when somebody began to choose. */
  roles: (node: string, roles: readonly Role[], known: readonly Role[]) =>
    call("cluster.setRoles", { node, roles: [...roles], seen: [...known] }),
  /** `known`: the quota that was on show when somebody began to choose. */
  storage: (node: string, quotaBytes: number | null, known: number | null) =>
    call("cluster.setStorage", { node, quotaBytes, seen: known }),
  plan: (change: SupposedChange) => call("cluster.plan", change),
  planSettings: (settings: Settings) => call("configuration.plan", settings),
  setSettings: (settings: Settings & { readonly revision: number }) => call("configuration.set", settings),
  voters: (wanted: number, known: number) => call("cluster.setVoters", { wanted, seen: known }),
  invite: (terms: {
    readonly roles: readonly Role[];
    readonly labels: Readonly<Record<string, string>>;
    readonly storage?: StorageTerms;
  }) =>
    call("cluster.invite", {
      roles: [...terms.roles],
      ...(terms.storage !== undefined && { storage: terms.storage }),
      ...(Object.keys(terms.labels).length > 0 && { labels: terms.labels }),
    }),
};

/** Every slot that a node owns or copies; none where they cannot be seen now, which only leaves a warning out. */
export async function readSlots(node: string): Promise<readonly ClusterSlotRow[]> {
  const result = await call("cluster.slots", { node });
  return result.ok ? result.value.slots : [];
}

const all = ["nodes"];
/** Sends a change of the cluster. */
export const useAct = (): Act => useActOn(all);

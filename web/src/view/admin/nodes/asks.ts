/** What the page of nodes asks of its node, and how it changes the cluster. */
import { useQuery } from "@tanstack/react-query";
import type {
  ClusterPlan,
  ClusterSlotRow,
  ClusterSummary,
  DirectoryVoters,
  Evicted,
  InvitationIssued,
  Role,
  SettingsPlan,
  SupposedChange,
} from "../../../../../protocols/index.ts";
import { request } from "../../../wire/index.ts";
import { useActOn, type Act } from "../../act.ts";
import { live, look } from "../look.ts";

/** A change of the configuration: of a node, or of all. */
type Settings = { readonly set: Readonly<Record<string, number>>; readonly node?: string };

const base = "/api/v1/admin/cluster";
/** Nodes die, come back and are drained while somebody looks. */
const lookMs = 2_000;

const useLook = <Value>(name: string, path: string) =>
  useQuery({ ...live(lookMs), queryKey: ["nodes", name], queryFn: () => look<Value>(`/admin/cluster/${path}`) });

export const useSummary = () => useLook<ClusterSummary>("summary", "summary");
export const useVoters = () => useLook<DirectoryVoters>("voters", "directory/voters");

const nodePath = (node: string): string => `${base}/nodes/${encodeURIComponent(node)}`;

/** Each change of the cluster that the page makes. */
export const changes = {
  drain: (node: string, draining: boolean) => request("PUT", `${nodePath(node)}/draining`, { draining }),
  evict: (node: string, force: boolean) => request<Evicted>("DELETE", `${nodePath(node)}${force ? "?force=true" : ""}`),
  /** `seen`: those that were on show when somebody began to choose. */
  roles: (node: string, roles: readonly Role[], seen: readonly Role[]) =>
    request("PUT", `${nodePath(node)}/roles`, { roles, seen }),
  plan: (wish: SupposedChange) => request<ClusterPlan>("POST", `${base}/plan`, wish),
  planSettings: (wish: Settings) => request<SettingsPlan>("POST", "/api/v1/admin/configuration/plan", wish),
  setSettings: (wish: Settings & { readonly revision: number }) => request<SettingsPlan>("PUT", "/api/v1/admin/configuration", wish), // prettier-ignore
  voters: (wanted: number, seen: number) => request("PUT", `${base}/directory/voters`, { wanted, seen }),
  invite: (terms: { readonly roles: readonly Role[]; readonly labels: Readonly<Record<string, string>> }) =>
    request<InvitationIssued>("POST", `${base}/invitations`, {
      roles: terms.roles,
      ...(Object.keys(terms.labels).length > 0 && { labels: terms.labels }),
    }),
};

/** Every slot that a node owns or copies; none where they cannot be seen now, which only leaves a warning out. */
export async function readSlots(node: string): Promise<readonly ClusterSlotRow[]> {
  const result = await request<{ readonly slots: readonly ClusterSlotRow[] }>(
    "GET",
    `${base}/slots?node=${encodeURIComponent(node)}`,
  );
  return result.ok ? result.value.slots : [];
}

const all = ["nodes"];
/** Sends a change of the cluster. */
export const useAct = (): Act => useActOn(all);

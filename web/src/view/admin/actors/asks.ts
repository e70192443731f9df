/** What the screens of slots and actors ask of their node, and how they change the cluster. */
import { useQuery } from "@tanstack/react-query";
import type { ActorDetail, ActorPage, Moved } from "../../../../../protocols/index.ts";
import type { SlotPage } from "../../../../../protocols/slot-list.ts";
import { request } from "../../../wire/index.ts";
import { useActOn, type Act } from "../../act.ts";
import { live, look } from "../look.ts";
import { queryOf, type ActorSearch } from "./search.ts";

/** Slots move and actors come and go while somebody looks. */
const lookMs = 3_000;
/** A move waits for the copy to arrive. */
const moveMs = 60_000;
const all = ["nodes"];
/** Sends a change. */
export const useAct = (): Act => useActOn(all);

/** A page of slots: a cluster of many nodes has half a megabyte of them. */
export function useSlots(wanted: Readonly<Record<string, string>>) {
  const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== "")).toString();
  return useQuery({
    ...live(lookMs),
    queryKey: ["nodes", "slots", query],
    queryFn: () => look<SlotPage>(`/admin/cluster/slots?${query}`),
    placeholderData: (kept: SlotPage | undefined) => kept,
  });
}

/** A page of actors. */
export const useActors = (search: ActorSearch, after: string | undefined) =>
  useQuery({
    ...live(lookMs),
    queryKey: ["nodes", "actors", search, after],
    queryFn: async (): Promise<ActorPage> => {
      const { query, prefix } = queryOf(search, after);
      const page = await look<ActorPage>(`/admin/actors?${query}`);
      const rows = page.rows.filter(({ actor }) => actor.startsWith(prefix));
      return { ...page, rows, more: page.more && rows.length === page.rows.length };
    },
    placeholderData: (kept) => kept,
  });

const path = (actor: string): string => actor.split("/").map(encodeURIComponent).join("/");

export const useActor = (actor: string) =>
  useQuery({
    ...live(lookMs),
    queryKey: ["nodes", "actor", actor],
    queryFn: () => look<ActorDetail>(`/admin/actors/${path(actor)}`),
  });

const base = "/api/v1/admin/cluster";

/** Each change that these screens make. */
export const changes = {
  moveSlot: (slot: string, to: string) => request<Moved>("POST", `${base}/slots/${slot}/move`, { to, timeoutMs: moveMs }, moveMs + 5_000),
  moveActor: (actor: string, to: string) => request<Moved>("POST", `${base}/actors/${path(actor)}/move`, { to, timeoutMs: moveMs }, moveMs + 5_000),
  letGoOfSlot: (slot: string) => request("DELETE", `${base}/slots/${slot}/held`),
  letGoOfActor: (actor: string) => request("DELETE", `${base}/actors/${path(actor)}/held`),
  release: (actor: string, redeliver: boolean) => request<{ readonly redelivered: number }>("POST", `/api/v1/admin/actors/${path(actor)}/release`, { redeliver }),
}; // prettier-ignore

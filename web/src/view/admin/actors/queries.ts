/** What the screens of slots and actors ask of their node, and how they change the cluster. */
import { useQuery } from "@tanstack/react-query";
import { parseActorId, placeOfSlot } from "../../../../../protocols/ids.ts";
import type { ActorPage, OperationInput } from "../../../../../protocols/index.ts";
import type { SlotPage } from "../../../../../protocols/words/slot-list.ts";
import { call, callWithin, seen } from "../../../wire/index.ts";
import { useActOn, type Act } from "../../parts/act.ts";
import { live } from "../look.ts";
import { queryOf, type ActorSearch } from "./search.ts";

/** Slots move and actors come and go while somebody looks. */
const lookMs = 3_000;
/** A move waits for the copy to arrive. */
const moveMs = 60_000;
const patiently = callWithin(moveMs + 5_000);
const all = ["nodes"];
/** Sends a change. */
export const useAct = (): Act => useActOn(all);

/** A page of slots: a cluster of many nodes has half a megabyte of them. */
export function useSlots(wanted: Readonly<Record<string, string>>) {
  // As somebody wrote it into the address of the page: the node refuses what does not fit.
  const query: OperationInput<"cluster.slots"> = Object.fromEntries(
    Object.entries(wanted).filter(([, value]) => value !== ""),
  );
  return useQuery({
    ...live(lookMs),
    queryKey: ["nodes", "slots", query],
    queryFn: () => seen("cluster.slots", query),
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
      const page = await seen("actors.list", query);
      const rows = page.rows.filter(({ actor }) => actor.startsWith(prefix));
      return { ...page, rows, more: page.more && rows.length === page.rows.length };
    },
    placeholderData: (kept) => kept,
  });

/** An actor, as operations name it. What is none is refused by the node. */
const placeOf = (actor: string) => parseActorId(actor) ?? { kind: actor, key: "" };

export const useActor = (actor: string) =>
  useQuery({
    ...live(lookMs),
    queryKey: ["nodes", "actor", actor],
    queryFn: () => seen("actors.show", placeOf(actor)),
  });

/** Each change that these screens make. A slot that is none of a role is an actor's own. */
export const changes = {
  moveSlot: (slot: string, to: string) => {
    const place = placeOfSlot(slot);
    const how = { to, timeoutMs: moveMs };
    return place === undefined
      ? patiently("cluster.moveActor", { ...placeOf(slot), ...how })
      : patiently("cluster.moveSlot", { ...place, ...how });
  },
  moveActor: (actor: string, to: string) =>
    patiently("cluster.moveActor", { ...placeOf(actor), to, timeoutMs: moveMs }),
  letGoOfSlot: (slot: string) => {
    const place = placeOfSlot(slot);
    return place === undefined ? call("cluster.releaseActor", placeOf(slot)) : call("cluster.releaseSlot", place);
  },
  letGoOfActor: (actor: string) => call("cluster.releaseActor", placeOf(actor)),
  release: (actor: string, redeliver: boolean) => call("actors.release", { ...placeOf(actor), redeliver }),
};

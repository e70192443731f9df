import { useQuery } from "@tanstack/react-query";
import type { CallInput } from "../../../../../client/call.ts";
import type { BackupSort, BackupWish, OperationInput, Result } from "../../../../../protocols/index.ts";
import { at, call, callWithin, seen } from "../../../wire/index.ts";
import { useActOn, type Act } from "../../parts/act.ts";
import { live } from "../look.ts";

/** What the page of backups asks of its node, and the fresh proof that some of it asks for. */

/** Tasks go on by themselves, and other admins act. */
const lookMs = 2_000;
/** What is read from the storage nodes for it. */
const readMs = 15_000;

/** What is looked at again and again, and takes nothing. */
type Looked =
  | "backups.list"
  | "backups.places"
  | "backups.tasks"
  | "backups.schedules"
  | "holds.list"
  | "recalls.list"
  | "keys.status";

/** Something that is looked at again and again. */
function useSeen<Name extends Looked>(key: string, name: Name, everyMs = lookMs) {
  return useQuery({
    ...live(everyMs),
    queryKey: ["backups", key],
    queryFn: () => seen(name, ...([] as unknown as CallInput<Name>)),
  });
}

export const useSnapshots = () => useSeen("snapshots", "backups.list", readMs);
export const usePlaces = () => useSeen("places", "backups.places");
/** The snapshots in a folder of the node that is asked. */
export const useFolder = (path: string) =>
  useQuery({
    ...live(readMs),
    queryKey: ["backups", "folder", path],
    queryFn: () => seen("backups.list", { from: path }),
  });
export const useTasks = () => useSeen("tasks", "backups.tasks");
export const useSchedules = () => useSeen("schedules", "backups.schedules");
export const useHolds = () => useSeen("holds", "holds.list");
export const useRequests = () => useSeen("requests", "recalls.list");
export const useKeys = () => useSeen("keys", "keys.status");

/** Each change of backups. */
export const changes = {
  start({ sort, ...wish }: BackupWish) {
    // The node names its own folders by their paths alone.
    const { folder, ...body } = { folder: undefined, ...wish };
    const place = folder === undefined ? {} : { [sort === "run" ? "to" : "from"]: folder.path };
    return call(`backups.${sort}`, { ...body, ...place } as OperationInput<`backups.${BackupSort}`>);
  },
  resume: (id: string) => call("backups.resume", { id }),
  cancel: (id: string) => call("backups.cancel", { id }),
  putSchedule: (schedule: OperationInput<"backups.setSchedule">) => call("backups.setSchedule", schedule),
  removeSchedule: (name: string) => call("backups.removeSchedule", { name }),
  hold: (body: OperationInput<"holds.set">) => call("holds.set", body),
  lift: (id: string) => call("holds.lift", { id }),
  ask: (wish: BackupWish, reason: string) => call("recalls.ask", { wish, reason }),
  answer: (id: string, how: "approve" | "decline" | "begin"): Promise<Result<unknown>> =>
    call(`recalls.${how}`, { id }),
  rotate: (compromised: boolean) => callWithin(60_000)("keys.rotate", { compromised }),
};

/** Has the node begin an archive, and the browser fetch it. */
export async function fetchDownload(asked: OperationInput<"backups.download">): Promise<Result<unknown>> {
  const begun = await call("backups.download", asked);
  if (begun.ok) location.assign(at(begun.value.path));
  return begun;
}

const all = ["backups"];

/** Sends a change. */
export const useAct = (): Act => useActOn(all);

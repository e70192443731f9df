import { useQuery } from "@tanstack/react-query";
import type {
  BackupHold,
  BackupList,
  BackupPlaces,
  BackupSchedule,
  BackupSnapshot,
  BackupWish,
  ClusterBackupTask,
  RecallRequest,
  Result,
} from "../../../../../protocols/index.ts";
import { at, callWithin, request, seen } from "../../../wire/index.ts";
import { useActOn, type Act } from "../../act.ts";
import { live, look } from "../look.ts";

/** What the page of backups asks of its node, and the fresh proof that some of it asks for. */

const base = "/api/v1/admin/backups";
/** Tasks go on by themselves, and other admins act. */
const lookMs = 2_000;
/** What is read from the storage nodes for it. */
const readMs = 15_000;

/** Something that is looked at again and again. */
function useLook<Value>(name: string, path: string, method?: "POST") {
  return useQuery({
    ...live(method === undefined ? lookMs : readMs),
    queryKey: ["backups", name],
    queryFn: () => look<Value>(path, method),
  });
}

export const useSnapshots = () => useLook<{ readonly snapshots: readonly BackupSnapshot[] }>("snapshots", "/admin/backups/list", "POST"); // prettier-ignore
export const usePlaces = () => useLook<BackupPlaces>("places", "/admin/backups/places");
/** The snapshots in a folder of the node that is asked. */
export const useFolder = (path: string) =>
  useQuery({
    ...live(readMs),
    queryKey: ["backups", "folder", path],
    queryFn: () => look<BackupList>("/admin/backups/list", "POST", { from: path }),
  });
export const useTasks = () => useLook<{ readonly tasks: readonly ClusterBackupTask[] }>("tasks", "/admin/backups/tasks"); // prettier-ignore
export const useSchedules = () => useLook<{ readonly schedules: readonly BackupSchedule[] }>("schedules", "/admin/backups/schedules"); // prettier-ignore
export const useHolds = () => useLook<{ readonly holds: readonly BackupHold[] }>("holds", "/admin/backups/holds");
export const useRequests = () => useLook<{ readonly requests: readonly RecallRequest[] }>("requests", "/admin/backups/requests"); // prettier-ignore
export const useKeys = () =>
  useQuery({ ...live(lookMs), queryKey: ["backups", "keys"], queryFn: () => seen("keys.status") });

/** Each change of backups. */
export const changes = {
  start({ sort, ...wish }: BackupWish) {
    // The node names its own folders by their paths alone.
    const { folder, ...body } = { folder: undefined, ...wish };
    const place = folder === undefined ? {} : { [sort === "run" ? "to" : "from"]: folder.path };
    return request<ClusterBackupTask>("POST", `${base}/${sort}`, { ...body, ...place });
  },
  resume: (task: string) => request<ClusterBackupTask>("POST", `${base}/tasks/${task}/resume`, {}),
  cancel: (task: string) => request<ClusterBackupTask>("DELETE", `${base}/tasks/${task}`),
  putSchedule: (name: string, body: object) => request<BackupSchedule>("PUT", `${base}/schedules/${name}`, body),
  removeSchedule: (name: string) => request("DELETE", `${base}/schedules/${name}`),
  hold: (body: object) => request<BackupHold>("POST", `${base}/holds`, body),
  lift: (id: string) => request<BackupHold>("DELETE", `${base}/holds/${id}`),
  ask: (wish: BackupWish, reason: string) => request<RecallRequest>("POST", `${base}/requests`, { wish, reason }),
  answer: (id: string, how: "approve" | "decline" | "begin") => request("POST", `${base}/requests/${id}/${how}`, {}),
  rotate: (compromised: boolean) => callWithin(60_000)("keys.rotate", { compromised }),
};

/** Has the node begin an archive, and the browser fetch it. */
export async function fetchDownload(body: object): Promise<Result<unknown>> {
  const begun = await request<{ readonly path: string }>("POST", `${base}/downloads`, body);
  if (begun.ok) location.assign(at(begun.value.path));
  return begun;
}

const all = ["backups"];

/** Sends a change. */
export const useAct = (): Act => useActOn(all);

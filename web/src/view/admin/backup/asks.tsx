import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import type {
  BackupHold,
  BackupSchedule,
  BackupSnapshot,
  BackupWish,
  ClusterBackupTask,
  Failure,
  KeysStatus,
  RecallRequest,
  Result,
} from "../../../../../protocols/index.ts";
import { notices } from "../../../live/index.ts";
import { explain } from "../../../model/index.ts";
import { request } from "../../../wire/index.ts";
import { useDialogs, type Dialogs } from "../../dialogs.tsx";
import { Password } from "./password.tsx";

/** What the page of backups asks of its node, and the password that some of it asks for again. */

const base = "/api/v1/admin/backups";
/** Tasks go on by themselves, and other admins act. */
const lookMs = 2_000;
/** What is read from the storage nodes for it. */
const readMs = 15_000;

async function look<Value>(path: string, method: "GET" | "POST" = "GET"): Promise<Value> {
  const result = await request<Value>(method, path, method === "POST" ? {} : undefined);
  if (result.ok) return result.value;
  throw new Error(explain(result.error, "look"));
}

/** Something that is looked at again and again. */
function useLook<Value>(name: string, path: string, method?: "POST") {
  return useQuery({
    queryKey: ["backups", name],
    queryFn: () => look<Value>(path, method),
    refetchInterval: method === undefined ? lookMs : readMs,
    staleTime: 0,
    retry: false,
  });
}

export const useSnapshots = () => useLook<{ readonly snapshots: readonly BackupSnapshot[] }>("snapshots", `${base}/list`, "POST"); // prettier-ignore
export const useTasks = () => useLook<{ readonly tasks: readonly ClusterBackupTask[] }>("tasks", `${base}/tasks`); // prettier-ignore
export const useSchedules = () => useLook<{ readonly schedules: readonly BackupSchedule[] }>("schedules", `${base}/schedules`); // prettier-ignore
export const useHolds = () => useLook<{ readonly holds: readonly BackupHold[] }>("holds", `${base}/holds`);
export const useRequests = () => useLook<{ readonly requests: readonly RecallRequest[] }>("requests", `${base}/requests`); // prettier-ignore
export const useKeys = () => useLook<KeysStatus>("keys", "/api/v1/admin/keys");

/** Each change of backups. */
export const changes = {
  start: ({ sort, ...wish }: BackupWish) => request<ClusterBackupTask>("POST", `${base}/${sort}`, wish),
  cancel: (task: string) => request<ClusterBackupTask>("DELETE", `${base}/tasks/${task}`),
  putSchedule: (name: string, body: object) => request<BackupSchedule>("PUT", `${base}/schedules/${name}`, body),
  removeSchedule: (name: string) => request("DELETE", `${base}/schedules/${name}`),
  hold: (body: object) => request<BackupHold>("POST", `${base}/holds`, body),
  lift: (id: string) => request<BackupHold>("DELETE", `${base}/holds/${id}`),
  ask: (wish: BackupWish, reason: string) => request<RecallRequest>("POST", `${base}/requests`, { wish, reason }),
  answer: (id: string, how: "approve" | "decline" | "begin") => request("POST", `${base}/requests/${id}/${how}`, {}),
  rotate: (compromised: boolean) => request<KeysStatus>("POST", "/api/v1/admin/keys/rotate", { compromised }, 60_000),
};

/** Has the node begin an archive, and the browser fetch it. */
export async function fetchDownload(body: object): Promise<Result<unknown>> {
  const begun = await request<{ readonly path: string }>("POST", `${base}/downloads`, body);
  if (begun.ok) location.assign(begun.value.path);
  return begun;
}

/** Has the person give the password again, until it is the right one; false: it was not given. */
async function confirmed(ask: Dialogs["ask"]): Promise<boolean> {
  for (let fault: string | undefined; ;) {
    let password = "";
    const body = <Password fault={fault} onType={(typed) => (password = typed)} />;
    if (!(await ask({ title: "Your password again", body, action: "Go on" }))) return false;
    const result = await request("POST", "/api/v1/me/session/confirm", { password });
    if (result.ok) return true;
    fault = result.error.code === "SIGN_IN_FAILED" ? "This is not your password." : explain(result.error);
  }
}

/** Sends something, asks for the password where the node wants it again, and tells what was refused. `on` takes a refusal that has its own place. */
export function useAct() {
  const { ask } = useDialogs();
  const queries = useQueryClient();
  return useCallback(
    async <Value,>(
      send: () => Promise<Result<Value>>,
      on?: (refusal: Failure) => boolean,
    ): Promise<Value | undefined> => {
      let result = await send();
      while (!result.ok && result.error.code === "SIGN_IN_AGAIN") {
        if (!(await confirmed(ask))) return undefined;
        result = await send();
      }
      await queries.invalidateQueries({ queryKey: ["backups"] });
      if (result.ok) return result.value;
      if (on?.(result.error) !== true) notices.fail(result.error);
      return undefined;
    },
    [ask, queries],
  );
}

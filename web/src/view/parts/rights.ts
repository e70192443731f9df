import { useQuery } from "@tanstack/react-query";
import type { Permission } from "../../../../protocols/index.ts";
import { seen } from "../../wire/index.ts";
import { useProfile } from "./lists.ts";

/** What the signed-in person may do. */
interface Rights {
  /** The node has said it. */
  readonly known: boolean;
  /** Also what needs a newer proof: it is asked for then. */
  readonly may: (permission: Permission) => boolean;
}

/** How long it is believed. Hours and addresses of roles change it without a word. */
const believedMs = 60_000;

/** What the node says that the person may do; asked anew when their roles change. */
export function useRights(): Rights {
  const profile = useProfile();
  const { data } = useQuery({
    queryKey: ["rights", profile?.roles?.join(" ")],
    queryFn: () => seen("account.permissions"),
    enabled: profile !== undefined,
    staleTime: believedMs,
    refetchInterval: believedMs,
    placeholderData: (before) => before,
  });
  return {
    known: data !== undefined,
    may: (permission) =>
      data !== undefined && (data.permissions.includes(permission) || data.again.includes(permission)),
  };
}

/** A person with one of these has something to see in the administration. */
const doors: readonly Permission[] = [
  "cluster.see",
  "people.see",
  "audit.read",
  "alerts.read",
  "logs.read",
  "config.read",
];

/** Whether there is anything in the administration for the person. */
export function useIsAdmin(): boolean {
  const { may } = useRights();
  return doors.some(may);
}

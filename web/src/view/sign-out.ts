import { useQueryClient } from "@tanstack/react-query";
import { notices } from "../live/index.ts";
import { request } from "../wire/index.ts";

/** Ends the session on the node, then shows the sign-in screen. */
export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    const result = await request("POST", "/api/v1/sign-out");
    if (!result.ok && result.error.code !== "UNAUTHENTICATED") return notices.fail(result.error);
    await queries.refetchQueries({ queryKey: ["start"] });
  };
}

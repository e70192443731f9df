import { useQueryClient } from "@tanstack/react-query";
import { notices } from "../../live/index.ts";
import { call, forgetSeen } from "../../wire/index.ts";

/** Ends the session on the node, then shows the sign-in screen. */
export function useSignOut(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    const result = await call("signIn.signOut");
    if (!result.ok && result.error.code !== "UNAUTHENTICATED") return notices.fail(result.error);
    await forgetSeen();
    // Out at the server by which the person came in, too, and back to here.
    if (result.ok && result.value.url !== undefined) return location.assign(result.value.url);
    await queries.refetchQueries({ queryKey: ["start"] });
  };
}

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import type { UserAbout, UserCard } from "../../../../protocols/index.ts";
import { explain, useSession } from "../../live/index.ts";

/** Under which is kept what somebody tells of themselves. */
export const aboutKey = (user: string) => ["about", user];

/** What somebody tells of themselves. */
export function useAbout(user: string): UseQueryResult<UserAbout> {
  const { client } = useSession();
  return useQuery({
    queryKey: aboutKey(user),
    queryFn: async () => {
      const result = await client.call("user.about", user, {});
      if (result.ok) return result.value;
      throw new Error(explain(result.error, "look"));
    },
    retry: false,
    staleTime: 10_000,
  });
}

/** Whether an account was deleted; undefined: nobody knows yet. */
export function useIsDeleted(user: string, enabled: boolean): boolean | undefined {
  const { client } = useSession();
  return useQuery<UserCard, Error, boolean>({
    queryKey: ["card", user],
    queryFn: async () => {
      const result = await client.call("user.card", user, {});
      if (result.ok) return result.value;
      throw new Error(explain(result.error, "look"));
    },
    select: ({ deleted }) => deleted === true,
    enabled,
    retry: false,
    staleTime: 10_000,
  }).data;
}

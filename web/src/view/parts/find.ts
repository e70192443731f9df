import { useNavigate, useParams } from "@tanstack/react-router";

/** Opens the search of messages beside what is on show. Without a text it is for the room or conversation that is
 *  there. */
export function useFind(): (text?: string) => void {
  const navigate = useNavigate();
  const { room, agent } = useParams({ strict: false });
  const here = room ?? (agent === undefined ? undefined : `@${agent}`);
  return (text = here === undefined ? "" : `in:${here} `) =>
    void navigate({
      to: ".",
      // One panel at a time; where one reads stays.
      search: ({ at }: { readonly at?: number }) => ({ ...(at !== undefined && { at }), find: text }) as never,
    });
}

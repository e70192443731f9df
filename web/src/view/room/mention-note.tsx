import { useDebouncedValue } from "@mantine/hooks";
import { useQueries } from "@tanstack/react-query";
import type { CatalogPage, RoomView } from "../../../../protocols/index.ts";
import { useSession, type RoomStore } from "../../live/index.ts";
import { absentMentions, isAgent, mentionedNames } from "../../model/index.ts";
import { fetched } from "../../wire/index.ts";
import { useAgents, useNames, usePeople } from "../lists.ts";

// More than that is a list of names, not a message to somebody.
const askedMax = 5;
const typingPauseMs = 250;

/** True when this member may bring others in; a public room is joined by people themselves, so anybody may point one out. */
export function mayInvite(view: RoomView, me: string): boolean {
  const role = view.members[me]?.role;
  if (role === undefined || view.visibility === "direct") return false;
  return view.visibility === "public" || role !== "member";
}

/** Says, before the message is sent, whom it mentions that will not see it, and lets one bring them in. */
export function MentionNote({
  text,
  store,
  view,
}: {
  readonly text: string;
  readonly store: RoomStore;
  readonly view: RoomView;
}) {
  const session = useSession();
  const nameFor = useNames();
  // A name that is being typed is not one yet.
  const [settled] = useDebouncedValue(text, typingPauseMs);
  const people = usePeople().map(({ key }) => key);
  const agents = useAgents().map(({ agent }) => agent);
  const unknown = mentionedNames(settled).filter((name) => !people.includes(name) && !agents.includes(name));
  const looked = useQueries({
    queries: unknown.slice(0, askedMax).map((name) => ({
      queryKey: ["catalog", "users", name],
      queryFn: () => fetched<CatalogPage>(`/api/v1/catalog/users?text=${encodeURIComponent(name)}`),
      staleTime: 60_000,
    })),
  });
  const found = looked.flatMap(({ data }) => data?.rows ?? []).map(({ key }) => key);
  const known = [...people, ...found].map((key) => `user/${key}`).concat(agents.map((agent) => `agent/${agent}`));
  const absent = absentMentions(settled, known, view.members);
  if (absent.length === 0) return null;
  const where = view.visibility === "direct" ? "in this conversation" : "in this room";
  return (
    <div className="mention-notes" role="status">
      {absent.map((principal) => (
        <div key={principal} className="mention-note">
          <span className="grow">
            <bdi>{nameFor(principal)}</bdi> is not {where} and will not {isAgent(principal) ? "answer" : "see this"}.
          </span>
          {mayInvite(view, session.me) && (
            <button
              type="button"
              className="link"
              aria-label={`Add ${nameFor(principal)} to the room`}
              onClick={() => void store.change("invite", { member: principal })}
            >
              Add
            </button>
          )}
        </div>
      ))}
    </div>
  );
}

import { useDebouncedValue } from "@mantine/hooks";
import { useQueries } from "@tanstack/react-query";
import type { RoomView } from "../../../../protocols/index.ts";
import { useSession, type RoomStore } from "../../live/index.ts";
import { absentIn, isAgent, severalIn, unknownIn, type Mentionable } from "../../model/index.ts";
import { asked } from "../../wire/index.ts";
import { useAgents, useNames, usePeople } from "../parts/lists.ts";
import { useRead } from "../parts/reader.ts";
import { mentionableIn } from "./calling-in.ts";
import { mayEnter } from "./staying.ts";

// More than that is a list of names, not a message to somebody.
const askedMax = 5;
const typingPauseMs = 250;
const none: readonly never[] = [];

/** True when this member may bring others in; a public room is joined by people themselves, so anybody may point one
 *  out. */
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
  const blocks = useRead(settled) ?? none;
  const people = usePeople();
  const agents = useAgents();
  const present = mentionableIn(view, nameFor);
  const listed: readonly Mentionable[] = [
    ...people.map(({ key, title }) => ({ principal: `user/${key}`, label: title })),
    ...agents.map(({ agent }) => ({ principal: `agent/${agent}`, label: agent })),
  ];
  const unknown = unknownIn(blocks, [...present, ...listed]);
  const looked = useQueries({
    queries: unknown.slice(0, askedMax).map((name) => ({
      queryKey: ["catalog", "users", name],
      queryFn: () => asked("people", { text: name }),
      staleTime: 60_000,
    })),
  });
  const found = looked
    .flatMap(({ data }) => data?.rows ?? [])
    .map(({ key, title }) => ({ principal: `user/${key}`, label: title }));
  const absent = absentIn(blocks, [...listed, ...found], present);
  const several = severalIn(blocks, present);
  if (absent.length + several.length === 0) return null;
  const where = view.visibility === "direct" ? "in this conversation" : "in this room";
  return (
    <div className="mention-notes" role="status">
      {several.map((name) => (
        <div key={name} className="mention-note">
          <span className="grow">
            Several people here are called <bdi>{name}</bdi>. Nobody is mentioned until you pick one from the list.
          </span>
        </div>
      ))}
      {absent.map((principal) => (
        <div key={principal} className="mention-note">
          <span className="grow">
            <bdi>{nameFor(principal)}</bdi> is not {where} and will not {isAgent(principal) ? "answer" : "see this"}.
          </span>
          {mayInvite(view, session.me) && mayEnter(view, principal) && (
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

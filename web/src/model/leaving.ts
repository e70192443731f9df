import type { RoomView } from "../../../protocols/index.ts";
import { isAgent, nameOf } from "./text.ts";

/** What happens when somebody leaves a room: said before it is done. */
export interface Leaving {
  /** The agents that go, too: those of the person. */
  readonly agents: readonly string[];
  /** Nobody else is in the room. */
  readonly alone: boolean;
  /** Members who can be made the owner; empty when no new one is needed. Those who have been moderators first, then by
   *  standing. */
  readonly successors: readonly string[];
  /** The rank that is gone for good. */
  readonly losesRank: boolean;
  /** Somebody else has to let them in again. */
  readonly needsInvitation: boolean;
  /** It can be undone by the person alone: nothing needs to be asked before. */
  readonly undoable: boolean;
}

/** What happens when `member`, a person, leaves the room. */
export function leavingOf(view: RoomView, member: string): Leaving {
  const others = Object.entries(view.members).filter(([other]) => !isAgent(other) && other !== member);
  const role = view.members[member]?.role ?? "member";
  const isLastOwner = role === "owner" && !others.some(([, other]) => other.role === "owner");
  const alone = others.length === 0;
  const successors = isLastOwner
    ? others.toSorted(
        ([, a], [, b]) =>
          Number(b.role === "moderator") - Number(a.role === "moderator") || a.joinedAtMs - b.joinedAtMs,
      )
    : [];
  const needsInvitation = view.visibility !== "public";
  // A person who comes back into an empty public room owns it again.
  const losesRank = role !== "member" && !(alone && !needsInvitation);
  return {
    agents: agentsOf(view, member),
    alone,
    successors: successors.map(([name]) => name),
    losesRank,
    needsInvitation,
    undoable: !needsInvitation && !losesRank,
  };
}

/** The agents in the room that belong to a person, and go when the person goes. */
export const agentsOf = (view: RoomView, person: string): readonly string[] =>
  Object.keys(view.members).filter((other) => isAgent(other) && nameOf(other).startsWith(`${nameOf(person)}.`));

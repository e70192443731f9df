import { useNavigate } from "@tanstack/react-router";
import type { Failure, RoomView } from "../../../../protocols/index.ts";
import { notices, useSession } from "../../live/index.ts";
import { leavingOf } from "../../model/index.ts";
import { useNames } from "../parts/lists.ts";
import { listed } from "./listed.ts";

/** How to leave a room, and whether that has to be asked before, because one person alone cannot undo it. */
export function useLeave(
  view: RoomView,
  title: string,
): {
  readonly isAsked: boolean;
  readonly leave: (successor?: string, on?: (refusal: Failure) => boolean) => Promise<boolean>;
} {
  const session = useSession();
  const navigate = useNavigate();
  const nameFor = useNames();
  const leaving = leavingOf(view, session.me);
  return {
    isAsked: !leaving.undoable,
    async leave(successor, on) {
      const result = await session.leave(view.room, successor, on);
      if (!result.ok) return false;
      await navigate({ to: "/" });
      const agents = result.value.left.filter((member) => member !== session.me);
      const also = agents.length === 0 ? "" : `, and so did ${listed(agents.map(nameFor))}`;
      const told = `You left ${title}${also}.`;
      if (leaving.needsInvitation) notices.show(told);
      else
        notices.done(told, () => {
          void session.comeBack(view.room, agents).then((back) => {
            if (back) void navigate({ to: "/room/$room", params: { room: view.room } });
          });
        });
      return true;
    },
  };
}

import { Button, Loader } from "@mantine/core";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import type { Failure } from "../../../../protocols/index.ts";
import { explain, useSession, useShown } from "../../live/index.ts";
import type { RoomModel } from "../../model/index.ts";
import { useIsListed } from "../parts/lists.ts";
import { useRights } from "../parts/rights.ts";
import { MenuButton } from "../shell/dialogs.tsx";
import { secretIn } from "../shell/joining.ts";
import { route } from "./address.ts";
import { OpenRoom } from "./open-room.tsx";
import { usePartsReady } from "./room-panel.tsx";
import "./room.css";

const JoinByLink = lazy(() => import("./join-by-link.tsx"));

/** The page of a room: the room itself, or why one is not in it and the way in. */
export function RoomPage() {
  usePartsReady();
  const { room } = route.useParams();
  const session = useSession();
  const [attempt, setAttempt] = useState(0);
  const store = useMemo(() => session.room(room), [session, room, attempt]);
  const status = useShown(store.store, (model: RoomModel) => model.status);
  const refused = useShown(store.store, (model: RoomModel) => model.refusal);
  useEffect(() => {
    if (status === "ready") session.kept.write("room", room);
  }, [session, room, status]);
  // Sent away while one looks on: asked again, the room says why.
  const wasIn = useRef(false);
  useEffect(() => {
    const wasBefore = wasIn.current;
    wasIn.current = status === "ready";
    if (status === "refused" && wasBefore) setAttempt((number) => number + 1);
  }, [status]);
  // Let in again meanwhile.
  const isListed = useIsListed(room);
  useEffect(() => {
    if (isListed && store.store.latest.status === "refused") setAttempt((number) => number + 1);
  }, [isListed]);
  // Why one may not come in: known only after one has tried.
  const [kept, setKept] = useState<Failure>();
  useEffect(() => setKept(undefined), [room]);
  const join = async () => {
    const keep = (refusal: Failure): boolean => {
      const isWhy = refusal.code === "BANNED" || isUnknown(refusal);
      if (isWhy) setKept(refusal);
      return isWhy;
    };
    const result = await session.changeRoom("join", room, {}, keep);
    if (result.ok || result.error.code === "ALREADY_DONE") setAttempt(attempt + 1);
  };
  const secret = useSecret(room, status === "ready");
  if (status === "ready") return <OpenRoom key={room} store={store} />;
  const refusal = kept ?? refused;
  return (
    <main className="screen-main">
      <header className="header">
        <MenuButton />
        <h1 className="grow">{room}</h1>
      </header>
      <div className="empty">
        {refusal === undefined ? (
          <Loader aria-label="Loading the room" />
        ) : secret !== undefined && refusal.code !== "BANNED" ? (
          <Suspense>
            <JoinByLink room={room} secret={secret} onJoined={() => setAttempt(attempt + 1)} />
          </Suspense>
        ) : (
          <>
            <h2>{refusedTitle(refusal)}</h2>
            {/* What to do about it is on the button. */}
            {isUnknown(refusal) && (
              <p>The address may be wrong. If somebody gave it to you, ask them to add you to the room.</p>
            )}
            {refusal.code !== "NOT_A_MEMBER" && !isUnknown(refusal) && <p>{explain(refusal, "look")}</p>}
            {refusal.code === "NOT_A_MEMBER" && <WayIn room={room} onJoin={() => void join()} />}
          </>
        )}
      </div>
    </main>
  );
}

/** Guests join no room by themselves. */
function WayIn({ room, onJoin }: { readonly room: string; readonly onJoin: () => void }) {
  const { known, may } = useRights();
  if (known && !may("room.join")) return <p>Ask somebody who is in the room to add you.</p>;
  return <Button onClick={onJoin}>Join {room}</Button>;
}

/** The secret of a link into the room by which the person comes. It leaves the address once they are in. */
function useSecret(room: string, isIn: boolean): string | undefined {
  const navigate = useNavigate();
  const secret = secretIn(useLocation({ select: ({ hash }) => hash }));
  const isUsed = isIn && secret !== undefined;
  useEffect(() => {
    if (isUsed) void navigate({ to: "/room/$room", params: { room }, replace: true });
  }, [isUsed, navigate, room]);
  return secret;
}

/** There is none, or it is private: nobody who is not in it is told which. A node of an older version says that it is
 *  forbidden. */
const isUnknown = ({ code }: Failure): boolean => code === "NOT_FOUND" || code === "FORBIDDEN";

function refusedTitle({ code }: Failure): string {
  if (code === "NOT_A_MEMBER") return "You are not in this room";
  if (code === "NOT_FOUND" || code === "FORBIDDEN") return "There is no such room that you can see";
  return code === "BANNED" ? "You are banned from this room" : "This room cannot be shown";
}

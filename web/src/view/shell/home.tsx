import { Button, Loader } from "@mantine/core";
import { Link, Navigate } from "@tanstack/react-router";
import { useState } from "react";
import type { RoomSummary } from "../../../../protocols/index.ts";
import { isOwnRoom } from "../../../../protocols/kinds/room-own.ts";
import { useSession } from "../../live/index.ts";
import { groupRooms } from "../../model/index.ts";
import { brandName, useBrand } from "./brand.ts";
import { MenuButton, useDialogs } from "./dialogs.tsx";
import { Mark } from "../parts/icons.tsx";
import { useRooms, useRoomTitle } from "../parts/lists.ts";

/** `/`: goes on where the person was, or greets somebody who is in no room yet. */
export function Home() {
  const rooms = useRooms().data?.rooms;
  if (rooms === undefined)
    return (
      <main className="empty">
        <Loader aria-label="Loading" />
      </main>
    );
  return <Start rooms={rooms.filter(({ room }) => !isOwnRoom(room))} />;
}

function Start({ rooms }: { readonly rooms: readonly RoomSummary[] }) {
  const { open } = useDialogs();
  const { kept } = useSession();
  const brand = useBrand();
  const titleOf = useRoomTitle();
  // Decided once. A room that appears later was somebody else's doing, and so was a conversation that was never opened
  // here: both stand in the list, and nobody is taken to them.
  const [last] = useState(() => rooms.find((room) => room.room === kept.read("room")) ?? groupRooms(rooms).rooms[0]);
  if (last !== undefined) return <Navigate to="/room/$room" params={{ room: last.room }} replace />;
  const waiting = rooms.filter((room) => room.unread > 0);
  return (
    <main className="screen-main">
      <header className="header menu-only">
        <MenuButton />
      </header>
      <div className="empty">
        <Mark size={56} />
        <h2>Welcome to {brandName(brand)}</h2>
        <p>Rooms are where people talk. An agent of your own answers whenever you like.</p>
        <div className="row" style={{ flexWrap: "wrap", justifyContent: "center" }}>
          <Button onClick={() => open("findRoom")}>Join or create a room</Button>
          <Button variant="default" onClick={() => open("createAgent")}>
            Create an agent of your own
          </Button>
        </div>
        {waiting.map((room) => (
          <p key={room.room} role="status">
            {room.visibility === "direct"
              ? `${titleOf(room)} wrote to you.`
              : `There is something new in ${titleOf(room)}.`}{" "}
            <Link to="/room/$room" params={{ room: room.room }} className="link">
              Read it
            </Link>
          </p>
        ))}
      </div>
    </main>
  );
}

import { Button, Loader } from "@mantine/core";
import { Navigate } from "@tanstack/react-router";
import { useState } from "react";
import { CreateAgent, CreateRoom, FindRoom } from "./create.tsx";
import { readLastPlace } from "./last-place.ts";
import { useRooms } from "./lists.ts";
import { MenuButton } from "./dialogs.tsx";
import { Mark } from "./icons.tsx";

/** `/`: goes on where the person was, or greets somebody who is in no room yet. */
export function Home() {
  const [open, setOpen] = useState<"find" | "room" | "agent">();
  const close = () => setOpen(undefined);
  const rooms = useRooms().data?.rooms;
  if (rooms === undefined)
    return (
      <main className="empty">
        <Loader aria-label="Loading" />
      </main>
    );
  const last = rooms.find((room) => room.room === readLastPlace()) ?? rooms[0];
  if (last !== undefined) return <Navigate to="/room/$room" params={{ room: last.room }} replace />;
  return (
    <main className="screen-main">
      <header className="header menu-only">
        <MenuButton />
      </header>
      <div className="empty">
        <Mark size={56} />
        <h2>Welcome to Plexus</h2>
        <p>Rooms are where people talk. An agent of your own answers whenever you like.</p>
        <div className="row" style={{ flexWrap: "wrap", justifyContent: "center" }}>
          <Button onClick={() => setOpen("find")}>Join or create a room</Button>
          <Button variant="default" onClick={() => setOpen("agent")}>
            Create an agent of your own
          </Button>
        </div>
      </div>
      <FindRoom opened={open === "find"} onClose={close} onCreate={() => setOpen("room")} />
      <CreateRoom opened={open === "room"} onClose={close} />
      <CreateAgent opened={open === "agent"} onClose={close} />
    </main>
  );
}

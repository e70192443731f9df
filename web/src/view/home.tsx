import { Loader } from "@mantine/core";
import { Navigate } from "@tanstack/react-router";
import { readLastPlace } from "./last-place.ts";
import { useRooms } from "./lists.ts";
import { MenuButton } from "./dialogs.tsx";
import { Mark } from "./icons.tsx";

/** `/`: goes on where the person was, or greets somebody who is in no room yet. */
export function Home() {
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
        <p>
          Use the <b>+</b> beside “Rooms” to join or create a room, and the one beside “Your agents” to make an agent
          you can talk to.
        </p>
      </div>
    </main>
  );
}

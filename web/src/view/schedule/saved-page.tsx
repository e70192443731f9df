import { Link } from "@tanstack/react-router";
import { useState } from "react";
import type { SavedMessage } from "../../../../protocols/index.ts";
import { notices, useSession } from "../../live/index.ts";
import { Icon } from "../parts/icons.tsx";
import { useNames, useRooms, useRoomTitle, useSaved } from "../parts/lists.ts";
import { momentOf } from "../parts/time.ts";
import { LoadedPage } from "./loaded-page.tsx";
import { lineOf, useRemembered } from "./remembered.tsx";
import "./schedule.css";

/** Each is asked for in its room. */
const pageMessages = 20;

/** The messages that the person has saved for later, the newest first. */
export function SavedPage() {
  const [shown, setShown] = useState(pageMessages);
  return (
    <LoadedPage title="Saved" loaded={useSaved()}>
      {(all) => (
        <section aria-label="Saved messages">
          {all.length === 0 && (
            <p className="dim">None. Open the menu of a message, and choose “Save for later”. Nobody else sees it.</p>
          )}
          <ul>
            {all.slice(0, shown).map((one) => (
              <Saved key={`${one.room} ${one.seq}`} saved={one} />
            ))}
          </ul>
          {all.length > shown && (
            <button type="button" className="link" onClick={() => setShown(shown + pageMessages)}>
              Show more
            </button>
          )}
        </section>
      )}
    </LoadedPage>
  );
}

/** One of them; nothing, where the person may not read its room any more: it comes back with them. */
function Saved({ saved }: { readonly saved: SavedMessage }) {
  const { room, seq } = saved;
  const session = useSession();
  const nameFor = useNames();
  const titleOf = useRoomTitle();
  const listed = useRooms().data?.rooms.find((one) => one.room === room);
  const message = useRemembered(saved);
  if (message === "closed") return null;
  const remove = async () => {
    const result = await session.change("unsaveMessage", { room, seq });
    if (result.ok)
      notices.done("The message is no longer saved.", () => void session.change("saveMessage", { room, seq }));
  };
  const isThere = typeof message === "object";
  return (
    <li className="later">
      <div className="later-head">
        {isThere && <b className="ellipsis">{nameFor(message.author)}</b>}
        <span className="dim">in</span>
        <Link to="/room/$room" params={{ room }} search={{ at: seq }} className="later-room ellipsis" dir="auto">
          {titleOf(listed ?? { room, title: "" })}
        </Link>
        {isThere && <time className="dim">{momentOf(message.atMs)}</time>}
      </div>
      <p dir="auto" className={isThere ? "later-text" : "later-text dim"}>
        {lineOf(message)}
      </p>
      <div className="later-acts">
        <button type="button" className="later-act" onClick={() => void remove()}>
          <Icon name="trash" size={15} /> Remove
        </button>
      </div>
    </li>
  );
}

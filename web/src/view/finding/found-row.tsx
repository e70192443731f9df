import { Link, useLocation, useNavigate, useParams } from "@tanstack/react-router";
import type { MouseEvent, ReactNode } from "react";
import type { FoundMessage } from "../../../../protocols/index.ts";
import { useSession } from "../../live/index.ts";
import { agentLabel } from "../../model/index.ts";
import { Avatar } from "../parts/avatar.tsx";
import { useNames, useRooms, useRoomTitle } from "../parts/lists.ts";
import { fullTime, momentOf } from "../parts/time.ts";

/** One message that was found; a link to its place. `keep`: what of the address stays. */
export function FoundRow(props: {
  readonly message: FoundMessage;
  readonly keep: object;
  readonly onJump: () => void;
}) {
  const { message, keep } = props;
  const session = useSession();
  const nameFor = useNames();
  const titleOf = useRoomTitle();
  const navigate = useNavigate();
  const { search: here } = useLocation();
  const shownPlace = useParams({ strict: false });
  const room = useRooms().data?.rooms.find((one) => one.room === message.room);
  const { seq, author, atMs } = message;
  const place = message.room === undefined ? { agent: message.agent ?? "" } : { room: message.room };
  const topic = message.topic === undefined ? "" : ` › ${message.topic}`;
  const where =
    place.room === undefined
      ? `with ${agentLabel(place.agent, session.name)}${message.title === undefined ? "" : `: ${message.title}`}`
      : `in ${titleOf(room ?? { room: place.room, title: "" })}${topic}`;
  const go = async (event: MouseEvent) => {
    props.onJump();
    // The same place again: the address has to change for it.
    const isHere = shownPlace.room === place.room && shownPlace.agent === place.agent;
    const isSame = "at" in here && here.at === seq && isHere;
    if (!isSame || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    await navigate({ to: ".", replace: true, search: keep as never });
    await navigate({ to: ".", replace: true, search: { ...keep, at: seq } as never });
  };
  const isOfRoom = place.room !== undefined;
  const shown = (
    <>
      <Avatar principal={author} label={nameFor(author)} size={28} />
      <div className="found-words">
        <div className="found-head">
          <bdi className="author ellipsis">{nameFor(author)}</bdi>
          <bdi className="dim ellipsis grow">{where}</bdi>
          <time className="dim" dateTime={new Date(atMs).toISOString()} title={fullTime(atMs)}>
            {momentOf(atMs)}
          </time>
        </div>
        {message.file && <bdi className="found-file dim ellipsis">in the file {message.file.name}</bdi>}
        <p dir="auto" className="found-text">
          {message.cutFrom !== undefined && "… "}
          {message.text === "" ? <em className="dim">{isOfRoom ? "a file" : "no text"}</em> : marked(message)}
          {message.goesOn === true && " …"}
        </p>
      </div>
    </>
  );
  const common = { className: "found", onClick: (event: MouseEvent) => void go(event) };
  return place.room === undefined ? (
    <Link to="/agent/$agent" params={{ agent: place.agent }} search={{ ...keep, at: seq }} {...common}>
      {shown}
    </Link>
  ) : (
    <Link to="/room/$room" params={{ room: place.room }} search={{ ...keep, at: seq }} {...common}>
      {shown}
    </Link>
  );
}

/** The passage, with what was found in it. */
function marked({ text, marks }: FoundMessage): ReactNode {
  const parts: ReactNode[] = [];
  let at = 0;
  for (const [start, end] of marks) {
    parts.push(text.slice(at, start), <mark key={start}>{text.slice(start, end)}</mark>);
    at = end;
  }
  return [...parts, text.slice(at)];
}

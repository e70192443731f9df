import { Button, Loader } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { CatchUp, MissedLine, MissedRoom, MissedThread } from "../../../../protocols/index.ts";
import { whyWords } from "../../../../protocols/words/catching-up.ts";
import { plainLine } from "../../model/index.ts";
import { Icon } from "../parts/icons.tsx";
import { useNames } from "../parts/lists.ts";
import { momentOf } from "../parts/time.ts";
import { Told } from "../parts/told.tsx";
import { useCalled, useMarking, useMissed } from "./queries.ts";
import { Summary } from "./summary.tsx";

/** Where a message is: in its thread, where it is shown there only. */
function ToPlace(props: {
  readonly room: string;
  readonly line: Pick<MissedLine, "seq" | "replyTo" | "threadOnly">;
  readonly children: ReactNode;
}) {
  const { room, line, children } = props;
  const search =
    line.threadOnly === true && line.replyTo !== undefined
      ? ({ panel: "thread", seq: line.replyTo } as const)
      : { at: line.seq };
  return (
    <Link to="/room/$room" params={{ room }} search={search} className="missed-line">
      {children}
    </Link>
  );
}

/** A message in one line; `says` stands behind its author. */
function Line(props: { readonly room: string; readonly line: MissedLine; readonly says?: string }) {
  const { room, line, says } = props;
  const nameFor = useNames();
  return (
    <li>
      <ToPlace room={room} line={line}>
        <span className="missed-head">
          <b className="ellipsis">
            <bdi>{nameFor(line.author)}</bdi>
          </b>
          {says !== undefined && <span className="dim ellipsis">{says}</span>}
          <time className="dim">{momentOf(line.atMs)}</time>
        </span>
        <span dir="auto" className="missed-text">
          {line.text === "" ? "a file" : plainLine(line.text)}
          {line.goesOn === true && " …"}
        </span>
      </ToPlace>
    </li>
  );
}

/** What the person has missed. */
export function Missed() {
  const loaded = useMissed();
  const { data } = loaded;
  if (loaded.isPending) return <Loader aria-label="Loading" />;
  if (data === undefined)
    return (
      <p>
        <Told text={loaded.error?.message ?? ""} />{" "}
        <button type="button" className="link" onClick={() => void loaded.refetch()}>
          Try again
        </button>
      </p>
    );
  return <All missed={data} onAgain={() => void loaded.refetch()} />;
}

function All({ missed, onAgain }: { readonly missed: CatchUp; readonly onAgain: () => void }) {
  const { concerns, rooms, threads, unseen = [], left = 0, unreachable = [] } = missed;
  const called = useCalled();
  const mark = useMarking();
  const isNothing = rooms.length + threads.length === 0;
  return (
    <>
      <div className="missed-acts">
        {!isNothing && (
          <Button size="xs" onClick={() => void mark(missed)} leftSection={<Icon name="check" size={15} />}>
            Mark all of it as read
          </Button>
        )}
        <Button size="xs" variant="default" onClick={onAgain} leftSection={<Icon name="refresh" size={15} />}>
          Look again
        </Button>
      </div>
      {isNothing && <p>You have missed nothing.</p>}
      {!isNothing && <Summary />}
      {unreachable.length > 0 && (
        <p role="status">Not here, for they do not answer now: {unreachable.map(called).join(", ")}</p>
      )}
      {concerns.length > 0 && (
        <section aria-label="For you">
          <h2>For you</h2>
          <ul>
            {concerns.map((one) => (
              <Line
                key={`${one.room} ${one.seq}`}
                room={one.room}
                line={one}
                says={one.why === "direct" ? whyWords.direct : `${whyWords[one.why]} in ${called(one.room)}`}
              />
            ))}
          </ul>
        </section>
      )}
      {rooms.length > 0 && (
        <section aria-label="What is new in rooms">
          <h2>Rooms</h2>
          {rooms.map((room) => (
            <Room key={room.room} room={room} title={called(room.room)} />
          ))}
        </section>
      )}
      {threads.length > 0 && (
        <section aria-label="Threads that you follow">
          <h2>Threads that you follow</h2>
          {threads.map((thread) => (
            <Thread key={`${thread.room} ${thread.root}`} thread={thread} title={called(thread.room)} />
          ))}
        </section>
      )}
      {unseen.length > 0 && (
        <p className="dim">
          There is so much in {unseen.map(called).join(", ")} that only its newest part was looked at for what concerns
          you.
        </p>
      )}
      {left > 0 && (
        <p className="dim">
          {left === 1 ? "One more room has" : `${left} more rooms have`} something to read. When you have marked this as
          read, look again.
        </p>
      )}
    </>
  );
}

function Room({ room, title }: { readonly room: MissedRoom; readonly title: string }) {
  const more = room.unread - room.lines.length;
  return (
    <article className="missed">
      <h3>
        <Link to="/room/$room" params={{ room: room.room }} search={{ at: room.readSeq + 1 }} className="later-room">
          <bdi>{title}</bdi>
        </Link>{" "}
        <span className="dim">
          {room.unread} unread{room.mentioned ? ", you were mentioned" : ""}
        </span>
      </h3>
      <ul>
        {room.lines.map((line) => (
          <Line key={line.seq} room={room.room} line={line} />
        ))}
      </ul>
      {more > 0 && room.lines.length > 0 && <p className="dim flush">and {more} more</p>}
    </article>
  );
}

function Thread({ thread, title }: { readonly thread: MissedThread; readonly title: string }) {
  const { room, root, unread, mentioned, lines } = thread;
  return (
    <article className="missed">
      <h3>
        <Link to="/room/$room" params={{ room }} search={{ panel: "thread", seq: root }} className="later-room">
          A thread in <bdi>{title}</bdi>
        </Link>{" "}
        <span className="dim">
          {unread} unread{mentioned ? ", you were mentioned" : ""}
        </span>
      </h3>
      <ul>
        {lines.map((line) => (
          <Line key={line.seq} room={room} line={line} />
        ))}
      </ul>
    </article>
  );
}

import { Loader } from "@mantine/core";
import { Link, useSearch } from "@tanstack/react-router";
import type { FollowedThread } from "../../../../protocols/index.ts";
import { useSession } from "../../live/index.ts";
import { agentLabel, plainLine, unsentDrafts, type UnsentDraft } from "../../model/index.ts";
import { useNames } from "../parts/lists.ts";
import { momentOf } from "../parts/time.ts";
import { Told } from "../parts/told.tsx";
import { FoundRow } from "../finding/found-row.tsx";
import { useFound } from "../finding/found.ts";
import { repliesText, ThreadNews } from "../room/thread-link.tsx";
import { MenuButton } from "../shell/dialogs.tsx";
import { Missed } from "./missed.tsx";
import { useCalled, useFollowed } from "./queries.ts";
import "../schedule/schedule.css";
import "../finding/finding.css";
import "./catching.css";

/** What is shown; the same names as in `of` of the address. */
const catchUpViews = {
  missed: "Missed",
  threads: "Threads",
  mentions: "Mentions",
  reactions: "Reactions",
  drafts: "Drafts",
} as const;
type CatchUpView = keyof typeof catchUpViews;

/** What the person has missed, and all that is theirs in every room. */
export function CatchUpPage() {
  const { of = "missed" } = useSearch({ strict: false }) as { readonly of?: CatchUpView };
  const { name } = useSession();
  return (
    <main className="screen-main">
      <header className="header">
        <MenuButton />
        <h1 className="grow">Catch up</h1>
      </header>
      <nav className="catching-views" aria-label="What is shown">
        {(Object.keys(catchUpViews) as CatchUpView[]).map((view) => (
          <Link
            key={view}
            to="/catchup"
            search={view === "missed" ? {} : { of: view }}
            className={view === of ? "catching-view active" : "catching-view"}
            aria-current={view === of ? "page" : undefined}
          >
            {catchUpViews[view]}
          </Link>
        ))}
      </nav>
      <div className="later-page" key={of}>
        {of === "missed" && <Missed />}
        {of === "threads" && <Threads />}
        {of === "mentions" && <FoundMessages typed="to:me" none="Nobody has mentioned you yet." />}
        {of === "reactions" && (
          <FoundMessages typed={`from:${name} has:reaction`} none="Nobody has reacted to a message of yours yet." />
        )}
        {of === "drafts" && <Drafts />}
      </div>
    </main>
  );
}

/** Messages that a search finds, newest first, page by page. */
function FoundMessages({ typed, none }: { readonly typed: string; readonly none: string }) {
  const { query, found } = useFound(typed, false);
  if (query.isPending) return <Loader aria-label="Loading" />;
  return (
    <section aria-label="Messages">
      {query.isError && <Told text={query.error.message} />}
      {found?.messages.length === 0 && <p className="dim">{none}</p>}
      <ol className="catching-found">
        {found?.messages.map((message) => (
          <li key={`${message.room ?? message.agent ?? ""} ${message.seq}`}>
            <FoundRow message={message} keep={{}} onJump={() => undefined} />
          </li>
        ))}
      </ol>
      {(found?.silent.length ?? 0) > 0 && (
        <p role="status">Not searched, for they do not answer now: {found?.silent.join(", ")}</p>
      )}
      {query.hasNextPage && (
        <button
          type="button"
          className="link"
          disabled={query.isFetchingNextPage}
          onClick={() => void query.fetchNextPage()}
        >
          Show more
        </button>
      )}
    </section>
  );
}

function Threads() {
  const loaded = useFollowed();
  const called = useCalled();
  if (loaded.isPending) return <Loader aria-label="Loading" />;
  const { threads = [], unreachable = [] } = loaded.data ?? {};
  return (
    <section aria-label="Threads that you follow">
      {loaded.isError && <Told text={loaded.error.message} />}
      {loaded.data !== undefined && threads.length === 0 && (
        <p className="dim">None. You follow a thread when you began it, write in it or are mentioned in it.</p>
      )}
      {unreachable.length > 0 && (
        <p role="status">Not here, for they do not answer now: {unreachable.map(called).join(", ")}</p>
      )}
      <ul>
        {threads.map((thread) => (
          <Thread key={`${thread.room} ${thread.root}`} thread={thread} title={called(thread.room)} />
        ))}
      </ul>
    </section>
  );
}

function Thread({ thread, title }: { readonly thread: FollowedThread; readonly title: string }) {
  const nameFor = useNames();
  const { room, root, count, last } = thread;
  return (
    <li className="later">
      <div className="later-head">
        <Link
          to="/room/$room"
          params={{ room }}
          search={{ panel: "thread", seq: root }}
          className="later-room ellipsis"
        >
          <bdi>{title}</bdi>: {repliesText(count)}
        </Link>
        <ThreadNews thread={thread} />
        <time className="dim">{momentOf(last.atMs)}</time>
      </div>
      <p dir="auto" className="later-text">
        <b>
          <bdi>{nameFor(last.author)}</bdi>
        </b>{" "}
        {last.text === "" ? "a file" : plainLine(last.text)}
      </p>
    </li>
  );
}

function Drafts() {
  const { kept } = useSession();
  const drafts = unsentDrafts(kept);
  return (
    <section aria-label="Drafts">
      <p className="dim">What you have begun to write in this browser and not sent.</p>
      {drafts.length === 0 && <p>None.</p>}
      <ul>
        {drafts.map((draft) => (
          <Draft key={draft.place} draft={draft} />
        ))}
      </ul>
    </section>
  );
}

function Draft({ draft: { text, room, thread, agent = "" } }: { readonly draft: UnsentDraft }) {
  const { name } = useSession();
  const called = useCalled();
  const of = thread === undefined ? {} : ({ panel: "thread", seq: thread } as const);
  return (
    <li className="later">
      <div className="later-head">
        {room === undefined ? (
          <Link to="/agent/$agent" params={{ agent }} className="later-room ellipsis">
            {agentLabel(agent, name)}
          </Link>
        ) : (
          <Link to="/room/$room" params={{ room }} search={of} className="later-room ellipsis">
            {thread !== undefined && "A thread in "}
            <bdi>{called(room)}</bdi>
          </Link>
        )}
      </div>
      <p dir="auto" className="later-text">
        {text}
      </p>
    </li>
  );
}

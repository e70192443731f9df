import { Loader } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useQueryClient } from "@tanstack/react-query";
import { useLocation, useNavigate, useParams } from "@tanstack/react-router";
import { flushSync } from "react-dom";
import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type RefObject } from "react";
import { useLasting, useSession } from "../../live/index.ts";
import { hasFilter, withFilter, withoutFilter } from "../../model/finding.ts";
import { useRooms, useRoomTitle } from "../parts/lists.ts";
import { Told } from "../parts/told.tsx";
import { Panel } from "../room/panel.tsx";
import { FindingField } from "./field.tsx";
import { useFound, type Found } from "./found.ts";
import { FoundRow } from "./found-row.tsx";
import "./finding.css";

/** After the last letter; what is typed quickly is searched for once. */
const pauseMs = 250;
/** Before, a word that something is going on would only flash. */
const slowMs = 700;

/** What the address says of a search: what was typed, and its order. */
interface FindingSearch {
  readonly find?: string;
  readonly best?: "yes";
}

/** Messages that are found, beside the room: the words are part of the address, so back brings them and what they have
 *  found. */
export function FindingPanel({ find, isBest }: { readonly find: string; readonly isBest: boolean }) {
  const navigate = useNavigate();
  const { room, agent } = useParams({ strict: false });
  const [text, setText] = useState(find);
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLOListElement>(null);
  const { query, found, isAsked, wrong } = useFound(find, isBest);
  const isCurrent = text.trim() === find.trim();
  const isSlow = useLasting(query.isFetching && (query.isPlaceholderData || found === undefined), slowMs);
  const isNarrow = useMediaQuery("(max-width: 760px)", undefined, { getInitialValueInEffect: false });
  // A thread's own panel goes when this one comes.
  const { lastThread } = useSession();
  const thread = room !== undefined && lastThread?.startsWith(`${room}/`) === true ? lastThread : undefined;
  const { onJump, onReturn, onClose, hasJumped } = useReturn();
  useKeptPlace(list, `${find} ${isBest}`, found !== undefined);

  const say = (next: FindingSearch) =>
    void navigate({ to: ".", replace: true, search: (now: object) => ({ ...now, best: undefined, ...next }) });
  const order = isBest ? { best: "yes" as const } : {};
  // What the page itself has put into the address; anything else came from elsewhere, and is shown.
  const told = useRef(find);
  const tell = (next: string) => {
    told.current = next;
    say({ find: next, ...order });
  };
  useEffect(() => {
    if (find === told.current) return;
    told.current = find;
    setText(find);
    field.current?.focus();
  }, [find]);
  useEffect(() => {
    if (text === find) return;
    const timer = setTimeout(() => tell(text), pauseMs);
    return () => clearTimeout(timer);
  });
  // Who comes back to what was found, by a finger, does not ask for a keyboard.
  useLayoutEffect(() => {
    if (find === "" || find.endsWith(" ") || !matchMedia("(pointer: coarse)").matches) field.current?.focus();
  }, []);

  const change = (next: string) => {
    // At once: the next letter belongs behind it.
    flushSync(() => setText(next));
    field.current?.focus();
    field.current?.setSelectionRange(next.length, next.length);
  };
  const toFirst = () => {
    if (!isCurrent) tell(text);
    else list.current?.querySelector("a")?.focus();
  };
  return (
    <Panel title="Search messages" onClose={onClose} onEscape={onReturn}>
      <div className="finding-head">
        <FindingField text={text} onText={setText} field={field} onDown={toFirst} onEscape={onReturn} />
        <Filters
          text={text}
          onText={change}
          here={room ?? (agent === undefined ? undefined : `@${agent}`)}
          thread={thread}
        />
      </div>
      <div className="finding-line" role="status">
        {wrong.length > 0 && isCurrent && <span>“{wrong[0]}” narrows nothing. </span>}
        {!isAsked && hasFilter(text, "topic") && "A topic narrows what is found: add a word, or from a person."}
        {isSlow ? "Searching …" : found !== undefined && <Counted found={found} isMore={query.hasNextPage} />}
        {found !== undefined && isNothing(found, query) && "Nothing was found in your rooms and conversations."}
      </div>
      {isAsked && (
        <div className="finding-order" role="group" aria-label="Order">
          <button type="button" className="link" aria-pressed={!isBest} onClick={() => say({ find })}>
            Newest first
          </button>
          <button type="button" className="link" aria-pressed={isBest} onClick={() => say({ find, best: "yes" })}>
            Best first
          </button>
          {hasJumped && (
            <button type="button" className="link back" onClick={onReturn}>
              Back to where you were
            </button>
          )}
        </div>
      )}
      <div role="status">{found !== undefined && <Quiet found={found} onAgain={() => void query.refetch()} />}</div>
      <Results {...{ query, found, isAsked, list, onJump }} keep={isNarrow ? {} : { find, ...order }} field={field} />
    </Panel>
  );
}

function Results(
  props: Pick<ReturnType<typeof useFound>, "query" | "found" | "isAsked"> & {
    readonly list: RefObject<HTMLOListElement | null>;
    readonly field: RefObject<HTMLInputElement | null>;
    readonly keep: object;
    readonly onJump: () => void;
  },
) {
  const { query, found, isAsked, list, field, onJump } = props;
  return (
    <div className="panel-body finding-body">
      {query.isLoading && isAsked && <Loader size="sm" aria-label="Searching" />}
      {!isAsked && <Hints />}
      {found !== undefined && isNothing(found, query) && (
        <p className="dim">Fewer words find more; a star at the end (beginn*) finds all words with that beginning.</p>
      )}
      <ol
        ref={list}
        className="found-list"
        aria-label="Messages that were found"
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" && isLast(event) && query.hasNextPage) void query.fetchNextPage();
          stepInList(event, () => field.current?.focus());
        }}
      >
        {found?.messages.map((message) => (
          <li key={`${message.room ?? `@${message.agent}`} ${message.seq}`}>
            <FoundRow message={message} keep={props.keep} onJump={onJump} />
          </li>
        ))}
      </ol>
      {query.hasNextPage && !query.isError && (
        <More isLoading={query.isFetchingNextPage} load={() => void query.fetchNextPage()} />
      )}
      {isAsked && <Refused query={query} />}
    </div>
  );
}

/** Whether all was looked at, and nothing has what was searched for. */
const isNothing = ({ messages }: Found, { isFetching, hasNextPage }: ReturnType<typeof useFound>["query"]): boolean =>
  messages.length === 0 && !isFetching && !hasNextPage;

/** Why there is no answer. Nothing is asked again by itself: what is refused for its number would be asked for ever. */
function Refused({ query }: Pick<ReturnType<typeof useFound>, "query">) {
  const { isFetchNextPageError, fetchNextPage, refetch } = query;
  return (
    <div className="stack" role="status">
      {query.isError && (
        <>
          <p className="flush">
            <Told text={query.error.message} />
          </p>
          <button
            type="button"
            className="link"
            aria-disabled={query.isFetching}
            onClick={() => void (isFetchNextPageError ? fetchNextPage() : refetch())}
          >
            Try again
          </button>
        </>
      )}
    </div>
  );
}

const rowOf = (event: KeyboardEvent): Element | null =>
  event.target instanceof Element ? event.target.closest("li") : null;
const isLast = (event: KeyboardEvent): boolean => rowOf(event)?.nextElementSibling === null;

/** Arrows go from one to the next; from the first up into the field. */
function stepInList(event: KeyboardEvent, leave: () => void): void {
  const row = rowOf(event);
  const rows = row?.parentElement;
  const next = {
    ArrowDown: row?.nextElementSibling,
    ArrowUp: row?.previousElementSibling,
    Home: rows?.firstElementChild,
    End: rows?.lastElementChild,
  }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  if (next !== null) next.querySelector("a")?.focus();
  else if (event.key === "ArrowUp") leave();
}

/** Filters as buttons, for those who do not know their words. */
function Filters(props: {
  readonly text: string;
  readonly onText: (text: string) => void;
  readonly here: string | undefined;
  /** The thread that was open last, as the filter names it. */
  readonly thread: string | undefined;
}) {
  const { text, here, thread } = props;
  const one = (label: string, name: Parameters<typeof withFilter>[1], value?: string) => {
    const isSet = hasFilter(text, name, value);
    return (
      <button
        type="button"
        className="chip"
        aria-pressed={isSet}
        onClick={() => props.onText(isSet ? withoutFilter(text, name, value) : withFilter(text, name, value))}
      >
        {label}
      </button>
    );
  };
  return (
    <div className="chips" role="group" aria-label="Narrow the search">
      {one("From …", "from")}
      {here === undefined ? one("In …", "in") : one("In here", "in", here)}
      {thread !== undefined && one("In the last thread", "thread", thread)}
      {one("After …", "after")}
      {one("Before …", "before")}
      {one("With a link", "has", "link")}
      {one("With a file", "has", "file")}
      {one("Mentions me", "mentions", "me")}
    </div>
  );
}

function Counted({ found, isMore }: { readonly found: Found; readonly isMore: boolean }) {
  const { length } = found.messages;
  if (length === 0) return null;
  return `${length}${isMore ? " and more" : ""} ${length === 1 && !isMore ? "message" : "messages"} found`;
}

/** What the answer does not cover, in one line. */
function Quiet({ found, onAgain }: { readonly found: Found; readonly onAgain: () => void }) {
  const titleOf = useRoomTitle();
  const rooms = useRooms().data?.rooms ?? [];
  const called = (place: string): string => {
    const key = place.slice(place.indexOf("/") + 1);
    return place.startsWith("agent/") ? `@${key}` : titleOf(rooms.find(({ room }) => room === key) ?? keyed(key));
  };
  const isPart = found.silent.length > 0 || found.behind > 0;
  if (!isPart && !found.misspelt) return null;
  return (
    <p className="finding-quiet dim">
      {found.misspelt && "Nothing has the very words: these are one letter away. "}
      {found.silent.length > 0 &&
        `Some rooms could not be searched just now: ${found.silent.map((one) => called(one)).join(", ")}. `}
      {found.behind > 0 &&
        `The newest ${found.behind === 1 ? "entry is" : `${found.behind} entries are`} not searched yet. `}
      {isPart && (
        <button type="button" className="link" onClick={onAgain}>
          Search again
        </button>
      )}
    </p>
  );
}
const keyed = (room: string) => ({ room, title: "" });

function Hints() {
  return (
    <dl className="finding-hints dim">
      <dt>two words</dt>
      <dd>both of them, in any order</dd>
      <dt>"two words"</dt>
      <dd>one behind the other</dd>
      <dt>beginn*</dt>
      <dd>all words with that beginning</dd>
      <dt>from:bob in:lobby</dt>
      <dd>of one person, in one room</dd>
      <dt>after:2026-11-01</dt>
      <dd>from this day on; before: until the day before</dd>
    </dl>
  );
}

/** The next page, asked for when it comes into sight. */
function More({ isLoading, load }: { readonly isLoading: boolean; readonly load: () => void }) {
  const place = useRef<HTMLButtonElement>(null);
  const current = useRef(load);
  current.current = load;
  useEffect(() => {
    const { current: button } = place;
    if (button === null || isLoading) return;
    const seen = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting === true) current.current();
    });
    seen.observe(button);
    return () => seen.disconnect();
  }, [isLoading]);
  return (
    <button ref={place} type="button" className="link" aria-disabled={isLoading} onClick={load}>
      {isLoading ? "Loading more …" : "More"}
    </button>
  );
}

/** Where the person was when the panel came, and the way back there. */
function useReturn() {
  const session = useSession();
  const navigate = useNavigate();
  const location = useLocation();
  const { room } = useParams({ strict: false });
  const [jumped, setJumped] = useState(false);
  const [origin] = useState(() => ({
    pathname: location.pathname,
    search: location.search,
    // Where somebody reads in a room, no address says.
    at: room === undefined ? undefined : session.room(room).viewedSeq,
  }));
  const without = (search: object): object => ({ ...search, find: undefined, best: undefined });
  const close = () => void navigate({ to: ".", search: without as never });
  return {
    hasJumped: jumped,
    onClose: close,
    onJump: () => setJumped(true),
    onReturn: () => {
      if (!jumped) return close();
      const at = origin.at === undefined || origin.at === 0 ? {} : { at: origin.at };
      void navigate({ to: origin.pathname, search: { ...without(origin.search), ...at } as never });
    },
  };
}

/** How far the list was scrolled, and which of it had the focus, when it was left for what it had found. */
function useKeptPlace(list: RefObject<HTMLOListElement | null>, of: string, isThere: boolean): void {
  const queries = useQueryClient();
  useLayoutEffect(() => {
    const body = list.current?.parentElement;
    if (!isThere || body === null || body === undefined) return;
    body.scrollTop = queries.getQueryData<number>(["found place", of]) ?? 0;
    const keep = () => queries.setQueryData(["found place", of], body.scrollTop);
    body.addEventListener("scroll", keep, { passive: true });
    return () => body.removeEventListener("scroll", keep);
  }, [list, of, isThere, queries]);
}

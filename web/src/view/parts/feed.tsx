import {
  useId,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type ReactElement,
  type ReactNode,
  type Ref,
} from "react";
import { Virtualizer, type VirtualizerHandle } from "virtua";
import { Icon } from "./icons.tsx";
import { useRoving } from "./roving.ts";

interface FeedRow {
  readonly key: string;
}

/** What a screen can ask of its feed. */
export interface FeedHandle {
  /** Scrolls a row into the middle, with the focus if it should have that; false when there is no such row. */
  show(key: string, focus?: boolean): boolean;
  toEnd(): void;
}

// Within so many pixels of the end one still counts as reading the newest.
const endSlackPx = 48;
// History is asked for before its end comes into view, so that scrolling does not stop there.
const aheadPx = 900;

/** What there is behind the rows. */
interface Newer {
  readonly has: boolean;
  load(): Promise<void>;
  /** Goes to the end, which is not among the rows. */
  toLatest(): void;
}

// A row far away is drawn, measured and shown within two frames or three; a slow machine gets much more.
const reachMs = 2_000;

const counted = new Intl.NumberFormat("en");

/** A list that grows at both ends: rows of unknown height, the newest at the bottom.
 *
 *  At the end it stays at the end, also while the last row grows; anywhere else nothing moves, neither when history
 *  arrives above nor when messages arrive below. Only the rows near the view exist in the document. */
export function Feed<Row extends FeedRow>(props: {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly children: (row: Row) => ReactElement;
  readonly hasOlder: boolean;
  readonly loadOlder: () => Promise<void>;
  /** Absent: the rows reach the end. */
  readonly newer?: Newer;
  /** The row to start at instead of the end, and where in the view it stands. */
  readonly startAt: { readonly key: string; readonly align: "start" | "center" } | undefined;
  /** Called with the last row that is wholly in view, and whether it is the newest. */
  readonly onSeen?: ((row: Row | undefined, isEnd: boolean) => void) | undefined;
  /** How many unread rows there are, for the way to the end. */
  readonly unread?: number;
  /** Whether a row is one that the arrow keys stop at: it draws an article. */
  readonly isStop: (row: Row) => boolean;
  /** Escape: to where one writes. */
  readonly onLeave: () => void;
  readonly handle?: Ref<FeedHandle>;
  readonly footer?: ReactNode;
}) {
  const { rows } = props;
  const hint = useId();
  const list = useRef<VirtualizerHandle>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const stuck = useRef(props.startAt === undefined);
  const started = useRef(false);
  const loading = useRef(false);
  const offsetBefore = useRef(0);
  const sizeBefore = useRef("");
  // The row that has the focus stays in the document wherever one scrolls; `wanted` comes into it and gets the focus.
  const [held, setHeld] = useState<string>();
  const [wanted, setWanted] = useState<{ readonly key: string }>();
  const latest = useRef(rows);
  latest.current = rows;
  const [atEnd, setAtEnd] = useState(true);
  const [wait, setWait] = useState(false);
  const before = useRef<{
    readonly first: string | undefined;
    readonly last: string | undefined;
    readonly length: number;
  }>({
    first: undefined,
    last: undefined,
    length: 0,
  });
  // Rows came in above, or went there: virtua then keeps the distance to the end.
  const last = rows.at(-1)?.key;
  const prepended = before.current.length > 0 && rows.length !== before.current.length && before.current.last === last;

  // What virtua says of the height of the view may be a frame old, when what is below it has changed its own.
  const viewPx = (): number => scroller.current?.clientHeight ?? 0;
  const hasNewer = props.newer?.has === true;
  const toEnd = () => {
    if (props.newer?.has === true) return props.newer.toLatest();
    stuck.current = true;
    if (rows.length > 0) list.current?.scrollToIndex(rows.length - 1, { align: "end" });
  };
  useImperativeHandle(props.handle, () => ({
    show(key, focus = false) {
      const index = rows.findIndex((row) => row.key === key);
      if (index < 0) return false;
      stuck.current = false;
      list.current?.scrollToIndex(index, { align: "center" });
      if (focus) setWanted({ key });
      return true;
    },
    toEnd,
  }));

  const measure = () => {
    const { current } = list;
    // Before the first layout nothing has a height, and nothing can be said about the end.
    if (current === null || current.viewportSize === 0) return;
    const left = current.scrollSize - viewPx() - current.scrollOffset;
    const end = left <= endSlackPx && !hasNewer;
    // On the way to the end, as after each message that comes in, one is as good as there.
    setAtEnd(end || stuck.current);
    props.onSeen?.(rows[end ? rows.length - 1 : lastInView(current)], end);
    if (!started.current) return;
    if (current.scrollOffset < aheadPx) void older();
    else if (left < aheadPx) void newer();
  };
  const lastInView = (current: VirtualizerHandle): number => {
    const bottom = current.scrollOffset + viewPx();
    const index = current.findItemIndex(bottom - 1);
    return current.getItemOffset(index) + current.getItemSize(index) > bottom + 1 ? index - 1 : index;
  };
  const older = async () => {
    if (loading.current || !props.hasOlder) return;
    loading.current = true;
    setWait(true);
    await props.loadOlder();
    loading.current = false;
    setWait(false);
  };
  const newer = async () => {
    if (loading.current || !hasNewer) return;
    loading.current = true;
    await props.newer?.load();
    loading.current = false;
  };

  useLayoutEffect(() => {
    const grown = before.current.last !== last;
    before.current = { first: rows[0]?.key, last, length: rows.length };
    if (rows.length === 0) return;
    if (!started.current) {
      started.current = true;
      const { key, align = "center" } = props.startAt ?? {};
      const index = rows.findIndex((row) => row.key === key);
      if (index >= 0) list.current?.scrollToIndex(index, { align, offset: align === "start" ? -64 : 0 });
      else if (!hasNewer) toEnd();
    } else if (stuck.current && grown) toEnd();
    measure();
  }, [rows]);

  useLayoutEffect(() => {
    const { current: place } = scroller;
    if (wanted === undefined || place === null) return;
    const untilMs = performance.now() + reachMs;
    let frame = 0;
    const reach = () => {
      const index = latest.current.findIndex((row) => row.key === wanted.key);
      const focus = document.activeElement;
      // The focus went elsewhere on purpose.
      const isLeft = focus !== null && focus !== document.body && !place.contains(focus);
      if (index < 0 || isLeft || performance.now() > untilMs) return setWanted(undefined);
      list.current?.scrollToIndex(index, { align: "nearest" });
      const article = place.querySelector<HTMLElement>(`[data-row="${CSS.escape(wanted.key)}"] article`);
      article?.focus({ preventScroll: true });
      // A row that was not measured yet is hidden, and cannot have the focus.
      if (article !== null && document.activeElement === article) setWanted(undefined);
      else frame = requestAnimationFrame(reach);
    };
    reach();
    return () => cancelAnimationFrame(frame);
  }, [wanted]);
  useRoving(scroller, {
    step(from, direction) {
      const stops = rows.filter(props.isStop);
      const index = stops.findIndex((row) => row.key === from.closest<HTMLElement>("[data-row]")?.dataset["row"]);
      const target = { previous: stops[index - 1], next: stops[index + 1], first: stops[0], last: stops.at(-1) }[
        direction
      ];
      if (target === undefined) {
        if (direction === "previous") void older();
        if (direction === "next") void newer();
        return;
      }
      if (direction === "last" && hasNewer) return toEnd();
      if (direction === "last") stuck.current = true;
      setWanted({ key: target.key });
    },
    leave: props.onLeave,
  });
  const keepMounted = useMemo(
    () => [...rows.keys()].filter((index) => [held, wanted?.key].includes(rows[index]?.key)),
    [rows, held, wanted],
  );

  return (
    <div className="feed">
      <div
        ref={scroller}
        className="feed-scroller"
        role="region"
        aria-label={props.label}
        aria-describedby={hint}
        onFocus={(event) => setHeld(event.target.closest<HTMLElement>("[data-row]")?.dataset["row"])}
      >
        <span id={hint} hidden>
          Up and down arrow keys go from message to message. Enter opens the actions of a message, Escape goes back to
          the field for writing.
        </span>
        {wait && (
          <div className="feed-wait" role="status">
            Loading older messages …
          </div>
        )}
        <div className="feed-space" />
        <Virtualizer
          ref={list}
          scrollRef={scroller}
          data={rows}
          shift={prepended}
          bufferSize={600}
          keepMounted={keepMounted}
          onScroll={(offset) => {
            const { current } = list;
            if (current === null) return;
            const left = current.scrollSize - viewPx() - offset;
            const size = `${current.scrollSize} ${viewPx()}`;
            if (left <= 4 && !hasNewer) stuck.current = true;
            // Away from the end and upwards, and neither a row nor the view has changed its height: a person did that.
            // Rows that turn out lower than expected move the view up as well, so does a view that grows, and growth
            // below makes `left` larger.
            else if (left > endSlackPx && offset < offsetBefore.current && size === sizeBefore.current)
              stuck.current = false;
            offsetBefore.current = offset;
            sizeBefore.current = size;
            measure();
          }}
          onResize={() => {
            if (stuck.current) toEnd();
            // Also at the end: where everything fits, no scroll follows that would measure.
            measure();
          }}
        >
          {(row: Row) => (
            <div key={row.key} data-row={row.key}>
              {props.children(row)}
            </div>
          )}
        </Virtualizer>
        {props.footer}
      </div>
      {!atEnd && (
        <button
          type="button"
          className="to-end"
          // It goes away when it is used: the focus stays where one is, or goes where one writes.
          onMouseDown={(event) => event.preventDefault()}
          onClick={(event) => {
            toEnd();
            if (document.activeElement === event.currentTarget) props.onLeave?.();
          }}
        >
          <Icon name="down" size={16} /> Jump to latest
          {(props.unread ?? 0) > 0 && (
            <span className="count">
              {counted.format(props.unread ?? 0)}
              <span className="hidden-text"> unread</span>
            </span>
          )}
        </button>
      )}
    </div>
  );
}

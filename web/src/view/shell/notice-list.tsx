import { useWindowEvent } from "@mantine/hooks";
import { useLayoutEffect, useRef, type RefObject } from "react";
import { notices, useNotices, type Notice } from "../../live/index.ts";
import { restingPlace } from "../../model/resting-place.ts";
import { Icon } from "../parts/icons.tsx";
import { Told } from "../parts/told.tsx";

/** The notices, above everything else. A screen reader tells the text of each once; the buttons are outside of what is
 *  told. `F8` goes to the newest, also out of a dialog, and `Esc` there closes it. */
export function NoticeList() {
  const shown = useNotices();
  const list = useRef<HTMLDivElement>(null);
  // Where somebody came from by keyboard: the button they press goes with its notice.
  const before = useRef<Element>(null);
  useFreePlace(list, shown);
  useWindowEvent("keydown", (event) => {
    const newest = list.current?.querySelector(".notice:last-child .tool");
    if (event.key !== "F8" || !(newest instanceof HTMLElement)) return;
    event.preventDefault();
    newest.focus();
  });
  const close = (id: number) => {
    notices.dismiss(id);
    setTimeout(() => {
      const { current } = before;
      if (document.activeElement === document.body && current instanceof HTMLElement) current.focus();
    });
  };
  return (
    <div
      ref={list}
      className="notices"
      role="status"
      aria-live="polite"
      aria-atomic="false"
      onFocus={({ currentTarget, relatedTarget }) => {
        if (relatedTarget !== null && !currentTarget.contains(relatedTarget)) before.current = relatedTarget;
      }}
    >
      {shown.map((notice) => (
        <Row key={notice.id} notice={notice} close={close} />
      ))}
    </div>
  );
}

function Row({ notice, close }: { readonly notice: Notice; readonly close: (id: number) => void }) {
  const { id, text, tone, action } = notice;
  return (
    <div
      className={tone === "bad" ? "notice bad" : "notice"}
      onPointerEnter={() => notices.hold(id)}
      onPointerLeave={() => notices.release(id)}
      onFocus={() => notices.hold(id)}
      onBlur={() => notices.release(id)}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        close(id);
      }}
    >
      <span className="grow">
        <Told text={text} />
      </span>
      <span className="notice-buttons" aria-live="off">
        {action !== undefined && (
          <button
            type="button"
            className="link"
            aria-label={`${action.label}: ${text}`}
            // A dialog that is open does not take the key that closes the notice.
            data-mantine-stop-propagation="true"
            onClick={() => {
              close(id);
              action.run();
            }}
          >
            {action.label}
          </button>
        )}
        <button
          type="button"
          className="tool"
          aria-label="Dismiss"
          data-mantine-stop-propagation="true"
          onClick={() => close(id)}
        >
          <Icon name="close" size={16} />
        </button>
      </span>
    </div>
  );
}

/** What no notice covers: where one writes or reads why not, what has the focus, the buttons of dialogs and forms. */
const keptFree = [
  ".composer",
  ".closed-note",
  ".selection-bar",
  "[role=dialog] button",
  "[role=alertdialog] button",
  "form button:not([type=button])",
  "input:focus",
  "textarea:focus",
].join(", ");

/** Keeps the list where nothing is covered, also when a dialog opens, a field grows or the page scrolls. */
function useFreePlace(list: RefObject<HTMLDivElement | null>, shown: readonly Notice[]): void {
  useLayoutEffect(() => {
    const { current } = list;
    if (current === null || shown.length === 0) return;
    let frame = 0;
    const place = () => {
      frame = 0;
      settle(current);
    };
    const again = () => {
      if (frame === 0) frame = requestAnimationFrame(place);
    };
    const changes = new MutationObserver(again);
    changes.observe(document.body, { subtree: true, childList: true, attributeFilter: ["style", "class"] });
    const told = ["scroll", "resize", "focusin", "transitionend"];
    for (const name of told) window.addEventListener(name, again, { capture: true });
    window.visualViewport?.addEventListener("resize", again);
    place();
    // Where they scroll, the newest is what is seen.
    current.scrollTop = current.scrollHeight;
    return () => {
      cancelAnimationFrame(frame);
      changes.disconnect();
      for (const name of told) window.removeEventListener(name, again, { capture: true });
      window.visualViewport?.removeEventListener("resize", again);
    };
  }, [list, shown]);
}

/** Moves the list to where it covers nothing of that. */
function settle(list: HTMLElement): void {
  const { left, right } = list.getBoundingClientRect();
  const taken = [...document.querySelectorAll(keptFree)]
    .filter((one) => !list.contains(one))
    .map((one) => one.getBoundingClientRect())
    .filter((one) => one.height > 0 && one.left < right && one.right > left)
    .map(({ top, bottom }) => ({ topPx: top, bottomPx: bottom }));
  const { offsetTop: topPx = 0, height = window.innerHeight } = window.visualViewport ?? {};
  const at = restingPlace({ topPx, bottomPx: topPx + height }, list.scrollHeight + 1, taken);
  const style = { top: `${Math.round(at.topPx)}px`, maxHeight: `${Math.floor(at.bottomPx - at.topPx)}px` };
  // What stays the same is not written: the observer would be told of it.
  if (list.style.top !== style.top) list.style.top = style.top;
  if (list.style.maxHeight !== style.maxHeight) list.style.maxHeight = style.maxHeight;
}

import { useEffect, useRef, type RefObject } from "react";

/** Where an arrow key leads from a row. */
type Step = "previous" | "next" | "first" | "last";

/** What can be reached inside a row. */
const controls = "a[href], button, input, textarea, select, summary, audio, video, [tabindex]";
// A field inside a row (a message that is edited) has its own keys, and is reached by Tab.
const fields = ".composer";
// These have keys of their own, too; Escape leads out of them.
const players = "audio, video";

// What can be done with a message, or with an answer.
const actions = ".tools, .answer-tools";

const stepOf: Readonly<Record<string, Step>> = { ArrowUp: "previous", ArrowDown: "next", Home: "first", End: "last" };

/** The keys of a list of articles: one stop for Tab, however many articles and controls there are.
 *
 *      Tab ──► the list ──► an article ◄─ Up, Down, Home, End ─► another
 *                             │  ▲                                         Enter: to its actions  
 *                       Right │  │ Left, Escape                            Escape: `leave`, where one writes
 *                             ▼  │
 *                           its links and buttons ◄─ Left, Right ─►
 *
 *  All of it is about the document and not about what draws the rows: whatever appears inside an article is taken out
 *  of the order of Tab when it appears, and when what has the focus disappears the focus goes to its article, never to
 *  the body.
 *
 *  `step` moves to another article where not all are in the document; without it those that are there are gone
 *  through. */
export function useRoving(
  list: RefObject<HTMLElement | null>,
  on: { readonly step?: (from: HTMLElement, direction: Step) => void; readonly leave: () => void },
): void {
  const current = useRef(on);
  current.current = on;
  useEffect(() => {
    const { current: place } = list;
    if (place === null) return;
    return rove(place, () => current.current);
  }, [list]);
}

function rove(
  list: HTMLElement,
  on: () => { readonly step?: (from: HTMLElement, direction: Step) => void; readonly leave: () => void },
): () => void {
  // What had the focus last, and its article; undefined once the focus was taken elsewhere on purpose.
  let last: { readonly place: HTMLElement; readonly article: HTMLElement } | undefined;
  list.tabIndex = 0;
  quieten(list);

  const articleOf = (place: EventTarget | null): HTMLElement | undefined => {
    const article = place instanceof Element ? place.closest<HTMLElement>("article") : null;
    return article !== null && list.contains(article) ? article : undefined;
  };

  const onFocusIn = (event: FocusEvent) => {
    if (event.target === list) {
      // A click beside the messages does not ask for one of them.
      if (!list.matches(":focus-visible")) return;
      const article = last !== undefined && isInView(list, last.article) ? last.article : lowestInView(list);
      article?.focus({ preventScroll: true });
      return;
    }
    const article = articleOf(event.target);
    if (article === undefined) return;
    last = { place: event.target as HTMLElement, article };
    // Shift+Tab leads out of the list and not to the list itself.
    list.tabIndex = -1;
  };

  const onFocusOut = (event: FocusEvent) => {
    const next = event.relatedTarget;
    if (next instanceof Node && list.contains(next)) return;
    list.tabIndex = 0;
  };

  const onKeyDown = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const article = articleOf(target);
    const modified = event.ctrlKey || event.metaKey || event.altKey || event.shiftKey;
    if (article === undefined || event.defaultPrevented || modified || target.closest(fields) !== null) return;
    if (target.matches(players) && event.key !== "Escape") return;
    const done = () => {
      event.preventDefault();
      event.stopPropagation();
    };
    const onArticle = target === article;
    const direction = stepOf[event.key];
    if (direction !== undefined) {
      done();
      const { step } = on();
      if (step === undefined) stepInDocument(list, article, direction);
      else step(article, direction);
      return;
    }
    // What is wider than its place is scrolled, up to its end.
    if (scrolls(target, event.key)) return;
    const inside = reachable(article);
    const index = inside.indexOf(target);
    switch (event.key) {
      case "Escape":
        done();
        return onArticle ? on().leave() : article.focus();
      case "ArrowRight":
        done();
        return inside[Math.min(index + 1, inside.length - 1)]?.focus();
      case "ArrowLeft":
        done();
        return (index < 0 ? inside.at(-1) : index === 0 ? article : inside[index - 1])?.focus();
      case "Enter":
        if (!onArticle) return;
        done();
        return (inside.find((place) => place.closest(actions) !== null) ?? inside[0])?.focus();
    }
  };

  const observer = new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const node of addedNodes) if (node instanceof Element) quieten(node);
    // The list has the focus and had nothing to pass it on to.
    if (document.activeElement === list && list.matches(":focus-visible"))
      lowestInView(list)?.focus({ preventScroll: true });
    const lost = document.activeElement === null || document.activeElement === document.body;
    if (last === undefined || last.place.isConnected || !lost) return;
    const { article } = last;
    last = undefined;
    if (article.isConnected) article.focus({ preventScroll: true });
    else list.focus({ preventScroll: true });
  });

  list.addEventListener("focusin", onFocusIn);
  list.addEventListener("focusout", onFocusOut);
  list.addEventListener("keydown", onKeyDown);
  observer.observe(list, { childList: true, subtree: true });
  return () => {
    observer.disconnect();
    list.removeEventListener("focusin", onFocusIn);
    list.removeEventListener("focusout", onFocusOut);
    list.removeEventListener("keydown", onKeyDown);
  };
}

/** Takes what can be reached inside articles out of the order of Tab. Tables, and code that is wider than its place,
 *  stay in it: a person who reads by other ways than the arrows has to come there to scroll them. */
function quieten(root: Element): void {
  for (const place of [root as HTMLElement, ...root.querySelectorAll<HTMLElement>(controls)])
    if (place.tabIndex >= 0 && place.closest("article") !== null && place.closest(fields) === null)
      if (!place.matches(".rich-table") && !isWideCode(place)) place.tabIndex = -1;
}

const isWideCode = (place: HTMLElement): boolean =>
  place.matches(".rich-code pre") && place.scrollWidth > place.clientWidth;

const reachable = (article: HTMLElement): readonly HTMLElement[] =>
  [...article.querySelectorAll<HTMLElement>(controls)].filter(
    (place) => place.closest(fields) === null && !place.matches(":disabled") && place.checkVisibility(),
  );

function stepInDocument(list: HTMLElement, from: HTMLElement, direction: Step): void {
  const articles = [...list.querySelectorAll<HTMLElement>("article")];
  const index = articles.indexOf(from);
  const target = {
    previous: articles[index - 1],
    next: articles[index + 1],
    first: articles[0],
    last: articles.at(-1),
  }[direction];
  target?.focus();
}

function isInView(list: HTMLElement, article: HTMLElement): boolean {
  if (!article.isConnected) return false;
  const view = list.getBoundingClientRect();
  const { top, bottom } = article.getBoundingClientRect();
  return bottom > view.top && top < view.bottom;
}

/** Where reading goes on upwards: the last article of which something is to be seen. */
const lowestInView = (list: HTMLElement): HTMLElement | undefined =>
  [...list.querySelectorAll<HTMLElement>("article")].findLast((article) => isInView(list, article));

/** Whether a table or code that has the focus can be scrolled that way. */
function scrolls(target: HTMLElement, key: string): boolean {
  if (!target.matches(".rich-table, .rich-code pre")) return false;
  const most = target.scrollWidth - target.clientWidth;
  // Where text runs from right to left, the beginning is at the right, and positions are below zero.
  const fromLeft = getComputedStyle(target).direction === "rtl" ? most + target.scrollLeft : target.scrollLeft;
  return (key === "ArrowRight" && fromLeft < most - 1) || (key === "ArrowLeft" && fromLeft > 1);
}

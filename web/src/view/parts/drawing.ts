/** Diagrams are drawn one at a time, in a frame without an origin and without a network that begins with the first one.
 *  A text that takes too long ends the frame, and the next one gets a new frame. */
import { at, tabShelf } from "../../wire/index.ts";
import { isDrawn } from "./diagram-words.ts";
import { DrawingQueue, type Picture } from "./drawing-queue.ts";

/** The program is loaded by then. */
const loadMs = 20_000;
/** And a diagram is drawn by then. */
const drawMs = 5_000;
/** The frame goes when nothing came for so long. */
const idleMs = 60_000;
let frame: { readonly element: HTMLIFrameElement; readonly ready: Promise<boolean> } | undefined;
let numbers = 0;
let idle = 0;

const noteName = "plexus.drawing";

/** All diagrams of the page. */
export const drawings = new DrawingQueue({
  draw: drawNow,
  note: {
    read: () => tabShelf.read(noteName),
    write: () => tabShelf.write(noteName, "1"),
    remove: () => tabShelf.remove(noteName),
  },
});

function end(): void {
  frame?.element.remove();
  frame = undefined;
}

async function drawNow(text: string, dark: boolean): Promise<Picture | "late" | "unloaded"> {
  window.clearTimeout(idle);
  frame ??= begin();
  const { element, ready } = frame;
  if (!(await ready)) {
    end();
    return "unloaded";
  }
  numbers += 1;
  const number = numbers;
  const drawn = heard(element, drawMs, (told) => (isDrawn(told) && told.number === number ? told : undefined));
  element.contentWindow?.postMessage({ number, text, dark }, "*");
  const told = await drawn;
  // It is still at work, or tells what it may not.
  if (told === undefined) end();
  else idle = window.setTimeout(end, idleMs);
  return told ?? "late";
}

function begin(): { readonly element: HTMLIFrameElement; readonly ready: Promise<boolean> } {
  const element = document.createElement("iframe");
  // Its policy says the same, wherever it is opened.
  element.setAttribute("sandbox", "allow-scripts");
  element.title = "Draws diagrams";
  element.tabIndex = -1;
  element.setAttribute("aria-hidden", "true");
  // Its texts are measured: it has a place, and nobody sees it.
  element.style.cssText = "position:fixed;left:-9999px;top:0;width:1200px;height:800px;border:0;visibility:hidden";
  element.src = at("/diagram.html");
  const ready = heard(element, loadMs, (told) => (told === "ready" ? true : undefined)).then((one) => one === true);
  document.body.append(element);
  return { element, ready };
}

/** The first that a frame tells and that is wanted; undefined: nothing within the time. */
function heard<Told>(
  element: HTMLIFrameElement,
  withinMs: number,
  wanted: (told: unknown) => Told | undefined,
): Promise<Told | undefined> {
  return new Promise((resolve) => {
    const over = (told: Told | undefined): void => {
      window.removeEventListener("message", listen);
      window.clearTimeout(late);
      resolve(told);
    };
    const listen = ({ source, data }: MessageEvent): void => {
      const told = source === element.contentWindow ? wanted(data) : undefined;
      if (told !== undefined) over(told);
    };
    const late = window.setTimeout(() => over(undefined), withinMs);
    window.addEventListener("message", listen);
  });
}

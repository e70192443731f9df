/** Diagrams are drawn one at a time, in a frame without an origin and without a network that begins with the first one.
 *  A text that takes too long ends the frame, and the next one gets a new frame. */
import { at } from "../../wire/index.ts";
import { isDrawn, type Drawn } from "./diagram-words.ts";

/** What came of a text. Undefined: it took too long, or the program that draws is not here. */
export type Picture = Exclude<Drawn, { wrong: string }> | { readonly wrong: string } | undefined;

interface Waiting {
  readonly text: string;
  readonly dark: boolean;
  readonly done: (picture: Picture) => void;
}

/** The program is loaded by then. */
const loadMs = 20_000;
/** And a diagram is drawn by then. */
const drawMs = 5_000;
/** The frame goes when nothing came for so long. */
const idleMs = 60_000;
/** Further ones are not drawn. */
const waitingMax = 100;
/** Pictures that are kept, the oldest first. */
const keptMax = 60;

const waiting: Waiting[] = [];
const kept = new Map<string, Picture>();
let frame: { readonly element: HTMLIFrameElement; readonly ready: Promise<boolean> } | undefined;
let numbers = 0;
let busy = false;
let idle = 0;

const nameOf = (text: string, dark: boolean): string => `${dark ? "dark" : "light"} ${text}`;

/** What is known of a text already. */
export const known = (text: string, dark: boolean): Picture => kept.get(nameOf(text, dark));

/** Draws a text in its turn. */
export function draw(text: string, dark: boolean): Promise<Picture> {
  const name = nameOf(text, dark);
  if (kept.has(name)) return Promise.resolve(kept.get(name));
  if (waiting.length >= waitingMax) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const done = (picture: Picture): void => {
      if (picture !== undefined) kept.set(name, picture);
      for (const oldest of kept.keys()) if (kept.size > keptMax) kept.delete(oldest);
      resolve(picture);
    };
    waiting.push({ text, dark, done });
    void next();
  });
}

async function next(): Promise<void> {
  const one = busy ? undefined : waiting.shift();
  if (one === undefined) return;
  busy = true;
  window.clearTimeout(idle);
  try {
    one.done(kept.get(nameOf(one.text, one.dark)) ?? (await drawNow(one)));
  } finally {
    busy = false;
    idle = window.setTimeout(end, idleMs);
    void next();
  }
}

function end(): void {
  frame?.element.remove();
  frame = undefined;
}

async function drawNow({ text, dark }: Waiting): Promise<Picture> {
  frame ??= begin();
  const { element, ready } = frame;
  if (!(await ready)) {
    end();
    return undefined;
  }
  numbers += 1;
  const number = numbers;
  const drawn = heard(element, drawMs, (told) => (isDrawn(told) && told.number === number ? told : undefined));
  element.contentWindow?.postMessage({ number, text, dark }, "*");
  const told = await drawn;
  // It is still at work, or tells what it may not.
  if (told === undefined) end();
  return told;
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

/** Which diagram is drawn next, and which one only when its reader asks for it.
 *
 *  A text may take the program that draws longer than it is given, and where the browser gives the frame no thread of
 *  its own, the page stands still with it. So it is noted in the tab that one is being drawn: where the note is still
 *  there when the page begins, or one took too long, nothing is drawn by itself until one that was asked for is
 *  drawn. */
import { isCostly, type Drawn } from "./diagram-words.ts";

/** What came of a text. */
export type Picture = Exclude<Drawn, { wrong: string }> | { readonly wrong: string };

/** What draws: one text at a time. */
interface Drawing {
  draw(text: string, dark: boolean): Promise<Picture | "late" | "unloaded">;
  /** What is kept in the tab, also when the page is loaded anew. */
  readonly note: { read(): string | undefined; write(): void; remove(): void };
}

/** How a diagram is asked for. */
interface Asked {
  /** Its reader wants it, whatever it takes. */
  readonly pressed?: boolean;
  /** It is shown no more. */
  readonly signal?: AbortSignal;
}

interface Waiting {
  readonly text: string;
  readonly dark: boolean;
  readonly pressed: boolean;
  readonly done: (picture: Picture | "ask" | undefined) => void;
}

/** Why something is not drawn. */
export const notDrawn = {
  late: { wrong: "It took too long to draw." },
  unloaded: { wrong: "The program that draws diagrams could not be loaded." },
  full: { wrong: "Too many diagrams wait to be drawn." },
} as const;

/** Further ones are not drawn. */
const waitingMax = 100;
/** Pictures that are kept, the oldest first. */
const keptMax = 60;

const nameOf = (text: string, dark: boolean): string => `${dark ? "dark" : "light"} ${text}`;

/** Diagrams that wait for the one program. */
export class DrawingQueue {
  readonly #drawing: Drawing;
  readonly #kept = new Map<string, Picture>();
  #waiting: Waiting[] = [];
  #isBusy = false;
  #isCareful: boolean;

  constructor(drawing: Drawing) {
    this.#drawing = drawing;
    this.#isCareful = drawing.note.read() !== undefined;
  }

  /** What is known of a text already. */
  known(text: string, dark: boolean): Picture | undefined {
    return this.#kept.get(nameOf(text, dark));
  }

  /** Draws a text in its turn. "ask": only when its reader asks for it; undefined: it is wanted no more. */
  draw(text: string, dark: boolean, { pressed = false, signal }: Asked = {}): Promise<Picture | "ask" | undefined> {
    const known = this.known(text, dark);
    if (known !== undefined) return Promise.resolve(known);
    if (!pressed && (this.#isCareful || isCostly(text))) return Promise.resolve("ask");
    if (this.#waiting.length >= waitingMax) return Promise.resolve(notDrawn.full);
    return new Promise((done) => {
      const one = { text, dark, pressed, done };
      this.#waiting.push(one);
      signal?.addEventListener("abort", () => {
        this.#waiting = this.#waiting.filter((other) => other !== one);
        done(undefined);
      });
      void this.#next();
    });
  }

  async #next(): Promise<void> {
    const one = this.#isBusy ? undefined : this.#waiting.shift();
    if (one === undefined) return;
    this.#isBusy = true;
    one.done(this.known(one.text, one.dark) ?? (await this.#drawn(one)));
    this.#isBusy = false;
    void this.#next();
  }

  async #drawn({ text, dark }: Waiting): Promise<Picture> {
    const { note } = this.#drawing;
    note.write();
    const picture = await this.#drawing.draw(text, dark);
    if (picture === "late") {
      this.#isCareful = true;
      // In the other colours it would take as long.
      for (const one of [true, false]) this.#keep(text, one, notDrawn.late);
      this.#end(({ pressed }) => !pressed, "ask");
      return notDrawn.late;
    }
    this.#isCareful &&= picture === "unloaded";
    if (!this.#isCareful) note.remove();
    if (picture === "unloaded") {
      this.#end(() => true, notDrawn.unloaded);
      return notDrawn.unloaded;
    }
    this.#keep(text, dark, picture);
    return picture;
  }

  #end(isOver: (one: Waiting) => boolean, as: Picture | "ask"): void {
    const all = this.#waiting;
    this.#waiting = all.filter((one) => !isOver(one));
    for (const one of all) if (isOver(one)) one.done(as);
  }

  #keep(text: string, dark: boolean, picture: Picture): void {
    this.#kept.set(nameOf(text, dark), picture);
    for (const oldest of this.#kept.keys()) if (this.#kept.size > keptMax) this.#kept.delete(oldest);
  }
}

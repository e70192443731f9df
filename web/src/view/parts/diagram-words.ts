/** What the page and the frame that draws diagrams tell each other. */

/** A longer text is no diagram: its source is shown. */
export const drawingCharsMax = 20_000;
/** Lines between things in one diagram. */
export const drawingEdgesMax = 300;
/** A longer one is drawn when its reader asks for it. */
const drawnAtOnceCharsMax = 5_000;
/** A larger picture is not shown. */
const drawnCharsMax = 1_000_000;
/** Pixels of a side of a diagram; one that is larger is not shown. */
const drawnSideMax = 8_000;

/** A diagram that is to be drawn. */
interface Wanted {
  readonly number: number;
  readonly text: string;
  readonly dark: boolean;
}

/** What came of it. */
export type Drawn =
  | { readonly number: number; readonly svg: string; readonly width: number; readonly height: number }
  | { readonly number: number; readonly wrong: string };

/** Whether a text may take long: by its length, or because Mermaid goes through the days of a plan one by one. */
export const isCostly = (text: string): boolean =>
  text.length > drawnAtOnceCharsMax || (/gantt/i.test(text) && /excludes|tickInterval/i.test(text));

export const isWanted = (told: unknown): told is Wanted => {
  const { number, text, dark } = (told ?? {}) as Partial<Wanted>;
  return typeof number === "number" && typeof text === "string" && typeof dark === "boolean";
};

/** Whether the frame tells what it may: whatever took it over may say anything. */
export const isDrawn = (told: unknown): told is Drawn => {
  const { number, svg, width, height, wrong } = (told ?? {}) as Record<string, unknown>;
  if (typeof number !== "number") return false;
  if (typeof wrong === "string") return wrong.length <= 500;
  const isSide = (side: unknown): boolean => Number.isInteger(side) && Number(side) > 0 && Number(side) <= drawnSideMax;
  return typeof svg === "string" && svg.length <= drawnCharsMax && isSide(width) && isSide(height);
};

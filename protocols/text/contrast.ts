/** Colours that can be read (WCAG 2.2, AA): a chosen one is made darker or lighter until it can. */

/** 4.5 to 1: text of any size. */
export const contrastMin = 4.5;

type Rgb = readonly [number, number, number];
const rgbOf = (colour: string): Rgb =>
  [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16)) as unknown as Rgb;
const textOf = (rgb: Rgb): string => `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;

function luminance(rgb: Rgb): number {
  const [red = 0, green = 0, blue = 0] = rgb.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** How well one is read on the other: 1 to 21. */
export function contrast(one: string, other: string): number {
  const [light = 0, dark = 0] = [luminance(rgbOf(one)), luminance(rgbOf(other))].toSorted((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

/** The nearest colour towards `end` that is read on all of `grounds`. */
function readable(colour: string, end: string, grounds: readonly string[]): string {
  const [from, to] = [rgbOf(colour), rgbOf(end)];
  for (let step = 0; step <= 100; step += 1) {
    const mixed = textOf(from.map((part, at) => part + ((to[at] as number) - part) * (step / 100)) as unknown as Rgb);
    if (grounds.every((ground) => contrast(mixed, ground) >= contrastMin)) return mixed;
  }
  return end;
}

/** The surfaces of the page that text stands on, in each look (`web/src/view/style.css`). */
const grounds = { light: ["#ffffff", "#f3f4f8"], dark: ["#121419", "#181b21", "#20242c"] } as const;

/** What a chosen colour becomes: text and lines in the light and in the dark, and the ground of buttons with white
 *  text. */
export const coloursOf = (colour: string) => ({
  light: readable(colour, "#000000", grounds.light),
  dark: readable(colour, "#ffffff", grounds.dark),
  filled: readable(colour, "#000000", ["#ffffff"]),
});

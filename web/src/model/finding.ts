/** What somebody types into the field for finding messages, as it is completed and changed by buttons. Pure; what it
 *  means is `protocols/words/finding.ts`. */
import { dayText, filterIn, type FindingFilter } from "../../../protocols/words/finding.ts";

/** A filter that is being typed: its name, and its value as far as it is there. */
interface TypedFilter {
  readonly start: number;
  readonly name: string;
  readonly value: string;
}

const pieces = /"[^"]*"?|\S+/g;

/** The filter that ends at the caret; undefined: something else does. */
export function filterAt(text: string, caret: number): TypedFilter | undefined {
  const before = text.slice(0, caret);
  const last = [...before.matchAll(pieces)].at(-1);
  if (last === undefined || last.index + last[0].length !== caret) return undefined;
  const filter = filterIn(last[0]);
  return filter && { start: last.index, ...filter };
}

/** Whether a word is such a filter. A message may have several things, so `has` stands once for each of them. */
function isFilterOf(word: string, name: FindingFilter, value: string | undefined): boolean {
  const filter = filterIn(word);
  return filter?.name === name && (name !== "has" || value === undefined || filter.value === value);
}

/** Whether a filter is in the text, with that value where one is named. */
export const hasFilter = (text: string, name: FindingFilter, value?: string): boolean =>
  [...text.matchAll(pieces)].some(([word]) => {
    const filter = filterIn(word);
    return filter?.name === name && (value === undefined || filter.value === value);
  });

/** The text without a filter. */
export function withoutFilter(text: string, name: FindingFilter, value?: string): string {
  return text
    .replaceAll(pieces, (word) => (isFilterOf(word, name, value) ? "" : word))
    .replaceAll(/ {2,}/g, " ")
    .trimStart();
}

/** The text with a filter at its end, in the place of another of its name. Without a value it waits for one. */
export function withFilter(text: string, name: FindingFilter, value = ""): string {
  const others = withoutFilter(text, name, value).trimEnd();
  return `${others === "" ? "" : `${others} `}${name}:${value}${value === "" ? "" : " "}`;
}

/** The text with a value for the filter that is being typed, and where the caret is then. */
export function filled(
  text: string,
  caret: number,
  { start, name }: TypedFilter,
  value: string,
): { readonly text: string; readonly caret: number } {
  const before = `${text.slice(0, start)}${name}:${value} `;
  return { text: before + text.slice(caret).trimStart(), caret: before.length };
}

const dayMs = 86_400_000;

/** Days that are often meant, by what they are called. */
export function daysNear(nowMs: number): readonly { readonly label: string; readonly value: string }[] {
  // Noon, so that a day of 23 or 25 hours moves nothing.
  const noon = new Date(nowMs).setHours(12, 0, 0, 0);
  const ago = (days: number): string => dayText(noon - days * dayMs);
  return [
    { label: "Today", value: ago(0) },
    { label: "Yesterday", value: ago(1) },
    { label: "A week ago", value: ago(7) },
    { label: "30 days ago", value: ago(30) },
    { label: "A year ago", value: ago(365) },
  ];
}

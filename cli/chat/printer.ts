import { paint } from "../terminal/output.ts";
import { jsonLine } from "../terminal/printable.ts";
import type { Screen } from "./screen.ts";

/** Prints for a person, or with --json for a program: then each entry is one line, and remarks have no place between
 *  them. */
export interface Printer {
  readonly color: boolean;
  readonly dim: (text: string) => string;
  /** Something that was said or listed; without a text it is for programs only. */
  readonly show: (entry: object, text: string | undefined) => void;
  /** For people only. */
  readonly remark: (text: string) => void;
  /** Where one has come to: a person wants to see that, a pipe has named it. */
  readonly headline: (text: string) => void;
}

/** A printer on this screen. */
export function createPrinter(screen: Screen, json: boolean): Printer {
  const { color, interactive } = screen;
  const remark = (text: string): void => {
    if (!json) screen.print(text);
  };
  return {
    color,
    dim: (text) => paint(color, "dim", text),
    show(entry, text) {
      if (json) screen.print(jsonLine(entry));
      else if (text !== undefined) screen.print(text);
    },
    remark,
    headline: (text) => (interactive ? remark(text) : undefined),
  };
}

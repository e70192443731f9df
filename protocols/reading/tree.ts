/** What a text looks like once its Markdown is read: plain data, without a word of HTML. */

import type { Formula } from "./math.ts";

export type Inline =
  | Prose
  | Code
  | { readonly kind: "strong" | "emphasis" | "deleted"; readonly children: readonly Inline[] }
  | Link;

/** What is shown as it was written: code, or a formula in TeX. */
interface Code {
  readonly kind: "code";
  readonly text: string;
  readonly formula?: Formula;
}

/** Words. */
export interface Prose {
  readonly kind: "text";
  readonly text: string;
  /** Where in the message its signs (`@`) stand, each in turn. Absent where there is none, and where nobody is called:
   *  in quotations and addresses. */
  readonly signs?: readonly number[];
}

export interface Link {
  readonly kind: "link";
  readonly children: readonly Inline[];
  /** Undefined where a link may not lead, as to a script. */
  readonly href: string | undefined;
  /** Destination and title as they were written, where they are not what the link says already. */
  readonly target: string;
  /** The target is shown behind what the link says: else a link could say one place and lead to another. */
  readonly tells: boolean;
}

export interface ListItem {
  /** The number as it was written; undefined for a bullet. */
  readonly marker: string | undefined;
  /** Of a task: done or not. */
  readonly checked: boolean | undefined;
  readonly blocks: readonly Block[];
}

type Direction = "ltr" | "rtl";

export type Block =
  | { readonly kind: "paragraph"; readonly children: readonly Inline[] }
  | { readonly kind: "heading"; readonly level: number; readonly children: readonly Inline[] }
  | { readonly kind: "quote"; readonly direction: Direction; readonly blocks: readonly Block[] }
  | {
      readonly kind: "list";
      readonly ordered: boolean;
      readonly direction: Direction;
      readonly items: readonly ListItem[];
    }
  /** `info` is what stands behind the fence, usually a language. */
  | { readonly kind: "code"; readonly info: string; readonly text: string }
  | {
      readonly kind: "table";
      readonly direction: Direction;
      readonly head: readonly (readonly Inline[])[];
      readonly rows: readonly (readonly (readonly Inline[])[])[];
    }
  | { readonly kind: "rule" };

/** What a reader of these blocks sees, in the order of the text; what is drawn (a rule, a bullet, a box) has no
 *  characters. */
export function visibleText(blocks: readonly Block[]): string {
  return blocks.map((block) => visible(block)).join("\n");
}

function visible(block: Block): string {
  switch (block.kind) {
    case "paragraph":
    case "heading":
      return spoken(block.children);
    case "quote":
      return visibleText(block.blocks);
    case "list":
      return block.items
        .map(({ marker = "", checked, blocks }) => `${marker} ${checked === true ? "x" : ""} ${visibleText(blocks)}`)
        .join("\n");
    case "code":
      return `${block.info}\n${block.text}`;
    case "table":
      return [block.head, ...block.rows].map((cells) => cells.map(spoken).join(" ")).join("\n");
    case "rule":
      return "";
  }
}

/** The text of a line with its links; a target that is not shown counts, since the link says it already. */
const spoken = (children: readonly Inline[]): string =>
  children
    .map((child) => {
      switch (child.kind) {
        case "text":
        case "code":
          return child.text;
        case "link":
          return child.target === "" ? spoken(child.children) : `${spoken(child.children)} ${child.target}`;
        default:
          return spoken(child.children);
      }
    })
    .join("");

// Scripts that are written from right to left.
const rightToLeft =
  /^[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}\p{Script=Adlam}\p{Script=Mandaic}\p{Script=Samaritan}\p{Script=Hanifi_Rohingya}\p{Script=Mende_Kikakui}]/u;

/** The direction of the first letter, as `dir="auto"` finds it. What has children with a direction of their own, such
 *  as a list, can not ask the browser, which leaves these out. */
export function directionOf(text: string): Direction {
  const letter = /\p{L}/u.exec(text)?.[0];
  return letter !== undefined && rightToLeft.test(letter) ? "rtl" : "ltr";
}

/** What an inline says, without its marks. */
export const textOf = (inline: Inline): string =>
  "text" in inline ? inline.text : inline.children.map((child) => textOf(child)).join("");

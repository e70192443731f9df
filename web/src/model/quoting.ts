import { wireLimits } from "../../../protocols/limits.ts";
import type { RoomMessage } from "../../../protocols/index.ts";
import { cut } from "../../../protocols/text/text.ts";
import { namedFiles } from "./text.ts";

/** As much of a message is quoted: there is room for an answer. */
const quotedCharsMax = wireLimits.messageCharsMax / 2;

/** What somebody said, as a quotation, with an empty line behind it. What stands in one calls nobody and shows no
 *  previews. `from`: the address of the message, for those who read it elsewhere. */
export function quotationOf(
  { text, files }: Pick<RoomMessage, "text" | "files">,
  at: { readonly name: string; readonly from?: string },
): string {
  const said = cut([text, namedFiles(files)].filter((part) => part !== "").join("\n"), quotedCharsMax);
  const source = at.from === undefined ? [] : ["", `<${at.from}>`];
  const lines = [`${at.name}:`, "", ...said.split("\n"), ...source];
  return `${lines.map((line) => (line === "" ? ">" : `> ${line}`)).join("\n")}\n\n`;
}

/** A field with a quotation behind what stands in it. */
export const withQuotation = (field: unknown, quotation: string): string =>
  typeof field === "string" && field.trim() !== "" ? `${field.trimEnd()}\n\n${quotation}` : quotation;

/** Rules about message text: names, previews, what is too long. Pure. */
import { agentOfKey } from "../../../protocols/answering/conversation-key.ts";
import { folded } from "../../../protocols/text/names.ts";

/** The name inside a principal: `ada` of `user/ada`, `ada.helper` of `agent/ada.helper`. */
export const nameOf = (principal: string): string => principal.slice(principal.indexOf("/") + 1);

export const isAgent = (principal: string): boolean => principal.startsWith("agent/");

/** How an agent is called on the page: `helper` for its owner, `ada.helper` for everybody else. */
export function agentLabel(key: string, owner: string): string {
  const agent = agentOfKey(key);
  return agent.startsWith(`${owner}.`) ? agent.slice(owner.length + 1) : agent;
}

// About a screen of a phone.
const foldedChars = 1_200;
const foldedLines = 16;
// Less than that behind the fold is not worth a button.
const foldedRest = 600;
const foldedRestLines = 8;
const characters = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Where a long text is cut until somebody wants all of it; undefined for one that is not long. At the end of a line,
 *  or else of a word. */
export function foldedAt(text: string): number | undefined {
  let end = text.length;
  let at = -1;
  for (let line = 0; line < foldedLines; line += 1) {
    at = text.indexOf("\n", at + 1);
    if (at < 0) break;
    end = at;
  }
  const isCutByLines = at >= 0 && text.slice(end).split("\n", foldedRestLines + 1).length > foldedRestLines;
  if (text.length <= foldedChars + foldedRest && !isCutByLines) return undefined;
  const most = Math.min(isCutByLines ? end : text.length, foldedChars);
  if (most === end) return end;
  const near = text.slice(0, most);
  const cut = Math.max(near.lastIndexOf("\n"), near.lastIndexOf(" "));
  if (cut > foldedChars / 2) return cut;
  // A text without blanks, as some scripts are written: not within a character, also one of several signs.
  const start = characters.segment(text).containing(most)?.index ?? most;
  if (start > foldedChars / 2) return start;
  return /[\uD800-\uDBFF]/.test(text.charAt(most - 1)) ? most - 1 : most;
}

/** Text for a preview of one line. Only marks that set something apart are left out; what is only seen in lines of
 *  their own, such as bullets, stays, as does everything that marks nothing. */
export const plainLine = (text: string): string =>
  text
    .replaceAll(/^[^\S\n]*#{1,6}[^\S\n]+(?=\S)/gm, "")
    .replaceAll(/(`{3,})([^`]*[^`\s][^`]*)\1/g, "$2")
    .replaceAll(/(\*\*|~~|`)(?=[^\s*~`])([^\n]*?[^\s*~`])\1/g, "$2")
    .replaceAll(/\s+/g, " ")
    .trim();

/** The files of a message, where there is only place for words. */
export const namedFiles = (files: readonly { readonly name: string }[] = []): string =>
  files.length < 2
    ? files.map(({ name }) => `File: ${name}`).join("")
    : `${files.length} files: ${files.map(({ name }) => name).join(", ")}`;

/** Up to two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.split(/[\s._-]+/).filter((word) => word.length > 0);
  const letters =
    words.length > 1 ? [words[0], words[1]].map((word) => word?.[0]) : Array.from(words[0] ?? "?").slice(0, 2);
  return letters.join("").toUpperCase();
}

/** A room's name made from its title: lower-case letters, digits and `-`. */
export const roomNameFrom = (title: string): string =>
  folded(title)
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 64);

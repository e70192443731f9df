/** Rules about message text: names, mentions, what needs Markdown. Pure. */
import { calledIn } from "../../../protocols/mentions.ts";
import { folded } from "../../../protocols/names.ts";

/** The name inside a principal: `ada` of `user/ada`, `ada.helper` of `agent/ada.helper`. */
export const nameOf = (principal: string): string => principal.slice(principal.indexOf("/") + 1);

export const isAgent = (principal: string): boolean => principal.startsWith("agent/");

/** How an agent is called on the page: `helper` for its owner, `ada.helper` for everybody else. */
export function agentLabel(key: string, owner: string): string {
  return key.startsWith(`${owner}.`) ? key.slice(owner.length + 1) : key;
}

/** False for text that means the same without a Markdown renderer: most chat messages. */
export const needsMarkdown = (text: string): boolean =>
  /[*_`~#>[\]|\\]|^\s*(?:[-+]|\d+[.)])\s|https?:|www\.|^\s*---/m.test(text);

/** The paragraphs of such a text: blank lines part them, and more of them leave no hole. */
export const paragraphsOf = (text: string): readonly string[] =>
  text.split(/\n(?:[^\S\n]*\n)+/).filter((paragraph) => paragraph.trim() !== "");

// About a screen of a phone.
const foldedChars = 1_200;
const foldedLines = 16;
// Less than that behind the fold is not worth a button.
const foldedRest = 600;
const foldedRestLines = 8;

/** Where a long text is cut until somebody wants all of it; undefined for one that is not long. At the end of a line, or else of a word. */
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
  // A text without blanks, as some scripts are written: not within a character.
  const last = cut > foldedChars / 2 ? cut : most;
  return /[\uD800-\uDBFF]/.test(text.charAt(last - 1)) ? last - 1 : last;
}

/** Text for a preview of one line. Only marks that set something apart are left out; what is only seen in lines of their own,
 *  such as bullets, stays, as does everything that marks nothing. */
export const plainLine = (text: string): string =>
  text
    .replaceAll(/^[^\S\n]*#{1,6}[^\S\n]+(?=\S)/gm, "")
    .replaceAll(/(`{3,})([^`]*[^`\s][^`]*)\1/g, "$2")
    .replaceAll(/(\*\*|~~|`)(?=[^\s*~`])([^\n]*?[^\s*~`])\1/g, "$2")
    .replaceAll(/\s+/g, " ")
    .trim();

/** The names that a text mentions, each once, as the room finds them. */
export const mentionedNames = (text: string): readonly string[] => [
  ...new Set(calledIn(text).map((called) => called.replace(/[._-]+$/, ""))),
];

/** An agent's own name, without its owner's: members are also called so. */
const shortName = (principal: string): string => {
  const name = nameOf(principal);
  return isAgent(principal) ? name.slice(name.indexOf(".") + 1) : name;
};

/** Those of `known` (principals) that a text mentions although they are no members: they will not see it. An agent that is
 *  called by its own name alone may be another one who is a member. */
export function absentMentions(
  text: string,
  known: readonly string[],
  members: Readonly<Record<string, unknown>>,
): readonly string[] {
  const present = new Set(Object.keys(members).flatMap((member) => [nameOf(member), shortName(member)]));
  const named = new Set(mentionedNames(text).filter((name) => !present.has(name)));
  const absent = known.filter((principal) => named.has(nameOf(principal)) || named.has(shortName(principal)));
  return [...new Set(absent)];
}

/** The mention that is being typed at the caret: the part after `@`, and where it starts. */
export function mentionAt(text: string, caret: number): { readonly start: number; readonly part: string } | undefined {
  const found =
    /(?<![\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{N}_./@＠-])[@＠]([\p{L}\p{M}\p{N}._-]{0,40})$/u.exec(
      text.slice(0, caret),
    );
  if (found === null) return undefined;
  const part = found[1] ?? "";
  return { start: caret - part.length - 1, part };
}

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

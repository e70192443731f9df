/** Whom a text calls. The reader says where signs stand in prose; here is found whose name stands behind one: the
 *  longest that is one person's. Names are compared folded. What is stored and sent has accounts; people type and see
 *  the names that are shown.
 *
 *  A text comes from outside and may be built to be slow: the work at each sign is bounded, and so are the signs.
 *
 *  Why so: docs/decisions/0137-one-parser.md. */
import { folded } from "../text/names.ts";
import { readingLimits as limits } from "./limits.ts";
import type { Block, Inline, Prose } from "./tree.ts";

/** Somebody is called. */
export interface Mention {
  /** Where the sign stands in the message. */
  readonly at: number;
  /** The sign and the name, as they are shown. */
  readonly said: string;
  readonly who: string;
}

/** The people and agents that can be called. */
export interface People {
  readonly has: (principal: string) => boolean;
  /** The agents among them: each also goes by its own name alone, if no other is called so. */
  readonly agents: readonly string[];
  /** The names that are shown, of whom they are known. */
  readonly titles?: readonly (readonly [principal: string, title: string])[];
}

/** The one that goes by a folded name; undefined if nobody does, or several. */
export type Caller = (name: string) => string | undefined;

/** The name inside a principal, in the form in which names are compared. */
const nameOf = (principal: string): string => principal.slice(principal.indexOf("/") + 1);

/** Finds who goes by a name. An account goes before an agent's own name, and that before the names that are shown. */
export function callerOf({ has, agents, titles = [] }: People): Caller {
  const short = new Map<string, string | undefined>();
  for (const agent of agents) add(short, nameOf(agent).slice(nameOf(agent).indexOf(".") + 1), agent);
  const shown = new Map<string, string | undefined>();
  for (const [who, title] of titles) add(shown, titleForm(title), who);
  return (name) => {
    for (const kind of ["user", "agent", "group"]) if (has(`${kind}/${name}`)) return `${kind}/${name}`;
    return short.has(name) ? short.get(name) : shown.get(name);
  };
}

function add(names: Map<string, string | undefined>, name: string, who: string): void {
  names.set(name, names.has(name) && names.get(name) !== who ? undefined : who);
}

const blank = /\s/u;

/** A name that is shown, in the form in which it is compared: folded one character after the other, as it is read. */
export function titleForm(name: string): string {
  let all = "";
  for (const letter of name) all = withLetter(all, letter);
  return all.trimEnd();
}

const withLetter = (all: string, letter: string): string =>
  blank.test(letter) ? (all === "" || all.endsWith(" ") ? all : `${all} `) : all + folded(letter);

// Words of these scripts stand without blanks beside what is not theirs. After letters of another, a sign is within an
// address. Numbers in circles and fractions begin lists, and are in no address.
const spacedLetter =
  /[[\p{L}\p{Nd}]--[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\p{scx=Hang}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}\p{scx=Tibt}\p{scx=Yiii}\p{scx=Java}\p{scx=Bali}\p{scx=Lana}]]/v;
const mark = /\p{M}/u;
/** The mark that makes an emoji of a digit. */
const keycap = "\u20e3";
const letterOf = (text: string, at: number): string => String.fromCodePoint(text.codePointAt(at) ?? 32);

/** The letter that ends there, without the marks on it: letters have marks in some forms of Unicode, and emoji do. */
function letterBefore(text: string, at: number): string {
  let letter = "";
  for (let from = at, marks = 0; marks <= limits.marksOfLetterMax; marks += 1) {
    from -= /[\uDC00-\uDFFF]/.test(text.charAt(from - 1)) ? 2 : 1;
    letter = letterOf(text, from);
    if (letter === keycap || !mark.test(letter)) return letter;
  }
  return letter;
}

/** Whether a sign can call somebody: behind letters and in addresses it is part of them. */
export const mayCall = (text: string, at: number): boolean =>
  at === 0 || !(/[/_]/.test(text.charAt(at - 1)) || isWithin(letterBefore(text, at)));
const isWithin = (letter: string): boolean => spacedLetter.test(letter) || (letter !== keycap && mark.test(letter));

/** Whether a name may end here: not within a word, and not before what belongs to its last letter. */
function mayEnd(text: string, at: number): boolean {
  const next = letterOf(text, at);
  return (
    at >= text.length || !(mark.test(next) || (spacedLetter.test(next) && spacedLetter.test(letterBefore(text, at))))
  );
}

/** The longest name that stands here and is somebody's. */
function nameAt(
  text: string,
  from: number,
  called: Caller,
): { readonly end: number; readonly who: string } | undefined {
  let name = "";
  let found: { end: number; who: string } | undefined;
  let end = from;
  for (const letter of text.slice(from, from + limits.nameCharsMax)) {
    if (letter === "\n" || (name === "" && blank.test(letter))) break;
    name = withLetter(name, letter);
    end += letter.length;
    if (blank.test(letter) || !mayEnd(text, end)) continue;
    const who = called(name);
    if (who !== undefined) found = { end, who };
  }
  return found;
}

/** The stretches of a text that are addresses, whatever a renderer makes of them. */
const addressesIn = (text: string): readonly (readonly [from: number, to: number])[] =>
  /:\/\/|www\./i.test(text)
    ? [...text.matchAll(/[^\s<>]+/g)].flatMap(({ 0: word, index }) => {
        const from = word.search(/(?<![a-z0-9@＠﹫])[a-z][a-z0-9+.-]{0,31}:\/\/|(?<![a-z0-9.])www\./i);
        return from < 0 ? [] : [[index + from, index + word.length] as const];
      })
    : [];

/** What may stand between two signs that both call: `@ada@ben`, `@ada/@ben`. */
const nameAlone = /^[\p{L}\p{M}\p{N}.-]+\/?$/u;

/** Those who are called in some words. */
function mentionsInProse({ text, signs = [] }: Prose, called: Caller): readonly Mention[] {
  const addresses = addressesIn(text);
  const places = [...text.matchAll(/[@＠﹫]/g)].map(({ index }) => index);
  let past = 0;
  let before: number | undefined;
  return signs.flatMap((at, nth) => {
    const from = places[nth] ?? 0;
    const isBehindName =
      before !== undefined && (/^\/?$/.test(text.slice(past, from)) || nameAlone.test(text.slice(before + 1, from)));
    const may = isBehindName || mayCall(text, from);
    before = may ? from : undefined;
    if (from < past || !may || addresses.some(([first, end]) => first < from && from < end)) return [];
    const name = nameAt(text, from + 1, called);
    if (name === undefined) return [];
    past = name.end;
    return [{ at, said: text.slice(from, name.end), who: name.who }];
  });
}

/** All words of a text, in their order. */
export const proseOf = (blocks: readonly Block[]): readonly Prose[] => blocks.flatMap((block) => proseOfBlock(block));

function proseOfBlock(block: Block): readonly Prose[] {
  switch (block.kind) {
    case "paragraph":
    case "heading":
      return block.children.flatMap((inline) => proseOfInline(inline));
    case "list":
      return block.items.flatMap((item) => proseOf(item.blocks));
    case "table":
      return [block.head, ...block.rows].flat(2).flatMap((inline) => proseOfInline(inline));
    case "quote":
    case "code":
    case "rule":
      return [];
  }
}

function proseOfInline(inline: Inline): readonly Prose[] {
  if (inline.kind === "text") return [inline];
  return inline.kind === "code" ? [] : inline.children.flatMap((child) => proseOfInline(child));
}

/** Those who are called in a text that was read, in their order. */
export function mentionsIn(blocks: readonly Block[], called: Caller): readonly Mention[] {
  let left: number = limits.signsMax;
  return proseOf(blocks).flatMap(({ signs = [], ...prose }) => {
    const some = signs.slice(0, left);
    left -= some.length;
    return mentionsInProse({ ...prose, signs: some }, called);
  });
}

/** The words behind signs that call nobody. */
export function calledWords(blocks: readonly Block[], called: Caller): readonly string[] {
  const known = new Set(mentionsIn(blocks, called).map(({ at }) => at));
  const asIs: Caller = (name) => (/^\S*[\p{L}\p{N}]$/u.test(name) ? name : undefined);
  const words = mentionsIn(blocks, asIs).flatMap(({ at, who }) => (known.has(at) ? [] : [who]));
  return [...new Set(words)];
}

/** The text with accounts in the places of the names that are shown: so it is sent, and so it holds when somebody is
 *  renamed. Where that would make a link or code of what was none, it stays as it was typed. `read` gives undefined
 *  while there is no parser. */
export function withAccounts(
  text: string,
  read: (text: string) => readonly Block[] | undefined,
  people: People,
): string {
  const blocks = read(text) ?? [];
  const byAccount = callerOf({ ...people, titles: [] });
  let sent = "";
  let past = 0;
  for (const { at, said, who } of mentionsIn(blocks, callerOf(people))) {
    const end = endOf(text, at, said);
    // An account, or an agent's own name, is understood as it is.
    if (end === undefined || byAccount(titleForm(said.slice(1))) === who) continue;
    const account = `@${nameOf(who)}`;
    if (isBesideAddress(text, { at, end, account })) continue;
    sent += text.slice(past, at);
    // Names may touch; accounts that touch would be an address.
    if (/\w$/.test(sent)) sent += " ";
    // Words without blanks between them end where another script begins: an account does not.
    const after = text.slice(end, end + limits.nameCharsMax);
    const isApart = !/^[\w.+-]*[@＠﹫]/.test(after) && mayEnd(account + after, account.length);
    sent += `${account}${end < text.length && !isApart ? " " : ""}`;
    past = end;
  }
  sent += text.slice(past);
  const after = sent === text ? blocks : read(sent);
  return after === undefined || marksOf(after).join("\n") === marksOf(blocks).join("\n") ? sent : text;
}

/** Code and links, in their order. */
const marksOf = (blocks: readonly Block[]): readonly string[] =>
  blocks.flatMap((block) => {
    switch (block.kind) {
      case "paragraph":
      case "heading":
        return block.children.flatMap(marksOfInline);
      case "list":
        return block.items.flatMap((item) => marksOf(item.blocks));
      case "quote":
        return marksOf(block.blocks);
      case "table":
        return [block.head, ...block.rows].flat(2).flatMap(marksOfInline);
      case "code":
        return [`code ${block.text}`];
      case "rule":
        return ["rule"];
    }
  });

const marksOfInline = (inline: Inline): readonly string[] => {
  if (inline.kind === "text") return [];
  if (inline.kind === "code") return [`code ${inline.text}`];
  const link = inline.kind === "link" ? [`link ${inline.href} ${inline.target}`] : [];
  return [...link, ...inline.children.flatMap(marksOfInline)];
};

/** Whether an account would become part of an address of mail that the name was no part of, or part it from what
 *  becomes an address. */
function isBesideAddress(
  text: string,
  { at, end, account }: { readonly at: number; readonly end: number; readonly account: string },
): boolean {
  const before = text.slice(Math.max(0, at - limits.nameCharsMax), at);
  const after = text.slice(end, end + limits.nameCharsMax);
  const isHost = /^@[\w-]*\.\w/.test(account + after);
  return (isHost && /[.+-]$/.test(before)) || /<[^\s<>]*$/.test(before) || /^www\./i.test(after);
}

/** Where a mention ends in the message: marks in it may have a backslash there. */
function endOf(text: string, at: number, said: string): number | undefined {
  let end = at;
  for (const unit of said.split("")) {
    if (text.charAt(end) !== unit && text.charAt(end) === "\\") end += 1;
    if (text.charAt(end) !== unit) return undefined;
    end += 1;
  }
  return end;
}

/** Formulas in TeX, as people and models write them: `$x^2$` and `\(x\)` in a line, `$$x$$` and `\[x\]` by themselves.
 *
 *  Dollars are money, too, and dollars and brackets are parts of paths, patterns and programs, which must stay
 *  readable. So what is inside must look like a formula (`isFormula`). One dollar begins one only where a word could
 *  begin, ends it only where one could end, and has nothing blank beside it inside. An opening that comes again before
 *  its end begins nothing: the work is one look at each character.
 *
 *  The parser is told that a formula is code, for that is how it is read: nothing in it is a mark, and nobody is
 *  called. */
import type { gfmTable } from "micromark-extension-gfm-table";

type Extension = ReturnType<typeof gfmTable>;
type Construct = Extract<NonNullable<NonNullable<Extension["text"]>[string]>, { readonly tokenize: unknown }>;
type Tokenize = Construct["tokenize"];
type Effects = Parameters<Tokenize>[0];
type State = ReturnType<Tokenize>;
type Code = Parameters<State>[0];

/** How a formula is shown: in its line, or by itself. */
export type Formula = "line" | "block";

const [dollar, backslash] = [36, 92];
/** What may stand right before a formula in brackets. */
const beside: ReadonlySet<Code> = new Set(Array.from("(*_,;>", (sign) => sign.charCodeAt(0)));
/** What a program has behind a dollar: `$(A)$(B)`, `${x}${y}`. */
const goesOn: ReadonlySet<Code> = new Set(Array.from("({", (sign) => sign.charCodeAt(0)));
/** Whether a text ends in a backslash that none stands before. */
const isEscape = (text: string): boolean => /(?<!\\)(?:\\\\)*\\$/.test(text.slice(-64));
const closing = new Map([
  [40, 41],
  [91, 93],
]);
/** Longer ones are shown as they were written. */
export const formulaCharsMax = 4_000;

const isBlank = (code: Code): boolean => code === null || code < 0 || code === 32;
const isWordy = (code: Code): boolean => code !== null && code > 0 && /[\p{L}\p{N}]/u.test(String.fromCodePoint(code));
/** Words that formulas have without a mark of TeX. */
const functions: ReadonlySet<string> = new Set(
  "log ln lg exp sin cos tan sec csc cot max min sup inf lim mod gcd lcm det dim deg arg ker if".split(" "),
);

/** Whether a text between marks is a formula and no words, program or address. It has a letter by itself or a mark of
 *  TeX; its words are names of functions, or stand in a formula that says so by a command. Pure. */
function isFormula(text: string): boolean {
  if (/:\/\/|\\[\d[\]?]/u.test(text)) return false;
  if (/\\(?:[A-Za-z]{2}|[\\,;:! ])/u.test(text)) return true;
  // What stands below or above a letter may be a word: `E_{kin}`.
  const plain = text.replaceAll(/[_^]\{[^{}]*\}/gu, "^");
  const isMarked = /[_^=]/u.test(plain);
  const words = plain.match(/[\p{L}\p{M}]+/gu) ?? [];
  const longest = isMarked ? 2 : 1;
  return (isMarked || words.length > 0) && words.every((word) => word.length <= longest || functions.has(word));
}

/** What stands between the marks. */
class Inside {
  text = "";

  add(code: Code): void {
    this.text += code === null || code < 0 ? " " : String.fromCodePoint(code);
  }

  get length(): number {
    return this.text.length;
  }

  get endsBlank(): boolean {
    return /\s$/.test(this.text);
  }
}

/** Reads what is inside, up to a mark that `end` takes. */
function within(effects: Effects, inside: Inside, isEnd: (code: Code) => boolean, states: { end: State; nok: State }) {
  const between: State = (code) => {
    if (isEnd(code)) return states.end(code);
    if (code === null || inside.length > formulaCharsMax) return states.nok(code);
    inside.add(code);
    if (code < -2) {
      effects.enter("lineEnding");
      effects.consume(code);
      effects.exit("lineEnding");
      return between;
    }
    effects.enter("codeTextData");
    effects.consume(code);
    return data;
  };
  const data: State = (code) => {
    // A sign behind a backslash ends nothing.
    const isEscaped = code !== null && code > 0 && isEscape(inside.text);
    if (code === null || code < -2 || (isEnd(code) && !isEscaped) || inside.length > formulaCharsMax) {
      effects.exit("codeTextData");
      return between(code);
    }
    inside.add(code);
    effects.consume(code);
    return data;
  };
  return between;
}

const tokenizeDollars: Tokenize = function (effects, ok, nok) {
  const inside = new Inside();
  const { previous } = this;
  let marks = 0;
  let ends = 0;
  const open: State = (code) => {
    if (code === dollar && marks < 2) {
      marks += 1;
      effects.consume(code);
      return open;
    }
    effects.exit("codeTextSequence");
    // One dollar stays in its line.
    if (code === dollar || (marks === 1 && (isWordy(previous) || isBlank(code)))) return nok(code);
    const isEnd = (one: Code): boolean => one === dollar || (marks === 1 && one !== null && one < -2);
    return within(effects, inside, isEnd, { end: close, nok })(code);
  };
  const close: State = (code) => {
    if (code !== dollar || !isFormula(inside.text) || (marks === 1 && inside.endsBlank)) return nok(code);
    effects.enter("codeTextSequence");
    return closeRest(code);
  };
  const closeRest: State = (code) => {
    if (code === dollar && ends < marks) {
      ends += 1;
      effects.consume(code);
      return closeRest;
    }
    if (ends < marks || code === dollar || isWordy(code) || goesOn.has(code)) return nok(code);
    effects.exit("codeTextSequence");
    effects.exit("codeText");
    return ok(code);
  };
  return (code) => {
    if (previous === dollar || previous === backslash) return nok(code);
    effects.enter("codeText");
    effects.enter("codeTextSequence");
    return open(code);
  };
};

const tokenizeBrackets: Tokenize = function (effects, ok, nok) {
  const inside = new Inside();
  let opening: Code = null;
  const open: State = (code) => {
    if (code === null || !closing.has(code)) return nok(code);
    opening = code;
    effects.consume(code);
    effects.exit("codeTextSequence");
    return within(effects, inside, (one) => one === backslash, { end: mark, nok });
  };
  /** A backslash: the end, a word of TeX, or an opening that comes again. */
  const mark: State = (code) => effects.check({ tokenize: tokenizeEnd, partial: true }, close, escaped)(code);
  const tokenizeEnd: Tokenize = (inner, found, missed) => (code) => {
    inner.enter("codeTextSequence");
    inner.consume(code);
    return (next) => {
      if (next !== closing.get(opening ?? 0) || !isFormula(inside.text)) return missed(next);
      inner.consume(next);
      inner.exit("codeTextSequence");
      return found;
    };
  };
  const escaped: State = (code) => {
    inside.add(code);
    effects.enter("codeTextData");
    effects.consume(code);
    return (next) => {
      if (next === opening) return nok(next);
      // `\\` is a new row, and its second sign begins nothing.
      if (next === backslash) {
        inside.add(next);
        effects.consume(next);
        return (after) => {
          effects.exit("codeTextData");
          return within(effects, inside, (one) => one === backslash, { end: mark, nok })(after);
        };
      }
      effects.exit("codeTextData");
      return within(effects, inside, (one) => one === backslash, { end: mark, nok })(next);
    };
  };
  const close: State = (code) => {
    effects.enter("codeTextSequence");
    effects.consume(code);
    return (last) => {
      effects.consume(last);
      effects.exit("codeTextSequence");
      effects.exit("codeText");
      return ok;
    };
  };
  const { previous } = this;
  return (code) => {
    // Behind a word of these letters, or their signs, it is part of a path or a pattern.
    if (previous !== null && previous > 32 && previous < 127 && !beside.has(previous)) return nok(code);
    effects.enter("codeText");
    effects.enter("codeTextSequence");
    effects.consume(code);
    return open;
  };
};

/** The marks of formulas, as the parser takes them. */
export const formulas: Extension = {
  text: {
    [dollar]: { name: "formula", tokenize: tokenizeDollars },
    [backslash]: { name: "formula", tokenize: tokenizeBrackets },
  },
};

/** How a formula is shown that stands so in its source; undefined: it is code. */
export function formulaOf(written: string): Formula | undefined {
  if (written.startsWith("$$") || written.startsWith("\\[")) return "block";
  return written.startsWith("$") || written.startsWith("\\") ? "line" : undefined;
}

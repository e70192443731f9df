/** Marks in messages. */
export const markdownLimits = {
  /** A longer text is shown as it was written: no marks are looked for.
   *
   *  More than the longest answer of an agent has (4,096 tokens). */
  charsMax: 65_536,
  /** A text with more lines is shown as it was written.
   *
   *  A line costs the parser as much as a hundred letters: 20,000 of them, of a letter or two, took 0.7 s. */
  linesMax: 2_000,
  /** A text with deeper nesting of quotes or lists is shown as it was written.
   *
   *  The parser's time grows with the square: a depth of 5,000 took 11 s, and 10,000 its stack. */
  nestedMax: 16,
  /** A text with more runs of one character that may be a mark is shown as it was written.
   *
   *  The time for emphasis grows with the square: 5,000 took a second. */
  marksMax: 1_500,
  /** A text with more lines that go on with a quote or an entry without its mark is shown as it was written.
   *
   *  At each the parser goes through all lines of the paragraph: 2,000 take 13 million steps. */
  lazyLinesMax: 1_000,
  /** A text with a longer run of `*` or `_` beside a word is shown as it was written.
   *
   *  Each pair is one more element around the text. */
  runCharsMax: 48,
} as const;

/** Whom a message calls. */
export const readingLimits = {
  /** Signs of mentions that are looked at in one message; a later “@name” stays text. */
  signsMax: 200,
  /** A longer name calls nobody.
   *
   *  Longer than the longest account, agent or name that is shown. */
  nameCharsMax: 100,
  /** A sign behind a letter with more marks on it calls nobody. */
  marksOfLetterMax: 8,
} as const;

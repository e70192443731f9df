/** What a message may ask of its readers' browsers. Beyond it a text is shown as it was sent, without a look for marks. */
export const markdownLimits = {
  /** More than the longest answer of an agent has (4,096 tokens). */
  charsMax: 65_536,
  /** Quotes and lists within one another; the parser's time grows with the square: 5,000 took 11 s, and 10,000 its stack. */
  nestedMax: 16,
  /** Runs of characters that may be marks. Emphasis takes the square of them: 5,000 took a second. */
  marksMax: 1_500,
  /** One run of `*` or `_`, where it is not a line of its own: each pair is one more element around the text. */
  runCharsMax: 48,
} as const;

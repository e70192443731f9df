/** The terminal in the page. */
export const terminalLimits = {
  /** Lines that can be scrolled back to; older ones go. */
  scrollbackLines: 5_000,
  /** Lines that the up key brings back; older ones go. They are kept while the page is open. */
  historyLines: 200,
  /** Characters of one line; more are not taken. */
  lineMax: 4_000,
  /** Lines that are pasted at once; more are refused. */
  pastedLinesMax: 50,
  /** Output of a command that is not drawn yet; a command that is faster than the screen is ended. */
  undrawnBytesMax: 4 * 1024 ** 2,
  /** Size of one answer to a command; a longer one is not read. */
  answerBytesMax: 8 * 1024 ** 2,
} as const;

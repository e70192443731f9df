/** How far a test goes that could go on for ever. `npm test` and `npm run test:all` run what shows each claim; `npm run
 *  test:long` more seeds, more rounds and more examples of the same. */
const isLong = process.env["PLEXUS_TEST_LONG"] !== undefined;

/** Whether this is `npm run test:all` or `npm run test:long`. */
export const isAll = process.env["PLEXUS_TEST_ALL"] !== undefined;

/** The first of two values in `npm test` and `npm run test:all`, the second in `npm run test:long`. */
export const depth = <Value>(usual: Value, long: Value): Value => (isLong ? long : usual);

/** How far a test goes that could go on for ever. `npm test` runs what shows each of its claims; `npm run test:long` more seeds,
 *  more rounds and more examples of the same. */
const isLong = process.env["PLEXUS_TEST_LONG"] !== undefined;

/** The first of two values in `npm test`, the second in `npm run test:long`. */
export const depth = <Value>(usual: Value, long: Value): Value => (isLong ? long : usual);

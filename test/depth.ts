/** How far a test goes that could go on for ever. `npm test` and `npm run test:all` run what shows each claim; `npm run
 *  test:long` more seeds, more rounds and more examples of the same. */
const isLong = process.env["PLEXUS_TEST_LONG"] !== undefined;

/** Whether this is `npm run test:all` or `npm run test:long`. */
export const isAll = process.env["PLEXUS_TEST_ALL"] !== undefined;

/** The first of two values in `npm test` and `npm run test:all`, the second in `npm run test:long`. */
export const depth = <Value>(usual: Value, long: Value): Value => (isLong ? long : usual);

/** Examples of a property that takes half a processor second or more: a third of them in `npm test`, the first ones. */
export const examples = (count: number): number => (isAll ? count : Math.ceil(count / 3));

/** Members of a list that take long, a few of a second or one of a long row: a third of them in `npm test`. */
export const third = <Item>(all: readonly Item[]): readonly Item[] =>
  isAll ? all : all.filter((_one, at) => at % 3 === 0);

/** A test of real processes that `npm run test:all` has and `npm test` does not: there another one shows the most of
 *  it. */
export function further(title: string, test: () => Promise<void>): void {
  if (isAll) it(title, test);
}

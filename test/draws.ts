/** What the properties of fast-check draw, and how chai asserts. Mocha loads this before any test (`.mocharc.json`).
 *
 *  In `npm test` and `npm run test:all` every run draws the same examples, so the same sources always give the same
 *  verdict: a run does not fail by chance on a commit that has nothing to do with it. `npm run test:long` draws others
 *  each time, and what fails prints the seed. `PLEXUS_TEST_SEED=N` chooses the seed, to repeat what failed or to look
 *  further: `PLEXUS_TEST_SEED=7 npx mocha FILE`. */
import { config, util } from "chai";
import fc from "fast-check";
import { depth } from "./depth.ts";

const usualSeed = 20_260;
const asked = process.env["PLEXUS_TEST_SEED"];
const seed = asked === undefined ? depth<number | undefined>(usualSeed, undefined) : Number(asked);

if (seed !== undefined) fc.configureGlobal({ seed });

// The proxies of chai find properties that it does not have. The types find these as well, and an assertion takes half
// the time without them.
config.useProxy = false;

// Chai would look at one byte after the other, each as a value of any sort.
const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;
const comparator = (one: unknown, other: unknown): boolean | null =>
  isBytes(one) && isBytes(other) ? Buffer.compare(one, other) === 0 : null;
config.deepEqual = (one: unknown, other: unknown) => util.eql(one, other, { comparator });

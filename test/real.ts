/** Nodes of tests that are run by hand are as patient as those of `npm run test:all`. Mocha loads this before any test
 *  (`.mocharc.json`). */
import { settlePatience } from "./runner/patience.ts";

const isReal = process.argv.some((word) => /(?:^|\/)test\/(?:machines|smoke)\//.test(word));

export const mochaHooks = {
  async beforeAll(): Promise<void> {
    // The run has measured it already.
    if (isReal && process.env["PLEXUS_PATIENCE"] === undefined) await settlePatience();
  },
};

/** Runs one life of voters. */
import { judge, type Simulated, type Verdict } from "../verdict.ts";
import { RaftLife } from "./life.ts";

/** Of steps, before all is mended. */
const lengths = [60, 60, 60, 120, 120, 120, 200, 200, 400, 1_500];

/** In one of so many lives the directory is moved elsewhere. */
const departsOneIn = 8;

/** Runs one seed. */
export const runRaftSeed = (seed: number, options: { readonly trace?: boolean } = {}): Promise<Verdict> =>
  judge(seed, options, (world): Simulated => {
    const life = new RaftLife(
      world.dice,
      (checker, detail) => world.violate(checker, detail),
      options.trace === true ? (line) => world.note(() => line) : undefined,
    );
    return {
      lives: 1,
      get replies() {
        return life.applied;
      },
      get faults() {
        return life.faults;
      },
      async run() {
        life.run(world.dice.pick(lengths), { departs: seed % departsOneIn === 0 });
      },
    };
  });

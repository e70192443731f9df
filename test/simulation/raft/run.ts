/** Runs one life of voters. */
import type { World } from "../../world/index.ts";
import { judge, type Simulated, type Verdict } from "../verdict.ts";
import { RaftLife } from "./life.ts";

/** Of steps, before all is mended. */
const lengths = [60, 60, 60, 120, 120, 120, 200, 200, 400, 1_500];

/** In one of so many lives the directory is moved elsewhere. */
const departsOneIn = 8;

/** A class: getters of an object literal make a shape of each object, and shapes keep what the getters know until all
 *  of the heap is looked through. */
class RaftSeed implements Simulated {
  readonly lives = 1;
  readonly #world: World;
  readonly #life: RaftLife;

  constructor(world: World, { trace = false }: { readonly trace?: boolean }) {
    this.#world = world;
    this.#life = new RaftLife(
      world.dice,
      (checker, detail) => world.violate(checker, detail),
      trace ? (line) => world.note(() => line) : undefined,
    );
  }

  get replies(): number {
    return this.#life.applied;
  }

  get faults(): number {
    return this.#life.faults;
  }

  async run(): Promise<void> {
    const { dice, seed } = this.#world;
    this.#life.run(dice.pick(lengths), { departs: seed % departsOneIn === 0 });
  }
}

/** Runs one seed. */
export const runRaftSeed = (seed: number, options: { readonly trace?: boolean } = {}): Promise<Verdict> =>
  judge(seed, options, (world) => new RaftSeed(world, options));

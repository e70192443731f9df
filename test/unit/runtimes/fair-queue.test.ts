import { expect } from "chai";
import fc from "fast-check";
import { FairQueue } from "../../../runtimes/fair-queue.ts";

const limits = { max: 24, perShareMax: 10 };

interface Item {
  readonly share: string;
  readonly lane: string;
  readonly number: number;
}

type Step =
  | { readonly type: "join"; readonly share: string; readonly lane: string }
  | { readonly type: "next" }
  | { readonly type: "leave"; readonly which: number };

const name = fc.constantFrom("a", "b", "c", "d", "e");
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant("join" as const), share: name, lane: name }) },
    { weight: 3, arbitrary: fc.constant({ type: "next" as const }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant("leave" as const), which: fc.nat(100) }) },
  ),
  { maxLength: 200 },
);

/** Runs the steps beside a plain list of what waits, and shows each change to a checker. */
function run(
  all: readonly Step[],
  check: {
    joined?(item: Item, waiting: readonly Item[], displaced: Item | undefined): void;
    refused?(item: Item, waiting: readonly Item[], limit: string): void;
    taken?(item: Item, waiting: readonly Item[]): void;
    left?(item: Item): void;
  },
): void {
  const queue = new FairQueue<Item>();
  let waiting: Item[] = [];
  let number = 0;
  const without = (item: Item) => waiting.filter((other) => other !== item);
  for (const step of all) {
    if (step.type === "join") {
      const item = { share: step.share, lane: step.lane, number: (number += 1) };
      const hasPlace = queue.hasPlace(item.share, item.lane, limits);
      const joined = queue.join(item.share, item.lane, item, limits);
      expect(hasPlace).to.equal(joined.type !== "full");
      if (joined.type === "full") check.refused?.(item, waiting, joined.limit);
      else {
        const displaced = joined.type === "displaced" ? joined.item : undefined;
        if (displaced) expect(waiting).to.include(displaced);
        check.joined?.(item, waiting, displaced);
        waiting = displaced ? without(displaced) : waiting;
        waiting = [...waiting, item];
      }
    } else if (step.type === "leave") {
      const item = waiting[step.which % Math.max(1, waiting.length)];
      if (item === undefined) continue;
      expect(queue.leave(item.share, item.lane, item)).to.equal(true);
      expect(queue.leave(item.share, item.lane, item)).to.equal(false);
      waiting = without(item);
      check.left?.(item);
    } else {
      const item = queue.next();
      if (item === undefined) expect(waiting).to.deep.equal([]);
      else {
        check.taken?.(item, waiting);
        waiting = without(item);
      }
    }
    expect(queue.size).to.equal(waiting.length);
    for (const share of ["a", "b", "c", "d", "e"])
      expect(queue.waitingOf(share)).to.equal(waiting.filter((item) => item.share === share).length);
  }
  expect(
    queue
      .takeAll()
      .map((item) => item.number)
      .toSorted((x, y) => x - y),
  ).to.deep.equal(waiting.map((item) => item.number));
}

const countOf = (items: readonly Item[], share: string, lane?: string) =>
  items.filter((item) => item.share === share && (lane === undefined || item.lane === lane)).length;

describe("fair queue", () => {
  it("lets shares take turns, and the lanes of a share within its turns", () => {
    const queue = new FairQueue<string>();
    for (const [share, lane, item] of [
      ["ada", "phone", "a1"],
      ["ada", "phone", "a2"],
      ["ada", "key", "a3"],
      ["bob", "phone", "b1"],
      ["bob", "phone", "b2"],
    ] as const)
      queue.join(share, lane, item, limits);
    expect(queue.takeAll()).to.deep.equal(["a1", "b1", "a3", "b2", "a2"]);
  });

  it("has nobody wait behind more than one turn of each other share, nor of each other lane of its own", () => {
    fc.assert(
      fc.property(steps, (all) => {
        /** For each that is first of its share, or of its lane: who had a turn since it became that. */
        const since = new Map<string, string[]>();
        const note = (item: Item, waiting: readonly Item[]) => {
          for (const [key, turns] of since) {
            const [kind, share, lane] = key.split("/");
            if (kind === "share" && share !== item.share) turns.push(item.share);
            if (kind === "lane" && share === item.share && lane !== item.lane) turns.push(item.lane);
            expect(new Set(turns).size, `${key} waits behind ${turns.join(" ")}`).to.equal(turns.length);
          }
          const rest = waiting.filter((other) => other !== item);
          since.delete(`share/${item.share}`);
          since.delete(`lane/${item.share}/${item.lane}`);
          if (countOf(rest, item.share) > 0) since.set(`share/${item.share}`, []);
          if (countOf(rest, item.share, item.lane) > 0) since.set(`lane/${item.share}/${item.lane}`, []);
        };
        const gone = (item: Item, rest: readonly Item[]) => {
          if (countOf(rest, item.share) === 0) since.delete(`share/${item.share}`);
          if (countOf(rest, item.share, item.lane) === 0) since.delete(`lane/${item.share}/${item.lane}`);
        };
        let held: readonly Item[] = [];
        run(all, {
          joined(item, waiting, displaced) {
            held = waiting.filter((other) => other !== displaced);
            if (displaced) gone(displaced, held);
            held = [...held, item];
            if (!since.has(`share/${item.share}`)) since.set(`share/${item.share}`, []);
            const lane = `lane/${item.share}/${item.lane}`;
            if (!since.has(lane)) since.set(lane, []);
          },
          taken(item, waiting) {
            held = waiting.filter((other) => other !== item);
            note(item, waiting);
          },
          left(item) {
            held = held.filter((other) => other !== item);
            gone(item, held);
          },
        });
      }),
      { numRuns: 500 },
    );
  });

  it("keeps the order within a lane", () => {
    fc.assert(
      fc.property(steps, (all) => {
        run(all, {
          taken(item, waiting) {
            const lane = waiting.filter((other) => other.share === item.share && other.lane === item.lane);
            expect(lane[0]).to.equal(item);
          },
        });
      }),
    );
  });

  it("refuses and displaces only who has more than the others: each share keeps its part of the places", () => {
    fc.assert(
      fc.property(steps, (all) => {
        run(all, {
          joined(item, waiting, displaced) {
            expect(countOf(waiting, item.share) - Number(displaced?.share === item.share)).to.be.below(limits.perShareMax);
            expect(waiting.length - Number(displaced !== undefined)).to.be.below(limits.max);
            if (displaced === undefined) return;
            const full = waiting.length >= limits.max || countOf(waiting, item.share) >= limits.perShareMax;
            expect(full, "nobody is displaced while there is room").to.equal(true);
            const youngest = waiting.findLast((other) => other.share === displaced.share && other.lane === displaced.lane);
            expect(displaced).to.equal(youngest);
            if (displaced.share === item.share)
              expect(countOf(waiting, item.share, displaced.lane)).to.be.at.least(countOf(waiting, item.share, item.lane) + 2);
            else {
              expect(countOf(waiting, displaced.share)).to.be.at.least(countOf(waiting, item.share) + 2);
              // Five shares, 24 places: four are everybody's.
              expect(countOf(waiting, displaced.share)).to.be.above(Math.floor(limits.max / 5));
            }
          },
          refused(item, waiting, limit) {
            const mine = countOf(waiting, item.share);
            if (limit === "perShareMax") expect(mine).to.equal(limits.perShareMax);
            else {
              expect(waiting.length).to.equal(limits.max);
              expect(mine).to.be.at.least(Math.floor(limits.max / 5));
              for (const share of ["a", "b", "c", "d", "e"]) expect(countOf(waiting, share)).to.be.below(mine + 2);
            }
          },
        });
      }),
      { numRuns: 500 },
    ); // prettier-ignore
  });
});

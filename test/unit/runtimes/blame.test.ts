/** Whom an end of the process of native models is counted against. */
import { expect } from "chai";
import fc from "fast-check";
import type { Doing } from "../../../runtimes/adapter.ts";
import { blameOf, Doings, type Ran } from "../../../runtimes/host/blame.ts";

const question = { engine: "generate", request: { model: "m" } } as unknown as Omit<Ran, "model">;
const ranOf = (...models: readonly string[]): ReadonlyMap<number, Ran> =>
  new Map(models.map((model, run) => [run, { ...question, model }]));
const doings: readonly Doing[] = ["form", "prompt", "native", "check"];

describe("an end of the process of native models", () => {
  it("is no strike of a model whose thread was in our own code, and one where it rendered the template", () => {
    for (const doing of doings) {
      const end = { how: "SIGKILL", stuck: { model: "m", doing }, ran: ranOf("m"), loads: false };
      expect([...blameOf(end, new Doings()).asked.keys()], doing).to.deep.equal(
        doing === "native" || doing === "prompt" ? ["m"] : [],
      );
    }
  });

  it("is what the thread said last, whichever call said it, and whatever order the channels bring it in", () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ run: fc.nat({ max: 3 }), doing: fc.constantFrom(...doings) }), { minLength: 1 }),
        fc.nat({ max: 1_000 }),
        (said, mixer) => {
          const numbered = said.map((one, at) => ({ ...one, at: at + 1 }));
          // Each channel keeps its order; which of them is read first is chance.
          const channels = [0, 1, 2, 3].map((run) => numbered.filter((one) => one.run === run));
          const told = new Doings();
          for (let turn = mixer; channels.some((one) => one.length > 0); turn += 1) {
            const next = channels[turn % 4]!.shift();
            if (next !== undefined) told.told("m", next);
          }
          expect(told.ofThread("m")).to.equal(said.at(-1)!.doing);
          expect(told.ofThread("other")).to.equal("native");
          told.ended(said.at(-1)!.run);
          const before = said.findLast(({ run }) => run !== said.at(-1)!.run);
          expect(told.ofThread("m")).to.equal(before?.doing ?? "native");
        },
      ),
    ));

  it("by an assertion makes suspects of those alone that were in native code", () => {
    const told = new Doings();
    told.told("a", { run: 0, doing: "form", at: 1 });
    told.told("b", { run: 1, doing: "native", at: 1 });
    told.told("d", { run: 3, doing: "check", at: 1 });
    told.told("e", { run: 4, doing: "prompt", at: 1 });
    const end = { how: "SIGSEGV", stuck: undefined, ran: ranOf("a", "b", "c", "d", "e"), loads: false };
    // The third has said nothing: its engine has native code and no other. The last one reads a prompt as tokens.
    const { asked, others, unsure } = blameOf(end, told);
    expect([[...asked.keys()], others, unsure]).to.deep.equal([["b", "c", "e"], false, true]);
    expect(blameOf({ ...end, loads: true }, told).others).to.equal(true);
    expect(blameOf({ ...end, how: "SIGKILL" }, told).asked.size).to.equal(0);
    expect(blameOf({ ...end, ran: ranOf("a") }, told).unsure).to.equal(false);
  });
});

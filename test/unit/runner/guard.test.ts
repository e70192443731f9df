import { expect } from "chai";
import { createGuard } from "../../runner/guard.ts";

const limits = { lookMs: 1, secondsMax: 100, idleLooks: 5, idleSeconds: 1, silentLooks: 20 };

describe("the guard of a phase", () => {
  it("lets a phase go on that works, however slowly, and one whose tests end", () => {
    const guard = createGuard(limits);
    for (let look = 1; look <= 19; look += 1) expect(guard({ seconds: 0.3 * look, progress: 1 })).to.equal(undefined);
    for (let look = 0; look <= 60; look += 1) expect(guard({ seconds: 6, progress: 2 + look })).to.equal(undefined);
  });

  it("ends one that does nothing, and one that seems to work and ends no test", () => {
    const idle = createGuard(limits);
    expect(Array.from({ length: 6 }, () => idle({ seconds: 3, progress: 1 })).at(-1)).to.match(/nothing was done/);
    const busy = createGuard(limits);
    const said = Array.from({ length: 21 }, (_, look) => busy({ seconds: look, progress: 1 }));
    expect(said.slice(0, 20)).to.deep.equal(said.slice(0, 20).fill(undefined));
    expect(said[20]).to.match(/no test ended/);
  });

  it("counts what processes have used that are gone, and ends a phase that has used too much", () => {
    const guard = createGuard(limits);
    expect(guard({ seconds: 60, progress: 1 })).to.equal(undefined);
    expect(guard({ seconds: 5, progress: 2 })).to.equal(undefined);
    expect(guard({ seconds: 40, progress: 3 })).to.equal(undefined);
    expect(guard({ seconds: 50, progress: 4 })).to.match(/more than 100 s/);
  });

  it("knows nothing of processors where the system does not tell, and goes by tests alone", () => {
    const guard = createGuard({ ...limits, secondsMax: undefined });
    const said = Array.from({ length: 21 }, () => guard({ seconds: undefined, progress: 1 }));
    expect(said.findIndex((one) => one !== undefined)).to.equal(20);
  });
});

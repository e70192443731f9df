import { expect } from "chai";
import { keepSpans } from "../../../node/observe/index.ts";
import { createTracer } from "../../../node/observe/tracer.ts";
import { simulatedClock, World } from "../../world/index.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const asked = (flags: string): string => `00-${traceId}-00f067aa0ba902b7-${flags}`;

/** A tracer of a node, and how often it drew what an id is made of. */
function openTracer(ratio: number) {
  const world = new World(7);
  const clock = simulatedClock(world, { offsetMs: 0 }, { life: 1, alive: true });
  let ids = 0;
  const bytes = (count: number): Uint8Array => {
    ids += 1;
    return world.dice.bytes(count);
  };
  const random = { number: () => world.dice.number(), bytes };
  const tracer = createTracer({ node: "a", name: "a", version: "0", ratio, clock, random, spans: keepSpans() });
  return { tracer, ids: () => ids };
}

describe("which requests are traced", () => {
  it("is a share of those that come without a trace, and the others cost no id and no span", () => {
    const { tracer, ids } = openTracer(0.05);
    const traced = Array.from({ length: 2_000 }, () => tracer.enter("GET /x", undefined, {})).filter(
      (span) => span !== undefined,
    );
    expect(traced.length).to.be.within(60, 140);
    expect(ids(), "one of the trace and one of the step").to.equal(2 * traced.length);
  });

  it("is as the caller says, where there is a trace already, whatever the share", () => {
    for (const ratio of [0, 1]) {
      const { tracer } = openTracer(ratio);
      expect(tracer.enter("GET /x", asked("01"), {})?.context).to.match(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
      expect(tracer.enter("GET /x", asked("00"), {})).to.equal(undefined);
      expect(tracer.under(asked("00"), "turn", {})).to.equal(undefined);
      expect(tracer.under(asked("01"), "turn", {})?.context).to.include(traceId);
      expect(tracer.enter("GET /x", "nonsense", {}) === undefined).to.equal(ratio === 0);
    }
  });
});

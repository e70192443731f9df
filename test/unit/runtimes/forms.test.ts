/** When forms are made of requests: one in a turn of the loop, so that who gives up meanwhile is heard. */
import { expect } from "chai";
import { Writer } from "../../../runtimes/llama/writer.ts";

describe("forms of many calls", () => {
  it("are made one at a time, and of those that were given up meanwhile none is", async () => {
    let [made, asked] = [0, 0];
    const cancelled = new Set<number>();
    const refusal = new Error("no model is asked here");
    const renderer = {
      callSyntax() {
        made += 1;
        // What others sent arrives while a form is made, and is heard behind it.
        setImmediate(() => [1, 2, 3, 4, 5].forEach((call) => cancelled.add(call)));
        throw refusal;
      },
    };
    const writer = new Writer({ renderer, sequences: [], batchTokens: 8, contextTokens: 64, temperature: 0 } as never);
    const request = { model: "m", messages: [], sampling: {}, tools: [{ name: "t" }] };
    const calls = Array.from({ length: 6 }, async () => {
      const call = asked++;
      const flow = {
        get cancelled() {
          return cancelled.has(call);
        },
      };
      return writer.generate(request as never, flow as never).catch((error: unknown) => error);
    });
    const [first, ...others] = await Promise.all(calls);
    expect(first).to.equal(refusal);
    for (const one of others)
      expect(one).to.deep.equal({ ok: true, value: { end: "stopped", promptTokens: 0, completionTokens: 0 } });
    expect(made).to.equal(1);
  });
});

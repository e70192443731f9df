import { expect } from "chai";
import { Compile } from "typebox/compile";
import { createExchange } from "../../../node/cluster/exchange/index.ts";
import type { NodeId } from "../../../node/ports/index.ts";
import { Links, World } from "../../world/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { decode, encode, wireLimits, type GenerationRequest, type Sampling } from "../../../protocols/index.ts";
import { meshMessages } from "../../../protocols/mesh/index.ts";

const row = Compile(meshMessages["engine.generate"].schema);
const asked: GenerationRequest = {
  id: "v1-0123456789abcdef",
  model: "tiny",
  messages: [{ role: "user", content: "hello" }],
  sampling: {},
  timeoutMs: 300_000,
};
/** Whether a node takes it, as it comes over the wire. */
const takes = (change: object): boolean => row.Check(decode(encode({ run: 1, request: { ...asked, ...change } })));

describe("a generation that another node asks for", () => {
  it("may say all that agents and OpenAI's clients can say", () => {
    const { maxTokensMax } = wireLimits;
    const samplings: readonly Sampling[] = [
      {},
      { temperature: 0, topP: 0, maxTokens: 1, seed: 0 },
      { temperature: 2, topP: 1, maxTokens: maxTokensMax, seed: 2 ** 31 - 1 },
      { temperature: 0.7 },
    ];
    for (const sampling of samplings) expect(takes({ sampling }), JSON.stringify(sampling)).to.equal(true);
    const honest: readonly object[] = [
      { model: "" },
      { model: "m".repeat(200) },
      { stop: [] },
      { stop: undefined },
      { stop: Array.from({ length: 8 }, () => "s".repeat(64)) },
      { messages: Array.from({ length: 513 }, () => ({ role: "system", content: "" })) },
      { messages: [{ role: "assistant", content: "word ".repeat(200_000) }] },
      { timeoutMs: 0 },
      { timeoutMs: 299_999.5 },
      { timeoutMs: 3_600_000 },
      { id: `${"0".repeat(100)}.1.0.zzzzzzzz` },
    ];
    for (const change of honest) expect(takes(change), JSON.stringify(change).slice(0, 80)).to.equal(true);
  });

  it("is refused with a sampling that the engine could fall over", () => {
    const { maxTokensMax } = wireLimits;
    const bad: Readonly<Record<keyof Sampling, readonly unknown[]>> = {
      temperature: ["x", {}, null, -0.1, -1e308, 2.1, NaN, Infinity],
      topP: ["x", [], null, -5, 1.1, NaN],
      topK: ["x", null, -1, 0.5, 2 ** 31],
      minP: ["x", null, -0.1, 1.1, NaN],
      maxTokens: ["x", null, 0, -3, 1.5, maxTokensMax + 1],
      seed: ["abc", null, -1, -1.5, 0.5, 2 ** 31, 2 ** 60],
    };
    for (const [field, values] of Object.entries(bad))
      for (const value of values)
        expect(takes({ sampling: { [field]: value } }), `${field}: ${String(value)}`).to.equal(false);
    for (const sampling of [undefined, null, "x", 7, []]) expect(takes({ sampling }), String(sampling)).to.equal(false);
  });

  it("is refused with another field that is nonsense", () => {
    const bad: readonly object[] = [
      { id: 7 },
      { id: "x".repeat(257) },
      { model: null },
      { model: "m".repeat(257) },
      { messages: "hello" },
      { messages: [{ role: "judge", content: "" }] },
      { messages: [{ role: "user", content: ["hello"] }] },
      { messages: Array.from({ length: 4_097 }, () => ({ role: "user", content: "" })) },
      { stop: "x" },
      { stop: [7] },
      { timeoutMs: -1 },
      { timeoutMs: NaN },
      { timeoutMs: 1e300 },
      { timeoutMs: "soon" },
    ];
    for (const change of bad) expect(takes(change), JSON.stringify(change).slice(0, 80)).to.equal(false);
  });

  it("is handed on without the fields of a later version; nonsense is not, and ends the connection", () => {
    const parted: NodeId[] = [];
    const clock = new World(1).clock();
    const links = new Links(clock);
    const transport = { ...links.transport("a"), disconnect: (peer: NodeId) => void parted.push(peer) };
    const heard: unknown[] = [];
    const exchange = createExchange({ transport, clock, log: quietLog, meter: quietMeter });
    exchange.on("engine.generate", ({ request }) => void heard.push(request));
    const start = (change: object): void =>
      links.forge("b", "a", "message", ["engine.generate", 0, { run: 1, request: { ...asked, ...change } }]);
    start({ sampling: { temperature: 1, typicalP: 7 }, later: 3 });
    expect([heard, parted]).to.deep.equal([[{ ...asked, sampling: { temperature: 1 } }], []]);
    start({ sampling: { temperature: "x" } });
    expect([heard.length, parted]).to.deep.equal([1, ["b"]]);
  });
});

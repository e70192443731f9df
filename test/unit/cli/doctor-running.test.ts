import { expect } from "chai";
import { judgeRunning, portsOfRunning } from "../../../cli/doctor/index.ts";
import { failure, type ModelInMemory, type NodeInference } from "../../../protocols/index.ts";

const model = (name: string, state: ModelInMemory["state"], because = ""): ModelInMemory => ({
  model: name,
  runtime: "llama.cpp",
  state,
  because,
  pinned: false,
  memoryBytes: 0,
  running: 0,
  waiting: 0,
});
const nodes = (...rows: NodeInference[]) => ({ nodes: rows });

describe("the doctor of a node that runs", () => {
  it("looks at the models that the node has, not at those of its own flags", () => {
    const view = nodes(
      { node: "a", models: [model("qwen", "ready"), model("big", "failed", "there is no such file: /m/big.gguf")] },
      { node: "b", models: [model("elsewhere", "failed")] },
    );
    expect(judgeRunning(view, "a").map(({ state, says }) => [state, says])).to.deep.equal([
      ["good", "qwen: ready, says the running node"],
      ["bad", "big: failed (there is no such file: /m/big.gguf), says the running node"],
    ]);
  });

  it("says that there are none, or that the node does not tell them", () => {
    expect(judgeRunning(nodes({ node: "a", models: [] }), "a").map(({ state }) => state)).to.deep.equal(["warning"]);
    const silent = nodes({ node: "a", models: [], error: failure("UNREACHABLE") });
    expect(judgeRunning(silent, "a").map(({ state }) => state)).to.deep.equal(["bad"]);
  });

  it("says of a node without the role ai which nodes have models, and where to get one when none has", () => {
    const said = (...rows: NodeInference[]) =>
      judgeRunning(nodes(...rows), "a").map(({ state, says, hint }) => [state, says, hint]);
    expect(said({ node: "b", models: [model("qwen", "ready")] }, { node: "c", models: [] })).to.deep.equal([
      ["skipped", "this node has no role ai; models run on b", undefined],
    ]);
    const [[state, says, hint] = []] = said({ node: "c", models: [] });
    expect([state, says]).to.deep.equal(["warning", "this node has no role ai, and no other node has a model"]);
    expect(hint).to.include("plexus nodes roles").and.include("plexus models pull");
  });

  it("names the port that the node answers at, whatever the doctor's own would be", () => {
    expect(portsOfRunning("http://127.0.0.1:8123").map(({ state, says }) => [state, says])).to.deep.equal([
      ["good", "the running node answers at 127.0.0.1:8123"],
      ["skipped", "the running node has it"],
    ]);
  });
});

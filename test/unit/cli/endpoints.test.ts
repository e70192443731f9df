import { expect } from "chai";
import { describeEndpoints, describeReport, readAddress } from "../../../cli/models/endpoints.ts";
import { failure, type EndpointsView } from "../../../protocols/index.ts";

const empty: EndpointsView = { node: "here", endpoints: [], candidates: [] };

describe("plexus endpoints", () => {
  it("reads an address: an adapter, where it is, and one model or all", () => {
    expect(readAddress("ollama+http://10.0.0.5:11434")).to.deep.equal({
      adapter: "ollama",
      url: "http://10.0.0.5:11434",
    });
    expect(readAddress("openai+https://api.example.org/v1#a/b:c")).to.deep.equal({
      adapter: "openai",
      url: "https://api.example.org/v1",
      model: "a/b:c",
    });
    for (const text of ["10.0.0.5", "http://10.0.0.5", "/models/a.gguf", "ollama+http://a,name", ""])
      expect(() => readAddress(text), text).to.throw(/ADAPTER\+URL/u);
  });

  it("shows what there is and what is wrong, and what to do when there is nothing; strangers' words do nothing to a terminal", () => {
    expect(describeEndpoints(empty, false)).to.match(/endpoints add .+endpoints find/su);
    const shown = describeEndpoints(
      {
        ...empty,
        endpoints: [
          { name: "box", adapter: "ollama", url: "http://10.0.0.5", from: "cluster", state: "away", models: [], error: failure("MODEL_UNAVAILABLE", { reason: "it is off\u001b[2J" }) },
        ],
        candidates: [
          { name: "den", adapter: "openai", url: "http://10.0.0.6:8000/v1", server: { kind: "vllm\u001b[2J", version: "1" }, models: ["a", "b", "c", "d"], needsKey: false, by: "mdns", seenAtMs: 0 },
        ],
      },
      false,
    ); // prettier-ignore
    expect(shown)
      .to.match(/box is away: it is off.+plexus endpoints test box/u)
      .and.to.match(/den.+vllm.+openai\+http:\/\/10\.0\.0\.6:8000\/v1.+a, b, c …/u)
      .and.to.not.include("\u001b");
  });

  it("shows each step of a test", () => {
    const steps = [
      { step: "reachable", state: "fine", says: "answered" },
      { step: "key", state: "failed", says: "check the key" },
    ] as const;
    const text = describeReport({ url: "http://a", adapter: "openai", ok: false, steps, models: [] }, false);
    expect(text).to.match(/ok\s+reachable\s+answered\n\s+failed\s+key\s+check the key/u);
  });
});

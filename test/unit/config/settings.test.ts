import { expect } from "chai";
import fc from "fast-check";
import {
  checkSetting,
  createSettings,
  fields,
  noClusterValues,
  type ClusterValues,
  type ConfigLayers,
} from "../../../config/index.ts";

const context = { workFolder: "/work", dataFolder: "/data", hostname: "ada", models: [] };
const open = (layers: ConfigLayers = {}, cluster: ClusterValues = noClusterValues) =>
  createSettings(layers, context, cluster);
const all = (values: Readonly<Record<string, unknown>>): ClusterValues => ({ all: values, node: {} });
const stateOf = (settings: ReturnType<typeof open>, key: string) => settings.view().find((one) => one.key === key);

describe("settings of the cluster", () => {
  it("count more than the file and less than environment and flags, and say why they do not", () => {
    const settings = open(
      {
        file: { path: "/etc/plexus.yaml", content: { signUp: "closed", replicas: 2, weight: 2 } },
        environment: { PLEXUS_SIGN_UP: "invitation" },
        flags: { replicas: 5 },
      },
      { all: { signUp: "open", replicas: 7, weight: 3, contextTokens: 512 }, node: { contextTokens: 1024 } },
    );
    expect(settings.current()).to.include({ signUp: "invitation", replicas: 5, weight: 3, contextTokens: 1024 });
    expect(stateOf(settings, "signUp")).to.deep.include({ source: "environment", at: "PLEXUS_SIGN_UP" });
    expect(stateOf(settings, "signUp")?.notApplied).to.include("PLEXUS_SIGN_UP");
    expect(stateOf(settings, "replicas")).to.include({ source: "flags" });
    expect(stateOf(settings, "replicas")?.notApplied).to.include("flag");
    expect(stateOf(settings, "weight")).to.deep.equal({ key: "weight", value: 3, source: "cluster" });
    expect(stateOf(settings, "contextTokens")).to.include({ source: "node", value: 1024 });
  });

  it("are taken at once where that is possible, and wait for the next start elsewhere", () => {
    const settings = open();
    const heard: string[] = [];
    settings.onChange(({ signUp }) => heard.push(signUp));
    expect(settings.take(all({ signUp: "closed", contextTokens: 512, weight: 2 }))).to.deep.equal({
      apply: ["signUp", "weight"],
      restart: ["contextTokens"],
    });
    expect(heard).to.deep.equal(["closed"]);
    expect(settings.current()).to.include({ signUp: "closed", contextTokens: 4096, weight: 2 });
    expect(stateOf(settings, "contextTokens")).to.deep.equal({ key: "contextTokens", value: 4096, source: "default", next: { value: 512, source: "cluster" } }); // prettier-ignore
    expect(settings.take(noClusterValues)).to.deep.equal({ apply: ["signUp", "weight"], restart: [] });
    expect(settings.current().signUp).to.equal("open");
    expect(open({}, all({ contextTokens: 512 })).current().contextTokens, "the next start has it").to.equal(512);
  });

  it("say beforehand what they would do, and change nothing by that", () => {
    const settings = open({ environment: { PLEXUS_WEIGHT: "2" } }, all({ gpu: "auto" }));
    const plan = settings.plan(all({ signUp: "closed", replicas: 5, weight: 9, minInSync: 1 }));
    expect(plan.map(({ key, takes }) => [key, takes])).to.deep.equal([
      ["signUp", "now"],
      ["replicas", "now"],
      ["weight", "none"],
      ["minInSync", "none"],
      ["gpu", "restart"],
    ]);
    expect(plan.find(({ key }) => key === "weight")?.why).to.include("PLEXUS_WEIGHT");
    expect(settings.current()).to.include({ signUp: "open", gpu: "auto" });
  });

  it("never keep a node from starting, whatever they say", () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.oneof(fc.constantFrom(...fields.map(({ name }) => name)), fc.string({ maxLength: 20 })),
          fc.jsonValue(),
        ),
        fc.dictionary(fc.constantFrom(...fields.map(({ name }) => name)), fc.jsonValue()),
        (of, node) => {
          const settings = open({}, { all: of, node });
          const refused = settings.view().filter(({ notApplied }) => notApplied !== undefined);
          const bad = Object.entries({ ...of, ...node }).filter(
            ([key, value]) => fields.some(({ name }) => name === key) && "reason" in checkSetting(key, value),
          );
          for (const [key] of bad) expect(refused.map((one) => one.key)).to.include(key);
        },
      ),
      { numRuns: 60 },
    );
    expect(open({}, all({ minInSync: 5 })).current(), "together with the node's own").to.include({
      replicas: 3,
      minInSync: 1,
    });
  });

  it("are left out where the node did not start with one, until it is another", () => {
    const settings = open({}, all({ leakedPasswords: "/none", signUp: "closed" }));
    expect(settings.leaveOut("port", "taken"), "the cluster has not set it").to.equal(false);
    expect(settings.leaveOut("leakedPasswords", "no such file")).to.equal(true);
    expect(settings.current().leakedPasswords).to.equal(undefined);
    expect(settings.current().signUp).to.equal("closed");
    expect(stateOf(settings, "leakedPasswords")?.notApplied).to.include("no such file");
    settings.take(all({ leakedPasswords: "/none" }));
    expect(stateOf(settings, "leakedPasswords")?.notApplied).to.include("no such file");
    settings.take(all({ leakedPasswords: "/some" }));
    expect(stateOf(settings, "leakedPasswords")).to.deep.include({ next: { value: "/some", source: "cluster" } });
  });

  it("show no secret, and cannot be where the node is", () => {
    const settings = open({
      flags: {
        join: "plexus-token",
        blockLists: ["https://feeds.example.org/x?token=hidden"],
        models: [
          { name: "m", adapter: "openai", url: "https://api.example.org/v1", model: "m", key: { env: "X_API_KEY" } },
        ],
      } as never,
    });
    expect(JSON.stringify(settings.view())).to.not.match(/plexus-token|token=hidden|X_API_KEY/);
    for (const key of ["data", "port", "mesh.host", "join", "models", "directory.kind"])
      expect(checkSetting(key, "x"), key).to.have.property("reason").that.includes("at the node itself");
    expect(checkSetting("leakedPasswords", "leaks.txt")).to.have.property("reason").that.includes("absolute");
    expect(checkSetting("limits.drainTimeoutMs", "20s")).to.deep.equal({ value: 20_000 });
    expect(checkSetting("finding.consul", "http://ada:pw@consul:8500")).to.have.property("reason");
    expect(JSON.stringify(checkSetting("finding.consul", "http://ada:pw@consul:8500"))).to.not.include("pw@");
  });
});

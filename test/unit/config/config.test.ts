import { expect } from "chai";
import fc from "fast-check";
import {
  configSchema,
  fields,
  parseConfig,
  parseConfigFile,
  parseDurationMs,
  planReload,
  unknownVariables,
  type ConfigLayers,
} from "../../../config/index.ts";
import { failureOf } from "../../../protocols/index.ts";

const surroundings = {
  workFolder: "/work",
  dataFolder: "/home/ada/.local/share/plexus",
  models: [{ name: "plexus-tiny", path: "/app/tiny.gguf" }],
};
const parse = (layers: ConfigLayers) => parseConfig(layers, surroundings);

function refusal(act: () => unknown): Readonly<Record<string, unknown>> {
  try {
    act();
  } catch (thrown) {
    const failure = failureOf(thrown);
    expect(failure.code).to.equal("CONFIG_INVALID");
    return failure.details ?? {};
  }
  throw new Error("it was accepted");
}

describe("configuration", () => {
  it("is complete without being told anything", () => {
    const config = parse({});
    expect(config).to.include({ host: "127.0.0.1", port: 7070, signUp: "open", gpu: "off" });
    expect(config.data).to.equal(surroundings.dataFolder);
    expect(config.models).to.deep.equal(surroundings.models);
    expect(config.roles).to.include("gateway");
  });

  it("lets environment win over file and flags over both, field by field", () => {
    const config = parse({
      file: { path: "/etc/plexus.yaml", content: { port: 1, host: "a", log: { level: "warn", format: "json" } } },
      environment: { PLEXUS_PORT: "2", PLEXUS_LOG_LEVEL: "error" },
      flags: { port: 3, log: { level: undefined } } as never,
    });
    expect(config).to.include({ port: 3, host: "a" });
    expect(config.log).to.deep.equal({ level: "error", format: "json" });
  });

  it("resolves paths of a file from the file's folder and others from the working folder", () => {
    const config = parse({
      file: { path: "/etc/plexus/node.yaml", content: { models: [{ name: "m", path: "m.gguf" }] } },
      flags: { data: "data" },
    });
    expect(config.models[0]?.path).to.equal("/etc/plexus/m.gguf");
    expect(config.data).to.equal("/work/data");
  });

  it("reads lists, labels, models and durations from the environment", () => {
    const config = parse({
      environment: {
        PLEXUS_ROLES: "chat, ai",
        PLEXUS_LABELS: "zone=a,disk=fast",
        PLEXUS_MODELS: "/m/Big Model.gguf;/m/small.gguf,small",
        PLEXUS_DRAIN_TIMEOUT: "2.5s",
      },
    });
    expect(config.roles).to.deep.equal(["chat", "ai"]);
    expect(config.labels).to.deep.equal({ zone: "a", disk: "fast" });
    expect(config.models).to.deep.equal([
      { name: "Big-Model", path: "/m/Big Model.gguf" },
      { name: "small", path: "/m/small.gguf" },
    ]);
    expect(config.limits.drainTimeoutMs).to.equal(2500);
  });

  it("takes an empty variable as not set", () => {
    expect(parse({ environment: { PLEXUS_PORT: "" } }).port).to.equal(7070);
  });

  const wrong: readonly [layers: ConfigLayers, field: string, from: RegExp, reason: RegExp][] = [
    [{ environment: { PLEXUS_PORT: "many" } }, "port", /^environment$/, /many/],
    [{ environment: { PLEXUS_DRAIN_TIMEOUT: "soon" } }, "limits.drainTimeoutMs", /^environment$/, /duration/],
    [{ environment: { PLEXUS_ROLES: "chat,cook" } }, "roles.1", /^environment$/, /one of .*gateway/],
    [{ flags: { signUp: "maybe" } as never }, "signUp", /^flags$/, /one of open, closed/],
    [{ file: { path: "/c.yaml", content: { prot: 1 } } }, "prot", /c\.yaml/, /no such field/],
    [{ file: { path: "/c.yaml", content: { log: { lvl: 1 } } } }, "log.lvl", /c\.yaml/, /no such field/],
    [{ file: { path: "/c.yaml", content: { roles: [] } } }, "roles", /c\.yaml/, /./],
    [{ file: { path: "/c.yaml", content: "port" } }, "", /c\.yaml/, /./],
    [{ file: { path: "/c.yaml", content: { port: 70_000 } } }, "port", /c\.yaml/, /65535/],
  ];
  for (const [layers, field, from, reason] of wrong)
    it(`refuses ${JSON.stringify(layers)} and names ${field === "" ? "the file" : field}`, () => {
      const details = refusal(() => parse(layers));
      expect(details["field"]).to.equal(field);
      expect(details["from"]).to.match(from);
      expect(details["reason"]).to.match(reason);
    });

  it("gives a configuration or CONFIG_INVALID for any file", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (content) => {
        try {
          parse({ file: { path: "/c.yaml", content } });
        } catch (thrown) {
          expect(failureOf(thrown).code).to.equal("CONFIG_INVALID");
        }
      }),
    );
  });

  it("gives a value or CONFIG_INVALID for any text of a file", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 400 }), (text) => {
        try {
          parseConfigFile(text, "/c.yaml");
        } catch (thrown) {
          expect(failureOf(thrown).code).to.equal("CONFIG_INVALID");
        }
      }),
    );
  });

  it("names line and column of broken YAML and refuses aliases", () => {
    expect(refusal(() => parseConfigFile("port: [1", "/c.yaml"))["reason"]).to.match(/line 1/);
    refusal(() => parseConfigFile("a: &a [1]\nb: [*a, *a]", "/c.yaml"));
    expect(parseConfigFile("", "/c.yaml")).to.deep.equal({});
    expect(parseConfigFile("gpu: off\n", "/c.yaml")).to.deep.equal({ gpu: "off" });
  });

  it("has one row in the table of fields for every field of the schema", () => {
    const inSchema = Object.entries(configSchema.properties).flatMap(([name, field]) =>
      name === "log" || name === "limits"
        ? Object.keys((field as unknown as { properties: object }).properties).map((inner) => `${name}.${inner}`)
        : [name],
    );
    expect(fields.map((field) => field.name)).to.have.members(inSchema);
    expect(new Set(fields.map((field) => field.variable)).size).to.equal(fields.length);
  });

  it("points out variables that look like ours and mean nothing", () => {
    expect(unknownVariables({ PLEXUS_PROT: "1", PLEXUS_PORT: "1", PLEXUS_CONFIG: "x", HOME: "/" })).to.deep.equal([
      "PLEXUS_PROT",
    ]);
  });

  it("knows what a running node takes and what waits for a restart", () => {
    const plan = planReload(parse({}), parse({ flags: { port: 1, log: { level: "debug" } } }));
    expect(plan).to.deep.equal({ apply: ["log.level"], restart: ["port"] });
    expect(planReload(parse({}), parse({}))).to.deep.equal({ apply: [], restart: [] });
  });
});

describe("durations", () => {
  it("are read with and without unit", () => {
    expect(["500ms", "10s", "1.5m", "2h", "1d", "7"].map(parseDurationMs)).to.deep.equal([
      500, 10_000, 90_000, 7_200_000, 86_400_000, 7,
    ]);
  });
  it("are refused when they are something else", () => {
    expect(["", "s", "-1s", "1 week", "1e9"].map(parseDurationMs)).to.deep.equal(Array(5).fill(undefined));
  });
});

import { expect } from "chai";
import fc from "fast-check";
import {
  configSchema,
  fields,
  parseConfig,
  parseConfigFile,
  parseDurationMs,
  parseSizeBytes,
  planReload,
  unknownVariables,
  type ConfigLayers,
} from "../../../config/index.ts";
import { failureOf } from "../../../protocols/index.ts";
import { anyCharacter } from "../../fixtures/any-character.ts";

const context = {
  workFolder: "/work",
  dataFolder: "/home/ada/.local/share/plexus",
  hostname: "Ada-Laptop.example.org",
  models: [{ name: "plexus-tiny", path: "/app/tiny.gguf" }],
};
const parse = (layers: ConfigLayers) => parseConfig(layers, context);

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
    expect(config.data).to.equal(context.dataFolder);
    expect(config.models).to.deep.equal(context.models);
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
        PLEXUS_TRUSTED_PROXIES: "127.0.0.1, 10.0.0.0/8,fd00::/8",
      },
    });
    expect(config.roles).to.deep.equal(["chat", "ai"]);
    expect(config.labels).to.deep.equal({ zone: "a", disk: "fast" });
    expect(config.models).to.deep.equal([
      { name: "Big-Model", path: "/m/Big Model.gguf" },
      { name: "small", path: "/m/small.gguf" },
    ]);
    expect(config.limits.drainTimeoutMs).to.equal(2500);
    expect(config.trustedProxies).to.deep.equal(["127.0.0.1", "10.0.0.0/8", "fd00::/8"]);
    expect(parse({}).trustedProxies).to.deep.equal([]);
  });

  describe("of a model on another server", () => {
    const entry = { name: "gpt", adapter: "openai", url: "https://api.example.org/v1", key: { env: "KEY" } } as const;
    const fromFile = (model: object) => parse({ file: { path: "/etc/plexus/c.yaml", content: { models: [model] } } });

    it("takes an adapter, an address and where the key is", () => {
      expect(fromFile(entry).models).to.deep.equal([entry]);
      expect(fromFile({ ...entry, key: { file: "key" } }).models[0]?.key).to.deep.equal({ file: "/etc/plexus/key" });
      const whole = {
        ...entry,
        model: "gpt-4o-mini",
        contextTokens: 128_000,
        places: 4,
        capabilities: ["chat", "tools"],
      };
      expect(fromFile(whole).models).to.deep.equal([whole]);
    });

    it("reads one from the command line or a variable", () => {
      const read = (text: string) => parse({ environment: { PLEXUS_MODELS: text } }).models;
      expect(read("ollama+http://127.0.0.1:11434#llama3.2:3b;openai+https://x.org/v1#a/b,fast,env:K")).to.deep.equal([
        { name: "llama3.2:3b", adapter: "ollama", url: "http://127.0.0.1:11434", model: "llama3.2:3b" },
        { name: "fast", adapter: "openai", url: "https://x.org/v1", model: "a/b", key: { env: "K" } },
      ]);
      expect(read("ollama+http://10.0.0.9:11434#*")[0]).to.deep.include({ name: "ollama", model: "*" });
      expect(read("gemini+https://x.org#m,g,/run/key")[0]).to.deep.include({ name: "g", key: { file: "/run/key" } });
    });

    const wrong: readonly (readonly [object, string])[] = [
      [{ name: "m" }, "models.0.path"],
      [{ name: "m", path: "m.gguf", key: { env: "K" } }, "models.0.key"],
      [{ ...entry, path: "m.gguf" }, "models.0.path"],
      [{ ...entry, adapter: undefined }, "models.0.adapter"],
      [{ ...entry, adapter: "skynet" }, "models.0.adapter"],
      [{ ...entry, url: "api.example.org" }, "models.0.url"],
      [{ ...entry, url: "ftp://api.example.org" }, "models.0.url"],
      [{ ...entry, url: "http://8.8.8.8/v1" }, "models.0.url"],
      [{ ...entry, url: "https://user:sk-secret@api.example.org" }, "models.0.url"],
      [{ ...entry, url: "https://api.example.org/?key=sk-secret" }, "models.0.url"],
      [{ ...entry, key: "sk-secret" }, "models.0.key"],
      [{ ...entry, key: { env: "sk-secret" } }, "models.0.key.env"],
      [{ ...entry, key: {} }, "models.0.key"],
      [{ ...entry, key: { env: "K", file: "f" } }, "models.0.key"],
      [{ ...entry, key: { value: "sk-secret" } }, "models.0.key.value"],
      [{ ...entry, apiKey: "sk-secret" }, "models.0.apiKey"],
      [{ ...entry, capabilities: ["fly"] }, "models.0.capabilities.0"],
      [{ ...entry, places: 0 }, "models.0.places"],
      [{ ...entry, model: "*", pull: true }, "models.0.pull"],
    ];
    for (const [model, field] of wrong)
      it(`refuses ${JSON.stringify(model)}, names ${field}, and repeats no secret`, () => {
        const said = refusal(() => fromFile(JSON.parse(JSON.stringify(model)) as object));
        expect(said).to.include({ field });
        expect(JSON.stringify(said)).to.not.include("sk-secret");
      });

    it("lets plain http go to private networks", () => {
      for (const host of ["127.0.0.1:8080", "10.0.0.5", "[fd00::5]:9", "gpu.lan", "localhost"])
        expect(fromFile({ ...entry, url: `http://${host}/v1` }).models[0]?.url).to.include(host);
    });
  });

  it("takes how a model of a file is loaded, and refuses it of a model on another server", () => {
    const fromFile = (model: object) => parse({ file: { path: "/etc/plexus/c.yaml", content: { models: [model] } } });
    const model = {
      name: "m",
      path: "m.gguf",
      lora: [{ path: "/l.gguf", scale: 0.5 }, { path: "l.gguf" }],
      draft: "d.gguf",
    };
    const bounds = { gpuMemoryMiB: 2_048, threads: 3, batchTokens: 256 };
    const how = { cacheType: "q8_0", flashAttention: true, gpuLayers: 12, places: 2, ...bounds } as const;
    expect(fromFile({ ...model, ...how }).models).to.deep.equal([
      {
        name: "m",
        path: "/etc/plexus/m.gguf",
        lora: [{ path: "/l.gguf", scale: 0.5 }, { path: "/etc/plexus/l.gguf" }],
        draft: "/etc/plexus/d.gguf",
        ...how,
      },
    ]);
    const there = { name: "m", adapter: "openai", url: "https://x.org/v1" };
    for (const field of ["lora", "draft"] as const)
      expect(refusal(() => fromFile({ ...there, [field]: model[field] }))).to.include({ field: `models.0.${field}` });
    for (const [field, value] of Object.entries(bounds))
      expect(refusal(() => fromFile({ ...there, [field]: value }))).to.include({ field: `models.0.${field}` });
    expect(refusal(() => fromFile({ ...model, cacheType: "q2" }))).to.include({ field: "models.0.cacheType" });
  });

  it("calls a node after its machine, or after its data folder when the machine has no name", () => {
    expect(parse({}).name).to.equal("ada-laptop");
    const nameless = (data: string) => parseConfig({ flags: { data } }, { ...context, hostname: "localhost" }).name;
    expect(nameless("/a"))
      .to.match(/^node-[0-9a-f]{4}$/)
      .and.equal(nameless("/a"));
    expect(nameless("/a")).not.to.equal(nameless("/b"));
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (hostname) => {
        parseConfig({}, { ...context, hostname });
      }),
    );
  });

  it("puts the port for nodes beside the port for people, unless it is named", () => {
    expect(parse({}).mesh).to.deep.equal({
      host: "127.0.0.1",
      port: 7071,
      announce: [],
      peers: [],
      mdns: false,
    });
    expect(parse({ flags: { port: 0 } }).mesh.port).to.equal(0);
    expect(parse({ flags: { port: 8080 } }).mesh.port).to.equal(8081);
    expect(parse({ flags: { port: 65_535 } }).mesh.port).to.equal(65_534);
    expect(parse({ flags: { port: 8080 }, environment: { PLEXUS_MESH_PORT: "9" } }).mesh.port).to.equal(9);
  });

  it("takes an address of IPv6 as it stands in a URL, too", () => {
    const { host, mesh } = parse({ flags: { host: "[::1]", mesh: { host: "[2001:db8::5]" } } });
    expect([host, mesh.host]).to.deep.equal(["::1", "2001:db8::5"]);
  });

  it("reads what the mesh needs from the environment", () => {
    const config = parse({
      environment: {
        PLEXUS_NAME: "node-b",
        PLEXUS_JOIN: "token",
        PLEXUS_MESH_HOST: "0.0.0.0",
        PLEXUS_MESH_PEERS: "/ip4/10.0.0.5/tcp/7071/p2p/12D3KooA,/dns4/b.example.org/tcp/7071/p2p/12D3KooB",
        PLEXUS_MESH_ANNOUNCE: "/dns4/a.example.org/tcp/7071",
        PLEXUS_MESH_MDNS: "true",
        PLEXUS_REPLICAS: "5",
        PLEXUS_MIN_IN_SYNC: "2",
        PLEXUS_WEIGHT: "0.5",
        PLEXUS_SHARD_SCHEMES: "default=4+2/3,backup=8+4/4+4",
        PLEXUS_SHARD_QUOTA: "1.5tb",
      },
    });
    expect(parseSizeBytes(config.shardQuota ?? "")).to.equal(1.5e12);
    expect(config.shardSchemes).to.deep.equal({ default: "4+2/3", backup: "8+4/4+4" });
    expect(config).to.include({ name: "node-b", join: "token", replicas: 5, minInSync: 2, weight: 0.5 });
    expect(config.mesh).to.include({ host: "0.0.0.0", mdns: true });
    expect(config.mesh.peers).to.have.length(2);
  });

  it("takes etcd's addresses as the wish for etcd, and a later `embedded` as the end of it", () => {
    const file = { path: "/c.yaml", content: { directory: { kind: "etcd", endpoints: ["http://a:2379"] } } };
    expect(parse({ environment: { PLEXUS_ETCD: "http://a:2379,http://b:2379" } }).directory).to.deep.equal({
      kind: "etcd",
      endpoints: ["http://a:2379", "http://b:2379"],
    });
    expect(parse({ file, environment: { PLEXUS_DIRECTORY: "etcd" } }).directory).to.deep.equal(file.content.directory);
    expect(parse({ file, flags: { directory: { kind: "embedded" } } }).directory).to.deep.equal({ kind: "embedded" });
    expect(parse({}).directory).to.deep.equal({ kind: "embedded" });
  });

  it("takes an empty variable as not set", () => {
    expect(parse({ environment: { PLEXUS_PORT: "" } }).port).to.equal(7070);
  });

  const wrong: readonly [layers: ConfigLayers, field: string, from: RegExp, reason: RegExp][] = [
    [{ environment: { PLEXUS_PORT: "many" } }, "port", /^environment$/, /many/],
    [{ environment: { PLEXUS_DRAIN_TIMEOUT: "soon" } }, "limits.drainTimeoutMs", /^environment$/, /duration/],
    [{ environment: { PLEXUS_ROLES: "chat,cook" } }, "roles.1", /^environment$/, /one of .*gateway/],
    [{ flags: { signUp: "maybe" } as never }, "signUp", /^flags$/, /one of open, domain, invitation, closed/],
    [{ file: { path: "/c.yaml", content: { prot: 1 } } }, "prot", /c\.yaml/, /no such field/],
    [{ file: { path: "/c.yaml", content: { log: { lvl: 1 } } } }, "log.lvl", /c\.yaml/, /no such field/],
    [{ file: { path: "/c.yaml", content: { roles: [] } } }, "roles", /c\.yaml/, /./],
    [
      { file: { path: "/c.yaml", content: "port" } },
      "",
      /c\.yaml/,
      /fields with values, like `port: 7070`, not "port"/,
    ],
    [{ file: { path: "/c.yaml", content: ["a"] } }, "", /c\.yaml/, /fields with values.*not \["a"\]/],
    [
      { environment: { PLEXUS_DRAIN_TIMEOUT: "10" } },
      "limits.drainTimeoutMs",
      /^environment$/,
      />= 100 \(in milliseconds, or with a unit, like 10s\), not 10$/,
    ],
    [
      { flags: { mesh: { peers: ["foo"] } } },
      "mesh.peers.0",
      /^flags$/,
      /^must be a multiaddr like \/ip4\/\S+, not "foo"$/,
    ],
    [{ file: { path: "/c.yaml", content: { port: 70_000 } } }, "port", /c\.yaml/, /65535/],
    [{ flags: { name: "Node A" } }, "name", /^flags$/, /^must be lower-case letters, digits/],
    [{ flags: { join: "two words" } }, "join", /^flags$/, /plexus invite/],
    [{ environment: { PLEXUS_MESH_MDNS: "maybe" } }, "mesh.mdns", /^environment$/, /maybe/],
    [{ environment: { PLEXUS_MESH_PEERS: "/ip4/10.0.0.5/tcp/7071" } }, "mesh.peers.0", /^environment$/, /p2p/],
    [{ environment: { PLEXUS_MESH_PEERS: "10.0.0.5:7071" } }, "mesh.peers.0", /^environment$/, /10\.0\.0\.5/],
    [{ file: { path: "/c.yaml", content: { mesh: { prot: 1 } } } }, "mesh.prot", /c\.yaml/, /no such field/],
    [{ environment: { PLEXUS_ETCD: "10.0.0.5:2379" } }, "directory.endpoints.0", /^environment$/, /10\.0\.0\.5/],
    [{ environment: { PLEXUS_DIRECTORY: "zookeeper" } }, "directory.kind", /^environment$/, /one of embedded, etcd/],
    [{ flags: { directory: { kind: "etcd" } } }, "directory.endpoints", /together/, /--etcd/],
    [{ flags: { directory: { kind: "embedded", endpoints: ["http://a:1"] } } }, "directory.endpoints", /^flags$/, /./],
    [{ flags: { replicas: 8 } }, "replicas", /^flags$/, /7/],
    [
      {
        flags: {
          models: [
            { name: "a", path: "/a.gguf" },
            { name: "a", path: "/b.gguf" },
          ],
        },
      },
      "models",
      /together/,
      /two models are called a/,
    ],
    [{ flags: { minInSync: 2 }, environment: { PLEXUS_REPLICAS: "1" } }, "minInSync", /together/, /which is 1/],
    ...["4+2/8+4", "4+2/6", "4+0", "0", "8+5", "13", "4 + 2", "", "4+2/"].map((schemes): (typeof wrong)[number] => [
      { environment: { PLEXUS_SHARD_SCHEMES: `backup=${schemes}` } },
      "shardSchemes.backup",
      /^environment$/,
      /8\+4\/4\+4\/3.*widest|narrower/,
    ]),
    ...["500", "5 gb", "-1gb", "gb", "1gib"].map((quota): (typeof wrong)[number] => [
      { environment: { PLEXUS_SHARD_QUOTA: quota } },
      "shardQuota",
      /^environment$/,
      /like 500gb/,
    ]),
    [{ environment: { PLEXUS_WEIGHT: "-1" } }, "weight", /^environment$/, /-1/],
    ...["nginx", "", "10.0.0.1/33", "10.0.0.0/0", "10.0.0.0/8/8", "10.0.0.1:80", "fd00::/129", "fe80::1%eth0"].map(
      (proxy): (typeof wrong)[number] => [
        { flags: { trustedProxies: ["127.0.0.1", proxy] } },
        "trustedProxies.1",
        /^flags$/,
        /address of a proxy.*10\.0\.0\.0\/8/,
      ],
    ),
    [{ file: { path: "/c.yaml", content: { trustedProxies: "::1" } } }, "trustedProxies", /c\.yaml/, /\[127\.0\.0\.1/],
    [{ flags: { port: 7071, mesh: { port: 7071 } } }, "mesh.port", /together/, /7071/],
    [
      { flags: { mesh: { host: "node-a.example.org" } } },
      "mesh.host",
      /together/,
      /is a name; --mesh-host takes an IP address .*0\.0\.0\.0.*; --announce \/dns\/node-a\.example\.org\/tcp\/7071 tells/,
    ],
    ...["10.0.0.300", "10.0.0.5:7071", "http://a", "[10.0.0.5:7071", "-"].map((host): (typeof wrong)[number] => [
      { flags: { mesh: { host } } },
      "mesh.host",
      /together/,
      /is not an IP address; --mesh-host takes/,
    ]),
    ...[
      ["/ip4/node-a/tcp/7071", /not an IPv4 address; a name is \/dns\/node-a\/tcp\/7071$/],
      ["/ip6/10.0.0.5/tcp/7071", /not an IPv6 address/],
      ["/dns4/10.0.0.5/tcp/7071", /is an address: \/ip4\/10\.0\.0\.5$/],
      ["/dns/a_b!/tcp/7071", /not the name of a host/],
      ["/ip4/10.0.0.5/tcp/70710", /1 to 65535/],
    ].map(([address, reason]): (typeof wrong)[number] => [
      { flags: { mesh: { announce: ["/ip4/10.0.0.5/tcp/7071", address as string] } } },
      "mesh.announce.1",
      /together/,
      reason as RegExp,
    ]),
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
    interface Shape {
      readonly properties?: Readonly<Record<string, unknown>>;
      readonly anyOf?: readonly Shape[];
    }
    const namesIn = ({ properties, anyOf = [] }: Shape): readonly string[] => [
      ...Object.keys(properties ?? {}),
      ...anyOf.flatMap(namesIn),
    ];
    const inSchema = Object.entries(configSchema.properties).flatMap(([name, field]) => {
      const inner = [...new Set(namesIn(field as Shape))];
      return inner.length === 0 ? [name] : inner.map((part) => `${name}.${part}`);
    });
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
    expect(plan).to.deep.equal({ apply: ["log.level"], restart: ["port", "mesh.port"] });
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

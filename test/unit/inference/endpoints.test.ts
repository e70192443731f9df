/** Endpoints as a node uses them: of its configuration, of the cluster, and found; over HTTP for admins alone. */
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { parseConfig, type ConfigInput } from "../../../config/index.ts";
import type { EndpointsPort } from "../../../node/inference/models/index.ts";
import { keyFolder } from "../../../node/data-folder/index.ts";
import { openEndpoints, type NodeEndpoints } from "../../../node/inference/local/endpoints.ts";
import { servedModels } from "../../../node/inference/local/models.ts";
import { watchEndpoints, type ClusterEndpoints } from "../../../node/cluster/facts/endpoints.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import type { Membership } from "../../../node/ports/index.ts";
import type { Endpoint, Role } from "../../../protocols/index.ts";
import { MemoryStore } from "../../conformance/directory-store.ts";
import { keptLog } from "../../conformance/real-time.ts";
import { memberRecord } from "../../fixtures/members.ts";
import { json, startDouble, type Double } from "../../fixtures/providers/double.ts";
import { ollamaDouble } from "../../fixtures/providers/ollama.ts";
import { openAiDouble } from "../../fixtures/providers/openai.ts";
import { controlToken, startFixture, type Fixture } from "../gateway/fixture.ts";
import { untilTrue } from "../../waits.ts";
import { createWorld, msPerTurn } from "../../fixtures/flowing.ts";

/** A node's endpoints, in a cluster of which the test says what this node is. */
interface Endpoints {
  readonly own: NodeEndpoints;
  /** Ends the passing of its time. */
  readonly stopTime: () => Promise<void>;
  readonly control: EndpointsPort;
  readonly cluster: ClusterEndpoints;
  readonly data: string;
  names(): readonly string[];
  /** This node has these roles and labels from now on. */
  be(roles: readonly Role[], labels?: Readonly<Record<string, string>>): void;
  until(is: () => boolean): Promise<void>;
}

const closing: (() => unknown)[] = [];
async function open(flags: ConfigInput = {}): Promise<Endpoints> {
  const data = await mkdtemp(join(tmpdir(), "plexus-endpoints-"));
  closing.push(() => rm(data, { recursive: true, force: true }));
  const config = parseConfig(
    { flags: { models: [], ...flags } },
    { workFolder: data, dataFolder: data, hostname: "here", models: [] },
  );
  const world = createWorld();
  const stopTime = world.flow(msPerTurn);
  const directory = createEmbeddedDirectory({ store: new MemoryStore() });
  await directory.opened();
  const cluster = watchEndpoints(directory);
  const listeners = new Set<() => void>();
  let row = { ...memberRecord("a"), roles: ["ai"] as readonly Role[], labels: {} as Readonly<Record<string, string>> };
  const membership = {
    members: () => ({ version: 1, members: [row] }),
    onChange(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  } as unknown as Pick<Membership, "members" | "onChange">;
  const own = openEndpoints(config, {
    clock: world.clock(),
    log: keptLog(),
    keyFolder: keyFolder(data),
    changed: () => undefined,
  });
  const control = own.join({ node: "a", endpoints: cluster, membership });
  closing.push(
    () => own.stop(),
    () => cluster.stop(),
    stopTime,
  );
  return {
    own,
    stopTime,
    control,
    cluster,
    data,
    names: () =>
      servedModels(config, { list: () => [], damaged: () => [], pathOf: () => "" }, own).map(({ name }) => name),
    be(roles, labels = {}) {
      row = { ...row, roles, labels };
      listeners.forEach((listener) => listener());
    },
    until: (is) => untilTrue("the control has found it", is),
  };
}

async function serve(...of: Parameters<typeof startDouble>): Promise<Double> {
  const double = await startDouble(...of);
  closing.push(() => double.close());
  return double;
}

afterEach(async () => void (await Promise.all(closing.splice(0).map((close) => close()))));

const box = (url: string, more: Partial<Endpoint> = {}): Endpoint => ({ name: "box", adapter: "ollama", url, ...more });
const stateOf = ({ control }: Endpoints, name = "box"): string | undefined =>
  control.view().endpoints.find((one) => one.name === name)?.state;

describe("the endpoints of a node", function () {
  it("offer their models while they are there, and the node has the role and the labels", async () => {
    const double = await serve(ollamaDouble());
    const fixture = await open();
    expect(await fixture.control.set(box(double.url, { labels: { zone: "a" } }))).to.have.property("ok", true);
    await fixture.until(() => stateOf(fixture) === "elsewhere");
    expect([fixture.names(), double.asked.length]).to.deep.equal([[], 0]);
    fixture.be(["ai"], { zone: "a" });
    await fixture.until(() => stateOf(fixture) === "ready");
    expect(fixture.names()).to.deep.equal(["box/echo", "box/slow", "box/echo-embed"]);
    expect(fixture.control.view().endpoints[0]).to.deep.include({
      from: "cluster",
      server: { kind: "ollama", version: "0.15.2" },
    });
    fixture.be(["chat"], { zone: "a" });
    expect([fixture.names(), stateOf(fixture)]).to.deep.equal([[], "elsewhere"]);
    fixture.be(["ai"], { zone: "a" });
    await fixture.until(() => fixture.names().length === 3);
    expect(await fixture.control.remove("box")).to.have.nested.property("value.url", double.url);
    await fixture.until(() => fixture.control.view().endpoints.length === 0);
    expect(fixture.names()).to.deep.equal([]);
  });

  it("have their keys on the node: a file of its folder for keys, and no other", async () => {
    const double = await serve(openAiDouble());
    const fixture = await open();
    const secret = "sk-only-in-the-file-01";
    await mkdir(join(fixture.data, "keys"));
    await writeFile(join(fixture.data, "keys", "openai"), `${secret}\n`, { mode: 0o600 });
    await fixture.control.set({ name: "gpt", adapter: "openai", url: `${double.url}/v1`, key: { file: "openai" } });
    await fixture.until(() => stateOf(fixture, "gpt") === "ready");
    const keys = double.asked.filter(({ path }) => path === "/v1/models").map(({ headers }) => headers.authorization);
    expect(keys).to.include(`Bearer ${secret}`);
    const { control } = fixture;
    expect(control.view().endpoints[0]).to.include({ key: "file openai" });
    const row = fixture.cluster.current();
    const tested = await fixture.control.test({ name: "gpt", speed: false });
    expect(JSON.stringify([control.view(), row, tested])).to.not.include(secret);
  });

  it("never hide a configured one, and what cannot be is refused", async () => {
    const double = await serve(openAiDouble());
    const fixture = await open({
      models: [
        { name: "whole", adapter: "openai", url: `${double.url}/v1`, model: "*" },
        { name: "one", adapter: "openai", url: `${double.url}/v1`, model: "echo" },
      ],
    });
    expect(stateOf(fixture, "one")).to.equal("unasked");
    await fixture.until(() => stateOf(fixture, "whole") === "ready");
    expect(fixture.names()).to.include.members(["whole/echo", "one"]);
    for (const name of ["whole", "one"])
      expect(await fixture.control.set({ ...box("http://10.0.0.5"), name })).to.have.nested.property(
        "error.code",
        "NAME_TAKEN",
      );
    for (const url of ["http://1.1.1.1", "ftp://10.0.0.5", "http://a:b@10.0.0.5", "http://10.0.0.5/?key=1", "nonsense"])
      expect(await fixture.control.set(box(url)), url).to.have.nested.property("error.code", "BAD_REQUEST");
    // Another node's admin may not know what this configuration says: it counts here.
    await fixture.cluster.set({ ...box("http://10.0.0.5"), name: "whole" });
    expect(fixture.control.view().endpoints.map(({ name, from }) => [name, from])).to.deep.equal([
      ["whole", "configuration"],
      ["one", "configuration"],
    ]);
    expect(await fixture.control.test({})).to.have.nested.property("error.code", "BAD_REQUEST");
    expect(await fixture.control.test({ name: "none" })).to.have.nested.property("error.code", "NOT_FOUND");
    expect(await fixture.control.test({ name: "one", speed: false })).to.have.nested.property("value.ok", true);
  });

  it("are what Consul names without a question, if the configuration says so; what an admin searched for waits for him", async () => {
    const double = await serve(ollamaDouble());
    const [host, port] = [new URL(double.url).hostname, Number(new URL(double.url).port)];
    const consul = await serve(({ path }, response) =>
      json(response, path === "/v1/catalog/services" ? { ollama: [] } : [{ Node: { Node: "den", Address: host }, Service: { Service: "ollama", Port: port } }]),
    ); // prettier-ignore
    const accepting = await open({ finding: { consul: consul.url, accept: "all" } });
    await accepting.until(() => stateOf(accepting, "ollama-den") === "ready");
    expect(accepting.names()).to.include("ollama-den/echo");
    expect(accepting.control.view().candidates).to.deep.equal([]);

    const asking = await open({ finding: { consul: consul.url } });
    await asking.until(() => asking.control.view().candidates.length > 0);
    expect([asking.names(), asking.control.view().endpoints]).to.deep.equal([[], []]);
    const [candidate] = asking.control.view().candidates;
    if (candidate === undefined) throw new Error("there is one");
    await asking.control.set({ name: candidate.name, adapter: candidate.adapter, url: candidate.url });
    await asking.until(() => asking.names().includes("ollama-den/echo"));
    expect(asking.control.view().candidates).to.deep.equal([]);

    const searching = await open({ finding: { accept: "all" } });
    searching.control.begin({ range: host, ports: [port] });
    await searching.until(() => searching.control.view().search?.state === "done");
    expect([searching.names(), searching.control.view().candidates.length]).to.deep.equal([[], 1]);
  });
});

describe("the routes of endpoints", () => {
  let gateway: Fixture;
  let fixture: Endpoints;
  const path = "/api/v1/admin/endpoints";
  const lines: unknown[] = [];
  before(async () => {
    fixture = await open();
    // They are closed with the gateway.
    closing.splice(0);
    const log = { debug() {}, warn() {}, error() {}, info: (event: string, facts = {}) => void lines.push({ event, ...facts }) }; // prettier-ignore
    gateway = await startFixture({ endpoints: fixture.control, controlToken, log });
  });
  after(async () => {
    fixture.own.stop();
    await gateway.stop();
    await fixture.stopTime();
    await rm(fixture.data, { recursive: true, force: true });
  });

  it("are for admins alone, so that nobody else has the node ask an address", async () => {
    // The first one is the admin.
    await gateway.signUp("ada");
    const { token } = await gateway.signUp("bob");
    for (const [method, below, body] of [
      ["GET", ""],
      ["PUT", "/box", { adapter: "ollama", url: "http://10.0.0.5" }],
      ["DELETE", "/box"],
      ["POST", "/test", { endpoint: { adapter: "ollama", url: "http://10.0.0.5" } }],
      ["POST", "/searches", { range: "10.0.0.5" }],
      ["DELETE", "/searches/1"],
    ] as const) {
      const { status } = await gateway.request(method, path + below, { token, ...(body && { body }) });
      expect(status, `${method} ${below}`).to.equal(403);
    }
    expect(fixture.control.view()).to.deep.equal({ endpoints: [], candidates: [] });
  });

  it("add, test, show and remove one, and leave a line for each", async () => {
    const double = await startDouble(ollamaDouble());
    const ask = (method: string, below: string, body?: object) =>
      gateway.request(method, path + below, { token: controlToken, ...(body && { body }) });
    const endpoint = { adapter: "ollama", url: double.url };
    expect((await ask("PUT", "/box", endpoint)).body).to.include({ name: "box", adapter: "ollama" });
    expect((await ask("PUT", "/a%2Fb", endpoint)).status).to.equal(400);
    expect((await ask("PUT", "/box", { ...endpoint, key: { env: "PATH" } })).status).to.equal(400);
    expect((await ask("POST", "/test", { name: "box" })).body).to.deep.include({ ok: true, url: double.url });
    expect((await ask("GET", "")).body.endpoints[0]).to.include({ name: "box", from: "cluster" });
    expect((await ask("POST", "/searches", { range: "8.8.8.8" })).body.error.code).to.equal("BAD_REQUEST");
    expect((await ask("DELETE", "/box")).body).to.include({ name: "box", url: double.url });
    expect((await ask("DELETE", "/box")).status).to.equal(404);
    const audited = lines.filter((line) => (line as { readonly event: string }).event === "audit.cluster");
    expect(audited.map((line) => (line as { readonly action: string }).action)).to.include.members(["setEndpoint", "testEndpoint", "searchEndpoints", "removeEndpoint"]); // prettier-ignore
    await double.close();
  });
});

import { expect } from "chai";
import { readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { ModelsView, PullView } from "../../../protocols/index.ts";
import { serveFiles, sha256Of, type ModelServer } from "../../fixtures/model-servers.ts";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { writeChainModel } from "../../conformance/chain-model.ts";
import { gguf } from "../../fixtures/model-files.ts";
import { ClusterProcesses, manager, type NodeSpec } from "../../fixtures/processes/cluster-processes.ts";
import { until } from "../../fixtures/processes/cluster-waits.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";

describe("a node that pulls models", function () {
  let server: ModelServer;
  const made = join(tmpdir(), `plexus-chain-${process.pid}.gguf`);

  before(async () => {
    writeChainModel(made, { text: "Hi!", after: "end", contextTokens: 256 });
    server = await serveFiles({ "chain.gguf": readFileSync(made), "page.gguf": Buffer.from("<html>") });
  });
  after(async () => {
    await server.close();
    await rm(made, { force: true });
  });

  const admin = async (node: NodeProcess, method: string, path: string, body?: unknown) =>
    node.http(method, `/api/v1/admin/models${path}`, body, await node.controlToken());

  /** The pull once it has ended. */
  async function pulled(node: NodeProcess, body: object): Promise<PullView> {
    const begun = await admin(node, "POST", "/pulls", body);
    expect(begun.status, JSON.stringify(begun.body)).to.equal(202);
    const { id } = begun.body as PullView;
    return until("the pull ends", async () => {
      const pull = (await admin(node, "GET", `/pulls/${id}`)).body as PullView;
      if (["done", "failed", "cancelled"].includes(pull.state)) return pull;
      throw new Error(pull.state);
    });
  }

  /** What a model says, once the node serves it. */
  async function said(node: NodeProcess, token: string, model: string): Promise<string> {
    return until("the model answers", async () => {
      const body = { model, messages: [{ role: "user", content: "Hello" }], temperature: 0 };
      const answer = await node.http("POST", "/v1/chat/completions", body, token);
      if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
      return (answer.body as { choices: { message: { content: string } }[] }).choices[0]?.message.content ?? "";
    });
  }

  it("serves what it has pulled without a restart, and after one, and not what was removed", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path);
    await node.start();
    const signUp = { name: "ada", password: "correct horse", displayName: "Ada", adminCode: node.adminCode };
    const { token } = (await node.http("POST", "/api/v1/sign-up", signUp)).body as { token: string };
    const { key } = (await node.http("POST", "/api/v1/me/keys", { label: "test" }, token)).body as { key: string };

    const refused = await pulled(node, { source: `${server.url}/page.gguf` });
    expect(refused).to.have.nested.property("error.code", "MODEL_REFUSED");
    const done = await pulled(node, { source: `${server.url}/chain.gguf`, name: "greeter" });
    expect(done, JSON.stringify(done)).to.include({ state: "done", name: "greeter" });
    expect(await said(node, key, "greeter")).to.equal("Hi!");

    const view = (await admin(node, "GET", "")).body as ModelsView;
    expect(view.models.map(({ name }) => name)).to.deep.equal(["greeter"]);
    expect(view.refused.map(({ file }) => file)).to.deep.equal(["page.gguf"]);
    const verified = (await admin(node, "POST", "/greeter/verify", {})).body as { files: { state: string }[] };
    expect(verified.files.map(({ state }) => state)).to.deep.equal(["fine"]);
    const asked = await node.http("GET", "/api/v1/admin/models", undefined, token);
    expect(asked.status).to.equal(200);
    expect((await node.http("GET", "/api/v1/admin/models", undefined, key)).status).to.be.oneOf([200, 401, 403]);
    expect((await node.http("GET", "/api/v1/admin/models")).status).to.equal(401);

    await node.end("SIGKILL");
    await node.start();
    expect(await said(node, key, "greeter")).to.equal("Hi!");

    expect((await admin(node, "DELETE", "/greeter")).status).to.equal(200);
    expect(readdirSync(join(folder.path, "models", "content"))).to.deep.equal([]);
    expect((await admin(node, "GET", "/greeter")).status).to.equal(404);
  });

  it("tells of its pulls as they go, and pulls what the cluster wants", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path);
    await node.start();
    const headers = { authorization: `Bearer ${await node.controlToken()}` };
    const abort = new AbortController();
    const stream = await fetch(`${node.url}/api/v1/admin/models/events`, { headers, signal: abort.signal });
    expect(stream.headers.get("content-type")).to.match(/^text\/event-stream/);
    const wanted = { models: [{ name: "kept", source: `${server.url}/chain.gguf`, nodes: 1 }] };
    expect((await admin(node, "PUT", "/wanted", wanted)).status).to.equal(200);
    let text = "";
    for await (const bytes of stream.body as AsyncIterable<Uint8Array>) {
      text += Buffer.from(bytes).toString();
      const events = text.split("\n\n").slice(0, -1);
      const last = JSON.parse(events.at(-1)?.split("data: ")[1] ?? "{}") as Partial<ModelsView>;
      if (last.models?.some(({ name }) => name === "kept")) break;
    }
    abort.abort();
    const view = (await admin(node, "GET", "")).body as ModelsView;
    expect(view.wanted).to.deep.equal(wanted.models);
    expect(view.models.map(({ name }) => name)).to.deep.equal(["kept"]);
  });

  it("has files of other nodes, and asks the source once for what two nodes keep", async () => {
    const large = gguf({
      facts: { "general.architecture": "llama" },
      tensors: [{ name: "w", dimensions: [1_024, 1_024], type: 0, data: randomBytes(4_194_304) }],
      data: 5e6,
    });
    const source = await serveFiles({ "large.gguf": large });
    try {
      const keeper = (name: string): NodeSpec => ({ name, roles: "ai,gateway", labels: { zone: "a" } });
      await using cluster = await ClusterProcesses.start([manager, keeper("one"), keeper("two")]);
      const wanted = [{ name: "large", source: `${source.url}/large.gguf`, nodes: 2, labels: { zone: "a" } }];
      expect((await admin(cluster.first, "PUT", "/wanted", { models: wanted })).status).to.equal(200);
      const digests = (node: NodeProcess) =>
        until("the node keeps the model", async () => {
          const { models } = (await admin(node, "GET", "")).body as ModelsView;
          const [kept] = models;
          if (kept === undefined) throw new Error("it has none");
          return kept;
        });
      const [one, two] = [await digests(cluster.named("one")), await digests(cluster.named("two"))];
      expect(one.digest).to.equal(sha256Of(large));
      expect(two.digest).to.equal(one.digest);
      expect(source.asked.filter(({ path }) => path === "/large.gguf")).to.have.length(1);
      // The manager has not the role ai: it keeps nothing by itself, and has what it asks for from both.
      expect(((await admin(cluster.first, "GET", "")).body as ModelsView).models).to.deep.equal([]);
      const copied = await pulled(cluster.first, { source: "cluster:large", name: "mine" });
      expect(copied, JSON.stringify(copied)).to.include({ state: "done" });
      expect((await pulled(cluster.first, { source: "cluster:none" })).error).to.include({ code: "NOT_FOUND" });
    } finally {
      await source.close();
    }
  });
});

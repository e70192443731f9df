import { expect } from "chai";
import type { InferenceControl } from "../../../node/ports/index.ts";
import { failure, ok, refused, type ModelInMemory, type OrderRequest } from "../../../protocols/index.ts";
import { controlToken, startClusterFixture, type ClusterFixture } from "./cluster-fixture.ts";

const told: ModelInMemory = { model: "server/llama:8b", runtime: "ollama", state: "loading", because: "it is being read since 1 s", pinned: false, memoryBytes: 5, running: 0, waiting: 0 }; // prettier-ignore

describe("the routes of models in memory", () => {
  let fixture: ClusterFixture;
  const wishes: OrderRequest[] = [];
  const inference: InferenceControl = {
    view: async (node) =>
      node === "nobody" ? refused(failure("NOT_FOUND", { node })) : ok([{ node: node ?? "test", models: [told] }]),
    suggest: async ({ node = "test", measure }) => ok({ node, models: [], measured: measure }),
    order: async (wish) => {
      wishes.push(wish);
      return wish.model === "busy" ? refused(failure("MODEL_BUSY", { running: 1, retryAfterMs: 5_000 })) : ok(told);
    },
  };
  before(async () => {
    fixture = await startClusterFixture({ inference });
  });
  after(() => fixture.stop());
  beforeEach(() => {
    wishes.length = 0;
    fixture.log.length = 0;
    fixture.changes.length = 0;
  });

  async function request(method: string, path: string, body?: unknown, token = controlToken) {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { "content-type": "application/json" }),
    };
    const response = await fetch(`${fixture.gateway.url}/api/v1/admin/inference${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const { headers: answered, status } = response;
    return {
      status,
      retryAfter: answered.get("retry-after"),
      body: (await response.json()) as { readonly error?: { readonly code: string } },
    };
  }

  it("show all nodes, or one", async () => {
    expect((await request("GET", "")).body).to.deep.equal({ nodes: [{ node: "test", models: [told] }] });
    expect((await request("GET", "?node=b")).body).to.deep.equal({ nodes: [{ node: "b", models: [told] }] });
    expect((await request("GET", "?node=nobody")).status).to.equal(404);
    const suggested = await request("GET", "/suggestions?node=b&measure=true");
    expect(suggested.body).to.deep.equal({ node: "b", models: [], measured: true });
    expect((await request("GET", "/suggestions")).body).to.deep.equal({ node: "test", models: [], measured: false });
  });

  it("take each order, for a name with a slash, too; what was done is in the audit", async () => {
    const name = encodeURIComponent("server/llama:8b");
    for (const [order, audit] of [
      ["load", "loadModel"],
      ["unload", "unloadModel"],
      ["pin", "pinModel"],
      ["unpin", "unpinModel"],
    ] as const) {
      const { status, body } = await request("POST", `/${name}/${order}`, { node: "b" });
      expect([status, body]).to.deep.equal([200, told]);
      expect(fixture.log.at(-1)?.[1]).to.include({
        action: audit,
        model: "server/llama:8b",
        node: "b",
        outcome: "done",
      });
      expect(fixture.changes.at(-1)).to.deep.equal([audit, { model: "server/llama:8b", node: "b" }, "operator"]);
    }
    expect(wishes.map(({ order }) => order)).to.deep.equal(["load", "unload", "pin", "unpin"]);
    expect(wishes[0]).to.include({ model: "server/llama:8b", node: "b" });
  });

  it("refuse a model that is called with the time to wait, which is in the audit and changes nothing", async () => {
    const refusal = await request("POST", "/busy/unload", {});
    expect([refusal.status, refusal.retryAfter, refusal.body.error?.code]).to.deep.equal([429, "5", "MODEL_BUSY"]);
    expect(fixture.log.at(-1)?.[1]).to.include({ action: "unloadModel", outcome: "MODEL_BUSY" });
    expect(fixture.changes).to.deep.equal([]);
  });

  it("are for admins and the operator alone, and know no other order", async () => {
    expect((await request("POST", "/m/load", {}, "wrong")).status).to.equal(401);
    expect((await request("GET", "", undefined, "wrong")).status).to.equal(401);
    expect((await request("POST", "/m/delete", {})).status).to.equal(404);
    expect((await request("POST", "/m/load", { nodes: 3 })).status).to.equal(400);
    expect(wishes).to.deep.equal([]);
  });
});

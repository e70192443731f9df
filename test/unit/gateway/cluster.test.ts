import { expect } from "chai";
import { failure, ok, refused, type Failure } from "../../../protocols/index.ts";
import { gatewayLimits } from "../../../node/gateway/limits.ts";
import { createToken } from "../../../node/gateway/identity/tokens.ts";
import { createRandom } from "../../../node/platform/index.ts";
import {
  controlToken,
  nodeRow,
  slotRow,
  startClusterFixture,
  summaryOf,
  type ClusterFixture,
} from "./cluster-fixture.ts";

describe("the routes of the cluster", () => {
  let fixture: ClusterFixture;
  before(async () => {
    fixture = await startClusterFixture();
  });
  after(() => fixture.stop());
  beforeEach(() => {
    fixture.calls.length = 0;
    fixture.log.length = 0;
    fixture.answers = {};
    fixture.by.length = 0;
  });

  async function request(method: string, path: string, body?: unknown, token: string | undefined = controlToken) {
    const answer = await fixture.request(method, `/api/v1/admin/cluster${path}`, {
      ...(token !== "" && { token }),
      body,
    });
    return { status: answer.status, body: answer.body as { error?: Failure } & Record<string, unknown> };
  }

  it("are for admins and the operator alone", async () => {
    for (const [method, path] of [
      ["GET", "/summary"],
      ["GET", "/slots"],
      ["POST", "/invitations"],
      ["DELETE", "/nodes/node-b"],
      ["PUT", "/nodes/node-b/draining"],
      ["PUT", "/nodes/node-b/roles"],
      ["POST", "/actors/room/den/move"],
      ["POST", "/slots/chat/17/move"],
      ["DELETE", "/slots/chat/17/held"],
      ["DELETE", "/actors/room/den/held"],
      ["GET", "/directory/voters"],
      ["PUT", "/directory/voters"],
      ["POST", "/directory/migrate"],
      ["GET", "/audit"],
    ] as const) {
      const { status, body } = await request(method, path, method === "GET" ? undefined : {}, "");
      expect(status, path).to.equal(401);
      expect(body.error?.code).to.equal("UNAUTHENTICATED");
    }
    expect(fixture.calls).to.have.length(0);
  });

  it("show nodes and slots", async () => {
    fixture.summaries = [summaryOf([nodeRow("node-a")])];
    fixture.slots = [slotRow("chat/17", "node-a")];
    expect((await request("GET", "/summary")).body).to.deep.equal(fixture.summaries[0]);
    expect((await request("GET", "/slots")).body).to.deep.equal({ slots: fixture.slots, total: fixture.slots.length });
    expect(fixture.log).to.have.length(0);
  });

  it("pass on what they are asked for, and leave a line in the log about it", async () => {
    const asked: readonly (readonly [string, string, unknown, readonly unknown[]])[] = [
      [
        "POST",
        "/invitations",
        { roles: ["ai"], expiresInMs: 60_000 },
        ["invite", { roles: ["ai"], expiresInMs: 60_000 }],
      ],
      ["POST", "/invitations", {}, ["invite", {}]],
      ["DELETE", "/nodes/node-b", undefined, ["evict", "node-b", false]],
      ["DELETE", "/nodes/node-b?force=true", undefined, ["evict", "node-b", true]],
      ["PUT", "/nodes/node-b/draining", { draining: true }, ["setDraining", "node-b", true]],
      ["PUT", "/nodes/node-b/roles", { roles: ["chat"] }, ["setRoles", "node-b", ["chat"]]],
      ["PUT", "/nodes/node-b/roles", { roles: ["chat"], seen: ["ai"] }, ["setRoles", "node-b", ["chat"], ["ai"]]],
      [
        "PUT",
        "/nodes/node-b/storage",
        { quotaBytes: 9, seen: null },
        ["setStorage", "node-b", { quotaBytes: 9, seen: null }],
      ],
      ["PUT", "/nodes/node-b/storage", { quotaBytes: null }, ["setStorage", "node-b", { quotaBytes: null }]],
      ["POST", "/nodes/node-b/trust", undefined, ["trustNode", "node-b"]],
      ["POST", "/actors/room/den/move", { to: "node-b" }, ["moveActor", "room/den", "node-b", 60_000]],
      ["POST", "/slots/chat/17/move", { to: "node-b", timeoutMs: 5_000 }, ["moveSlot", "chat/17", "node-b", 5_000]],
      ["DELETE", "/slots/chat/17/held", undefined, ["release", "chat/17"]],
      ["DELETE", "/actors/room/den/held", undefined, ["release", "room/den"]],
      ["PUT", "/directory/voters", { wanted: 5 }, ["setVoters", 5]],
      ["POST", "/directory/migrate", { endpoints: ["http://a:2379"] }, ["migrateDirectory", ["http://a:2379"]]],
      ["POST", "/directory/migrate", {}, ["migrateDirectory", undefined]],
    ];
    for (const [method, path, body, call] of asked) {
      const { status } = await request(method, path, body);
      expect(status, path).to.equal(200);
      expect(fixture.calls.pop()).to.deep.equal(call);
      const [event, facts] = fixture.log.pop() ?? [];
      expect(event).to.equal("audit.cluster");
      expect(facts).to.include({ by: "operator", outcome: "done", address: "127.0.0.1" });
    }
  });

  it("leave the same line, and an entry of the audit, about admins and about actors that are released", async () => {
    fixture.cluster = () => ok({ admin: true });
    await request("PUT", "/../users/ada", { admin: true });
    await request("POST", "/../actors/room/den/release", {});
    const line = { by: "operator", address: "127.0.0.1", outcome: "done" };
    for (const [, facts] of fixture.log) expect(Object.keys(facts)).to.include("requestId");
    expect(fixture.log.map(([event, { requestId: _requestId, ...facts }]) => [event, facts])).to.deep.equal([
      ["audit.cluster", { action: "setAdmin", user: "ada", admin: true, ...line }],
      ["audit.cluster", { action: "releaseActor", actor: "room/den", redeliver: true, ...line }],
    ]);
    const done = [
      ["setAdmin", { user: "ada", admin: "true" }, "operator"],
      ["releaseActor", { actor: "room/den", redelivered: "2" }, "operator"],
    ];
    expect(fixture.changes).to.deep.equal(done);
    fixture.cluster = () => refused(failure("NOT_FOUND", { user: "eve" }));
    expect((await request("PUT", "/../users/eve", { admin: true })).status).to.equal(404);
    expect(fixture.log.at(-1)?.[1]).to.include({ user: "eve", outcome: "NOT_FOUND" });
    expect(fixture.changes, "nothing was done").to.deep.equal(done);
  });

  it("tell who changed something, for the audit", async () => {
    await request("DELETE", "/nodes/node-b");
    expect(fixture.by).to.deep.equal(["operator"]);
  });

  it("show what was done, a page at a time", async () => {
    const asked: unknown[] = [];
    const entry = { seq: 7, atMs: 1, action: "evict", by: "ada", facts: { name: "node-b" } };
    fixture.cluster = (message) => {
      asked.push(message);
      return ok({ entries: [entry], more: true });
    };
    expect(await request("GET", "/audit?before=8&limit=1")).to.deep.equal({
      status: 200,
      body: { entries: [entry], more: true },
    });
    expect((await request("GET", "/audit")).status).to.equal(200);
    expect(asked).to.deep.equal([{ type: "auditPage", before: 8, limit: 1 }, { type: "auditPage" }]);
    for (const query of ["limit=0", "limit=many", "before=0", "since=1"])
      expect((await request("GET", `/audit?${query}`)).status, query).to.equal(400);
    fixture.cluster = () => refused(failure("PEER_LOST"));
    expect((await request("GET", "/audit")).body.error?.code).to.equal("PEER_LOST");
    fixture.copy = { entries: [entry], more: false };
    expect((await request("GET", "/audit")).body).to.deep.equal({ entries: [entry], more: false, copyAt: "test" });
    fixture.cluster = () => refused(failure("FORBIDDEN"));
    expect((await request("GET", "/audit")).body.error?.code, "a refusal is no silence").to.equal("FORBIDDEN");
    fixture.copy = undefined;
  });

  it("say soon that the node with the cluster's memory is down when nobody can take that over", async () => {
    const waits: number[] = [];
    const away = failure("SLOT_UNAVAILABLE", { node: "n2", reason: "the node that has it is down" });
    let answer = away;
    fixture.cluster = (_message, timeoutMs) => {
      waits.push(timeoutMs);
      return refused(answer);
    };
    const setAdmin = () => request("PUT", "/../users/ada", { admin: true });
    fixture.directory = false;
    try {
      for (const ask of [() => request("GET", "/audit"), () => request("GET", ""), setAdmin])
        expect((await ask()).body.error).to.include({ code: "DIRECTORY_AWAY", outcome: "not_started" });
      // It was sent, and whoever has it may only be slow: a question is lost, a change may have been made.
      answer = failure("ASK_TIMEOUT");
      expect((await request("GET", "/audit")).body.error?.code).to.equal("DIRECTORY_AWAY");
      expect((await setAdmin()).body.error?.code).to.equal("ASK_TIMEOUT");
      expect(new Set(waits)).to.deep.equal(new Set([gatewayLimits.directoryAwayTimeoutMs]));
    } finally {
      fixture.directory = true;
    }
    waits.length = 0;
    expect((await request("GET", "/audit")).body.error?.code).to.equal("ASK_TIMEOUT");
    expect(waits).to.deep.equal([gatewayLimits.askTimeoutMs]);
    answer = away;
    expect((await request("GET", "/audit")).body.error, "the directory answers").to.deep.equal(away);
    // It went away while the question was under way.
    fixture.cluster = () => {
      fixture.directory = false;
      return refused(away);
    };
    try {
      expect((await request("GET", "/audit")).body.error?.code).to.equal("DIRECTORY_AWAY");
    } finally {
      fixture.directory = true;
    }
  });

  it("say that only another role brings back the node with the cluster's memory, and which command gives it", async () => {
    const waits: number[] = [];
    fixture.stranded = {
      role: "manager",
      nodes: ["m2", "q2"],
      advice: { code: "setRoles", node: "m2", roles: ["chat", "manager"] },
    };
    fixture.cluster = (_message, timeoutMs) => {
      waits.push(timeoutMs);
      return refused(failure("SLOT_UNAVAILABLE", { node: "m3", reason: "the node that has it is down" }));
    };
    const told = { code: "SLOT_UNAVAILABLE", outcome: "not_started" };
    try {
      const { error } = (await request("GET", "/audit")).body;
      expect(error)
        .to.include(told)
        .and.have.nested.property("details.reason")
        .that.includes("(m2, q2) lack the role manager");
      expect(error?.details?.["advice"]).to.deep.equal({ code: "setRoles", node: "m2", roles: ["chat", "manager"] });
      fixture.cluster = () => refused(failure("ASK_TIMEOUT"));
      expect((await request("GET", "/audit")).body.error).to.include(told);
      const setAdmin = await request("PUT", "/../users/ada", { admin: true });
      expect(setAdmin.body.error?.code, "it may have been done").to.equal("ASK_TIMEOUT");
      expect(waits).to.deep.equal([gatewayLimits.directoryAwayTimeoutMs]);
      fixture.directory = false;
      expect((await request("GET", "/audit")).body.error?.code).to.equal("DIRECTORY_AWAY");
    } finally {
      fixture.directory = true;
      fixture.stranded = undefined;
    }
  });

  it("show and release actors of any node, and say which nodes are missing", async () => {
    const below = (method: string, path: string) =>
      fixture.request(method, `/api/v1/admin/actors${path}`, {
        token: controlToken,
        ...(method === "POST" && { body: {} }),
      });
    fixture.page = { rows: [], more: false, unanswered: ["node-c"] };
    expect((await below("GET", "?kind=room&status=idle&after=room/a&limit=5")).body).to.deep.equal(fixture.page);
    expect((await below("GET", "/room/den")).status).to.equal(503);
    expect((await below("POST", "/room/den/release")).body).to.deep.equal({ redelivered: 2 });
    expect(fixture.calls).to.deep.equal([
      ["list", { kind: "room", status: "idle", after: "room/a", limit: 5 }],
      ["show", "room/den"],
      ["release", "room/den", true],
    ]);
  });

  it("write no token of an invitation into the log", async () => {
    const { body } = await request("POST", "/invitations", {});
    expect(body["token"]).to.be.a("string");
    expect(JSON.stringify(fixture.log)).not.to.include(body["token"]);
  });

  it("turn away who is no admin, and leave a line in the log about what they tried to change", async () => {
    fixture.cluster = () => ok({ user: "user/eve", admin: false, session: "s", kind: "session" });
    const eve = createToken("session", "eve", createRandom());
    for (const [method, path] of [
      ["DELETE", "/nodes/node-b"],
      ["PUT", "/nodes/node-b/draining"],
    ] as const) {
      const { status, body } = await request(method, path, method === "PUT" ? { draining: true } : undefined, eve);
      expect(status).to.equal(403);
      expect(body.error?.code).to.equal("FORBIDDEN");
    }
    expect((await request("GET", "/summary", undefined, eve)).status).to.equal(403);
    const tried = { by: "user/eve", address: "127.0.0.1", outcome: "FORBIDDEN" };
    expect(fixture.log).to.deep.equal([
      ["audit.cluster", { action: "evict", ...tried }],
      ["audit.cluster", { action: "drain", ...tried }],
    ]);
    expect(fixture.calls).to.have.length(0);
  });

  it("answer a refusal with its own error, which is in the log as well", async () => {
    fixture.answers = { evict: async () => refused(failure("FORBIDDEN", { reason: "it keeps the directory" })) };
    const { status, body } = await request("DELETE", "/nodes/node-a");
    expect(status).to.equal(403);
    expect(body.error).to.deep.include({ code: "FORBIDDEN", details: { reason: "it keeps the directory" } });
    expect(fixture.log.at(-1)?.[1]).to.include({ action: "evict", node: "node-a", outcome: "FORBIDDEN" });
  });

  it("log an undrain as one", async () => {
    await request("PUT", "/nodes/node-b/draining", { draining: false });
    expect(fixture.log.at(-1)?.[1]).to.include({ action: "undrain", node: "node-b" });
  });

  it("refuse what does not fit", async () => {
    for (const [method, path, body] of [
      ["POST", "/invitations", { roles: ["cook"] }],
      ["POST", "/invitations", { expiresInMs: 1 }],
      ["DELETE", "/nodes/node-b?force=perhaps", undefined],
      ["PUT", "/nodes/node-b/draining", {}],
      ["PUT", "/nodes/node-b/roles", { roles: [] }],
      ["POST", "/actors/Room/den/move", { to: "node-b" }],
      ["POST", "/actors/room/den/move", {}],
      ["POST", "/slots/chat/256/move", { to: "node-b" }],
      ["POST", "/slots/cook/1/move", { to: "node-b" }],
      ["DELETE", "/slots/chat/256/held", undefined],
      ["DELETE", "/actors/Room/den/held", undefined],
      ["POST", "/directory/migrate", { endpoints: ["http://me:secret@a:2379"] }],
      ["PUT", "/directory/voters", { wanted: 2 }],
      ["PUT", "/directory/voters", {}],
      ["POST", "/directory/migrate", { endpoints: [] }],
    ] as const) {
      const { status, body: answer } = await request(method, path, body);
      expect(status, `${method} ${path}`).to.equal(400);
      expect(answer.error?.code).to.equal("BAD_REQUEST");
    }
    expect(fixture.calls).to.have.length(0);
  });

  it("are described for tools", async () => {
    const { body } = await fixture.request("GET", "/openapi.json");
    const { paths } = body as { paths: Readonly<Record<string, Readonly<Record<string, object>>>> };
    const described = Object.entries(paths).filter(([path]) => path.startsWith("/api/v1/admin/cluster/"));
    expect(described).to.have.length(16);
    for (const [path, methods] of described)
      for (const operation of Object.values(methods)) expect(operation, path).to.have.property("summary");
  });

  it("say so on a node that is in no cluster", async () => {
    const alone = await startClusterFixture({ member: false });
    try {
      const asked = await alone.request("GET", "/api/v1/admin/cluster/summary", { token: controlToken });
      expect(asked.status).to.equal(404);
    } finally {
      await alone.stop();
    }
  });
});

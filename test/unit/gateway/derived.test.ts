/** What the gateway makes of rows of operations: who a handler sees asking, who is let in, what the audit says and who
 *  is told. */
import { expect } from "chai";
import { fastify } from "fastify";
import { Type } from "typebox";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { createRights } from "../../../node/gateway/identity/rights.ts";
import { operationIdOf } from "../../../node/gateway/rest/asker.ts";
import { addOperations, doorOf, schemaOf } from "../../../node/gateway/rest/derive.ts";
import type { Noted } from "../../../node/gateway/rest/own.ts";
import { handleAlerts } from "../../../node/watch/index.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import {
  acted,
  allOperations,
  failure,
  forOperator,
  ok,
  PlexusError,
  refused,
  type Asker,
  type AuditEvent,
  type Done,
  type NamedOperation,
  type Operation,
  type Price,
} from "../../../protocols/index.ts";
import { changes, nothing, reads } from "../../../protocols/operations/operation.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";
import { undescribed } from "./row-errors.ts";

const answer = Type.Object({});
const said = { answer, errors: [], summary: "For a test", tags: ["admin"] };
const price: Price = { name: "small", input: 1, output: 2 };

describe("the door of an operation", () => {
  const accessOf = (row: Operation) => doorOf(row, gatewayLimits).config;
  const named = (row: Operation, method: NamedOperation["method"] = "POST"): NamedOperation => ({
    name: "prices.list",
    method,
    path: "/x",
    row,
  });

  it("lets in strangers, people, keys and admins, as the row says", () => {
    expect(accessOf(reads({ ...said, permission: "anyone" }))).to.deep.equal({ access: "anyone", errors: [] });
    expect(accessOf(reads({ ...said, permission: "account.use" })).access).to.equal("user");
    expect(accessOf(reads({ ...said, permission: "account.use", person: true })).access).to.equal("person");
    expect(accessOf(reads({ ...said, permission: "account.secure" })).access).to.equal("person");
    expect(accessOf(reads({ ...said, permission: "cluster.see" })).access).to.equal("admin");
    const proven = changes({ ...said, permission: "anyone", proves: true, action: "signIn", facts: () => ({}) });
    expect(accessOf(proven)).to.deep.equal({ access: "anyone", audit: "signIn", proves: true, errors: [] });
  });

  it("asks a stranger for no token in the description, and everybody else for one", () => {
    expect(schemaOf(named(reads({ ...said, permission: "anyone" })))).to.deep.include({ security: [] });
    expect(schemaOf(named(reads({ ...said, permission: "cluster.see" })))).not.to.have.property("security");
  });

  it("takes larger bodies of stripes, pictures and keys", () => {
    const usual = doorOf(reads({ ...said, permission: "keys.manage" }), gatewayLimits);
    const keys = doorOf(reads({ ...said, permission: "keys.manage", large: "keys" }), gatewayLimits);
    const stripe = doorOf(reads({ ...said, permission: "shards.manage", large: "stripe" }), gatewayLimits);
    const picture = doorOf(reads({ ...said, permission: "emoji.manage", large: "picture" }), gatewayLimits);
    expect(picture.bodyLimit).to.equal(picture.config.bytesMax).and.above(gatewayLimits.bodyBytesMax);
    expect([usual.bodyLimit, usual.config.json]).to.deep.equal([undefined, undefined]);
    expect([keys.bodyLimit, keys.config.bytesMax]).to.deep.equal(Array(2).fill(gatewayLimits.keysBodyBytesMax));
    expect(keys.config.json?.valuesMax).to.equal(gatewayLimits.wideJsonValuesMax);
    expect(stripe.bodyLimit).to.equal(stripe.config.bytesMax).and.above(gatewayLimits.bodyBytesMax);
  });

  it("says in the description what it may refuse beyond its door", async () => {
    const fixture = await startFixture();
    const { body } = await fixture.request("GET", "/openapi.json");
    const route = body.paths["/api/v1/admin/alerts/{id}"].get;
    expect(route["x-errors"]).to.include.members(["FORBIDDEN", "NOT_FOUND", "PEER_LOST"]);
    expect(route.responses["404"].description).to.match(/NOT_FOUND/);
    expect(undescribed("GET", "/api/v1/admin/alerts/7", "NOT_FOUND")).to.equal(undefined);
    expect(undescribed("GET", "/api/v1/admin/alerts/7", "NAME_TAKEN")).to.match(/alerts.show refuses with NAME_TAKEN/);
    await fixture.stop();
  });

  it("looks at no body where the row says no fields, and takes an empty one alone where it says nothing", () => {
    expect(schemaOf(named(reads({ ...said, permission: "cluster.see" })))).not.to.have.property("body");
    expect(schemaOf(named(reads({ ...said, permission: "cluster.see", fields: nothing })))).to.deep.include({
      body: nothing,
    });
  });
});

describe("gateway: an operation that may be asked again", () => {
  const one = { id: "7" };

  it("has a name that is the asker's own and of what is asked, so nobody is given the answer about another", () => {
    const mine = operationIdOf("user/ada", "alerts.acknowledge", one, "k1");
    expect(mine).to.match(/^[\w-]{43}$/);
    expect(operationIdOf("user/ada", "alerts.acknowledge", { ...one }, "k1")).to.equal(mine);
    for (const other of [
      operationIdOf("user/eve", "alerts.acknowledge", one, "k1"),
      operationIdOf("user/operator", "alerts.acknowledge", one, "k1"),
      operationIdOf("operator", "alerts.acknowledge", one, "k1"),
      operationIdOf("user/ada", "alerts.show", one, "k1"),
      operationIdOf("user/ada", "alerts.acknowledge", { id: "8" }, "k1"),
      operationIdOf("user/ada", "alerts.acknowledge", { ...one, note: "seen" }, "k1"),
      operationIdOf("user/ada", "alerts.acknowledge", one, "k2"),
    ])
      expect(other).not.to.equal(mine);
    expect(operationIdOf("user/operator", "alerts.show", one, "k")).not.to.equal(
      operationIdOf("operator", "alerts.show", one, "k"),
    );
    expect(operationIdOf("user/ada", "alerts.acknowledge", { id: "7", note: "x" }, "k1")).to.equal(
      operationIdOf("user/ada", "alerts.acknowledge", { note: "x", id: "7" }, "k1"),
    );
  });

  it("is called so where its actor is asked, and in the audit", async () => {
    const asked: unknown[][] = [];
    const written: AuditEvent[] = [];
    const fixture = await startFixture({
      audit: { write: async (event) => void written.push(event) },
      operations: handleAlerts(async (...one) => (asked.push(one), ok({ id: "1" }))),
    });
    const path = "/api/v1/admin/alerts/1/acknowledge";
    const send = (token: string, headers = {}) => fixture.request("POST", path, { token, headers, body: {} });
    const { token } = await fixture.signUp("ada");
    const key = { "idempotency-key": "k1" };
    for (const [by, headers] of [
      [token, key],
      [token, key],
      [controlToken, key],
      [token, {}],
    ] as const)
      expect((await send(by, headers)).status).to.equal(200);
    const names = asked.map(([, , operation]) => operation);
    expect(names).to.deep.equal([
      ...Array(2).fill(operationIdOf("user/ada", "alerts.acknowledge", { id: "1" }, "k1")),
      operationIdOf("operator", "alerts.acknowledge", { id: "1" }, "k1"),
      undefined,
    ]);
    const entries = written.filter(({ action }) => action === "acknowledgeAlert");
    expect(entries.map(({ facts }) => facts?.["operation"])).to.deep.equal(names);
    await fixture.stop();
  });

  it("acknowledges each alert that one key is sent for, whatever the key looks like", async () => {
    // As an actor does: under a name that it knows it gives its first answer, whatever is asked.
    const known = new Map<string, { readonly id: string }>();
    const open = new Set(["7", "8"]);
    const fixture = await startFixture({
      operations: handleAlerts(async (_to, { id }, name = "") => {
        if (!known.has(name)) known.set(name, (open.delete(id as string), { id: id as string }));
        return ok(known.get(name));
      }),
    });
    const send = async (id: string, body: object, key: string) => {
      const path = `/api/v1/admin/alerts/${id}/acknowledge`;
      const headers = { "idempotency-key": key };
      const { status, body: alert } = await fixture.request("POST", path, { token: controlToken, headers, body });
      return [status, alert.id];
    };
    expect(await send("7", {}, "shift-26")).to.deep.equal([200, "7"]);
    expect(await send("7", {}, "shift-26")).to.deep.equal([200, "7"]);
    expect(known.size).to.equal(1);
    expect(await send("8", {}, "shift-26")).to.deep.equal([200, "8"]);
    expect([...open]).to.deep.equal([]);
    expect(await send("8", { note: "looked at" }, "shift-26")).to.deep.equal([200, "8"]);
    expect(known.size).to.equal(3);
    for (const key of ["all that the shift left", "k".repeat(200)])
      expect(await send("8", {}, key)).to.deep.equal([200, "8"]);
    await fixture.stop();
  });
});

describe("gateway: an operation for anyone", () => {
  it("is asked by a stranger, who may do nothing, has shown nothing, and is in the audit as that", async () => {
    const row = changes({
      ...said,
      permission: "anyone",
      proves: true,
      action: "signIn",
      facts: () => ({ user: "ann" }),
      once: true,
    });
    const askers: Asker[] = [];
    const written: AuditEvent[] = [];
    const fixture = await startFixture({ audit: { write: async (event) => void written.push(event) } });
    const app = fastify();
    app.decorateRequest("caller", null);
    app.decorateRequest("isNoted", false);
    app.decorateRequest("address", { getter: () => "192.0.2.7" });
    const handlers = {
      "prices.list": async (_: object, asker: Asker) => (askers.push(asker), acted(ok({ prices: [] }))),
    };
    const at = { ...fixture.settings, rights: createRights({ clock: fixture.settings.clock, limits: gatewayLimits }) };
    addOperations(app, at as never, handlers as never, [{ name: "prices.list", method: "POST", path: "/in", row }]);
    const headers = { "idempotency-key": "k1" };
    expect((await app.inject({ method: "POST", url: "/in", headers })).statusCode).to.equal(200);
    const [asker] = askers;
    expect(asker).to.deep.include({ kind: "stranger", by: "stranger", roles: [] });
    expect(asker).to.not.have.any.keys("actor", "operation", "session");
    expect(asker?.said).to.deep.equal({ by: "stranger" });
    expect(asker?.may("account.use")?.code).to.equal("UNAUTHENTICATED");
    expect(asker?.mayGive([{ permission: "cluster.own" }])?.code).to.equal("UNAUTHENTICATED");
    expect(asker?.mayGive([])?.code).to.equal("UNAUTHENTICATED");
    const what = { action: "signIn", target: "user/ann", outcome: "done", facts: { user: "ann" } };
    expect(written).to.deep.equal([{ ...what, by: "stranger", address: "192.0.2.7" }]);
    await app.close();
    await fixture.stop();
  });
});

describe("gateway: an operation about an account", () => {
  const row = changes({
    ...said,
    answer: Type.Object({ token: Type.String() }),
    permission: "anyone",
    proves: true,
    about: "account",
    action: "signIn",
    facts: () => ({ user: "ann" }),
  });

  /** Sends one request, and says in which order the entry was written and the answer made. */
  async function send(done: Partial<Noted<object>>, write: (event: AuditEvent) => Promise<void>) {
    const order: string[] = [];
    const app = fastify();
    app.decorateRequest("caller", null);
    app.decorateRequest("isNoted", false);
    app.decorateRequest("address", { getter: () => "192.0.2.7" });
    const handler = async (): Promise<Noted<object>> => ({
      result: ok({}),
      answer: () => (order.push("answered"), { token: "t" }),
      ...done,
    });
    const audit = { write: (event: AuditEvent) => (order.push("written"), write(event)) };
    const at = { log: quietLog, audit, limits: gatewayLimits };
    const handlers = { "prices.list": handler };
    addOperations(app, at as never, handlers as never, [{ name: "prices.list", method: "POST", path: "/in", row }]);
    const { statusCode, body } = await app.inject({ method: "POST", url: "/in" });
    await app.close();
    return { order, statusCode, body };
  }

  it("writes whose it is and no more, and answers after that", async () => {
    const written: AuditEvent[] = [];
    const { order, body } = await send({}, async (event) => void written.push(event));
    expect(order).to.deep.equal(["written", "answered"]);
    expect(JSON.parse(body)).to.deep.equal({ token: "t" });
    expect(written).to.deep.equal([{ action: "signIn", by: "user/ann", address: "192.0.2.7", outcome: "done" }]);
  });

  it("names what was done as its handler does, and leaves the entry to it where it has another", async () => {
    const actions: string[] = [];
    const write = async ({ action }: AuditEvent) => void actions.push(action);
    await send({ action: "signInStep" }, write);
    await send({ entry: async () => void actions.push("its own") }, write);
    expect(actions).to.deep.equal(["signInStep", "its own"]);
  });

  it("takes a stranger who is refused for nobody, and gives no answer", async () => {
    const written: AuditEvent[] = [];
    const refusal = { result: refused(failure("CODE_WRONG")), entry: async () => undefined };
    const { order, statusCode } = await send(refusal, async (event) => void written.push(event));
    expect([order, statusCode]).to.deep.equal([["written"], 500]);
    const entry = { action: "signIn", by: "stranger", target: "user/ann", address: "192.0.2.7" };
    expect(written).to.deep.equal([{ ...entry, outcome: "CODE_WRONG" }]);
  });

  it("gives no answer, and so no cookie, of which no entry could be written", async () => {
    const { order, statusCode } = await send({}, () => Promise.reject(new Error("the disk is full")));
    expect([order, statusCode]).to.deep.equal([["written"], 500]);
  });
});

describe("gateway: an operation and its handler", () => {
  let fixture: Fixture;
  const askers: Asker[] = [];
  const written: AuditEvent[] = [];
  const told: unknown[][] = [];
  let does: (asker: Asker) => Done<Price>;

  before(async () => {
    fixture = await startFixture({
      publicUrl: () => "https://plexus.example",
      audit: { write: async (event) => void written.push(event) },
      changed: (...heard) => void told.push(heard),
      operations: {
        "prices.list": (_, asker) => (askers.push(asker), ok({ prices: [] })),
        "prices.set": async (_, asker) => does(asker),
      },
    });
  });
  after(() => fixture.stop());
  beforeEach(() => {
    written.length = 0;
    told.length = 0;
  });

  const list = async (token: string): Promise<Asker> => {
    await fixture.request("GET", "/api/v1/admin/prices", { token });
    return askers.at(-1) as Asker;
  };
  const set = (by: (asker: Asker) => Done<Price>) => {
    does = by;
    const body = { input: 1, output: 2 };
    return fixture.request("PUT", "/api/v1/admin/prices/small", { token: controlToken, body });
  };

  it("tells who asks: the operator, a person by a session, a key", async () => {
    const operator = await list(controlToken);
    expect([operator.by, operator.kind, operator.actor, operator.roles]).to.deep.equal(["operator", "operator", undefined, []]); // prettier-ignore
    expect(operator.said).to.deep.equal({ by: "operator", shown: { as: "operator" } });
    expect(operator.page).to.equal("https://plexus.example");
    expect([operator.may("cluster.own"), operator.mayGive([{ permission: "cluster.own" }])]).to.deep.equal([
      undefined,
      undefined,
    ]);

    const ann = await fixture.signUp("ann");
    const person = await list(ann.token);
    expect([person.by, person.kind, person.actor]).to.deep.equal(["ann", "session", "user/ann"]);
    expect(person.roles).to.include("owner");
    expect(person.said).to.deep.nested.include({ by: "ann", "shown.as": "session", "shown.session": person.session });
    expect(person.may("cluster.own")).to.equal(undefined);

    const made = await fixture.request("POST", "/api/v1/me/keys", { token: ann.token, body: { label: "robot" } });
    const key = await list(made.body.key);
    expect([key.by, key.kind, key.session]).to.deep.equal(["ann", "key", made.body.id]);
    expect(key.said.shown).to.deep.equal({ as: "key" });
    expect(key.may("cluster.own")?.code).to.equal("FORBIDDEN");
  });

  it("does for the operator alone what is the operator's", () => {
    const why = { reason: "on the machine" };
    expect(forOperator({ kind: "operator" }, () => ok(1), why)).to.deep.equal(ok(1));
    for (const kind of ["session", "key", "control", "stranger"] as const)
      expect(forOperator({ kind }, () => ok(1), why)).to.deep.nested.include({ "error.code": "FORBIDDEN" });
  });

  it("writes down a refusal that a handler gives back, and none that it throws, as of a body that is wrong", async () => {
    const wrong = failure("BAD_REQUEST", { path: "/input", problem: "for a test" });
    const given = await set(() => acted(refused(failure("OVERLOADED"))));
    expect([given.status, written.map(({ action, outcome }) => [action, outcome])]).to.deep.equal([
      503,
      [["setPrice", "OVERLOADED"]],
    ]);
    expect(told).to.deep.equal([]);
    written.length = 0;
    const thrown = await set(() => {
      throw new PlexusError(wrong);
    });
    expect([thrown.status, written]).to.deep.equal([400, []]);
  });

  it("has the cluster remember what the row says, what the handler says in its place, or nothing", async () => {
    await set(() => ({ result: ok(price), after: price }));
    const [action, facts, by] = told[0] ?? [];
    expect([action, by, (facts as { model: string }).model]).to.deep.equal(["setPrice", "operator", "small"]);
    told.length = 0;
    await set(() => ({ result: ok(price), after: price, told: false }));
    expect([told, written.length]).to.deep.equal([[], 2]);
    const tell = { people: ["eve"], admins: true };
    await set(() => ({
      result: ok(price),
      after: price,
      told: { action: "removePrice", facts: { model: "x" }, tell },
    }));
    expect(told).to.deep.equal([["removePrice", { model: "x" }, "operator", tell]]);
  });

  it("has all admins hear of what has power, whatever its handler says, unless its row says why not", async () => {
    const given = { result: ok(price), action: "setRoles" } as const;
    const admins = { people: [], admins: true };
    const heard = () => told.splice(0).map(([action, , , tell]) => [action, tell]);
    await set(() => ({ ...given, told: false }));
    expect(heard()).to.deep.include(["setRoles", admins]);
    await set(() => ({ ...given, told: { facts: { model: "x" } } }));
    expect(heard()).to.deep.equal([
      ["setRoles", admins],
      ["setRoles", undefined],
    ]);
    const more = { people: ["eve"], admins: false };
    await set(() => ({ ...given, told: { facts: { model: "x" }, tell: more } }));
    expect(heard()).to.deep.equal([
      ["setRoles", admins],
      ["setRoles", more],
    ]);
    await set(() => ({ ...given, told: { facts: { model: "x" }, tell: { ...more, admins: true } } }));
    expect(heard()).to.deep.equal([["setRoles", { ...more, admins: true }]]);
    const quiet = allOperations.flatMap(({ name, row: { audit } }) => (audit?.quiet ? [`${name} ${audit.quiet}`] : []));
    expect(quiet).to.deep.equal([
      "backups.place trial",
      "backups.prune trial",
      "backups.recall trial",
      "cluster.evict tellsByItself",
      "cluster.invite tellsByItself",
      "cluster.migrateDirectory tellsByItself",
      "cluster.setRoles tellsByItself",
      "cluster.setStorage tellsByItself",
      "cluster.setVoters tellsByItself",
    ]);
  });

  it("calls in the audit what was done by its own name, where that depends on the fields", async () => {
    await set(() => ({ result: ok(price), before: price, action: "removePrice" }));
    expect(written.map(({ action }) => action)).to.deep.equal(["removePrice"]);
    expect(told.map(([action]) => action)).to.deep.equal(["removePrice"]);
  });
});

/** Operations: rows, the routes that they make, and the typed calls. */
import { expect } from "chai";
import { asksBy, callsBy, Keys, type Send } from "../../../client/call.ts";
import { commandRoutes } from "../../../node/gateway/commands/command-routes.ts";
import { questions } from "../../../protocols/kinds/questions.ts";
import { lookOperations, onceOperations } from "../../../protocols/operations/routes.ts";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  againOf,
  allOperations,
  apiPrefix,
  failure,
  ok,
  placeOfSlot,
  refused,
  type OperationHandlers,
  type Result,
} from "../../../protocols/index.ts";
import { byHand } from "./by-hand.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";
import { everyPart } from "./permission-table.ts";

const propertiesOf = (schema: object): readonly string[] =>
  Object.keys((schema as { readonly properties?: object }).properties ?? {});

interface Described {
  readonly operationId?: string;
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

describe("the rows of operations", () => {
  it("say of each parameter of the path what it is, and name no field twice", () => {
    for (const { name, path, row } of allOperations) {
      const inPath = [...path.matchAll(/:(\w+)/g)].map(([, field]) => field);
      expect(propertiesOf(row.params), name).to.have.members(inPath);
      expect(
        propertiesOf(row.fields ?? {}).filter((field) => inPath.includes(field)),
        name,
      ).to.deep.equal([]);
    }
  });

  it("have handlers that lack none and are none too many, or the compiler refuses", () => {
    const answer = (() => Promise.resolve(ok({ prices: [] }))) satisfies OperationHandlers["prices.list"];
    // @ts-expect-error: the others are missing
    const few: OperationHandlers = { "prices.list": answer };
    // @ts-expect-error: no row has this name
    const more: Partial<OperationHandlers> = { "prices.none": answer };
    // @ts-expect-error: the row says another answer
    const other: Partial<OperationHandlers> = { "prices.list": () => ok({ price: [] }) };
    expect([few, more, other]).to.have.length(3);
  });

  it("make the request that begins long work again, of which the path has several parts", () => {
    expect(againOf("quotas.set", { role: "guest", measure: "bytes", per: "day", limit: 5 })).to.deep.equal({
      method: "PUT",
      path: "/api/v1/admin/quotas/guest/bytes/day",
      body: { limit: 5 },
    });
    expect(againOf("inference.load", { model: "a/b" })).to.deep.equal({
      method: "POST",
      path: "/api/v1/admin/inference/a%2Fb/load",
      body: {},
    });
    // @ts-expect-error: what is removed is not begun again
    expect(() => againOf("budgets.remove", { budget: "sales" })).not.to.throw();
    expect(placeOfSlot("chat/12")).to.deep.equal({ role: "chat", number: 12 });
    for (const text of ["room/1", "chat/256", "chat/x", "chat", "chat/1/2", "chat/"])
      expect(placeOfSlot(text), text).to.equal(undefined);
  });

  it("make the request of a call: what the path names stands in it, the rest is query or body", async () => {
    const sent: unknown[] = [];
    const call = callsBy(
      async (...request) => (sent.push(request), ok({})),
      new Keys(
        () => "key",
        () => 0,
      ),
    );
    await call("prices.set", { model: "openai/*", input: 1, output: 2 });
    await call("quotas.remove", { role: "guest", measure: "bytes", per: "day" });
    await call("budgets.list");
    await call("backups.list", {});
    expect(sent).to.deep.equal([
      ["PUT", "/api/v1/admin/prices/openai%2F*", { input: 1, output: 2 }, undefined, false],
      ["DELETE", "/api/v1/admin/quotas/guest/bytes/day", undefined, undefined, false],
      ["GET", "/api/v1/admin/budgets", undefined, undefined, true],
      ["POST", "/api/v1/admin/backups/list", {}, undefined, true],
    ]);
  });

  it("give a request that is repeated before its end is known the same key, and any other one a new key", async () => {
    const sent: (string | undefined)[] = [];
    const answers: PromiseWithResolvers<Result<unknown>>[] = [];
    let made = 0;
    const send: Send = (_method, _path, _body, key) => {
      sent.push(key);
      const answer = Promise.withResolvers<Result<unknown>>();
      answers.push(answer);
      return answer.promise;
    };
    let nowMs = 0;
    const call = callsBy(
      send,
      new Keys(
        () => `key ${(made += 1)}`,
        () => nowMs,
      ),
    );
    const acknowledge = (id: string) => call("alerts.acknowledge", { id });
    const clicks = [acknowledge("7"), acknowledge("7"), acknowledge("8")];
    answers[0]?.resolve(refused(failure("ASK_TIMEOUT")));
    await clicks[0];
    const later = acknowledge("7");
    for (const answer of answers) answer.resolve(ok({}));
    await Promise.all([...clicks, later]);
    const lost = acknowledge("7");
    // The page says so where the network was gone: before the request, or before its answer.
    answers[4]?.resolve(refused(failure("UNREACHABLE")));
    await lost;
    void acknowledge("7");
    // Much later, the same words are something new.
    nowMs += 10 * 60_000;
    void acknowledge("7");
    expect(sent).to.deep.equal(["key 1", "key 1", "key 2", "key 1", "key 3", "key 3", "key 4"]);
  });

  it("are on the list of what clients send a key with, where they are done once", () => {
    const named = allOperations.filter(({ row }) => row.once === true).map(({ name }) => name);
    expect([...onceOperations]).to.have.members(named);
  });

  it("are on the list of what clients know to change nothing, where their rows say so", () => {
    const named = allOperations.filter(({ row }) => row.looks === true);
    expect([...lookOperations]).to.have.members(named.map(({ name }) => name));
    for (const { name, row, method } of named) {
      expect(row.does, name).to.equal("reads");
      expect(method, name).to.equal("POST");
    }
  });
});

describe("gateway: questions to actors", () => {
  it("have the paths of the commands that answer them", () => {
    const there = commandRoutes.map(({ kind, name, route }) => [`${kind}.${name}`, route.method, route.path].join(" "));
    for (const [command, path] of Object.values(questions)) expect(there).to.include(`${command} GET ${path}`);
  });

  it("fill in the path, and the rest is the query", async () => {
    const sent: string[] = [];
    const ask = asksBy((method, path, body, key, looks) => {
      expect([body, key, looks]).to.deep.equal([undefined, undefined, true]);
      sent.push(`${method} ${path}`);
      return Promise.resolve(ok({}));
    });
    await ask("threads", { room: "a b" });
    await ask("people", { text: "mü", limit: 25 });
    await ask("factors");
    expect(sent).to.deep.equal([
      "GET /api/v1/rooms/a%20b/threads",
      "GET /api/v1/catalog/users?text=m%C3%BC&limit=25",
      "GET /api/v1/me/factors",
    ]);
  });
});

describe("gateway: the routes of operations", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({ ...everyPart, grpcListen: { host: "127.0.0.1", port: 0 } });
  });
  after(() => fixture.stop());

  it("are all that there are, beside those of commands and those that are listed as written by hand", () => {
    const written = Object.values(byHand).flat();
    const made = [
      ...allOperations.map(({ method, path }) => `${method} ${apiPrefix}${path}`),
      ...commandRoutes.map(({ route }) => `${route.method} ${apiPrefix}${route.path}`),
    ];
    const there = fixture.gateway.routes().map(({ method, path }) => `${method} ${path}`);
    expect(there.toSorted()).to.deep.equal([...made, ...written].toSorted());
  });

  it("have a described answer, and each that reads gives the one that is described", async () => {
    // With the parts that a node has, in place of those that answer anything.
    const real = await startFixture();
    await real.request("PUT", "/api/v1/admin/prices/small", { token: controlToken, body: { input: 1, output: 2 } });
    const { body: described } = await real.request("GET", "/openapi.json");
    const { schemas } = described.components;
    const inlined = (schema: object): Parameters<typeof checkOf>[0] =>
      JSON.parse(JSON.stringify({ ...schema, $defs: schemas }).replaceAll("#/components/schemas/", "#/$defs/"));
    let asked = 0;
    for (const { name, method, path, row } of allOperations) {
      const written = `${apiPrefix}${path.replaceAll(/:(\w+)/g, "{$1}")}`;
      const route = described.paths[written][method.toLowerCase()] as Described;
      expect(route.operationId, name).to.equal(name);
      const schema = route.responses["200"]?.content?.["application/json"]?.schema;
      expect(JSON.stringify(schema), name)
        .to.match(/\$ref|"properties"/)
        .and.not.match(/"title"/);
      const further = route.responses["202"]?.content?.["application/json"]?.schema;
      expect(further, name).to.deep.equal(row.also && schema);
      if (method !== "GET" || path.includes(":")) continue;
      const { status, body } = await real.request("GET", apiPrefix + path, { token: controlToken });
      if (status !== 200) continue;
      const check = checkOf(inlined(schema as object));
      expect(check.Check(body) || check.Errors(body), `${name}: ${JSON.stringify(body).slice(0, 300)}`).to.equal(true);
      asked += 1;
    }
    await real.stop();
    expect(asked).to.be.above(2);
  });

  it("answer NOT_FOUND where a node has no part that does it", async () => {
    const alone = await startFixture({ operations: {} });
    const { status, body } = await alone.request("GET", "/api/v1/admin/audit/sinks", { token: controlToken });
    expect([status, body.error.details.reason]).to.deep.equal([404, "this node is in no cluster"]);
    await alone.stop();
  });
});

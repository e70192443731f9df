import { createClock } from "../../../node/platform/index.ts";
import { credentials, status, type ServiceError } from "@grpc/grpc-js";
import { expect } from "chai";
import { checkOf } from "../../../protocols/wire/check.ts";
import { adminMethods } from "../../../node/gateway/wires/grpc-codec.ts";
import { createGateway } from "../../../node/gateway/index.ts";
import { type TlsFiles } from "../../../node/gateway/edge/tls.ts";
import type { Tracer } from "../../../node/ports/index.ts";
import type { SpanFacts } from "../../../protocols/index.ts";
import { makeCertificate } from "../../fixtures/certificates.ts";
import { tlsPair } from "../../fixtures/tls-pair.ts";
import { grpcClient, type GrpcClient } from "./grpc-client.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";
import { untilTrue } from "../../waits.ts";

const refusal = (call: Promise<unknown>): Promise<ServiceError | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => error as ServiceError,
  );
const codeIn = (error: ServiceError | undefined): unknown => error?.metadata.get("plexus-code")[0];
const grpcListen = { host: "127.0.0.1", port: 0 } as const;

/** Gives a control token, or a name to a certificate. */
async function makeToken(fixture: Fixture, name: string, more: object): Promise<string> {
  const made = await fixture.request("POST", "/api/v1/admin/control/tokens", {
    token: controlToken,
    body: { name, ...more },
  });
  expect(made.status, JSON.stringify(made.body)).to.equal(200);
  return made.body.token as string;
}

describe("gateway: what admins do, by gRPC", () => {
  let fixture: Fixture;
  const clients: GrpcClient[] = [];
  const client = (token?: string): GrpcClient => {
    const made = grpcClient(fixture.gateway.grpcAddress as string, token);
    clients.push(made);
    return made;
  };
  before(async () => {
    fixture = await startFixture({ clock: createClock(), grpcListen });
    await fixture.signUp("ada");
    await fixture.signUp("bob");
  });
  after(async () => {
    for (const one of clients) one.close();
    await fixture.stop();
  });

  it("has a method for each route of admins that this gateway has and that answers JSON", () => {
    const methods = new Set(adminMethods.map(({ path }) => path.split("/").at(-1)));
    const word = (text: string) =>
      text
        .split("-")
        .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
        .join("");
    const files = /export$|report$|downloads\/:id$|models\/events$/;
    const missing = fixture.gateway
      .routes()
      .filter(({ path }) => path.startsWith("/api/v1/admin/") && !files.test(path))
      .map(
        ({ method, path }) =>
          word(method.toLowerCase()) +
          path
            .slice("/api/v1/admin/".length)
            .split("/")
            .map((part) => (part.startsWith(":") ? `By${word(part.slice(1))}` : word(part)))
            .join(""),
      )
      .filter((name) => !methods.has(name));
    expect(missing).to.deep.equal([]);
  });

  it("answers the operator and admins with typed messages, and takes names from the path, the query and the body", async () => {
    const operator = client(controlToken);
    const view = await operator.call("AdminService", "GetStatus", {});
    expect(view).to.include({ node: "test" });
    const roles = { user: "bob", roles: ["moderator"] };
    expect(await operator.call("AdminService", "PutUsersByUserRoles", roles)).to.deep.equal(roles);
    const { rows } = await operator.call("AdminService", "GetActors", { kind: "user", limit: 1 });
    expect(rows).to.have.length(1);
    const refused = await refusal(operator.call("AdminService", "PutPricesByModel", { model: "" }));
    expect([refused?.code, codeIn(refused)]).to.deep.equal([status.INVALID_ARGUMENT, "BAD_REQUEST"]);
    const none = await refusal(operator.call("AdminService", "GetTasksById", { id: "backup.7" }));
    expect([none?.code, codeIn(none)]).to.deep.equal([status.NOT_FOUND, "NOT_FOUND"]);
  });

  it("lets control tokens do what their scopes say, at the routes of admins and nowhere else", async () => {
    const token = await makeToken(fixture, "reader", { scopes: ["cluster.see"] });
    const reader = client(token);
    expect((await reader.call("AdminService", "GetControlSelf", {})).by).to.equal("control/reader");
    const change = await refusal(reader.call("AdminService", "DeleteControlTokensByName", { name: "reader" }));
    expect([change?.code, codeIn(change)]).to.deep.equal([status.PERMISSION_DENIED, "FORBIDDEN"]);
    const asked = await reader.call("RouteService", "Call", { method: "GET", path: "/api/v1/admin/control/self" });
    expect(asked.status).to.equal(200);
    const elsewhere = await refusal(reader.call("RouteService", "Call", { method: "GET", path: "/api/v1/me" }));
    expect(codeIn(elsewhere)).to.equal("NOT_FOUND");
    const command = await refusal(reader.call("UserService", "Describe", {}));
    expect(codeIn(command)).to.equal("UNAUTHENTICATED");
    const ended = await client(controlToken).call("AdminService", "DeleteControlTokensByName", { name: "reader" });
    expect(ended.name).to.equal("reader");
    expect(codeIn(await refusal(reader.call("AdminService", "GetControlSelf", {})))).to.equal("UNAUTHENTICATED");
  });

  it("does not take a header of somebody's own for a pass to the control endpoint", async () => {
    const token = await makeToken(fixture, "outside", { scopes: ["cluster.see"] });
    const headers = { "plexus-pass": "0000000000000000000000" };
    const answer = await fixture.request("GET", "/api/v1/admin/control/self", { token, headers });
    expect(answer.status).to.equal(401);
  });

  it("gives up when nobody waits any more, and says so by the deadline", async () => {
    const late = await refusal(client(controlToken).call("AdminService", "GetStatus", {}, { deadlineMs: 0 }));
    expect(late?.code).to.equal(status.DEADLINE_EXCEEDED);
  });

  it("switches mutual TLS on while it runs, and takes a certificate for the control token that it stands for", async () => {
    const nowMs = Date.now();
    const authority = makeCertificate("clients", nowMs);
    const own = makeCertificate("robot", nowMs, { by: authority });
    let files: TlsFiles = { ...tlsPair };
    let changed = (): void => undefined;
    const tls = { current: () => files, onChange: (listener: () => void) => ((changed = listener), () => undefined) };
    const gateway = await createGateway({ ...fixture.settings, tls, grpcListen });
    await makeToken(fixture, "robot", { scopes: ["cluster.see"], subject: "CN=robot" });
    const root = Buffer.from(tlsPair.cert);
    const call = (secure: ReturnType<typeof credentials.createSsl>, token?: string): Promise<{ by: string }> => {
      const options = { "grpc.ssl_target_name_override": "localhost", "grpc.default_authority": "localhost" };
      const one = grpcClient(gateway.grpcAddress as string, token, secure, options);
      return one.call("AdminService", "GetControlSelf", {}, { deadlineMs: 20_000 }).finally(() => one.close());
    };
    const shown = (): ReturnType<typeof credentials.createSsl> =>
      credentials.createSsl(root, Buffer.from(own.keyPem), Buffer.from(own.pem));
    try {
      expect((await call(credentials.createSsl(root), controlToken)).by).to.equal("operator");
      files = { ...tlsPair, clientCa: authority.pem };
      changed();
      expect((await refusal(call(credentials.createSsl(root), controlToken)))?.code).to.equal(status.UNAVAILABLE);
      expect((await call(shown())).by).to.equal("control/robot");
      expect((await call(shown(), controlToken)).by).to.equal("operator");
      files = { ...tlsPair };
      changed();
      expect((await call(credentials.createSsl(root), controlToken)).by).to.equal("operator");
    } finally {
      await gateway.stop(1_000);
    }
  });
});

describe("gateway: a step of a trace for each call of gRPC", () => {
  it("is made at the edge: once, with what it ended with, and below the caller's own", async () => {
    const seen: string[] = [];
    const said: SpanFacts[] = [];
    const context = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const tracer: Tracer = {
      enter(name, traceparent, facts) {
        said.push(facts);
        const end = (error?: string): void => void seen.push(`${name} ${traceparent ?? "alone"} ${error ?? "ok"}`);
        return { context, end };
      },
      under: () => undefined,
    };
    const fixture = await startFixture({ clock: createClock(), grpcListen, tracer });
    const { token } = await fixture.signUp("ada");
    const one = grpcClient(fixture.gateway.grpcAddress as string, token);
    try {
      await fixture.request("GET", "/healthz");
      seen.length = 0;
      said.length = 0;
      await one.call("UserService", "Describe", {});
      await refusal(one.call("RoomService", "Describe", { to: "nowhere" }));
      await refusal(one.call("AdminService", "GetTasksById", { id: "backup.7" }));
      await untilTrue("the server has done it", () => seen.length === 3);
      expect(seen).to.deep.equal([
        "/plexus.v1.UserService/Describe alone ok",
        "/plexus.v1.RoomService/Describe alone NOT_FOUND",
        "GET /api/v1/admin/tasks/:id alone 404",
      ]);
      for (const facts of said) expect(facts).to.have.property("requestId");
    } finally {
      one.close();
      await fixture.stop();
    }
  });
});

describe("gateway: the description of the interface", () => {
  it("says of each route of admins that can be asked for what its answer is, and the answer is that", async () => {
    const fixture = await startFixture();
    try {
      const { body: described } = await fixture.request("GET", "/openapi.json");
      const { schemas } = described.components;
      const inlined = (schema: unknown): unknown =>
        JSON.parse(JSON.stringify(schema).replaceAll("#/components/schemas/", "#/$defs/"));
      let asked = 0;
      for (const [path, { get }] of Object.entries(described.paths as Record<string, { get?: { responses: Record<string, { content?: Record<string, { schema: object }> }> } }>)) {
        const schema = get?.responses["200"]?.content?.["application/json"]?.schema;
        if (schema === undefined || !path.startsWith("/api/v1/admin/") || path.includes("{")) continue;
        const { status: code, body } = await fixture.request("GET", path, { token: controlToken });
        if (code !== 200) continue;
        const whole = inlined({ ...schema, $defs: schemas }) as Parameters<typeof checkOf>[0];
        const check = checkOf(whole);
        expect(check.Check(body) || check.Errors(body), `${path}: ${JSON.stringify(body).slice(0, 300)}`).to.equal(true);
        asked += 1;
      } // prettier-ignore
      expect(asked).to.be.above(10);
      const generic = Object.entries(described.paths as Record<string, Record<string, { responses: Record<string, unknown> }>>).flatMap(([path, methods]) =>
        Object.entries(methods).filter(([, route]) => path.startsWith("/api/v1/admin/") && JSON.stringify(route.responses["200"]).includes('"additionalProperties":true')).map(([method]) => `${method} ${path}`)); // prettier-ignore
      expect(generic).to.deep.equal([]);
    } finally {
      await fixture.stop();
    }
  });
});

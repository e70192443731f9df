import { createClock } from "../../../node/platform/index.ts";
import { connect as connectTcp } from "node:net";
import { once } from "node:events";
import { credentials, loadPackageDefinition, Metadata, status, type Client } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { expect } from "chai";
import fc from "fast-check";
import { protoPath as healthPath } from "grpc-health-check";
import { createGateway } from "../../../node/gateway/index.ts";
import { type GatewayOptions } from "../../../node/gateway/options.ts";
import { type TlsFiles } from "../../../node/gateway/edge/tls.ts";
import { jsonBounds } from "../../../node/gateway/edge/json.ts";
import { gatewayLimits } from "../../../node/gateway/limits.ts";
import { encodeNodeFrame, framesIn, readClientFrame, readRouteCall } from "../../../node/gateway/wires/grpc-codec.ts";
import { makeCertificate } from "../../fixtures/certificates.ts";
import { tlsPair } from "../../fixtures/tls-pair.ts";
import { boxed, grpcClient, plain, type GrpcClient } from "./grpc-client.ts";
import { startFixture, type Fixture } from "./fixture.ts";

// oxlint-disable-next-line typescript/no-explicit-any -- tests look into errors of every shape
const refusal = (call: Promise<unknown>): Promise<any> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Calls a service as its own file describes it. */
function callOther(file: string, service: string, method: string, address: string, request: object): Promise<unknown> {
  let found = loadPackageDefinition(loadSync(file, { enums: String })) as unknown;
  for (const part of service.split(".")) found = (found as Record<string, unknown>)[part];
  const made = new (found as new (address: string, secure: unknown) => Client)(address, credentials.createInsecure());
  return new Promise((resolve, reject) => {
    const call = (made as unknown as Record<string, (...args: unknown[]) => void>)[method] as (
      ...args: unknown[]
    ) => void;
    call.call(made, request, (error: unknown, answer: unknown) =>
      error === null ? resolve(answer) : reject(error as Error),
    );
  }).finally(() => made.close());
}

describe("gateway: gRPC and its limits", () => {
  let fixture: Fixture;
  let ada: GrpcClient;
  let token: string;
  let ready: ReturnType<GatewayOptions["readiness"]> = { ok: true, value: {} };
  const start = async (options: Parameters<typeof startFixture>[0] = {}): Promise<void> => {
    fixture = await startFixture({
      // The library keeps the deadlines of calls by the machine's clock.
      clock: createClock(),
      grpcListen: { host: "127.0.0.1", port: 0 },
      readiness: () => ready,
      ...options,
    });
    token = (await fixture.signUp("ada")).token;
    ada = grpcClient(fixture.gateway.grpcAddress as string, token);
  };
  afterEach(async () => {
    ada.close();
    await fixture.stop();
  });
  const address = (): string => fixture.gateway.grpcAddress as string;
  const check = (service: string) => callOther(healthPath, "grpc.health.v1.Health", "check", address(), { service });

  it("says whether it is well, and describes itself, to anybody", async () => {
    await start({ limits: { sweepMs: 20 } });
    expect(await check("")).to.deep.include({ status: "SERVING" });
    ready = { ok: false, error: { code: "DIRECTORY_AWAY", outcome: "not_started", message: "" } };
    while (JSON.stringify(await check("plexus.v1.StreamService")).includes('"SERVING"'));
    ready = { ok: true, value: {} };
    // What grpcurl asks first, by the protocol of reflection: a stream with one question, list_services = "".
    const listed = await new Promise<string>((resolve, reject) => {
      const same = (bytes: Buffer) => bytes;
      const call = ada.client.makeBidiStreamRequest(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        same,
        same,
        new Metadata(),
      );
      call.on("data", (bytes: Buffer) => resolve(bytes.toString("latin1")));
      call.on("error", reject);
      call.end(Buffer.from([0x3a, 0]));
    });
    for (const service of [
      "plexus.v1.RoomService",
      "plexus.v1.StreamService",
      "plexus.v1.RouteService",
      "grpc.health.v1.Health",
    ])
      expect(listed).to.include(service);
  });

  it("goes on after what is no frame, and ends the stream that sent it", async () => {
    await start();
    const stream = ada.connect();
    await stream.next((frame) => frame.hello !== undefined);
    stream.send({});
    expect((await stream.next((frame) => frame.bye !== undefined)).bye.code).to.equal("BAD_FRAME");
    expect((await stream.ended)?.code).to.equal(status.INVALID_ARGUMENT);
    const large = ada.connect();
    await large.next((frame) => frame.hello !== undefined);
    large.send({ roomPost: { to: "den", text: "x".repeat(70_000) } });
    expect((await large.ended)?.code).to.equal(status.RESOURCE_EXHAUSTED);
    // What is no HTTP/2 at all.
    const [host = "", port = ""] = address().split(":");
    const tcp = connectTcp(Number(port), host);
    tcp.on("error", () => undefined);
    tcp.end("GET / HTTP/1.1\r\n\r\n");
    tcp.resume();
    await once(tcp, "close");
    expect(await ada.call("UserService", "Describe", {})).to.deep.include({ user: "ada" });
  });

  it("reads any bytes as a frame or refuses them", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const read of [readClientFrame, readRouteCall].map(
          (one) => (raw: Uint8Array) => one(raw, jsonBounds(gatewayLimits)),
        )) {
          const result = read(bytes);
          if (!result.ok) expect(result.error.code).to.equal("BAD_REQUEST");
        }
      }),
      { numRuns: 300 },
    );
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    const frames = [
      { re: 1, ok: { a: [1, "two", null, true, { b: 1.5 }] } },
      { topic: "room/x", at: 3, event: { deep: nested(30) } },
    ] as const;
    expect([...framesIn(Buffer.concat(frames.map((frame) => encodeNodeFrame(frame))))]).to.have.length(2);
  });

  it("gives back what answers to routes hold, also of calls that are given up", async () => {
    await start({ limits: { outflowPersonBytesMax: 1, stalledAnswerMs: 60_000 } });
    await ada.call("RoomService", "Create", { to: "den" });
    const rooms = (more: object = {}) =>
      ada.call("RouteService", "Call", { method: "GET", path: "/api/v1/rooms" }, more);
    const history = () => ada.call("RoomService", "History", { to: "den" });
    // One large answer at a time: with one that is never given back none would follow.
    for (let round = 0; round < 5; round += 1) {
      expect(plain((await rooms()).body).rooms).to.have.length(1);
      await history();
      await refusal(rooms({ deadlineMs: 1 + round }));
    }
  });

  it("keeps the deadline of a call", async () => {
    const timeouts: number[] = [];
    await start();
    const { kernel } = fixture.settings as { kernel: { ask: GatewayOptions["kernel"]["ask"] } };
    const before = kernel.ask.bind(kernel);
    kernel.ask = (question) => {
      if (question.message.type === "history") timeouts.push(question.timeoutMs);
      return before(question);
    };
    await ada.call("RoomService", "Create", { to: "den" });
    await ada.call("RoomService", "History", { to: "den" }, { deadlineMs: 7_000 });
    await ada.call("RoomService", "History", { to: "den" });
    kernel.ask = before;
    expect(timeouts[0]).to.be.within(1, 7_000);
    expect(timeouts[1]).to.equal(10_000);
  });

  it("lets a person have only so many streams, and an ended session none", async () => {
    await start({ limits: { connectionsPerUserMax: 2 } });
    const streams = [ada.connect(), ada.connect()];
    for (const stream of streams) await stream.next((frame) => frame.hello !== undefined);
    expect((await ada.connect().ended)?.metadata.get("plexus-code")).to.deep.equal(["LIMIT_REACHED"]);
    await fixture.request("POST", "/api/v1/sign-out", { token, body: {} });
    for (const stream of streams) {
      expect((await stream.next((frame) => frame.bye !== undefined)).bye.code).to.equal("UNAUTHENTICATED");
      expect((await stream.ended)?.code).to.equal(status.UNAUTHENTICATED);
    }
  });

  it("cuts who does not read, and goes on for the others", async () => {
    await start({ limits: { slowReaderGraceMs: 50, closeTimeoutMs: 50, sweepMs: 20, sendBufferSoftBytes: 32_768 } });
    const bob = grpcClient(address(), (await fixture.signUp("bob")).token);
    await ada.call("RoomService", "Create", { to: "den" });
    await bob.call("RoomService", "Join", { to: "den" });
    const slow = bob.connect();
    await slow.ask({ subscribe: { to: "room/den" } });
    slow.call.pause();
    const cut = slow.ended;
    let isCut = false;
    void cut.then(() => (isCut = true));
    const text = "x".repeat(9_000);
    while (!isCut) await ada.call("RoomService", "Post", { to: "den", text });
    expect(await bob.call("RoomService", "Describe", { to: "den" })).to.deep.include({ room: "den" });
    bob.close();
  });

  it("stops in order: says bye, lets calls end, takes no more", async () => {
    await start();
    const stream = ada.connect();
    await stream.next((frame) => frame.hello !== undefined);
    const where = address();
    const stopping = fixture.gateway.stop(2_000);
    expect((await stream.next((frame) => frame.bye !== undefined)).bye.code).to.equal("STOPPING");
    expect((await stream.ended)?.code).to.equal(status.UNAVAILABLE);
    await stopping;
    const late = grpcClient(where, token);
    expect((await refusal(late.call("UserService", "Describe", {}, { deadlineMs: 5_000 })))?.code).to.equal(
      status.UNAVAILABLE,
    );
    late.close();
  });

  it("speaks TLS, asks clients for a certificate, and follows the files", async () => {
    const nowMs = Date.now();
    const clients = makeCertificate("clients", nowMs);
    const others = makeCertificate("others", nowMs);
    let files: TlsFiles = { ...tlsPair };
    let changed = (): void => undefined;
    const tls = { current: () => files, onChange: (listener: () => void) => ((changed = listener), () => undefined) };
    fixture = await startFixture({ clock: createClock() });
    const gateway = await createGateway({ ...fixture.settings, tls, grpcListen: { host: "127.0.0.1", port: 0 } });
    token = (await fixture.signUp("ada")).token;
    ada = grpcClient(gateway.grpcAddress as string, token);
    const made: GrpcClient[] = [];
    const asks = (secure: ReturnType<typeof credentials.createSsl>): Promise<unknown> => {
      const one = grpcClient(gateway.grpcAddress as string, token, secure, {
        "grpc.ssl_target_name_override": "localhost",
        "grpc.default_authority": "localhost",
      });
      made.push(one);
      return one.call("UserService", "Describe", {}, { deadlineMs: 10_000 });
    };
    const root = Buffer.from(tlsPair.cert);
    const shows = ({ keyPem, pem }: { keyPem: string; pem: string }) =>
      credentials.createSsl(root, Buffer.from(keyPem), Buffer.from(pem));
    try {
      expect(await asks(credentials.createSsl(root))).to.deep.include({ user: "ada" });
      expect((await refusal(ada.call("UserService", "Describe", {}, { deadlineMs: 10_000 })))?.code).to.equal(
        status.UNAVAILABLE,
      );
      files = { ...tlsPair, clientCa: clients.pem };
      changed();
      await gateway.stop(1_000);
    } finally {
      for (const one of made) one.close();
    }
    const mutual = await createGateway({ ...fixture.settings, tls, grpcListen: { host: "127.0.0.1", port: 0 } });
    const call = (secure: ReturnType<typeof credentials.createSsl>): Promise<unknown> => {
      const one = grpcClient(mutual.grpcAddress as string, token, secure, {
        "grpc.ssl_target_name_override": "localhost",
        "grpc.default_authority": "localhost",
      });
      return one.call("UserService", "Describe", {}, { deadlineMs: 10_000 }).finally(() => one.close());
    };
    try {
      const client = makeCertificate("ada's program", nowMs, { by: clients });
      expect(await call(shows(client))).to.deep.include({ user: "ada" });
      for (const secure of [credentials.createSsl(root), shows(others)])
        expect((await refusal(call(secure)))?.code).to.equal(status.UNAVAILABLE);
      files = { ...tlsPair, clientCa: others.pem };
      changed();
      expect((await refusal(call(shows(client))))?.code).to.equal(status.UNAVAILABLE);
      expect(await call(shows(others))).to.deep.include({ user: "ada" });
    } finally {
      await mutual.stop(1_000);
    }
  });

  it("takes bodies of every form that JSON has", async () => {
    await start();
    const set = { displayName: "Ada", theme: "dark" };
    const call = (body: unknown) =>
      ada.call("RouteService", "Call", { method: "PATCH", path: "/api/v1/me", body: boxed(body) });
    expect(plain((await call(set)).body)).to.deep.include(set);
    for (const body of [null, [1, "two"], "text", 7, { displayName: { constructor: { prototype: 1 } } }])
      expect((await refusal(call(body)))?.metadata?.get("plexus-code"), JSON.stringify(body)).to.deep.equal(
        body === null ? undefined : ["BAD_REQUEST"],
      );
  });
});

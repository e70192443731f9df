import { createClock } from "../../../node/platform/index.ts";
import { status } from "@grpc/grpc-js";
import { expect } from "chai";
import { clientCommands, errorTable, failure, failureOf, type ErrorCode } from "../../../protocols/index.ts";
import { codeOf, commandMethodsOf } from "../../../node/gateway/wires/grpc-codec.ts";
import { boxed, grpcClient, plain, type GrpcClient } from "./grpc-client.ts";
import { password, startFixture, type Fixture } from "./fixture.ts";

/** What a rejected call says. */
// oxlint-disable-next-line typescript/no-explicit-any -- tests look into errors of every shape
const refusal = (call: Promise<unknown>): Promise<any> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );
const codeIn = (error: { metadata: { get(name: string): unknown[] } } | undefined): unknown =>
  error?.metadata.get("plexus-code")[0];

describe("gateway: the methods of gRPC", () => {
  it("are there for every command, or the node says which are not and does not listen", () => {
    expect(commandMethodsOf(clientCommands)).to.have.length(clientCommands.length);
    const [known] = clientCommands as [(typeof clientCommands)[0], ...typeof clientCommands];
    const unknown = [
      { ...known, name: "unheard" },
      { ...known, kind: "claim" as const },
    ];
    try {
      commandMethodsOf([known, ...unknown]);
      expect.fail("listened");
    } catch (error) {
      const { code, details } = failureOf(error);
      expect(code).to.equal("CONFIG_INVALID");
      expect(details?.["reason"]).to.match(new RegExp(`no method for ${known.kind}.unheard, claim.${known.name}:`));
    }
  });
});

describe("gateway: gRPC", () => {
  let fixture: Fixture;
  let ada: GrpcClient;
  let bob: GrpcClient;
  const clients: GrpcClient[] = [];
  const client = (token?: string): GrpcClient => {
    const made = grpcClient(fixture.gateway.grpcAddress as string, token);
    clients.push(made);
    return made;
  };
  before(async () => {
    fixture = await startFixture({ clock: createClock(), grpcListen: { host: "127.0.0.1", port: 0 } });
    ada = client((await fixture.signUp("ada")).token);
    bob = client((await fixture.signUp("bob")).token);
  });
  after(async () => {
    for (const one of clients) one.close();
    await fixture.stop();
  });

  it("answers commands one by one, with typed answers", async () => {
    const view = await ada.call("RoomService", "Create", { to: "den", title: "The den" });
    expect(view).to.deep.include({ room: "den", title: "The den", visibility: "public" });
    expect(Object.keys(view.members)).to.deep.equal(["user/ada"]);
    const posted = await ada.call("RoomService", "Post", { to: "den", text: "hi" });
    expect(posted.seq).to.equal(1);
    const { messages } = await ada.call("RoomService", "History", { to: "den" });
    expect(messages).to.have.length(1);
    expect(messages[0]).to.deep.include({ seq: 1, author: "user/ada", text: "hi" });
    expect(await ada.call("RoomService", "Typing", { to: "den" })).to.deep.equal({});
    // The default of protobuf is not sent, and is meant all the same.
    await ada.call("RoomService", "React", { to: "den", seq: 1, emoji: "👍", on: true });
    const after = await ada.call("RoomService", "React", { to: "den", seq: 1, emoji: "👍", on: false });
    expect(plain(after.reactions) ?? {}).to.deep.equal({});
    expect(await ada.call("UserService", "Describe", {})).to.deep.include({ user: "ada" });
  });

  it("does a command with the same operation id once", async () => {
    const post = () => ada.call("RoomService", "Post", { to: "den", text: "once", operationId: "k1" });
    const [first, second] = [await post(), await post()];
    expect(second).to.deep.equal(first);
  });

  it("refuses with the row of the error table", async () => {
    const taken = await refusal(bob.call("RoomService", "Create", { to: "den" }));
    expect(taken.code).to.equal(status.FAILED_PRECONDITION);
    expect(codeIn(taken)).to.equal("NAME_TAKEN");
    expect(taken.metadata.get("plexus-outcome")).to.deep.equal(["failed"]);
    expect(taken.details).to.equal(errorTable.NAME_TAKEN.help);
    expect(taken.metadata.get("grpc-status-details-bin")[0].toString()).to.include("plexus.v1.Failure");
    const invalid = await refusal(ada.call("RoomService", "Post", { to: "den" }));
    expect([invalid.code, codeIn(invalid)]).to.deep.equal([status.INVALID_ARGUMENT, "BAD_REQUEST"]);
    for (const token of [undefined, "plx_YWRh.xxx"]) {
      const stranger = await refusal(ada.call("RoomService", "Describe", { to: "den" }, { token }));
      expect([stranger.code, codeIn(stranger)]).to.deep.equal([status.UNAUTHENTICATED, "UNAUTHENTICATED"]);
      const stream = ada.connect(token ?? "");
      expect((await stream.ended)?.code).to.equal(status.UNAUTHENTICATED);
    }
  });

  it("has a code for every row, and none that says of what may have run that it may be repeated", () => {
    for (const code of Object.keys(errorTable) as ErrorCode[]) {
      const reason = failure(code);
      expect(status[codeOf(reason)], code).to.be.a("string");
      if (errorTable[code].outcome === "unknown") expect(codeOf(reason), code).to.not.equal(status.UNAVAILABLE);
      else expect(codeOf(reason), code).to.not.equal(status.UNKNOWN);
    }
  });

  it("carries commands and events in one stream, from a cursor on", async () => {
    const reader = bob.connect();
    expect((await reader.next((frame) => frame.hello !== undefined)).hello).to.deep.include({
      user: "bob",
      node: "test",
    });
    expect((await reader.ask({ ping: {} })).result).to.equal("ok");
    await reader.ask({ roomJoin: { to: "den" } });
    const subscribed = plain((await reader.ask({ subscribe: { to: "room/den" } })).ok);
    expect(subscribed.state.room).to.equal("den");
    const posted = plain((await reader.ask({ roomPost: { to: "den", text: "from a stream", operationId: "s1" } })).ok);
    const { event } = await reader.next(
      (frame) => frame.event?.topic === "room/den" && plain(frame.event.event).message?.text === "from a stream",
    );
    expect(event.at).to.equal(posted.at);
    reader.call.cancel();

    await ada.call("RoomService", "Post", { to: "den", text: "meanwhile 1" });
    await ada.call("RoomService", "Post", { to: "den", text: "meanwhile 2" });
    const again = bob.connect();
    expect(plain((await again.ask({ subscribe: { to: "room/den", cursor: event.at } })).ok)).to.not.have.property(
      "state",
    );
    const texts: string[] = [];
    let at = event.at as number;
    for (const _ of [1, 2]) {
      const next = await again.next((frame) => frame.event?.at !== undefined);
      expect(next.event.at).to.equal(at + 1);
      at = next.event.at;
      texts.push(plain(next.event.event).message.text);
    }
    expect(texts).to.deep.equal(["meanwhile 1", "meanwhile 2"]);
    const refused = await again.ask({ roomPost: { to: "nowhere", text: "x" } });
    expect(refused.error.code).to.equal("NOT_FOUND");
    again.call.cancel();
  });

  it("signs people in by the routes of REST, with their rights and errors", async () => {
    const stranger = client();
    const signIn = (secret: string) =>
      stranger.call("RouteService", "Call", {
        method: "POST",
        path: "/api/v1/sign-in",
        body: boxed({ name: "ada", password: secret }),
      });
    const { status: answered, body } = await signIn(password);
    expect(answered).to.equal(200);
    const { token } = plain(body);
    const me = await stranger.call("RouteService", "Call", { method: "GET", path: "/api/v1/me" }, { token });
    expect(plain(me.body)).to.deep.include({ user: "ada" });
    expect(codeIn(await refusal(signIn("wrong horse")))).to.equal("SIGN_IN_FAILED");
    const forbidden = await refusal(bob.call("RouteService", "Call", { method: "GET", path: "/api/v1/admin/status" }));
    expect([forbidden.code, codeIn(forbidden)]).to.deep.equal([status.PERMISSION_DENIED, "FORBIDDEN"]);
    for (const path of ["/openapi.json", "/v1/models", "//x", "/api/v1/rooms/den events"])
      expect(codeIn(await refusal(bob.call("RouteService", "Call", { method: "GET", path }))), path).to.equal(
        "BAD_REQUEST",
      );
    const stream = await refusal(ada.call("RouteService", "Call", { method: "GET", path: "/api/v1/rooms/den/events" }));
    expect(codeIn(stream)).to.equal("BAD_REQUEST");
  });
});

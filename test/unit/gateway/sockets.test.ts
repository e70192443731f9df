import { once } from "node:events";
import { connect } from "node:net";
import { expect } from "chai";
import { WebSocket } from "ws";
import { clientLimits } from "../../../client/index.ts";
import { gatewayLimits } from "../../../node/gateway/limits.ts";
import { createToken } from "../../../node/gateway/identity/tokens.ts";
import { createRandom } from "../../../node/platform/index.ts";
import { failure, ok, refused, wireLimits, type Failure } from "../../../protocols/index.ts";
import { untilTrue } from "../../waits.ts";
import { startClusterFixture } from "./cluster-fixture.ts";
import { connectClient, controlToken, startFixture, type Client, type Frame, type Fixture } from "./fixture.ts";

const isEvent = (topic: string, type: string) => (frame: Frame) => frame.topic === topic && frame.event?.type === type;

describe("gateway: WebSocket", () => {
  let fixture: Fixture;
  let ada: string;
  let bob: string;
  before(async () => {
    fixture = await startFixture();
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
  });
  after(() => fixture.stop());

  async function createRoom(client: Client, room: string, fields: object = {}): Promise<void> {
    expect((await client.ask("room.create", room, fields)).error).to.equal(undefined);
  }

  it("greets with hello and answers ping", async () => {
    const { token } = await fixture.signUp("hal");
    const client = await connectClient(fixture.url, token);
    expect((await client.ask("ping")).ok).to.deep.equal({});
    client.socket.close();
  });

  it("accepts the token as cookie and as query, and cookies from our own pages only", async () => {
    const cookie = { cookie: `plexus_session=${ada}` };
    const good = await fixture.connect("", { headers: { ...cookie, origin: fixture.url } });
    expect((await good.ask("ping")).ok).to.deep.equal({});
    const foreign = fixture.connect("", { headers: { ...cookie, origin: "https://evil.example" } });
    expect(await foreign.then(() => undefined, (error: { status: number }) => error.status)).to.equal(403);
    const query = await connectClient(fixture.url, "", { headers: {} }, `/ws?token=${ada}`);
    expect((await query.ask("ping")).ok).to.deep.equal({});
    query.socket.close();
  }); // prettier-ignore

  it("refuses an upgrade without a good token before accepting it", async () => {
    for (const token of ["", "plx_YWRh.xxx", ada.slice(0, -2) + "xx", `${"plx_"}${"A".repeat(400)}`]) {
      const refusal = await fixture.connect(token).then(
        () => undefined,
        (error: { status: number; text: string }) => error,
      );
      expect(refusal?.status, token).to.equal(401);
      expect(JSON.parse(refusal?.text ?? "").error.code).to.equal("UNAUTHENTICATED");
    }
  });

  it("says of a user whose slot nobody serves that it is so, before the client gives up", async () => {
    const lost = await startClusterFixture();
    const waits: number[] = [];
    const down = { node: "n2", reason: "the node that has it is down" };
    const answers = [
      [failure("ASK_TIMEOUT"), { because: "ASK_TIMEOUT" }],
      [failure("ASK_TIMEOUT", { because: "SLOT_UNAVAILABLE", node: "n2" }), { because: "ASK_TIMEOUT", node: "n2" }],
      [failure("SLOT_UNAVAILABLE", { slot: "chat/1", ...down }), { slot: "chat/1", ...down }],
    ] as const;
    let said: Failure = failure("ASK_TIMEOUT");
    lost.cluster = (_message, timeoutMs) => {
      waits.push(timeoutMs);
      return refused(said);
    };
    try {
      const token = createToken("session", "ada", createRandom());
      for (const [answer, details] of answers) {
        said = answer;
        const refusal = await connectClient(lost.gateway.url, token).then(
          () => undefined,
          (error: { status: number; text: string }) => error,
        );
        expect(refusal?.status).to.equal(503);
        const error = { code: "SLOT_UNAVAILABLE", details: { actor: "user/ada", ...details } };
        expect(JSON.parse(refusal?.text ?? "").error).to.deep.include(error);
      }
      expect(new Set(waits)).to.deep.equal(new Set([gatewayLimits.upgradeTimeoutMs]));
    } finally {
      await lost.stop();
    }
    expect(gatewayLimits.upgradeTimeoutMs).to.be.lessThan(clientLimits.handshakeAmongManyMs);
  });

  it("refuses what a node answers for an actor and is no answer, and goes on", async () => {
    const lost = await startClusterFixture();
    const { url } = lost.gateway;
    const caller = { user: "user/ada", admin: false, session: "s", kind: "session" };
    const token = createToken("session", "ada", createRandom());
    const enter = () => connectClient(url, token).then(undefined, (error: { status: number }) => error.status);
    try {
      for (const nonsense of [undefined, null, 7, {}, { ...caller, user: 7 }, { ...caller, expiresAtMs: "never" }]) {
        lost.cluster = () => ok(nonsense);
        expect(await enter(), JSON.stringify(nonsense)).to.equal(500);
      }
      let said: unknown;
      lost.cluster = ({ type }) => ok(type === "authenticate" ? caller : said);
      const client = await connectClient(url, token);
      const event = { at: 1, event: { type: "posted" } };
      for (said of [undefined, null, 7, {}, { head: -1 }, { head: 1, events: 7 }, { head: 1, events: [null] }, { head: 1, events: [{ ...event, event: null }] }])
        expect((await client.ask("subscribe", "room/lobby")).error?.code, JSON.stringify(said)).to.equal("INTERNAL");
      for (said of [undefined, null, {}, { rooms: 7 }, { rooms: [null] }, { rooms: ["../lobby"] }])
        expect((await client.ask("watch")).error?.code, JSON.stringify(said)).to.equal("INTERNAL");
      said = { head: 1, events: [event] };
      expect(await client.ask("subscribe", "room/lobby", {}, { cursor: 0 })).to.deep.include({ ok: { head: 1 } });
      expect(await client.next((frame) => frame.topic === "room/lobby")).to.deep.equal({ topic: "room/lobby", ...event });
      client.socket.close();
    } finally {
      await lost.stop();
    }
  }); // prettier-ignore

  it("streams what happens in a room to everybody who follows it, in order and once", async () => {
    const author = await fixture.connect(ada);
    const reader = await fixture.connect(bob);
    await createRoom(author, "lobby");
    await reader.ask("room.join", "lobby");
    const subscribed = await reader.ask("subscribe", "room/lobby");
    expect(subscribed.ok.state.room).to.equal("lobby");
    const { head } = subscribed.ok;

    const count = 200;
    const posted = await Promise.all(
      Array.from({ length: count }, (_, index) => author.ask("room.post", "lobby", { text: `message ${index}` })),
    );
    const limited = posted.filter((answer) => answer.error?.code === "OVERLOADED").length;
    const accepted = count - limited;
    expect(accepted).to.be.at.least(64);
    for (let index = 0; index < accepted; index += 1) {
      const frame = await reader.next((candidate) => candidate.topic === "room/lobby");
      expect(frame.at).to.equal(head + 1 + index);
      expect(frame.event.type).to.equal("posted");
    }
  });

  it("gives after a cursor exactly what was missed, then goes on live", async () => {
    const author = await fixture.connect(ada);
    await createRoom(author, "archive");
    for (let index = 0; index < 30; index += 1) await author.ask("room.post", "archive", { text: `old ${index}` });
    const reader = await fixture.connect(ada);
    const { ok } = await reader.ask("subscribe", "room/archive", undefined, { cursor: 5 });
    expect(ok.state).to.equal(undefined);
    await author.ask("room.post", "archive", { text: "new" });
    for (let at = 6; at <= ok.head + 1; at += 1)
      expect((await reader.next((frame) => frame.topic === "room/archive")).at).to.equal(at);
  });

  it("has no gap and no duplicate when subscribing in the middle of a storm of posts", async () => {
    const author = await fixture.connect(ada);
    await createRoom(author, "storm");
    let posting = true;
    const storm = (async () => {
      for (let index = 0; index < 300 && posting; index += 1)
        await author.ask("room.post", "storm", { text: `drop ${index}` });
    })();
    const seen: number[][] = [];
    for (let round = 0; round < 10; round += 1) {
      const reader = await fixture.connect(ada);
      const { ok } = await reader.ask("subscribe", "room/storm", undefined, { cursor: round === 0 ? 0 : 1 });
      expect(ok.head).to.be.a("number");
      await reader.next((frame) => frame.topic === "room/storm" && frame.at > ok.head);
      reader.socket.close();
      await reader.closed;
      seen.push(reader.frames.filter((frame) => frame.topic === "room/storm").map((frame) => frame.at as number));
    }
    posting = false;
    await storm;
    for (const positions of seen) {
      // The one frame that was waited for is taken out, so it may leave one hole and no other.
      const sorted = [...positions].sort((left, right) => left - right);
      expect(positions).to.deep.equal(sorted);
      expect(new Set(positions).size).to.equal(positions.length);
      const holes = positions.filter((at, index) => index > 0 && at !== (positions[index - 1] as number) + 1);
      expect(holes.length).to.be.at.most(1);
    }
  });

  it("asks the actor again when the hub lost an event", async () => {
    const author = await fixture.connect(ada);
    await createRoom(author, "lossy");
    const reader = await fixture.connect(ada);
    const { ok } = await reader.ask("subscribe", "room/lossy");
    // What a mesh may do: lose what an owner published, though the journal has it.
    const original = fixture.hub.publish.bind(fixture.hub);
    let dropped = 0;
    (fixture.hub as { publish: typeof original }).publish = (topic, event, at, epoch) => {
      if (topic === "room/lossy" && dropped < 3) dropped += 1;
      else original(topic, event, at, epoch);
    };
    for (let index = 0; index < 4; index += 1) await author.ask("room.post", "lossy", { text: `${index}` });
    (fixture.hub as { publish: typeof original }).publish = original;
    for (let index = 1; index <= 4; index += 1)
      expect((await reader.next((frame) => frame.topic === "room/lossy")).at).to.equal(ok.head + index);
    expect(dropped).to.equal(3);
  });

  it("sends best-effort events without a position", async () => {
    const typist = await fixture.connect(ada);
    const reader = await fixture.connect(ada);
    await createRoom(typist, "typing");
    await reader.ask("subscribe", "room/typing");
    await typist.ask("room.typing", "typing", {});
    const frame = await reader.next(isEvent("room/typing", "typing"));
    expect(frame.at).to.equal(undefined);
  });

  it("ends the subscription of a member that is removed, with nothing said after that", async () => {
    const owner = await fixture.connect(ada);
    const member = await fixture.connect(bob);
    await createRoom(owner, "secret", { visibility: "private" });
    await owner.ask("room.invite", "secret", { member: "user/bob" });
    expect((await member.ask("subscribe", "room/secret")).ok.head).to.be.a("number");
    // In one breath, so that removal and message come out of the same turn of the loop.
    const removed = owner.ask("room.remove", "secret", { member: "user/bob" });
    const after = owner.ask("room.post", "secret", { text: "now we are alone" });
    await Promise.all([removed, after]);
    const lost = await member.next((frame) => frame.lost !== undefined);
    expect(lost).to.deep.include({ topic: "room/secret" });
    expect(lost.lost.code).to.equal("NOT_A_MEMBER");
    expect((await member.ask("subscribe", "room/secret")).error?.code).to.equal("NOT_FOUND");
    expect(JSON.stringify(member.frames)).not.to.contain("alone");
  });

  it("refuses topics that are not the caller's with the actor's own answer", async () => {
    const client = await fixture.connect(bob);
    expect((await client.ask("subscribe", "user/ada")).error?.code).to.equal("FORBIDDEN");
    expect((await client.ask("subscribe", "role-manager/cluster")).error?.code).to.equal("FORBIDDEN");
    expect((await client.ask("subscribe", "room/nowhere")).error?.code).to.equal("NOT_FOUND");
    expect((await client.ask("subscribe", "no topic")).error?.code).to.equal("BAD_REQUEST");
    expect((await client.ask("subscribe", "user/bob")).ok.state.user).to.equal("bob");
    const forged = await client.ask("subscribe", "user/bob", undefined, { cursor: 9_999_999 });
    expect(forged.error?.code).to.equal("CURSOR_INVALID");
    expect((await client.ask("unsubscribe", "user/bob")).ok).to.deep.equal({});
  });

  it("refuses a well-formed command that does not fit and goes on", async () => {
    const client = await fixture.connect(bob);
    const unknown = await client.ask("room.explode", "lobby", {});
    expect(unknown.error?.code).to.equal("BAD_REQUEST");
    const extra = await client.ask("room.post", "lobby", { text: "x", admin: true });
    expect(extra.error?.details).to.deep.equal({ path: "/with", problem: "unknown field admin" });
    const internal = await client.ask("user.openSession", "bob", {});
    expect(internal.error?.code).to.equal("BAD_REQUEST");
    expect((await client.ask("room.post", "No Key!", { text: "x" })).error?.code).to.equal("BAD_REQUEST");
    expect((await client.ask("ping")).ok).to.deep.equal({});
  });

  it("finds rooms and people, in their two lists and no other", async () => {
    const client = await fixture.connect(ada);
    for (const list of ["rooms", "users"])
      expect((await client.ask("catalog.find", list)).ok.rows, list).to.be.an("array");
    for (const list of ["agents", undefined, "../x"])
      expect((await client.ask("catalog.find", list)).error?.details?.["path"]).to.equal("/to");
    for (const inner of ["catalog.put", "room.resume", "room.draft", "role-manager.describe", "room.constructor"])
      expect((await client.ask(inner, "rooms")).error?.details?.["problem"], inner).to.equal("unknown command");
    client.socket.close();
  });

  it("gives a retried command its first answer", async () => {
    const client = await fixture.connect(ada);
    await createRoom(client, "once");
    const operation = { operationId: "op-1" };
    const first = await client.ask("room.post", "once", { text: "one" }, operation);
    const again = await client.ask("room.post", "once", { text: "one" }, operation);
    expect(again.ok).to.deep.equal(first.ok);
    expect((await client.ask("room.describe", "once")).ok.messageSeq).to.equal(1);
  });

  it("says bye to a malformed frame and closes", async () => {
    for (const [frame, code] of [
      ["nonsense", 1007],
      ['{"id":-1,"do":"ping"}', 1007],
      ['{"id":1,"do":"ping","extra":1}', 1007],
      [`${"[".repeat(200)}${"]".repeat(200)}`, 1007],
      ['{"id":1,"do":"ping","__proto__":{"x":1}}', 1007],
      [Buffer.from('{"id":1,"do":"ping"}'), 1003],
    ] as const) {
      const client = await fixture.connect(bob);
      client.socket.send(frame);
      const { bye } = await client.next((candidate) => candidate.bye !== undefined);
      expect(bye.code, String(frame)).to.equal("BAD_FRAME");
      expect((await client.closed).code).to.equal(code);
    }
  });

  it("closes on a frame that is too large and on text that is not UTF-8", async () => {
    const large = await fixture.connect(bob);
    large.socket.send("x".repeat(70_000));
    expect((await large.closed).code).to.equal(1009);
    const broken = await fixture.connect(bob);
    broken.socket.send(Buffer.from([0xc3, 0x28]), { binary: false });
    expect((await broken.closed).code).to.equal(1007);
  });

  it("tells about activity in rooms that the connection does not follow", async () => {
    const author = await fixture.connect(ada);
    await createRoom(author, "news");
    const reader = await fixture.connect(bob);
    await reader.ask("room.join", "news");
    expect((await reader.ask("watch")).ok).to.deep.equal({});
    await author.ask("room.post", "news", { text: "hello @bob" });
    const { activity } = await reader.next((frame) => frame.activity !== undefined);
    expect(activity).to.include({ room: "news", seq: 1, author: "user/ada", mentioned: true });

    await createRoom(author, "newer");
    await reader.ask("subscribe", "user/bob");
    await reader.ask("room.join", "newer");
    await reader.next(isEvent("user/bob", "roomJoined"));
    await author.ask("room.post", "newer", { text: "joined later" });
    expect((await reader.next((frame) => frame.activity !== undefined)).activity.room).to.equal("newer");

    await reader.ask("subscribe", "room/news");
    await author.ask("room.post", "news", { text: "now followed" });
    await reader.next(isEvent("room/news", "posted"));
    await reader.ask("ping");
    expect(reader.frames.filter((frame) => frame.activity !== undefined)).to.deep.equal([]);
  });

  it("tells with activity what concerns the person, and how it begins where a notice may be shown of it", async () => {
    const [author, reader] = [await fixture.connect(ada), await fixture.connect(bob)];
    await createRoom(author, "desk");
    await reader.ask("room.join", "desk");
    await reader.ask("watch");
    await reader.ask("subscribe", "user/bob");
    const posted = async (text: string, replyTo?: number) => {
      await author.ask("room.post", "desk", { text, ...(replyTo && { replyTo, alsoInRoom: true }) });
      const isNews = (frame: Frame) => frame.activity?.author === "user/ada";
      const { room: _room, seq: _seq, author: _author, ...rest } = (await reader.next(isNews)).activity;
      return rest;
    };
    const set = async (command: string, said: object) => {
      await reader.ask(command, "bob", said);
      await reader.next(isEvent("user/bob", "notificationsSet"));
    };
    expect(await posted("nothing for anybody")).to.deep.equal({ mentioned: false });
    expect(await posted("hello @bob")).to.deep.equal({ mentioned: true, text: "hello @bob" });
    await set("user.setNotifications", { keywords: ["deploy"] });
    expect(await posted("the Deploy is done")).to.deep.equal({
      mentioned: false,
      keyword: true,
      text: "the Deploy is done",
    });
    const { seq } = (await reader.ask("room.post", "desk", { text: "who is there?" })).ok as { seq: number };
    expect(await posted("me", seq)).to.deep.equal({ mentioned: false, reply: true, text: "me" });
    await set("user.setRoomNotifications", { room: "desk", level: "all" });
    const long = `${"x".repeat(159)}😀`;
    expect(await posted(long)).to.deep.equal({ mentioned: false, text: "x".repeat(159) });
    await set("user.setRoomNotifications", { room: "desk", level: "nothing" });
    expect(await posted("@bob?")).to.deep.equal({ mentioned: true });
  });

  it("bounds subscriptions, commands under way and connections of one user", async () => {
    // Nothing is answered before everything was asked.
    const open = Promise.withResolvers<void>();
    const busy = await startFixture({
      open: ({ kernel }) => ({
        kernel: Object.create(kernel, {
          ask: {
            async value(request: Parameters<typeof kernel.ask>[0]) {
              if ((request.message as { readonly type?: string }).type === "describe") await open.promise;
              return kernel.ask(request);
            },
          },
        }),
      }),
    });
    const client = await busy.connect((await busy.signUp("ada")).token);
    const { outstandingCommandsMax } = wireLimits;
    const asked = Array.from({ length: outstandingCommandsMax + 36 }, () => client.ask("user.describe"));
    for (const late of await Promise.all(asked.slice(outstandingCommandsMax)))
      expect(late.error).to.include({ code: "OVERLOADED" });
    open.resolve();
    for (const early of await Promise.all(asked.slice(0, outstandingCommandsMax)))
      expect(early.error).to.equal(undefined);
    await busy.stop();

    const small = await startFixture({ limits: { connectionsPerUserMax: 2 } });
    const { token } = await small.signUp("ada");
    await small.connect(token);
    await small.connect(token);
    const third = await small.connect(token).then(
      () => undefined,
      (error: { status: number }) => error.status,
    );
    expect(third).to.equal(409);
    await small.stop();
  });

  it("limits how often one user may ask, over all connections", async () => {
    const small = await startFixture({ limits: { commandRate: { count: 5, windowMs: 60_000 } } });
    const { token } = await small.signUp("ada");
    const client = await small.connect(token);
    const answers = await Promise.all(Array.from({ length: 6 }, () => client.ask("ping")));
    const { error } = answers.at(-1) ?? {};
    expect(error?.code).to.equal("RATE_LIMITED");
    expect(error?.details?.["retryAfterMs"]).to.be.within(1, 12_000);
    const http = await small.request("GET", "/api/v1/me", { token });
    expect(http.status).to.equal(429);
    await small.stop();
  });

  it("does not read what comes faster than its user may send, and still says to which frame it belongs", async () => {
    const rate = { commandRate: { count: 1, windowMs: 60_000 }, refusalsMax: 4 };
    const small = await startFixture({ limits: rate });
    const { token } = await small.signUp("ada");
    const client = await small.connect(token);
    const refusal = (re: number) => client.next((frame) => frame.re === re && frame.error?.code === "RATE_LIMITED");
    expect((await client.ask("ping")).ok).to.deep.equal({});
    // Whoever read it would find that it is not JSON, and close.
    client.socket.send(`{"id":7,"do":${"[".repeat(60_000)}`);
    client.socket.send('{ "id" : 8 , "do":"ping"}');
    client.socket.send('{"do":"ping","with":{"id":1},"id":9}');
    for (const re of [7, 8, 9]) await refusal(re);
    client.socket.send(`{"do":"room.post","with":{"text":"${"x".repeat(5_000)}"},"id":10}`);
    const { bye } = await client.next((frame) => frame.bye !== undefined);
    expect(bye.code).to.equal("RATE_LIMITED");
    expect((await client.closed).code).to.equal(1013);
    await small.stop();
  });

  it("closes on who goes on sending too fast, whatever it sends", async () => {
    const small = await startFixture({ limits: { commandRate: { count: 1, windowMs: 60_000 }, refusalsMax: 3 } });
    const { token } = await small.signUp("ada");
    const client = await small.connect(token);
    for (let id = 0; id < 6; id += 1) client.socket.send(`{"id":${id},"do":"ping"}`);
    expect((await client.closed).code).to.equal(1013);
    expect(client.frames.map((frame) => frame.re)).to.deep.equal([0, 1, 2, 3, undefined]);
    await small.stop();
  });

  describe("with a client that does not read", () => {
    const limits = {
      sendBufferSoftBytes: 16 * 1024,
    };
    // More than the sockets of any system hold: what is left lies in the node's memory, or would.
    const rounds = 20;
    const postsPerRound = 50;

    it("holds nothing back for it, and gives it every event once it reads again", async () => {
      const small = await startFixture({ limits });
      const { token } = await small.signUp("ada");
      const author = await small.connect(token);
      await author.ask("room.create", "flood", {});
      const slow = await small.connect(token);
      const { ok } = await slow.ask("subscribe", "room/flood");
      slow.socket.pause();
      const post = () => author.ask("room.post", "flood", { text: "x".repeat(9_000) });
      for (let round = 0; round < rounds; round += 1) await Promise.all(Array.from({ length: postsPerRound }, post));
      slow.socket.resume();
      const head = (ok as { head: number }).head;
      await slow.next((frame) => frame.at === head + rounds * postsPerRound);
      const positions = slow.frames.filter((frame) => frame.topic === "room/flood" && frame.at !== undefined);
      expect(positions.map((frame) => frame.at)).to.deep.equal(positions.map((_, index) => head + 1 + index));
      await small.stop();
    });

    /** Posts more than the sockets of any system hold, and asks for all of it over and over without reading. */
    const greed = async (small: Fixture, requests: number) => {
      const { token } = await small.signUp("ada");
      const author = await small.connect(token);
      await author.ask("room.create", "flood", {});
      const post = () => author.ask("room.post", "flood", { text: "x".repeat(9_000) });
      for (let round = 0; round < 4; round += 1) await Promise.all(Array.from({ length: postsPerRound }, post));
      const greedy = await small.connect(token);
      greedy.socket.pause();
      const history = { do: "room.history", to: "flood", with: { limit: 200 } };
      for (let id = 1; id <= requests; id += 1) greedy.socket.send(JSON.stringify({ id, ...history }));
      return { author, greedy };
    };

    it("answers what it asks for as fast as it reads, and everything in the end", async () => {
      const small = await startFixture();
      const { author, greedy } = await greed(small, 40);
      // Another connection of the same person is served meanwhile.
      for (let round = 0; round < 5; round += 1) {
        const { ok } = await author.ask("room.history", "flood", { limit: 200 });
        expect(ok.messages).to.have.length(200);
      }
      greedy.socket.resume();
      // Answers come as they are ready: the last question's may overtake another.
      for (let id = 1; id <= 40; id += 1)
        expect((await greedy.next((frame) => frame.re === id)).ok?.messages).to.have.length(200);
      await small.stop();
    });

    it("closes it with a reason when it has read nothing for a while", async () => {
      const cut = Promise.withResolvers<void>();
      const meter = {
        count: (name: string) => name === "gateway_slow_readers" && cut.resolve(),
        gauge() {},
        observeMs() {},
      };
      const small = await startFixture({ limits: { slowReaderGraceMs: 100, closeTimeoutMs: 5_000 }, meter });
      const { greedy } = await greed(small, 40);
      await cut.promise;
      greedy.socket.resume();
      expect((await greedy.closed).code).to.equal(1013);
      expect(greedy.frames.at(-1)?.bye?.code).to.equal("RATE_LIMITED");
      await small.stop();
    });
  });

  it("lets go of refused upgrades that the other side keeps open, also when it stops", async () => {
    const small = await startFixture({ limits: { closeTimeoutMs: 50 } });
    const { hostname, port } = new URL(small.url);
    const upgrade = "GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    const held = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
        // The node may let go of this one before others are answered.
        const closed = new Promise((resolve) => socket.once("close", resolve));
        socket.on("error", () => undefined).write(upgrade);
        const [answer] = (await once(socket, "data")) as [Buffer];
        expect(answer.toString()).to.match(/^HTTP\/1\.1 401 /u);
        // Its own half stays open; writing shows it when the node has let go.
        socket.resume();
        const writing = untilTrue("the node lets go", () => {
          if (!socket.destroyed) socket.write("and some bytes more");
          return socket.destroyed;
        });
        return { closed: Promise.all([closed, writing]) };
      }),
    );
    await Promise.all(held.map(({ closed }) => closed));
    const last = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    last.on("error", () => undefined).write(upgrade);
    await once(last, "data");
    await small.gateway.stop(500);
    last.destroy();
    await small.stop();
  });

  it("does not let an API key end sessions and keys", async () => {
    const small = await startFixture();
    const { token } = await small.signUp("ada");
    const person = await small.connect(token);
    const made = await fetch(`${small.url}/api/v1/me/keys`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ label: "k" }),
    });
    const { id, key } = (await made.json()) as { id: string; key: string };
    const program = await small.connect(key);
    expect((await program.ask("user.revokeSession", "ada", { id })).error?.code).to.equal("FORBIDDEN");
    const headers = { authorization: `Bearer ${key}` };
    expect((await fetch(`${small.url}/api/v1/me/sessions/${id}`, { method: "DELETE", headers })).status).to.equal(403);
    expect((await person.ask("user.revokeSession", "ada", { id })).ok).to.deep.equal({});
    await small.stop();
  });

  it("has an entry of the audit before a session's end is answered, and answers also when there can be none", async () => {
    const written: string[] = [];
    let full = false;
    const small = await startFixture({
      audit: {
        async write({ action, by, outcome }) {
          if (full) throw new Error("no room on the disk");
          written.push(`${action} ${by} ${outcome}`);
        },
      },
    });
    const { token } = await small.signUp("ada");
    const client = await small.connect(token);
    const opened = async (label: string): Promise<string> => {
      const made = await small.request("POST", "/api/v1/me/keys", { token, body: { label } });
      return (made.body as { readonly id: string }).id;
    };
    const [one, other] = [await opened("one"), await opened("other")];
    expect((await client.ask("user.revokeSession", "ada", { id: one })).ok).to.deep.equal({});
    expect(written.filter((line) => line.startsWith("revokeSession"))).to.deep.equal(["revokeSession user/ada done"]);
    full = true;
    expect((await client.ask("user.revokeSession", "ada", { id: other })).error).to.include({
      code: "INTERNAL",
      outcome: "unknown",
    });
    expect((await client.ask("ping")).ok).to.deep.equal({});
    await small.stop();
  });

  it("counts the posts of a room, of whomever and by any wire, and none of those who may not post there", async () => {
    const small = await startFixture({ limits: { roomRate: { count: 4, windowMs: 600_000 } } });
    const [ada, eve] = [await small.signUp("ada"), await small.signUp("eve")];
    const client = await small.connect(ada.token);
    const stranger = await small.connect(eve.token);
    await client.ask("room.create", "den", { visibility: "private" });
    const post = async (token: string): Promise<unknown> => {
      const { body } = await small.request("POST", "/api/v1/rooms/den/messages", { token, body: { text: "hi" } });
      return (body as { readonly error?: { readonly code: string } }).error?.code;
    };
    for (let round = 0; round < 3; round += 1) {
      expect((await stranger.ask("room.post", "den", { text: "let me in" })).error?.code).to.equal("NOT_FOUND");
      expect(await post(eve.token)).to.equal("NOT_FOUND");
    }
    for (let round = 0; round < 2; round += 1) {
      expect((await client.ask("room.post", "den", { text: "hi" })).error).to.equal(undefined);
      expect(await post(ada.token)).to.equal(undefined);
    }
    expect((await client.ask("room.post", "den", { text: "hi" })).error?.code).to.equal("RATE_LIMITED");
    expect(await post(ada.token)).to.equal("RATE_LIMITED");
    await small.stop();
  });

  it("says STOPPING to everybody when the node stops", async () => {
    const small = await startFixture();
    const { token } = await small.signUp("ada");
    const client = await small.connect(token);
    const stopping = small.gateway.stop(2_000);
    const { bye } = await client.next((frame) => frame.bye !== undefined);
    expect(bye.code).to.equal("STOPPING");
    expect((await client.closed).code).to.equal(1001);
    await stopping;
    await small.stop();
  });

  it("says on each socket and to proxies that it is cut off, where else to go, and when it is over", async () => {
    let reason: Failure | undefined;
    const listeners = new Set<() => void>();
    const turn = (next: Failure | undefined): void => {
      reason = next;
      for (const listener of listeners) listener();
    };
    const others = [
      { name: "alpha", url: "http://10.0.0.1:7070" },
      { name: "zulu", url: "http://10.0.0.3:7070" },
    ];
    const small = await startFixture({
      reach: {
        degraded: () => reason,
        onChange(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
        others: () => others,
      },
    });
    const { token } = await small.signUp("ada");
    const early = await small.connect(token);
    expect((await small.request("GET", "/readyz")).status).to.equal(200);

    const cutOff = failure("NODE_DEGRADED", { because: "directory" });
    turn(cutOff);
    const isDegraded = (frame: Frame) => "degraded" in frame;
    const said = await early.next(isDegraded);
    expect(said.degraded).to.deep.equal({ reason: cutOff, nodes: others.toReversed() });
    const headers = { authorization: `Bearer ${token}` };
    const raw = new WebSocket(small.url.replace("http", "ws") + "/ws", { headers });
    const [greeting] = (await once(raw, "message")) as [Buffer];
    const { hello } = JSON.parse(String(greeting));
    expect(hello.degraded).to.deep.equal(said.degraded);
    expect(hello.nodes.slice(1), "those that it takes for down may be up").to.deep.equal(said.degraded.nodes);
    raw.terminate();
    const late = await small.connect(token);
    expect((await early.ask("ping")).ok, "the connection goes on").to.deep.equal({});
    const ready = await small.request("GET", "/readyz");
    expect([ready.status, ready.body.error]).to.deep.equal([503, cutOff]);

    turn(undefined);
    for (const client of [early, late]) expect((await client.next(isDegraded)).degraded).to.equal(null);
    expect((await small.request("GET", "/readyz")).status).to.equal(200);
    await small.stop();
    expect(listeners.size, "nobody is told any more").to.equal(0);
  });
});

describe("gateway: connections that end by themselves", () => {
  it("pings the silent, keeps those who answer and drops those who do not", async () => {
    const fixture = await startFixture({ limits: { heartbeatMs: 500, sweepMs: 10 } });
    const { token } = await fixture.signUp("ada");
    const alive = await fixture.connect(token);
    const dead = await fixture.connect(token, { headers: { authorization: `Bearer ${token}` }, autoPong: false });
    expect((await dead.closed).code).to.equal(1006);
    expect(alive.socket.readyState).to.equal(1);
    await new Promise((resolve) => alive.socket.once("ping", resolve));
    expect((await alive.ask("ping")).ok).to.deep.equal({});
    await fixture.stop();
  });

  it("says UNAUTHENTICATED and closes when the session expires", async () => {
    const fixture = await startFixture({ limits: { sessionLifeMs: 150, sweepMs: 10 } });
    const { token } = await fixture.signUp("ada");
    const client = await fixture.connect(token);
    const { bye } = await client.next((frame) => frame.bye !== undefined);
    expect(bye.code).to.equal("UNAUTHENTICATED");
    expect((await client.closed).code).to.equal(1008);
    expect((await fixture.request("GET", "/api/v1/me", { token })).status).to.equal(401);
    await fixture.stop();
  });

  it("says that the account is suspended to those who were in, and of any other session that it ended", async () => {
    const fixture = await startFixture();
    const [eve, hal] = [await fixture.signUp("eve"), await fixture.signUp("hal")];
    const [left, shut, gone] = await Promise.all([eve, hal, eve].map(({ token }) => fixture.connect(token)));
    await fixture.request("PUT", "/api/v1/admin/users/hal/suspended", {
      token: controlToken,
      body: { suspended: true },
    });
    await fixture.request("POST", "/api/v1/sign-out", { token: eve.token });
    const endOf = async (client: Client | undefined) =>
      (await client?.next((frame) => frame.bye !== undefined))?.bye as Failure | undefined;
    const suspended = failure("SUSPENDED").message;
    const end = { ...failure("UNAUTHENTICATED", { because: "SUSPENDED" }), message: suspended };
    expect(await endOf(shut)).to.deep.equal(end);
    for (const client of [left, gone]) expect(await endOf(client)).to.deep.equal(failure("UNAUTHENTICATED"));
    // A stranger who has made up a token of theirs hears nothing of it.
    const guessed = await fixture.request("GET", "/api/v1/me", { token: hal.token.replace(/.{8}$/, "AAAAAAAA") });
    expect(guessed.body.error).to.not.have.nested.property("details.because");
    await fixture.stop();
  });

  it("cuts a closing handshake that takes too long", async () => {
    const fixture = await startFixture({ limits: { closeTimeoutMs: 20, sweepMs: 10 } });
    const { token } = await fixture.signUp("ada");
    const client = await fixture.connect(token);
    client.socket.pause();
    await fixture.request("POST", "/api/v1/sign-out", { token });
    // The client never reads the closing frame, so only the sweep can end this.
    for (let looks = 0; fixture.gateway.connections() > 0 && looks < 2_000; looks += 1)
      await fixture.request("GET", "/healthz");
    expect(fixture.gateway.connections()).to.equal(0);
    await fixture.stop();
  });

  it("bounds the connections of the node and refuses upgrades while it stops", async () => {
    const fixture = await startFixture({ limits: { connectionsMax: 1 } });
    const { token } = await fixture.signUp("ada");
    await fixture.connect(token);
    const refusal = await fixture.connect(token).then(
      () => undefined,
      (error: { status: number }) => error.status,
    );
    expect(refusal).to.equal(503);
    await fixture.stop();
  });
});

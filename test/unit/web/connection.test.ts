import { expect } from "chai";
import type { ClientFrame, Failure, NodeFrame } from "../../../protocols/index.ts";
import { failure } from "../../../protocols/index.ts";
import { backoffMs } from "../../../web/src/wire/backoff.ts";
import { connectionLimits } from "../../../web/src/wire/limits.ts";
import { World } from "../../world/index.ts";
import { Connection, type ConnectionPorts, type Follower } from "../../../web/src/wire/connection.ts";

/** A browser of which the test owns the clock and the network. */
function pretendBrowser() {
  const time = new World(1);
  let operations = 0;
  const sockets: Socket[] = [];
  const world = { online: true, sessionEnded: false };

  interface Socket {
    readonly sent: ClientFrame[];
    closed: boolean;
    say(frame: NodeFrame): void;
    drop(): void;
    /** The newest command of this name. */
    last(name: string): ClientFrame;
  }

  const ports: ConnectionPorts = {
    open(on) {
      const socket: Socket = {
        sent: [],
        closed: false,
        say: (frame) => on.frame(JSON.stringify(frame)),
        drop: () => on.closed(),
        last(name) {
          const found = socket.sent.findLast((frame) => frame.do === name);
          if (found === undefined) throw new Error(`no ${name} was sent`);
          return found;
        },
      };
      sockets.push(socket);
      return {
        send: (text) => socket.sent.push(JSON.parse(text) as ClientFrame),
        close: () => (socket.closed = true),
      };
    },
    after: (delayMs, callback) => time.after(delayMs, callback),
    nowMs: () => time.nowMs,
    chance: () => 0.5,
    operationId: () => `operation-${++operations}`,
    sessionEnded: () => Promise.resolve(world.sessionEnded ? failure("UNAUTHENTICATED") : undefined),
    online: () => world.online,
  };

  const socket = (): Socket => {
    const found = sockets.at(-1);
    if (found === undefined) throw new Error("no socket was opened");
    return found;
  };
  const hello = { version: "1", node: "n", user: "ada", admin: false, heartbeatMs: 30_000 };
  const connection = new Connection(ports);
  connection.start();
  const pass = (durationMs: number): void => time.elapse(durationMs);
  const timersCount = (): number => time.pending;
  return { connection, sockets, socket, pass, world, timersCount, greet: () => socket().say({ hello }) };
}

const recorder = () => {
  const seen: unknown[] = [];
  const follower: Follower = {
    state: (state, head) => seen.push(["state", state, head]),
    event: (event, at) => seen.push([event, at]),
    signal: (event) => seen.push(["signal", event]),
    refused: (reason) => seen.push(["refused", reason.code]),
  };
  return { seen, follower };
};

describe("the page's connection", () => {
  it("waits longer after each failed attempt, up to a bound, and never less than half a step", () => {
    const waits = Array.from({ length: 20 }, (_, index) => backoffMs(index + 1, 0));
    expect(waits.slice(0, 4)).to.deep.equal([200, 400, 800, 1_600]);
    expect(waits.at(-1)).to.equal(connectionLimits.backoffMaxMs / 2);
    expect(backoffMs(20, 0.999)).to.be.at.most(connectionLimits.backoffMaxMs);
  });

  it("shows that its node is cut off and where else to go, until that is over or the connection is another", () => {
    const { connection, socket, pass, greet } = pretendBrowser();
    const degraded = { reason: failure("NODE_DEGRADED"), nodes: [{ name: "node-b", url: "http://10.0.0.2:7070" }] };
    const shown = () => (connection.link.status === "open" ? connection.link.degraded : "not open");
    greet();
    expect(shown()).to.equal(undefined);
    socket().say({ degraded });
    expect(shown()).to.deep.equal(degraded);
    socket().say({ degraded: null });
    expect(shown()).to.equal(undefined);
    socket().say({ degraded });
    socket().drop();
    pass(connectionLimits.backoffMaxMs);
    greet();
    expect(shown(), "what an earlier connection said").to.equal(undefined);
  });

  it("resumes a topic after the last event it saw and drops what it has seen", () => {
    const { connection, socket, pass, greet } = pretendBrowser();
    const { seen, follower } = recorder();
    connection.follow("room/lobby", follower);
    greet();
    const first = socket().last("subscribe");
    expect(first.cursor).to.equal(undefined);
    socket().say({ re: first.id, ok: { head: 41, state: "S" } });
    socket().say({ topic: "room/lobby", at: 42, event: "a" });
    socket().drop();
    pass(connectionLimits.backoffMaxMs);
    greet();
    const second = socket().last("subscribe");
    expect(second.cursor).to.equal(42);
    socket().say({ re: second.id, ok: { head: 44 } });
    for (const at of [42, 43, 43, 44]) socket().say({ topic: "room/lobby", at, event: `e${at}` });
    expect(seen).to.deep.equal([
      ["state", "S", 41],
      ["a", 42],
      ["e43", 43],
      ["e44", 44],
    ]);
  });

  it("loads the state anew when its position has expired", () => {
    const { connection, socket, pass, greet } = pretendBrowser();
    const { seen, follower } = recorder();
    connection.follow("room/lobby", follower);
    greet();
    socket().say({ re: socket().last("subscribe").id, ok: { head: 5, state: "old" } });
    socket().drop();
    pass(connectionLimits.backoffMaxMs);
    greet();
    socket().say({ re: socket().last("subscribe").id, error: failure("CURSOR_EXPIRED") });
    const again = socket().last("subscribe");
    expect(again.cursor).to.equal(undefined);
    socket().say({ re: again.id, ok: { head: 90_000, state: "new" } });
    expect(seen.at(-1)).to.deep.equal(["state", "new", 90_000]);
  });

  it("subscribes anew to a topic that was lost, and gives up one that is forbidden", () => {
    const { connection, socket, greet } = pretendBrowser();
    const { seen, follower } = recorder();
    connection.follow("room/lobby", follower);
    greet();
    socket().say({ re: socket().last("subscribe").id, ok: { head: 5, state: "S" } });
    socket().say({ topic: "room/lobby", lost: failure("CURSOR_EXPIRED") });
    expect(socket().last("subscribe").cursor).to.equal(undefined);
    socket().say({ re: socket().last("subscribe").id, ok: { head: 9, state: "T" } });
    socket().say({ topic: "room/lobby", lost: failure("NOT_A_MEMBER") });
    expect(seen.at(-1)).to.deep.equal(["refused", "NOT_A_MEMBER"]);
    expect(socket().sent.filter((frame) => frame.do === "subscribe")).to.have.length(2);
  });

  it("sends an unanswered change again with its operationId, and answers it once", async () => {
    const { connection, socket, pass, greet } = pretendBrowser();
    greet();
    const answer = connection.command("room.post", "lobby", { text: "hi" }, { kind: "change" });
    const sent = socket().last("room.post");
    expect(sent.operationId).to.equal("operation-1");
    socket().drop();
    pass(connectionLimits.backoffMaxMs);
    greet();
    const resent = socket().last("room.post");
    expect(resent.operationId).to.equal(sent.operationId);
    socket().say({ re: resent.id, ok: { seq: 7 } });
    socket().say({ re: resent.id, ok: { seq: 8 } });
    expect(await answer).to.deep.equal({ ok: true, value: { seq: 7 } });
  });

  it("repeats what was not started, a bounded number of times, then shows the refusal", async () => {
    const { connection, socket, pass, greet } = pretendBrowser();
    greet();
    const answer = connection.command("room.post", "lobby", { text: "hi" }, { kind: "change" });
    for (let time = 0; time <= connectionLimits.repeatsMax; time += 1) {
      socket().say({ re: socket().last("room.post").id, error: failure("RATE_LIMITED", { retryAfterMs: 100 }) });
      pass(100);
    }
    const result = await answer;
    expect(result.ok).to.equal(false);
    expect(socket().sent.filter((frame) => frame.do === "room.post")).to.have.length(connectionLimits.repeatsMax + 1);
  });

  describe("while the node that has what is asked for is away", () => {
    const away = failure("SLOT_UNAVAILABLE", { node: "two", reason: "the node that has it is down" });
    const stage = () => {
      const browser = pretendBrowser();
      browser.greet();
      const { connection, socket, pass } = browser;
      const answer = connection.command("room.post", "lobby", { text: "hi" }, { kind: "change" });
      return {
        ...browser,
        answer,
        waitsFor: () => connection.link.status === "open" && connection.link.away,
        /** As the node does it: it tries for a while, then it says why. */
        refuse: (reason: Failure): void => {
          const { id, operationId } = socket().last("room.post");
          expect(operationId).to.equal("operation-1");
          pass(10_000);
          socket().say({ re: id, error: reason });
          pass(connectionLimits.backoffFirstMs * 2 ** connectionLimits.repeatsMax);
        },
      };
    };

    it("keeps a command and names that node, until it is taken", async () => {
      const { socket, answer, waitsFor, refuse } = stage();
      expect(waitsFor()).to.equal(undefined);
      for (let time = 0; time <= connectionLimits.repeatsMax + 1; time += 1) {
        refuse(away);
        expect(waitsFor()).to.equal("two");
      }
      socket().say({ re: socket().last("room.post").id, ok: { seq: 7 } });
      expect(await answer).to.deep.equal({ ok: true, value: { seq: 7 } });
      expect(waitsFor()).to.equal(undefined);
    });

    it("gives up in the end, and then nobody can say whether what is under way is done", async () => {
      const { pass, answer, refuse } = stage();
      refuse(away);
      pass(connectionLimits.answerTimeoutMs + connectionLimits.lastAnswerTimeoutMs);
      const error = failure("ASK_TIMEOUT", { because: "SLOT_UNAVAILABLE", node: "two" });
      expect(await answer).to.deep.equal({ ok: false, error });
    });

    it("does not say that nothing was done when an earlier sending may have been", async () => {
      const { answer, refuse } = stage();
      refuse(failure("ASK_TIMEOUT"));
      for (let time = 0; time < connectionLimits.repeatsMax; time += 1) refuse(failure("NOT_IN_SYNC"));
      expect(await answer).to.deep.equal({ ok: false, error: failure("ASK_TIMEOUT", { because: "NOT_IN_SYNC" }) });
    });

    it("names it for a topic, too, until that is followed", () => {
      const { connection, socket, pass, waitsFor } = stage();
      socket().say({ re: socket().last("room.post").id, ok: {} });
      connection.follow("room/lobby", recorder().follower);
      socket().say({ re: socket().last("subscribe").id, error: away });
      expect(waitsFor()).to.equal("two");
      pass(connectionLimits.backoffMaxMs);
      expect(waitsFor()).to.equal("two");
      socket().say({ re: socket().last("subscribe").id, ok: { head: 1, state: "S" } });
      expect(waitsFor()).to.equal(undefined);
    });
  });

  it("learns what became of a change before it gives it up as unknown, sent anew under its operation id", async () => {
    const { connection, socket, pass, greet } = pretendBrowser();
    greet();
    const posts = () => socket().sent.filter((frame) => frame.do === "room.post");
    const silent = connection.command("room.post", "lobby", { text: "hi" }, { kind: "change" });
    pass(connectionLimits.backoffMaxMs);
    const [first] = posts();
    for (let passed = 0; posts().length < 2 && passed < connectionLimits.answerTimeoutMs; passed += 1_000) {
      socket().say({ activity: { room: "a", seq: 1, author: "user/bob", mentioned: false } });
      pass(1_000);
    }
    expect(posts()).to.deep.equal([first, first]);
    socket().say({ re: first?.id ?? 0, ok: { seq: 1 } });
    expect(await silent).to.deep.equal({ ok: true, value: { seq: 1 } });

    const broken = connection.command("room.post", "lobby", { text: "ho" }, { kind: "change" });
    const { id } = socket().last("room.post");
    for (let sent = 0; sent < connectionLimits.repeatsMax; sent += 1) {
      socket().say({ re: id, error: failure("APPEND_FAILED") });
      pass(connectionLimits.backoffMaxMs);
    }
    expect(posts().filter((frame) => frame.id === id)).to.have.length(1 + connectionLimits.repeatsMax);
    socket().say({ re: id, error: failure("APPEND_FAILED") });
    expect(await broken).to.deep.equal({ ok: false, error: failure("APPEND_FAILED") });
  });

  it("ends a command that is never answered with its outcome unknown", async () => {
    const { connection, pass } = pretendBrowser();
    const answer = connection.command("room.post", "lobby", { text: "hi" }, { kind: "change" });
    pass(connectionLimits.answerTimeoutMs);
    const result = await answer;
    expect(!result.ok && result.error.outcome).to.equal("unknown");
  });

  it("drops a transient command that can not be sent now", async () => {
    const { connection, socket, greet } = pretendBrowser();
    const result = await connection.command("room.typing", "lobby", {}, { kind: "transient" });
    greet();
    expect(result.ok).to.equal(false);
    expect(socket().sent.filter((frame) => frame.do === "room.typing")).to.have.length(0);
  });

  it("notices a silent connection and opens another", () => {
    const { connection, sockets, pass, greet } = pretendBrowser();
    greet();
    pass(30_000);
    expect(connection.link.status).to.equal("open");
    pass(30_000);
    expect(connection.link.status).to.equal("waiting");
    pass(connectionLimits.backoffMaxMs);
    expect(sockets).to.have.length(2);
    expect(sockets[0]?.closed).to.equal(true);
  });

  it("says that the node is slow while what was sent is unanswered, and leaves no timer behind", async () => {
    const { connection, socket, pass, greet, timersCount } = pretendBrowser();
    const isLate = () => connection.link.status === "open" && connection.link.late;
    greet();
    const timersBefore = timersCount();
    const answers = [1, 2].map(() => connection.command("room.post", "lobby", { text: "hi" }, { kind: "change" }));
    const [first, second] = socket().sent;
    pass(connectionLimits.lateAfterMs - 1);
    expect(isLate()).to.equal(false);
    pass(1);
    expect(isLate()).to.equal(true);
    socket().say({ re: first?.id ?? 0, ok: {} });
    expect(isLate(), "the other still waits").to.equal(true);
    socket().say({ re: second?.id ?? 0, ok: {} });
    expect(isLate()).to.equal(false);
    await Promise.all(answers);
    expect(timersCount()).to.equal(timersBefore);
  });

  it("does not call a node slow that answers with a refusal for now, nor one it has just reached", () => {
    const { connection, socket, pass, greet } = pretendBrowser();
    const isLate = () => connection.link.status === "open" && connection.link.late;
    void connection.command("room.post", "lobby", { text: "hi" }, { kind: "change" });
    pass(connectionLimits.lateAfterMs);
    greet();
    expect(isLate()).to.equal(false);
    const retryAfterMs = connectionLimits.lateAfterMs * 2;
    socket().say({ re: socket().last("room.post").id, error: failure("RATE_LIMITED", { retryAfterMs }) });
    pass(retryAfterMs + connectionLimits.lateAfterMs - 1);
    expect(isLate()).to.equal(false);
    pass(1);
    expect(isLate()).to.equal(true);
    socket().drop();
    pass(connectionLimits.backoffMaxMs);
    greet();
    expect(isLate()).to.equal(false);
  });

  it("comes back at once when the page wakes up, and waits without a network", () => {
    const { connection, socket, sockets, world, greet } = pretendBrowser();
    greet();
    world.online = false;
    socket().drop();
    expect(connection.link.status).to.equal("offline");
    world.online = true;
    connection.wake();
    expect(sockets).to.have.length(2);
  });

  it("ends when the session has ended, and answers what waits", async () => {
    const { connection, socket, world } = pretendBrowser();
    const answer = connection.command("room.post", "lobby", { text: "hi" }, { kind: "change" });
    world.sessionEnded = true;
    socket().drop();
    const result = await answer;
    expect(!result.ok && result.error.code).to.equal("UNAUTHENTICATED");
    expect(connection.link.status).to.equal("ended");
  });

  it("keeps no more commands in flight than the node takes", () => {
    const { connection, socket, greet } = pretendBrowser();
    greet();
    for (let count = 0; count < 100; count += 1)
      void connection.command("room.post", "lobby", { text: "hi" }, { kind: "change" });
    expect(socket().sent).to.have.length(connectionLimits.outstandingMax);
    const first = socket().sent[0];
    if (first !== undefined) socket().say({ re: first.id, ok: {} });
    expect(socket().sent).to.have.length(connectionLimits.outstandingMax + 1);
  });
});

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect } from "chai";
import { WebSocketServer, type WebSocket } from "ws";
import { openConnection, type Connection, type ConnectionEvents } from "../../../cli/chat/connection.ts";
import { cliLimits } from "../../../cli/limits.ts";
import { rawAnswer } from "../../../node/gateway/refusals.ts";
import {
  failure,
  failureOf,
  type ClientFrame,
  type Degraded,
  type Failure,
  type NodeFrame,
  type NodePlace,
} from "../../../protocols/index.ts";

/** A node that says what the test tells it to say, on a real socket. */
interface ScriptedNode {
  readonly url: string;
  readonly place: NodePlace;
  /** The next frame with this command that was sent here, `watch` aside. */
  next(command: string): Promise<ClientFrame>;
  say(frame: NodeFrame): void;
  /** Whether it is cut off, as the hello of later connections says. */
  degraded: Degraded | undefined;
  /** Connections that are open. */
  connections(): number;
  /** Ends as a killed process does: connections break, and nobody listens. */
  die(): Promise<void>;
}

const nodes = new Set<ScriptedNode>();
const connections = new Set<Connection>();

async function openNode(name: string, others: () => readonly NodePlace[] = () => []): Promise<ScriptedNode> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const place = { name, url };
  const frames: ClientFrame[] = [];
  let wake = (): void => {};
  let socket: WebSocket | undefined;
  server.on("connection", (opened) => {
    socket = opened;
    const all = [place, ...others()];
    opened.on("message", (data: Buffer) => {
      frames.push(JSON.parse(data.toString()) as ClientFrame);
      wake();
    });
    const { degraded } = node;
    const more = degraded && { degraded };
    opened.send(JSON.stringify({ hello: { version: "1", node: name, user: "ada", admin: false, heartbeatMs: 30_000, nodes: all, ...more } })); // prettier-ignore
  });
  const node: ScriptedNode = {
    degraded: undefined,
    connections: () => server.clients.size,
    url,
    place,
    async next(command) {
      for (;;) {
        const at = frames.findIndex((frame) => frame.do === command);
        const [frame] = at < 0 ? [] : frames.splice(at, 1);
        if (frame !== undefined) return frame;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    say: (frame) => socket?.send(JSON.stringify(frame)),
    async die() {
      nodes.delete(node);
      for (const client of server.clients) client.terminate();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
  nodes.add(node);
  return node;
}

interface Heard {
  readonly ats: number[];
  readonly states: unknown[];
  readonly changes: string[];
  readonly lost: string[];
  readonly held: Failure[];
}

async function connect(
  urls: readonly string[],
  onWait: ConnectionEvents["onWait"] = async () => false,
): Promise<{ connection: Connection; heard: Heard }> {
  const heard: Heard = { ats: [], states: [], changes: [], lost: [], held: [] };
  const events: ConnectionEvents = {
    onState: (_topic, state) => heard.states.push(state),
    onEvent: (_topic, _event, at) => heard.ats.push(at ?? 0),
    onLost: (_topic, reason) => heard.lost.push(reason.code),
    onActivity: () => {},
    onHold: (reason) => heard.held.push(reason),
    onChange: (state, reason) => heard.changes.push(`${state} ${reason}`),
    onDegraded: (node, unreached) => heard.changes.push(`degraded ${node} ${unreached.join()}`.trim()),
    onEnd: (reason) => heard.lost.push(`end ${reason.code}`),
    onWait,
  };
  const connection = await openConnection({ urls, token: "t" }, events);
  connections.add(connection);
  return { connection, heard };
}

const topic = "room/den";
const event = (at: number): NodeFrame => ({ topic, at, event: { type: "posted" } });

describe("the connection of a chat client", () => {
  afterEach(async () => {
    for (const connection of connections) connection.close();
    connections.clear();
    await Promise.all([...nodes].map((node) => node.die()));
  });

  /** Connected at `one`, which names `two`; following the room up to event 5. */
  async function follow(): Promise<{ one: ScriptedNode; two: ScriptedNode; connection: Connection; heard: Heard }> {
    const two = await openNode("two");
    const one = await openNode("one", () => [two.place]);
    const { connection, heard } = await connect([one.url]);
    const following = connection.subscribe(topic);
    one.say({ re: (await one.next("subscribe")).id, ok: { head: 4, state: "state" } });
    await following;
    one.say(event(5));
    // An answer after the event: when it is here, so is the event.
    const asked = connection.ask("room.describe", "den");
    one.say({ re: (await one.next("room.describe")).id, ok: {} });
    await asked;
    return { one, two, connection, heard };
  }

  it("goes on at another node with its cursor, and sends there again what was not answered", async () => {
    const { one, two, connection, heard } = await follow();
    expect(connection.at()).to.deep.equal({ name: "one", url: one.url, amongMany: true });
    const post = connection.ask("room.post", "den", { text: "hi" });
    const { operationId } = await one.next("room.post");
    await one.die();
    const again = await two.next("room.post");
    expect(again.operationId).to.equal(operationId).and.to.be.a("string");
    const resumed = await two.next("subscribe");
    expect([resumed.to, resumed.cursor]).to.deep.equal([topic, 5]);
    two.say({ re: resumed.id, ok: { head: 7 } });
    for (const at of [5, 6, 7]) two.say(event(at));
    two.say({ re: again.id, ok: { seq: 1 } });
    expect((await post).ok).to.equal(true);
    expect(heard).to.deep.equal({
      ats: [5, 6, 7],
      states: ["state"],
      changes: ["up one", "down UNREACHABLE", "up two"],
      lost: [],
      held: [],
    });
    expect(connection.at().name).to.equal("two");
  });

  it("leaves a node that is cut off for one that is not, in order and with nothing lost, and returns to it", async () => {
    const { one, two, connection, heard } = await follow();
    const posts = [1, 2].map((number) => connection.ask("room.post", "den", { text: `post ${number}` }));
    const sent = [await one.next("room.post"), await one.next("room.post")];
    one.degraded = { reason: failure("NODE_DEGRADED", { away: ["two"] }), nodes: [two.place] };
    one.say({ degraded: one.degraded });
    for (const { operationId } of sent) {
      const again = await two.next("room.post");
      expect(again.operationId, "the order of one person's posts").to.equal(operationId);
      two.say({ re: again.id, ok: {} });
    }
    const resumed = await two.next("subscribe");
    expect(resumed.cursor).to.equal(5);
    two.say({ re: resumed.id, ok: { head: 6 } });
    two.say(event(6));
    expect((await Promise.all(posts)).map(({ ok }) => ok)).to.deep.equal([true, true]);
    expect(connection.at().name).to.equal("two");
    one.degraded = undefined;
    expect((await one.next("subscribe")).cursor, "back where it was").to.equal(6);
    expect(heard).to.deep.include({
      ats: [5, 6],
      changes: ["up one", "degraded one two", "up two", "up one"],
      lost: [],
    });
  });

  it("stays at a node that is cut off while the others are no better, and looks again until it says that it is well", async () => {
    const { one, two, connection, heard } = await follow();
    two.degraded = { reason: failure("NODE_DEGRADED"), nodes: [one.place] };
    one.say({ degraded: { reason: failure("NODE_DEGRADED"), nodes: [two.place, { name: "gone", url: "http://127.0.0.1:1" }] } });
    const asked = connection.ask("room.describe", "den");
    one.say({ re: (await one.next("room.describe")).id, ok: {} });
    expect((await asked).ok, "what it can still do it does").to.equal(true);
    two.degraded = undefined;
    expect((await two.next("subscribe")).cursor).to.equal(5);
    expect(heard.changes).to.deep.equal(["up one", "degraded one", "up two"]);
    two.say({ degraded: { reason: failure("NODE_DEGRADED"), nodes: [] } });
    const stay = connection.ask("room.describe", "den");
    two.say({ degraded: null });
    two.say({ re: (await two.next("room.describe")).id, ok: {} });
    expect((await stay).ok).to.equal(true);
  }); // prettier-ignore

  it("learns what became of a command before it gives it up as unknown: sent anew under its operation id, so often", async () => {
    const one = await openNode("one");
    const { connection } = await connect([one.url]);
    const post = connection.ask("room.post", "den", { text: "hi" });
    const first = await one.next("room.post");
    one.say({ re: first.id, error: failure("APPEND_FAILED") });
    expect(await one.next("room.post")).to.deep.equal(first);
    one.say({ re: first.id, ok: { seq: 1 } });
    expect((await post).ok).to.equal(true);
    const lost = connection.ask("room.post", "den", { text: "ho" });
    for (let sent = 0; sent <= cliLimits.unknownRepeatsMax; sent += 1)
      one.say({ re: (await one.next("room.post")).id, error: failure("ASK_TIMEOUT") });
    const answer = await lost;
    expect(!answer.ok && answer.error.outcome).to.equal("unknown");
  });

  it("leaves a node that says it stops", async () => {
    const { one, two, heard } = await follow();
    one.say({ bye: failure("STOPPING") });
    await one.die();
    expect((await two.next("subscribe")).cursor).to.equal(5);
    expect(heard.changes).to.deep.equal(["up one", "down STOPPING", "up two"]);
  });

  it("keeps its cursor and repeats while the room is on its way to another node", async () => {
    const { one, two, connection, heard } = await follow();
    const post = connection.ask("room.post", "den", { text: "hi" });
    await one.die();
    const early = await two.next("subscribe");
    two.say({ re: early.id, error: failure("SLOT_UNAVAILABLE") });
    const refused = await two.next("room.post");
    two.say({ re: refused.id, error: failure("MOVED") });
    const repeated = await two.next("room.post");
    expect(repeated).to.deep.equal(refused);
    const resumed = await two.next("subscribe");
    expect(resumed.cursor).to.equal(5);
    two.say({ re: resumed.id, ok: { head: 5 } });
    // A catch-up that found nobody to ask; the topic is wanted all the same.
    two.say({ topic, lost: failure("SLOT_UNAVAILABLE") });
    const anew = await two.next("subscribe");
    expect(anew.cursor).to.equal(5);
    two.say({ re: anew.id, ok: { head: 6 } });
    two.say(event(6));
    two.say({ re: repeated.id, ok: {} });
    expect((await post).ok).to.equal(true);
    expect(heard.ats).to.deep.equal([5, 6]);
    expect(heard.states).to.have.length(1);
    expect(heard.lost).to.deep.equal([]);
  });

  it("hands a refusal to the person at once where there is no other node", async () => {
    const one = await openNode("one");
    const { connection } = await connect([one.url]);
    expect(connection.at().amongMany).to.equal(false);
    const post = connection.ask("room.post", "den", { text: "hi" });
    one.say({ re: (await one.next("room.post")).id, error: failure("SLOT_UNAVAILABLE") });
    const answer = await post;
    expect(!answer.ok && answer.error.code).to.equal("SLOT_UNAVAILABLE");
  });

  it("keeps a command whose actor is on a node that is away, says so once, and sends it until it is taken", async () => {
    const one = await openNode("one");
    const { connection, heard } = await connect([one.url]);
    const away = { node: "two", reason: "the node that has it is down" };
    const post = connection.ask("room.post", "den", { text: "hi" });
    const first = await one.next("room.post");
    for (const reason of [failure("ASK_TIMEOUT", { because: "SLOT_UNAVAILABLE", node: "two" }), failure("SLOT_UNAVAILABLE", away)]) {
      one.say({ re: first.id, error: reason });
      expect(await one.next("room.post")).to.deep.equal(first);
    }
    one.say({ re: first.id, ok: { seq: 1 } });
    expect((await post).ok).to.equal(true);
    expect(heard.held.map(({ code, details }) => [code, details?.["node"]])).to.deep.equal([["ASK_TIMEOUT", "two"]]);
  }); // prettier-ignore

  it("does not call a command not started of which an earlier sending may have been done", async () => {
    const { one, connection } = await follow();
    /** Of a post that is on its way a second time, the first having ended unknown. */
    const outcomeAfter = async (end: (id: number) => void | Promise<void>): Promise<unknown> => {
      const post = connection.ask("room.post", "den", { text: "hi" });
      const { id } = await one.next("room.post");
      one.say({ re: id, error: failure("ASK_TIMEOUT") });
      await end((await one.next("room.post")).id);
      const answer = await post;
      return !answer.ok && [answer.error.code, answer.error.outcome, answer.error.details?.["because"]];
    };
    const refuse = async (id: number): Promise<void> => {
      one.say({ re: id, error: failure("OVERLOADED") });
      for (let sent = 1; sent <= cliLimits.unknownRepeatsMax; sent += 1)
        one.say({ re: (await one.next("room.post")).id, error: failure("OVERLOADED") });
    };
    expect(await outcomeAfter(refuse)).to.deep.equal(["ASK_TIMEOUT", "unknown", "OVERLOADED"]);
    expect(await outcomeAfter(() => connection.close())).to.deep.equal(["ASK_TIMEOUT", "unknown", "STOPPING"]);
  });

  it("is told why a node does not have it, and comes again where that may pass", async () => {
    const reasons = [failure("SLOT_UNAVAILABLE", { actor: "user/ada" }), failure("STOPPING")];
    const refusing = createServer().on("upgrade", (_request, stream) => {
      const reason = reasons.shift();
      stream.on("error", () => {});
      if (reason === undefined) stream.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\nconnection: close\r\n\r\nnope");
      else stream.end(rawAnswer(reason));
    });
    refusing.listen(0, "127.0.0.1");
    await once(refusing, "listening");
    const url = `http://127.0.0.1:${(refusing.address() as AddressInfo).port}`;
    const waits: Failure[] = [];
    const wait = async (reason: Failure) => waits.push(reason) < 9;
    try {
      const refusal = await connect([url], wait).then(() => undefined, (thrown: unknown) => failureOf(thrown));
      expect(waits.map(({ code }) => code)).to.deep.equal(["SLOT_UNAVAILABLE", "STOPPING"]);
      expect(waits[0]?.details).to.deep.equal({ actor: "user/ada" });
      expect(refusal).to.deep.equal(failure("UNREACHABLE", { url, reason: "HTTP 502" }));
      reasons.push(failure("SLOT_UNAVAILABLE"));
      const given = await connect([url]).then(() => undefined, (thrown: unknown) => failureOf(thrown));
      expect(given?.code).to.equal("SLOT_UNAVAILABLE");
      reasons.push(failure("SLOT_UNAVAILABLE"));
      const one = await openNode("one");
      expect((await connect([url, one.url])).connection.at().name).to.equal("one");
    } finally {
      refusing.close();
    }
  }); // prettier-ignore

  it("uses the first of several addresses that answers, and says so when none does", async () => {
    const gone = await openNode("gone");
    const two = await openNode("two");
    await gone.die();
    const { connection } = await connect([gone.url, two.url]);
    expect(connection.at()).to.deep.equal({ name: "two", url: two.url, amongMany: true });
    await two.die();
    connection.close();
    const refusal = await connect([gone.url, two.url]).then(
      () => undefined,
      (error: { failure?: { code: string }; code?: string }) => error.failure?.code ?? error.code,
    );
    expect(refusal).to.equal("UNREACHABLE");
  });
});

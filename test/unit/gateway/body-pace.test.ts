/** Large bodies of one person are read at a pace, so that a sender in a loop takes little of the thread that all
 *  requests are in. */
import { expect } from "chai";
import { once } from "node:events";
import { connect } from "node:net";
import { WebSocket } from "ws";
import type { GatewayLimits } from "../../../node/gateway/limits.ts";
import { createWorld, startFixture, type Fixture } from "./fixture.ts";

const unitBytes = 64 * 1024;

/** A request of so many units, most of which says nothing. */
const bodyOf = (units: number) => ({
  model: "echo",
  max_tokens: 1,
  messages: [{ role: "user", content: "hi" }],
  padding: "x".repeat(units * unitBytes - 300),
});

/** What a message of the WebSocket says. */
interface Told {
  readonly type: string;
  readonly response?: { readonly metadata: { readonly at: string } };
  readonly error?: { readonly code: string };
  readonly stream_id?: string;
}

describe("gateway: the pace of large bodies", () => {
  let fixture: Fixture;
  let clock: ReturnType<ReturnType<typeof createWorld>["clock"]>;
  let people: string[];
  const begin = async (limits: Partial<GatewayLimits>) => {
    const world = createWorld();
    clock = world.clock();
    fixture = await startFixture({ world, limits: { largeBodyRate: { count: 8, windowMs: 8_000 }, ...limits } });
    people = [];
    for (const name of ["ada", "bob", "eve"]) people.push((await fixture.signUp(name)).token);
  };
  afterEach(() => fixture.stop());

  /** A request of so many units, and after how many seconds it was answered with what. */
  const send = async (person: number, units = 2, path = "/v1/chat/completions"): Promise<string> => {
    const fromMs = clock.monotonicMs();
    const { status } = await fixture.request("POST", path, { token: people[person]!, body: bodyOf(units) });
    return `${status} after ${Math.floor((clock.monotonicMs() - fromMs) / 1_000)} s`;
  };
  const at = async (person: number, count: number): Promise<string[]> => {
    const all: string[] = [];
    for (let each = 0; each < count; each += 1) all.push(await send(person));
    return all;
  };

  it("of one person are read at once up to a sum, then so many a second; those of others meanwhile", async () => {
    await begin({});
    const now = "200 after 0 s";
    expect(await at(0, 4)).to.deep.equal([now, now, now, now]);
    expect(await send(0)).to.match(/^200 after [12] s$/);
    expect(await send(1)).to.equal(now);
    expect(await send(0, 1)).to.equal(now);
    expect(await send(0)).to.match(/^200 after [12] s$/);
  });

  it("of all people of one address have a sum, too", async () => {
    await begin({ largeBodyAddressRate: { count: 8, windowMs: 8_000 } });
    const now = "200 after 0 s";
    expect([...(await at(0, 2)), ...(await at(1, 2))]).to.deep.equal([now, now, now, now]);
    expect(await send(2)).to.match(/^200 after [12] s$/);
  });

  it("of somebody who sends little are read where those of an address who send much are refused", async () => {
    await begin({ largeBodyAddressRate: { count: 8, windowMs: 8_000 }, largeBodyWaitMaxMs: 3_000 });
    await at(0, 4);
    expect(await send(0)).to.equal("429 after 0 s");
    expect(await send(1)).to.match(/^200 after [12] s$/);
  });

  it("that would wait for too long are refused unread, with how long to wait", async () => {
    await begin({ largeBodyWaitMaxMs: 1_500 });
    const sent = await Promise.all(Array.from({ length: 9 }, () => send(0)));
    expect(sent.filter((one) => one.startsWith("200")).length).to.equal(4);
    expect(sent.filter((one) => one.startsWith("429")).length).to.equal(5);
    const refused = await fixture.request("POST", "/v1/messages", { token: people[0]!, body: bodyOf(8) });
    expect(refused.status).to.equal(429);
    expect(refused.headers.get("retry-after")).to.match(/^\d+$/);
    expect(refused.body.error.message).to.match(/of large requests, 512 KiB in 8 s are read of one person/);
  });

  it("by the WebSocket of responses are taken so, too, each in its turn", async () => {
    await begin({ largeBodyWaitMaxMs: 2_500 });
    const socket = new WebSocket(`${fixture.url.replace("http", "ws")}/v1/responses`, {
      headers: { authorization: `Bearer ${people[0]}` },
    });
    await once(socket, "open");
    const ended: string[] = [];
    const isOver = Promise.withResolvers<void>();
    const fromMs = clock.monotonicMs();
    socket.on("message", (data: Buffer) => {
      const { type, response, error, stream_id } = JSON.parse(data.toString()) as Told;
      if (type === "response.completed") ended.push(response?.metadata.at ?? "");
      else if (type === "error") ended.push(`${error?.code ?? ""} of ${stream_id ?? ""}`);
      if (ended.length === 7) isOver.resolve();
    });
    const say = (at: string, units: number): void =>
      socket.send(JSON.stringify({ type: "response.create", ...bodyOf(units), input: "hi", metadata: { at } }));
    for (const at of ["1", "2", "3", "4", "5"]) say(at, 2);
    say("small", 1);
    socket.send(JSON.stringify({ type: "response.create", stream_id: "c", ...bodyOf(8), input: "hi" }));
    await isOver.promise;
    // What is refused is told at once, and by the name of its stream.
    expect(ended.filter((one) => !one.startsWith("rate_limited"))).to.deep.equal(["1", "2", "3", "4", "5", "small"]);
    expect(ended).to.include("rate_limited of c");
    expect(clock.monotonicMs() - fromMs).to.be.greaterThan(1_000);
    socket.close();
  });

  it("that do not say how long they are count as the longest until they are here, and one whose sender went away ends", async () => {
    await begin({ aiRequestBytesMax: 8 * unitBytes });
    const { hostname, port } = new URL(fixture.url);
    const headers = [
      "POST /v1/chat/completions HTTP/1.1",
      `host: ${hostname}`,
      `authorization: Bearer ${people[0]}`,
      "content-type: application/json",
      "",
    ].join("\r\n");
    const text = JSON.stringify({ model: "echo", max_tokens: 1, messages: [{ role: "user", content: "hi" }] });
    for (const _ of [1, 2, 3]) {
      const first = connect(Number(port), hostname);
      const length = text.length.toString(16);
      first.write(`${headers}transfer-encoding: chunked\r\n\r\n${length}\r\n${text}\r\n0\r\n\r\n`);
      const [answer] = (await once(first, "data")) as [Buffer];
      expect(answer.toString()).to.match(/^HTTP\/1.1 200/);
      first.destroy();
    }
    expect(await send(0, 8)).to.equal("200 after 0 s");
    const second = connect(Number(port), hostname);
    second.write(`${headers}content-length: ${3 * unitBytes}\r\n\r\n{`);
    await once(second, "connect");
    second.destroy();
    expect(await send(0)).to.match(/^200 after \d s$/);
  });
});

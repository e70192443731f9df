import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { expect } from "chai";
import { failure } from "../../../protocols/index.ts";
import { startFixture, type Fixture, type FixtureOptions } from "./fixture.ts";

interface Said {
  readonly id?: number;
  readonly event?: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into data of every shape
  readonly data?: any;
}

/** A stream of events as a client of the standard reads it. */
class Events {
  readonly said: Said[] = [];
  beats = 0;
  ended = false;
  readonly response: IncomingMessage;
  #text = "";
  #wake = (): void => {};

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding("utf8").on("data", (piece: string) => {
      this.#text += piece;
      const blocks = this.#text.split("\n\n");
      this.#text = blocks.pop() ?? "";
      for (const block of blocks) this.#take(block);
      this.#wake();
    });
    response.on("error", () => {});
    response.on("close", () => {
      this.ended = true;
      this.#wake();
    });
  }

  static async open(
    url: string,
    path: string,
    { token, headers }: { readonly token?: string; readonly headers?: Record<string, string> },
  ): Promise<Events> {
    const request = get(url + path, {
      agent: false,
      headers: { ...(token && { authorization: `Bearer ${token}` }), ...headers },
    });
    request.on("error", () => {});
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return new Events(response);
  }

  #take(block: string): void {
    if (block === ":") return void (this.beats += 1);
    const fields = Object.fromEntries(
      block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
    );
    this.said.push({
      ...(fields["id"] !== undefined && { id: Number(fields["id"]) }),
      ...(fields["event"] !== undefined && { event: fields["event"] }),
      data: JSON.parse(fields["data"] ?? "null"),
    });
  }

  /** Waits until this is so, and gives all that was said. */
  async until(isSo: (events: this) => boolean): Promise<readonly Said[]> {
    while (!isSo(this)) {
      if (this.ended) throw new Error(`ended after ${JSON.stringify(this.said)}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.said;
  }

  async end(): Promise<readonly Said[]> {
    while (!this.ended) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.said;
  }

  close(): void {
    this.response.destroy();
  }
}

describe("gateway: server-sent events", () => {
  let fixture: Fixture;
  const open: Events[] = [];
  async function follow(path: string, token: string | undefined, headers?: Record<string, string>, at = fixture): Promise<Events> {
    const events = await Events.open(at.url, path, { ...(token !== undefined && { token }), ...(headers && { headers }) });
    open.push(events);
    return events;
  } // prettier-ignore
  async function startWith(options: FixtureOptions = {}): Promise<string> {
    fixture = await startFixture(options);
    const { token } = await fixture.signUp("ada");
    await fixture.request("POST", "/api/v1/rooms", { token, body: { room: "den", visibility: "public" } });
    return token;
  }
  const post = (token: string, text: string) =>
    fixture.request("POST", "/api/v1/rooms/den/messages", { token, body: { text } });
  const texts = (said: readonly Said[]) =>
    said.flatMap(({ data, event }) => (event === undefined && data.type === "posted" ? [data.message.text] : []));
  const refusal = async (events: Events): Promise<readonly unknown[]> => {
    let text = "";
    for await (const piece of events.response) text += piece;
    return [events.response.statusCode, (JSON.parse(text) as { error: { code: string } }).error.code];
  };
  afterEach(async () => {
    for (const events of open.splice(0)) events.close();
    await fixture.stop();
  });

  it("give the state, then everything that happens, each with its position", async () => {
    const token = await startWith();
    const events = await follow("/api/v1/rooms/den/events", token);
    expect(events.response.headers["content-type"]).to.match(/^text\/event-stream/);
    expect(events.response.headers).to.include.keys("content-security-policy", "x-accel-buffering");
    const [state] = await events.until(({ said }) => said.length > 0);
    expect(state).to.deep.include({ event: "state" }).and.to.have.nested.property("data.room", "den");
    for (const text of ["one", "two", "three"]) await post(token, text);
    await fixture.request("POST", "/api/v1/rooms/den/typing", { token });
    const said = await events.until(({ said: all }) => all.length >= 5);
    expect(texts(said)).to.deep.equal(["one", "two", "three"]);
    const first = state?.id ?? 0;
    expect(said.flatMap(({ id }) => id ?? [])).to.deep.equal([first, first + 1, first + 2, first + 3]);
    expect(said.find(({ event }) => event === "signal")?.data.type).to.equal("typing");
    expect(fixture.gateway.connections()).to.equal(1);
  });

  it("go on after the last event that the client names, and begin anew where that is too old or none of ours", async () => {
    const token = await startWith();
    const first = await follow("/api/v1/rooms/den/events", token);
    const [state] = await first.until(({ said }) => said.length > 0);
    first.close();
    for (const text of ["missed", "missed too"]) await post(token, text);
    const again = await follow("/api/v1/rooms/den/events", token, { "last-event-id": String(state?.id) });
    await again.until(({ said }) => said.length >= 2);
    await post(token, "live");
    const said = await again.until(({ said: all }) => all.length >= 3);
    expect(
      said.map(({ event }) => event),
      "no state",
    ).to.deep.equal([undefined, undefined, undefined]);
    expect(texts(said)).to.deep.equal(["missed", "missed too", "live"]);
    const lost = await follow("/api/v1/rooms/den/events", token, { "last-event-id": "999999" });
    const [anew] = await lost.until(({ said: all }) => all.length > 0);
    expect(anew).to.deep.include({ event: "state", id: said.at(-1)?.id ?? 0 });
  });

  it("are refused with the status of the error table before they begin", async () => {
    const token = await startWith({ limits: { connectionsPerUserMax: 1 } });
    const bob = (await fixture.signUp("bob")).token;
    expect(await refusal(await follow("/api/v1/rooms/den/events", undefined))).to.deep.equal([401, "UNAUTHENTICATED"]);
    expect(await refusal(await follow("/api/v1/rooms/den/events", token.slice(0, -2) + "xx"))).to.deep.equal([401, "UNAUTHENTICATED"]);
    expect(await refusal(await follow("/api/v1/rooms/nosuch/events", token))).to.deep.equal([404, "NOT_FOUND"]);
    expect(await refusal(await follow("/api/v1/rooms/den/events", bob))).to.deep.equal([403, "NOT_A_MEMBER"]);
    expect(await refusal(await follow("/api/v1/rooms/den/events", token, { "last-event-id": "x" }))).to.deep.equal([400, "BAD_REQUEST"]);
    const foreign = { cookie: `plexus_session=${token}`, origin: "https://evil.example" };
    expect(await refusal(await follow("/api/v1/rooms/den/events", undefined, foreign))).to.deep.equal([403, "FORBIDDEN"]);
    expect(fixture.gateway.connections(), "whoever is refused holds no place").to.equal(0);
    const query = await follow(`/api/v1/me/events?token=${token}`, undefined);
    await query.until(({ said }) => said.length > 0);
    expect(await refusal(await follow("/api/v1/rooms/den/events", token))).to.deep.equal([409, "LIMIT_REACHED"]);
    const socket = await fixture.connect(token).then(() => undefined, (error: { status: number }) => error.status);
    expect(socket, "places are those of WebSockets").to.equal(409);
  }); // prettier-ignore

  it("end with a reason: access that is over, a session that was revoked, a node that stops", async () => {
    const token = await startWith();
    const bob = (await fixture.signUp("bob")).token;
    await fixture.request("POST", "/api/v1/rooms/den/join", { token: bob });
    const removed = await follow("/api/v1/rooms/den/events", bob);
    const revoked = await follow("/api/v1/me/events", bob);
    for (const events of [removed, revoked]) await events.until(({ said }) => said.length > 0);
    await fixture.request("DELETE", "/api/v1/rooms/den/members/user%2Fbob", { token });
    expect((await removed.end()).at(-1)).to.deep.equal({ event: "lost", data: failure("NOT_A_MEMBER") });
    await fixture.request("POST", "/api/v1/sign-out", { token: bob });
    expect((await revoked.end()).at(-1)).to.deep.equal({ event: "bye", data: failure("UNAUTHENTICATED") });
    const stopped = await follow("/api/v1/rooms/den/events", token);
    await stopped.until(({ said }) => said.length > 0);
    await fixture.gateway.stop(2_000);
    expect((await stopped.end()).at(-1)).to.deep.equal({ event: "bye", data: failure("STOPPING") });
  });

  it("say that they live while nothing happens", async () => {
    const token = await startWith({ limits: { beatMs: 40, sweepMs: 10 } });
    const events = await follow("/api/v1/rooms/den/events", token);
    await events.until(({ beats }) => beats >= 2);
    expect(events.said).to.have.length(1);
  });

  it("cut a client that reads nothing, which finds on its return what it missed", async () => {
    const token = await startWith({
      limits: { sendBufferSoftBytes: 16 * 1024, slowReaderGraceMs: 100, sendBufferBytesMax: 256 * 1024 },
    });
    const events = await follow("/api/v1/rooms/den/events", token);
    await events.until(({ said }) => said.length > 0);
    events.response.pause();
    const text = "x".repeat(9_000);
    let posted = 0;
    while (fixture.gateway.connections() > 0 && posted < 3_000) {
      expect((await post(token, text)).status).to.equal(200);
      posted += 1;
    }
    expect(fixture.gateway.connections()).to.equal(0);
    events.response.resume();
    const read = await events.end();
    const again = await follow("/api/v1/rooms/den/events", token, {
      "last-event-id": String(read.findLast(({ id }) => id !== undefined)?.id),
    });
    const head = (read[0]?.id ?? 0) + posted;
    const rest = await again.until(({ said }) => said.at(-1)?.id === head);
    const ids = [...read, ...rest].flatMap(({ id }) => id ?? []);
    expect(ids).to.deep.equal(ids.map((_, index) => (read[0]?.id ?? 0) + index));
  });

  it("let a client go that reads nothing when its access ends", async () => {
    const limits = {
      sendBufferSoftBytes: 8 * 1024 * 1024,
      sendBufferBytesMax: 16 * 1024 * 1024,
      slowReaderGraceMs: 20_000,
    };
    const token = await startWith({ limits: { ...limits, closeTimeoutMs: 50, sweepMs: 10 } });
    const bob = (await fixture.signUp("bob")).token;
    await fixture.request("POST", "/api/v1/rooms/den/join", { token: bob });
    const events = await follow("/api/v1/rooms/den/events", bob);
    await events.until(({ said }) => said.length > 0);
    events.response.pause();
    const gone = new Promise((resolve) => events.response.once("close", resolve));
    events.response.on("error", () => undefined);
    // More than the two sockets hold between them.
    const text = "x".repeat(9_000);
    for (let posted = 0; posted < 800; posted += 1) expect((await post(token, text)).status).to.equal(200);
    await fixture.request("DELETE", "/api/v1/rooms/den/members/user%2Fbob", { token });
    while (fixture.gateway.connections() > 0) await new Promise((resolve) => setImmediate(resolve));
    events.response.resume();
    await gone;
  });
});

/** Responses over a WebSocket, and conversations made short: what the Open Responses specification demands of both. */
import { expect } from "chai";
import { once } from "node:events";
import { WebSocket } from "ws";
import { failure, type EngineRequest } from "../../../../protocols/index.ts";
import { createEchoRuntime } from "../../../../runtimes/echo/echo.ts";
import { ended, failed, text } from "../../../fixtures/engine-answers.ts";
import { createWorld, startFixture, type Fixture } from "../fixture.ts";
import { seeing } from "./seeing.ts";
import { toldEngines } from "./told.ts";

// oxlint-disable-next-line typescript/no-explicit-any -- a test looks into events of every shape
type Any = any;

/** A connection: what is said on it, message by message. */
class Turns {
  readonly socket: WebSocket;
  readonly closed: Promise<unknown>;
  readonly #said: Any[] = [];
  #wake: () => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = once(socket, "close");
    socket.on("message", (data) => {
      this.#said.push(JSON.parse((data as Buffer).toString()));
      this.#wake();
    });
  }

  static async open({ url }: Fixture, token: string, headers: Record<string, string> = {}): Promise<Turns> {
    const socket = new WebSocket(`${url.replace("http", "ws")}/v1/responses`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
    const turns = new Turns(socket);
    await once(socket, "open");
    return turns;
  }

  create(body: object): void {
    this.socket.send(JSON.stringify({ type: "response.create", model: "echo", ...body }));
  }

  /** The messages of one turn, to its end. */
  async turn(): Promise<Any[]> {
    const isEnd = ({ type }: Any): boolean =>
      /^(?:error|response\.(?:completed|incomplete|failed))$/.test(type as string);
    for (;;) {
      const at = this.#said.findIndex(isEnd);
      if (at >= 0) return this.#said.splice(0, at + 1);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Asks, and gives how it ended: the response, or the error. */
  async ask(body: object): Promise<Any> {
    this.create(body);
    const last = (await this.turn()).at(-1);
    return last.response ?? last;
  }
}

const missing = { status: 400, code: "previous_response_not_found", param: "previous_response_id" };
const errorOf = ({ type, status, error }: Any) =>
  type === "error" ? { status, code: error.code, param: error.param } : type;

describe("gateway: responses over a WebSocket", () => {
  let fixture: Fixture;
  let token: string;
  const asked: EngineRequest<"generate">[] = [];
  before(async () => {
    const world = createWorld();
    const runtime = createEchoRuntime({ clock: world.clock() });
    const engines = seeing(
      runtime,
      (engine, request) => engine === "generate" && asked.push(request as EngineRequest<"generate">),
    );
    fixture = await startFixture({ world, engines });
    token = (await fixture.signUp("ada")).token;
  });
  after(() => fixture.stop());
  const open = (): Promise<Turns> => Turns.open(fixture, token);
  const saidOf = (request: EngineRequest<"generate"> | undefined): string[] =>
    (request?.messages ?? []).map(({ role, content }) => `${role}: ${content.split("\n")[0]}`);

  it("tells the events of a stream, message by message, one turn after the other", async () => {
    const turns = await open();
    turns.create({ input: "one" });
    turns.create({ input: "two" });
    for (const word of ["one", "two"]) {
      const events = await turns.turn();
      expect(events.map(({ sequence_number }) => sequence_number as number)).to.deep.equal([...events.keys()]);
      expect(events[0].type).to.equal("response.created");
      const ids = new Set(events.flatMap(({ response }) => (response === undefined ? [] : [response.id as string])));
      expect(ids.size, "nothing of another turn is between").to.equal(1);
      expect(events.at(-1).response.output[0].content[0].text).to.contain(`You said: ${word}`);
    }
    const streamed = await fixture.request("POST", "/v1/responses", {
      token,
      body: { model: "echo", input: "one", stream: true },
    });
    turns.create({ input: "one" });
    const types = (await turns.turn()).map(({ type }) => type as string);
    expect(types).to.deep.equal([...(streamed.body as string).matchAll(/^event: (.*)$/gm)].map(([, type]) => type));
    turns.socket.close();
  });

  it("tells thoughts as OpenAI names them, or as the specification does to a client that names it", async () => {
    const world = createWorld();
    const runtime = createEchoRuntime({ clock: world.clock() });
    const call = runtime.call.bind(runtime);
    (runtime as { call: typeof call }).call = (request, hear) => {
      setImmediate(() => hear({ type: "part", part: { text: "", tokens: 1, thought: "well" } }));
      return call(request, hear);
    };
    const own = await startFixture({ world, engines: seeing(runtime, () => undefined) });
    const ada = (await own.signUp("ada")).token;
    const deltas: string[] = [];
    for (const headers of [{}, { "openresponses-version": "latest" }]) {
      const turns = await Turns.open(own, ada, headers);
      turns.create({ input: "hello" });
      deltas.push(
        ...(await turns.turn()).map(({ type }) => type as string).filter((type) => /reasoning.*delta/.test(type)),
      );
      turns.socket.close();
    }
    expect(deltas).to.deep.equal(["response.reasoning_text.delta", "response.reasoning.delta"]);
    await own.stop();
  });

  it("names in the first event what nobody knows of a message's fields, and none of it goes to the next", async () => {
    const turns = await open();
    turns.create({ input: "one", telepathy: 1, text: { format: { type: "text", mood: 1 } } });
    turns.create({ input: "two" });
    const [first, second] = [await turns.turn(), await turns.turn()];
    expect(first[0].type).to.equal("response.created");
    expect(first.map(({ ignored }) => ignored as unknown).filter((one) => one !== undefined)).to.deep.equal([
      ["telepathy"],
    ]);
    expect(second.filter(({ ignored }) => ignored !== undefined)).to.deep.equal([]);
    turns.socket.close();
  });

  it("makes ready what a later turn goes on from, without asking the model", async () => {
    const turns = await open();
    const before = asked.length;
    const ready = await turns.ask({ input: "one", generate: false, store: false });
    expect([ready.status, ready.output, ready.usage.total_tokens]).to.deep.equal(["completed", [], 0]);
    expect(asked.length).to.equal(before);
    await turns.ask({ input: "two", store: false, previous_response_id: ready.id });
    expect(saidOf(asked.at(-1))).to.deep.equal(["user: one", "user: two"]);
    // With a model that there is none of, nothing is ready.
    const none = await turns.ask({ model: "none", input: "one", generate: false, store: false });
    expect(errorOf(none)).to.include({ status: 404, code: "model_not_found" });
    turns.socket.close();
  });

  it("continues what is not stored on its connection, and nowhere else", async () => {
    const turns = await open();
    const first = await turns.ask({ input: "one", store: false });
    const second = await turns.ask({ input: "two", store: false, previous_response_id: first.id });
    expect(saidOf(asked.at(-1))).to.deep.equal(["user: one", "assistant: You said: one", "user: two"]);
    const other = await open();
    expect(errorOf(await other.ask({ input: "x", previous_response_id: second.id }))).to.deep.equal(missing);
    expect((await fixture.request("GET", `/v1/responses/${second.id}`, { token })).status).to.equal(404);
    const body = { model: "echo", input: "x", previous_response_id: second.id };
    const overHttp = await fixture.request("POST", "/v1/responses", { token, body });
    expect([overHttp.status, overHttp.body.error.code]).to.deep.equal([400, "previous_response_not_found"]);
    // The newest alone is kept.
    expect(errorOf(await turns.ask({ input: "x", previous_response_id: first.id }))).to.deep.equal(missing);
    expect((await turns.ask({ input: "three", store: false, previous_response_id: second.id })).status).to.equal(
      "completed",
    );
    expect(asked.at(-1)?.messages).to.have.length(5);
    for (const one of [turns, other]) one.socket.close();
    await turns.closed;
    const later = await open();
    expect(errorOf(await later.ask({ input: "x", store: false, previous_response_id: second.id }))).to.deep.equal(
      missing,
    );
    expect((await later.ask({ input: "again", store: false })).status).to.equal("completed");
    later.socket.close();
  });

  it("continues what is stored by any way", async () => {
    const turns = await open();
    const first = await turns.ask({ input: "one" });
    turns.socket.close();
    const other = await open();
    expect((await other.ask({ input: "two", previous_response_id: first.id })).status).to.equal("completed");
    expect((await fixture.request("GET", `/v1/responses/${first.id}`, { token })).status).to.equal(200);
    other.socket.close();
  });

  it("forgets what is not stored when a turn that goes on from it fails, and goes on itself", async () => {
    const turns = await open();
    const { id } = await turns.ask({ input: "one", store: false });
    const orphan = { type: "function_call_output", call_id: "call_none", output: "x" };
    const wrong = await turns.ask({ input: [orphan], store: false, previous_response_id: id });
    expect(errorOf(wrong)).to.deep.equal({ status: 400, code: "bad_request", param: "input[2].call_id" });
    expect(errorOf(await turns.ask({ input: "two", store: false, previous_response_id: id }))).to.deep.equal(missing);
    expect((await turns.ask({ input: "three", store: false })).status).to.equal("completed");
    turns.socket.close();
  });

  it("says what is wrong with a message in an envelope with a status, and goes on", async () => {
    const turns = await open();
    const rows: readonly (readonly [string, object])[] = [
      ["{", { status: 400, code: "bad_request", param: null }],
      ["[]", { status: 400, code: "bad_request", param: "type" }],
      [JSON.stringify({ type: "response.cancel" }), { status: 400, code: "bad_request", param: "type" }],
      [JSON.stringify({ type: "response.create", model: "echo", input: 1 }), { status: 400, code: "bad_request", param: "input" }],
      [JSON.stringify({ type: "response.create", model: "none", input: "x" }), { status: 404, code: "model_not_found", param: null }],
      [JSON.stringify({ type: "response.create", model: "echo", input: "x", background: true }), { status: 400, code: "bad_request", param: "background" }],
    ];
    for (const [message, error] of rows) {
      turns.socket.send(message);
      expect(errorOf((await turns.turn()).at(-1)), message).to.deep.equal(error);
    }
    expect((await turns.ask({ input: "x", stream: true })).status).to.equal("completed");
    turns.socket.close();
  }); // prettier-ignore

  it("forks a conversation into another stream of the connection, and names the stream in all that is said of it", async () => {
    const turns = await open();
    const first = await turns.ask({ input: "one", store: false, stream_id: "a" });
    turns.create({ input: "two", store: false, stream_id: "b", previous_response_id: first.id });
    const forked = await turns.turn();
    expect(new Set(forked.map(({ stream_id }) => stream_id as string))).to.deep.equal(new Set(["b"]));
    expect(saidOf(asked.at(-1))).to.deep.equal(["user: one", "assistant: You said: one", "user: two"]);
    const [ofB, ofA] = [forked.at(-1).response.id, first.id];
    expect((await turns.ask({ input: "three", store: false, stream_id: "a", previous_response_id: ofA })).status, "a goes on").to.equal("completed");
    const wrong = await turns.ask({ input: 1, stream_id: "a", previous_response_id: ofB });
    expect([errorOf(wrong).status, wrong.stream_id]).to.deep.equal([400, "a"]);
    expect((await turns.ask({ input: "four", store: false, stream_id: "b", previous_response_id: ofB })).status, "b is not a's to lose").to.equal("completed");
    for (const stream_id of ["", 7, "x".repeat(129)]) expect(errorOf(await turns.ask({ input: "x", stream_id })).param).to.equal("stream_id");
    turns.socket.close();
  }); // prettier-ignore

  it("lets nobody in without a key", async () => {
    const socket = new WebSocket(`${fixture.url.replace("http", "ws")}/v1/responses`);
    const [, answer] = (await once(socket, "unexpected-response")) as [unknown, { readonly statusCode: number }];
    expect(answer.statusCode).to.equal(401);
  });

  describe("by the clock", () => {
    const told = toldEngines();
    let own: Fixture;
    let key: string;
    before(async () => {
      own = await startFixture({ engines: told.engines, limits: { responseSocketWaitingMax: 1, responseSocketStreamsMax: 2, responseSocketLifeMs: 20_000 } });
      key = (await own.signUp("ada")).token;
    });
    after(() => own.stop());

    it("takes so many messages while one is answered, and ends the call of a client that went away", async () => {
      const turns = await Turns.open(own, key);
      for (const input of ["one", "two", "three"]) turns.create({ model: "told", input });
      const call = await told.next();
      const refused = (await turns.turn()).at(-1);
      expect(errorOf(refused)).to.deep.equal({ status: 429, code: "rate_limited", param: null });
      turns.socket.close();
      await turns.closed;
      while (!call.cancelled) await new Promise((resolve) => setImmediate(resolve));
    });

    it("runs streams beside each other, each in the order of its messages, and so many of them", async () => {
      const turns = await Turns.open(own, key);
      const create = (stream_id: string, input: string) => turns.create({ model: "told", input, stream_id });
      create("a", "one");
      const one = await told.next();
      create("b", "two");
      const two = await told.next();
      create("b", "three");
      create("c", "four");
      expect((await turns.turn()).at(-1)).to.nested.include({ type: "error", "error.code": "rate_limited", stream_id: "c" });
      two.say(text("of b"), ended("complete"));
      const ofB = await turns.turn();
      expect(ofB.filter(({ stream_id }) => stream_id === "b").at(-1)).to.nested.include({ type: "response.completed" });
      const three = await told.next();
      expect(three.request.messages.at(-1)).to.include({ content: "three" });
      for (const call of [one, three]) call.say(text("done"), ended("complete"));
      const left = [...(await turns.turn()), ...(await turns.turn())].filter(({ type }) => type === "response.completed");
      expect(left.map(({ stream_id }) => stream_id as string).toSorted()).to.deep.equal(["a", "b"]);
      turns.socket.close();
      await turns.closed;
    });

    it("ends after its time, behind the turn that is under way", async () => {
      const turns = await Turns.open(own, key);
      own.world.elapse(15_000);
      turns.create({ model: "told", input: "one" });
      const call = await told.next();
      own.world.elapse(6_000);
      call.say(text("late"), ended("complete"));
      expect((await turns.turn()).at(-1).type).to.equal("response.completed");
      expect((await turns.turn()).at(-1)).to.nested.include({ type: "error", "error.code": "websocket_connection_limit_reached" });
      await turns.closed;
    });

    it("tells a failure in the midst as the end of the response", async () => {
      const turns = await Turns.open(own, key);
      turns.create({ model: "told", input: "one" });
      (await told.next()).say(text("Hel"), failed(failure("RUNTIME_FAULT")));
      expect((await turns.turn()).at(-1)).to.nested.include({ type: "response.failed", "response.error.code": "runtime_fault" });
      turns.socket.close();
    });
  }); // prettier-ignore
});

describe("gateway: conversations made short", () => {
  let fixture: Fixture;
  let token: string;
  const told = toldEngines();
  before(async () => {
    fixture = await startFixture({ engines: told.engines });
    token = (await fixture.signUp("ada")).token;
  });
  after(() => fixture.stop());
  const post = (path: string, body: object) =>
    fixture.request("POST", `/v1/responses${path}`, { token, body: { model: "told", ...body } });
  const user = (content: unknown) => ({ type: "message", role: "user", content });

  it("a model reads all of it, and its notes are one item that later requests begin with", async () => {
    const input = [
      user("Remember: slate."),
      { type: "function_call", call_id: "c1", name: "look", arguments: '{"id":2512292042121000001}' },
      { type: "function_call_output", call_id: "c1", output: "1.10" },
      { type: "message", role: "assistant", content: "OK." },
    ];
    const compacting = post("/compact", { input, instructions: "Keep numbers.", prompt_cache_key: "k" });
    const asked = await told.next();
    const [task, whole] = asked.request.messages;
    expect(task).to.include({ role: "system" });
    expect(task?.content).to.match(/\n\nKeep numbers\.$/);
    expect(whole).to.deep.equal({
      role: "user",
      content:
        'User: Remember: slate.\n\nAssistant called: look {"id":2512292042121000001}\n\nTool: 1.10\n\nAssistant: OK.',
    });
    asked.say(text("The word is slate;"), text(" 1.10 was seen."), ended("complete", 30, 8));
    const { status, body } = await compacting;
    expect(status).to.equal(200);
    expect(body).to.include({ object: "response.compaction" });
    expect(body.usage).to.deep.include({ input_tokens: 30, output_tokens: 8, total_tokens: 38 });
    expect(body.output).to.have.length(1);
    expect(body.output[0]).to.include({ type: "compaction" });
    expect(body.output[0].encrypted_content).to.be.a("string").and.not.contain("slate");

    const going = post("", { input: [...body.output, user("Which word?")] });
    const next = await told.next();
    expect(next.request.messages).to.deep.equal([
      { role: "user", content: "What was said before, in short:\nThe word is slate; 1.10 was seen." },
      { role: "user", content: "Which word?" },
    ]);
    next.say(text("slate"), ended("complete"));
    const response = (await going).body;
    const again = post("/compact", { previous_response_id: response.id });
    const third = await told.next();
    expect(third.request.messages[1]?.content).to.match(
      /The word is slate; 1\.10 was seen\.\n\nUser: Which word\?\n\nAssistant: slate$/,
    );
    third.say(ended("complete"));
    expect((await again).status).to.equal(200);
  });

  it("what makes no sense is refused", async () => {
    const rows: readonly (readonly [string, object, number, string | null])[] = [
      ["/compact", { model: undefined, input: "x" }, 400, null],
      ["/compact", {}, 400, "input"],
      ["/compact", { previous_response_id: "resp_none" }, 400, "previous_response_id"],
      ["", { input: [{ type: "compaction", encrypted_content: "gAAAAA" }, user("x")] }, 400, "input[0].encrypted_content"],
      ["", { input: [user("x"), { type: "function_call_output", call_id: "c", output: "x" }] }, 400, "input[1].call_id"],
    ];
    for (const [path, body, status, param] of rows) {
      const answer = await post(path, body);
      expect([answer.status, answer.body.error.param], JSON.stringify(answer.body)).to.deep.equal([status, param]);
    }
  }); // prettier-ignore
});

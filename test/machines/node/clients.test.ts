/** The official clients of models, unchanged and of the newest version, each asked for the same over real sockets: what
 *  one of them may do with its own server it may do with a node. */
import { expect } from "chai";
import type { EngineName, EngineRequest } from "../../../protocols/index.ts";
import { createEchoRuntime, type EchoRuntime } from "../../../runtimes/echo/echo.ts";
import { everyClient } from "../../fixtures/clients/index.ts";
import { allOf, type Client, type Offered, type Where } from "../../fixtures/clients/client.ts";
import { pixel, seeing } from "../../unit/gateway/ai/seeing.ts";
import { createWorld, startFixture, type Fixture } from "../../unit/gateway/fixture.ts";

const weather: Offered = {
  name: "get_weather",
  description: "The weather of a city",
  schema: { type: "object", properties: { city: { type: "string", minLength: 1 } }, required: ["city"] },
};
const clock: Offered = { name: "clock", description: "The time", schema: { type: "object", properties: {} } };
const both = 'call get_weather {"city":"Rome"}\ncall clock';
const calls = [
  { name: "get_weather", arguments: { city: "Rome" } },
  { name: "clock", arguments: {} },
];
const age = {
  type: "object",
  properties: { age: { type: "integer", minimum: 3 } },
  required: ["age"],
  additionalProperties: false,
} as const;

describe("clients of models, unchanged", () => {
  let fixture: Fixture;
  let where: Where;
  let runtime: EchoRuntime;
  const asked: { readonly engine: EngineName; readonly request: EngineRequest }[] = [];
  before(async () => {
    const world = createWorld();
    runtime = createEchoRuntime({ clock: world.clock() });
    fixture = await startFixture({
      world,
      engines: seeing(runtime, (engine, request) => asked.push({ engine, request })),
    });
    where = { url: fixture.url, token: (await fixture.signUp("ada")).token };
  });
  beforeEach(() => void asked.splice(0));
  after(() => fixture.stop());

  const failureOf = (client: Client, work: Promise<unknown>) =>
    work.then(
      () => expect.fail("it was not refused"),
      (error: unknown) => client.failed(error),
    );
  const messages = () => (asked.at(-1)!.request as EngineRequest<"generate">).messages;

  for (const make of everyClient) {
    const of = (): Client => make(where);
    const has = make({ url: "http://127.0.0.1:1", token: "none" });
    describe(has.name, () => {
      it("chats", async () => {
        expect(await of().chat("echo", "hello")).to.match(/^You said: hello/);
      });

      it("goes on with a conversation, under a system prompt", async () => {
        expect(await of().converse("echo", "Be brief.", ["one", "two", "three"])).to.match(/^You said: three/);
        expect(messages().map(({ role, content }) => `${role}: ${content}`)).to.deep.equal([
          "system: Be brief.",
          "user: one",
          "assistant: two",
          "user: three",
        ]);
      });

      it("streams the same, in pieces", async () => {
        const pieces = await allOf(of().stream("echo", "hello there"));
        expect(pieces.join("")).to.equal(await of().chat("echo", "hello there"));
        expect(pieces.filter((piece) => piece !== "").length).to.be.above(2);
      });

      it("calls two tools at once, whole and as a stream", async () => {
        expect(await of().call("echo", both, [weather, clock])).to.deep.equal(calls);
        expect(await of().callStreamed("echo", both, [weather, clock])).to.deep.equal(calls);
      });

      it("gives back what tools answered, as it was", async () => {
        const answer = await of().loop("echo", both, [weather, clock], "id 2512292042121000001, 1.10");
        expect(answer).to.equal("The tool said: id 2512292042121000001, 1.10");
      });

      it("gets an object of a schema", async () => {
        expect(await of().object("echo", "hello", age)).to.deep.equal({ age: 3 });
      });

      it("shows a picture to a model that sees, and is told of one that does not", async () => {
        await of().see("seeing", "look", pixel);
        // Of some clients the picture is a message of its own.
        expect(
          messages()
            .map(({ content }) => content)
            .join(""),
        ).to.equal("look");
        const shown = messages().flatMap(({ media = [] }) => media);
        expect(shown).to.deep.equal([{ type: "image", mediaType: "image/png", bytes: pixel }]);
        expect(await failureOf(of(), of().see("echo", "look", pixel))).to.have.property("status", 400);
      });

      it("is told of a model that is not there, and of a wrong key, whole and as a stream", async () => {
        for (const work of [of().chat("gpt-none", "hello"), allOf(of().stream("gpt-none", "hello"))]) {
          const { status, message } = await failureOf(of(), work);
          expect([status, message]).to.satisfy(
            ([code, text]: [number, string]) => code === 404 && text.includes("gpt-none"),
          );
        }
        const stranger = make({ ...where, token: "plxk_wrong" });
        expect((await failureOf(stranger, stranger.chat("echo", "hello"))).status).to.equal(401);
      });

      it("ends the model's work when it is aborted", async () => {
        const world = createWorld();
        const slowly = createEchoRuntime({ clock: world.clock(), tokenDelayMs: 20 });
        const slow = await startFixture({ world, engines: slowly.engines });
        const client = make({ url: slow.url, token: (await slow.signUp("ada")).token });
        const abort = new AbortController();
        try {
          for await (const piece of client.stream("echo", "word ".repeat(500), abort.signal))
            if (piece !== "") abort.abort();
        } catch {
          // Most of them throw that it was aborted.
        }
        while (slowly.stats().running > 0) await new Promise((resolve) => setImmediate(resolve));
        expect(slowly.stats()).to.include({ started: 1, finished: 1 });
        await slow.stop();
      });

      if (has.embed !== undefined)
        it("gets vectors, one for each text", async () => {
          const vectors = (await of().embed?.("echo", ["one two", "three"])) ?? [];
          expect(vectors.map(({ length }) => length)).to.deep.equal([64, 64]);
          expect(vectors[0]).to.not.deep.equal(vectors[1]);
        });

      if (has.models !== undefined)
        it("lists models", async () => {
          expect(await of().models?.()).to.deep.equal(["echo", "seeing"]);
        });

      if (has.draw !== undefined)
        it("has a picture drawn", async () => {
          expect([...((await of().draw?.("seeing", "a house")) ?? [])]).to.deep.equal([...pixel]);
        });

      if (has.hear !== undefined || has.speak !== undefined)
        it("speaks, and has written down what is said", async () => {
          const sound = (await of().speak?.("echo", "hello there")) ?? new Uint8Array();
          expect(Buffer.from(sound).toString("latin1", 0, 4)).to.equal("RIFF");
          expect(await of().hear?.("seeing", sound)).to.equal("hello there");
        });
    });
  }
});

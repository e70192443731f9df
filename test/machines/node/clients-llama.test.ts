/** The official clients of models on llama.cpp and the small model that comes with Plexus: the cases of
 *  `clients.test.ts` that do not depend on what the echo would say. It draws, hears and calls nothing; what it cannot
 *  do its clients are told. Under another file name it is a model like others, which may be made to call. */
import { expect } from "chai";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { enginesOf, startInferenceHost, type InferenceHost } from "../../../runtimes/index.ts";
import { keptLog, realClock } from "../../conformance/real-time.ts";
import { everyClient } from "../../fixtures/clients/index.ts";
import { allOf, type Client, type Offered, type Where } from "../../fixtures/clients/client.ts";
import { pixel } from "../../unit/gateway/ai/seeing.ts";
import { startFixture, type Fixture } from "../../unit/gateway/fixture.ts";

const path = join(import.meta.dirname, "../../../runtimes/tiny-model/plexus-tiny.gguf");
const clock: Offered = { name: "clock", description: "The time", schema: { type: "object", properties: {} } };
const age = {
  type: "object",
  properties: { age: { type: "integer", minimum: 3, maximum: 120 } },
  required: ["age"],
  additionalProperties: false,
} as const;

describe("clients of models, unchanged, on llama.cpp", () => {
  let fixture: Fixture;
  let where: Where;
  let host: InferenceHost;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "plexus-clients-"));
    const unnamed = join(folder, "unnamed.gguf");
    copyFileSync(path, unnamed);
    const models = [
      { name: "tiny", adapter: "llama", path },
      { name: "unnamed", adapter: "llama", path: unnamed },
    ];
    host = startInferenceHost({ models, clock: realClock(), log: keptLog() });
    await host.settled();
    fixture = await startFixture({ engines: enginesOf(host) });
    where = { url: fixture.url, token: (await fixture.signUp("ada")).token };
  });
  after(async () => {
    await fixture.stop();
    await host.stop(0);
    rmSync(folder, { recursive: true });
  });

  const failureOf = (client: Client, work: Promise<unknown>) =>
    work.then(
      () => expect.fail("it was not refused"),
      (error: unknown) => client.failed(error),
    );

  for (const make of everyClient) {
    const of = (): Client => make(where);
    const has = make({ url: "http://127.0.0.1:1", token: "none" });
    describe(has.name, () => {
      it("chats", async () => {
        expect(await of().chat("tiny", "What is a room?")).to.match(/room/i);
      });

      it("goes on with a conversation, under a system prompt", async () => {
        const answer = await of().converse("tiny", "Be brief.", ["Hello!", "Hello.", "What is an agent?"]);
        expect(answer).to.match(/agent/i);
      });

      it("streams, in pieces", async () => {
        const pieces = (await allOf(of().stream("tiny", "What is a room?"))).filter((piece) => piece !== "");
        expect(pieces.join("")).to.match(/room/i);
        expect(pieces.length).to.be.above(1);
      });

      it("gets an object of a schema", async () => {
        // Some clients ask for it by a tool that has to be called.
        const object = (await of().object("unnamed", "How old are you?", age)) as { readonly age: number };
        expect(Object.keys(object)).to.deep.equal(["age"]);
        expect(object.age).to.satisfy((years: number) => Number.isInteger(years) && years >= 3 && years <= 120);
      });

      it("is told that it sees nothing, and that it calls no tools", async () => {
        const works = [of().see("tiny", "look", pixel), of().call("tiny", "What time is it?", [clock])];
        for (const work of works) expect(await failureOf(of(), work)).to.have.property("status", 400);
      });

      it("is told of a model that is not there, and of a wrong key, whole and as a stream", async () => {
        for (const work of [of().chat("gpt-none", "hello"), allOf(of().stream("gpt-none", "hello"))])
          expect((await failureOf(of(), work)).status).to.equal(404);
        const stranger = make({ ...where, token: "plxk_wrong" });
        expect((await failureOf(stranger, stranger.chat("tiny", "hello"))).status).to.equal(401);
      });

      it("ends the model's work when it is aborted", async () => {
        const before = host.stats();
        const abort = new AbortController();
        try {
          for await (const piece of of().stream("tiny", "Tell me a story.", abort.signal))
            if (piece !== "") abort.abort();
        } catch {
          // Most of them throw that it was aborted.
        }
        while (host.stats().running > 0) await new Promise((resolve) => setImmediate(resolve));
        expect(host.stats().started).to.equal(before.started + 1);
      });

      if (has.models !== undefined)
        it("lists models", async () => {
          expect(await of().models?.()).to.deep.equal(["tiny", "unnamed"]);
        });

      if (has.embed !== undefined)
        it("is told that the model makes no vectors", async () => {
          expect(await failureOf(of(), of().embed!("tiny", ["one"]))).to.have.property("status", 400);
        });
    });
  }
});

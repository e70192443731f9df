/** What models on other servers do when the server is hostile, gone, busy or slow: one typed ending each, and no
 *  connection left. */
import { expect } from "chai";
import { withoutPlaces } from "../../../../node/gateway/ai/places.ts";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorTable, failureOf, isSignOfLife, type Failure } from "../../../../protocols/index.ts";
import type { Ended, LoadedModel } from "../../../../runtimes/adapter.ts";
import { adapterOf } from "../../../../runtimes/adapters.ts";
import { Call } from "../../../../runtimes/remote/call.ts";
import { demandPrivacy, readKey } from "../../../../runtimes/remote/endpoint.ts";
import { judge, retryAfterMsOf } from "../../../../runtimes/remote/refusals.ts";
import { remoteLimits } from "../../../../runtimes/remote/limits.ts";
import { json, sse, startDouble, type Double, type Script } from "../../../fixtures/providers/double.ts";
import { ask, loadRemote, textOf } from "./fixture.ts";
import { World } from "../../../world/index.ts";
import { isAll } from "../../../depth.ts";

const delta = (content: string): object => ({ choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const finish = (reason: string): object => ({ choices: [{ index: 0, delta: {}, finish_reason: reason }] });
const usage = (prompt: number, completion: number): object => ({
  choices: [],
  usage: { prompt_tokens: prompt, completion_tokens: completion },
});
const fine = [delta("Hel"), delta("lo"), finish("stop"), usage(3, 2)];
const begin = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { "content-type": "text/event-stream" });
const say = (response: ServerResponse, value: unknown): boolean => response.write(`data: ${JSON.stringify(value)}\n\n`);

function failureIn(ended: Ended): Failure {
  if (ended.ok) throw new Error(`expected a failure, got ${JSON.stringify(ended.value)}`);
  expect(ended.error.outcome).to.equal(errorTable[ended.error.code].outcome);
  return ended.error;
}

describe("a model on another server", function () {
  const secret = "sk-secret-0123456789";
  let double: Double;
  let model: LoadedModel;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "plexus-remote-"));
    writeFileSync(join(folder, "key"), `${secret}\n`, { mode: 0o600 });
    double = await startDouble();
    double.script = (_asked, response) => json(response, { data: [{ id: "m", owned_by: "vllm" }] });
    const endpoint = { url: `${double.url}/v1`, model: "m", key: { file: join(folder, "key") } };
    ({ model } = await loadRemote({ adapter: "openai", endpoint }));
  });
  after(async () => {
    await double.close();
    rmSync(folder, { recursive: true });
  });

  async function endOf(script: Script, request: object = {}): Promise<Failure> {
    double.script = script;
    const heard = ask(model, "generate", request);
    const failure = failureIn(await heard.ended);
    expect(JSON.stringify(failure), "the key in an error").to.not.include(secret);
    expect(JSON.stringify(withoutPlaces(failure)), "the address in an error").to.not.include("127.0.0.1");
    // Who may see the cluster is told which server it is, where that is the point.
    const { at } = failure.details ?? {};
    if (at !== undefined) expect(at).to.equal(double.url);
    return failure;
  }
  async function answers(request: object = {}): Promise<void> {
    double.script = (_asked, response) => sse(response, fine);
    const heard = ask(model, "generate", request);
    expect(await heard.ended).to.deep.equal({
      ok: true,
      value: { end: "complete", promptTokens: 3, completionTokens: 2 },
    });
    expect(textOf(heard)).to.equal("Hello");
  }

  it("answers, with the key in its header alone", async () => {
    await answers();
    const { path, headers, text } = double.asked.at(-1)!;
    expect(path).to.equal("/v1/chat/completions");
    expect(headers.authorization).to.equal(`Bearer ${secret}`);
    expect(text).to.not.include(secret);
  });

  it("gives images to be embedded as another Plexus takes them", async () => {
    const endpoint = { url: `${double.url}/v1`, model: "m" };
    const { model: sees } = await loadRemote({ adapter: "openai", endpoint, capabilities: ["embed", "image-embed"] });
    double.script = (_asked, response) =>
      json(response, { data: [0, 1].map((index) => ({ index, embedding: [3, 4] })) });
    const image = { type: "image" as const, mediaType: "image/png", bytes: Uint8Array.of(1, 2, 3) };
    const { ended } = ask(sees, "embed", { inputs: ["a", image] });
    expect(await ended).to.have.property("ok", true);
    expect(double.asked.at(-1)?.body)
      .to.have.property("input")
      .that.deep.equals(["a", { image: "data:image/png;base64,AQID" }]);
  });

  it("keeps its connection for the next call", async () => {
    // The rest of an answer is read behind it: the next call may come before that.
    for (let count = 0; count < 6; count += 1) await answers();
    expect(double.connections()).to.be.at.most(2);
  });

  it("says by its status what a refusal is", async () => {
    const error = (type: string, message = "no") => ({ error: { type, message } });
    const rows: readonly (readonly [number, object, string])[] = [
      [401, error("invalid_api_key", `Incorrect API key provided: ${secret}`), "PROVIDER_REFUSED"],
      [402, error("billing"), "PROVIDER_REFUSED"],
      [403, error("permission_error"), "PROVIDER_REFUSED"],
      [429, error("insufficient_quota"), "PROVIDER_REFUSED"],
      [404, error("not_found"), "MODEL_NOT_FOUND"],
      [400, { error: { code: "context_length_exceeded", message: "too long" } }, "CONTEXT_TOO_LONG"],
      [400, error("invalid_request_error", `bad: ${secret}`), "BAD_REQUEST"],
      [413, {}, "CONTEXT_TOO_LONG"],
      [400, { error: "registry.ollama.ai/library/gemma3:1b does not support tools" }, "MODEL_UNSUPPORTED"],
      [500, { error: { code: 500, message: "tools param requires --jinja flag" } }, "MODEL_UNSUPPORTED"],
      [400, { message: '"auto" tool choice requires --enable-auto-tool-choice to be set' }, "MODEL_UNSUPPORTED"],
      [404, { error: { message: "No endpoints found that support tool use.", code: 404 } }, "MODEL_UNSUPPORTED"],
      [400, { error: { message: "`tool calling` is not supported with this model" } }, "MODEL_UNSUPPORTED"],
      [422, { detail: "no" }, "BAD_REQUEST"],
      [502, { error: "an upstream said: gemma3 does not support tools" }, "PROVIDER_FAILED"],
      [408, { error: "gemma3 does not support tools" }, "BAD_REQUEST"],
      [500, error("server_error", "Traceback …"), "PROVIDER_FAILED"],
      [502, {}, "PROVIDER_FAILED"],
    ];
    for (const [status, body, code] of rows) {
      const failure = await endOf((_asked, response) => json(response, body, status));
      expect(failure.code, String(status)).to.equal(code);
      expect(JSON.stringify(failure)).to.not.include(secret);
    }
    await answers();
  });

  it("tells those who run it what the server said, and which one", async () => {
    const said = (status: number, message: string) =>
      endOf((_asked, response) => json(response, { error: { message } }, status));
    const rows: readonly (readonly [number, string])[] = [
      [500, "model requires more system memory (8.4 GiB) than is available (5.1 GiB)"],
      [403, "Your organization must be verified to use the model `m`."],
      [401, "this token has ended"],
      [402, "no credit is left"],
      [404, "model 'm' not found, try pulling it first"],
      [413, "client intended to send too large body"],
      [400, "prompt is too long: 9 tokens > 8 maximum"],
      [400, "gemma3 does not support tools"],
      [422, "temperature is out of range"],
    ];
    for (const [status, reason] of rows) {
      const failure = await said(status, reason);
      expect(failure.details, reason).to.deep.include({ status, reason, at: double.url });
      // Nobody else is told.
      const others = JSON.stringify(withoutPlaces(failure));
      expect(others).to.not.include(reason);
      expect(others).to.not.include(double.url);
    }
    expect((await said(500, "")).details).to.include({ reason: "it failed" });
  });

  it("asks again when the server is busy, after the time that it names", async () => {
    const from = double.asked.length;
    const heard = (async () => {
      double.script = (_asked, response) => {
        if (double.asked.length - from === 3) return sse(response, fine);
        response.setHeader("retry-after-ms", "5");
        return json(response, { error: { type: "rate_limit_exceeded" } }, double.asked.length - from === 1 ? 429 : 503);
      };
      const one = ask(model, "generate", {});
      return { ended: await one.ended, text: textOf(one) };
    })();
    expect((await heard).text).to.equal("Hello");
    expect(double.asked.length - from).to.equal(3);
  });

  it("does not wait for longer than there is time, and passes on how long", async () => {
    const busy: Script = (_asked, response) => {
      response.setHeader("retry-after", "3600");
      json(response, {}, 429);
    };
    const from = double.asked.length;
    expect((await endOf(busy)).details).to.include({ retryAfterMs: 3_600_000 });
    const soon: Script = (_asked, response) => {
      response.setHeader("retry-after", "20");
      json(response, {}, 529);
    };
    expect(await endOf(soon, { timeoutMs: 19_000 })).to.deep.include({ code: "MODEL_BUSY", outcome: "not_started" });
    expect(double.asked.length - from).to.equal(2);
    const always: Script = (_asked, response) => {
      response.setHeader("retry-after", "0");
      json(response, {}, 503);
    };
    expect((await endOf(always)).code).to.equal("MODEL_BUSY");
    expect(double.asked.length - from).to.equal(2 + remoteLimits.attemptsMax);
  });

  it("tells nobody the key that an error in its stream repeats", async () => {
    const error = { code: 400, message: `bad key ${secret}` };
    const { details } = await endOf((_asked, response) => sse(response, [{ error }]));
    expect(details?.["reason"]).to.match(/^bad key /);
  });

  it("does not follow a redirect, and sends the key nowhere else", async () => {
    const other = await startDouble();
    for (const status of [301, 302, 307, 308]) {
      const failure = await endOf((_asked, response) => response.writeHead(status, { location: other.url }).end());
      expect(failure.code).to.equal("PROVIDER_FAILED");
    }
    expect(other.asked).to.have.length(0);
    await other.close();
    await answers();
  });

  describe("whose answer is cut off or damaged", () => {
    const rows: readonly (readonly [string, Script])[] = [
      ["before it begins", (_asked, response) => response.destroy()],
      [
        "in the middle",
        (_asked, response) => void (say(begin(response), delta("Hel")), setImmediate(() => response.destroy())),
      ],
      ["in order, but without an end", (_asked, response) => sse(response, [delta("Hel")], "")],
      ["within an event", (_asked, response) => begin(response).end('data: {"choices":[{"del')],
      ["within a character", (_asked, response) => begin(response).end(Buffer.from('data: "\xF0\x9F"\n\n', "latin1"))],
      ["by garbage", (_asked, response) => begin(response).end("data: <html>\n\n")],
      [
        "by a page",
        (_asked, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>hi</html>"),
      ],
      [
        "by JSON that is none",
        (_asked, response) => response.writeHead(200, { "content-type": "application/json" }).end("{"),
      ],
      [
        "by an error in the stream",
        (_asked, response) => sse(response, [delta("Hel"), { error: { message: "boom" } }]),
      ],
      [
        "by a length that is too large",
        (_asked, response) => {
          const text = `data: ${JSON.stringify(delta("Hel"))}\n\n`;
          response.writeHead(200, { "content-type": "text/event-stream", "content-length": String(text.length + 100) });
          response.write(text, () => response.destroy());
        },
      ],
      [
        "by a length that is too small",
        (_asked, response) => {
          const text = fine.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
          response.socket?.end(
            `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 20\r\n\r\n${text}`,
          );
        },
      ],
      [
        "by a call whose arguments are no JSON",
        (_asked, response) => sse(response, [brokenCall, finish("tool_calls")]),
      ],
      ["by nothing at all", (_asked, response) => begin(response).end()],
    ];
    const brokenCall = {
      choices: [{ delta: { tool_calls: [{ index: 0, id: "1", function: { name: "f", arguments: "{" } }] } }],
    };
    for (const [how, script] of rows)
      it(how, async () => {
        const failure = await endOf(script);
        expect(failure).to.include({ code: "PROVIDER_FAILED", outcome: "unknown" });
        await answers();
      });
  });

  it("is not reached: nothing was started", async () => {
    const gone = await startDouble();
    const endpoint = { url: `${gone.url}/v1`, model: "gpt-4o-mini" };
    await gone.close();
    const { model: away, warnings } = await loadRemote({ adapter: "openai", endpoint });
    expect(warnings.join()).to.match(/MODEL_UNAVAILABLE/u);
    expect(away.capabilities).to.include.members(["chat", "tools", "vision"]);
    const failure = failureIn(await ask(away, "generate", {}).ended);
    expect(failure).to.include({ code: "MODEL_UNAVAILABLE", outcome: "not_started" });
    expect(failure.details?.["reason"]).to.match(/ECONNREFUSED/u);
    const discard = { adapter: "openai", endpoint: { url: "http://127.0.0.1:9/v1", model: "m" } };
    expect((await loadRemote(discard)).warnings.join()).to.match(/may not use the port/u);
  });

  it("falls silent: before its answer, and within it", async () => {
    const endpoint = { url: double.url, model: "m" };
    const wire = { base: (url: URL) => url.href, headers: () => ({}), stream: "sse" as const };
    const silent = { code: "PROVIDER_FAILED", details: { model: "m", reason: "the server has fallen silent" } };
    for (const spoken of [false, true]) {
      const world = new World(1);
      const asked = Promise.withResolvers<ServerResponse>();
      double.script = (_asked, response) => asked.resolve(response);
      const call = new Call({ endpoint, wire, timeoutMs: 10_000, silenceMs: 20, clock: world.clock() });
      const events = call.events({ path: "/x", body: {} });
      let next = events.next();
      const response = await asked.promise;
      if (spoken) {
        say(begin(response), delta("Hel"));
        expect((await next).done).to.equal(false);
        next = events.next();
      }
      const ended = next.then(
        () => "it went on",
        (error: unknown) => failureOf(error),
      );
      world.elapse(21);
      expect(await ended).to.deep.include(silent);
      await call.end();
    }
  });

  it("may be silent as long as the call may take, before its answer and within it", async () => {
    const endpoint = { url: double.url, model: "m" };
    const wire = { base: (url: URL) => url.href, headers: () => ({}), stream: "sse" as const };
    const world = new World(1);
    const asked = Promise.withResolvers<ServerResponse>();
    double.script = (_asked, response) => asked.resolve(response);
    const call = new Call({ endpoint, wire, timeoutMs: 600_000, clock: world.clock() });
    const events = call.events({ path: "/x", body: {} });
    const first = events.next();
    const response = await asked.promise;
    world.elapse(299_000);
    say(begin(response), delta("Hel"));
    expect((await first).done).to.equal(false);
    const second = events.next();
    world.elapse(299_000);
    say(response, delta("lo"));
    expect((await second).done).to.equal(false);
    // The deadline stands.
    const third = events.next().then(
      () => "it went on",
      (error: unknown) => failureOf(error),
    );
    world.elapse(2_100);
    expect(await third).to.deep.include({ code: "GENERATION_TIMEOUT", details: { model: "m", timeoutMs: 600_000 } });
    await call.end();
  });

  it("may write for as long as it does, where its call limits silence", async () => {
    const wire = { base: (url: URL) => url.href, headers: () => ({}), stream: "sse" as const };
    const world = new World(1);
    const asked = Promise.withResolvers<ServerResponse>();
    double.script = (_asked, response) => asked.resolve(response);
    const call = new Call({ endpoint: { url: double.url, model: "m" }, wire, timeoutMs: 86_400_000, quietMs: 300_000, clock: world.clock() });
    const events = call.events({ path: "/x", body: {} });
    let next = events.next();
    const response = await asked.promise;
    begin(response);
    for (let word = 0; word < 4; word += 1) {
      world.elapse(299_000);
      say(response, delta("Hel"));
      expect((await next).done).to.equal(false);
      next = events.next();
    }
    const late = next.then(
      () => "it went on",
      (error: unknown) => failureOf(error),
    );
    world.elapse(300_000);
    expect(await late).to.deep.include({ code: "GENERATION_TIMEOUT", details: { model: "m", timeoutMs: 300_000 } });
    await call.end();
  }); // prettier-ignore

  it("shows that it is there by what is no part of its answer: comments, white space, an event that is not whole", async () => {
    double.script = (_asked, response) => {
      begin(response);
      response.write(": OPENROUTER PROCESSING\n\n");
    };
    const last = double.asked.length;
    const heard = ask(model, "generate", {});
    expect(isSignOfLife(await heard.first)).to.equal(true);
    expect(double.asked.length).to.equal(last + 1);
    heard.cancel();
    await heard.ended;
    expect(textOf(heard)).to.equal("");
  });

  it("says no more than is taken, and that is no silence", async () => {
    double.script = (_asked, response) =>
      sse(response, [...Array.from({ length: 500 }, () => delta("x")), finish("stop")]);
    const heard = ask(model, "generate", {});
    const resume = heard.pause();
    await heard.first;
    // Whatever has come meanwhile waits in the connection: one event was taken.
    await new Promise((resolve) => setImmediate(resolve));
    expect(heard.parts).to.have.length(1);
    resume();
    expect((await heard.ended).ok).to.equal(true);
    expect(textOf(heard)).to.equal("x".repeat(500));
  });

  it("says a million tokens: the answer ends at its length, and the connection with it", async () => {
    let closed = Promise.withResolvers<void>();
    double.script = (_asked, response) => {
      begin(response);
      const text = `data: ${JSON.stringify(delta("word "))}\n\n`.repeat(1_000);
      const pour = (): void => {
        while (!response.destroyed && response.write(text));
      };
      response.on("drain", pour).on("close", () => closed.resolve());
      pour();
    };
    const short = ask(model, "generate", { sampling: { maxTokens: 7 } });
    expect(await short.ended).to.have.nested.property("value.end", "length");
    expect(textOf(short)).to.equal("word ".repeat(7));
    await closed.promise;
    closed = Promise.withResolvers();
    const stopped = ask(model, "generate", { stop: ["d word w"] });
    expect(await stopped.ended).to.have.nested.property("value.end", "complete");
    expect(textOf(stopped)).to.equal("wor");
    await closed.promise;
  });

  it("sends texts without end in one event: they are not kept", async () => {
    const failure = await endOf((_asked, response) => {
      begin(response).write('data: "');
      const pour = (): void => {
        while (!response.destroyed && response.write("x".repeat(100_000)));
      };
      response.on("drain", pour);
      pour();
    });
    expect(failure.code).to.equal("PROVIDER_FAILED");
  });

  describe("cancelled", () => {
    it("closes the connection, and says what there was", async () => {
      const closed = Promise.withResolvers<void>();
      double.script = (_asked, response) => {
        response.on("close", () => closed.resolve());
        say(begin(response), delta("Hel"));
      };
      const heard = ask(model, "generate", {});
      await heard.first;
      heard.cancel();
      expect(await heard.ended).to.deep.equal({
        ok: true,
        value: { end: "stopped", promptTokens: 0, completionTokens: 1 },
      });
      await closed.promise;
      expect(textOf(heard)).to.equal("Hel");
    });

    it("before the answer, while it waits for the server, and before it is sent", async () => {
      const arrived = Promise.withResolvers<void>();
      const closed = Promise.withResolvers<void>();
      double.script = (_asked, response) => {
        response.on("close", () => closed.resolve());
        arrived.resolve();
      };
      const heard = ask(model, "generate", {});
      await arrived.promise;
      heard.cancel();
      expect(await heard.ended).to.have.nested.property("value.end", "stopped");
      await closed.promise;

      const refused = Promise.withResolvers<void>();
      double.script = (_asked, response) => {
        response.setHeader("retry-after", "10");
        json(response, {}, 429);
        refused.resolve();
      };
      const waiting = ask(model, "generate", {});
      await refused.promise;
      waiting.cancel();
      expect(await waiting.ended).to.have.nested.property("value.end", "stopped");

      const from = double.asked.length;
      const early = ask(model, "generate", {});
      early.cancel();
      expect(await early.ended).to.have.nested.property("value.end", "stopped");
      expect(double.asked.length).to.equal(from);
    });

    it("a hundred and more at once: each ends once, and no connection is left", async () => {
      const crowded = await startDouble((asked, response) => {
        response.setHeader("connection", "close");
        if (asked.method === "GET") json(response, { data: [] });
        else say(begin(response), delta("x"));
      });
      const { model: asked } = await loadRemote({ adapter: "openai", endpoint: { url: crowded.url, model: "m" } });
      const all = Array.from({ length: isAll ? 300 : 100 }, () => ask(asked, "generate", {}));
      await all[0]!.first;
      for (const heard of all) heard.cancel();
      for (const heard of all) expect(await heard.ended).to.have.nested.property("value.end", "stopped");
      await crowded.idle();
      await crowded.close();
    });
  });
});

describe("the key of an endpoint", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "plexus-key-"))));
  after(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string, mode: number): { readonly key: { readonly file: string } } => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
    return { key: { file: join(folder, name) } };
  };
  const reasonOf = (endpoint: Parameters<typeof readKey>[0]): string => {
    const read = readKey(endpoint);
    if (read.type === "key") throw new Error("it was read");
    return read.reason;
  };

  it("is read from a file that only its owner may read, or from the environment", () => {
    expect(readKey(file("good", " abc\n", 0o600))).to.deep.equal({ type: "key", key: "abc" });
    expect(readKey(file("safer", "abc", 0o400))).to.deep.equal({ type: "key", key: "abc" });
    process.env["PLEXUS_TEST_KEY"] = "from-environment";
    expect(readKey({ key: { env: "PLEXUS_TEST_KEY" } })).to.deep.equal({ type: "key", key: "from-environment" });
    delete process.env["PLEXUS_TEST_KEY"];
    expect(reasonOf({ key: { env: "PLEXUS_TEST_KEY" } })).to.match(/PLEXUS_TEST_KEY is not set/u);
  });

  it("is refused where others can read it, or where it is none", () => {
    for (const mode of [0o640, 0o604, 0o644, 0o610]) expect(reasonOf(file("open", "abc", mode))).to.match(/chmod 600/u);
    expect(reasonOf({ key: { file: folder } })).to.match(/regular file/u);
    expect(reasonOf({ key: { file: join(folder, "none") } })).to.equal("the key file cannot be read (ENOENT)");
    expect(reasonOf(file("empty", "\n", 0o600))).to.match(/empty/u);
    const injected = reasonOf(file("two", "abc\r\nx-other: 1", 0o600));
    expect(injected)
      .to.match(/spaces or signs/u)
      .and.not.include("abc");
    expect(reasonOf(file("long", "a".repeat(10_000), 0o600))).to.match(/too long/u);
  });

  it("that is missing fails the model with the reason", async () => {
    const endpoint = { url: "http://127.0.0.1:9/v1", model: "m", key: { env: "PLEXUS_NO_SUCH_KEY" } };
    const spec = { name: "m", adapter: "openai", path: "", endpoint };
    const load = await adapterOf(spec).load(spec, {} as never);
    expect(load).to.deep.equal({ type: "failed", reason: "the variable PLEXUS_NO_SUCH_KEY is not set" });
  });
});

describe("plain http", () => {
  it("goes to loopback and private addresses only", async () => {
    for (const host of [
      "127.0.0.1",
      "localhost",
      "[::1]",
      "10.1.2.3",
      "192.168.0.9",
      "172.20.0.1",
      "[fd00::1]",
      "100.64.0.7",
    ])
      await demandPrivacy(new URL(`http://${host}/`), "m");
    await demandPrivacy(new URL("https://api.example.org/"), "m");
    for (const host of ["8.8.8.8", "172.32.0.1", "[2001:db8::1]", "[::ffff:8.8.8.8]", "100.128.0.1"]) {
      const refusal = await demandPrivacy(new URL(`http://${host}/`), "m").then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(refusal, host).to.have.nested.property("failure.code", "MODEL_UNAVAILABLE");
    }
  });
});

describe("what a server says of waiting", () => {
  const after = (headers: Readonly<Record<string, string>>) =>
    retryAfterMsOf({ get: (name) => headers[name] ?? null }, Date.parse("2026-01-01T00:00:00Z"));

  it("is read in all its forms", () => {
    expect(after({})).to.equal(undefined);
    expect(after({ "retry-after": "2" })).to.equal(2_000);
    expect(after({ "retry-after": "2", "retry-after-ms": "150" })).to.equal(150);
    expect(after({ "retry-after": "Thu, 01 Jan 2026 00:00:05 GMT" })).to.equal(5_000);
    expect(after({ "retry-after": "Thu, 01 Jan 2020 00:00:05 GMT" })).to.equal(0);
    expect(after({ "retry-after": "soon" })).to.equal(undefined);
    const body = { error: { code: 429, status: "RESOURCE_EXHAUSTED", details: [{ retryDelay: "34s" }] } };
    expect(judge({ status: 429, body }, { model: "m" }).failure.details).to.include({ retryAfterMs: 34_000 });
  });
});

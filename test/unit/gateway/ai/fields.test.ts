/** Every field of every interface changes what the model is asked or the answer, or is refused by name, or is on the
 *  list of those that mean nothing here. The fields are those of the packages that send requests: a new version's new
 *  field is on no list yet. */
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineRequest, Said } from "../../../../protocols/index.ts";
import { fieldsOf } from "../../../../node/gateway/ai/fields/index.ts";
import { type FieldRow } from "../../../../node/gateway/ai/fields/rows.ts";
import { type Engines } from "../../../../runtimes/index.ts";
import { createEchoRuntime } from "../../../../runtimes/echo/echo.ts";
import { readSdkFields } from "../../../fixtures/sdk-fields.ts";
import { fieldsPage } from "../../../tidy/fields.ts";
import { createWorld, startFixture, type Fixture } from "../fixture.ts";
import { baseOf, examples, formOf, withField, withValue } from "./field-examples.ts";
import { seeing } from "./seeing.ts";

/** Engines of which every call is noted. */
const noted = (engines: Engines, note: (request: EngineRequest) => void): Engines =>
  Object.fromEntries(
    Object.entries(engines).map(([name, engine]) => [
      name,
      {
        models: () => engine.models(),
        watch: (listener: () => void) => engine.watch(listener),
        call(request: EngineRequest, hear: (said: Said) => void) {
          note(request);
          return engine.call(request as never, hear as never);
        },
      },
    ]),
  ) as unknown as Engines;

/** What covers a path: its own row, or that of all other words there. */
function rowFor(rows: readonly FieldRow[], path: string): FieldRow | undefined {
  const own = rows.find((row) => row.path === path);
  const word = /^(.*)\([^()]*\)$/.exec(path)?.[1];
  return own ?? (word === undefined ? undefined : rows.find((row) => row.path === `${word}(*)`));
}

const isAbove = (rows: readonly FieldRow[], path: string): boolean =>
  rows.some((row) => row.path.startsWith(`${path}.`) || row.path.startsWith(`${path}(`));

/** What is written of a field, and whether that says enough of it. */
const told = (rows: readonly FieldRow[], path: string): "enough" | "deeper" | undefined => {
  const row = rowFor(rows, path);
  if (row !== undefined && row.fate !== "used") return "enough";
  if (isAbove(rows, path)) return "deeper";
  return row === undefined ? undefined : "enough";
};

describe("gateway: fields of requests", () => {
  const fields = readSdkFields((request, path) =>
    told(fieldsOf[request] ?? [], path) === "deeper" ? "deeper" : "enough",
  );

  for (const [request, paths] of fields)
    it(`${request}: each is on a list`, () => {
      const rows = fieldsOf[request] ?? [];
      expect(paths.length).to.be.greaterThan(0);
      expect(paths.filter((path) => told(rows, path) === undefined)).to.deep.equal([]);
    });

  it("are on the page as in the table", () => {
    const page = join(import.meta.dirname, "../../../../docs/reference/fields.md");
    const isCurrent = readFileSync(page, "utf8") === fieldsPage();
    expect(isCurrent, "docs/reference/fields.md is not current: node test/tidy/fields.ts --write").to.equal(true);
  });

  it("are on one list once", () => {
    for (const [request, rows] of Object.entries(fieldsOf)) {
      const paths = rows.map(({ path }) => path);
      expect(paths.filter((path, index) => paths.indexOf(path) !== index), request).to.deep.equal([]);
      expect(rows.filter(({ fate, why }) => (fate === "used" || fate === "whole") === (why !== "")), request).to.deep.equal([]);
    }
  }); // prettier-ignore

  it("of a package that nobody looked at are on none", () => {
    expect(told(fieldsOf["/v1/chat/completions"] ?? [], "telepathy")).to.equal(undefined);
    expect(told(fieldsOf["/v1/chat/completions"] ?? [], "messages(user).mood")).to.equal(undefined);
    expect(told(fieldsOf["/v1/chat/completions"] ?? [], "messages(user).content(smell)")).to.equal("enough");
    expect(told(fieldsOf["/v1/chat/completions"] ?? [], "messages(oracle)")).to.equal(undefined);
  });

  describe("do what their lists say", () => {
    let fixture: Fixture;
    let token: string;
    let asked: EngineRequest[] = [];
    before(async () => {
      const world = createWorld();
      const runtime = createEchoRuntime({ clock: world.clock() });
      fixture = await startFixture({
        world,
        engines: noted(
          seeing(runtime, () => undefined),
          (request) => asked.push(request),
        ),
      });
      token = (await fixture.signUp("ada")).token;
    });
    after(() => fixture.stop());

    const posted = async (path: string, body: FormData): Promise<{ readonly status: number; readonly body: unknown }> => {
      const answer = await fetch(fixture.url + path, { method: "POST", headers: { authorization: `Bearer ${token}` }, body });
      return { status: answer.status, body: await answer.text() };
    }; // prettier-ignore

    /** What came of a request: its status, what the model was asked, and what was answered, without ids and times. */
    const cameOf = async (path: string, body: object) => {
      asked = [];
      const reply = path.includes("/audio/tr")
        ? await posted(path, formOf(body as Record<string, unknown>))
        : await fixture.request("POST", path, { token, body });
      const reached = asked.map(({ id: _id, timeoutMs: _timeoutMs, trace: _trace, ...rest }) => rest);
      const plain = JSON.stringify(reply.body)
        // In what is streamed, which is a text here, the quotation marks are escaped.
        .replaceAll(
          /\\?"(?:id|item_id|created_at|created|completed_at|[a-z_]*_duration|call_id)\\?":(?:\\?"[^"]*"|\d+)/g,
          "",
        )
        .replaceAll(/(?:chatcmpl|cmpl|resp|msg|call|rs|fc)[-_][\w-]+/g, "");
      return {
        status: reply.status,
        body: reply.body as { readonly error?: unknown },
        plain: plain + JSON.stringify(reached),
        reached: JSON.stringify(reached),
      };
    };

    /** The same for the request alone, which has many fields. */
    const alone = new Map<string, ReturnType<typeof cameOf>>();
    const cameOfAlone = (path: string, body: object): ReturnType<typeof cameOf> => {
      const key = JSON.stringify([path, body]);
      const came = alone.get(key) ?? cameOf(path, body);
      alone.set(key, came);
      return came;
    };

    for (const [request, rows] of Object.entries(fieldsOf))
      for (const row of rows) {
        const example = examples[request]?.[row.path];
        if (example === "elsewhere" || baseOf(request, row.path) === undefined) continue;
        it(`${request} ${row.path}: ${row.fate}`, async () => {
          expect(baseOf(request, row.path), "there is no example").to.not.equal(undefined);
          const without = await cameOfAlone(request, baseOf(request, row.path) ?? {});
          expect(without.status, JSON.stringify(without.body)).to.equal(200);
          const body = withField(baseOf(request, row.path) ?? {}, row, example);
          const came = await cameOf(request, body);
          const shown = `${JSON.stringify(body)} → ${JSON.stringify(came.body)}`;
          if (row.fate === "refused") {
            expect(came.status, shown).to.equal(400);
            // It is named.
            const names = row.path.split(/[.()*]+/).filter((name) => name !== "");
            expect(JSON.stringify(came.body), shown).to.satisfy((text: string) =>
              names.some((name) => text.includes(name)),
            );
            return;
          }
          expect(came.status, shown).to.be.lessThan(row.fate === "nothing" ? 300 : 500);
          if (row.fate === "nothing") expect(came.reached, shown).to.equal(without.reached);
          else expect(came.plain, shown).to.not.equal(without.plain);
        });
      }

    for (const [request, rows] of Object.entries(fieldsOf))
      it(`${request}: null is as if the field were absent, wherever it stands`, async () => {
        // Forms have no null.
        if (request.includes("/audio/tr")) return;
        const names = rows.flatMap(({ path }) => {
          const steps = path.split(".");
          return steps.map((_step, at) =>
            steps
              .slice(0, at + 1)
              .join(".")
              .replace(/\([^()]*\)$/, ""),
          );
        });
        for (const path of new Set(names)) {
          const base = baseOf(request, path);
          if (base === undefined) continue;
          const [absent, isNull] = [withValue(base, path, undefined), withValue(base, path, null)];
          const [without, came] = [await cameOfAlone(request, absent), await cameOf(request, isNull)];
          const shown = `${path}: ${JSON.stringify(isNull)} → ${JSON.stringify(came.body)}`;
          expect(came.status, shown).to.equal(without.status);
          // A response has its request in it, as it came.
          const of = request === "/v1/responses" ? "reached" : "plain";
          if (without.status < 300) expect(came[of], shown).to.equal(without[of]);
        }
      });

    it("are all sent, but those that another test sends, and one interface that serves nobody", () => {
      const unsent = Object.entries(fieldsOf).flatMap(([request, rows]) =>
        rows.filter((row) => baseOf(request, row.path) === undefined).map(() => request),
      );
      expect([...new Set(unsent)]).to.deep.equal(["/v1/moderations"]);
    });

    it("take what asks for what is done anyway", async () => {
      const defaults = { max_tokens_per_doc: 4096, max_chunks_per_doc: 10 };
      for (const [path, more] of [
        ["/v1/rerank", defaults],
        ["/v1/classify", { activation: true }],
        ["/v1/classify", { use_activation: true }],
        ["/v1/classify", { softmax: true }],
      ] as const)
        expect((await cameOf(path, { ...baseOf(path, "model"), ...more })).status, JSON.stringify(more)).to.equal(200);
    });

    it("names in a header what nobody knows of them, at any depth, and no more than it can hold", async () => {
      const ignored = async (path: string, body: object, more: Record<string, string> = {}): Promise<string | null> => {
        const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", ...more };
        const answer = await fetch(fixture.url + path, { method: "POST", headers, body: JSON.stringify(body) });
        expect(answer.status, await answer.text()).to.equal(200);
        return answer.headers.get("x-plexus-ignored");
      };
      const messages = [{ role: "user", content: "hello", mood: "good" }];
      const model = "seeing";
      const options = { num_predct: 3, temperature: 0, num_ctx: 8 };
      expect(await ignored("/api/chat", { model, messages, options, stream: false })).to.equal("messages.mood, options.num_predct");
      const image = { type: "text", text: "x", smell: 1 };
      const stream_options = { include_usage: true, continuous_usage_stats: true };
      const said = [{ role: "user", content: [image, image] }];
      expect(await ignored("/v1/chat/completions", { model, messages: said, stream: true, stream_options, telepathy: 1 })).to.equal("messages.content.smell, stream_options.continuous_usage_stats, telepathy");
      const context_management = { edits: [{ type: "clear_tool_uses_20250919" }] };
      expect(await ignored("/v1/messages", { model, max_tokens: 9, messages, output_config: { effort: "low", mood: 1 }, context_management })).to.equal("messages.mood, output_config.mood");
      const betas = { "anthropic-beta": "claude-code-20250219, context-1m-2025-08-07" };
      const plain = [{ role: "user", content: "hello" }];
      expect(await ignored("/v1/messages", { model, max_tokens: 9, messages: plain }, betas)).to.equal("anthropic-beta.claude-code-20250219, anthropic-beta.context-1m-2025-08-07");
      const format = { type: "json_schema", name: "x", schema: { type: "object", "x-mood": 1 }, mood: 1 };
      expect(await ignored("/v1/responses", { model, input: "hello", text: { format } })).to.equal("text.format.mood");
      const many = Object.fromEntries(Array.from({ length: 40 }, (_none, at) => [`x${at}`, 1]));
      expect((await ignored("/v1/chat/completions", { model, messages: [{ role: "user", content: "x", ...many }] }))?.split(", ")).to.have.length(16);
      // What stands in every request of the examples is on a list.
      for (const [path, body] of [["/v1/chat/completions", {}], ["/v1/responses", {}], ["/v1/messages", {}], ["/api/chat", { stream: false }]] as const)
        expect(await ignored(path, { ...baseOf(path, "model"), ...body }), path).to.equal(null);
    }); // prettier-ignore

    it("gives the answers of Ollama's tools to their calls by id, then by name, then in order", async () => {
      const call = (id: string | undefined, name: string) => ({ ...(id !== undefined && { id }), function: { name, arguments: {} } });
      const read = async (calls: readonly object[], answers: readonly object[]): Promise<unknown> => {
        const messages = [{ role: "user", content: "go" }, { role: "assistant", tool_calls: calls }, ...answers.map((one) => ({ role: "tool", ...one }))];
        asked = [];
        expect((await fixture.request("POST", "/api/chat", { token, body: { model: "seeing", stream: false, messages } })).status).to.equal(200);
        const given = (asked[0] as EngineRequest<"generate">).messages;
        const ids = given.flatMap((message) => message.calls ?? []).map(({ id }) => id);
        return given.flatMap(({ callId, content }) => (callId === undefined ? [] : [[ids.indexOf(callId), content]]));
      };
      const same = [call("a", "look"), call("b", "look")];
      const answers = [{ tool_call_id: "b", content: "of b" }, { tool_call_id: "a", content: "of a" }];
      expect(await read(same, answers)).to.deep.equal([[1, "of b"], [0, "of a"]]);
      const two = [call(undefined, "look"), call(undefined, "wait")];
      expect(await read(two, [{ tool_name: "wait", content: "w" }, { tool_name: "look", content: "l" }])).to.deep.equal([[1, "w"], [0, "l"]]);
      expect(await read(two, [{ content: "first" }, { tool_call_id: "nobody's", content: "second" }])).to.deep.equal([[0, "first"], [1, "second"]]);
    }); // prettier-ignore

    it("names in a header what a form has that nobody knows, too", async () => {
      const form = formOf({ model: "seeing", file: "a sound", telepathy: "on" });
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${fixture.url}/v1/audio/transcriptions`, { method: "POST", headers, body: form });
      expect([answer.status, answer.headers.get("x-plexus-ignored")]).to.deep.equal([200, "telepathy"]);
    });
  });
});

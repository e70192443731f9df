/** What clients ask for in words of their own reaches the model, or is refused by name: the ways that several
 *  interfaces have for one wish. */
import { expect } from "chai";
import type { EngineRequest, GenerationRequest } from "../../../../protocols/index.ts";
import { createEchoRuntime } from "../../../../runtimes/echo/echo.ts";
import { createWorld, startFixture, type Fixture } from "../fixture.ts";
import { seeing } from "./seeing.ts";

describe("gateway: what is asked of models", () => {
  let fixture: Fixture;
  let token: string;
  const asked: EngineRequest[] = [];
  before(async () => {
    const world = createWorld();
    const runtime = createEchoRuntime({ clock: world.clock(), contextTokens: 64 });
    fixture = await startFixture({ world, engines: seeing(runtime, (_engine, request) => asked.push(request)) });
    token = (await fixture.signUp("ada")).token;
  });
  beforeEach(() => void asked.splice(0));
  after(() => fixture.stop());

  const hello = { role: "user", content: "hello" };
  const bases = {
    "/v1/chat/completions": { model: "echo", messages: [hello] },
    "/v1/completions": { model: "echo", prompt: "hello" },
    "/v1/responses": { model: "echo", input: [hello] },
    "/v1/messages": { model: "echo", max_tokens: 50, messages: [hello] },
    "/api/chat": { model: "echo", messages: [hello], stream: false },
    "/api/generate": { model: "echo", prompt: "hello", stream: false },
    "/api/embed": { model: "echo", input: "hello" },
    "/v1/embeddings": { model: "echo", input: "hello" },
  } as const;
  const post = async (path: keyof typeof bases, fields: object) =>
    fixture.request("POST", path, { token, body: { ...bases[path], ...fields } });
  /** The request that reached the model. */
  const reached = async (path: keyof typeof bases, fields: object): Promise<GenerationRequest> => {
    const { status, body } = await post(path, fields);
    expect(status, `${path} ${JSON.stringify(fields)}: ${JSON.stringify(body)}`).to.equal(200);
    return asked.pop() as GenerationRequest;
  };

  it("a model that thinks is told not to, in each of the ways that clients have", async () => {
    for (const [path, fields] of [
      ["/v1/chat/completions", { reasoning_effort: "none" }],
      ["/v1/chat/completions", { enable_thinking: false }],
      ["/v1/chat/completions", { thinking: { type: "disabled" } }],
      ["/v1/chat/completions", { reasoning: { enabled: false } }],
      ["/v1/chat/completions", { chat_template_kwargs: { enable_thinking: false } }],
      ["/v1/chat/completions", { chat_template_kwargs: { thinking: false } }],
      ["/v1/responses", { reasoning: { effort: "none" } }],
      ["/v1/messages", { thinking: { type: "disabled" } }],
      // Its thoughts would not be shown.
      ["/v1/messages", {}],
      ["/api/chat", { think: false }],
      ["/api/generate", { think: false }],
    ] as const)
      expect((await reached(path, fields)).thinking, `${path} ${JSON.stringify(fields)}`).to.equal(false);
    expect((await reached("/v1/chat/completions", { reasoning_effort: "high" })).thinking).to.equal("high");
    expect((await reached("/v1/messages", { thinking: { type: "enabled", budget_tokens: 2_000 } })).thinking).to.equal(
      "low",
    );
    expect((await reached("/api/chat", { think: "medium" })).thinking).to.equal("medium");
    expect(await reached("/v1/chat/completions", {})).to.not.have.property("thinking");
    const refused = await post("/v1/chat/completions", { reasoning_effort: "extreme" });
    expect([refused.status, refused.body.error.param]).to.deep.equal([400, "reasoning_effort"]);
  });

  it("an answer's beginning is continued, and what is said is behind it", async () => {
    const begun = [hello, { role: "assistant", content: "You said: " }];
    for (const [path, name] of [
      ["/v1/chat/completions", "messages"],
      ["/v1/responses", "input"],
      ["/v1/messages", "messages"],
      ["/api/chat", "messages"],
    ] as const) {
      const { body } = await post(path, { [name]: begun });
      expect((asked.pop() as GenerationRequest).messages.at(-1), path).to.deep.include({ continues: true });
      expect(JSON.stringify(body), path).to.contain("hello").and.not.contain("You said");
    }
    // Who says that it is whole gets another message; an empty beginning is none.
    const apart = await reached("/v1/chat/completions", { messages: begun, continue_final_message: false });
    expect(apart.messages.at(-1)).to.deep.equal({ role: "assistant", content: "You said: " });
    const empty = await reached("/v1/chat/completions", { messages: [hello, { role: "assistant", content: "" }] });
    expect(empty.messages).to.deep.equal([hello]);
    const formed = await post("/v1/chat/completions", { messages: begun, response_format: { type: "json_object" } });
    expect([formed.status, formed.body.error.message]).to.deep.equal([400, formed.body.error.message]);
    expect(formed.body.error.message).to.contain("cannot be continued");
  });

  it("a schema is kept to, in whichever field it comes", async () => {
    const schema = { type: "object", properties: { age: { type: "integer" } } };
    for (const fields of [
      { response_format: { type: "json_object", schema } },
      { guided_json: schema },
      { guided_json: JSON.stringify(schema) },
      { structured_outputs: { json: schema } },
    ])
      expect((await reached("/v1/chat/completions", fields)).format).to.deep.equal({ type: "schema", schema });
    const two = await post("/v1/chat/completions", { guided_json: schema, response_format: { type: "json_object" } });
    expect([two.status, two.body.error.param]).to.deep.equal([400, "guided_json"]);
  });

  it("an item that is kept is meant by its id", async () => {
    const { body } = await post("/v1/responses", {});
    const [message] = body.output as readonly { readonly id: string }[];
    for (const reference of [{ type: "item_reference", id: message?.id }, { id: message?.id }]) {
      const { messages } = await reached("/v1/responses", { input: [reference, { role: "user", content: "more" }] });
      expect(messages.map(({ role }) => role)).to.deep.equal(["assistant", "user"]);
      expect(messages[0]?.content).to.contain("hello");
    }
    const unknown = await post("/v1/responses", { input: [{ type: "item_reference", id: "msg_none" }] });
    expect([unknown.status, unknown.body.error.param]).to.deep.equal([400, "input[0].id"]);
  });

  it("only what is likely is picked", async () => {
    const few = { top_k: 5, min_p: 0.1 };
    for (const path of ["/v1/chat/completions", "/v1/completions", "/v1/responses"] as const)
      expect((await reached(path, few)).sampling, path).to.deep.include({ topK: 5, minP: 0.1 });
    expect((await reached("/v1/messages", { top_k: 5 })).sampling).to.include({ topK: 5 });
    for (const path of ["/api/chat", "/api/generate"] as const)
      expect((await reached(path, { options: few })).sampling, path).to.deep.include({ topK: 5, minP: 0.1 });
  });

  it("a text that is too long for vectors is cut where the interface says so, and refused else", async () => {
    const input = ["short", "word ".repeat(200)];
    expect((await post("/api/embed", { input })).body.embeddings).to.have.length(2);
    expect((await post("/api/embed", { input, truncate: true })).status).to.equal(200);
    expect((await post("/api/embed", { input, truncate: false })).body.error).to.contain("64");
    expect((await post("/v1/embeddings", { input })).body.error.code).to.equal("context_too_long");
    expect((await post("/v1/embeddings", { input, truncate_prompt_tokens: -1 })).status).to.equal(200);
  });
});

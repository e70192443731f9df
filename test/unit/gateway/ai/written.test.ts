/** What tools were told and what they answered comes to the model as it was written, on every interface. */
import { expect } from "chai";
import fc from "fast-check";
import type { EngineRequest } from "../../../../protocols/index.ts";
import { createEchoRuntime } from "../../../../runtimes/echo/echo.ts";
import { createWorld, startFixture, type Fixture, type Reply } from "../fixture.ts";
import { seeing } from "./seeing.ts";

/** Each interface, with a body that tells of one call and its result. The arguments are a text of JSON in two of them,
 *  and JSON in two. */
const bodies: Readonly<Record<string, (given: string, result: string) => string>> = {
  "/v1/chat/completions": (given, result) =>
    `{"model":"echo","messages":[{"role":"user","content":"go"},{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":{"name":"look","arguments":${JSON.stringify(given)}}}]},{"role":"tool","tool_call_id":"c","content":${JSON.stringify(result)}}]}`,
  "/v1/responses": (given, result) =>
    `{"model":"echo","input":[{"role":"user","content":"go"},{"type":"function_call","call_id":"c","name":"look","arguments":${JSON.stringify(given)}},{"type":"function_call_output","call_id":"c","output":${JSON.stringify(result)}}]}`,
  "/v1/messages": (given, result) =>
    `{"model":"echo","max_tokens":99,"messages":[{"role":"user","content":"go"},{"role":"assistant","content":[{"type":"text","text":"well"},{"type":"tool_use","id":"c","name":"look","input": ${given} }]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":${JSON.stringify(result)}}]}]}`,
  "/api/chat": (given, result) =>
    `{"model":"echo","stream":false,"messages":[{"role":"user","content":"go"},{"role":"assistant","tool_calls":[{"function":{"name":"look","arguments":\n${given}}}]},{"role":"tool","tool_name":"look","content":${JSON.stringify(result)}}]}`,
};

describe("gateway: calls and results, as they were written", () => {
  let fixture: Fixture;
  let token: string;
  let asked: EngineRequest<"generate">[] = [];
  before(async () => {
    const world = createWorld();
    const runtime = createEchoRuntime({ clock: world.clock() });
    const engines = seeing(runtime, (_engine, request) => asked.push(request as EngineRequest<"generate">));
    fixture = await startFixture({ world, engines });
    ({ token } = await fixture.signUp("ada"));
  });
  beforeEach(() => (asked = []));
  after(() => fixture.stop());

  const post = (path: string, body: string): Promise<Reply> => fixture.request("POST", path, { token, body });
  const member = fc.tuple(
    fc.constantFrom('"a"', '"2"', '"1"', '"\\u00e9"', '"a b"'),
    fc.constantFrom("", " ", "\n "),
    fc.oneof(
      fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map(String),
      fc.constantFrom("1.10", "1e400", "-0", '"\\u00e9"', '{"b": [1.0 ,2] }', '"\\ud83d\\ude00"', "null", "2512292042121000001"),
    ),
  ); // prettier-ignore
  const anyGiven = fc
    .array(member, { maxLength: 3 })
    .map((all) => `{${all.map(([key, space, value]) => `${space}${key}:${space}${value}`).join(",")}}`);

  for (const [path, bodyOf] of Object.entries(bodies))
    it(`come character by character through ${path}`, () =>
      fc.assert(
        fc.asyncProperty(
          anyGiven,
          fc.oneof(anyGiven, fc.string({ unit: fc.constantFrom("é", "\n", '"', "1.10", "<") })),
          async (given, result) => {
            asked = [];
            const answer = await post(path, bodyOf(given, result));
            expect(answer.status, JSON.stringify(answer.body)).to.equal(200);
            const { messages } = asked[0]!;
            expect(messages.flatMap(({ calls = [] }) => calls.map((call) => call.arguments))).to.deep.equal([given]);
            expect(messages.find(({ role }) => role === "tool")?.content).to.equal(result);
          },
        ),
        { numRuns: 40 },
      ));

  it("are offered with the numbers of their schemas as they were written, and so is a form", async () => {
    const schema = '{"type":"object","properties":{"id":{"const":2512292042121000001,"enum":[1.10,7]}}}';
    const tool = `{"name":"look","parameters":${schema}}`;
    const rows = [
      ["/v1/chat/completions", `"messages":[{"role":"user","content":"go"}],"tools":[{"type":"function","function":${tool}}],"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":${schema}}}`],
      ["/v1/chat/completions", `"messages":[{"role":"user","content":"go"}],"tools":[{"type":"function","function":${tool}}],"guided_json":${JSON.stringify(schema)}`],
      ["/v1/responses", `"input":"go","tools":[{"type":"function",${tool.slice(1)}],"text":{"format":{"type":"json_schema","name":"a","schema":${schema}}}`],
      ["/v1/messages", `"max_tokens":99,"messages":[{"role":"user","content":"go"}],"tools":[{"name":"look","input_schema":${schema}}],"output_config":{"format":{"type":"json_schema","schema":${schema}}}`],
      ["/api/chat", `"stream":false,"messages":[{"role":"user","content":"go"}],"tools":[{"type":"function","function":${tool}}],"format":${schema}`],
      ["/v1/completions", `"prompt":"go","response_format":{"type":"json_schema","json_schema":{"name":"a","schema":${schema}}}`],
      ["/v1/completions", `"prompt":"go","response_format":{"type":"json_object","schema":${schema}}`],
      ["/v1/completions", `"prompt":"go","guided_json":${schema}`],
      ["/v1/completions", `"prompt":"go","structured_outputs":{"json":${schema}}`],
      ["/v1/completions", `"prompt":"go","structured_outputs":{"json":${JSON.stringify(schema)}}`],
      ["/v1/responses", `"input":"go","tools":[{"type":"function",${tool.slice(1)}],"text":{"format":{"type":"json_schema","json_schema":{"name":"a","schema":${schema}}}}`],
      ["/v1/messages", `"max_tokens":99,"messages":[{"role":"user","content":"go"}],"tools":[{"name":"look","input_schema":${schema}}],"output_config":{"format":{"type":"json_schema","json_schema":{"schema":${schema}}}}`],
      ["/v1/messages", `"max_tokens":99,"messages":[{"role":"user","content":"go"}],"tools":[{"name":"look","input_schema":${schema}}],"output_format":{"type":"json_schema","schema":${schema}}`],
      ["/api/generate", `"stream":false,"prompt":"go","format":${schema}`],
    ] as const;
    for (const [path, fields] of rows) {
      asked = [];
      const answer = await post(path, `{"model":"echo",${fields}}`);
      expect(answer.status, `${path}: ${JSON.stringify(answer.body)}`).to.equal(200);
      const { tools = [], format } = asked[0]!;
      expect(tools.map(({ written }) => written), path).to.deep.equal(path === "/v1/completions" || path === "/api/generate" ? [] : [schema]);
      expect(format, path).to.include({ written: schema });
    }
    // Nothing is said of numbers that are what they were.
    await post("/api/chat", `{"model":"echo","stream":false,"messages":[{"role":"user","content":"go"}],"tools":[{"type":"function","function":${tool.replace("2512292042121000001", "5").replace("1.10", "1.1")}}]}`);
    expect(asked.at(-1)!.tools![0]).not.to.have.property("written");
  }); // prettier-ignore

  it("leave in an answer character by character, where a call is an object there, too", async () => {
    const given = '{"id": 2512292042121000001,  "price":1.10, "id":7}';
    const tools = {
      "/v1/messages": [{ name: "look", input_schema: { type: "object" } }],
      "/api/chat": [{ type: "function", function: { name: "look", parameters: { type: "object" } } }],
    };
    for (const [path, offered] of Object.entries(tools))
      for (const stream of path === "/api/chat" ? [false, true] : [false]) {
        const body = { model: "echo", max_tokens: 99, stream, messages: [{ role: "user", content: `call look ${given}` }], tools: offered };
        const answer = await fetch(`${fixture.url}${path}`, {
          method: "POST",
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          body: JSON.stringify(path === "/api/chat" ? { ...body, max_tokens: undefined } : body),
        });
        expect(answer.headers.get("content-type")).to.match(stream ? /ndjson/ : /^application\/json/);
        const text = await answer.text();
        expect(text, path).to.contain(`:${given}`);
      }
  }); // prettier-ignore
});

/** Schemas on every interface: what is strict is passed on and refused by its path, what does not fit is named beside
 *  the answer. */
import { expect } from "chai";
import { failure, ok, refused, type GenerationRequest, type Said } from "../../../../protocols/index.ts";
import { createEchoRuntime } from "../../../../runtimes/echo/echo.ts";
import { createWorld, startFixture, type Fixture } from "../fixture.ts";

const odd = { type: "object", properties: { mail: { type: "string", pattern: "^(?=x)" }, when: { not: {} } }, patternProperties: { "^x": true }, uniqueItems: true }; // prettier-ignore
const user = { role: "user", content: "go" };

/** Each interface: a body with a tool and a format, how it says that they are strict, and where they stand. */
const surfaces: readonly {
  readonly path: string;
  readonly body: (strict?: boolean) => object;
  readonly tool: string;
  readonly format: string | undefined;
}[] = [
  {
    path: "/v1/chat/completions",
    body: (strict) => ({
      model: "echo",
      messages: [user],
      tools: [{ type: "function", function: { name: "other" } }, { type: "function", function: { name: "look", parameters: odd, strict } }],
      response_format: { type: "json_schema", json_schema: { name: "form", schema: odd, strict } },
    }),
    tool: "tools[1].function.parameters.properties.mail.pattern",
    format: "response_format.json_schema.schema.properties.mail.pattern",
  },
  {
    path: "/v1/responses",
    body: (strict) => ({
      model: "echo",
      input: "go",
      tools: [{ type: "function", name: "other" }, { type: "function", name: "look", parameters: odd, strict }],
      text: { format: { type: "json_schema", name: "form", schema: odd, strict } },
    }),
    tool: "tools[1].parameters.properties.mail.pattern",
    format: "text.format.schema.properties.mail.pattern",
  },
  {
    path: "/v1/messages",
    body: (strict) => ({
      model: "echo",
      max_tokens: 9,
      messages: [user],
      tools: [{ name: "other" }, { name: "look", input_schema: odd, strict }],
      output_config: { format: { type: "json_schema", schema: odd, strict } },
    }),
    tool: "tools[1].input_schema.properties.mail.pattern",
    format: "output_config.format.schema.properties.mail.pattern",
  },
  {
    path: "/api/chat",
    body: (strict) => ({
      model: "echo",
      messages: [user],
      tools: [{ type: "function", function: { name: "other" } }, { type: "function", function: { name: "look", parameters: odd, strict } }],
      format: odd,
    }),
    tool: "tools[1].function.parameters.properties.mail.pattern",
    format: undefined,
  },
]; // prettier-ignore

describe("gateway: schemas", () => {
  let fixture: Fixture;
  let token: string;
  let asked: GenerationRequest[] = [];
  let said: readonly Said<"generate">[] = [];
  before(async () => {
    const world = createWorld();
    const echo = createEchoRuntime({ clock: world.clock() });
    const generate = {
      models: () => echo.models(),
      watch: () => () => undefined,
      call(request: GenerationRequest, hear: (one: Said<"generate">) => void) {
        asked.push(request);
        setImmediate(() => said.forEach(hear));
        return { cancel: () => undefined };
      },
    };
    fixture = await startFixture({ world, engines: { ...echo.engines, generate } });
    ({ token } = await fixture.signUp("ada"));
  });
  beforeEach(() => (asked = []));
  after(() => fixture.stop());

  const post = (path: string, body: object): Promise<Response> =>
    fetch(`${fixture.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  const unfit = [{ tool: "look", at: "/mail", keyword: "pattern", problem: "it does not match ^(?=x)" }];
  const warning = {
    type: "schema",
    tool: "look",
    path: "/mail",
    keyword: "pattern",
    message: "it does not match ^(?=x)",
  };

  for (const { path, body, tool, format } of surfaces) {
    it(`come untouched through ${path}, and what is strict is said`, async () => {
      said = [{ type: "answered", result: ok({ end: "complete", promptTokens: 1, completionTokens: 1 }) }];
      await (await post(path, body())).text();
      await (await post(path, body(true))).text();
      const [open, strict] = asked;
      for (const { tools = [], format: form } of asked) {
        expect(tools[1]?.parameters).to.deep.equal(odd);
        expect(form).to.deep.include({ type: "schema", schema: odd });
      }
      expect(open?.tools?.[1]).not.to.have.property("strict");
      expect(strict?.tools?.[1]).to.have.property("strict", true);
      if (format !== undefined) expect(strict?.format).to.have.property("strict", true);
      for (const one of asked) expect(one).not.to.have.property("places");
    });

    it(`that are strict and cannot be kept to are refused by their path on ${path}`, async () => {
      for (const [field, param] of [["tools.look.parameters", tool], ["format", format]] as const) {
        if (param === undefined) continue;
        const details = { model: "echo", capability: "json", field, place: "/properties/mail/pattern", reason: "it is checked at the end" };
        said = [{ type: "answered", result: refused(failure("MODEL_UNSUPPORTED", details)) }];
        const answer = await post(path, body(true));
        expect(answer.status).to.equal(400);
        expect(await answer.text()).to.contain(`${param}: it is checked at the end`);
      }
    }); // prettier-ignore

    it(`that an answer does not fit are named beside it on ${path}, whole and as a stream`, async () => {
      const answer = { end: "calls" as const, promptTokens: 1, completionTokens: 1, unfit };
      const calls = [{ id: "c", name: "look", arguments: '{"mail":"y"}' }];
      said = [
        { type: "part", part: { text: "", tokens: 1, calls } },
        { type: "answered", result: ok(answer) },
      ];
      const whole = await post(path, { ...body(), stream: false });
      expect(whole.status).to.equal(200);
      expect(whole.headers.get("x-plexus-warning"), path).to.equal("look/mail#pattern");
      expect(await whole.text()).to.contain(`"warnings":[${JSON.stringify(warning)}]`);
      const stream = await (await post(path, { ...body(), stream: true })).text();
      expect(stream).to.contain(`"warnings":[${JSON.stringify(warning)}]`);
      expect(stream).to.contain("look");
    });
  }
});

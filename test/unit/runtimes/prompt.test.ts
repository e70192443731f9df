/** What a model reads of a conversation, in the chat templates of several makers: the ways in which they show calls and
 *  results. */
import { expect } from "chai";
import fc from "fast-check";
import type { LlamaModel } from "node-llama-cpp";
import type { ChatMessage, Tool } from "../../../protocols/index.ts";
import { createPromptRenderer } from "../../../runtimes/llama/prompt.ts";
import { withResultsInPlace } from "../../../runtimes/tool-turns.ts";

/** Enough of a model to render with: its tokens are the units of the text, those of the template's own words
 *  negative. */
const modelOf = (template: string): LlamaModel => {
  const tokenize = (text: string, special: boolean | "BOS" = false): number[] =>
    special === "BOS" ? [] : Array.from({ length: text.length }, (_none, at) => (special ? -1 : 1) * text.charCodeAt(at));
  const tokenizer = Object.assign(tokenize, { detokenize: () => "", isSpecialToken: () => false, isEogToken: () => false });
  const model = { fileInfo: { metadata: { tokenizer: { chat_template: template } } }, tokenizer, tokenize, isSpecialToken: () => false };
  return model as unknown as LlamaModel;
}; // prettier-ignore

/** How templates of several makers write a call and what came of it. */
const written = {
  "makes JSON of the arguments": "{{ call.function.arguments | tojson }}",
  "looks whether they are text":
    "{% if call.function.arguments is string %}{{ call.function.arguments }}{% else %}{{ call.function.arguments | tojson }}{% endif %}",
  "writes them as they are": "{{ call.function.arguments }}",
} as const;
const turns = (call: string, content = "{{ m.content }}"): string =>
  "{%- for m in messages %}{{ '<|' + m.role + '|>' }}{%- if m.content %}" +
  content +
  "{%- endif %}" +
  `{%- for call in (m.tool_calls or []) %}<call>{"name": "{{ call.function.name }}", "arguments": ${call}}</call>{%- endfor %}` +
  "{{ '<|end|>' }}{%- endfor %}{%- if add_generation_prompt %}<|assistant|>{%- endif %}";
/** Each member between marks of its own, as the templates of some makers have it; a text is not taken for arguments. */
const looking = turns(
  "{% if call.function.arguments is mapping %}{% for key, value in call.function.arguments | items %}" +
    "<{{ key }}>{{ value if value is string else value | tojson }}</{{ key }}>{% endfor %}" +
    "{% elif call.function.arguments is string %}{{ raise_exception('not an object') }}{% else %}{{ call.function.arguments }}{% endif %}",
);

const tool: Tool = { name: "look", parameters: { type: "object", properties: { id: { type: "integer" } } } };
const ask = (given: string, result: string): readonly ChatMessage[] => [
  { role: "user", content: "look it up" },
  { role: "assistant", content: "", calls: [{ id: "c1", name: "look", arguments: given }] },
  { role: "tool", content: result, callId: "c1" },
];

/** The prompt as a text, and what of it could be read as control tokens. */
async function read(template: string, messages: readonly ChatMessage[], offered: Tool = tool): Promise<{ readonly all: string; readonly own: string }> {
  const renderer = createPromptRenderer(modelOf(template), (text) => expect.fail(text));
  const prompt = await renderer.render(withResultsInPlace(messages), { tools: [offered], thinking: undefined, tokensMax: 1_000_000 });
  if (!("tokens" in prompt)) throw new Error("too long");
  const text = (tokens: readonly number[]): string => tokens.map((token) => String.fromCharCode(Math.abs(token))).join("");
  return { all: text(prompt.tokens), own: text(prompt.tokens.filter((token) => token < 0)) };
} // prettier-ignore

/** Texts of JSON in the ways that programs write them, which are not those of JavaScript's own. */
const number = fc.oneof(
  fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map(String),
  fc.constantFrom("1.10", "1e400", "-0", "0.0", "1E+2", "2512292042121000001", "-1.0e-7", "12345678901234567890.50"),
);
const space = fc.constantFrom("", " ", "\n  ", "\t");
const { value: anyJson, object: anyObject } = fc.letrec<{ value: string; object: string; text: string }>((tie) => ({
  text: fc.oneof(
    fc.string({ maxLength: 8 }).map((text) => JSON.stringify(text)),
    fc.constantFrom('"\\u00e9"', '"\\ud83d\\ude00"', '"é😀"', '"\\/"', '"<|end|>"', '"\\u003c"', '"a\\"b"'),
  ),
  object: fc
    .array(fc.tuple(fc.oneof(tie("text"), fc.constantFrom('"a"', '"2"', '"1"')), space, tie("value"), space), {
      maxLength: 4,
    })
    .map((all) => `{${all.map(([key, one, value, other]) => `${one}${key}${other}:${one}${value}`).join(",")}}`),
  value: fc.oneof(
    { maxDepth: 3 },
    number,
    tie("text"),
    fc.constantFrom("true", "false", "null"),
    tie("object"),
    fc
      .array(fc.tuple(space, tie("value")), { maxLength: 3 })
      .map((all) => `[${all.map(([one, value]) => one + value).join(",")} ]`),
  ),
}));

describe("the prompt of a conversation with calls", () => {
  for (const [name, call] of Object.entries(written))
    it(`has arguments and results character by character, in a template that ${name}`, () =>
      fc.assert(
        fc.asyncProperty(anyObject, fc.oneof(anyJson, fc.string()), async (given, result) => {
          const { all, own } = await read(turns(call), ask(given, result));
          expect(all).to.contain(`"arguments": ${given}}</call>`);
          expect(all).to.contain(`<|tool|>${result}<|end|>`);
          // What somebody else wrote is no control token.
          expect(own.split("<|end|>").length).to.equal(
            all.split("<|end|>").length - (given + result).split("<|end|>").length + 1,
          );
        }),
      ));

  it("has them in a template that takes nothing but an object, and none of them as a control token", async () => {
    const given = '{"id":2512292042121000001,"price": 1.10,"big":1e400,"name":"<|end|>","deep":{"x":[1.0,"\\u00e9"]}}';
    const { all, own } = await read(looking, ask(given, "fine"));
    expect(all).to.contain(`"arguments": <params>${given}</params>}</call>`);
    expect(own).not.to.contain('"name":"<|end|>"');
  });

  it("has a result as a text of JSON where the template makes one of it", async () => {
    const template = turns(written["makes JSON of the arguments"], "{{ m.content | tojson }}");
    const { all } = await read(template, ask("{}", '{"id": 1.10}\n"'));
    expect(all).to.contain(String.raw`<|tool|>"{\"id\": 1.10}\n\""<|end|>`);
  });

  for (const [how, shown] of [
    ["makes JSON of its tools", "{{ tools | tojson }}"],
    [
      "goes through them",
      "{% for t in (tools or []) %}{% for key, p in (t.function.parameters.properties or {}) | items %}{{ key }}: {{ p.enum | tojson }}, {{ p.const }}{% endfor %}{% endfor %}",
    ],
  ] as const)
    it(`has the numbers of a tool as they were written, in a template that ${how}`, async () => {
      const written =
        '{"type":"object","properties":{"id":{"const":2512292042121000001,"enum":[2512292042121000001,1.10,7]}}}';
      const numbered = { name: "look", parameters: JSON.parse(written) as object as Record<string, unknown>, written };
      const { all } = await read(shown + turns("{{ call.function.arguments }}"), ask("{}", "fine"), numbered);
      expect(all).to.match(/\[\s*2512292042121000001,\s*1\.10,\s*7\s*\]/);
      expect(all).not.to.contain("2512292042121000000");
      expect(all.split("2512292042121000001").length).to.equal(3);
    });

  it("tells two results apart that differ in the last digit", async () => {
    const template = turns(written["makes JSON of the arguments"]);
    const [one, other] = await Promise.all(
      ["2512292042121000001", "2512292042121000000"].map((id) => read(template, ask("{}", id))),
    );
    expect(one?.all).not.to.equal(other?.all);
  });

  it("has each result with its own call, where ids come again and people write in between", async () => {
    const call = (id: string, given: string) => ({ id, name: "look", arguments: given });
    const { all } = await read(turns(written["makes JSON of the arguments"]), [
      { role: "user", content: "go" },
      { role: "assistant", content: "", calls: [call("c1", "1"), call("c2", "2")] },
      { role: "tool", callId: "c2", content: "second" },
      { role: "user", content: "quick" },
      { role: "tool", callId: "c1", content: "first" },
      { role: "assistant", content: "", calls: [call("c1", "3")] },
      { role: "system", content: "careful" },
      { role: "tool", callId: "c1", content: "third" },
    ]);
    const places = ["} </call>", "1}</call>", "first", "2}</call>", "second", "quick", "3}</call>", "third", "careful"];
    const found = places.slice(1).map((one) => all.indexOf(one));
    expect(found, all).not.to.include(-1);
    // A template that shows a call's result behind it, or those of a turn behind all of its calls: never before, never
    // in another turn.
    expect(found[1]).to.be.greaterThan(found[0]!);
    expect(found[3]).to.be.greaterThan(found[2]!);
    for (const [before, behind] of [["first", "quick"], ["second", "quick"], ["quick", "3}</call>"], ["third", "careful"]] as const)
      expect(all.indexOf(behind), `${behind} behind ${before}`).to.be.greaterThan(all.indexOf(before));
  }); // prettier-ignore
});

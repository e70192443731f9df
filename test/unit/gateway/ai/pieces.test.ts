/** Calls of tools while they are written: on every interface that has a form for it what is told of arguments is, one
 *  behind the other, the arguments, and what was written of a call that is cut off is there. */
import { expect } from "chai";
import type { CallPiece, GenerationEnd, ToolCall } from "../../../../protocols/index.ts";
import { ended, text, type Spoken } from "../../../fixtures/engine-answers.ts";
import { Dice } from "../../../world/index.ts";
import { startFixture, type Fixture } from "../fixture.ts";
import { toldEngines } from "./told.ts";

// oxlint-disable-next-line typescript/no-explicit-any -- a test looks into events of every shape
type Any = any;
interface Seen {
  readonly calls: readonly Omit<ToolCall, "id">[];
  readonly end: string;
}

const user = { role: "user", content: "go" };
const named = { name: "look", parameters: { type: "object" } };
const dataOf = (body: string): Any[] =>
  body
    .split("\n\n")
    .flatMap((frame) => frame.split("\n"))
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)) as Any);

/** How an interface is asked, and what a stream and a whole answer of it say. */
interface Row {
  readonly path: string;
  readonly body: object;
  readonly ends: { readonly calls: string; readonly length: string };
  streamed(body: string): Seen;
  whole(body: Any): Seen;
}

const rows: readonly Row[] = [
  {
    path: "/v1/chat/completions",
    body: { messages: [user], tools: [{ type: "function", function: named }] },
    ends: { calls: "tool_calls", length: "length" },
    streamed(body) {
      const calls: { name: string; arguments: string }[] = [];
      let end = "";
      for (const { choices } of dataOf(body)) {
        for (const { index, id, function: { name, arguments: piece } } of choices[0].delta.tool_calls ?? []) {
          expect(id === undefined, "the first piece alone says which call it is").to.equal(index < calls.length);
          if (id !== undefined) calls.push({ name, arguments: piece });
          else calls[index]!.arguments += piece;
        }
        end = choices[0].finish_reason ?? end;
      }
      return { calls, end };
    },
    whole: ({ choices: [{ message, finish_reason: end }] }) => ({
      calls: (message.tool_calls ?? []).map((call: Any) => call.function as object),
      end,
    }),
  },
  {
    path: "/v1/responses",
    body: { input: "go", tools: [{ type: "function", ...named }] },
    ends: { calls: "completed", length: "incomplete" },
    streamed(body) {
      const events = dataOf(body);
      const items = events.filter(({ type }) => type === "response.output_item.done").map(({ item }) => item);
      const calls = items.filter(({ type }) => type === "function_call").map(({ id, name, arguments: all }) => {
        const own = events.filter(({ item_id }) => item_id === id);
        const deltas = own.filter(({ type }) => type === "response.function_call_arguments.delta");
        expect(deltas.map(({ delta }) => delta as string).join("")).to.equal(all);
        expect(own.at(-1)).to.include({ type: "response.function_call_arguments.done", arguments: all });
        return { name, arguments: all };
      });
      const { response } = events.at(-1);
      expect(response.output).to.deep.equal(items);
      return { calls, end: response.status };
    },
    whole: ({ output, status }) => ({
      calls: output.filter(({ type }: Any) => type === "function_call").map(({ name, arguments: all }: Any) => ({ name, arguments: all })),
      end: status,
    }),
  },
  {
    path: "/v1/messages",
    body: { messages: [user], max_tokens: 100, tools: [{ name: "look", input_schema: { type: "object" } }] },
    ends: { calls: "tool_use", length: "max_tokens" },
    streamed(body) {
      const calls: { name: string; arguments: string }[] = [];
      let open = -1;
      let end = "";
      for (const event of dataOf(body)) {
        if (event.type === "content_block_start") {
          expect(open, "one block at a time").to.equal(-1);
          open = event.index;
          if (event.content_block.type === "tool_use") {
            expect(event.content_block.input).to.deep.equal({});
            calls.push({ name: event.content_block.name, arguments: "" });
          }
        } else if (event.type === "content_block_delta") {
          expect(event.index).to.equal(open);
          if (event.delta.type === "input_json_delta") calls.at(-1)!.arguments += event.delta.partial_json;
        } else if (event.type === "content_block_stop") open = -1;
        else if (event.type === "message_delta") end = event.delta.stop_reason;
      }
      return { calls, end };
    },
    whole: ({ content, stop_reason: end }) => ({
      calls: content.filter(({ type }: Any) => type === "tool_use").map(({ name, input }: Any) => ({ name, arguments: JSON.stringify(input) })),
      end,
    }),
  },
]; // prettier-ignore

const objects = [
  '{"a":"é\u{1F600}","b":[1.5,{"c":null}]}',
  "{}",
  '{"deep":{"er":{"est":"x"}}}',
  `{"long":"${"ab ".repeat(60)}"}`,
];

describe("gateway: calls of tools while they are written", () => {
  let fixture: Fixture;
  let token: string;
  const told = toldEngines();
  before(async () => {
    fixture = await startFixture({ engines: told.engines });
    token = (await fixture.signUp("ada")).token;
  });
  after(() => fixture.stop());

  async function ask(
    { path, body }: Pick<Row, "path" | "body">,
    stream: boolean,
    said: readonly Spoken[],
  ): Promise<Any> {
    const answer = fixture.request("POST", path, { token, body: { model: "told", stream, ...body } });
    (await told.next()).say(...said);
    const { status, body: came } = await answer;
    expect(status, JSON.stringify(came)).to.equal(200);
    return came;
  }

  /** Says calls in pieces that are cut by chance; of the last only so many characters, where it is cut off. */
  function speech(dice: Dice, calls: readonly ToolCall[], cutAt?: number): readonly Spoken[] {
    const said: Spoken[] = dice.chance(0.5) ? [text("Let me see.")] : [];
    for (const [index, { id, name, arguments: all }] of calls.entries()) {
      const most = cutAt !== undefined && index === calls.length - 1 ? cutAt : all.length;
      let pieces: CallPiece[] = [{ index, id, name, arguments: "" }];
      const say = (): void => {
        said.push({ type: "part", part: { text: "", tokens: 1, pieces } });
        pieces = [];
      };
      for (let at = 0; at < most;) {
        const to = Math.min(most, at + 1 + dice.below(dice.pick([1, 5, 80])));
        pieces.push({ index, arguments: all.slice(at, to) });
        if (dice.chance(0.7)) say();
        at = to;
      }
      if (pieces.length > 0) say();
    }
    const whole = cutAt === undefined ? calls : calls.slice(0, -1);
    if (whole.length > 0) said.push({ type: "part", part: { text: "", tokens: 0, calls: whole } });
    const end: GenerationEnd = cutAt === undefined ? "calls" : "length";
    return [...said, ended(end)];
  }
  const someCalls = (dice: Dice): readonly ToolCall[] =>
    Array.from({ length: 1 + dice.below(3) }, (_, index) => ({
      id: `call_${index}`,
      name: "look",
      arguments: dice.pick(objects),
    }));

  for (const row of rows) {
    it(`${row.path}: in pieces they are what they are whole`, async () => {
      for (let seed = 0; seed < 25; seed += 1) {
        const dice = new Dice(seed);
        const calls = someCalls(dice);
        const said = speech(dice, calls);
        const wanted = {
          calls: calls.map(({ name, arguments: all }) => ({ name, arguments: all })),
          end: row.ends.calls,
        };
        expect(row.streamed(await ask(row, true, said))).to.deep.equal(wanted);
        expect(row.whole(await ask(row, false, said))).to.deep.equal(wanted);
      }
    });

    it(`${row.path}: what was written is there when it is cut off, with the reason`, async () => {
      for (let seed = 0; seed < 15; seed += 1) {
        const dice = new Dice(seed);
        const calls = someCalls(dice);
        const last = calls.at(-1)!.arguments;
        const cutAt = dice.below(last.length);
        const said = speech(dice, calls, cutAt);
        const wanted = calls.map(({ name, arguments: all }) => ({ name, arguments: all }));
        wanted[calls.length - 1] = { name: "look", arguments: last.slice(0, cutAt) };
        expect(row.streamed(await ask(row, true, said))).to.deep.equal({ calls: wanted, end: row.ends.length });
        const whole = row.whole(await ask(row, false, said));
        expect(whole.end).to.equal(row.ends.length);
        expect(whole.calls).to.have.length(calls.length);
        // An object is all that Anthropic's whole answer has for arguments: it has what is whole of them.
        if (row.path !== "/v1/messages") expect(whole.calls).to.deep.equal(wanted);
      }
    });

    it(`${row.path}: calls that a node of an earlier version tells whole are told, too`, async () => {
      const calls = [{ id: "call_0", name: "look", arguments: '{"a":1}' }];
      const said = [{ type: "part", part: { text: "", tokens: 1, calls } } as const, ended("calls")];
      const seen = row.streamed(await ask(row, true, said));
      expect(seen).to.deep.equal({ calls: [{ name: "look", arguments: '{"a":1}' }], end: row.ends.calls });
    });
  }

  it("Ollama's lines have whole calls only, and no lines without anything", async () => {
    const calls = [{ id: "call_0", name: "look", arguments: '{"a":"bcd"}' }];
    const asked = { path: "/api/chat", body: { messages: [user], tools: [{ type: "function", function: named }] } };
    const lines = (body: string): Any[] =>
      body
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Any);
    const spoken = [
      text("Let me see."),
      ...speech(new Dice(2), calls).filter((one) => one.type === "answered" || one.part.text === ""),
    ];
    const all = lines(await ask(asked, true, spoken));
    expect(all.map(({ message }) => [message.content, message.tool_calls])).to.deep.equal([
      ["Let me see.", undefined],
      ["", [{ function: { name: "look", arguments: { a: "bcd" } } }]],
      ["", undefined],
    ]);
    expect(all.at(-1)).to.include({ done: true, done_reason: "stop" });
    const cut = lines(await ask(asked, true, speech(new Dice(2), calls, 5)));
    expect(cut.at(-1)).to.include({ done: true, done_reason: "length" });
    expect(cut.flatMap(({ message }) => message.tool_calls ?? [])).to.deep.equal([]);
    expect((await ask(asked, false, speech(new Dice(2), calls, 5))).message.tool_calls).to.equal(undefined);
  });

  it("of several calls the first alone is told where they may not be parallel", async () => {
    const calls = ["{}", '{"b":2}'].map((all, index) => ({ id: `call_${index}`, name: "look", arguments: all }));
    const body = { ...rows[0]!.body, parallel_tool_calls: false };
    const seen = rows[0]!.streamed(await ask({ path: rows[0]!.path, body }, true, speech(new Dice(1), calls)));
    expect(seen.calls).to.deep.equal([{ name: "look", arguments: "{}" }]);
  });

  it("an object that was cut off has what was written of it", async () => {
    const cut = async (given: string): Promise<unknown> => {
      const piece = { index: 0, id: "call_0", name: "look", arguments: given };
      const said = [{ type: "part", part: { text: "", tokens: 1, pieces: [piece] } } as const, ended("length")];
      return (await ask(rows[2]!, false, said)).content[0].input as unknown;
    };
    expect(await cut("")).to.deep.equal({});
    expect(await cut('{"a')).to.deep.equal({});
    expect(await cut('{"a": "b\\"c')).to.deep.equal({ a: 'b"c' });
    expect(await cut('{"a": 1, "b": [{"c": tr')).to.deep.equal({ a: 1, b: [{}] });
    expect(await cut('{"a": [1, 2], "b": ')).to.deep.equal({ a: [1, 2] });
  });
});

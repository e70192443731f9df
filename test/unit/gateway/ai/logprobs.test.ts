/** Tokens that are pieces of characters, on every interface that tells of them: their bytes are those of the answer,
 *  and offsets count characters. */
import { expect } from "chai";
import { ok, type EnginePart, type GenerationRequest, type Said } from "../../../../protocols/index.ts";
import { createEchoRuntime } from "../../../../runtimes/echo/echo.ts";
import { createWorld, startFixture, type Fixture } from "../fixture.ts";

const text = "a😀b€c";
const pieces = [[0x61], [0xf0, 0x9f], [0x98, 0x80, 0x62], [0xe2], [0x82, 0xac], [0x63]].map((one) =>
  Uint8Array.from(one),
);
const marks = ["a", "\uFFFD", "\uFFFD\uFFFDb", "\uFFFD", "\uFFFD\uFFFD", "c"];
const told = pieces.map((bytes, at) => {
  const isText = bytes.length === 1 && bytes[0]! < 0x80;
  const one = { token: marks[at]!, ...(!isText && { bytes }) };
  return {
    ...one,
    logprob: -at,
    top: [
      { ...one, logprob: -at },
      { token: "\uFFFD", bytes: Uint8Array.of(0xff), logprob: -9 },
    ],
  };
});
const parts: readonly EnginePart<"generate">[] = [
  { text: "a", tokens: 1, logprobs: told.slice(0, 1) },
  { text: "😀b", tokens: 2, logprobs: told.slice(1, 3) },
  { text: "€c", tokens: 3, logprobs: told.slice(3) },
];

/** What one interface tells of a token. */
interface Row {
  readonly token: string;
  readonly bytes: readonly number[];
  readonly top_logprobs: readonly { readonly token: string; readonly bytes: readonly number[] }[];
}

describe("gateway: how likely tokens were", () => {
  let fixture: Fixture;
  let token: string;
  before(async () => {
    const world = createWorld();
    const echo = createEchoRuntime({ clock: world.clock() });
    const generate = {
      models: () => echo.models(),
      watch: () => () => undefined,
      call(_request: GenerationRequest, hear: (one: Said<"generate">) => void) {
        setImmediate(() => {
          for (const part of parts) hear({ type: "part", part });
          hear({ type: "answered", result: ok({ end: "complete", promptTokens: 1, completionTokens: 6 }) });
        });
        return { cancel: () => undefined };
      },
    };
    fixture = await startFixture({ world, engines: { ...echo.engines, generate } });
    ({ token } = await fixture.signUp("ada"));
  });
  after(() => fixture.stop());

  const post = async (path: string, body: object): Promise<string> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(`${fixture.url}${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify({ model: "echo", ...body }),
    });
    expect(answer.status).to.equal(200);
    return answer.text();
  };
  const events = <T>(said: string): readonly T[] =>
    said
      .split("\n")
      .filter((line) => line.startsWith("data: {"))
      .map((line) => JSON.parse(line.slice(6)) as T);
  const expectRows = (rows: readonly Row[]): void => {
    expect(Buffer.from(rows.flatMap(({ bytes }) => bytes)).toString()).to.equal(text);
    expect(rows.map((row) => row.token)).to.deep.equal([
      "a",
      "\\xf0\\x9f",
      "\\x98\\x80\\x62",
      "\\xe2",
      "\\x82\\xac",
      "c",
    ]);
    for (const { top_logprobs: top } of rows) expect(top[1]).to.deep.include({ token: "\\xff", bytes: [255] });
  };
  const messages = [{ role: "user", content: "go" }];

  it("comes with the bytes of the answer in chat completions, whole and as a stream", async () => {
    const asked = { messages, logprobs: true, top_logprobs: 2 };
    const whole = JSON.parse(await post("/v1/chat/completions", asked)) as {
      readonly choices: readonly { readonly logprobs: { readonly content: readonly Row[] } }[];
    };
    expectRows(whole.choices[0]!.logprobs.content);
    type Chunk = { readonly choices: readonly { readonly logprobs: { readonly content: readonly Row[] } | null }[] };
    const chunks = events<Chunk>(await post("/v1/chat/completions", { ...asked, stream: true }));
    expectRows(chunks.flatMap(({ choices }) => choices[0]?.logprobs?.content ?? []));
  });

  it("comes with it in responses", async () => {
    const said = await post("/v1/responses", { input: "go", top_logprobs: 2 });
    const { output } = JSON.parse(said) as {
      readonly output: readonly { readonly content: readonly { readonly logprobs: readonly Row[] }[] }[];
    };
    expectRows(output[0]!.content[0]!.logprobs);
  });

  it("comes with it in Ollama's chat", async () => {
    const said = await post("/api/chat", { messages, stream: false, logprobs: true, top_logprobs: 2 });
    expectRows((JSON.parse(said) as { readonly logprobs: readonly Row[] }).logprobs);
  });

  it("has offsets in characters of the answer in completions, also from part to part of a stream", async () => {
    interface Choice {
      readonly logprobs: { readonly tokens: readonly string[]; readonly text_offset: readonly number[]; readonly top_logprobs: readonly object[] } | null;
    }
    const asked = { prompt: "go", logprobs: 2 };
    const offsets = [0, 1, 1, 3, 3, 4];
    const { choices } = JSON.parse(await post("/v1/completions", asked)) as { readonly choices: readonly Choice[] };
    expect(choices[0]?.logprobs?.text_offset).to.deep.equal(offsets);
    expect(choices[0]?.logprobs?.tokens).to.deep.equal(["a", "bytes:\\xf0\\x9f", "bytes:\\x98\\x80\\x62", "bytes:\\xe2", "bytes:\\x82\\xac", "c"]);
    expect(Object.keys(choices[0]?.logprobs?.top_logprobs[1] ?? {})).to.deep.equal(["bytes:\\xf0\\x9f", "bytes:\\xff"]);
    const streamed = events<{ readonly choices: readonly Choice[] }>(await post("/v1/completions", { ...asked, stream: true }));
    expect(streamed.flatMap((one) => one.choices[0]?.logprobs?.text_offset ?? [])).to.deep.equal(offsets);
  }); // prettier-ignore
});

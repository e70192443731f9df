/** What servers write, each in its own way: the same answer, whoever gives it, and however its bytes are cut. */
import { expect } from "chai";
import type { ChatMessage, GenerationRequest } from "../../../../protocols/index.ts";
import { createAnswerReader } from "../../../../runtimes/remote/events.ts";
import { fromJson } from "../../../../runtimes/remote/json.ts";
import { judge, retryAfterMsOf } from "../../../../runtimes/remote/refusals.ts";
import type { LoadedModel } from "../../../../runtimes/adapter.ts";
import { transcripts, type Transcript, type Wanted } from "../../../fixtures/transcripts.ts";
import { ask, loadRemote, textOf } from "./fixture.ts";
import { isAll } from "../../../depth.ts";

type Pieces = (bytes: Uint8Array) => readonly Uint8Array[];
const whole: Pieces = (bytes) => [bytes];
const of =
  (size: number): Pieces =>
  (bytes) =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, place) =>
      bytes.subarray(place * size, (place + 1) * size),
    );
const until =
  (length: number): Pieces =>
  (bytes) => [bytes.subarray(0, length)];

const isBegun = ({ status }: Transcript): boolean => status === 200;
const isWhole = ({ wanted }: Transcript): boolean => "answer" in wanted;
const textual = new TextDecoder();

describe("what servers write", () => {
  const own = globalThis.fetch;
  /** What the next answer is, and what was asked last. */
  let next: { readonly transcript: Transcript; readonly pieces: Pieces } | undefined;
  let asked = "";
  before(() => {
    globalThis.fetch = (async (_url, init) => {
      if (next === undefined) return new Response("", { status: 500 });
      asked = typeof init?.body === "string" ? init.body : "";
      const { transcript, pieces } = next;
      const all = pieces(transcript.bytes).values();
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          const { done, value } = all.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
      });
      return new Response(body, { status: transcript.status, headers: transcript.headers });
    }) satisfies typeof fetch;
  });
  after(() => void (globalThis.fetch = own));

  const models = new Map<string, LoadedModel>();
  const modelOf = async ({ server, adapter, url, model }: Transcript): Promise<LoadedModel> => {
    next = undefined;
    const spec = { adapter, endpoint: { url, model }, capabilities: ["chat", "tools"] } as const;
    const loaded = models.get(server) ?? (await loadRemote(spec)).model;
    models.set(server, loaded);
    return loaded;
  };

  /** What comes of an answer, in the form in which it is wanted. */
  const cameOf = async (transcript: Transcript, pieces: Pieces = whole, request: Partial<GenerationRequest> = {}): Promise<Wanted> => {
    const model = await modelOf(transcript);
    next = { transcript, pieces };
    const heard = ask(model, "generate", { tools: [{ name: "weather" }, { name: "clock" }], ...request });
    const ended = await heard.ended;
    if (!ended.ok) return { code: ended.error.code };
    const thought = heard.parts.map((part) => part.thought ?? "").join("");
    const wanted = "calls" in transcript.wanted ? (transcript.wanted.calls ?? []) : [];
    const calls = heard.parts.flatMap((part) => part.calls ?? []).map(({ id, name, arguments: said }, place) => [wanted[place]?.[0] === "" ? "" : id, name, said] as const);
    return { text: textOf(heard), ...(thought !== "" && { thought }), ...(calls.length > 0 && { calls }), answer: ended.value };
  };

  for (const transcript of transcripts.filter(isBegun))
    it(`${transcript.server}: ${transcript.title}`, async () => {
      expect(await cameOf(transcript)).to.deep.equal(transcript.wanted);
      for (const size of [1, 2, 3, 7, 64]) expect(await cameOf(transcript, of(size)), `in pieces of ${size}`).to.deep.equal(transcript.wanted);
    });

  for (const { server, title, wanted, status, headers, bytes } of transcripts.filter((one) => !isBegun(one)))
    it(`${server}: ${title} (${status})`, () => {
      const retryAfterMs = retryAfterMsOf(new Headers(headers), 0);
      const { failure, again } = judge({ status, body: fromJson(textual.decode(bytes)), retryAfterMs }, { model: "m" });
      const { retryAfterMs: told, reason } = failure.details ?? {};
      const { code, ...more } = wanted as Extract<Wanted, { code: unknown }>;
      expect({ code: failure.code, ...("retryAfterMs" in more && { retryAfterMs: told }), ...("reason" in more && { reason }) }).to.deep.equal(wanted);
      expect(again).to.equal(code === "MODEL_BUSY");
    });

  it("is read as the same events, wherever it is cut", () => {
    for (const { server, title, bytes, headers, adapter } of transcripts.filter(isBegun)) {
      const form = { stream: adapter === "ollama" ? "lines" : "sse" } as const;
      const eventsOf = (pieces: readonly Uint8Array[]): readonly unknown[] => {
        const reader = createAnswerReader(headers["content-type"] ?? "", form);
        return [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()];
      };
      const all = JSON.stringify(eventsOf([bytes]));
      for (let at = 1; at < bytes.length; at += isAll ? 1 : 7)
        if (JSON.stringify(eventsOf([bytes.subarray(0, at), bytes.subarray(at)])) !== all) expect.fail(`${server}: ${title}: cut at ${at}`);
    }
  });

  it("is a failure where it breaks off, or all that was said", async () => {
    for (const transcript of transcripts.filter((one) => isBegun(one) && isWhole(one))) {
      const { server, title, bytes, wanted } = transcript;
      let failures = 0;
      // Behind each line, and in the middle of each.
      const ends = [...bytes.keys()].filter((place) => bytes[place] === 10).flatMap((place, index, all) => [Math.floor((place + (all[index - 1] ?? 0)) / 2), place + 1]);
      for (const length of ends) {
        const came = await cameOf(transcript, until(length));
        if ("code" in came) {
          expect(came.code, `${server}: ${title}, ${length} bytes`).to.equal("PROVIDER_FAILED");
          failures += 1;
          continue;
        }
        const { answer, ...said } = came;
        const { answer: all, ...rest } = wanted as Extract<Wanted, { answer: unknown }>;
        expect(said, `${server}: ${title}, ${length} bytes`).to.deep.equal(rest);
        expect(answer.end).to.equal(all.end);
      }
      expect(failures, `${server}: ${title}`).to.be.above(0);
    }
  });

  it("is given back with its calls, to those that refuse a conversation without", async () => {
    const called = (server: string): Transcript => transcripts.find((one) => one.server === server && "calls" in one.wanted)!;
    const turnOf = (id: string): readonly ChatMessage[] => [
      { role: "user", content: "go" },
      { role: "assistant", content: "", calls: [{ id, name: "weather", arguments: "{}" }] },
      { role: "tool", callId: id, content: "sun" },
    ];
    const again = async (transcript: Transcript, id: string, request: Partial<GenerationRequest> = {}): Promise<unknown> => {
      await cameOf(transcript, whole, { ...request, messages: turnOf(id) });
      return (JSON.parse(asked) as { readonly messages: readonly unknown[] }).messages[1];
    };
    const deepseek = called("deepseek");
    await cameOf(deepseek);
    expect(await again(deepseek, "call_00_io")).to.include({ reasoning_content: "Look." });
    expect(await again(deepseek, "of_another_node")).to.include({ reasoning_content: "" });
    expect(await again(deepseek, "call_00_io", { thinking: false })).to.not.have.property("reasoning_content");
    const gemini = called("gemini-openai");
    await cameOf(gemini);
    const signature = "tool_calls[0].extra_content.google.thought_signature";
    expect(await again(gemini, "function-call-1")).to.have.nested.property(signature, "EpAICo0I");
    expect(await again(gemini, "of_another_node")).to.have.nested.property(signature, "skip_thought_signature_validator");
    const openai = called("openai");
    await cameOf(openai);
    expect(JSON.stringify(await again(openai, "call_a1"))).to.not.match(/reasoning|extra_content/);
  });

  it("has a first line in each file, and an error of each kind that such servers know", () => {
    const codes = new Set(transcripts.flatMap(({ wanted }) => ("code" in wanted ? [wanted.code] : [])));
    expect([...codes]).to.include.members(["PROVIDER_REFUSED", "MODEL_BUSY", "CONTEXT_TOO_LONG", "PROVIDER_FAILED", "BAD_REQUEST", "MODEL_NOT_FOUND"]);
  });
}); // prettier-ignore

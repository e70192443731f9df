/** What is on the wire while a model says nothing: on every interface that streams. */
import { expect } from "chai";
import { failure, ok } from "../../../../protocols/index.ts";
import { ended, failed, text, type Spoken } from "../../../fixtures/engine-answers.ts";
import { startFixture, type Fixture, type FixtureOptions } from "../fixture.ts";
import { toldEngines } from "./told.ts";

const messages = [{ role: "user", content: "hello" }];
const beats = { events: ":\n\n", anthropic: 'event: ping\ndata: {"type":"ping"}\n\n', lines: " " };

interface Row {
  readonly path: string;
  readonly body: object;
  readonly beat: string;
  /** What the stream begins with where nothing was said yet. */
  readonly opening?: RegExp;
  /** How a failure in the midst looks. */
  readonly failure: RegExp;
}

const openAiFailure = /^data: \{"error":\{"message":.*"code":"runtime_fault"\}\}\n\n$/;
const ollamaFailure = /^\{"error":".+"\}\n$/;
const rows: readonly Row[] = [
  { path: "/v1/chat/completions", body: { messages }, beat: beats.events, failure: openAiFailure },
  { path: "/v1/completions", body: { prompt: "hello" }, beat: beats.events, failure: openAiFailure },
  {
    path: "/v1/responses",
    body: { input: "hello" },
    beat: beats.events,
    opening: /^event: response\.created\n.*\n\nevent: response\.in_progress\n.*\n\n/,
    failure: /^event: response\.failed\n/,
  },
  {
    path: "/v1/messages",
    body: { messages, max_tokens: 10 },
    beat: beats.anthropic,
    opening: /^event: message_start\n.*\n\n/,
    failure: /^event: error\ndata: \{"type":"error","error":\{"type":"api_error",.*\}\}\n\n$/,
  },
  { path: "/api/chat", body: { messages }, beat: beats.lines, failure: ollamaFailure },
  { path: "/api/generate", body: { prompt: "hello" }, beat: beats.lines, failure: ollamaFailure },
];

/** What comes of a stream, piece by piece. */
function reading(response: Response) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  const more = async (): Promise<boolean> => {
    const { done, value = "" } = await reader.read();
    held += value;
    return !done;
  };
  return {
    /** Waits until so many characters have come, and takes them. */
    async take(chars: number): Promise<string> {
      while (held.length < chars && (await more()));
      const taken = held.slice(0, chars);
      held = held.slice(chars);
      return taken;
    },
    /** Waits until what has come fits, and takes that. */
    async match(pattern: RegExp): Promise<string> {
      while (!pattern.test(held) && (await more()));
      const [taken = ""] = pattern.exec(held) ?? [];
      held = held.slice(taken.length);
      return taken;
    },
    async rest(): Promise<string> {
      while (await more());
      return held;
    },
  };
}

describe("gateway: streams while a model says nothing", () => {
  let fixture: Fixture;
  let token: string;
  const told = toldEngines();
  let store: object = { list: () => [] };
  before(async () => {
    fixture = await startFixture({
      engines: told.engines,
      models: {
        get store() {
          return store;
        },
        wanted: { current: () => [], onChange: () => () => undefined },
      } as unknown as NonNullable<FixtureOptions["models"]>,
      limits: { callsPerPersonMax: 1, callsWaitingPerPersonMax: 1 },
    });
    token = (await fixture.signUp("ada")).token;
  });
  after(() => fixture.stop());

  /** Asks for a stream, and gives the answer as soon as its headers are there. */
  function begin({ path, body }: Pick<Row, "path" | "body">, stream = true) {
    const asked = { method: "POST", headers: { authorization: `Bearer ${token}`, "content-type": "application/json" } };
    let answered = false;
    const response = fetch(fixture.url + path, { ...asked, body: JSON.stringify({ model: "told", stream, ...body }) });
    void response.then(() => (answered = true));
    return { response, answered: () => answered };
  }

  for (const row of rows) {
    const { path, beat, opening } = row;

    it(`${path}: begins a moment after the call has its place, and beats every 15 seconds`, async () => {
      const { response, answered } = begin(row);
      const call = await told.next();
      fixture.world.elapse(1_900);
      await fixture.request("GET", "/api/v1/health");
      expect(answered()).to.equal(false);
      fixture.world.elapse(200);
      const answer = await response;
      expect(answer.status).to.equal(200);
      const wire = reading(answer);
      if (opening !== undefined) expect(await wire.match(opening)).to.match(opening);
      else expect(await wire.take(beat.length)).to.equal(beat);
      for (let count = 0; count < 4; count += 1) {
        fixture.world.elapse(15_000);
        expect(await wire.take(beat.length)).to.equal(beat);
      }
      // What was said a moment ago is followed by silence that is counted from there.
      fixture.world.elapse(10_000);
      call.say(text("Hel"));
      expect(await wire.match(/Hel.*\n/)).to.contain("Hel");
      fixture.world.elapse(10_000);
      call.say(text("lo"));
      fixture.world.elapse(14_000);
      call.say(ended("complete"));
      const rest = await wire.rest();
      expect(rest)
        .to.contain("lo")
        .and.not.contain(beat.length > 1 ? beat : " {");
    });

    it(`${path}: a refusal in that moment has its status`, async () => {
      const { response } = begin(row);
      const call = await told.next();
      fixture.world.elapse(1_500);
      call.say(failed(failure("MODEL_BUSY", { retryAfterMs: 1_000 })));
      const answer = await response;
      expect(answer.status).to.equal(429);
      expect(answer.headers.get("content-type")).to.match(/^application\/json/);
      await answer.text();
    });

    it(`${path}: a failure behind it is said in the stream`, async () => {
      const { response } = begin(row);
      const call = await told.next();
      fixture.world.elapse(2_100);
      const answer = await response;
      const wire = reading(answer);
      if (opening !== undefined) await wire.match(opening);
      else expect(await wire.take(beat.length)).to.equal(beat);
      call.say(failed(failure("RUNTIME_FAULT")));
      expect([answer.status, await wire.rest()]).to.satisfy(
        ([status, rest]: [number, string]) => status === 200 && row.failure.test(rest.replace("data: [DONE]\n\n", "")),
      );
    });
  }

  it("a call that waits for its place has said nothing, and is refused with a status", async () => {
    const first = begin(rows[0]!);
    const running = await told.next();
    // There is room for one in the line: when the other is refused, it is there.
    const two = [begin(rows[0]!), begin(rows[0]!)];
    const full = await Promise.race(two.map(async ({ response }) => response));
    expect(full.status).to.equal(429);
    await full.text();
    const [second] = two.filter(({ answered }) => !answered());
    fixture.world.elapse(60_000);
    const wire = reading(await first.response);
    expect(await wire.take(beats.events.length)).to.equal(beats.events);
    expect(second!.answered()).to.equal(false);
    fixture.world.elapse(240_100);
    const late = await second!.response;
    expect(late.status).to.equal(504);
    await late.text();
    running.say(ended("complete"));
    await wire.rest();
  });

  for (const row of rows) {
    it(`${row.path}: an answer that is not streamed has the status of its refusal for 45 seconds, then beats in white space before its JSON`, async () => {
      const { response, answered } = begin(row, false);
      const call = await told.next();
      fixture.world.elapse(44_900);
      await fixture.request("GET", "/api/v1/health");
      expect(answered()).to.equal(false);
      fixture.world.elapse(200);
      const answer = await response;
      expect([answer.status, answer.headers.get("content-type")]).to.deep.equal([200, "application/json; charset=utf-8"]);
      const wire = reading(answer);
      expect(await wire.take(1)).to.equal(" ");
      fixture.world.elapse(15_000);
      expect(await wire.take(1)).to.equal(" ");
      call.say(text("Hello"), ended("complete"));
      expect(JSON.stringify(JSON.parse(` ${await wire.rest()}`))).to.contain("Hello");
    });

    it(`${row.path}: nobody takes a failure behind that for an answer: its JSON is cut off`, async () => {
      const { response } = begin(row, false);
      const call = await told.next();
      fixture.world.elapse(45_100);
      const wire = reading(await response);
      expect(await wire.take(1)).to.equal(" ");
      call.say(failed(failure("RUNTIME_FAULT")));
      const end = await wire.rest().then(() => "whole", () => "cut off");
      expect(end).to.equal("cut off");
    });
  } // prettier-ignore

  const heard = (word: string, fromMs: number): Spoken =>
    ({ type: "part", part: { text: word, fromMs, toMs: fromMs + 1_000 } }) as unknown as Spoken;
  const heardAll = { type: "answered", result: ok({ durationMs: 2_000 }) } as unknown as Spoken;
  function beginTranscript(format: string) {
    const form = new FormData();
    form.set("file", new Blob([new Uint8Array(4)], { type: "audio/wav" }), "a.wav");
    form.set("model", "told");
    form.set("response_format", format);
    return fetch(`${fixture.url}/v1/audio/transcriptions`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: form,
    });
  }

  for (const format of ["json", "verbose_json"])
    it(`a transcription in ${format} beats in white space`, async () => {
      const response = beginTranscript(format);
      const call = await told.next();
      fixture.world.elapse(45_100);
      const wire = reading(await response);
      expect(await wire.take(1)).to.equal(" ");
      call.say(heard("Hello", 0), heardAll);
      expect(JSON.parse(await wire.rest())).to.include({ text: "Hello" });
    });

  const transcripts = {
    text: ["Hello", " there", "\n"],
    srt: ["1\n00:00:00,000 --> 00:00:01,000\nHello\n\n", "2\n00:00:01,000 --> 00:00:02,000\nthere\n\n", ""],
    vtt: ["WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nHello\n\n", "00:00:01.000 --> 00:00:02.000\nthere\n\n", ""],
  };
  for (const [format, [first = "", second = "", end = ""]] of Object.entries(transcripts))
    it(`a transcription in ${format} is told as it comes, once it is late, and is what it is in time`, async () => {
      const response = beginTranscript(format);
      const call = await told.next();
      call.say(heard("Hello ", 0));
      fixture.world.elapse(45_100);
      const answer = await response;
      expect([answer.status, answer.headers.get("content-type")?.split(";")[0]]).to.deep.equal([
        200,
        { text: "text/plain", srt: "application/x-subrip", vtt: "text/vtt" }[format],
      ]);
      const wire = reading(answer);
      expect(await wire.take(first.length)).to.equal(first);
      call.say(heard("there\n", 1_000));
      fixture.world.elapse(15_000);
      expect(await wire.take(second.length)).to.equal(second);
      call.say(heardAll);
      expect(await wire.rest()).to.equal(end);
    });

  it("a transcription in vtt has notes while nothing is heard, and others begin with what is heard first", async () => {
    const response = beginTranscript("vtt");
    const call = await told.next();
    fixture.world.elapse(45_100);
    const wire = reading(await response);
    const opening = "WEBVTT\n\n";
    expect(await wire.take(opening.length)).to.equal(opening);
    for (let count = 0; count < 3; count += 1) {
      fixture.world.elapse(15_000);
      expect(await wire.take(6)).to.equal("NOTE\n\n");
    }
    call.say(heard("Hello", 0), heardAll);
    expect(await wire.rest()).to.equal("00:00:00.000 --> 00:00:01.000\nHello\n\n");

    let answered = false;
    const text = beginTranscript("text");
    void text.then(() => (answered = true));
    const other = await told.next();
    fixture.world.elapse(70_000);
    await fixture.request("GET", "/api/v1/health");
    expect(answered).to.equal(false);
    other.say(failed(failure("RUNTIME_FAULT")));
    expect((await text).status).to.equal(502);
  });

  it("a transcription that fails when it has begun is cut off", async () => {
    const response = beginTranscript("text");
    const call = await told.next();
    call.say(heard("Hello", 0));
    fixture.world.elapse(45_100);
    const wire = reading(await response);
    expect(await wire.take(5)).to.equal("Hello");
    call.say(failed(failure("RUNTIME_FAULT")));
    expect(
      await wire.rest().then(
        () => "whole",
        () => "cut off",
      ),
    ).to.equal("cut off");
  });

  const bytesOf = (sound: string): Spoken =>
    ({ type: "part", part: { bytes: Buffer.from(sound) } }) as unknown as Spoken;
  const spokenAll = { type: "answered", result: ok({ mediaType: "audio/pcm" }) } as unknown as Spoken;
  const beginSpeech = (how: object) =>
    fetch(`${fixture.url}/v1/audio/speech`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "told", input: "hello", ...how }),
    });

  it("speech of a form that was asked for is sent as it comes, once it is late", async () => {
    const response = beginSpeech({ response_format: "pcm" });
    const call = await told.next();
    call.say(bytesOf("ab"));
    fixture.world.elapse(45_100);
    const answer = await response;
    expect([answer.status, answer.headers.get("content-type")]).to.deep.equal([200, "audio/pcm"]);
    const wire = reading(answer);
    expect(await wire.take(2)).to.equal("ab");
    call.say(bytesOf("cd"));
    fixture.world.elapse(15_000);
    expect(await wire.take(2)).to.equal("cd");
    call.say(bytesOf("ef"), spokenAll);
    expect(await wire.rest()).to.equal("ef");
  });

  it("speech of another form than was asked for is cut off when it has begun, and one of no form waits for its end", async () => {
    const response = beginSpeech({ response_format: "wav" });
    const call = await told.next();
    call.say(bytesOf("ab"));
    fixture.world.elapse(45_100);
    const wire = reading(await response);
    expect(await wire.take(2)).to.equal("ab");
    call.say(spokenAll);
    expect(
      await wire.rest().then(
        () => "whole",
        () => "cut off",
      ),
    ).to.equal("cut off");

    let answered = false;
    const free = beginSpeech({});
    void free.then(() => (answered = true));
    const other = await told.next();
    other.say(bytesOf("ab"));
    fixture.world.elapse(90_000);
    await fixture.request("GET", "/api/v1/health");
    expect(answered).to.equal(false);
    other.say(spokenAll);
    const whole = await free;
    expect([whole.headers.get("content-type"), await whole.text()]).to.deep.equal(["audio/pcm", "ab"]);
  });

  it("speech as a stream of events begins a moment after its place, beats, and says its sound in pieces", async () => {
    const response = beginSpeech({ stream_format: "sse" });
    const call = await told.next();
    fixture.world.elapse(2_100);
    const wire = reading(await response);
    expect(await wire.take(beats.events.length)).to.equal(beats.events);
    fixture.world.elapse(15_000);
    expect(await wire.take(beats.events.length)).to.equal(beats.events);
    call.say(bytesOf("ab"), spokenAll);
    expect(await wire.rest()).to.equal(
      'event: speech.audio.delta\ndata: {"type":"speech.audio.delta","audio":"YWI="}\n\nevent: speech.audio.done\ndata: {"type":"speech.audio.done"}\n\n',
    );
  });

  for (const stream of [false, true])
    it(`a pull that is ${stream ? "" : "not "}streamed beats while nothing comes of it`, async () => {
      let end: (ended: object) => void = () => undefined;
      const begun = new Promise<void>((resolve) => {
        const ended = (): Promise<object> => {
          resolve();
          return new Promise((over) => (end = over));
        };
        const none = (): readonly never[] => [];
        store = { list: none, pulls: none, watch: () => () => undefined, pull: () => ok({ id: "1" }), ended };
      });
      const response = fetch(`${fixture.url}/api/pull`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ model: "hf.co/owner/large", stream }),
      });
      await begun;
      fixture.world.elapse(45_100);
      const wire = reading(await response);
      expect(await wire.take(1)).to.equal(" ");
      fixture.world.elapse(15_000);
      expect(await wire.take(1)).to.equal(" ");
      end(ok({ state: "done" }));
      expect(JSON.parse(await wire.rest())).to.deep.equal({ status: "success" });
    });

  it("a call that waited long for its place may be silent as long as any other", async () => {
    const first = begin(rows[0]!);
    const running = await told.next();
    const second = begin(rows[0]!);
    for (let part = 0; part < 29; part += 1) {
      fixture.world.elapse(10_000);
      running.say(text("x"));
    }
    running.say(ended("complete"));
    await (await first.response).text();
    const call = await told.next();
    expect(call.request).to.include({ silenceMs: 300_000 });
    call.say(ended("complete"));
    await (await second.response).text();
  });

  it("an answer that is not streamed has the status of its refusal, for as long as nothing was sent", async () => {
    const { response } = begin(rows[0]!, false);
    const call = await told.next();
    fixture.world.elapse(40_000);
    await fixture.request("GET", "/api/v1/health");
    call.say(failed(failure("RUNTIME_FAULT")));
    const answer = await response;
    expect(answer.status).to.equal(502);
    expect(((await answer.json()) as { error: { code: string } }).error.code).to.equal("runtime_fault");
  });

  it("says in a comment what would have been in headers that were sent before it was known", async () => {
    const { response } = begin(rows[0]!);
    const call = await told.next();
    fixture.world.elapse(2_100);
    const wire = reading(await response);
    expect(await wire.take(beats.events.length)).to.equal(beats.events);
    const from = { model: "another", instead: true } as const;
    call.say({ type: "part", part: { text: "x", tokens: 1, from } }, ended("complete"));
    expect(await wire.rest()).to.match(/^: x-plexus-model: another\n: x-plexus-instead: true\n\ndata: /);
  });
});

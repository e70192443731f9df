import { expect } from "chai";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import type { ActorBlobs } from "../../../node/ports/index.ts";
import { failure, ok, refused, wireLimits, type EnginePart } from "../../../protocols/index.ts";
import { chunk, png } from "../../fixtures/pictures.ts";
import { pcmOf, wavHead } from "../../../runtimes/onnx/sound.ts";
import { everyEngine, type Engine } from "../../../runtimes/engine.ts";
import { startFixture, type Fixture } from "./fixture.ts";

describe("gateway: pictures and sounds for agents", () => {
  const held = new Map<string, Uint8Array>();
  const blobs: ActorBlobs = {
    async put(actor, bytes, commit) {
      held.set(`${actor}/${hashOf(bytes)}`, Uint8Array.from(bytes));
      return commit(hashOf(bytes));
    },
    forget: async () => undefined,
    async read(actor, hash) {
      const bytes = held.get(`${actor}/${hash}`);
      return bytes === undefined ? refused(failure("NOT_FOUND", { blob: hash })) : ok(bytes);
    },
  };
  const wav = (samples: number, rate: number): Buffer =>
    Buffer.concat([wavHead(samples, rate), pcmOf(new Float32Array(samples))]);
  /** What the model hears; undefined: there is none. */
  let heard: EnginePart<"transcribe"> | undefined;
  const transcribe: Engine<"transcribe"> = {
    models: () => [],
    watch: () => () => undefined,
    call(_request, hear) {
      const part = heard;
      queueMicrotask(() => {
        if (part !== undefined) hear({ type: "part", part });
        const result =
          part === undefined ? refused(failure("MODEL_NOT_FOUND")) : ok({ language: "en", durationMs: 1_000 });
        hear({ type: "answered", result });
      });
      return { cancel: () => undefined };
    },
  };
  let fixture: Fixture;
  let ada: string;
  let bob: string;
  before(async () => {
    fixture = await startFixture({
      blobs,
      engines: everyEngine({ transcribe }),
      limits: { pictureRate: { count: 12, windowMs: 3_600_000 } },
    });
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
    const headers = { authorization: `Bearer ${ada}`, "content-type": "application/json" };
    const made = await fetch(`${fixture.url}/api/v1/agents`, { method: "POST", headers, body: '{"name":"helper"}' });
    expect(made.status).to.be.below(300);
  });
  after(() => fixture.stop());

  const upload = async (bytes: Uint8Array, token = ada, type = "image/png") => {
    const what = type.startsWith("audio/") ? "sounds" : "pictures";
    const headers = { authorization: `Bearer ${token}`, "content-type": type };
    const url = `${fixture.url}/api/v1/agents/ada.helper/${what}`;
    const response = await fetch(url, { method: "POST", headers, body: Buffer.from(bytes) });
    return {
      status: response.status,
      body: (await response.json()) as { error?: { code: string }; hash?: string; text?: string; unheard?: string },
    };
  };
  const get = (hash: string, token = ada): Promise<Response> =>
    fetch(`${fixture.url}/api/v1/agents/ada.helper/pictures/${hash}`, {
      headers: { authorization: `Bearer ${token}` },
    });

  it("are the owner's alone, and nothing but pictures", async () => {
    const bytes = png(64, 32);
    const hash = hashOf(bytes);
    const { status, body } = await upload(bytes);
    expect(status).to.equal(200);
    expect(body).to.deep.equal({ hash, size: bytes.length, format: "png", width: 64, height: 32 });
    const served = await get(hash);
    expect(Buffer.from(await served.arrayBuffer()).equals(bytes)).to.equal(true);
    expect(Object.fromEntries(served.headers)).to.include({
      "content-type": "image/png",
      "content-security-policy": "default-src 'none'; sandbox",
      "cache-control": "private, max-age=31536000, immutable",
    });
    expect((await get(hash, bob)).status).to.equal(403);
    expect((await upload(bytes, bob)).body.error?.code).to.equal("FORBIDDEN");
    expect((await get("0".repeat(64))).status).to.equal(404);
    const client = await fixture.connect(ada);
    const fields = { hash, size: 1, format: "png", width: 1, height: 1 };
    expect((await client.ask("agent.attach", "ada.helper", fields)).error?.code).to.equal("BAD_REQUEST");
  });

  it("are refused when they are none, move, or are too large, and beyond so many", async () => {
    expect((await upload(Buffer.from("<svg/>"), ada)).body.error?.code).to.equal("BAD_REQUEST");
    const moving = png(3, 5, { more: [chunk("acTL", Buffer.alloc(8))] });
    expect((await upload(moving)).body.error?.code).to.equal("BAD_REQUEST");
    const wide = png(wireLimits.pictureSideMax + 1, 1);
    expect((await upload(wide)).body.error?.code).to.equal("TOO_LARGE");
    const heavy = Buffer.alloc(wireLimits.pictureBytesMax + 1);
    expect((await upload(heavy)).body.error?.code).to.equal("TOO_LARGE");
    for (let index = 0; index < 12; index += 1) await upload(png(1, 1));
    expect((await upload(png(1, 1))).body.error?.code).to.equal("RATE_LIMITED");
  });

  it("are sounds, too, with what a model hears in them, or why none did", async () => {
    const bytes = wav(8_000, 8_000);
    const hash = hashOf(bytes);
    heard = { text: "  what time\nis it? ", fromMs: 0, toMs: 1_000 };
    const known = { hash, size: bytes.length, format: "wav", ms: 1_000 };
    expect((await upload(bytes, ada, "audio/wav")).body).to.deep.equal({
      ...known,
      text: "what time is it?",
      language: "en",
    });
    heard = undefined;
    expect((await upload(bytes, ada, "audio/wav")).body).to.deep.equal({
      ...known,
      text: "",
      unheard: "MODEL_NOT_FOUND",
    });
    const url = `${fixture.url}/api/v1/agents/ada.helper/sounds/${hash}`;
    const get_ = (token: string): Promise<Response> => fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const served = await get_(ada);
    expect([served.headers.get("content-type"), (await served.arrayBuffer()).byteLength]).to.deep.equal([
      "audio/wav",
      bytes.length,
    ]);
    expect((await get_(bob)).status).to.equal(403);
    expect((await get(hash)).status).to.equal(404);
  });

  it("are no sounds that are cut off, of other formats, or too long", async () => {
    const whole = wav(8_000, 8_000);
    const of = async (bytes: Uint8Array) => (await upload(bytes, ada, "audio/wav")).body.error?.code;
    const float = Buffer.from(whole);
    float.writeUInt16LE(3, 20);
    for (const bytes of [whole.subarray(0, -2), Buffer.concat([whole, Buffer.alloc(2)]), float, wav(0, 8_000), wav(8, 4_000), Buffer.from("ID3")])
      expect(await of(bytes)).to.equal("BAD_REQUEST");
    expect(await of(wav(60 * 8_000 + 8, 8_000))).to.equal("TOO_LARGE");
  }); // prettier-ignore
});

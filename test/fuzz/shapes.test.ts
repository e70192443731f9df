/** Bodies by their shape: deep, wide, long keys, many keys. Each is answered by a row of the table that names the
 *  limit, before the rest of it is read, and nothing of it stays in memory. */
import { expect } from "chai";
import fc from "fast-check";
import { connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gatewayLimits } from "../../node/gateway/limits.ts";
import { wireLimits } from "../../protocols/index.ts";
import { connectClient, startFixture, type Fixture } from "../unit/gateway/fixture.ts";

const runs = (numRuns: number) => ({ numRuns, seed: 20_261 });
const { jsonKeyBytesMax, wideJsonContainersMax, wideJsonValuesMax, aiJsonDepthMax, aiJsonKeysMax, aiRequestBytesMax } =
  gatewayLimits;

/** Frees what nothing holds, and says what is left. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

describe("fuzz: the shape of JSON", () => {
  let fixture: Fixture;
  let token: string;
  before(async () => {
    // All of these come from one person at once; `body-pace.test.ts` has how fast they are read.
    const unpaced = { count: 1_000_000, windowMs: 1_000 };
    fixture = await startFixture({ limits: { largeBodyRate: unpaced, largeBodyAddressRate: unpaced } });
    token = (await fixture.signUp("ada")).token;
    await fixture.request("POST", "/api/v1/rooms", { token, body: { room: "lobby" } });
  });
  after(() => fixture.stop());
  afterEach(() => expect(fixture.troubles.filter((line) => line.startsWith("request.failed"))).to.deep.equal([]));

  async function send(path: string, text: string): Promise<{ status: number; said: string }> {
    const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
    const answer = await fetch(fixture.url + path, { method: "POST", headers, body: text });
    return { status: answer.status, said: await answer.text() };
  }

  const chat = "/v1/chat/completions";
  const paths = [chat, "/v1/responses", "/v1/messages", "/api/chat", "/v1/embeddings"];
  const around = (value: string): string => `{"model":"echo","messages":${value}}`;
  const million = around(`[${"[],".repeat(1_000_000)}[]]`);
  const keys = (count: number): string => `{${Array.from({ length: count }, (_none, at) => `"k${at}":1`).join(",")}}`;

  it("is refused by the limit that it goes beyond, on every interface", async () => {
    const rows: readonly (readonly [text: string, status: number, says: string])[] = [
      [million, 413, `${wideJsonContainersMax}`],
      [around(`[${"{},".repeat(1_000_000)}{}]`), 413, `${wideJsonContainersMax}`],
      [around(`[${'"",'.repeat(1_000_000)}""]`), 413, `${wideJsonValuesMax}`],
      [around(`[${"1,".repeat(1_000_000)}1]`), 413, `${wideJsonValuesMax}`],
      [around(keys(aiJsonKeysMax)), 413, `${aiJsonKeysMax}`],
      [around(keys(500_000)), 413, `${aiJsonKeysMax}`],
      [around("[".repeat(1_000_000)), 400, `nested deeper than ${aiJsonDepthMax}`],
      [around('{"a":'.repeat(1_000_000)), 400, `nested deeper than ${aiJsonDepthMax}`],
      [around(`{"${"k".repeat(4_000_000)}":1}`), 400, `a key is longer than ${jsonKeyBytesMax} bytes`],
    ];
    for (const path of paths)
      for (const [text, status, says] of rows) {
        const answer = await send(path, text);
        const what = `${path} ${text.slice(0, 60)}: ${answer.said.slice(0, 300)}`;
        expect(answer.status, what).to.equal(status);
        expect(answer.said, what).to.contain(says);
        expect(answer.said.length, what).to.be.lessThan(1_000);
      }
  });

  it("is refused while it arrives: the rest of the body is not waited for", async () => {
    const socket = connect(Number(new URL(fixture.url).port), "127.0.0.1");
    const said = new Promise<string>((resolve, reject) => {
      let text = "";
      socket.setEncoding("utf8").on("data", (part: string) => {
        text += part;
        if (text.endsWith("}")) resolve(text);
      });
      socket.on("close", () => resolve(text)).on("error", reject);
    });
    const head = `POST ${chat} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${token}\r\n`;
    socket.write(`${head}Content-Type: application/json\r\nContent-Length: ${aiRequestBytesMax}\r\n\r\n`);
    // A twentieth of what was announced.
    socket.write(`{"messages":[${"[],".repeat(wideJsonContainersMax + 1)}`);
    const answer = await said;
    socket.destroy();
    expect(answer.split("\r\n")[0]).to.equal("HTTP/1.1 413 Payload Too Large");
    expect(answer).to.contain(String(wideJsonContainersMax));
  });

  it("is bounded on all other routes and in frames, too", async () => {
    const { jsonContainersMax, jsonDepthMax } = gatewayLimits;
    const wide = `{"text":[${"[],".repeat(jsonContainersMax + 1)}[]]}`;
    expect(wide.length).to.be.lessThan(wireLimits.frameBytesMax);
    const answer = await send("/api/v1/rooms/lobby/messages", wide);
    expect([answer.status, JSON.parse(answer.said)]).to.deep.include.members([413]);
    expect(JSON.parse(answer.said)).to.have.nested.property("error.details.limit", "jsonContainersMax");
    const deep = await send("/api/v1/rooms/lobby/messages", `{"text":${"[".repeat(30_000)}`);
    expect([deep.status, deep.said.includes(`nested deeper than ${jsonDepthMax}`)]).to.deep.equal([400, true]);
    const client = await connectClient(fixture.url, token);
    client.socket.send(`{"id":1,"do":"room.post","to":"lobby","with":${wide}}`);
    const frame = await client.next((one) => one.bye !== undefined);
    expect(frame.bye).to.deep.include({ code: "BAD_FRAME" });
    expect(frame.bye.details).to.deep.equal({ limit: "jsonContainersMax", max: jsonContainersMax });
  });

  it("of any sort is answered, and never by a fault", async () => {
    const shape = fc.letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom("1", '""', "null", "[]", "{}", '"x"', "[", "}", '"\\', "1e999", "\u0000"),
        fc.tuple(tie("value"), fc.constantFrom(1, 10, 3_000, 100_000)).map(([one, times]) => `[${Array.from({ length: Math.min(times, Math.ceil(300_000 / (one.length + 1))) }, () => one).join(",")}]`),
        fc.tuple(tie("value"), fc.constantFrom(1, 10, 70, 20_000)).map(([one, times]) => `${"[".repeat(times)}${one}${"]".repeat(times)}`),
        fc.tuple(tie("value"), fc.constantFrom(1, 100, 30_000)).map(([one, length]) => `{"${"k".repeat(length)}":${one}}`),
        fc.tuple(tie("value"), fc.constantFrom(1, 10, 20_000)).map(([one, times]) => `{${Array.from({ length: Math.min(times, Math.ceil(300_000 / (one.length + 8))) }, (_none, at) => `"${at}":${one}`).join(",")}}`),
      ),
    })).value;
    const places = fc.constantFrom("messages", "input", "tools", "system", "metadata", "stop", "response_format", "options");
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths, "/api/v1/rooms/lobby/messages"), places, shape, async (path, place, value) => {
        const { status, said } = await send(path, `{"model":"echo","${place}":${value}}`);
        expect(status, said.slice(0, 300)).to.be.within(200, 499);
        expect(said.length).to.be.lessThan(2_000);
      }),
      runs(150),
    );
  }); // prettier-ignore

  it("leaves nothing in memory: after a storm of such bodies the heap is as it was", async () => {
    const storm = async (): Promise<void> => {
      const answers = await Promise.all(Array.from({ length: 12 }, () => send(chat, million)));
      expect(answers.map(({ status }) => status)).to.deep.equal(answers.map(() => 413));
    };
    await storm();
    const before = heapBytes();
    for (let round = 0; round < 5; round += 1) await storm();
    expect(heapBytes() / before).to.be.lessThan(1.1);
  });

  it("does not stand in the way of what is large and well made", async () => {
    const text = "a long question ".repeat(200);
    const tools = Array.from({ length: 64 }, (_none, at) => {
      const properties = Object.fromEntries(
        Array.from({ length: 25 }, (_other, one) => [`p${one}`, { type: "string" }]),
      );
      return { type: "function", function: { name: `f${at}`, parameters: { type: "object", properties } } };
    });
    const body = {
      model: "echo",
      messages: [{ role: "user", content: text }],
      tools,
      tool_choice: "none",
      max_tokens: 1,
    };
    const answer = await send(chat, JSON.stringify(body));
    expect(answer.status, answer.said.slice(0, 300)).to.equal(200);
  });
});

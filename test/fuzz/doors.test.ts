/** Every door through which structured data of strangers comes, and what is made of too much: deep, wide, long keys,
 *  many keys, many values. Each refuses it by counting, and nothing of it stays in memory. A new door is a line more in
 *  the list. */
import { expect } from "chai";
import fc from "fast-check";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import protobuf from "protobufjs";
import { readCompaction } from "../../node/gateway/ai/compaction.ts";
import { parsedArguments, readCall, readForm, writtenArguments } from "../../node/gateway/ai/conversation.ts";
import { jsonBounds, parseJson, wideJsonBounds } from "../../node/gateway/edge/json.ts";
import { gatewayLimits } from "../../node/gateway/limits.ts";
import { readClientFrame, readRouteCall } from "../../node/gateway/wires/grpc-codec.ts";
import { readBackupKeys } from "../../node/keys/backup-keys.ts";
import { readToken } from "../../node/cluster/mesh/invitation.ts";
import { ballotOf } from "../../node/inference/routes/ensemble.ts";
import { readIndicators } from "../../node/threats/indicators.ts";
import { decodeFromPeer, encode, wireLimits } from "../../protocols/index.ts";
import { decodeRows } from "../../runtimes/backup/format/rows.ts";
import { replyTo } from "../../runtimes/echo/reply.ts";
import { findByConsul } from "../../runtimes/finding/consul.ts";
import { inspectGguf } from "../../runtimes/gguf.ts";
import { createSseReader } from "../../runtimes/remote/events.ts";
import { faultsOfJson } from "../../runtimes/llama/calls.ts";
import { fromJson } from "../../runtimes/remote/json.ts";
import { argumentsOf } from "../../runtimes/remote/text.ts";
import { understand } from "../../runtimes/schema-reader.ts";
import { readManifest } from "../../runtimes/store/manifest.ts";
import { startFixture, type Fixture } from "../unit/gateway/fixture.ts";

/** How a value is too much. */
const shapes = ["deep", "wide", "objects", "values", "manyKeys", "longKey"] as const;
type Shape = (typeof shapes)[number];

const repeated = (one: string, count: number): string => `${`${one},`.repeat(count)}${one}`;

/** A value of a shape as JSON. */
function jsonOf(shape: Shape, count: number): string {
  switch (shape) {
    case "deep":
      return `${"[".repeat(count)}${"]".repeat(count)}`;
    case "wide":
      return `[${repeated("[]", count)}]`;
    case "objects":
      return `[${repeated("{}", count)}]`;
    case "values":
      return `[${repeated("1", count)}]`;
    case "manyKeys":
      return `{${Array.from({ length: count }, (_none, at) => `"${at}":1`).join(",")}}`;
    case "longKey":
      return `{"${"k".repeat(count)}":1}`;
  }
}

/** The same as `google.protobuf.Value`: its bytes. */
function protoOf(shape: Shape, count: number): Uint8Array {
  const { Writer } = protobuf;
  const empty = (tag: number): Buffer => Buffer.from([tag, 0]);
  const list = (items: Uint8Array): Uint8Array => Writer.create().uint32(50).bytes(items).finish();
  const member = (key: string): Uint8Array =>
    Writer.create().uint32(10).fork().uint32(10).string(key).ldelim().finish();
  const struct = (members: readonly Uint8Array[]): Uint8Array =>
    Writer.create().uint32(42).bytes(Buffer.concat(members)).finish();
  switch (shape) {
    case "deep": {
      let value: Uint8Array = new Uint8Array();
      for (let level = 0; level < Math.min(count, 4_000); level += 1)
        value = list(Writer.create().uint32(10).bytes(value).finish());
      return value;
    }
    case "wide":
    case "objects": {
      const item = Buffer.from([10, 2, ...empty(shape === "wide" ? 50 : 42)]);
      return list(Buffer.concat(Array.from({ length: count }, () => item)));
    }
    case "values":
      return list(Buffer.concat(Array.from({ length: count }, () => empty(10))));
    case "manyKeys":
      return struct(Array.from({ length: count }, (_none, at) => member(String(at))));
    case "longKey":
      return struct([member("k".repeat(count))]);
  }
}

/** A whole request whose field `at` is such a value. */
const requestOf = (at: number, shape: Shape, count: number): Uint8Array =>
  protobuf.Writer.create()
    .uint32(at * 8 + 2)
    .bytes(protoOf(shape, count))
    .finish();

/** The same as a packed message, but for its encoder, which goes no deeper than its stack. */
function packedOf(shape: Shape, count: number): Uint8Array {
  if (shape === "deep") return Buffer.alloc(count, 0x91);
  if (shape === "wide" || shape === "objects") {
    const head = Buffer.from([0xdd, 0, 0, 0, 0]);
    head.writeUInt32BE(count, 1);
    return Buffer.concat([head, Buffer.alloc(count, shape === "wide" ? 0x90 : 0x80)]);
  }
  return encode(JSON.parse(jsonOf(shape, count)));
}

/** The head of a model's file with so many pairs, a text that claims to be so long, or a list of so many of a sort. */
function ggufOf(shape: Shape, count: number): Buffer {
  const u32 = (value: number): Buffer => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = (value: number): Buffer => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const text = (said: string): Buffer => Buffer.concat([u64(said.length), Buffer.from(said)]);
  const head = (pairs: number): Buffer => Buffer.concat([Buffer.from("GGUF"), u32(3), u64(0), u64(pairs)]);
  const arrayOf = (of: number): Buffer => Buffer.concat([text("tokenizer.ggml.tokens"), u32(9), u32(of), u64(count)]);
  switch (shape) {
    case "deep":
    case "wide":
      // Lists of lists.
      return Buffer.concat([
        head(1),
        arrayOf(9),
        ...Array.from({ length: 10_000 }, () => Buffer.concat([u32(9), u64(1)])),
      ]);
    case "objects":
    case "values":
      return Buffer.concat([head(1), arrayOf(8), Buffer.alloc(Math.min(count, 4_000_000) * 8)]);
    case "manyKeys":
      return head(count);
    case "longKey":
      return Buffer.concat([head(1), u64(count), Buffer.alloc(Math.min(count, 4_000_000), 0x6b)]);
  }
}

/** A door: what comes through it, and whether it is taken. What is refused throws, or is no value. */
interface Door {
  readonly name: string;
  readonly of: (shape: Shape, count: number) => Uint8Array | string;
  /** So much of each shape is too much. Absent: the door takes no such thing however large. */
  readonly tooMuch: Partial<Readonly<Record<Shape, number>>>;
  readonly take: (sent: Uint8Array | string) => unknown;
  /** How it says that it was too much, where it is no JSON. JSON that is too much is never parsed. */
  readonly says?: RegExp;
}

/** Refused by its size, and not for what it is. */
const counted = /Max|nested deeper|longer than|lists and objects|claims|unknown type|not a token/;

const { documentContainersMax, documentDepthMax, documentKeyBytesMax, documentValuesMax, peerContainersMax } =
  wireLimits;
const usual = jsonBounds(gatewayLimits);
const wide = wideJsonBounds(gatewayLimits);
const boundsOf = (bounds: typeof usual) => ({
  deep: bounds.depthMax + 1,
  wide: bounds.containersMax + 1,
  objects: bounds.containersMax + 1,
  values: bounds.valuesMax + 1,
  manyKeys: bounds.valuesMax,
  longKey: bounds.keyBytesMax + 1,
});
const document = {
  deep: documentDepthMax + 1,
  wide: documentContainersMax + 1,
  objects: documentContainersMax + 1,
  values: documentValuesMax + 1,
  longKey: documentKeyBytesMax + 1,
};
/** Of a file of so few bytes only the depth can be too much; else it is too long. */
const small = { deep: 1_000, wide: 100_000, objects: 100_000, values: 200_000, manyKeys: 40_000, longKey: 300_000 };
const demanded = <T>(result: { readonly ok: boolean; readonly value?: T }): T => {
  if (!result.ok) throw new Error(JSON.stringify(result));
  return result.value as T;
};
const textOf = (sent: Uint8Array | string): string => (typeof sent === "string" ? sent : Buffer.from(sent).toString());
const bytesOf = (sent: Uint8Array | string): Buffer => Buffer.from(sent as string);

const doors: readonly Door[] = [
  { name: "frames and bodies", of: jsonOf, tooMuch: boundsOf(usual), take: (sent) => demanded(parseJson(textOf(sent), usual)) },
  { name: "bodies with conversations", of: jsonOf, tooMuch: boundsOf(wide), take: (sent) => demanded(parseJson(textOf(sent), wide)) },
  {
    name: "conversations made short",
    of: (shape, count) => `plexus1.${Buffer.from(`{"summary":${jsonOf(shape, count)}}`).toString("base64url")}`,
    tooMuch: document,
    take: (sent) => demanded(readCompaction("", { encrypted_content: textOf(sent) })),
  },
  { name: "gRPC: any route", of: (shape, count) => requestOf(3, shape, count), tooMuch: { ...boundsOf(wide), deep: 4_000 }, take: (sent) => demanded(readRouteCall(bytesOf(sent), wide)), says: counted },
  // The number of a frame, again and again.
  { name: "gRPC: frames", of: (_shape, count) => Buffer.alloc(count * 2, Buffer.from([8, 1])), tooMuch: { values: usual.valuesMax + 1 }, take: (sent) => demanded(readClientFrame(bytesOf(sent), usual)), says: counted },
  { name: "messages of peers", of: packedOf, tooMuch: { deep: peerContainersMax + 1, wide: peerContainersMax + 1, objects: peerContainersMax + 1 }, take: (sent) => decodeFromPeer(bytesOf(sent)), says: counted },
  { name: "invitations", of: (shape, count) => `plexus1-${Buffer.from(packedOf(shape, count)).toString("base64url")}`, tooMuch: small, take: (sent) => demanded(readToken(textOf(sent))), says: counted },
  {
    name: "events of other engines",
    of: (shape, count) => `data: ${jsonOf(shape, count)}\n\n`,
    tooMuch: document,
    take: (sent) => {
      const [data = ""] = createSseReader().push(bytesOf(sent));
      const value = fromJson(data);
      if (value === undefined) throw new Error("no JSON");
      return value;
    },
  },
  { name: "files of models", of: ggufOf, tooMuch: { ...small, objects: 2_000_000, values: 2_000_000, manyKeys: 70_000, longKey: 100_000_000 }, take: (sent) => {
    const verdict = inspectGguf(bytesOf(sent), 1e9);
    if (verdict.type !== "fine") throw new Error(JSON.stringify(verdict));
    return verdict;
  }, says: counted },
  { name: "manifests of models", of: jsonOf, tooMuch: small, take: (sent) => {
    const model = readManifest(bytesOf(sent), "x");
    if (model === undefined) throw new Error("none");
    return model;
  } },
  { name: "rows of backups", of: (shape, count) => `["key",${jsonOf(shape, count)}]\n`, tooMuch: { ...document, deep: 2_000_000, longKey: 2_000_000 }, take: (sent) => decodeRows(bytesOf(sent)) },
  { name: "keys that backups carry", of: (shape, count) => `{"form":"plexus keys 1","ring":${jsonOf(shape, count)}}`, tooMuch: document, take: (sent) => demanded(readBackupKeys(bytesOf(sent))) },
  { name: "lists of threats", of: (shape, count) => `{"objects":${jsonOf(shape, count)}}`, tooMuch: document, take: (sent) => readIndicators(textOf(sent), 0) },
]; // prettier-ignore

const inner = {
  deep: wireLimits.innerDepthMax + 1,
  wide: wireLimits.innerContainersMax + 1,
  objects: wireLimits.innerContainersMax + 1,
  values: wireLimits.innerValuesMax + 1,
  longKey: wireLimits.documentKeyBytesMax + 1,
};
const argumentsWith = (shape: Shape, count: number): string => `{"a":${jsonOf(shape, count)}}`;
const callWith = (text: string) => ({ id: "1", name: "t", arguments: text });
/** What becomes of it: arguments that are none are an empty object. */
const notEmpty = (value: object): unknown => {
  if (Object.keys(value).length === 0) throw new Error("none");
  return value;
};
/** JSON within a text of JSON: who counted what is around it saw one text. */
const innerTakes: readonly Pick<Door, "name" | "take">[] = [
  {
    name: "schemas as a text",
    take: (sent) => demanded(readForm({ ok: true, value: undefined }, { guided_json: textOf(sent) })),
  },
  { name: "arguments of earlier calls", take: (sent) => demanded(readCall("", callWith(textOf(sent)))) },
  { name: "arguments to be sent", take: (sent) => notEmpty(writtenArguments(textOf(sent))) },
  { name: "arguments to be looked into", take: (sent) => notEmpty(parsedArguments(textOf(sent))) },
  { name: "arguments for other servers", take: (sent) => notEmpty(argumentsOf(callWith(textOf(sent)))) },
  {
    name: "arguments that a model wrote",
    take: (sent) => {
      const faults = faultsOfJson({ ...understand(true), document: true, strict: false }, textOf(sent));
      if (faults === undefined) throw new Error("no JSON");
      return faults;
    },
  },
  {
    name: "arguments that votes are about",
    take: (sent) => {
      const text = textOf(sent);
      // What is not understood is voted for as it is written.
      if (ballotOf({ parts: [{ text: "", tokens: 0, calls: [callWith(text)] }] }).includes(JSON.stringify(text)))
        throw new Error("none");
      return text;
    },
  },
  {
    name: "arguments for the echo",
    take: (sent) => {
      const tools = [{ name: "t", parameters: {} }];
      const content = `call t ${textOf(sent)}`;
      const said = replyTo({
        id: "x",
        model: "m",
        messages: [{ role: "user", content }],
        sampling: {},
        timeoutMs: 1,
        tools,
      });
      if (said.calls[0]?.arguments !== textOf(sent)) throw new Error("none");
      return said;
    },
  },
];
const innerDoors = innerTakes.map((door): Door => ({ ...door, of: argumentsWith, tooMuch: inner }));

/** Frees what nothing holds, and says what is left. */
function heapBytes(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

/** Does something, and gives the longest JSON that was parsed for it. */
function parsedChars(work: () => void): number {
  const parse = JSON.parse.bind(JSON);
  let chars = 0;
  JSON.parse = ((text: string, ...more: []) => {
    chars = Math.max(chars, text.length);
    return parse(text, ...more) as unknown;
  }) as typeof JSON.parse;
  try {
    work();
  } finally {
    JSON.parse = parse;
  }
  return chars;
}

describe("fuzz: doors for structured data of strangers", () => {
  for (const { name, of, tooMuch, take, says } of [...doors, ...innerDoors])
    it(`${name}: what is made of too much is refused, and nothing of it stays`, () => {
      const asked = shapes.filter((shape) => tooMuch[shape] !== undefined);
      const storm = (): void => {
        for (const shape of asked) {
          const sent = of(shape, tooMuch[shape] as number);
          const refused = () => expect(() => take(sent), `${name}: ${shape}`).to.throw(Error, says ?? /./);
          expect(parsedChars(refused), `${name}: ${shape} is parsed`).to.equal(0);
        }
      };
      storm();
      const before = heapBytes();
      for (let round = 0; round < 2; round += 1) storm();
      expect(heapBytes() / before, name).to.be.lessThan(1.1);
    });

  it("whatever the shape is, each takes it or refuses it by an error of its own", () => {
    const one = fc.constantFrom(...shapes);
    fc.assert(
      fc.property(fc.constantFrom(...doors, ...innerDoors), one, fc.integer({ min: 0, max: 3_000 }), fc.nat(64), ({ of, take }, shape, count, cut) => {
        const sent = bytesOf(of(shape, count));
        const part = cut === 0 ? sent : sent.subarray(0, Math.floor((sent.length * cut) / 64));
        try {
          take(part);
        } catch (thrown) {
          expect(thrown).to.be.instanceOf(Error);
          expect((thrown as Error).name, String(thrown)).to.not.equal("TypeError");
        }
      }),
      { numRuns: 400, seed: 20_261 },
    );
  }); // prettier-ignore

  describe("at a gateway, and of what a node asks", () => {
    let fixture: Fixture;
    let server: Server;
    let body = "";
    before(async () => {
      fixture = await startFixture();
      server = createServer((_request, response) => response.end(body));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    });
    after(async () => {
      await fixture.stop();
      server.closeAllConnections();
      server.close();
    });

    it("forms with files: the parts are counted before any is made", async () => {
      const { token } = await fixture.signUp("ada");
      const send = async (parts: number): Promise<{ readonly status: number; readonly said: string }> => {
        const part = '--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n';
        const headers = { authorization: `Bearer ${token}`, "content-type": 'multipart/form-data; boundary="x"' };
        const answer = await fetch(`${fixture.url}/v1/audio/transcriptions`, {
          method: "POST",
          headers,
          body: `\r\n${part.repeat(parts)}--x--\r\n`,
        });
        return { status: answer.status, said: await answer.text() };
      };
      const { formPartsMax } = gatewayLimits;
      const many = await send(50_000);
      expect([many.status, many.said.includes(`${formPartsMax}`)], many.said).to.deep.equal([413, true]);
      expect((await send(formPartsMax + 1)).status).to.equal(413);
      expect((await send(formPartsMax)).status, "is a form, without a file").to.equal(400);
    });

    it("forms of servers of identities have few fields", async () => {
      const form = Array.from({ length: 20_000 }, (_none, at) => `k${at}=1`).join("&");
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const answer = await fetch(`${fixture.url}/api/v1/sign-in/back/x`, { method: "POST", headers, body: form });
      expect(answer.status).to.equal(400);
    });

    it("answers of a registry of services", async () => {
      const { port } = server.address() as AddressInfo;
      const found = (said: string) => {
        body = said;
        return findByConsul({ url: `http://127.0.0.1:${port}` }).then(
          () => "found",
          (error: { readonly failure?: { readonly code: string } }) => error.failure?.code,
        );
      };
      expect(await found("{}")).to.equal("found");
      expect(await found(jsonOf("deep", documentDepthMax + 1))).to.equal("PROVIDER_FAILED");
      expect(await found(jsonOf("longKey", documentKeyBytesMax + 1))).to.equal("PROVIDER_FAILED");
      expect(await found(jsonOf("wide", documentContainersMax + 1))).to.equal("PROVIDER_FAILED");
    });
  });
});

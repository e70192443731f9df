import { expect } from "chai";
import fc from "fast-check";
import type { TSchema } from "typebox";
import { Value } from "typebox/value";
import {
  actorId,
  assert,
  awayNode,
  clientCommands,
  clientFrame,
  contained,
  decode,
  encode,
  encodedBytesMax,
  errorTable,
  failure,
  failureOf,
  givenUp,
  hash32,
  isKey,
  parseActorId,
  PlexusError,
  roles,
  roomCommands,
  schema,
  signUp,
  slotCount,
  slotOf,
  unreachable,
  wireLimits,
} from "../../../protocols/index.ts";
import { anyCharacter } from "../../fixtures/any-character.ts";
import { brokenBy } from "../../fixtures/broken.ts";
import { stepsOf } from "../../fixtures/steps.ts";

describe("ids", () => {
  const key = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,95}$/);
  const kind = fc.stringMatching(/^[a-z][a-z-]{0,31}$/);

  it("are read back as they were joined", () => {
    fc.assert(
      fc.property(kind, key, (kind, key) => {
        expect(parseActorId(actorId(kind, key))).to.deep.equal({ kind, key });
      }),
    );
  });

  it("from any text are an actor or nothing, and what is an actor joins to the same text", () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        const id = parseActorId(text);
        if (id !== undefined) expect(actorId(id.kind, id.key)).to.equal(text);
      }),
    );
  });

  it("refuse what could be a path, a case, a space or a second slash", () => {
    for (const text of ["", "room", "room/", "/lobby", "Room/lobby", "room/Lobby", "room/a b", "room/a/b", "room/../x"])
      expect(parseActorId(text), text).to.equal(undefined);
    expect(isKey("a".repeat(96))).to.equal(true);
    expect(isKey("a".repeat(97))).to.equal(false);
    expect(() => contained(() => actorId("room", "Lobby"))).to.throw("broken invariant");
  });

  it("give every actor one slot of its role, for ever", () => {
    // Written down because a change would strand what is stored.
    expect(slotOf("chat", "room/lobby")).to.equal(`chat/${hash32("room/lobby") % slotCount}`);
    expect(["room/lobby", "user/ada", ""].map(hash32)).to.deep.equal([3018411569, 154921040, 2872998923]);
    fc.assert(
      fc.property(fc.constantFrom(...roles), key, (role, key) => {
        const [name, number] = slotOf(role, `room/${key}`).split("/");
        expect(name).to.equal(role);
        expect(Number(number)).to.be.within(0, slotCount - 1);
      }),
    );
  });

  it("spread evenly over the slots", () => {
    const counts = Array.from({ length: slotCount }, () => 0);
    for (let index = 0; index < slotCount * 100; index += 1) {
      const slot = Number(slotOf("chat", `room/r${index}`).split("/")[1]);
      counts[slot] = (counts[slot] ?? 0) + 1;
    }
    // Mean 100, standard deviation 10: five of them either way.
    expect(Math.min(...counts)).to.be.above(50);
    expect(Math.max(...counts)).to.be.below(150);
  });
});

describe("errors", () => {
  it("say what is known, which status carries them, and what to do", () => {
    for (const [code, row] of Object.entries(errorTable)) {
      expect(code).to.match(/^[A-Z]+(_[A-Z]+)*$/);
      expect(["not_started", "failed", "unknown"]).to.include(row.outcome);
      expect(row.http).to.be.within(400, 599);
      expect(row.help).to.match(/^[A-Z].+[.?]$/);
    }
  });

  it("carry details only when there are some", () => {
    expect(failure("NOT_FOUND")).to.deep.equal({
      code: "NOT_FOUND",
      outcome: "failed",
      message: errorTable.NOT_FOUND.help,
    });
    expect(failure("NOT_FOUND", { room: "x" }).details).to.deep.equal({ room: "x" });
  });

  it("name the node that a command waits for only where it does", () => {
    const away = failure("SLOT_UNAVAILABLE", { node: "two", reason: "the node that has it is down" });
    expect(awayNode(away)).to.equal("two");
    expect(awayNode(failure("ASK_TIMEOUT", { because: "SLOT_UNAVAILABLE", node: "two" }))).to.equal("two");
    const others = [
      failure("SLOT_UNAVAILABLE"),
      failure("ASK_TIMEOUT", { node: "two" }),
      failure("PEER_LOST", { node: "two" }),
    ];
    for (const other of others) expect(awayNode(other)).to.equal(undefined);
  });

  it("say of a command that is given up that nothing was done only when no sending of it may have done it", () => {
    const away = failure("SLOT_UNAVAILABLE", { node: "two", reason: "the node that has it is down" });
    expect(givenUp(undefined, false)).to.deep.equal(failure("ASK_TIMEOUT"));
    expect(givenUp(away, false)).to.equal(away);
    expect(givenUp(away, true)).to.deep.equal(failure("ASK_TIMEOUT", { because: "SLOT_UNAVAILABLE", node: "two" }));
    const final = failure("NOT_A_MEMBER");
    expect(givenUp(final, true), "whoever has the actor knows its operations").to.equal(final);
  });

  it("are found in what was thrown, and anything else is INTERNAL", () => {
    const carried = failure("MAILBOX_FULL", { actor: "room/x" });
    const thrown = new PlexusError(carried, new Error("cause"));
    expect(failureOf(thrown)).to.equal(carried);
    expect(thrown.message).to.match(/^MAILBOX_FULL: .*"room\/x"/);
    for (const other of [new Error("x"), undefined, null, "text", { failure: { code: "toString" } }, { failure: null }])
      expect(failureOf(other).code).to.equal("INTERNAL");
  });
});

describe("broken promises", () => {
  it("throw and name the promise", () => {
    expect(() => contained(() => assert(false, "it holds"))).to.throw("broken invariant: it holds");
    expect(() => assert(true, "it holds")).not.to.throw();
    expect(() => contained(() => unreachable("x" as never))).to.throw('unreachable value "x"');
  });

  it("end the process once broken, whoever catches them, but for what has a supervisor of its own", async () => {
    const swallow = (work: () => void): void => {
      try {
        work();
      } catch {
        // As code does that makes an answer of every error.
      }
    };
    const broken = await brokenBy(async () => {
      swallow(() => assert(false, "one"));
      await Promise.reject(failureOf(undefined)).catch(() => swallow(() => unreachable("two" as never)));
      swallow(() => contained(() => contained(() => assert(false, "three"))));
      swallow(() => contained(() => swallow(() => assert(false, "four"))));
      swallow(() => assert(false, "five"));
    });
    const promises = ["one", 'unreachable value "two"', "five"];
    expect(broken).to.deep.equal(promises.map((promise) => `broken invariant: ${promise}`));
  });
});

/** Headers of a list, a map, a text and bytes, each with a length of four bytes. */
const giants = [0xdd, 0xdf, 0xdb, 0xc6];
const promising = (header: number): Uint8Array => new Uint8Array([header, 0xff, 0xff, 0xff, 0xff]);
const stepsOfGiants = stepsOf(import.meta.url, (header) => {
  try {
    decode(promising(header));
  } catch {
    // It is refused.
  }
});

describe("the codec", () => {
  const plain = fc.jsonValue({ maxDepth: 5 }).filter((value) => !JSON.stringify(value).includes("__proto__"));

  it("gives back every plain value", () => {
    fc.assert(
      fc.property(plain, (value) => {
        // JSON has one zero; msgpack keeps the sign.
        expect(JSON.stringify(decode(encode(value)))).to.equal(JSON.stringify(value));
      }),
    );
  });

  it("gives back bytes, large numbers and any text", () => {
    const bytes = new Uint8Array([0, 255, 1]);
    expect(new Uint8Array(decode(encode(bytes)) as Uint8Array)).to.deep.equal(bytes);
    for (const number of [0, -1, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER, 1e300, 0.1])
      expect(decode(encode(number))).to.equal(number);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 500 }), (text) => {
        expect(decode(encode(text))).to.equal(text);
      }),
    );
  });

  it("tells before how many bytes it makes at most, and seldom many fewer", () => {
    const measure = (value: unknown): void => {
      const bytes = encode(value).length;
      expect(encodedBytesMax(value)).to.be.within(bytes, 9 * bytes);
    };
    for (const value of [null, undefined, true, -1, 2 ** 40, 0.1, "", new Uint8Array(70_000), [], {}]) measure(value);
    fc.assert(fc.property(plain, measure));
    fc.assert(fc.property(fc.string({ unit: anyCharacter, maxLength: 500 }), measure));
    const texts = ["x", "é", "語", "👋"].map((letter) => letter.repeat(100_000));
    expect(texts.map((text) => encodedBytesMax(text) - encode(text).length)).to.deep.equal([0, 0, 0, 200_000]);
  });

  it("writes the same bytes for the same value, whatever was written before", () => {
    const value = { type: "posted", seq: 7, text: "hi" };
    const first = encode(value).slice();
    encode({ other: [1, 2, { posted: true }] });
    expect(encode(value).slice()).to.deep.equal(first);
  });

  it("gives a value or throws for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          decode(bytes);
        } catch (thrown) {
          expect(thrown).to.be.instanceOf(Error);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it("gives a value or throws for whatever was cut off or changed by one bit", () => {
    fc.assert(
      fc.property(plain, fc.nat(), fc.nat(7), (value, at, bit) => {
        const bytes = encode(value).slice();
        for (const damaged of [bytes.subarray(0, at % bytes.length), flip(bytes, at % bytes.length, bit)])
          try {
            decode(damaged);
          } catch (thrown) {
            expect(thrown).to.be.instanceOf(Error);
          }
      }),
    );
  });

  it("gives no BigInt, which JSON and sums throw at: the nearest number, or nothing", () => {
    const eight = "ffffffffffffffff";
    expect(decode(Buffer.from(`cf${eight}`, "hex"))).to.equal(2 ** 64);
    expect(decode(Buffer.from(`d3${eight}`, "hex"))).to.equal(-1);
    // An extension, and typed arrays of them.
    for (const bytes of [`d742${eight}`, `c7097409${eight}`, `c709740a${eight}`])
      expect(() => decode(Buffer.from(bytes, "hex")), bytes).to.throw();
  });

  it("gives nothing that msgpackr reads beyond plain data, cycles least of all", () => {
    // An array that holds itself; a Set; a RegExp; an Error; a Date.
    for (const bytes of [
      "d66900000001" + "91" + "d67000000001",
      "d473009101",
      "d4780092a161a0",
      "d4650092a161a162",
      "d6ff00000000",
    ])
      expect(() => decode(Buffer.from(bytes, "hex")), bytes).to.throw("is not plain data");
    expect(decode(encode([undefined]))).to.deep.equal([undefined]);
  });

  describe("given what is nested deep", () => {
    const arrays = (depth: number): Uint8Array => Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.from([1])]);
    const objects = (depth: number): Uint8Array =>
      Buffer.concat([Buffer.from("81a161".repeat(depth), "hex"), Buffer.from([1])]);
    const { peerMessageDepthMax } = wireLimits;

    it("reads it, or throws", () => {
      for (const nested of [arrays, objects]) {
        expect(encode(decode(nested(peerMessageDepthMax))).length).to.be.greaterThan(peerMessageDepthMax);
        expect(() => decode(nested(1_000_000))).to.throw(RangeError);
      }
    });

    it("tells before that a peer would not take it", () => {
      for (const nested of [arrays, objects]) {
        expect(encodedBytesMax(decode(nested(peerMessageDepthMax)))).to.be.below(Infinity);
        expect(encodedBytesMax(decode(nested(peerMessageDepthMax + 1)))).to.equal(Infinity);
      }
    });
  });

  it("is not made to build a giant by a header that promises one", async () => {
    for (const header of giants) expect(() => decode(promising(header)), String(header)).to.throw();
    for (const steps of await stepsOfGiants(...giants)) expect(steps).to.be.within(1, 100);
  });
});

const flip = (bytes: Uint8Array, at: number, bit: number): Uint8Array =>
  bytes.map((byte, index) => (index === at ? byte ^ (1 << bit) : byte));

describe("schemas", () => {
  const fits = (table: TSchema, value: unknown): boolean => Value.Check(table, value);

  it("refuse fields nobody knows", () => {
    expect(fits(roomCommands.post.params, { text: "hi" })).to.equal(true);
    expect(fits(roomCommands.post.params, { text: "hi", admin: true })).to.equal(false);
    expect(fits(roomCommands.join.params, {})).to.equal(true);
    expect(fits(roomCommands.join.params, { a: 1 })).to.equal(false);
  });

  it("bound every text and every list", () => {
    expect(fits(roomCommands.edit.params, { seq: 1, text: "" })).to.equal(false);
    const ids = (count: number) => Array.from({ length: count }, (_, of) => `${String(of).padStart(20, "0")}.lobby`);
    const { filesPerMessageMax } = wireLimits;
    expect(fits(roomCommands.post.params, { text: "", files: ids(filesPerMessageMax) })).to.equal(true);
    expect(fits(roomCommands.post.params, { text: "", files: ids(filesPerMessageMax + 1) })).to.equal(false);
    expect(fits(roomCommands.post.params, { text: "", files: [ids(1)[0], ids(1)[0]] })).to.equal(false);
    expect(fits(roomCommands.post.params, { text: "x".repeat(wireLimits.messageCharsMax) })).to.equal(true);
    expect(fits(roomCommands.post.params, { text: "x".repeat(wireLimits.messageCharsMax + 1) })).to.equal(false);
    for (const { kind, name, row } of clientCommands)
      for (const [field, inner] of Object.entries(row.params.properties as Readonly<Record<string, Bounded>>))
        expectBounded(`${kind}.${name}.${field}`, inner);
  });

  it("take names that fit into an address and no others", () => {
    for (const name of ["ada", "a", "0x", "a_b-c"]) expect(fits(schema.userName, name), name).to.equal(true);
    for (const name of ["", "Ada", "a.b", "a/b", "-a", "a".repeat(33), "ä"])
      expect(fits(schema.userName, name), name).to.equal(false);
    expect(fits(schema.principal, "agent/ada.helper")).to.equal(true);
    for (const name of ["ada", "room/x", "user/", "user/a/b"]) expect(fits(schema.principal, name)).to.equal(false);
  });

  it("want a password worth the name at sign-up", () => {
    expect(fits(signUp, { name: "ada", password: "x".repeat(wireLimits.passwordCharsMin) })).to.equal(true);
    expect(fits(signUp, { name: "ada", password: "short" })).to.equal(false);
    expect(fits(signUp, { name: "a.b", password: "long enough" })).to.equal(false);
  });

  it("keep what is for actors and the gateway out of a client's reach", () => {
    const open = clientCommands.map(({ kind, name }) => `${kind}.${name}`);
    for (const name of [
      "user.create",
      "user.openSession",
      "user.setPassword",
      "agent.mentioned",
      "agent.create",
      "agent.delete",
      "room.draft",
      "room.resume",
    ])
      expect(open).not.to.include(name);
  });

  it("check the frame around a command", () => {
    expect(fits(clientFrame, { id: 1, do: "room.post", to: "lobby", with: { text: "x" }, operationId: "k" })).to.equal(
      true,
    );
    for (const wrong of [{}, { id: -1, do: "x" }, { id: 1 }, { id: 1, do: "" }, { id: 1, do: "x", operationId: "a b" }])
      expect(fits(clientFrame, wrong)).to.equal(false);
  });

  it("give an answer for any value", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(fits(clientFrame, value)).to.be.a("boolean");
        expect(fits(roomCommands.post.params, value)).to.be.a("boolean");
      }),
    );
  });
});

interface Bounded {
  readonly type?: string;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
}

function expectBounded(name: string, field: Bounded): void {
  // A pattern of so many signs bounds a text as well.
  const isCounted = field.pattern?.includes("{0,") === true || /^\^\[[^\]]+\]\{\d+\}\$$/.test(field.pattern ?? "");
  if (field.type === "string") expect(field.maxLength ?? (isCounted ? 1 : undefined), name).to.be.a("number");
  if (field.type === "array") expect(field.maxItems, name).to.be.a("number");
}

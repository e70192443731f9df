import { expect } from "chai";
import fc from "fast-check";
import { jsonExcess, JsonMeter, type JsonBounds } from "../../../protocols/wire/json-meter.ts";
import { checkOf } from "../../../protocols/wire/check.ts";
import { Type } from "typebox";

const wide: JsonBounds = {
  depthMax: 1_000,
  valuesMax: 1_000_000,
  containersMax: 1_000_000,
  keysMax: 1_000_000,
  keyBytesMax: 1_000_000,
};

interface Counted {
  values: number;
  containers: number;
  depth: number;
  keys: number;
  keyBytes: number;
}

/** The same counts, of a value. */
function countsOf(
  value: unknown,
  depth = 0,
  counted: Counted = { values: 0, containers: 0, depth: 0, keys: 0, keyBytes: 0 },
): Counted {
  counted.values += 1;
  if (typeof value !== "object" || value === null) return counted;
  counted.containers += 1;
  counted.depth = Math.max(counted.depth, depth + 1);
  for (const [key, one] of Object.entries(value)) {
    if (!Array.isArray(value)) {
      counted.values += 1;
      counted.keys += 1;
      counted.keyBytes = Math.max(counted.keyBytes, Buffer.byteLength(JSON.stringify(key)) - 2);
    }
    countsOf(one, depth + 1, counted);
  }
  return counted;
}

describe("the count of JSON before it is parsed", () => {
  it("is that of the value, whatever is in its texts, and however its bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.jsonValue({
          maxDepth: 6,
          stringUnit: fc.constantFrom("a", '"', "\\", "[", "{", ",", ":", "ü", "1", "long ".repeat(30)),
        }),
        fc.boolean(),
        fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 8 }),
        (value, isSpaced, cuts) => {
          const bytes = Buffer.from(JSON.stringify(value, null, isSpaced ? 2 : 0));
          const counted = countsOf(value);
          const excess = (bounds: JsonBounds): string | undefined => {
            const meter = new JsonMeter(bounds);
            for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
              const to = at + 1 + cuts[turn % cuts.length]!;
              const found = meter.push(bytes.subarray(at, to));
              if (found !== undefined) return found;
              at = to;
            }
            return undefined;
          };
          const exact: JsonBounds = {
            depthMax: counted.depth,
            valuesMax: counted.values,
            containersMax: counted.containers,
            keysMax: counted.keys,
            keyBytesMax: counted.keyBytes,
          };
          expect(excess(exact), bytes.toString()).to.equal(undefined);
          expect(excess({ ...wide, valuesMax: counted.values - 1 })).to.equal("valuesMax");
          if (counted.containers > 0) {
            expect(excess({ ...wide, containersMax: counted.containers - 1 })).to.equal("containersMax");
            expect(excess({ ...wide, depthMax: counted.depth - 1 })).to.equal("depthMax");
          }
          if (counted.keys > 0) expect(excess({ ...wide, keysMax: counted.keys - 1 })).to.equal("keysMax");
          if (counted.keyBytes > 0)
            expect(excess({ ...wide, keyBytesMax: counted.keyBytes - 1 })).to.equal("keyBytesMax");
        },
      ),
    );
  });

  it("ends at the first byte that is too much", () => {
    const meter = new JsonMeter({ ...wide, valuesMax: 100 });
    expect(meter.push(Buffer.from(`[${"[],".repeat(99)}`))).to.equal(undefined);
    expect(meter.push(Buffer.from("[]"))).to.equal("valuesMax");
  });

  it("takes any bytes, also those that are no JSON", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => new JsonMeter(wide).push(bytes) === undefined));
    expect(jsonExcess("1".repeat(100), { ...wide, valuesMax: 0 })).to.equal("valuesMax");
    expect(jsonExcess("1", { ...wide, valuesMax: 0 })).to.equal("valuesMax");
  });
});

describe("what is wrong with a value", () => {
  const check = checkOf(Type.Object({ first: Type.Array(Type.Object({ a: Type.Integer() })), last: Type.String() }));

  it("is said of its beginning, and takes no longer for a million than for some thousand", () => {
    // Each element is looked at by a getter that counts.
    let looks = 0;
    const element = {
      get a() {
        looks += 1;
        return "no number";
      },
    };
    const value = { first: Array.from({ length: 1_000_000 }, () => element), last: "x" };
    const [error] = check.Errors(value);
    expect(error?.instancePath).to.equal("/first/0/a");
    expect(looks).to.be.lessThan(20_000);
  });

  it("does not call missing what was not looked at", () => {
    const value = { first: Array.from({ length: 10_000 }, () => ({ a: 1 })), last: 1 };
    expect(check.Errors(value).map(({ instancePath }) => instancePath)).to.deep.equal(["/last"]);
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { decode, encode } from "../../../../protocols/index.ts";
import { timeOf } from "../../../../runtimes/backup/cutting.ts";
import { encodeRow } from "../../../../runtimes/backup/format/index.ts";
import { createLineWriter } from "../../../../runtimes/backup/lines.ts";
import { depth } from "../../../depth.ts";
import { anyCharacter } from "../../../fixtures/any-character.ts";

const time = fc.oneof(
  fc.constantFrom(undefined, null, "1", -1, 1.5),
  fc.integer({ min: 0, max: 2 ** 52 }),
  fc.nat(70_000),
);
const key = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom("atMs", "author", "text", "message", "id", "seq", "sequel", "s") },
  fc.string({ unit: anyCharacter }),
  fc.constantFrom("$bytes", "$", "__proto__", "7", "10", "_"),
);
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: anyCharacter }),
    fc.string({ maxLength: 400 }),
    fc.constantFrom('\n"\\\u0001\u001f\u007f', "\u2028 é 👋", "\ud800", "x".repeat(70_000)),
    fc.double(),
    fc.integer(),
    fc.bigInt({ min: 0n, max: 2n ** 53n }).map(Number),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(key, tie("value"), { maxKeys: 20, noNullPrototype: true }),
    fc.record(
      { atMs: time, message: fc.record({ atMs: time, text: fc.string() }, { requiredKeys: [] }) },
      { requiredKeys: [] },
    ),
  ),
})).value;

describe("rows as lines", () => {
  it("are written from the journal's bytes as they are from decoded values, with the times that they name", () => {
    const lines = createLineWriter();
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.oneof(key, fc.constant("message/000000000001")), value)), (rows) => {
        lines.clear();
        const values = rows.map(([, one]) => encode(one));
        // Something lies before and behind: nobody may read beyond a row.
        const all = Buffer.concat([encode(7), ...values, encode({ atMs: 1 })]);
        const names = rows.map(([name]) => Buffer.from(name));
        lines.from(Buffer.concat([Buffer.from('"'), ...names, Buffer.from('"')]), all);
        let [keyAt, at] = [1, 1];
        const times = rows.map((_, n) =>
          lines.write(keyAt, (keyAt += (names[n] as Uint8Array).length), at, (at += (values[n] as Uint8Array).length)),
        );
        const decoded = values.map((one) => decode(one));
        expect(times).to.deep.equal(decoded.map((one) => timeOf(one) ?? NaN));
        expect(lines.bytes.toString()).to.equal(rows.map(([name], n) => encodeRow([name, decoded[n]])).join(""));
      }),
      { numRuns: depth(300, 10_000) },
    );
  });

  it("are refused where the bytes end before the value does, whatever lies behind", () => {
    const lines = createLineWriter();
    const whole = encode({ text: "some words", list: [1, 2, { atMs: 70_000 }], more: new Uint8Array(300) });
    lines.from(Buffer.from("message/1"), Buffer.concat([whole, whole]));
    for (let end = 0; end < whole.length; end += 1) {
      lines.clear();
      expect(() => lines.write(0, 9, 0, end), String(end)).to.throw();
    }
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { failureOf } from "../../../../protocols/index.ts";
import { createLinesReader, createSseReader, type EventReader } from "../../../../runtimes/remote/events.ts";

const seed = 20_261;
const encoder = new TextEncoder();

/** The events of bytes that come in pieces of these lengths, the last one repeated. */
function eventsOf(reader: EventReader, bytes: Uint8Array, lengths: readonly number[]): readonly string[] {
  const events: string[] = [];
  let from = 0;
  for (let piece = 0; from < bytes.length; piece += 1) {
    const length = lengths[Math.min(piece, lengths.length - 1)] ?? bytes.length;
    events.push(...reader.push(bytes.slice(from, from + length)));
    from += length;
  }
  return [...events, ...reader.end()];
}

function codeOf(act: () => unknown): string {
  try {
    act();
  } catch (thrown) {
    return failureOf(thrown).code;
  }
  return "nothing";
}

const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 12 });
const line = fc.string({ unit: "grapheme", maxLength: 20 }).map((text) => text.replaceAll(/[\r\n]/g, " "));
const ends = fc.constantFrom("\n", "\r\n", "\r");

describe("readers of streams", () => {
  it("find the same events, however the bytes are cut", () => {
    const stream = fc.array(
      fc.oneof(
        line.map((text) => `data: ${text}`),
        line.map((text) => `data:${text}`),
        line.map((text) => `: ${text}`),
        line.map((text) => `event: ${text}`),
        line,
        fc.constant(""),
        fc.constant("data"),
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(stream, fc.array(ends, { minLength: 1, maxLength: 12 }), lengths, (lines, lineEnds, cut) => {
        const text = lines.map((one, index) => one + lineEnds[index % lineEnds.length]!).join("");
        const bytes = encoder.encode(text);
        for (const create of [createSseReader, createLinesReader])
          expect(eventsOf(create(), bytes, cut)).to.deep.equal(eventsOf(create(), bytes, [bytes.length]));
      }),
      { seed, numRuns: 300 },
    );
  });

  it("give back what was written, whatever the text and the cut", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), ends, lengths, (values, end, cut) => {
        const texts = values.map((value) => JSON.stringify(value));
        const asSse = encoder.encode(`\uFEFF${texts.map((text) => `data: ${text}${end}${end}`).join("")}`);
        const asLines = encoder.encode(texts.join(end));
        expect(eventsOf(createSseReader(), asSse, cut)).to.deep.equal(texts);
        expect(eventsOf(createLinesReader(), asLines, cut)).to.deep.equal(texts);
      }),
      { seed, numRuns: 300 },
    );
  });

  it("take any bytes: events, or one typed refusal", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), lengths, (bytes, cut) => {
        for (const create of [createSseReader, createLinesReader])
          expect(codeOf(() => eventsOf(create(), bytes, cut))).to.be.oneOf(["nothing", "PROVIDER_FAILED"]);
      }),
      { seed, numRuns: 500 },
    );
  });

  it("join the lines of an event's data, and leave out what no empty line ends", () => {
    const text = "data: a\ndata:b\nid: 1\n\nevent: x\n\ndata\n\ndata: cut";
    expect(eventsOf(createSseReader(), encoder.encode(text), [3])).to.deep.equal(["a\nb", ""]);
  });

  it("refuse half a character and a line without end", () => {
    expect(codeOf(() => eventsOf(createSseReader(), Uint8Array.of(0x64, 0xf0, 0x9f, 10), [1]))).to.equal(
      "PROVIDER_FAILED",
    );
    const endless = createLinesReader();
    const piece = new Uint8Array(1024 * 1024).fill(0x61);
    expect(codeOf(() => Array.from({ length: 5 }, () => endless.push(piece)))).to.equal("PROVIDER_FAILED");
    const wide = createSseReader();
    const data = encoder.encode(`data: ${"x".repeat(1024 * 1024)}\n`);
    expect(codeOf(() => Array.from({ length: 5 }, () => wide.push(data)))).to.equal("PROVIDER_FAILED");
  });
});

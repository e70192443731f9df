import { expect } from "chai";
import fc from "fast-check";
import { framesOf, frameHeaderBytes, FrameReader } from "../../../../node/cluster/mesh/frames.ts";
import {
  judge,
  meshVersion,
  readControl,
  speaksWith,
  type Introduction,
} from "../../../../node/cluster/mesh/handshake.ts";

const payloadBytesMax = 64;

/** Reads chunks one after the other; undefined when they are no frames. */
function readAll(chunks: readonly Uint8Array[]): Uint8Array[] | undefined {
  const reader = new FrameReader(payloadBytesMax);
  const payloads: Uint8Array[] = [];
  for (const chunk of chunks) {
    const wellFormed = reader.read(chunk, (payload) => {
      payloads.push(payload.slice());
      return true;
    });
    if (!wellFormed) return undefined;
  }
  return payloads;
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)];
}

const payloads = fc.array(fc.uint8Array({ minLength: 1, maxLength: payloadBytesMax }), { maxLength: 20 });

describe("frames", () => {
  it("come out as they went in, however the bytes are cut", () => {
    fc.assert(
      fc.property(payloads, fc.array(fc.nat({ max: 40 }), { maxLength: 60 }), (written, sizes) => {
        const totalBytes = written.reduce((sum, payload) => sum + frameHeaderBytes + payload.length, 0);
        const read = readAll(cut(framesOf(written, totalBytes), sizes));
        expect(read?.map((payload) => [...payload])).to.deep.equal(written.map((payload) => [...payload]));
      }),
    );
  });

  it("are never longer than allowed and never empty, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat({ max: 20 })), (bytes, sizes) => {
        for (const payload of readAll(cut(bytes, sizes)) ?? []) expect(payload.length).to.be.within(1, payloadBytesMax);
      }),
    );
  });

  it("stop when the reader says so", () => {
    const two = framesOf([new Uint8Array([1]), new Uint8Array([2])], 10);
    const seen: number[] = [];
    new FrameReader(payloadBytesMax).read(two, (payload) => {
      seen.push(payload[0] ?? 0);
      return false;
    });
    expect(seen).to.deep.equal([1]);
  });
});

describe("the handshake", () => {
  const ours: Introduction = {
    version: { major: 1, minor: 4 },
    cluster: "one",
    node: "a",
    incarnation: 1,
    slotCount: 256,
  };
  const member = { node: "b", peer: "peer-b" };
  const theirs = { ...ours, node: "b" };
  const codeOf = (changed: Partial<Introduction>): string => {
    const verdict = judge(ours, { ...theirs, ...changed }, member);
    return verdict.ok ? "ok" : verdict.error.code;
  };

  it("takes a member of the same cluster", () => {
    expect(codeOf({})).to.equal("ok");
    expect(codeOf({ incarnation: 9 })).to.equal("ok");
  });

  it("refuses what does not belong together, each with its reason", () => {
    expect(codeOf({ version: { major: 2, minor: 4 } })).to.equal("VERSION_UNSUPPORTED");
    expect(codeOf({ version: { major: 1, minor: 6 } })).to.equal("VERSION_UNSUPPORTED");
    expect(codeOf({ slotCount: 128 })).to.equal("VERSION_UNSUPPORTED");
    expect(codeOf({ cluster: "two" })).to.equal("NOT_A_PEER");
    expect(codeOf({ node: "c" })).to.equal("NOT_A_PEER");
    const unknown = judge(ours, theirs, undefined);
    expect(unknown.ok ? "ok" : unknown.error.code).to.equal("NOT_A_PEER");
  });

  it("is of one mind on both sides about versions", () => {
    const version = fc.record({ major: fc.nat({ max: 3 }), minor: fc.nat({ max: 5 }) });
    fc.assert(
      fc.property(version, version, (one, other) => {
        expect(speaksWith(one, other)).to.equal(speaksWith(other, one));
        expect(speaksWith(one, one)).to.equal(true);
      }),
    );
  });

  it("reads product versions, and nothing else", () => {
    expect(meshVersion("1.4.0")).to.deep.equal({ ok: true, value: { major: 1, minor: 4 } });
    expect(meshVersion("0.12.3-beta.1")).to.deep.equal({ ok: true, value: { major: 0, minor: 12 } });
    for (const text of ["", "1", "v1.2.3", "1.x", "one.two.three"]) expect(meshVersion(text).ok).to.equal(false);
  });

  it("reads a control frame or none, whatever a peer sends", () => {
    const anything = fc.anything({ withBigInt: true, withTypedArray: true });
    fc.assert(
      fc.property(fc.oneof(anything, fc.array(anything), fc.tuple(fc.nat({ max: 9 }), anything, anything)), (value) => {
        const frame = readControl(value);
        if (frame?.kind === "credit") expect(frame.bytes).to.be.at.least(0);
        if (frame?.kind === "hello") expect(frame.hello.link).to.match(/^[0-9a-f]{32}$/);
      }),
    );
  });

  it("takes a hello with fields of a later version", () => {
    const hello = { ...theirs, link: "0".repeat(32), sparkles: true };
    expect(readControl([4, hello])?.kind).to.equal("hello");
  });
});

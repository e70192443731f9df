import { generateKeyPairSync } from "node:crypto";
import { expect } from "chai";
import { sealEnvelope } from "../../../cli/release/index.ts";
import { openEnvelope } from "../../../cli/release/envelope.ts";

describe("the envelope of a release", () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");

  it("is signed for its type and body together, and by the key whatever name it has in the envelope", () => {
    const sealed = sealEnvelope(Buffer.from("{}"), privateKey);
    expect(openEnvelope(JSON.stringify(sealed), publicKey)?.toString()).to.equal("{}");
    const open = (change: object) => openEnvelope(JSON.stringify({ ...sealed, ...change }), publicKey);
    expect(open({ payloadType: "text/plain" })).to.equal(undefined);
    expect(open({ payload: Buffer.from("[]").toString("base64") })).to.equal(undefined);
    expect(open({ signatures: [] })).to.equal(undefined);
    expect(open({ signatures: [null, { keyid: "another", sig: sealed.signatures[0]!.sig }] })?.toString()).to.equal(
      "{}",
    );
    const others = generateKeyPairSync("ed25519");
    const forged = sealEnvelope(Buffer.from("{}"), others.privateKey);
    expect(openEnvelope(JSON.stringify(forged), publicKey), "signed by another key").to.equal(undefined);
    expect(openEnvelope(JSON.stringify(forged), others.publicKey)?.toString()).to.equal("{}");
    const renamed = forged.signatures.map(({ sig }) => ({ keyid: sealed.signatures[0]!.keyid, sig }));
    expect(open({ signatures: renamed }), "under the name of the right key").to.equal(undefined);
    for (const text of ["", "{}", "[]", "null", JSON.stringify({ ...sealed, payload: 7 })])
      expect(openEnvelope(text, publicKey), text).to.equal(undefined);
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
    expect(() => sealEnvelope(Buffer.from("{}"), rsa.privateKey)).to.throw("not ed25519");
  });
});

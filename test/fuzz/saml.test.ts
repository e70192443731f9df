import { expect } from "chai";
import fc from "fast-check";
import { saml } from "../../node/identity/saml.ts";
import { tagsOf } from "../../node/identity/xml.ts";
import { createRandom } from "../../node/platform/index.ts";
import { anyCharacter } from "../fixtures/any-character.ts";
import { makeCertificate } from "../fixtures/certificates.ts";
import { entryPoint, issuer, requestOf, samlServer } from "../unit/identity/saml-server.ts";

/** Fixed, so that a failure here is a failure everywhere. */
const runs = (numRuns: number) => ({ numRuns, seed: 20_260 });
const clientId = "https://chat.example.org/saml";
const back = "https://chat.example.org/api/v1/sign-in/back/company";

describe("fuzz: SAML", () => {
  it("reads any text as tags or says what is wrong with it", () => {
    const piece = fc.constantFrom("<a>", "</a>", "<a b='", "'", '"', "<", ">", "/>", "<!--", "-->", "<?xml ", "?>", "&#x41;", "&amp;", "=", " ", "x", "<b:c d=\"e\"/>", "\u0000"); // prettier-ignore
    const text = fc.oneof(
      fc.string({ unit: anyCharacter, maxLength: 200 }),
      fc.array(piece, { maxLength: 40 }).map((all) => all.join("")),
    );
    fc.assert(
      fc.property(text, (said) => {
        const tags = tagsOf(said);
        if (typeof tags !== "string") expect(tags.length).to.be.above(0);
      }),
      runs(2_000),
    );
  });

  it("takes a signed answer that was changed anywhere for none, or for what was signed", async () => {
    const certificate = makeCertificate("idp", Date.now());
    const idp = samlServer({ certificate, clientId, back });
    const random = createRandom();
    const ports = { fetch, nowMs: () => Date.now(), random: (bytes: number) => random.bytes(bytes) };
    const server = { kind: "saml" as const, issuer, clientId, entryPoint, certificates: [certificate.pem] };
    const settings = { name: "company", label: "Company", server, groupClaim: "groups", wantsGroups: true };
    const signed = async () => {
      const provider = saml(settings, ports);
      const begun = await provider.begin({ back, state: "s", again: false });
      if (!begun.ok) throw new Error(begun.error.code);
      const { id } = requestOf(begun.value.url);
      const form = await idp.respond({ inResponseTo: id, attributes: { groups: ["dev"] } });
      return { provider, kept: begun.value.kept, xml: Buffer.from(form, "base64").toString() };
    };
    const { xml: shape } = await signed();
    const at = fc.nat(shape.length - 1);
    const put = fc.constantFrom("", "x", "<", ">", '"', " ", "&amp;", "</saml:NameID>", "<saml:NameID>eve-1</saml:NameID>", "<saml:Attribute Name=\"groups\"><saml:AttributeValue>root</saml:AttributeValue></saml:Attribute>");
    await fc.assert(
      fc.asyncProperty(at, fc.integer({ min: 0, max: 400 }), put, at, fc.boolean(), async (place, length, text, from, copies) => {
        const { provider, kept, xml } = await signed();
        // A piece is cut out and replaced, by a text or by another piece of the answer.
        const piece = copies ? xml.slice(from, from + length) : text;
        const changed = xml.slice(0, place) + piece + xml.slice(place + (copies ? 0 : length));
        const form = { SAMLResponse: Buffer.from(changed).toString("base64"), RelayState: "s" };
        const claims = await provider.finish({ url: new URL(back), form, back, state: "s", again: false }, kept);
        if (claims.ok) expect(claims.value).to.deep.include({ subject: "ada-1", issuer, groups: ["dev"] });
        else expect(claims.error.code).to.equal("IDENTITY_REFUSED");
      }),
      runs(150),
    );
  }); // prettier-ignore
});

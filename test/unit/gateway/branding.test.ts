import { expect } from "chai";
import fc from "fast-check";
import { contrast, contrastMin, coloursOf } from "../../../protocols/index.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";

/** The smallest PNG there is: one pixel. */
const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("colours of a cluster", () => {
  it("can be read in both looks and under white text, whatever is chosen", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffff }), (number) => {
        const { light, dark, filled } = coloursOf(`#${number.toString(16).padStart(6, "0")}`);
        expect(contrast(light, "#f3f4f8")).to.be.at.least(contrastMin);
        expect(contrast(dark, "#20242c")).to.be.at.least(contrastMin);
        expect(contrast(filled, "#ffffff")).to.be.at.least(contrastMin);
      }),
    );
    expect(coloursOf("#4f46e5").filled).to.equal("#4f46e5");
    expect(contrast("#000000", "#ffffff")).to.be.closeTo(21, 0.01);
  });
});

describe("gateway: branding", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture();
  });
  after(() => fixture.stop());

  const set = (body: object, token = controlToken) => fixture.request("PUT", "/api/v1/admin/branding", { body, token });
  const look = async () => (await fixture.request("GET", "/api/v1/branding", {})).body;

  it("is set by admins, seen by everybody, and goes back", async () => {
    expect(await look()).to.deep.equal({});
    const { status, body } = await set({ name: "Acme", colour: "#0b6e4f", logo: png });
    expect(status, JSON.stringify(body)).to.equal(200);
    expect(await look()).to.include({ name: "Acme", colour: "#0b6e4f" });
    expect((await set({ colour: null })).body).to.have.keys(["name", "logo"]);
    await fixture.signUp("root");
    const { token } = await fixture.signUp("bob");
    expect((await set({ name: "Evil" }, token)).status).to.be.oneOf([401, 403]);
    expect((await set({ name: null, logo: null })).body).to.deep.equal({});
    expect(await look()).to.deep.equal({});
  });

  it("says by a tag whether it has changed, and serves the logo as the picture that it is", async () => {
    const { body } = await set({ name: "Acme", logo: png });
    const first = await fetch(`${fixture.url}/api/v1/branding`);
    const again = await fetch(`${fixture.url}/api/v1/branding`, {
      headers: { "if-none-match": first.headers.get("etag") ?? "" },
    });
    expect(again.status).to.equal(304);
    const logo = await fetch(`${fixture.url}/api/v1/branding/logo/${String(body.logo)}`);
    expect(logo.headers.get("content-type")).to.equal("image/png");
    expect(logo.headers.get("content-security-policy")).to.include("sandbox");
    expect(logo.headers.get("cache-control")).to.include("immutable");
    expect(Buffer.from(await logo.arrayBuffer()).toString("base64")).to.equal(png);
    expect((await fetch(`${fixture.url}/api/v1/branding/logo/${"0".repeat(64)}`)).status).to.equal(404);
  });

  it("is not overwritten in silence: who has seen an older look is told how it looks now", async () => {
    await set({ name: null, colour: null, logo: null });
    expect((await set({ name: "Acme", seen: {} })).status).to.equal(200);
    expect((await set({ name: "Acme", seen: {} })).status, "its own write, sent again").to.equal(200);
    const late = await set({ name: "Ajax", seen: {} });
    expect([late.status, late.body.error]).to.deep.include(409);
    expect(late.body.error).to.deep.include({ code: "CHANGED_MEANWHILE", details: { now: { name: "Acme" } } });
    expect((await set({ colour: "#0b6e4f", seen: {} })).status, "another part of it").to.equal(200);
    expect((await set({ name: null, colour: null, seen: { name: "Acme", colour: "#0b6e4f" } })).body).to.deep.equal({});
  });

  it("takes no SVG, no page, no half picture, no control characters and no colour that is none", async () => {
    const whole = Buffer.from(png, "base64");
    for (const wish of [
      { logo: base64(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`) },
      { logo: base64("<!doctype html><script>alert(1)</script>") },
      { logo: whole.subarray(0, 40).toString("base64") },
      { logo: Buffer.concat([whole, Buffer.from("<script>")]).toString("base64") },
      { logo: "no base64!" },
      { name: "a\u001b[2J" },
      { name: "a\u202eb" },
      { name: "x".repeat(41) },
      { colour: "red" },
      { colour: "#fff;}body{display:none" },
      { other: 1 },
    ])
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      expect((await set(wish)).status, JSON.stringify(wish)).to.equal(400);
  });
});

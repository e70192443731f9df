import { createHash } from "node:crypto";
import { expect } from "chai";
import { stepsInPiece } from "../../../node/pieces.ts";
import { leakListIn, readLeakList } from "../../../node/gateway/identity/leaked.ts";
import { controlToken, startFixture } from "./fixture.ts";

const sha1 = (text: string): string => createHash("sha1").update(text).digest("hex");

describe("the list of leaked passwords", () => {
  it("is read as passwords or as hashes with counts, and knows its own alone", () => {
    const list = readLeakList(`password1\r\n${sha1("letmein").toUpperCase()}:4711\n\n${sha1("dragon")}\n`);
    expect(list.size).to.equal(3);
    for (const one of ["password1", "letmein", "dragon"]) expect(list.has(one), one).to.equal(true);
    for (const one of ["password2", "", sha1("dragon"), "zzzz"]) expect(list.has(one), one).to.equal(false);
    expect(readLeakList("").has("anything")).to.equal(false);
  });

  it("is read in pieces of so many lines, blank ones among them", () => {
    const piecesOf = (text: string): number => [...leakListIn(text)].length;
    const some = "password\n".repeat(stepsInPiece - 1);
    expect(piecesOf("\n".repeat(10 * stepsInPiece))).to.equal(10);
    expect(piecesOf(`${some}${"\n".repeat(9 * stepsInPiece)}`)).to.equal(10);
  });

  it("keeps such passwords from new accounts, changes and links of admins", async () => {
    const fixture = await startFixture({ leaked: (password) => password === "password1" });
    const { token } = await fixture.signUp("ada");
    const body = { name: "bob", password: "password1" };
    expect((await fixture.request("POST", "/api/v1/sign-up", { body })).body.error.code).to.equal("PASSWORD_LEAKED");
    const change = { current: "correct horse", password: "password1" };
    const changed = await fixture.request("PUT", "/api/v1/me/password", { token, body: change });
    expect(changed.body.error.code).to.equal("PASSWORD_LEAKED");
    const { body: link } = await fixture.request("POST", "/api/v1/admin/users/ada/reset", { token: controlToken });
    const reset = (password: string) =>
      fixture.request("POST", "/api/v1/sign-in/reset", { body: { user: "ada", secret: link.secret, password } });
    expect((await reset("password1")).body.error.code).to.equal("PASSWORD_LEAKED");
    expect(
      (await fixture.request("POST", "/api/v1/sign-in", { body: { name: "ada", password: "correct horse" } })).status,
    ).to.equal(200);
    expect((await reset("another password")).status, "the link is good still").to.equal(200);
    await fixture.stop();
  });
});

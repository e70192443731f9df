import { expect } from "chai";
import { countRequests } from "../../../node/observe/requests.ts";
import { isNamed } from "../../../node/gateway/edge/unchanged.ts";
import { startFixture, type Fixture } from "./fixture.ts";

describe("gateway: answers that a program has already", () => {
  let fixture: Fixture;
  const counts = countRequests({ nowMs: () => 1_000 });
  before(async () => {
    fixture = await startFixture({ counts });
  });
  after(() => fixture.stop());

  const look = (path: string, token: string, known?: string) =>
    fetch(`${fixture.url}/api/v1/${path}`, {
      headers: { authorization: `Bearer ${token}`, ...(known !== undefined && { "if-none-match": known }) },
    });

  it("are named, not sent again, kept by no browser, and counted", async () => {
    const { token } = await fixture.signUp("ada");
    for (const path of ["models", "me"]) {
      const first = await look(path, token);
      expect(first.status, path).to.equal(200);
      expect(first.headers.get("cache-control")).to.equal("no-store");
      const name = first.headers.get("etag") ?? "";
      expect(name, path).to.match(/^W\/"[\w-]{22}"$/);
      const again = await look(path, token, `"other", ${name}`);
      expect(again.status, path).to.equal(304);
      expect(await again.text()).to.equal("");
      expect(again.headers.get("etag")).to.equal(name);
    }
    const told = counts.read({ by: "route", range: "hour", endMs: 2_000 });
    expect(told.find(({ name }) => name === "GET /api/v1/models")).to.include({
      requests: 2,
      unchanged: 1,
      refused: 0,
    });
  });

  it("are sent whole when they differ, and refusals have no name", async () => {
    const { token } = await fixture.signUp("bob");
    const before = (await look("me", token)).headers.get("etag") ?? "";
    await fixture.request("PATCH", "/api/v1/me", { token, body: { displayName: "Bob" } });
    const changed = await look("me", token, before);
    expect(changed.status).to.equal(200);
    expect(changed.headers.get("etag")).to.not.equal(before);
    const refusal = await look("me", "wrong", "*");
    expect(refusal.status).to.equal(401);
    expect(refusal.headers.get("etag")).to.equal(null);
  });

  it("are compared as names, weak or not", () => {
    for (const header of ['W/"a"', '"a"', '"b" , W/"a"', "*"]) expect(isNamed(header, 'W/"a"'), header).to.equal(true);
    for (const header of [undefined, "", "a", '"b"', '"A"']) expect(isNamed(header, 'W/"a"'), header).to.equal(false);
  });
});

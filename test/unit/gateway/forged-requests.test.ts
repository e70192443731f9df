/** Requests that a page of another site has a person's browser send, with their cookie: every changing route of the
 *  interface refuses them, whatever is in them. */
import { expect } from "chai";
import { everyPart } from "./permission-table.ts";
import { startFixture, type Fixture } from "./fixture.ts";

/** What other sites send is what these are for; the secret in their address or form is the proof. */
const forOthers = ["POST /api/v1/mail/unsubscribe/:token", "POST /api/v1/sign-in/back/:provider"];

describe("forged requests", () => {
  let fixture: Fixture;
  let token: string;
  before(async () => {
    fixture = await startFixture({ ...everyPart });
    token = (await fixture.signUp("ada")).token;
  });
  after(() => fixture.stop());

  const changing = () => fixture.gateway.routes().filter(({ method }) => !["GET", "HEAD", "OPTIONS"].includes(method));
  const codeOf = async (
    method: string,
    path: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<readonly [number, string | undefined]> => {
    const url = path.replaceAll(/:\w+|\*/g, "x") as "/";
    const { statusCode, body } = await fixture.app.inject({ method: method as "POST", url, headers });
    return [statusCode, body.includes("page of another site") ? "foreign" : body.slice(0, 200)];
  };

  it("are refused by every route that changes something, with a cookie and without one", async () => {
    const { host } = new URL(fixture.url);
    const foreign: readonly Readonly<Record<string, string>>[] = [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "cross-site", origin: `http://${host}` },
      { "sec-fetch-site": "sAme-origin" },
      { origin: "https://evil.example" },
      { origin: "null" },
      { origin: `http://${host}.evil.example` },
      { origin: `http://evil.example/${host}` },
      { origin: `http://${host}@evil.example` },
      { origin: `ftp://${host}` },
    ];
    const all = changing();
    expect(all.length).to.be.above(100);
    const open: string[] = [];
    for (const { method, path } of all)
      for (const [at, headers] of foreign.entries())
        for (const cookie of at < 2 ? [`plexus_session=${token}`, ""] : [`plexus_session=${token}`]) {
          const answer = await codeOf(method, path, { host, ...headers, ...(cookie !== "" && { cookie }) });
          if (answer[0] !== 403 || answer[1] !== "foreign") open.push(`${method} ${path}`);
        }
    expect([...new Set(open)].toSorted()).to.deep.equal(forOthers);
  });

  it("are told from those of our own pages, of programs, and of the person who typed the address", async () => {
    const { host } = new URL(fixture.url);
    const cookie = `plexus_session=${token}`;
    const own: readonly Readonly<Record<string, string>>[] = [
      { cookie, "sec-fetch-site": "same-origin" },
      { cookie, "sec-fetch-site": "none" },
      { cookie, origin: `http://${host}` },
      { cookie, origin: `https://${host}` },
      { cookie },
      { authorization: `Bearer ${token}`, "sec-fetch-site": "cross-site", origin: "https://tool.example" },
    ];
    for (const headers of own) {
      const [status, what] = await codeOf("PATCH", "/api/v1/me", { host, ...headers });
      expect([status, what], JSON.stringify(headers)).to.not.include("foreign");
      expect(status, JSON.stringify(headers)).to.equal(200);
    }
  });
});

import { readFileSync, writeFileSync } from "node:fs";
import { expect } from "chai";
import { permissions } from "../../../protocols/index.ts";
import { callers, everyPart, readTable, signInAll, tablePath } from "./permission-table.ts";
import { createWorld, controlToken, startFixture, type Fixture } from "./fixture.ts";

/** What anybody may ask for: to come in, the description, whether the node is well. Everything else needs a name. */
const open = [
  "GET /api/v1/branding",
  "GET /api/v1/branding/logo/:hash",
  "GET /api/v1/mail/unsubscribe/:token",
  "GET /api/v1/openapi.json",
  "GET /api/v1/setup",
  "GET /api/v1/sign-in/attempt",
  "GET /api/v1/sign-in/back/:provider",
  "GET /api/v1/sign-in/metadata/:provider",
  "GET /api/v1/sign-in/with",
  "GET /api/v1/sign-in/with/:provider",
  "GET /api/version",
  "GET /healthz",
  "GET /openapi.json",
  "GET /readyz",
  "GET /shared/:user/:secret",
  "POST /api/v1/mail/confirm",
  "POST /api/v1/mail/unsubscribe/:token",
  "POST /api/v1/sign-in",
  "POST /api/v1/sign-in/back/:provider",
  "POST /api/v1/sign-in/code",
  "POST /api/v1/sign-in/forgot",
  "POST /api/v1/sign-in/passkey",
  "POST /api/v1/sign-in/passkey/options",
  "POST /api/v1/sign-in/reset",
  "POST /api/v1/sign-up",
  "POST /api/v1/sign-up/mail",
];

describe("gateway: the table of permissions", () => {
  let fixture: Fixture;
  let lines: readonly string[];
  let rows: readonly { readonly what: string; readonly needs: string; readonly outcome: Record<string, string> }[];

  before(async function () {
    let shiftMs = 0;
    const world = createWorld();
    const clock = world.clock();
    fixture = await startFixture({
      ...everyPart,
      grpcListen: { host: "127.0.0.1", port: 0 },
      world,
      clock: { ...clock, nowMs: () => clock.nowMs() + shiftMs },
    });
    const tokens = await signInAll(fixture, controlToken, (ms) => (shiftMs += ms));
    lines = await readTable(fixture, tokens);
    rows = lines.slice(1).map((line) => {
      const outcomes = line.slice(78).trim().split(/\s+/);
      const outcome = Object.fromEntries(callers.map((sort, at) => [sort, outcomes[at] as string]));
      return { what: line.slice(0, 58).trim(), needs: line.slice(59, 78).trim(), outcome };
    });
    // To look at what a change does: PERMISSIONS_WRITE=1, then read the difference.
    if (process.env["PERMISSIONS_WRITE"] === "1") writeFileSync(tablePath, `${lines.join("\n")}\n`);
  });
  after(() => fixture.stop());

  it("is as permissions.txt has it, for every route and every command", () => {
    const expected = readFileSync(tablePath, "utf8").trimEnd().split("\n");
    const missing = lines.filter((line) => !expected.includes(line));
    const gone = expected.filter((line) => !lines.includes(line));
    expect({ missing, gone }, "look at each, then PERMISSIONS_WRITE=1").to.deep.equal({ missing: [], gone: [] });
  });

  it("lets strangers, ended sessions, suspended people and unfinished sign-ins in nowhere but at the entrance", () => {
    const known = rows.filter(({ outcome }) => outcome["stranger"] === "yes").map(({ what }) => what);
    expect(known.toSorted()).to.deep.equal(open);
    for (const { what, outcome } of rows)
      for (const sort of ["revoked", "suspended", "pending"])
        expect(outcome[sort], `${what}: ${sort}`).to.equal(outcome["stranger"]);
  });

  it("has a permission for everything else", () => {
    const ownCheck = /^(subscribe |GET \/metrics$|GET \/api\/v1\/(rooms\/:room|agents\/:agent|me)\/events$)/;
    const without = rows.filter(({ what, needs }) => needs === "" && !open.includes(what) && !ownCheck.test(what));
    expect(without.map(({ what }) => what)).to.deep.equal([]);
    for (const { what, needs } of rows) if (needs !== "") expect(Object.keys(permissions), what).to.include(needs);
  });

  it("gives nobody more with fewer rights", () => {
    const order = [["guest", "member"], ["member", "moderator"], ["moderator", "admin"], ["admin", "owner"], ["owner-key", "owner"], ["models-key", "owner-key"], ["chat-key", "owner-key"], ["stale-owner", "owner"]] as const; // prettier-ignore
    for (const { what, outcome } of rows)
      for (const [less, more] of order)
        if (outcome[less] === "yes") expect(outcome[more], `${what}: ${less} may, ${more} may not`).to.equal("yes");
  });

  it("has nothing of the cluster's for people without a right to it", () => {
    for (const { what, outcome } of rows)
      if (what.includes("/admin/"))
        for (const sort of ["guest", "member", "service", "models-key", "chat-key"] as const)
          expect(outcome[sort], `${what}: ${sort}`).to.equal(".");
  });
});

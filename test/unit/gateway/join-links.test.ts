import { expect } from "chai";
import { joinMark, type AuditEvent, type RoomLink, type RoomLinkMade } from "../../../protocols/index.ts";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { startFixture, type Fixture } from "./fixture.ts";

describe("gateway: links into rooms", () => {
  const written: AuditEvent[] = [];
  let fixture: Fixture;
  let ada: string, bob: string;
  before(async () => {
    fixture = await startFixture({ audit: { write: async (event) => void written.push(event) } });
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
    const body = { room: "den", title: "The Den", visibility: "private" };
    await fixture.request("POST", "/api/v1/rooms", { token: ada, body });
  });
  after(() => fixture.stop());

  const as = (token: string) => (method: "GET" | "POST" | "DELETE", path: string, body?: object) =>
    fixture.request(method, `/api/v1/rooms/den/links${path}`, { token, ...(body && { body }) });
  const make = async (terms: object = {}): Promise<RoomLinkMade> => {
    const made = await as(ada)("POST", "", { uses: 1, lifeMs: 3_600_000, ...terms });
    expect(made.status).to.equal(200);
    return made.body as unknown as RoomLinkMade;
  };
  const secretOf = ({ path }: RoomLinkMade): string => path.slice(path.indexOf(joinMark) + joinMark.length);
  const codeOf = ({ body }: { readonly body: unknown }) => (body as { error?: { code: string } }).error?.code;

  it("are shown once to the owner who makes them, lead to the room by its name, and are used up", async () => {
    const made = await make();
    expect(made.path).to.match(/^\/room\/den#join=[A-Za-z0-9_-]{43}$/);
    const secret = secretOf(made);
    const listed = await as(ada)("GET", "");
    expect((listed.body as { links: RoomLink[] }).links.map(({ id, usesLeft }) => [id, usesLeft])).to.deep.equal([
      [made.id, 1],
    ]);
    expect(JSON.stringify(listed.body)).not.to.include(secret);
    expect((await as(bob)("POST", "/look", { secret })).body).to.deep.equal({
      room: "den",
      title: "The Den",
      memberCount: 1,
    });
    expect((await as(bob)("POST", "/join", { secret })).body).to.nested.include({ "members.user/bob.role": "member" });
    const cleo = (await fixture.signUp("cleo")).token;
    expect(codeOf(await as(cleo)("POST", "/look", { secret }))).to.equal("JOIN_LINK_ENDED");
    expect(codeOf(await as(cleo)("POST", "/join", { secret }))).to.equal("JOIN_LINK_ENDED");
    expect(codeOf(await as(bob)("POST", "", { uses: 1, lifeMs: 3_600_000 }))).to.equal("FORBIDDEN");
    expect(JSON.stringify(written), "the audit knows no secret").not.to.include(secret);
    const acts = written.filter(({ action }) => action === "makeJoinLink" || action === "joinByLink");
    expect(acts.map(({ action, by, target, outcome }) => [action, by, target, outcome])).to.deep.equal([
      ["makeJoinLink", "user/ada", "room/den", "done"],
      ["joinByLink", "user/bob", "room/den", "done"],
      ["joinByLink", "user/cleo", "room/den", "JOIN_LINK_ENDED"],
      ["makeJoinLink", "user/bob", "room/den", "FORBIDDEN"],
    ]);
  });

  it("let nobody in once they were taken back", async () => {
    const made = await make();
    expect((await as(ada)("DELETE", `/${made.id}`)).body).to.include({ id: made.id });
    expect(codeOf(await as(ada)("DELETE", `/${made.id}`))).to.equal("NOT_FOUND");
    const dan = (await fixture.signUp("dan")).token;
    expect(codeOf(await as(dan)("POST", "/join", { secret: secretOf(made) }))).to.equal("JOIN_LINK_ENDED");
    const ends = written.filter(({ action }) => action === "endJoinLink");
    expect(ends.map(({ outcome }) => outcome)).to.deep.equal(["done", "NOT_FOUND"]);
  });

  it("tell those who guess neither which rooms there are nor, after some tries, anything", async () => {
    const eve = (await fixture.signUp("eve")).token;
    const guess = async (room: string) => {
      const path = `/api/v1/rooms/${room}/links/look`;
      return codeOf(await fixture.request("POST", path, { token: eve, body: { secret: "x".repeat(43) } }));
    };
    expect([await guess("den"), await guess("nowhere")]).to.deep.equal(["JOIN_LINK_ENDED", "JOIN_LINK_ENDED"]);
    for (let tries = 2; tries < gatewayLimits.joinLinkRate.count; tries += 1) await guess("den");
    expect(await guess("den")).to.equal("RATE_LIMITED");
    // Nobody else waits for it, and links that are right count for nothing.
    const secret = secretOf(await make({ uses: 100 }));
    const finn = (await fixture.signUp("finn")).token;
    for (let tries = 0; tries < gatewayLimits.joinLinkRate.count + 1; tries += 1)
      expect(codeOf(await as(finn)("POST", "/look", { secret }))).to.equal(undefined);
  });

  it("hold as long as their maker may sign in", async () => {
    const token = (await fixture.signUp("gina")).token;
    const room = { room: "ginas", title: "Gina's", visibility: "private" };
    await fixture.request("POST", "/api/v1/rooms", { token, body: room });
    const of = (way: string, by: string, body: object) =>
      fixture.request("POST", `/api/v1/rooms/ginas/links${way}`, { token: by, body });
    const made = await of("", token, { uses: 5, lifeMs: 3_600_000 });
    const secret = secretOf(made.body as unknown as RoomLinkMade);
    const suspend = async (suspended: boolean) => {
      const set = { token: ada, body: { suspended } };
      expect((await fixture.request("PUT", "/api/v1/admin/users/gina/suspended", set)).status).to.equal(200);
    };
    await suspend(true);
    for (const way of ["/look", "/join"])
      expect(codeOf(await of(way, bob, { secret })), way).to.equal("JOIN_LINK_ENDED");
    await suspend(false);
    expect(codeOf(await of("/join", bob, { secret }))).to.equal(undefined);
  });

  it("hold only while their maker's roles let them make links, and while their room is not archived", async () => {
    const { token } = await fixture.signUp("greta");
    const body = { room: "gym", title: "Gym", visibility: "private" };
    await fixture.request("POST", "/api/v1/rooms", { token, body });
    const terms = { token, body: { uses: 9, lifeMs: 3_600_000 } };
    const made = (await fixture.request("POST", "/api/v1/rooms/gym/links", terms)).body as unknown as RoomLinkMade;
    const ivo = (await fixture.signUp("ivo")).token;
    const look = async () =>
      codeOf(
        await fixture.request("POST", "/api/v1/rooms/gym/links/look", { token: ivo, body: { secret: secretOf(made) } }),
      );
    const setRoles = (roles: readonly string[]) =>
      fixture.request("PUT", "/api/v1/admin/users/greta/roles", { token: ada, body: { roles } });
    expect(await look()).to.equal(undefined);
    expect((await fixture.request("PUT", "/api/v1/rooms/gym/archived", { token })).status).to.equal(200);
    expect(await look()).to.equal("JOIN_LINK_ENDED");
    expect((await fixture.request("DELETE", "/api/v1/rooms/gym/archived", { token })).status).to.equal(200);
    expect(await look()).to.equal(undefined);
    expect((await setRoles(["guest"])).status).to.equal(200);
    expect(await look()).to.equal("JOIN_LINK_ENDED");
  });

  it("are taken by people, and by no guest", async () => {
    const secret = secretOf(await make());
    expect(codeOf(await fixture.request("POST", "/api/v1/rooms/den/links/look", { body: { secret } }))).to.equal(
      "UNAUTHENTICATED",
    );
    const roles = { token: ada, body: { roles: ["guest"] } };
    const gus = (await fixture.signUp("gus")).token;
    expect((await fixture.request("PUT", "/api/v1/admin/users/gus/roles", roles)).status).to.equal(200);
    expect(codeOf(await as(gus)("POST", "/join", { secret }))).to.equal("FORBIDDEN");
  });
});

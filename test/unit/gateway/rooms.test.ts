import { expect } from "chai";
import type { AdminRoomPage } from "../../../protocols/kinds/room-admin.ts";
import { startFixture, type Fixture } from "./fixture.ts";

describe("gateway: rooms as admins see them", () => {
  let fixture: Fixture;
  let ada: string;
  before(async () => {
    fixture = await startFixture();
    ada = (await fixture.signUp("ada")).token;
    const bob = (await fixture.signUp("bob")).token;
    for (const room of ["alpha", "beta", "gamma", "alphabet"])
      await fixture.request("POST", "/api/v1/rooms", { token: ada, body: { room, title: `The ${room}` } });
    await fixture.request("POST", "/api/v1/rooms/alpha/join", { token: bob, body: {} });
    await fixture.request("POST", "/api/v1/rooms/alpha/messages", { token: bob, body: { text: "a secret of theirs" } });
    await fixture.request("POST", "/api/v1/rooms", {
      token: ada,
      body: { room: "hidden", title: "Hidden", visibility: "private" },
    });
  });
  after(() => fixture.stop());

  const rooms = async (query: string): Promise<AdminRoomPage> =>
    (await fixture.request("GET", `/api/v1/admin/rooms?${query}`, { token: ada })).body as unknown as AdminRoomPage;
  const names = (page: AdminRoomPage) => page.rooms.map(({ room }) => room);

  it("are listed by name, a page at a time, with size, owners and state, and nothing of what is said", async () => {
    const first = await rooms("limit=3");
    expect(names(first)).to.deep.equal(["alpha", "alphabet", "beta"]);
    const [alpha] = first.rooms;
    expect(alpha).to.include({ title: "The alpha", visibility: "public", memberCount: 2, messageSeq: 1, status: "active" }); // prettier-ignore
    expect(alpha?.owners).to.deep.equal(["user/ada"]);
    expect(JSON.stringify(first)).not.to.include("secret");
    const rest = await rooms(`limit=3&after=${first.next}`);
    expect(names(rest)).to.deep.equal(["gamma", "hidden"]);
    expect(rest.next).to.equal(undefined);
    expect(rest.rooms.at(-1)).to.include({ visibility: "private", memberCount: 1 });
  });

  it("are found by a part of their name", async () => {
    expect(names(await rooms("text=bet"))).to.deep.equal(["alphabet", "beta"]);
    const one = await rooms("text=a&limit=1");
    expect(names(one)).to.deep.equal(["alpha"]);
    expect(names(await rooms(`text=a&limit=1&after=${one.next}`))).to.deep.equal(["alphabet"]);
    expect(await rooms("text=nowhere")).to.deep.equal({ rooms: [] });
  });
});

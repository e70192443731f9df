import { expect } from "chai";
import { wireLimits, type UserEvent, type UserView } from "../../../protocols/index.ts";
import { fixtureWith } from "./fixture.ts";

const ada = "user/ada";
const quiet = { days: [1, 2], fromMinute: 1_320, toMinute: 420, zone: "Europe/Vienna" };

describe("what a person wants to be told of", () => {
  it("is kept with the account, told to every device, and left alone where nothing is said of it", () => {
    const fixture = fixtureWith("ada");
    fixture.ok("room/den", ada, { type: "roomJoined", room: "den" });
    fixture.ok(ada, ada, { type: "setNotifications", keywords: ["deploy"], quiet });
    fixture.ok(ada, ada, { type: "setRoomNotifications", room: "den", level: "all" });
    const { notifications } = fixture.ok<UserView>(ada, ada, { type: "setNotifications", level: "nothing" });
    const whole = { level: "nothing", rooms: [{ room: "den", level: "all" }], keywords: ["deploy"], quiet };
    expect(notifications).to.deep.equal(whole);
    if (notifications === undefined) throw new Error("nothing was set");
    const { length } = fixture.stream(ada);
    const told: UserEvent = { type: "notificationsSet", notifications };
    expect(fixture.stream(ada).at(-1)?.event).to.deep.equal(told);
    fixture.ok(ada, ada, { type: "setNotifications", level: "nothing" });
    expect(fixture.stream(ada)).to.have.length(length);
    fixture.ok("room/den", ada, { type: "roomLeft", room: "den" });
    fixture.ok(ada, ada, { type: "setProfile", displayName: "Countess" });
    fixture.crash(ada);
    expect(fixture.ok<UserView>(ada, ada, { type: "describe" }).notifications).to.deep.equal(whole);
  });

  it("is of a room that the person is in, and of as many as there are places for", () => {
    const fixture = fixtureWith("ada");
    const { roomsPerUserMax } = wireLimits;
    const set = (room: string, said: object = { level: "all" }) =>
      fixture.code(ada, ada, { type: "setRoomNotifications", room, ...said });
    expect(set("den")).to.equal("NOT_A_MEMBER");
    for (let at = 0; at <= roomsPerUserMax; at += 1) {
      fixture.ok(`room/r${at}`, ada, { type: "roomJoined", room: `r${at}` });
      expect(set(`r${at}`)).to.equal("accepted");
      if (at === 0) fixture.ok("room/r0", ada, { type: "roomLeft", room: "r0" });
    }
    const rooms = () => fixture.ok<UserView>(ada, ada, { type: "describe" }).notifications?.rooms ?? [];
    expect(rooms()).to.have.length(roomsPerUserMax);
    expect(rooms()[0]).to.deep.equal({ room: "r1", level: "all" });
    expect(set("r1", {})).to.equal("accepted");
    expect(rooms()).to.have.length(roomsPerUserMax - 1);
  });

  it("refuses times that are over, zones that nobody knows, and words with nothing in them", () => {
    const fixture = fixtureWith("ada");
    fixture.ok("room/den", ada, { type: "roomJoined", room: "den" });
    const muted = (mutedUntilMs: number) =>
      fixture.code(ada, ada, { type: "setRoomNotifications", room: "den", mutedUntilMs });
    expect(muted(fixture.nowMs)).to.equal("BAD_REQUEST");
    expect(muted(fixture.nowMs + 1)).to.equal("accepted");
    const set = (said: object) => fixture.code(ada, ada, { type: "setNotifications", ...said });
    expect(set({ quiet: { ...quiet, zone: "Mars/Olympus" } })).to.equal("BAD_REQUEST");
    expect(set({ keywords: ["deploy", "!?"] })).to.equal("BAD_REQUEST");
    expect(set({ keywords: ["重", "c++"] })).to.equal("accepted");
  });

  it("is nobody else's to see or change", () => {
    const fixture = fixtureWith("ada", "bob");
    expect(fixture.code("user/bob", ada, { type: "setNotifications", level: "all" })).to.equal("FORBIDDEN");
    fixture.ok(ada, ada, { type: "setNotifications", level: "all" });
    expect(fixture.ok("user/bob", ada, { type: "card" })).to.not.have.property("notifications");
  });
});

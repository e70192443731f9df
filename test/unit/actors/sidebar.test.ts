import { expect } from "chai";
import type { UserEvent, UserView } from "../../../protocols/index.ts";
import { fixtureWith } from "./fixture.ts";

const ada = "user/ada";

describe("how a person has arranged their rooms", () => {
  it("is kept with the account, told to every device, and left alone where nothing is said of it", () => {
    const fixture = fixtureWith("ada");
    const sections = [{ name: "Work", rooms: ["lobby", "den"] }];
    fixture.ok(ada, ada, { type: "setSidebar", favourites: ["den"], sections });
    const { sidebar } = fixture.ok<UserView>(ada, ada, { type: "setSidebar", muted: ["attic"] });
    expect(sidebar).to.deep.equal({ favourites: ["den"], sections, muted: ["attic"] });
    if (sidebar === undefined) throw new Error("nothing was arranged");
    const { length } = fixture.stream(ada);
    expect(fixture.stream(ada).at(-1)?.event).to.deep.equal({ type: "sidebarSet", sidebar } satisfies UserEvent);
    fixture.ok(ada, ada, { type: "setSidebar", muted: ["attic"] });
    expect(fixture.stream(ada)).to.have.length(length);
    fixture.ok("room/den", ada, { type: "roomJoined", room: "den" });
    fixture.ok("room/den", ada, { type: "roomLeft", room: "den" });
    fixture.ok(ada, ada, { type: "setProfile", displayName: "Countess" });
    fixture.crash(ada);
    expect(fixture.ok<UserView>(ada, ada, { type: "describe" }).sidebar).to.deep.equal(sidebar);
  });

  it("has each section once, and each room in one", () => {
    const fixture = fixtureWith("ada");
    const set = (...sections: readonly object[]) => fixture.code(ada, ada, { type: "setSidebar", sections });
    expect(set({ name: "Work", rooms: ["a"] }, { name: "Work", rooms: [] })).to.equal("BAD_REQUEST");
    expect(set({ name: "Work", rooms: ["a"] }, { name: "Home", rooms: ["a"] })).to.equal("BAD_REQUEST");
    expect(set({ name: "Work", rooms: ["a"] }, { name: "Home", rooms: ["b"] })).to.equal("accepted");
  });

  it("is nobody else's to see or change", () => {
    const fixture = fixtureWith("ada", "bob");
    expect(fixture.code("user/bob", ada, { type: "setSidebar", muted: [] })).to.equal("FORBIDDEN");
    fixture.ok(ada, ada, { type: "setSidebar", muted: ["den"] });
    expect(fixture.ok("user/bob", ada, { type: "card" })).to.not.have.property("sidebar");
  });
});

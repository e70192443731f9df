import { expect } from "chai";
import { array, assert, constantFrom, option, property, record } from "fast-check";
import { wireLimits, userCommands, type UserAbout } from "../../../protocols/index.ts";
import { checkOf } from "../../../protocols/wire/check.ts";
import { user } from "../../../actors/index.ts";
import { Fixture } from "./fixture.ts";

const [ada, bob] = ["user/ada", "user/bob"] as const;
const create = { type: "create", displayName: "Ada", passwordHash: "hash" };

function withAda(more: object = {}): Fixture {
  const fixture = new Fixture();
  fixture.ok("gateway", ada, { ...create, ...more });
  return fixture;
}
const about = (fixture: Fixture) => fixture.ok<UserAbout>(bob, ada, { type: "about" });

describe("what people tell of themselves", () => {
  it("is the last that they set themselves, seen by others, also after a crash, and by nobody set for them", () => {
    const told = {
      title: constantFrom("Chief", "Ops"),
      pronouns: constantFrom("she"),
      timeZone: constantFrom("Europe/Paris"),
    };
    const one = record({ title: option(told.title), pronouns: option(told.pronouns), timeZone: option(told.timeZone) });
    assert(
      property(array(one, { maxLength: 6 }), (all) => {
        const fixture = withAda();
        let last: object = {};
        for (const fields of all) {
          last = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
          fixture.ok(ada, ada, { type: "setAbout", ...last });
        }
        expect(fixture.code(bob, ada, { type: "setAbout", title: "Fool" })).to.equal("FORBIDDEN");
        fixture.crash(ada);
        expect(about(fixture)).to.deep.equal(last);
      }),
      { numRuns: 40 },
    );
  });

  it("says who is a guest, and nothing of an account that is not there", () => {
    expect(about(withAda({ guest: {} })).role).to.equal("guest");
    expect(about(withAda()).role).to.equal(undefined);
    expect(new Fixture().code(bob, ada, { type: "about" })).to.equal("NOT_FOUND");
  });

  it("is bounded, one line each, and a time zone looks like one", () => {
    const check = checkOf(userCommands.setAbout.params);
    expect(
      check.Check({ title: "a".repeat(wireLimits.aboutLineCharsMax), timeZone: "America/Argentina/Buenos_Aires" }),
    ).to.equal(true);
    for (const wrong of [
      { title: "a".repeat(wireLimits.aboutLineCharsMax + 1) },
      { about: "a".repeat(wireLimits.aboutCharsMax + 1) },
      { title: "" },
      { title: "a\nb" },
      { timeZone: "../etc" },
      { timeZone: "Europe/ Paris" },
      { more: "x" },
    ])
      expect(check.Check(wrong), JSON.stringify(wrong)).to.equal(false);
  });

  it("is kept by the state of an account of before, which has none", () => {
    const fixture = withAda();
    const state = fixture.stateOf<{ account: object }>(ada);
    expect(state.account).not.to.have.property("about");
    expect(user.kind).to.equal("user");
    expect(about(fixture)).to.deep.equal({});
  });
});

import { expect } from "chai";
import fc from "fast-check";
import {
  isOfDomains,
  refusalToRegister,
  registrationRules,
  registrationState,
  type Applicant,
} from "../../../protocols/index.ts";

const domains = ["example.org", ".sub.example.net"];
const address = fc.constantFrom(
  "a@example.org",
  "a@EXAMPLE.org",
  "a@notexample.org",
  "a@x.sub.example.net",
  "a@sub.example.net",
  "a@example.org.evil.example",
  '"a@example.org"@evil.example',
  "nobody",
);
const applicant: fc.Arbitrary<Applicant> = fc.record({
  invited: fc.boolean(),
  mail: fc.option(fc.record({ address, confirmed: fc.boolean() }), { nil: undefined }),
});
const allowed = new Set(["a@example.org", "a@EXAMPLE.org", "a@x.sub.example.net"]);

describe("registration", () => {
  it("lets in by the rule and by nothing else", () => {
    fc.assert(
      fc.property(fc.constantFrom(...registrationRules), applicant, (rule, one) => {
        const confirmed = one.mail !== undefined && one.mail.confirmed && allowed.has(one.mail.address);
        const may =
          rule === "open" ||
          (rule === "invitation" && one.invited) ||
          (rule === "domain" && (one.invited || confirmed));
        const state = registrationState({ rule, domains }, one);
        expect(state.type === "may").to.equal(may);
        expect(refusalToRegister(state) === undefined).to.equal(may);
      }),
    );
  });

  it("says what is still needed, and what can not help any more", () => {
    const state = (rule: (typeof registrationRules)[number], one: Applicant) =>
      registrationState({ rule, domains }, one);
    expect(state("domain", { invited: false })).to.deep.equal({ type: "needs", of: ["mail", "invitation"] });
    expect(state("invitation", { invited: false })).to.deep.equal({ type: "needs", of: ["invitation"] });
    const elsewhere = state("domain", { invited: false, mail: { address: "a@notexample.org", confirmed: true } });
    expect(refusalToRegister(elsewhere)?.code).to.equal("MAIL_DOMAIN_REFUSED");
    expect(refusalToRegister(state("closed", { invited: true }))?.code).to.equal("SIGN_UP_CLOSED");
    expect(state("domain", { invited: true })).to.deep.equal({ type: "may", uses: "invitation" });
  });

  it("adding a confirmed address or an invitation never takes away what somebody may", () => {
    fc.assert(
      fc.property(fc.constantFrom(...registrationRules), applicant, (rule, one) => {
        const before = registrationState({ rule, domains }, one).type;
        const mail = { address: "a@example.org", confirmed: true };
        for (const more of [{ invited: true }, { mail }, { invited: true, mail }]) {
          const after = registrationState({ rule, domains }, { ...one, ...more }).type;
          if (before === "may") expect(after, JSON.stringify(more)).to.equal("may");
        }
      }),
    );
  });

  it("takes the domain after the last @, as a whole", () => {
    expect(isOfDomains("@example.org", ["example.org"])).to.equal(false);
    expect(isOfDomains("a@example.org", [])).to.equal(false);
    expect(isOfDomains("a@b.example.org", [".example.org"])).to.equal(true);
    expect(isOfDomains("a@example.org", [".example.org"])).to.equal(false);
  });
});

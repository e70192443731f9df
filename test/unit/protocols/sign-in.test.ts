import { expect } from "chai";
import fc from "fast-check";
import {
  hasSecond,
  identityOf,
  noDemands,
  proofState,
  signInState,
  type Fact,
  type Factors,
  type SignInDemands,
} from "../../../protocols/index.ts";

const identity = { issuer: "https://id.example", subject: "7" };
const identities = fc.constantFrom<readonly string[]>([], [identityOf(identity)], ["https://other.example 7"]);
const factors: fc.Arbitrary<Factors> = fc.record({
  password: fc.boolean(),
  passkeys: fc.nat({ max: 2 }),
  totp: fc.boolean(),
  recovery: fc.nat({ max: 2 }),
  identities,
});
const demands: fc.Arbitrary<SignInDemands> = fc.record({ second: fc.boolean(), passwords: fc.boolean() });
const atMs = fc.nat({ max: 5 });
const fact: fc.Arbitrary<Fact> = fc.oneof(
  fc.record({ type: fc.constant("password" as const), atMs }),
  fc.record({ type: fc.constant("totp" as const), atMs }),
  fc.record({ type: fc.constant("recovery" as const), atMs }),
  fc.record({ type: fc.constant("passkey" as const), atMs, credential: fc.constantFrom("a", "b"), verified: fc.boolean() }),
  fc.record({ type: fc.constant("identity" as const), atMs, provider: fc.constant("company"), issuer: fc.constant(identity.issuer), subject: fc.constantFrom("7", "8"), two: fc.boolean() }),
); // prettier-ignore
const facts = fc.array(fact, { maxLength: 6 });

/** Said anew, and otherwise than in the machine: what of the facts is of this account. */
const known = (facts: readonly Fact[], factors: Factors, demands: SignInDemands): readonly Fact[] =>
  facts.filter((one) => {
    if (one.type === "password") return factors.password && demands.passwords;
    if (one.type === "totp") return factors.totp;
    if (one.type === "recovery") return factors.totp || factors.passkeys > 0;
    if (one.type === "passkey") return factors.passkeys > 0;
    return factors.identities.some((held) => held === `${one.issuer} ${one.subject}`);
  });
const isFirst = (one: Fact): boolean =>
  ["password", "identity"].includes(one.type) || (one.type === "passkey" && one.verified);
const isSecond = (one: Fact): boolean =>
  ["totp", "recovery", "passkey"].includes(one.type) || (one.type === "identity" && one.two === true);

describe("sign-in, as a machine", () => {
  it("is done exactly when a first factor is proven, and a second one where the account or the cluster has one", () => {
    fc.assert(
      fc.property(factors, demands, facts, (factors, demands, facts) => {
        const ours = known(facts, factors, demands);
        const needed = demands.second || factors.totp || factors.passkeys > 0;
        const done = ours.some(isFirst) && (!needed || ours.some(isSecond));
        expect(signInState(factors, demands, facts).type === "done").to.equal(done);
      }),
      { numRuns: 2_000 },
    );
  });

  it("never ends by a password alone where there is a second factor, however often it is given", () => {
    fc.assert(
      fc.property(factors.filter(hasSecond), demands, fc.array(atMs, { maxLength: 9 }), (factors, demands, times) => {
        const facts = times.map((atMs): Fact => ({ type: "password", atMs }));
        expect(signInState(factors, demands, facts).type).to.not.equal("done");
      }),
    );
  });

  it("takes the same factor twice for one proof, and the order of facts for nothing", () => {
    fc.assert(
      fc.property(factors, demands, facts, (factors, demands, facts) => {
        const state = signInState(factors, demands, facts);
        expect(signInState(factors, demands, [...facts, ...facts])).to.deep.equal(state);
        expect(signInState(factors, demands, facts.toReversed()).type).to.equal(state.type);
        if (state.type !== "done") return;
        expect(new Set(state.proofs.map(({ type }) => type)).size).to.equal(state.proofs.length);
        for (const proof of state.proofs) expect(facts).to.deep.include(proof);
      }),
    );
  });

  it("asks for nothing that the account lacks, and a proof of what it asks for brings it nearer", () => {
    fc.assert(
      fc.property(factors, demands, facts, (factors, demands, facts) => {
        const state = signInState(factors, demands, facts);
        if (state.type === "done") return;
        for (const type of state.of) {
          if (state.type === "setUp") continue;
          const proof: Fact =
            type === "passkey"
              ? { type, atMs: 9, credential: "a", verified: true }
              : type === "identity"
                ? { type, atMs: 9, provider: "company", issuer: (factors.identities[0] ?? "").split(" ")[0] ?? "", subject: (factors.identities[0] ?? "").split(" ")[1] ?? "" } // prettier-ignore
                : { type, atMs: 9 };
          const next = signInState(factors, demands, [...facts, proof]);
          expect(next, JSON.stringify({ factors, demands, facts, type })).to.not.deep.equal(state);
        }
      }),
    );
  });

  it("has somebody who must have a second factor set one up before it ends", () => {
    const factors: Factors = { password: true, passkeys: 0, totp: false, recovery: 0, identities: [] };
    const password: Fact = { type: "password", atMs: 1 };
    expect(signInState(factors, noDemands, [password]).type).to.equal("done");
    const demands = { ...noDemands, second: true };
    expect(signInState(factors, demands, [password])).to.deep.equal({ type: "setUp", of: ["totp", "passkey"] });
    const after = { ...factors, totp: true };
    expect(signInState(after, demands, [password, { type: "totp", atMs: 2 }]).type).to.equal("done");
  });
});

describe("a fresh proof, as a machine", () => {
  it("is of the strongest factor: the second one where there is one, else the password, else the identity", () => {
    fc.assert(
      fc.property(factors, facts, (factors, facts) => {
        const ours = known(facts, factors, noDemands);
        const done = hasSecond(factors)
          ? ours.some(({ type }) => ["totp", "recovery", "passkey"].includes(type))
          : factors.password
            ? ours.some(({ type }) => type === "password")
            : ours.some(({ type }) => type === "identity");
        expect(proofState(factors, facts).type === "done").to.equal(done);
      }),
      { numRuns: 2_000 },
    );
  });
});

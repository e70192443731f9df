import { expect } from "chai";
import type { AgentHistory, SharedLinks } from "../../../protocols/index.ts";
import { saidBefore, settledLeaf } from "../../../node/gateway/own/shared-path.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

const ada = "user/ada";
const bob = "user/bob";
const helper = "agent/ada.helper";
const hash = "a".repeat(64);
const link = { type: "addShared", id: "one", hash, conversation: "ada.helper", leaf: 1, title: "private words" };

describe("user: read-only links to conversations", () => {
  const stateOf = (fixture: Fixture) => JSON.stringify(fixture.stateOf(ada));

  it("keep no words of the conversation, and go when they end", () => {
    const fixture = fixtureWith("ada");
    fixture.ok("gateway", ada, { ...link, lifeMs: 60_000 });
    expect(stateOf(fixture)).to.include(hash).and.not.include("private words");
    expect(fixture.ok<SharedLinks>("gateway", ada, { type: "shared" }).links[0]).to.include({ id: "one", title: "" });
    fixture.pass(61_000);
    expect(stateOf(fixture)).to.not.include(hash);
  });

  it("show nothing while the account's deletion is asked for, also by its person", () => {
    const fixture = fixtureWith("ada", "bob");
    fixture.ok("gateway", bob, { type: "openSession", label: "x", id: "s1", kind: "session", tokenHash: "t1" });
    fixture.ok("gateway", bob, { ...link, lifeMs: 3_600_000 });
    const open = { type: "openShared", hash };
    expect(fixture.code("gateway", bob, open)).to.equal("accepted");
    fixture.ok("gateway", bob, { type: "beginDeletion", waitMs: 1_000_000, byAdmin: false });
    expect(fixture.code("gateway", bob, open)).to.equal("NOT_FOUND");
    fixture.ok("gateway", bob, { type: "endDeletion" });
    expect(fixture.code("gateway", bob, open)).to.equal("accepted");
  });

  it("show no answer that was written after them", () => {
    const fixture = fixtureWith("ada");
    fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
    for (const text of ["one", "two"]) fixture.ok(ada, helper, { type: "say", text });
    const turnsTo = (leaf: number) =>
      fixture.ok<AgentHistory>(ada, helper, { type: "history", of: leaf, before: leaf + 1, limit: 100 }).turns;
    const before = fixture.ok<AgentHistory>(ada, helper, { type: "history", limit: 100 }).turns;
    const leaf = settledLeaf(before) ?? 0;
    const last = before.at(-1)?.turn ?? 0;
    const atMs = before.at(-1)?.atMs ?? 0;
    fixture.pass(1_000);
    fixture.answer("LATER");
    expect(turnsTo(last).map(({ text }) => text)).to.include("LATER");
    expect(
      turnsTo(leaf).map(({ text }) => text),
      "a link that is made now",
    ).to.deep.equal(["one"]);
    expect(
      saidBefore(turnsTo(last), { atMs }).map(({ text }) => text),
      "one of before",
    ).to.deep.equal(["one", "two"]);
    expect(settledLeaf([])).to.equal(undefined);
  });
});

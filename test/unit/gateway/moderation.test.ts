import { expect } from "chai";
import type { AuditEvent, RoomDeletions, RoomView, RoomWarning, RoomWarnings } from "../../../protocols/index.ts";
import { startFixture, type Fixture } from "./fixture.ts";

describe("gateway: what moderators decide in rooms", () => {
  const written: AuditEvent[] = [];
  let fixture: Fixture;
  let ada: string, bob: string, cleo: string;
  before(async () => {
    fixture = await startFixture({ audit: { write: async (event) => void written.push(event) } });
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
    cleo = (await fixture.signUp("cleo")).token;
    await fixture.request("POST", "/api/v1/rooms", { token: ada, body: { room: "den" } });
    for (const token of [bob, cleo]) await fixture.request("POST", "/api/v1/rooms/den/join", { token });
  });
  after(() => fixture.stop());

  const as =
    (token: string) =>
    (method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: object, headers?: Record<string, string>) =>
      fixture.request(method, `/api/v1/rooms/den${path}`, {
        token,
        ...(body && { body }),
        ...(headers && { headers }),
      });
  const codeOf = ({ body }: { readonly body: unknown }) => (body as { error?: { code: string } }).error?.code;
  const of = (...actions: readonly string[]) =>
    written
      .filter(({ action }) => actions.includes(action))
      .map(({ action, by, target, outcome, facts }) => ({ action, by, target, outcome, facts }));

  it("mutes and lets go, in the audit without the reason", async () => {
    const muted = await as(ada)("PUT", "/mutes/user%2Fbob", { muteForMs: 60_000, reason: "noise" });
    const [mute] = (muted.body as unknown as RoomView).mutes ?? [];
    expect(mute).to.include({ member: "user/bob", by: "user/ada", reason: "noise" });
    const post = await as(bob)("POST", "/messages", { text: "hi" });
    expect([post.status, codeOf(post)]).to.deep.equal([403, "MUTED"]);
    expect(post.body).to.have.nested.property("error.details.untilMs", mute?.untilMs);
    expect(codeOf(await as(cleo)("DELETE", "/mutes/user%2Fbob"))).to.equal("FORBIDDEN");
    expect(codeOf(await as(ada)("PUT", "/mutes/user%2Fbob", { muteForMs: 1 }))).to.equal("BAD_REQUEST");
    expect((await as(ada)("DELETE", "/mutes/user%2Fbob")).status).to.equal(200);
    expect((await as(bob)("POST", "/messages", { text: "hi" })).status).to.equal(200);
    const entries = of("muteMember", "unmuteMember");
    expect(entries.map(({ action, by, target, outcome }) => [action, by, target, outcome])).to.deep.equal([
      ["muteMember", "user/ada", "room/den", "done"],
      ["unmuteMember", "user/cleo", "room/den", "FORBIDDEN"],
      ["unmuteMember", "user/ada", "room/den", "done"],
    ]);
    expect(entries[0]?.facts).to.include({ member: "user/bob", muteForMs: 60_000 });
    expect(JSON.stringify(entries)).not.to.include("noise");
  });

  it("warns once under one key, and tells moderators and the person alone", async () => {
    const key = { "idempotency-key": "w" };
    const warn = () => as(ada)("POST", "/members/user%2Fbob/warnings", { reason: "be kind" }, key);
    const [first, again] = [await warn(), await warn()];
    expect(first.status).to.equal(200);
    const warning = first.body as unknown as RoomWarning;
    expect(again.body).to.deep.equal(first.body);
    const listed = async (token: string) =>
      ((await as(token)("GET", "/warnings")).body as unknown as RoomWarnings).warnings;
    expect(await listed(ada)).to.deep.equal([warning]);
    expect(await listed(cleo)).to.deep.equal([]);
    expect((await as(bob)("PUT", `/warnings/${warning.id}`)).status).to.equal(200);
    expect((await listed(bob))[0]).to.have.property("readAtMs");
    expect(codeOf(await as(cleo)("POST", "/members/user%2Fbob/warnings", { reason: "x" }))).to.equal("FORBIDDEN");
    expect(JSON.stringify(of("warnMember"))).not.to.include("be kind");
  });

  it("deletes many messages with one entry, and says what became of each", async () => {
    const seqs: number[] = [];
    for (const text of ["one", "two", "three"])
      seqs.push(((await as(bob)("POST", "/messages", { text })).body as unknown as { seq: number }).seq);
    const own = ((await as(cleo)("POST", "/messages", { text: "mine" })).body as unknown as { seq: number }).seq;
    const before = of("deleteMessages").length;
    const done = await as(bob)("POST", "/deletions", { seqs: [seqs[0], own] });
    const outcomes = (answer: { readonly body: unknown }) =>
      (answer.body as RoomDeletions).outcomes.map(({ outcome }) => outcome);
    expect(outcomes(done)).to.deep.equal(["deleted", "FORBIDDEN"]);
    expect(outcomes(await as(ada)("POST", "/deletions", { seqs: [...seqs, own] }))).to.deep.equal(["gone", "deleted", "deleted", "deleted"]); // prettier-ignore
    expect(of("deleteMessages").slice(before).map(({ facts }) => facts)).to.deep.equal([{ room: "den", asked: 2, deleted: 1 }, { room: "den", asked: 4, deleted: 3 }]); // prettier-ignore
    const many = Array.from({ length: 101 }, (_, at) => at + 1);
    expect(codeOf(await as(ada)("POST", "/deletions", { seqs: many }))).to.equal("BAD_REQUEST");
  });
});

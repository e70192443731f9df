import { expect } from "chai";
import { backoffMs } from "../../../client/backoff.ts";
import { clientLimits as limits, type Client } from "../../../client/index.ts";
import { failure, type ClientFrame, type Failure } from "../../../protocols/index.ts";
import { settled } from "../../world/index.ts";
import { cutOff, recorder, ScriptedCluster, travelMs, type ScriptedNode } from "./scripted-cluster.ts";

const topic = "room/den";
const answerMs = limits.answerTimeoutMs + limits.lastAnswerTimeoutMs;

/** Connected to a node that knows no other. */
function alone(options: { readonly answerTimeoutMs?: number } = {}) {
  const world = new ScriptedCluster();
  const one = world.node("one");
  const client = world.client({ urls: [one.place.url], ...options }, world.asBrowser);
  world.pass(10);
  return { world, one, client };
}

/** Connected to `one`, which names `two`. */
function amongTwo() {
  const world = new ScriptedCluster();
  const nodes: ScriptedNode[] = [];
  const others = (name: string) => () => nodes.filter(({ place }) => place.name !== name).map(({ place }) => place);
  for (const name of ["one", "two"]) nodes.push(world.node(name, others(name)));
  const [one, two] = nodes as [ScriptedNode, ScriptedNode];
  const client = world.client({ urls: [one.place.url] });
  world.pass(10);
  return { world, one, two, client };
}

const post = (client: Client, text = "hi") => client.call("room.post", "den", { text });

/** What a call came to, once it is answered. */
async function outcomeOf(answer: ReturnType<typeof post>): Promise<readonly unknown[]> {
  const result = await answer;
  return result.ok
    ? ["ok", result.value.seq]
    : [result.error.code, result.error.outcome, result.error.details?.["because"]];
}

describe("a client's command", () => {
  it("that changes something is sent again with its operation id after a loss, and answered once", async () => {
    const { world, one, client } = alone();
    const answer = post(client);
    world.pass(10);
    const first = one.last("room.post");
    expect(first.operationId).to.equal("operation-1");
    one.session.drop();
    world.pass(limits.backoffMaxMs);
    expect(one.sessions).to.have.length(2);
    const again = one.last("room.post");
    expect(again).to.deep.equal(first);
    one.say({ re: again.id, ok: { seq: 7 } });
    one.say({ re: again.id, ok: { seq: 8 } });
    world.pass(10);
    expect(await outcomeOf(answer)).to.deep.equal(["ok", 7]);
  });

  it("that only reads has no operation id, and one for this moment is dropped where it cannot be sent at once", async () => {
    const { world, one, client } = alone();
    void client.call("room.history", "den", {});
    void client.call("room.typing", "den", {});
    world.pass(10);
    for (const name of ["room.history", "room.typing"])
      expect(one.last(name), name).to.not.have.property("operationId");
    one.die();
    const dropped = await client.call("room.typing", "den", {});
    expect(!dropped.ok && dropped.error.outcome).to.equal("not_started");
  });

  it("is repeated after a refusal for the load of the moment, so often and as late as the node asks", async () => {
    const { world, one, client } = alone();
    const answer = post(client);
    world.pass(10);
    for (let sent = 1; sent <= limits.repeatsMax + 1; sent += 1) {
      expect(one.all("room.post")).to.have.length(sent);
      one.say({ re: one.last("room.post").id, error: failure("RATE_LIMITED", { retryAfterMs: 2_000 }) });
      world.pass(1_990);
      expect(one.all("room.post"), "not before its time").to.have.length(sent);
      world.pass(20);
    }
    expect(await outcomeOf(answer)).to.deep.equal(["RATE_LIMITED", "not_started", undefined]);
  });

  it("is not repeated after a refusal that has to do with what was asked", async () => {
    const { world, one, client } = alone();
    const answer = post(client);
    world.pass(10);
    one.say({ re: one.last("room.post").id, error: failure("FORBIDDEN") });
    world.pass(answerMs);
    expect(await outcomeOf(answer)).to.deep.equal(["FORBIDDEN", "failed", undefined]);
    expect(one.all("room.post")).to.have.length(1);
  });

  it("whose actor is on its way is repeated: a few times where there is one node, else until its time is over", async () => {
    const refuseAll = (node: ScriptedNode): void => {
      node.onFrame = (frame, session) => {
        if (frame.do === "room.post") session.say({ re: frame.id, error: failure("NOT_IN_SYNC") });
      };
    };
    const single = alone();
    refuseAll(single.one);
    const told = post(single.client);
    single.world.pass(limits.answerTimeoutMs / 2);
    expect(await outcomeOf(told)).to.deep.equal(["NOT_IN_SYNC", "not_started", undefined]);
    expect(single.one.all("room.post")).to.have.length(1 + limits.repeatsMax);

    const several = amongTwo();
    refuseAll(several.one);
    const kept = post(several.client);
    several.world.pass(limits.answerTimeoutMs / 2);
    several.one.onFrame = (frame, session) => session.say({ re: frame.id, ok: { seq: 3 } });
    several.world.pass(limits.answerTimeoutMs / 4);
    expect(await outcomeOf(kept)).to.deep.equal(["ok", 3]);
  });

  it("is asked about once more under its operation id before it is given up as unknown", async () => {
    const { world, one, client } = alone();
    const silent = post(client);
    world.pass(10);
    world.pass(limits.answerTimeoutMs);
    const [first, second] = one.all("room.post");
    expect(second).to.deep.equal(first);
    one.say({ re: first?.id ?? 0, ok: { seq: 1 } });
    world.pass(10);
    expect(await outcomeOf(silent)).to.deep.equal(["ok", 1]);
  });

  it("whose outcome nobody knows is repeated so often, and then that is said", async () => {
    const { world, one, client } = alone();
    one.onFrame = (frame, session) => {
      if (frame.do === "room.post") session.say({ re: frame.id, error: failure("APPEND_FAILED") });
    };
    const broken = post(client);
    world.pass(limits.answerTimeoutMs);
    expect(await outcomeOf(broken)).to.deep.equal(["APPEND_FAILED", "unknown", undefined]);
    const sent = one.all("room.post");
    expect(sent).to.have.length(1 + limits.repeatsMax);
    expect(new Set(sent.map(({ operationId }) => operationId)).size, "one operation").to.equal(1);
  });

  it("is not called not started when an earlier sending may have been done", async () => {
    const { world, one, client } = alone();
    const answer = post(client);
    world.pass(10);
    for (const code of ["ASK_TIMEOUT", "NOT_IN_SYNC", "NOT_IN_SYNC", "NOT_IN_SYNC"] as const) {
      one.say({ re: one.last("room.post").id, error: failure(code) });
      world.pass(2_000);
    }
    expect(await outcomeOf(answer)).to.deep.equal(["ASK_TIMEOUT", "unknown", "NOT_IN_SYNC"]);
  });

  it("that was never answered ends unknown when it was sent, and when it was not, without effect", async () => {
    const { world, one, client } = alone();
    const sent = post(client);
    world.pass(10);
    one.die();
    const unsent = post(client);
    world.pass(answerMs);
    expect((await outcomeOf(sent))[1]).to.equal("unknown");
    expect(await outcomeOf(unsent)).to.deep.equal(["UNREACHABLE", "not_started", undefined]);
  });

  it("is not sent by a machine that slept: the node may have forgotten the operation, and would do it again", async () => {
    const { world, one, client } = alone();
    one.onFrame = (frame, session) => {
      if ((frame.with as { text?: string } | undefined)?.text === "refused")
        session.say({ re: frame.id, error: failure("RATE_LIMITED", { retryAfterMs: 5_000 }) });
    };
    const [sent, pausing] = [post(client, "sent"), post(client, "refused")];
    world.pass(10);
    one.session.drop();
    const unsent = post(client, "unsent");
    world.sleep(2 * 3_600_000);
    world.pass(limits.backoffMaxMs);
    expect(one.sessions, "connected again").to.have.length(2);
    expect(one.all("room.post")).to.have.length(2);
    expect(await outcomeOf(sent)).to.deep.equal(["ASK_TIMEOUT", "unknown", undefined]);
    expect(await outcomeOf(pausing)).to.deep.equal(["RATE_LIMITED", "not_started", undefined]);
    expect(await outcomeOf(unsent)).to.deep.equal(["UNREACHABLE", "not_started", undefined]);
  });

  it("is not sent again after a sleep on a connection that is still open, whether it waits for its answer or pauses", async () => {
    const { world, one, client } = alone();
    const silent = post(client);
    const refusals = [post(client), post(client)];
    world.pass(10);
    const [, second, third] = one.all("room.post");
    one.say({ re: third?.id ?? 0, error: failure("RATE_LIMITED", { retryAfterMs: 5_000 }) });
    world.pass(10);
    world.sleep(2 * 3_600_000);
    one.say({ re: second?.id ?? 0, error: failure("RATE_LIMITED") });
    world.pass(limits.answerTimeoutMs);
    expect(one.all("room.post")).to.have.length(3);
    expect(await outcomeOf(silent)).to.deep.equal(["ASK_TIMEOUT", "unknown", undefined]);
    for (const refused of refusals)
      expect(await outcomeOf(refused)).to.deep.equal(["RATE_LIMITED", "not_started", undefined]);
  });

  it("has the time that a program names, up to a bound, also when the wall clock is set back meanwhile", async () => {
    const { world, client } = alone({ answerTimeoutMs: 24 * 3_600_000 });
    const answer = post(client);
    world.pass(10);
    world.sleep(-3_600_000);
    world.pass(limits.answerTimeoutMaxMs + limits.lastAnswerTimeoutMs);
    expect(await outcomeOf(answer)).to.deep.equal(["ASK_TIMEOUT", "unknown", undefined]);
  });

  it("that pauses is not out, and one that was sent is, whatever the wall clock says", async () => {
    for (const setMs of [20_000, -3_600_000]) {
      const { world, one, client } = alone();
      const pausing = post(client);
      world.pass(10);
      one.say({ re: one.last("room.post").id, error: failure("RATE_LIMITED", { retryAfterMs: 10_000 }) });
      const sent = post(client);
      world.pass(10);
      world.sleep(setMs);
      client.close();
      expect(await outcomeOf(pausing)).to.deep.equal(["STOPPING", "not_started", undefined]);
      expect(await outcomeOf(sent)).to.deep.equal(["ASK_TIMEOUT", "unknown", "STOPPING"]);
    }
  });

  it("is told the truth when the client is closed or its session ends: a change that was sent may have been made", async () => {
    const closed = alone();
    const out = post(closed.client);
    const read = closed.client.call("room.describe", "den", {});
    closed.world.pass(10);
    closed.one.die();
    const queued = post(closed.client);
    closed.client.close();
    expect(await outcomeOf(out)).to.deep.equal(["ASK_TIMEOUT", "unknown", "STOPPING"]);
    expect(await outcomeOf(queued)).to.deep.equal(["STOPPING", "not_started", undefined]);
    expect((await read).ok).to.equal(false);
    expect(closed.world.timers, "no timer is left").to.equal(0);

    const ended = alone();
    const open = post(ended.client);
    ended.world.pass(10);
    ended.one.say({ bye: failure("UNAUTHENTICATED") });
    ended.world.pass(10);
    expect(await outcomeOf(open)).to.deep.equal(["ASK_TIMEOUT", "unknown", "UNAUTHENTICATED"]);
    expect(await outcomeOf(post(ended.client))).to.deep.equal(["UNAUTHENTICATED", "failed", undefined]);
  });

  it("waits for its turn beyond what a node takes at once, and is refused beyond what a queue may hold", async () => {
    const { world, one, client } = alone();
    const answers = Array.from({ length: limits.queuedMax + 1 }, (_, index) => post(client, `${index}`));
    world.pass(10);
    expect(one.all("room.post")).to.have.length(limits.outstandingMax);
    expect(await outcomeOf(answers.at(-1) as (typeof answers)[0])).to.deep.equal([
      "OVERLOADED",
      "not_started",
      undefined,
    ]);
    one.say({ re: one.last("room.post").id, ok: { seq: 1 } });
    world.pass(10);
    expect(one.all("room.post")).to.have.length(limits.outstandingMax + 1);
    client.close();
    await Promise.all(answers);
  });

  it("keeps its place: what was asked first is sent first, also on the next connection", async () => {
    const { world, one, client } = alone();
    const answers = ["a", "b", "c"].map((text) => post(client, text));
    world.pass(10);
    one.session.drop();
    world.pass(limits.backoffMaxMs);
    const texts = (frames: readonly ClientFrame[]) => frames.map((frame) => (frame.with as { text: string }).text);
    expect(texts(one.all("room.post"))).to.deep.equal(["a", "b", "c", "a", "b", "c"]);
    client.close();
    await Promise.all(answers);
  });
});

describe("a client's topic", () => {
  /** Following the room, whose state was at 41. */
  function following() {
    const fixture = alone();
    const { seen, follower } = recorder();
    const stop = fixture.client.follow(topic, follower);
    fixture.world.pass(10);
    fixture.one.say({ re: fixture.one.last("subscribe").id, ok: { head: 41, state: "S" } });
    fixture.world.pass(10);
    return { ...fixture, seen, stop };
  }

  it("goes on after the last event that was seen, and what was seen is dropped", () => {
    const { world, one, seen } = following();
    expect(one.last("subscribe")).to.not.have.property("cursor");
    one.say({ topic, at: 42, event: "a" });
    world.pass(10);
    one.session.drop();
    world.pass(limits.backoffMaxMs);
    const again = one.last("subscribe");
    expect(again.cursor).to.equal(42);
    one.say({ re: again.id, ok: { head: 44 } });
    for (const at of [42, 43, 43, 44]) one.say({ topic, at, event: `e${at}` });
    world.pass(10);
    expect(seen).to.deep.equal([["state", "S", 41], ["a", 42], ["e43", 43], ["e44", 44]]); // prettier-ignore
  });

  it("begins after a position that the program knows", () => {
    const { world, one, client } = alone();
    const { seen, follower } = recorder();
    client.follow(topic, follower, 7);
    world.pass(10);
    expect(one.last("subscribe").cursor).to.equal(7);
    one.say({ re: one.last("subscribe").id, ok: { head: 8 } });
    one.say({ topic, at: 8, event: "next" });
    world.pass(10);
    expect(seen).to.deep.equal([["next", 8]]);
  });

  it("is loaded anew when its position has expired, at once or on the way", () => {
    const { world, one, seen } = following();
    one.session.drop();
    world.pass(limits.backoffMaxMs);
    one.say({ re: one.last("subscribe").id, error: failure("CURSOR_EXPIRED") });
    world.pass(10);
    expect(one.last("subscribe")).to.not.have.property("cursor");
    one.say({ re: one.last("subscribe").id, ok: { head: 90, state: "T" } });
    one.say({ topic, lost: failure("CURSOR_EXPIRED") });
    world.pass(10);
    expect(one.last("subscribe")).to.not.have.property("cursor");
    one.say({ re: one.last("subscribe").id, ok: { head: 95, state: "U" } });
    world.pass(10);
    expect(seen.slice(1)).to.deep.equal([
      ["state", "T", 90],
      ["state", "U", 95],
    ]);
  });

  it("is given up when it may not be followed any more, and nothing comes after that", () => {
    const { world, one, seen } = following();
    one.say({ topic, lost: failure("NOT_A_MEMBER") });
    one.say({ topic, at: 42, event: "secret" });
    world.pass(limits.backoffMaxMs);
    expect(seen.at(-1)).to.deep.equal(["refused", "NOT_A_MEMBER"]);
    expect(one.all("subscribe")).to.have.length(1);
  });

  it("that was asked for again is not ended by the end of its last subscription, and says why it is refused", () => {
    const { world, one, client, stop } = following();
    const { seen, follower } = recorder();
    one.say({ topic, lost: failure("NOT_A_MEMBER") });
    stop();
    client.follow(topic, follower);
    world.pass(10);
    one.say({ re: one.last("subscribe").id, error: failure("BANNED") });
    world.pass(10);
    expect(seen).to.deep.equal([["refused", "BANNED"]]);
  });

  it("stays wanted while nobody can serve it, is asked for with growing pauses, and keeps its position", () => {
    const { world, one, seen } = following();
    const askedAtMs: number[] = [];
    one.onFrame = (frame, session) => {
      if (frame.do !== "subscribe") return;
      expect(frame.cursor).to.equal(41);
      askedAtMs.push(world.nowMs);
      session.say({ re: frame.id, error: failure("SLOT_UNAVAILABLE") });
    };
    one.say({ topic, lost: failure("SLOT_UNAVAILABLE") });
    world.pass(20_000);
    const pauses = askedAtMs.slice(1).map((atMs, index) => atMs - (askedAtMs[index] ?? 0));
    expect(pauses.slice(0, 3)).to.deep.equal(pauses.slice(0, 3).toSorted((one, other) => one - other));
    expect(pauses.length).to.be.within(3, 10);
    one.onFrame = (frame, session) => session.say({ re: frame.id, ok: { head: 42 } });
    world.pass(limits.backoffMaxMs);
    one.say({ topic, at: 42, event: "after" });
    world.pass(10);
    expect(seen).to.deep.equal([
      ["state", "S", 41],
      ["after", 42],
    ]);
  });

  it("tells nothing before its state, and passes best-effort events on after it", () => {
    const { world, one, client } = alone();
    const { seen, follower } = recorder();
    client.follow(topic, follower);
    world.pass(10);
    one.say({ topic, event: "typing" });
    one.say({ topic, at: 3, event: "early" });
    one.say({ re: one.last("subscribe").id, ok: { head: 4, state: "S" } });
    one.say({ topic, event: "draft" });
    world.pass(10);
    expect(seen).to.deep.equal([
      ["state", "S", 4],
      ["signal", "draft"],
    ]);
    client.reload(topic);
    one.say({ topic, event: "of before" });
    world.pass(10);
    expect(seen).to.have.length(2);
    expect(one.last("subscribe")).to.not.have.property("cursor");
  });

  it("is shared by its followers, each of which gets the state, and left with the last of them", () => {
    const { world, one, client, seen, stop } = following();
    const other = recorder();
    const stopOther = client.follow(topic, other.follower);
    world.pass(10);
    one.say({ re: one.last("subscribe").id, ok: { head: 50, state: "T" } });
    world.pass(10);
    expect([seen.at(-1), other.seen]).to.deep.equal([["state", "T", 50], [["state", "T", 50]]]);
    const left = one.all("unsubscribe").length;
    stop();
    world.pass(10);
    expect(one.all("unsubscribe")).to.have.length(left);
    stopOther();
    world.pass(10);
    expect(one.all("unsubscribe")).to.have.length(left + 1);
  });
});

describe("a client's link", () => {
  it("waits longer after each failed attempt, up to a bound, and never less than half a step", () => {
    const waits = Array.from({ length: 20 }, (_, index) => backoffMs(index + 1, 0));
    const { backoffFirstMs: first, backoffMaxMs: max } = limits;
    expect(waits.slice(0, 4)).to.deep.equal([first / 2, first, first * 2, first * 4]);
    expect(waits.at(-1)).to.equal(max / 2);
    expect(backoffMs(20, 0.999)).to.be.at.most(max);
  });

  it("counts a connection that ends at once as a failed attempt, so that nobody is stormed", () => {
    const { world, one, client } = alone();
    const atMs: number[] = [];
    for (let count = 0; count < 5; count += 1) {
      one.session.drop();
      if (client.link.status === "waiting") atMs.push(client.link.retryAtMs - world.nowMs);
      world.pass(limits.backoffMaxMs / 4);
      while (client.link.status !== "open") world.pass(100);
    }
    expect(atMs.at(-1)).to.be.above((atMs[0] ?? 0) * 3);
  });

  it("notices a silent node, and opens another connection", () => {
    const { world, one, client } = alone();
    one.state = "mute";
    world.pass(30_000);
    expect(client.link.status).to.equal("open");
    world.sleep(-3_600_000);
    world.pass(30_100);
    expect(client.link.status, "also when the wall clock was set back").to.not.equal("open");
    one.state = "well";
    world.pass(limits.handshakeTimeoutMs + limits.backoffMaxMs);
    expect(client.link.status).to.equal("open");
  });

  it("treats what is no frame as the end of the connection", () => {
    const { world, one, client } = alone();
    one.say("nonsense" as never);
    world.pass(10);
    expect(client.link.status).to.equal("waiting");
  });

  it("says that the node is slow while what was sent is unanswered, and leaves no timer behind", async () => {
    const { world, one, client } = alone();
    const isLate = () => client.link.status === "open" && client.link.late;
    const before = world.timers;
    const answers = [post(client), post(client)];
    world.pass(limits.lateAfterMs - travelMs);
    expect(isLate()).to.equal(false);
    world.pass(travelMs);
    expect(isLate()).to.equal(true);
    const [first, second] = one.all("room.post");
    one.say({ re: first?.id ?? 0, ok: { seq: 1 } });
    world.pass(10);
    expect(isLate(), "the other still waits").to.equal(true);
    one.say({ re: second?.id ?? 0, ok: { seq: 2 } });
    world.pass(10);
    expect(isLate()).to.equal(false);
    await Promise.all(answers);
    expect(world.timers).to.equal(before);
  });

  it("says so too where timers come a moment before their time", () => {
    const world = new ScriptedCluster();
    const one = world.node("one");
    const early = (delayMs: number, callback: () => void) => world.ports.after(delayMs * 0.9999, callback);
    const client = world.client({ urls: [one.place.url] }, { after: early });
    world.pass(100);
    void post(client);
    world.pass(limits.lateAfterMs + 2);
    expect(client.link).to.include({ status: "open", late: true });
  });

  it("does not call a node slow that answers with a refusal for now, nor one it has just reached", () => {
    const { world, one, client } = alone();
    const isLate = () => client.link.status === "open" && client.link.late;
    void post(client);
    world.pass(10);
    const retryAfterMs = limits.lateAfterMs * 2;
    one.say({ re: one.last("room.post").id, error: failure("RATE_LIMITED", { retryAfterMs }) });
    world.pass(retryAfterMs + limits.lateAfterMs - 100);
    expect(isLate()).to.equal(false);
    world.pass(200);
    expect(isLate()).to.equal(true);
    one.session.drop();
    world.pass(limits.backoffMaxMs / 4);
    expect(client.link.status).to.equal("open");
    expect(isLate()).to.equal(false);
  });

  it("names the node that a command or a topic waits for, until it is served", () => {
    const away = failure("SLOT_UNAVAILABLE", { node: "two", reason: "the node that has it is down" });
    const { world, one, client } = alone();
    const waitsFor = () => client.link.status === "open" && client.link.away;
    let reason: Failure | undefined = away;
    one.onFrame = (frame, session) => {
      const ok = frame.do === "subscribe" ? { head: 1, state: "S" } : { seq: 7 };
      session.say(reason === undefined ? { re: frame.id, ok } : { re: frame.id, error: reason });
    };
    const answer = post(client);
    world.pass(limits.answerTimeoutMs / 2);
    expect(one.all("room.post").length, "for longer than other refusals").to.be.above(1 + limits.repeatsMax);
    expect(waitsFor()).to.equal("two");
    reason = undefined;
    world.pass(2_000);
    expect(waitsFor()).to.equal(undefined);
    reason = away;
    client.follow(topic, recorder().follower);
    world.pass(10);
    expect(waitsFor()).to.equal("two");
    reason = undefined;
    world.pass(limits.backoffMaxMs);
    expect(waitsFor()).to.equal(undefined);
    return answer;
  });

  it("comes back at once when the program wakes up, waits without a network, and probes an open connection", () => {
    const { world, one, client } = alone();
    world.online = false;
    one.session.drop();
    expect(client.link.status).to.equal("offline");
    world.online = true;
    client.wake();
    world.pass(10);
    expect(client.link.status).to.equal("open");
    one.session.drop();
    client.sleep();
    expect(client.link.status).to.equal("offline");
    world.pass(limits.backoffMaxMs);
    expect(client.link.status, "no use in trying").to.equal("offline");
    client.wake();
    world.pass(10);
    one.state = "mute";
    client.wake();
    world.pass(limits.probeTimeoutMs + 10);
    expect(client.link.status).to.not.equal("open");
  });

  it("asks why it is not had, and ends with the session", async () => {
    const { world, one, client } = alone();
    one.die();
    world.refusal = failure("STOPPING");
    world.pass(2_000);
    await settled();
    while (client.link.status !== "waiting") world.pass(10);
    expect(client.link.reason.code).to.equal("STOPPING");
    world.refusal = failure("UNAUTHENTICATED");
    world.pass(limits.backoffMaxMs);
    await settled();
    expect(client.link).to.deep.equal({ status: "ended", failure: failure("UNAUTHENTICATED") });
    const sessions = one.sessions.length;
    one.state = "well";
    client.wake();
    world.pass(limits.backoffMaxMs);
    expect(one.sessions).to.have.length(sessions);
  });

  it("ends when the node calls its frames broken: the same ones would come again", () => {
    const { world, one, client } = alone();
    one.say({ bye: failure("BAD_FRAME") });
    world.pass(limits.backoffMaxMs);
    expect(client.link).to.deep.equal({ status: "ended", failure: failure("BAD_FRAME") });
  });

  it("asks to hear of rooms that are not followed on each connection, and again after a refusal for now", () => {
    const { world, one, client } = alone();
    const heard: unknown[] = [];
    one.onFrame = (frame, session) => {
      if (frame.do === "watch") session.say({ re: frame.id, error: failure("SLOT_UNAVAILABLE") });
    };
    client.onActivity((activity) => heard.push(activity.room));
    world.pass(2_000);
    expect(one.all("watch").length).to.be.above(1);
    one.onFrame = (frame, session) => session.say({ re: frame.id, ok: {} });
    world.pass(limits.backoffMaxMs);
    const asked = one.all("watch").length;
    world.pass(limits.backoffMaxMs);
    expect(one.all("watch")).to.have.length(asked);
    one.session.drop();
    world.pass(limits.backoffMaxMs);
    expect(one.all("watch")).to.have.length(asked + 1);
    one.say({ activity: { room: "attic", seq: 1, author: "user/bob", mentioned: false } });
    world.pass(10);
    expect(heard).to.deep.equal(["attic"]);
  });
});

describe("a client among several nodes", () => {
  it("goes on at another one with its cursor, and sends there again what was not answered", async () => {
    const { world, one, two, client } = amongTwo();
    const { seen, follower } = recorder();
    client.follow(topic, follower);
    world.pass(10);
    one.say({ re: one.last("subscribe").id, ok: { head: 5, state: "S" } });
    const answer = post(client);
    world.pass(10);
    expect(client.at).to.deep.equal({ name: "one", url: one.place.url, amongMany: true });
    const { operationId } = one.last("room.post");
    one.die();
    world.pass(2_000);
    expect(client.at.name).to.equal("two");
    expect(two.last("subscribe").cursor).to.equal(5);
    expect(two.last("room.post").operationId).to.equal(operationId);
    two.say({ re: two.last("subscribe").id, ok: { head: 6 } });
    two.say({ topic, at: 6, event: "six" });
    two.say({ re: two.last("room.post").id, ok: { seq: 1 } });
    world.pass(10);
    expect(await outcomeOf(answer)).to.deep.equal(["ok", 1]);
    expect(seen).to.deep.equal([
      ["state", "S", 5],
      ["six", 6],
    ]);
  });

  it("leaves one that says it stops, and one of which not even a refusal comes, soon", () => {
    const { world, one, two, client } = amongTwo();
    one.say({ bye: failure("STOPPING") });
    one.state = "gone";
    world.pass(limits.handshakeAmongManyMs + 2_000);
    expect(client.at.name).to.equal("two");
    expect(two.sessions).to.have.length(1);
  });

  it("leaves one that is cut off as soon as another says hello, never before, in order, and returns when it is well", async () => {
    const { world, one, two, client } = amongTwo();
    const answers = ["a", "b"].map((text) => post(client, text));
    world.pass(10);
    const states: string[] = [];
    client.onLink((link) => states.push(link.status === "open" ? `open ${client.at.name}` : link.status));
    const degraded = cutOff([two.place], ["two"]);
    Object.assign(one.hello, { degraded });
    one.say({ degraded });
    world.pass(1_000);
    expect(client.at.name).to.equal("two");
    expect(one.session.open).to.equal(false);
    expect(states).to.not.include("waiting");
    const sent = two.all("room.post");
    expect(sent.map((frame) => frame.operationId)).to.deep.equal(["operation-1", "operation-2"]);
    for (const { id } of sent) two.say({ re: id, ok: { seq: 1 } });
    world.pass(limits.returnMaxMs);
    expect(client.at.name, "it is not well yet").to.equal("two");
    Object.assign(one.hello, { degraded: undefined });
    world.pass(limits.returnMaxMs * 2);
    expect(client.at.name).to.equal("one");
    expect((await Promise.all(answers)).every(({ ok }) => ok)).to.equal(true);
    expect(states).to.not.include("waiting");
  });

  it("stays at one that is cut off while the others are no better, and looks again until it is well", async () => {
    const { world, one, two, client } = amongTwo();
    Object.assign(two.hello, { degraded: cutOff([one.place]) });
    one.say({ degraded: cutOff([two.place, { name: "gone", url: "http://10.9.9.9:1" }]) });
    world.pass(10_000);
    expect(client.at.name).to.equal("one");
    const answer = post(client);
    world.pass(10);
    one.say({ re: one.last("room.post").id, ok: { seq: 1 } });
    world.pass(10);
    expect((await answer).ok, "what it can still do it does").to.equal(true);
    const looked = two.sessions.length;
    expect(looked).to.be.within(2, 12);
    one.say({ degraded: null });
    world.pass(limits.returnMaxMs);
    expect(client.at.name).to.equal("one");
    expect(two.sessions.length, "nobody looks any more").to.be.at.most(looked + 1);
    expect(client.link.status === "open" && client.link.degraded).to.equal(undefined);
  });

  it("asks the next one as well where the one before does not answer", () => {
    const world = new ScriptedCluster();
    const places = () => [two.place, three.place];
    const one = world.node("one", places);
    const two = world.node("two");
    const three = world.node("three");
    const client = world.client({ urls: [one.place.url] });
    world.pass(10);
    two.state = "gone";
    one.say({ degraded: cutOff([two.place, three.place]) });
    world.pass(limits.hedgeMs * 2);
    expect(client.at.name).to.equal("three");
  });

  it("does not roam where it may not, and says that its node is cut off and where else to go", () => {
    const { world, one, two, client: other } = amongTwo();
    other.close();
    const client = world.client({ urls: [one.place.url], roams: false });
    world.pass(10);
    const degraded = cutOff([two.place]);
    one.say({ degraded });
    world.pass(10_000);
    expect(client.at).to.deep.equal({ name: "one", url: one.place.url, amongMany: false });
    expect(client.link.status === "open" && client.link.degraded).to.deep.equal(degraded);
    expect(world.kept).to.deep.equal([one.place, two.place]);
    one.die();
    world.pass(limits.backoffMaxMs);
    expect(two.sessions).to.have.length(0);
    one.state = "well";
    world.pass(limits.backoffMaxMs);
    expect(client.link.status === "open" && client.link.degraded, "what an earlier connection said").to.equal(
      undefined,
    );
  });

  it("tries the addresses that it was given, says when all had their turn, and why", () => {
    const world = new ScriptedCluster();
    const [one, two] = [world.node("one"), world.node("two")];
    one.state = "dead";
    two.refusal = failure("SLOT_UNAVAILABLE", { actor: "user/ada" });
    const rounds: string[] = [];
    const client = world.client({ urls: [one.place.url, two.place.url] });
    client.onLink((link) => {
      if (link.status === "waiting") rounds.push(`${link.tried} ${link.reason.code}`);
    });
    world.pass(1_000);
    expect(rounds.slice(0, 3)).to.deep.equal(["false UNREACHABLE", "true SLOT_UNAVAILABLE", "false UNREACHABLE"]);
    two.refusal = undefined;
    world.pass(limits.backoffMaxMs * 2);
    expect(client.at).to.deep.equal({ name: "two", url: two.place.url, amongMany: true });
  });

  it("remembers from one run to the next where the others are", () => {
    const { world, one, two, client } = amongTwo();
    client.close();
    one.die();
    const next = world.client({ urls: [one.place.url] });
    world.pass(5_000);
    expect(next.at.name).to.equal("two");
    expect(two.sessions).to.have.length(1);
  });
});

describe("a client that looks at people", () => {
  it("asks for them again on each connection, hears all of them first and then what changes", async () => {
    const { world, one, client } = alone();
    const heard: unknown[] = [];
    client.onPresence((people, whole) => heard.push([whole, ...people.map(({ user, here }) => `${user} ${here}`)]));
    const first = client.look(["ben", "cleo"]);
    world.pass(10);
    const asked = one.last("look");
    expect(asked.with).to.deep.equal({ people: ["ben", "cleo"] });
    one.say({ re: asked.id, ok: { people: [{ user: "ben", here: "active" }] } });
    world.pass(10);
    expect(await first).to.deep.equal({ ok: true, value: [{ user: "ben", here: "active" }] });
    one.say({ presence: [{ user: "ben", here: "away" }] });
    world.pass(10);
    client.here(false);
    one.session.drop();
    world.pass(limits.backoffMaxMs);
    expect(one.last("look").with).to.deep.equal({ people: ["ben", "cleo"] });
    expect(one.last("here").with).to.deep.equal({ active: false });
    one.say({ re: one.last("look").id, ok: { people: [] } });
    world.pass(10);
    expect(heard).to.deep.equal([[true, "ben active"], [false, "ben away"], [true]]);
  });

  it("tells of a node that knows no presence, and asks it no more", async () => {
    const { world, one, client } = alone();
    const told = client.look(["ben"]);
    world.pass(10);
    one.say({ re: one.last("look").id, error: failure("BAD_REQUEST") });
    world.pass(60_000);
    expect(await told).to.have.nested.property("error.code", "BAD_REQUEST");
    expect(one.all("look")).to.have.length(1);
  });
});

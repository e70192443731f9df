import { expect } from "chai";
import { activity } from "../../../actors/activity/index.ts";
import { useHandlers } from "../../../actors/activity/use.ts";
import { createUse } from "../../../node/inference/usage/use.ts";
import type { AuditEvent, FeedbackView, UseView } from "../../../protocols/index.ts";
import { controlToken, createWorld, startFixture, type Fixture, type Reply } from "../gateway/fixture.ts";

const dayMs = 24 * 3_600_000;

describe("use of the program, and what people say of it", () => {
  let fixture: Fixture;
  let shiftMs: number;
  let use: ReturnType<typeof createUse>;
  /** Answers that are lost on their way. */
  let lost: number;
  let written: AuditEvent[];

  const admin = (method: string, path: string, body?: object): Promise<Reply> =>
    fixture.request(method, `/api/v1/admin${path}`, { token: controlToken, ...(body && { body }) });
  const done = async (...asked: Parameters<typeof admin>): Promise<Reply["body"]> => {
    const { status, body } = await admin(...asked);
    expect(status, JSON.stringify(body)).to.equal(200);
    return body;
  };
  const view = (): Promise<UseView> => done("GET", "/use?days=30");
  const say = (token: string, text: string): Promise<Reply> =>
    fixture.request("POST", "/api/v1/me/feedback", { token, body: { text } });

  beforeEach(async () => {
    shiftMs = 0;
    lost = 0;
    written = [];
    const world = createWorld();
    const real = world.clock();
    const clock = { ...real, nowMs: () => real.nowMs() + shiftMs };
    fixture = await startFixture({ world, clock, audit: { write: async (event) => void written.push(event) } });
    use = createUse({
      reporter: "n1",
      clock,
      async ask(message, timeoutMs) {
        const answer = await fixture.kernel.ask({
          to: "activity/cluster",
          from: "node",
          message: message as never,
          timeoutMs,
        });
        if (lost === 0) return answer;
        lost -= 1;
        return { ok: false, error: { code: "ASK_TIMEOUT", message: "lost", outcome: "unknown" } } as never;
      },
    });
  });
  afterEach(async () => {
    await use.stop();
    await fixture.stop();
  });

  it("are counted by day, once though an answer is lost, by names of commands alone", async () => {
    use.used("room.post");
    use.used("room.post");
    use.used("room.react");
    use.used("room.markRead");
    use.used("a text of somebody");
    use.stayed(30_000);
    use.stayed(10 * 60_000);
    use.stayed(9 * 3_600_000);
    lost = 1;
    await use.flush();
    await use.flush();
    const [day] = (await view()).days;
    expect(day?.features).to.deep.equal({ "room.post": 2, "room.react": 1 });
    expect(day?.sessions).to.deep.equal([1, 0, 1, 0, 0, 1]);
    shiftMs += dayMs;
    use.used("room.post");
    await use.flush();
    const { days } = await view();
    expect(days.map(({ features }) => features["room.post"])).to.deep.equal([1, 2]);
    expect((await done("GET", "/use?days=1")).next).to.equal(days[0]?.day);
    expect((await done("GET", `/use?days=30&before=${days[0]?.day}`)).days).to.deep.equal([days[1]]);
    shiftMs += 401 * dayMs;
    use.used("room.post");
    await use.flush();
    expect((await view()).days).to.have.length(1);
  });

  it("are not collected while that is off, and go when they are deleted", async () => {
    const { token } = await fixture.signUp("ada");
    use.used("room.post");
    await use.flush();
    expect((await say(token, "I like it")).status).to.equal(200);
    await done("PUT", "/use", { isOn: false });
    use.used("room.post");
    await use.flush();
    // It knows now, and counts nothing.
    use.used("room.post");
    use.stayed(1);
    await use.flush();
    expect((await say(token, "And this")).body.error.code).to.equal("FORBIDDEN");
    const before = await view();
    expect(before.isOn).to.equal(false);
    expect(before.days[0]?.features).to.deep.equal({ "room.post": 1 });
    await done("DELETE", "/use");
    expect((await view()).days).to.deep.equal([]);
    expect((await done("GET", "/feedback")).feedback).to.deep.equal([]);
    await done("PUT", "/use", { isOn: true });
    await use.flush();
    use.used("room.react");
    await use.flush();
    expect((await view()).days[0]?.features).to.deep.equal({ "room.react": 1 });
  });

  it("are said without a name, a few times, are read by admins alone, and marked as done", async () => {
    const root = await fixture.signUp("root");
    const { token } = await fixture.signUp("ada");
    for (let at = 0; at < 5; at += 1) expect((await say(token, `thing ${at}`)).status).to.equal(200);
    expect((await say(token, "once more")).body.error.code).to.equal("RATE_LIMITED");
    expect((await say(token, "x".repeat(1_001))).status).to.equal(400);
    expect((await fixture.request("GET", "/api/v1/admin/feedback", { token })).status).to.equal(403);
    const { feedback } = (await fixture.request("GET", "/api/v1/admin/feedback", { token: root.token }))
      .body as FeedbackView;
    // Nothing says in which order or when it was said, and the audit not by whom.
    expect(feedback.map(({ text }) => text)).to.have.members([0, 1, 2, 3, 4].map((at) => `thing ${at}`));
    expect(feedback.map(({ id }) => id)).to.deep.equal(
      feedback.map(({ id }) => id).toSorted((one, other) => one - other),
    );
    expect(feedback.every(({ id, atMs }) => id >= 100_000 && atMs % dayMs === 0)).to.equal(true);
    expect(JSON.stringify(feedback)).not.to.include("ada");
    expect(written.map(({ action }) => action)).not.to.include("giveFeedback");
    shiftMs += dayMs;
    for (const wrong of ["\ud800", "\u200b", "a\u0000"]) expect((await say(token, wrong)).status, wrong).to.equal(400);
    expect((await say(root.token, "a day later")).status).to.equal(200);
    expect(((await done("GET", "/feedback")) as FeedbackView).feedback[0]?.text).to.equal("a day later");
    await done("POST", `/feedback/${feedback[0]?.id}/end`);
    const ended = ((await done("GET", "/feedback")) as FeedbackView).feedback.filter((one) => one.done);
    expect(ended).to.deep.equal([{ ...feedback[0], done: true }]);
    expect((await admin("POST", "/feedback/999/end")).body.error.code).to.equal("NOT_FOUND");
  });

  it("are bounded: what is done goes first, and more that wait are refused", async () => {
    const give = (text: string) =>
      fixture.kernel.ask({
        to: "activity/cluster",
        from: "gateway",
        message: { type: "giveFeedback", text, id: 7 } as never,
        timeoutMs: 5_000,
      });
    for (let at = 0; at < 100; at += 1) expect((await give(`thing ${at}`)).ok).to.equal(true);
    const full = await give("one more");
    expect(full.ok ? "" : full.error.code).to.equal("LIMIT_REACHED");
    const list = async () => ((await done("GET", "/feedback")) as FeedbackView).feedback;
    const [, second] = await list();
    await done("POST", `/feedback/${second?.id}/end`);
    expect((await give("one more")).ok).to.equal(true);
    const kept = await list();
    expect(kept).to.have.length(100);
    expect(kept.some(({ text }) => text === second?.text)).to.equal(false);
    expect(kept.filter(({ done: isDone }) => isDone)).to.deep.equal([]);
  });

  it("are written without the feedback where it stays as it is", () => {
    const nowMs = dayMs * 20_000;
    const feedback = Array.from({ length: 100 }, (_, at) => ({ id: at + 1, text: "x".repeat(1_000), atMs: nowMs }));
    const day = { day: new Date(nowMs).toISOString().slice(0, 10), features: {}, sessions: [0, 0, 0, 0, 0, 0] };
    const state = {
      ...activity.initial("activity/cluster" as never),
      use: { isOn: true, day, reporters: {}, feedback },
    };
    const message = { type: "tellUse" as const, reporter: "n1", seq: 1, features: [{ feature: "room.post", count: 1 }], sessions: [0, 0, 0, 0, 0, 0] }; // prettier-ignore
    const [effect] = useHandlers.tellUse(state, message, { nowMs } as never);
    if (effect?.type !== "persist") throw new Error("it is persisted first");
    expect(JSON.stringify(effect).length).to.be.below(2_000);
    const { use: after } = activity.evolve(state, effect.event);
    expect(after?.feedback).to.deep.equal(feedback);
    expect(after?.day.features).to.deep.equal({ "room.post": 1 });
  });

  it("stay off when a node of a version before wrote a snapshot that says nothing of it", () => {
    const key = "activity/cluster" as never;
    const records = new Map<string, unknown>();
    let state = activity.initial(key);
    const persisted = (effects: readonly unknown[]): readonly unknown[] => {
      for (const effect of effects as readonly { readonly type: string; readonly event: never }[])
        if (effect.type === "persist") {
          state = activity.evolve(state, effect.event);
          for (const op of activity.record!(effect.event, key))
            if ("put" in op) records.set(op.put, op.value);
            else if ("delete" in op) records.delete(op.delete);
        }
      return effects.filter((effect) => (effect as { readonly type: string }).type === "reply");
    };
    const asked = (from: string, message: object): unknown => {
      const turn = { nowMs: dayMs * 20_000, from, replyTo: { node: "n", correlation: 1 } } as never;
      let effects = activity.decide(state, message as never, turn);
      const [first] = effects;
      if (first?.type === "read") {
        const found = [...records].filter(([name]) => name >= first.range.from && name < first.range.to);
        const rows = found.map(([name, value]) => ({ key: name, value }));
        const signal = { type: "records", tag: first.tag, records: rows } as const;
        effects = activity.decide(state, signal, { ...(turn as object), replyTo: undefined } as never);
      }
      const [answer] = persisted(effects) as readonly { readonly value: unknown; readonly to?: unknown }[];
      return answer?.value;
    };
    const tells = (seq: number) => ({ type: "tellUse", reporter: "n1", seq, features: [{ feature: "room.post", count: 1 }], sessions: [0, 0, 0, 0, 0, 0] }); // prettier-ignore
    const forgotten = (): void => {
      const { use: _use, ...rest } = state;
      state = rest;
    };
    expect(asked("node", tells(1))).to.deep.equal({ seq: 1, isOn: true });
    asked("gateway", { type: "setUse", isOn: false });
    forgotten();
    expect(asked("node", tells(2))).to.deep.equal({ seq: 2, isOn: false });
    expect(state.use).to.deep.include({ isOn: false });
    expect(state.use?.day.features).to.deep.equal({});
    forgotten();
    asked("gateway", { type: "setUse", isOn: true });
    forgotten();
    expect(asked("node", tells(3)), "on stays on as well").to.deep.equal({ seq: 3, isOn: true });
  });
});

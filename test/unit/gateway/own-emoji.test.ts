import { expect } from "chai";
import { createRequests } from "../../../node/gateway/commands/requests.ts";
import type { Subscriber } from "../../../node/gateway/feeds/subscriber.ts";
import type { Subscribers } from "../../../node/gateway/feeds/subscribers.ts";
import { gatewayLimits } from "../../../node/gateway/limits.ts";
import type { GatewayContext, GatewayOptions } from "../../../node/gateway/options.ts";
import { failure, refused, type EmojiView } from "../../../protocols/index.ts";
import { createOwnEmoji } from "../../../node/gateway/media/own-emoji.ts";
import { startFixture, type Fixture } from "./fixture.ts";

const hash = "a".repeat(64);

describe("the list of the cluster's emoji that a gateway has", () => {
  /** One whose questions wait until the test answers them. */
  function opened() {
    const open: ((names: readonly string[] | undefined) => void)[] = [];
    let nowMs = 0;
    const ask = () =>
      new Promise((resolve) => {
        open.push((names) => {
          const emoji = names?.map((name) => ({ name, hash, size: 10 }));
          resolve(emoji ? { ok: true, value: { emoji } } : { ok: false, error: { code: "SLOT_UNAVAILABLE" } });
        });
      });
    const list = createOwnEmoji({
      kernel: { ask } as unknown as GatewayOptions["kernel"],
      clock: { monotonicMs: () => nowMs } as GatewayOptions["clock"],
      limits: { askTimeoutMs: 5_000, emojiListKeptMs: 2_000 },
    });
    const find = (name: string) =>
      list.find((one) => one.name === name).then((found) => (found.ok ? found.value?.name : found.error.code));
    return { list, open, find, pass: (ms: number) => (nowMs += ms), turn: () => new Promise(setImmediate) };
  }

  it("has one question under way, and asks again when what it knows is old, wrong or was changed here", async () => {
    const { list, open, pass, turn } = opened();
    const all = Array.from({ length: 1_000 }, () => list.all());
    pass(60_000);
    void list.all();
    expect(open).to.have.length(1);
    open[0]?.(["a1"]);
    await Promise.all(all);
    for (const [ms, asked] of [
      [0, 2],
      [1_999, 2],
      [1, 3],
    ] as const) {
      pass(ms);
      void list.all();
      expect(open.length, `after ${ms} ms`).to.equal(asked);
      open.at(-1)?.(["a1"]);
      await turn();
    }
    list.changed();
    void list.all();
    expect(open).to.have.length(4);
    open[3]?.(undefined);
    await turn();
    void list.all();
    expect(open, "an answer that failed is not kept").to.have.length(5);
  });

  it("says that there is none only by a question that was begun later, one for all that wait", async () => {
    const { list, open, find, turn } = opened();
    void list.all();
    const many = Array.from({ length: 1_000 }, () => find("b1"));
    expect(open).to.have.length(1);
    open[0]?.(["a1"]);
    await turn();
    expect(open, "for a thousand that miss it").to.have.length(2);
    open[1]?.(["a1", "b1"]);
    expect(new Set(await Promise.all(many))).to.deep.equal(new Set(["b1"]));
    expect(await find("a1")).to.equal("a1");
    expect(open).to.have.length(2);
    const none = find("c1");
    await turn();
    open[2]?.(["a1"]);
    expect([await none, open.length]).to.deep.equal([undefined, 3]);
  });
});

describe("gateway: the cluster's own emoji", () => {
  let fixture: Fixture;
  let token = "";
  /** Questions that `emoji/cluster` got. */
  let questions = 0;
  before(async () => {
    fixture = await startFixture({
      limits: { emojiListKeptMs: 3_600_000 },
      open: ({ kernel }) => ({
        kernel: {
          ...kernel,
          ask(asked: Parameters<typeof kernel.ask>[0]) {
            if (asked.to === "emoji/cluster") questions += 1;
            return kernel.ask(asked);
          },
        } as unknown as GatewayOptions["kernel"],
      }),
    });
    ({ token } = await fixture.signUp("ada"));
    await fixture.request("POST", "/api/v1/rooms", { token, body: { room: "lobby" } });
    await fixture.request("POST", "/api/v1/rooms/lobby/messages", { token, body: { text: "hi" } });
  });
  beforeEach(() => {
    questions = 0;
  });
  after(() => fixture.stop());

  /** As the gateway of another node does it. */
  const elsewhere = (type: string, name: string) =>
    fixture.kernel.ask({
      to: "emoji/cluster",
      from: "gateway",
      message: type === "add" ? { type, name, hash, size: 10 } : { type, name },
      timeoutMs: 5_000,
    });
  const list = () => fixture.request("GET", "/api/v1/emoji", { token });
  const react = (name: string) =>
    fixture.request("PUT", `/api/v1/rooms/lobby/messages/1/reactions/${encodeURIComponent(`:${name}:`)}`, {
      token,
      body: {},
    });

  it("are one question of all pages that ask at once, over any wire, and none for a while", async () => {
    const client = await fixture.connect(token);
    const answers = await Promise.all([
      ...Array.from({ length: 40 }, async () => (await list()).status),
      ...Array.from({ length: 10 }, async () => (await client.ask("emoji.list", "cluster")).ok),
    ]);
    expect(answers.slice(0, 40).every((status) => status === 200)).to.equal(true);
    expect(answers.slice(40)).to.deep.equal(Array.from({ length: 10 }, () => ({ emoji: [] })));
    expect((await list()).body).to.deep.equal({ emoji: [] });
    expect(questions).to.equal(1);
  });

  it("are found at once, added at another node: that there is none is never said from what was known", async () => {
    await list();
    await elsewhere("add", "green-disc");
    questions = 0;
    expect((await react("green-disc")).status).to.equal(200);
    expect((await react("green-disc")).status).to.equal(200);
    expect(questions, "and then it is known").to.equal(1);
    const { emoji } = (await list()).body as EmojiView;
    expect(emoji.map(({ name }) => name)).to.deep.equal(["green-disc"]);
  });
});

describe("reactions of those who may not react", () => {
  for (const may of [false, true])
    it(may ? "are looked up for those who may" : "are refused before an emoji is looked up", async () => {
      const sent: unknown[] = [];
      let lookedUp = 0;
      const find = async () => {
        lookedUp += 1;
        return refused(failure("SLOT_UNAVAILABLE"));
      };
      const at = {
        rights: { refusal: () => (may ? undefined : failure("FORBIDDEN", {})) },
        ownEmoji: { find },
        limits: { ...gatewayLimits },
      };
      const requests = createRequests(at as unknown as GatewayContext, {} as unknown as Subscribers);
      const subscriber = {
        caller: { user: "ada", actor: "user/ada" },
        outstanding: 0,
        open: true,
        isReady: () => true,
        ready: async () => undefined,
        wire: { pause: () => undefined, resume: () => undefined },
        send: (frame: unknown) => sent.push(frame),
      };
      const asked = { seq: 1, emoji: ":nobody:", on: true };
      requests.take(subscriber as unknown as Subscriber, { id: 1, do: "room.react", to: "lobby", with: asked });
      await new Promise(setImmediate);
      expect(sent).to.have.length(1);
      expect(sent[0]).to.have.nested.property("error.code", may ? "SLOT_UNAVAILABLE" : "FORBIDDEN");
      expect(lookedUp).to.equal(may ? 1 : 0);
    });
});

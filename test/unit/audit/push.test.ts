import { createHmac } from "node:crypto";
import { expect } from "chai";
import { removableUpTo } from "../../../node/audit/retention.ts";
import type { Audit } from "../../../node/audit/index.ts";
import type { Exchange } from "../../../node/cluster/exchange/index.ts";
import type { Clock, Membership } from "../../../node/ports/index.ts";
import { deliver } from "../../../node/platform/index.ts";
import { beginOf, type AuditRecord, type AuditSink, type SetAuditSink } from "../../../protocols/index.ts";
import { RowStore } from "../storage/fixture.ts";
import { tlsPair } from "../../fixtures/tls-pair.ts";
import { startCollector, startSyslog } from "./receivers.ts";
import { event, idOf, openAudit } from "./fixture.ts";
import { untilTrue, usualLimitMs } from "../../waits.ts";
import { flowingWorld } from "../../fixtures/flowing.ts";

const sinkOf = (url: string, more: Partial<AuditSink> = {}): AuditSink => ({
  name: "siem",
  id: "00000000000000a1",
  url,
  format: "jsonl",
  sinceMs: 0,
  ...more,
});

/** Short pauses: what is tested is that nothing is lost, not when it comes. */
const quick = { pushPauseMs: 1, pushRetryMs: 5, pushRetryMaxMs: 20, pushEveryMs: 50, pushTimeoutMs: usualLimitMs };

/** A node alone that sends its audit. */
class Sender {
  readonly store = new RowStore();
  sinks: readonly AuditSink[] = [];
  readonly told: string[] = [];
  audit: Audit | undefined;
  #changed: () => void = () => undefined;
  #starts = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async start(limits: object = {}): Promise<Audit> {
    const audit = await openAudit(
      { store: this.store, clock: this.#clock, limits: { ...quick, ...limits } },
      "a",
      (this.#starts += 40),
    );
    const membership: Membership = {
      self: idOf("a"),
      members: () => ({ view: 1, members: [] }),
      isUp: () => true,
      isSlow: () => false,
      isStaying: () => true,
      onChange: () => () => undefined,
    };
    audit.join({
      exchange: { node: idOf("a"), on: () => undefined, send: () => true } as unknown as Exchange,
      membership,
      forked: () => undefined,
      tell: (action, facts) => void this.told.push(`${action} ${facts["sink"] ?? ""}`),
      push: {
        sinks: () => this.sinks,
        onChange: (listener) => {
          this.#changed = listener;
          return () => undefined;
        },
        deliver,
        secret: (sink) => Promise.resolve(sink.sealed === "sealed" ? "the secret of the sink" : undefined),
        version: "1.2.3",
      },
    });
    this.audit = audit;
    return audit;
  }

  use(...sinks: readonly AuditSink[]): void {
    this.sinks = sinks;
    this.#changed();
  }

  async write(count: number, from = 0): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, (_, at) =>
        (this.audit as Audit).write(event({ action: "setRole", target: `role/${from + at}` })),
      ),
    );
  }
}

const seqsOf = (messages: readonly string[]): readonly number[] =>
  [
    ...new Set(
      messages.map((message) => Number(/seq="?(\d+)/.exec(message)?.[1] ?? (JSON.parse(message) as AuditRecord).seq)),
    ),
  ].toSorted((one, other) => one - other);
const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, at) => at + 1);

describe("audit: sent to systems of others", function () {
  const world = flowingWorld();
  let sender: Sender;
  const receivers: { stop(): Promise<void> }[] = [];
  const using = async <R extends { stop(): Promise<void> }>(starting: Promise<R>): Promise<R> => {
    const receiver = await starting;
    receivers.push(receiver);
    return receiver;
  };
  beforeEach(() => {
    sender = new Sender(world.clock());
  });
  afterEach(async () => {
    await sender.audit?.stop();
    for (const receiver of receivers.splice(0)) await receiver.stop();
  });

  it("sends every entry by syslog over TCP in each format, by octet counting, and ends each batch so that it is known to have come", async () => {
    const receiver = await using(startSyslog());
    await sender.start();
    await sender.write(3);
    const url = `syslog+tcp://127.0.0.1:${receiver.port}`;
    const formats = ["syslog", "cef", "jsonl"] as const;
    sender.use(...formats.map((format, at) => sinkOf(url, { name: format, id: `00000000000000b${at}`, format })));
    await untilTrue("all came", () => receiver.messages.length === 9);
    for (const message of receiver.messages)
      expect(message).to.match(/^<10[6-9]>1 \d{4}-\S+Z a plexus - setRole \[plexus@32473 log="[0-9a-f-]+" seq="\d"/);
    const cef = receiver.messages.filter((message) => message.includes("CEF:0|Plexus|Plexus|1.2.3|setRole|"));
    expect(cef).to.have.length(3);
    const json = receiver.messages.flatMap((message) => /\] (\{.*\})$/.exec(message)?.[1] ?? []);
    expect(json.map((text) => (JSON.parse(text) as AuditRecord).target)).to.have.members([
      "role/0",
      "role/1",
      "role/2",
    ]);
  });

  it("loses nothing when connections are cut anywhere, and none twice when they are not", async () => {
    const receiver = await using(startSyslog());
    await sender.start({ pushEntries: 7 });
    receiver.cutAfter(1, 300, 900, 1_500, 2_000, 40, 1_800, 5);
    sender.use(sinkOf(`syslog+tcp://127.0.0.1:${receiver.port}`, { format: "syslog" }));
    await sender.write(60);
    await untilTrue("all came", () => seqsOf(receiver.messages).length === 60);
    expect(seqsOf(receiver.messages)).to.deep.equal(upTo(60));
    await untilTrue("all is confirmed", async () => (await sender.audit?.pushed())?.states[0]?.logs[0]?.sent === 60);
    const before = receiver.messages.length;
    await sender.write(20, 60);
    await untilTrue("the rest came", () => seqsOf(receiver.messages).length === 80);
    expect(receiver.messages.length - before, "nothing was cut since").to.equal(20);
  });

  it("goes on at the cursor after a restart, and sends again only what was not confirmed", async () => {
    const receiver = await using(startSyslog());
    sender.sinks = [sinkOf(`syslog+tcp://127.0.0.1:${receiver.port}`, { format: "syslog" })];
    await sender.start();
    await sender.write(10);
    await untilTrue("all is confirmed", async () => (await sender.audit?.pushed())?.states[0]?.logs[0]?.sent === 10);
    await sender.audit?.stop();
    await sender.start();
    await sender.write(5, 10);
    await untilTrue("the rest came", () => seqsOf(receiver.messages).length === 15);
    expect(receiver.messages).to.have.length(15);
  });

  it("sends over TLS only to whom the sink's certificates vouch for", async () => {
    const { key, cert } = tlsPair;
    const receiver = await using(startSyslog({ key, cert }));
    const url = `syslog+tls://localhost:${receiver.port}`;
    await sender.start();
    sender.use(sinkOf(url, { format: "syslog" }));
    await sender.write(4);
    await untilTrue("it is refused", async () => (await sender.audit?.pushed())?.states[0]?.reason !== undefined);
    expect(receiver.messages).to.deep.equal([]);
    sender.use(sinkOf(url, { format: "syslog", ca: cert }));
    receiver.cutAfter(100);
    await untilTrue("all came", () => seqsOf(receiver.messages).length === 4);
  });

  it("sends over HTTP until a 2xx, signed or with a token, and says why it does not go on without telling what the receiver said", async () => {
    const collector = await using(startCollector());
    await sender.start();
    collector.answer(500, "cut", 302);
    const url = `http://127.0.0.1:${collector.port}/in`;
    sender.use(
      sinkOf(url, { sealed: "sealed", auth: "hmac" }),
      sinkOf(url, { name: "other", id: "00000000000000a2", sealed: "other cluster's" }),
    );
    await sender.write(3);
    await untilTrue("all came", () => seqsOf(collector.messages).length === 3);
    const [head = {}] = collector.heads.slice(-1);
    const time = String(head["x-plexus-timestamp"]);
    const body = collector.bodies.at(-1) ?? "";
    const wanted = createHmac("sha256", "the secret of the sink").update(`${time}.${body}`).digest("hex");
    expect(head["x-plexus-signature"]).to.equal(`sha256=${wanted}`);
    const other = async () => (await sender.audit?.pushed())?.states.find(({ sink }) => sink === "other");
    await untilTrue("it says why", async () => (await other())?.reason !== undefined);
    expect((await other())?.reason).to.match(/secret cannot be opened/);
    sender.use(sinkOf(url, { sealed: "sealed" }));
    await sender.write(1, 3);
    await untilTrue(
      "it came with the token",
      () => collector.heads.at(-1)?.authorization === "Bearer the secret of the sink",
    );
  });

  it("tells admins when a sink is behind for long, and reports how far", async () => {
    const receiver = await using(startSyslog());
    const { port } = receiver;
    await receiver.stop();
    await sender.start({ pushBehindMs: 1 });
    sender.use(sinkOf(`syslog+tcp://127.0.0.1:${port}`));
    await sender.write(2);
    await untilTrue("it is told", () => sender.told.includes("sinkBehind siem"));
    const { entries } = (await sender.audit?.search({ action: "sinkBehind" })) ?? { entries: [] };
    expect(entries).to.have.length(1);
    const state = (await sender.audit?.pushed())?.states[0];
    expect(state?.logs[0]).to.deep.include({ sent: 0, end: 3 });
    expect(state?.reason).to.match(/ECONNREFUSED/);
  });

  it("sends the next batch to where the sink is by then", async () => {
    const [before, after] = [await using(startCollector()), await using(startCollector())];
    await sender.start({ pushEntries: 1 });
    await sender.write(5);
    const url = ({ port }: { readonly port: number }) => `http://127.0.0.1:${port}/in`;
    Object.defineProperty(sender, "sinks", { get: () => [sinkOf(url(before.messages.length === 0 ? before : after))] });
    await sender.write(1, 5);
    await untilTrue("all came", () => seqsOf([...before.messages, ...after.messages]).length === 6);
    expect(seqsOf(before.messages)).to.deep.equal([1]);
  });

  it("sends a new address everything, or what is written from now on, or goes on, as the row says", async () => {
    const [first, all, now, moved] = [await using(startCollector()), await using(startCollector()), await using(startCollector()), await using(startCollector())]; // prettier-ignore
    const url = ({ port }: { readonly port: number }) => `http://127.0.0.1:${port}/in`;
    await sender.start();
    await sender.write(5);
    const before = sinkOf(url(first));
    sender.use(before);
    await untilTrue("the first has all", () => seqsOf(first.messages).length === 5);
    world.elapse(2);
    const nowMs = Math.ceil(world.nowMs);
    world.elapse(2);
    const to = (receiver: { readonly port: number }, begin: SetAuditSink["begin"], fresh: string) => {
      const wish = { url: url(receiver), ...(begin && { begin }) };
      return { ...before, name: fresh, url: wish.url, ...beginOf(before, wish, { nowMs, fresh }) };
    };
    // All at once, as rows of their own: the cursors belong to the ids.
    sender.use(
      to(all, undefined, "00000000000000c1"),
      to(now, "now", "00000000000000c2"),
      to(moved, "kept", "00000000000000c3"),
    );
    await sender.write(2, 5);
    await untilTrue("all came", () => [all, now, moved].every(({ messages }) => seqsOf(messages).includes(7)));
    expect(seqsOf(all.messages)).to.deep.equal(upTo(7));
    expect(seqsOf(now.messages)).to.deep.equal([6, 7]);
    expect(seqsOf(moved.messages)).to.deep.equal([6, 7]);
  });

  it("begins anew where something is another that it begins by, and goes on where nothing is", () => {
    const at = { nowMs: 9.5, fresh: "f" };
    const before = { id: "a", url: "https://one/", sinceMs: 3 };
    const of = (wish: Partial<SetAuditSink>, from: typeof before | undefined = before) =>
      beginOf(from, { url: "https://one/", ...wish }, at);
    expect(beginOf(undefined, { url: "https://one/" }, at)).to.deep.equal({ id: "f", sinceMs: 0 });
    expect(beginOf(undefined, { url: "https://one/", begin: "now" }, at)).to.deep.equal({ id: "f", sinceMs: 9 });
    expect(of({})).to.deep.equal({ id: "a", sinceMs: 3 });
    expect(of({ sinceMs: 3 }), "the same again").to.deep.equal({ id: "a", sinceMs: 3 });
    expect(of({ sinceMs: 1 }), "from another time on").to.deep.equal({ id: "f", sinceMs: 1 });
    expect(of({ begin: "start" }), "once more").to.deep.equal({ id: "f", sinceMs: 3 });
    expect(of({ url: "https://two/" })).to.deep.equal({ id: "f", sinceMs: 3 });
    expect(of({ url: "https://two/", begin: "kept" })).to.deep.equal({ id: "a", sinceMs: 3 });
    expect(of({ url: "https://two/", begin: "now" })).to.deep.equal({ id: "f", sinceMs: 9 });
  });

  it("sends one batch at a time of a log that is far ahead, and begins at the time that the sink names", async () => {
    const collector = await using(startCollector());
    await sender.start({ pushEntries: 10 });
    await sender.write(95);
    world.elapse(2);
    const sinceMs = Math.ceil(world.nowMs);
    world.elapse(2);
    await sender.write(31, 95);
    const url = `http://127.0.0.1:${collector.port}/`;
    sender.use(sinkOf(url), sinkOf(url, { name: "late", id: "00000000000000a3", sinceMs, format: "syslog" }));
    await untilTrue("all came", () => collector.messages.length === 126 + 31);
    expect(Math.max(...collector.bodies.map((body) => body.trimEnd().split("\n").length))).to.equal(10);
    expect(seqsOf(collector.messages.filter((message) => message.startsWith("<")))).to.deep.equal(upTo(126).slice(95));
  });
});

describe("audit: what may be removed while a sink has not confirmed it", () => {
  const dayMs = 24 * 3_600_000;
  const book = (days: readonly number[], nowMs: number, actions: readonly string[] = []) => {
    const records = days.map((ago, at) => ({ log: "l", seq: at + 1, atMs: nowMs - ago * dayMs, action: actions[at] ?? "signIn", by: "x", outcome: "done", prev: "" })); // prettier-ignore
    return {
      of: () => ({ from: 1, end: { seq: records.length } }),
      bytes: () => Promise.resolve(records.length * 100),
      read: (_log: string, after: number, limit: number) =>
        Promise.resolve(records.slice(after, after + limit).map((record) => JSON.stringify(record))),
    } as unknown as Parameters<typeof removableUpTo>[0];
  };
  const limits = { unsentKeptMs: 30 * dayMs, pruneLooksMax: 1_000 };
  const nowMs = 1_000 * dayMs;
  const upToOf = (
    at: Parameters<typeof book>,
    rules: { days: number; areas?: object; logBytesMax?: number },
    confirmed = Infinity,
  ) => removableUpTo(book(...at), "l", { nowMs, rules: { logBytesMax: 1e9, ...rules }, limits, confirmed });

  it("goes by the days, the longest that fits, and keeps what comes after something that stays", async () => {
    const days = [50, 40, 30, 20, 10];
    expect(await upToOf([days, nowMs], { days: 25 })).to.equal(3);
    const actions = ["signIn", "setRole", "signIn"];
    expect(await upToOf([days, nowMs, actions], { days: 25, areas: { power: 90 } })).to.equal(1);
    expect(await upToOf([days, nowMs, actions], { days: 25, areas: { power: 39 } })).to.equal(3);
  });

  it("removes what is beyond the bytes, whatever the days say", async () => {
    expect(await upToOf([[5, 4, 3, 2, 1], nowMs], { days: 100, logBytesMax: 300 })).to.equal(2);
  });

  it("waits for what was not confirmed, for 30 days or until the log is twice as large as it may be", async () => {
    const days = [60, 40, 30, 20, 10];
    expect(await upToOf([days, nowMs], { days: 25 }, 2)).to.equal(2);
    expect(await upToOf([days, nowMs], { days: 25 }, 0), "60 days are more than 25 and 30").to.equal(1);
    expect(
      await upToOf([[1, 1, 1, 1, 1, 1], nowMs], { days: 25, logBytesMax: 200 }, 1),
      "600 bytes of twice 200",
    ).to.equal(2);
  });
});

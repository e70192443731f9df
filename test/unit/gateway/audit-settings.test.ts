/** What admins set about the audit and about lists of threats, and what the audit says of it. */
import { expect } from "chai";
import type { AuditViews } from "../../../node/audit/index.ts";
import { ok, type AuditEvent, type AuditRetentionView, type AuditSink } from "../../../protocols/index.ts";
import { controlToken, startFixture, type Fixture, type Reply } from "./fixture.ts";

const rules = { days: 365, logBytesMax: 64 * 1024 * 1024 };
const secret = "a-token-of-the-test";

describe("gateway: settings of the audit", () => {
  let fixture: Fixture;
  const written: AuditEvent[] = [];
  const tried: AuditSink[] = [];
  /** Whether a log can be measured. */
  let isReadable = true;
  const views: AuditViews = {
    search: async () => ({ entries: [] }),
    stand: async () => ({ at: "test", logs: [] }),
    pushed: async () => ({ states: [], unanswered: [] }),
    testSink: async (sink) => (tried.push(sink), ok({ tookMs: 3 })),
    async retention(): Promise<AuditRetentionView> {
      if (!isReadable) throw new Error("the log cannot be read");
      return { ...rules, byDefault: true, logs: [] };
    },
    rules: () => rules,
  };
  before(async () => {
    fixture = await startFixture({ auditViews: views, audit: { write: async (event) => void written.push(event) } });
  });
  after(() => fixture.stop());

  const call = async (method: string, path: string, body?: object): Promise<Reply> => {
    written.length = 0;
    return fixture.request(method, `/api/v1/admin${path}`, { token: controlToken, ...(body && { body }) });
  };
  const outcome = () => written.map(({ action, target, outcome: ended, facts }) => [action, target, ended, facts]);

  it("keep the secret of a sink to themselves: neither an answer nor the audit has it", async () => {
    const url = "https://siem.example.org/plexus";
    const { body } = await call("PUT", "/audit/sinks/siem", { url, auth: "bearer", secret });
    expect(body).to.deep.equal({ name: "siem", url, format: "jsonl", auth: "bearer", sinceMs: 0, hasSecret: true, hasCa: false }); // prettier-ignore
    const [entry] = written;
    expect([entry?.action, entry?.target, entry?.outcome]).to.deep.equal(["setAuditSink", "sink/siem", "done"]);
    expect(entry?.facts).to.deep.include({ "after.url": url, "after.hasSecret": true });
    const listed = (await call("GET", "/audit/sinks")).body;
    expect(JSON.stringify([body, entry, listed])).not.to.include(secret);
    expect(listed.sinks).to.deep.equal([body]);
  });

  it("ask for the secret again where a sink goes to another host, and the refusal is in the audit", async () => {
    const { status, body } = await call("PUT", "/audit/sinks/siem", {
      url: "https://other.example.org/",
      auth: "bearer",
    });
    expect([status, body.error.details.path]).to.deep.equal([400, "/secret"]);
    expect(outcome()).to.deep.equal([["setAuditSink", "sink/siem", "BAD_REQUEST", { sink: "siem" }]]);
  });

  it("refuse what no schema says: a URL with a password, a secret for syslog, two beginnings, a certificate that is none", async () => {
    const refusals: unknown[] = [];
    for (const wish of [
      { url: "https://ann:secret@siem.example.org/" },
      { url: "syslog+tls://siem.example.org:6514", secret },
      { url: "https://siem.example.org/plexus", secret, begin: "now", sinceMs: 5 },
      { url: "https://siem.example.org/plexus", secret, ca: "not a certificate ".repeat(5) },
    ])
      refusals.push((await call("PUT", "/audit/sinks/siem", wish)).body.error.details.path);
    expect(refusals).to.deep.equal(["/url", "/secret", "/begin", "/ca"]);
  });

  it("try a sink that is there, and say NOT_FOUND of one that is not", async () => {
    expect((await call("POST", "/audit/sinks/siem/test", {})).body).to.deep.equal({ tookMs: 3 });
    expect(tried.map(({ name }) => name)).to.deep.equal(["siem"]);
    expect((await call("POST", "/audit/sinks/none/test", {})).status).to.equal(404);
    expect(outcome()).to.deep.equal([["testSink", "sink/none", "NOT_FOUND", { sink: "none" }]]);
  });

  it("answer with a sink that ends as it was, and the audit says what it was", async () => {
    const { body } = await call("DELETE", "/audit/sinks/siem");
    expect(body.url).to.equal("https://siem.example.org/plexus");
    expect(written[0]?.facts).to.deep.include({ sink: "siem", "before.url": body.url });
  });

  it("change what is kept, and have it in the audit, also while a log cannot be measured", async () => {
    isReadable = false;
    const { status, body } = await call("PUT", "/audit/retention", { ...rules, days: 30 });
    expect([status, body]).to.deep.equal([200, { ...rules, days: 30, byDefault: false, logs: [] }]);
    expect(outcome()).to.deep.equal([
      ["setAuditRetention", undefined, "done", { "after.days": 30, "after.logBytesMax": rules.logBytesMax }],
    ]);
    const reset = await call("DELETE", "/audit/retention");
    isReadable = true;
    expect([reset.status, reset.body]).to.deep.equal([200, { ...rules, byDefault: true, logs: [] }]);
    expect(outcome()).to.deep.equal([
      ["setAuditRetention", undefined, "done", { "before.days": 30, "before.logBytesMax": rules.logBytesMax }],
    ]);
  });

  it("have each node read a list of threats, once it is one", async () => {
    const source = "https://lists.example.org/bad.txt";
    expect((await call("PUT", "/threats/bad", { source })).body).to.deep.equal({ name: "bad", source });
    expect(outcome()).to.deep.equal([
      ["setThreatList", "list/bad", "done", { list: "bad", "after.name": "bad", "after.source": source }],
    ]);
    expect((await call("PUT", "/threats/worse", { source: "http://[" })).body.error.details.path).to.equal("/source");
    expect((await call("GET", "/threats")).body).to.deep.equal({ lists: [{ name: "bad", source }], states: [] });
    expect((await call("DELETE", "/threats/bad")).body).to.deep.equal({ name: "bad", source });
    expect((await call("DELETE", "/threats/bad")).status).to.equal(404);
  });
});

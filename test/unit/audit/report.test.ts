import { expect } from "chai";
import { createReport } from "../../../node/audit/report.ts";
import { reportPage, reportText } from "../../../node/audit/report-text.ts";
import type { AuditRecord } from "../../../protocols/index.ts";

let seq = 0;
const record = (atMs: number, action: string, more: Partial<AuditRecord> = {}): AuditRecord =>
  ({ log: "0011223344556677-00000001", seq: (seq += 1), atMs, node: "a", action, by: "user/ada", outcome: "done", prev: "", ...more }) as AuditRecord; // prettier-ignore
const roles = (atMs: number, user: string, before: string, after: string): AuditRecord =>
  record(atMs, "setRoles", { target: `user/${user}`, facts: { "before.roles": before, "after.roles": after } });

const made = (records: readonly AuditRecord[], people: readonly { user: string; roles: readonly string[] }[]) => {
  const report = createReport({ fromMs: 100, untilMs: 200, nowMs: 300, people });
  for (const one of records) report.take(one);
  return report.done([]);
};

describe("audit: the report of a period", () => {
  it("finds who had power at its beginning and end by undoing what was changed since", () => {
    const records = [
      roles(110, "bob", "member", "moderator"),
      roles(150, "bob", "moderator", "admin"),
      roles(160, "cleo", "admin", "member"),
      roles(250, "bob", "admin", "member"),
      roles(260, "dan", "member", "owner"),
    ];
    const { power } = made(records, [
      { user: "ada", roles: ["owner"] },
      { user: "dan", roles: ["owner"] },
    ]);
    expect(power).to.deep.equal([
      { user: "user/ada", begin: ["owner"], end: ["owner"] },
      { user: "user/bob", begin: [], end: ["admin"] },
      { user: "user/cleo", begin: ["admin"], end: [] },
    ]);
  });

  it("says that it does not know where an entry does not say what was before", () => {
    const old = record(150, "setRoles", { target: "user/bob", facts: { roles: "admin" } });
    expect(made([old], [{ user: "bob", roles: ["admin"] }]).power).to.deep.equal([
      { user: "user/bob", begin: undefined, end: ["admin"] },
    ]);
  });

  it("counts sign-ins and refusals of the period alone, and has what was exported, erased and evicted", () => {
    const report = made(
      [
        record(110, "signIn"),
        record(120, "signIn", { by: "stranger", outcome: "UNAUTHENTICATED" }),
        record(130, "evict", { target: "node/b" }),
        record(140, "eraseKeys"),
        record(150, "exportAudit"),
        record(160, "setRole", { outcome: "FORBIDDEN" }),
        record(170, "auditMissing", { facts: { entries: 7 } }),
        record(210, "signIn"),
      ],
      [],
    );
    const counts = Object.fromEntries(report.sections.map(({ title, count }) => [title, count]));
    expect(report.signIns).to.include({ done: 1, refused: 1, people: 1 });
    expect([report.entries, report.missing]).to.deep.equal([7, 7]);
    expect(report.refusals).to.deep.equal({ "signIn: UNAUTHENTICATED": 1, "setRole: FORBIDDEN": 1 });
    expect(counts).to.include({ "Evictions and distrust": 1, "Erased and removed": 1, "Exported and recalled": 1, "Refused, other than sign-ins": 1 }); // prettier-ignore
  });

  it("holds no more entries than it shows, and counts all", () => {
    const many = Array.from({ length: 5_000 }, () => record(150, "setRole", { target: "role/x" }));
    const section = made(many, []).sections.find(({ title }) => title === "Changes of power");
    expect([section?.count, section?.entries.length]).to.deep.equal([5_000, 500]);
  });

  it("shows what people chose as text alone, on the page and in a terminal", () => {
    const wild = record(150, "setRole", {
      by: "user/<script>alert(1)</script>",
      target: '"><img src=x>\u001B[2J\u202E',
    });
    const report = made([wild], []);
    expect(reportPage(report))
      .to.include("&lt;script&gt;")
      .and.not.match(/<script|<img/);
    for (const sign of ["\u001B", "\u202E"]) expect(reportText(report)).to.not.include(sign);
  });
});

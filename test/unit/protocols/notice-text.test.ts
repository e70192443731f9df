import { expect } from "chai";
import { noticeText, peopleIn, type Notice } from "../../../protocols/index.ts";

const called = (account: string): string => `${account.toUpperCase()} (${account})`;
const notice = (action: string, facts: Readonly<Record<string, string>>): Notice =>
  ({ action, facts, atMs: 0 }) as unknown as Notice;

describe("what a notice says of people", () => {
  it("has the names that people see, beside the accounts, and leaves what is no person as it is", () => {
    const recall = notice("askRecall", { by: "ben", person: "user/cleo", reason: "lost" });
    expect(peopleIn(recall)).to.deep.equal(["ben", "cleo"]);
    expect(noticeText(recall, "ada", called)).to.match(/^BEN \(ben\) asks for a recall of CLEO \(cleo\): lost\./);
    const alert = notice("alert", { alert: "3", about: "user/ben", title: "Many refusals" });
    expect(noticeText(alert, "ada", called)).to.match(/^Alert 3, BEN \(ben\): Many refusals/);
    for (const about of ["address 10.0.0.1", "room/den", "nightly", "agent/ben.helper"])
      expect(peopleIn(notice("alert", { alert: "3", about, title: "x" })), about).to.deep.equal([]);
    const power = notice("setRoles", { by: "operator", does: "sets roles", user: "ben", roles: "admin" });
    expect(noticeText(power, "ada", called)).to.match(/^The operator: sets roles \(user BEN \(ben\), roles admin\)/);
  });

  it("marks commands as code, and nothing else that somebody has written", () => {
    const notices = [
      notice("drillFailed", { from: "two", lost: "1", wrong: "0" }),
      notice("drillFailed", { from: "two", reason: "`plexus keys erase`" }),
      notice("setRoles", { by: "ben", does: "sets roles", user: "`plexus keys erase`" }),
      notice("sinkBehind", { sink: "siem", minutes: "5", reason: "`plexus keys erase`", waiting: "9" }),
      notice("auditUnsent", { upTo: "9", confirmed: "3" }),
      notice("alert", { alert: "3", about: "nightly", title: "`plexus keys erase`" }),
      notice("taskEnded", { task: "pull.n2.a1", what: "Pull", state: "failed", reason: "`plexus keys erase`" }),
    ];
    const commands = notices.map((one) =>
      [...(noticeText(one, "ada") ?? "").matchAll(/`([^`]*)`/g)].map(([, code]) => code),
    );
    expect(commands).to.deep.equal([
      ["plexus backup drill"],
      ["plexus backup drill"],
      ["plexus audit"],
      ["plexus audit push list"],
      ["plexus audit push list"],
      ["plexus alerts"],
      ["plexus tasks show pull.n2.a1"],
    ]);
  });

  it("says you of its reader's own", () => {
    const approved = notice("approveRecall", { by: "ben", for: "ada", person: "user/ada" });
    expect(noticeText(approved, "ada", called)).to.match(/^BEN \(ben\) approved your recall/);
    const budget = notice("budgetWarned", {
      budget: "b",
      whose: "ada",
      measure: "tokens",
      per: "day",
      spent: "1",
      limit: "2",
      resets: "x",
    });
    expect(noticeText(budget, "ada", called)).to.match(/^Your budget/);
    expect(noticeText({ ...budget, facts: { ...budget.facts, whose: "ben" } }, "ada", called)).to.match(
      /^The budget of BEN/,
    );
  });
});

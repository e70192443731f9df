import { expect } from "chai";
import { roleManager } from "../../../actors/role-manager/index.ts";
import { watch } from "../../../actors/watch/index.ts";
import { tellCluster } from "../../../node/audit/index.ts";
import { openWatch } from "../../../node/watch/index.ts";
import { ok, type AuditEvent, type AuditRecord } from "../../../protocols/index.ts";
import { everyEngine } from "../../../runtimes/engine.ts";
import { startAlone } from "../../fixtures/alone.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { World } from "../../world/index.ts";
import { RowStore } from "../storage/fixture.ts";

const log = "aaaaaaaaaaaaaaaa-00000001";

describe("the watch of a fresh cluster", () => {
  it("begins by itself: what is tried in the first seconds is found, though nobody has asked the watch anything", async () => {
    const world = new World(1);
    const ports = { clock: world.clock(), random: world.dice, log: quietLog, meter: quietMeter };
    const starting = startAlone({ ...ports, store: new RowStore(), behaviors: [watch, roleManager], engines: everyEngine({}) }); // prettier-ignore
    const { peer } = await world.settle(starting);
    const entries: AuditRecord[] = [];
    const written: AuditEvent[] = [];
    const watching = openWatch({
      machine: ports,
      node: "alone",
      name: "alone",
      peer,
      secrets: { open: () => Promise.resolve(undefined) },
      disk: () => undefined,
      tell: (action, facts) =>
        tellCluster(peer.kernel, { action, by: "alone", facts, tell: { people: [], admins: true } }),
      post: () => Promise.reject(new Error("no playbook posts here")),
      totals: () => Promise.resolve(new Map()),
      mail: { isSet: () => false, send: () => Promise.resolve(ok({})), post: () => ok({}) },
      audit: {
        logs: () => Promise.resolve([{ log, from: 1, seq: entries.length }]),
        readLog: (_, after, limit) => Promise.resolve(entries.slice(after, after + limit)),
        write: (event) => (written.push(event), Promise.resolve()),
        async *read() {},
      },
    });
    for (let seq = 1; seq <= 10; seq += 1) {
      await world.pass(50);
      entries.push({ log, seq, atMs: ports.clock.nowMs(), node: "alone", action: "signIn", by: "stranger", target: "user/ada", outcome: "SIGN_IN_FAILED", prev: "" }); // prettier-ignore
    }
    await world.until(() => written.length > 0);
    expect(written[0]).to.include({ action: "alert", target: "user/ada" });
    await world.settle(watching.stop());
    await world.settle(peer.stop(1_000));
  });
});

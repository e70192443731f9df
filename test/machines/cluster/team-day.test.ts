import { expect } from "chai";
import { depth } from "../../depth.ts";
import { stores } from "../../fixtures/page-device.ts";
import { ClusterProcesses, worker } from "../../fixtures/processes/cluster-processes.ts";
import { healthy } from "../../fixtures/processes/cluster-waits.ts";
import { TeamDay } from "../../fixtures/processes/team-day.ts";

/** Fewer for a first look. */
const people = Number(process.env["PLEXUS_DAY_PEOPLE"] ?? 200);
const steps = Number(process.env["PLEXUS_DAY_STEPS"] ?? depth(1_600, 16_000));
const seed = Number(process.env["PLEXUS_DAY_SEED"] ?? 1);

describe("a day of a team", () => {
  const page = globalThis as { document?: unknown };
  before(() => (page.document = { hidden: true }));
  after(() => delete page.document);

  it(`ends with the same unread counts, histories, files and finds everywhere: ${people} people, a node killed twice, rooms moved`, async () => {
    const first = { name: "one", roles: "manager,chat,gateway" };
    await using cluster = await ClusterProcesses.start([first, worker("two"), worker("three")]);
    const day = new TeamDay(cluster, seed, await stores());
    try {
      await day.begin(people);
      await healthy(cluster, "in the morning");
      for (const killed of ["two", "three"]) {
        await day.pass(Math.ceil(steps / 5));
        day.down.add(killed);
        await cluster.named(killed).end("SIGKILL");
        await day.pass(Math.ceil(steps / 5));
        await cluster.named(killed).start();
        await healthy(cluster, `${killed} is back`);
        day.down.delete(killed);
      }
      const moving = cluster.move("actors/room/all", "two");
      await Promise.all([moving, day.pass(Math.ceil(steps / 5))]);
      await healthy(cluster, "in the evening");
      const figures = {
        ...day.done,
        messages: await day.compareHistories(),
        unread: await day.compareUnread(),
        lines: day.compareDevices(),
        files: await day.compareFiles(),
        searches: await day.compareSearches(Math.ceil(day.written.length / 40)),
      };
      for (const [what, count] of Object.entries(figures)) expect(count, what).to.be.greaterThan(0);
      if (process.env["PLEXUS_DAY_SAYS"] !== undefined) console.log(JSON.stringify(figures));
    } finally {
      day.close();
    }
  });
});

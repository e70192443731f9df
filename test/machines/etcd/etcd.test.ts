import { expect } from "chai";
import {
  createEmbeddedDirectory,
  createEtcdDirectory,
  createRemoteDirectory,
  createSwitchingDirectory,
  directoryLimits,
  migrateDirectory,
  serveDirectory,
  type DirectoryHome,
  type EtcdHome,
  type EtcdDirectory,
  type EtcdSecurity,
  type SwitchingDirectory,
} from "../../../node/cluster/directory/index.ts";
import { createClock } from "../../../node/platform/index.ts";
import type { Directory } from "../../../node/ports/index.ts";
import { failureOf } from "../../../protocols/index.ts";
import { Links } from "../../world/index.ts";
import { makeCertificate } from "../../fixtures/certificates.ts";
import { quietLog as log } from "../../fixtures/quiet.ts";
import { tlsPair } from "../../fixtures/tls-pair.ts";
import { MemoryStore } from "../../conformance/directory-store.ts";
import { codeOf, directoryConformance, Watching } from "../../conformance/directory.ts";
import { until } from "../../fixtures/processes/cluster-waits.ts";
import { findEtcd, layCable, startEtcd, type Cable, type EtcdCluster } from "../../fixtures/processes/etcd-server.ts";

const clock = createClock();
// Shorter waits than in life: what has to be noticed is noticed within the test.
const limits = { ...directoryLimits, checkMs: 300, callTimeoutMs: 2_000, retryMinMs: 20 };
const etcd = findEtcd();

let lastPrefix = 0;
const nextPrefix = (): string => `/plexus-${(lastPrefix += 1)}/`;
/** What a test opened: closed after it, also when it fails. */
let opened: { close(): void | Promise<void> }[] = [];
/** As the first node of a new cluster, or as one that belongs to a cluster. */
const connectTo = (endpoints: readonly string[], prefix: string, founding = true): EtcdDirectory => {
  const directory = createEtcdDirectory({ endpoints, prefix, clock, log, limits, founding });
  opened.push(directory);
  return directory;
};
const cableTo = async (endpoint: string): Promise<Cable> => {
  const cable = await layCable(endpoint);
  opened.push(cable);
  return cable;
};
/** The same endpoints, another first. */
const from = (endpoints: readonly string[], first: number): readonly string[] => {
  const start = first % endpoints.length;
  return [...endpoints.slice(start), ...endpoints.slice(0, start)];
};
const closeAll = async (): Promise<void> => {
  const closing = opened;
  opened = [];
  for (const one of closing) await one.close();
};

if ("missing" in etcd) {
  describe("the directory in etcd", () => {
    it.skip(`is not tested: ${etcd.missing}`, () => undefined);
  });
} else {
  /** Runs the whole suite of the port. Each client prefers another member; the last knows only its own, by a cable. */
  const conforms = (name: string, cluster: () => EtcdCluster): void =>
    directoryConformance(name, () => {
      const prefix = nextPrefix();
      const open: EtcdDirectory[] = [];
      let cable: Cable;
      return {
        open: async (clients) => {
          const { endpoints } = cluster();
          cable = await cableTo(endpoints[(clients - 1) % endpoints.length] as string);
          for (let index = 0; index < clients; index += 1)
            open.push(connectTo(index === clients - 1 ? [cable.endpoint] : from(endpoints, index), prefix));
          return open;
        },
        gap: async (meanwhile) => {
          cable.cut();
          await meanwhile();
          cable.mend();
        },
        end: closeAll,
      };
    });

  describe("the directory in etcd: one server", () => {
    let cluster: EtcdCluster;
    before(async function () {
      cluster = await startEtcd(etcd.path, 1);
    });
    after(() => cluster.stop());
    afterEach(closeAll);

    conforms("in etcd", () => cluster);

    it("reads everything anew when what a watcher missed was compacted away", async () => {
      const prefix = nextPrefix();
      const cable = await cableTo(cluster.endpoints[0] as string);
      const near = connectTo(cluster.endpoints, prefix);
      const far = connectTo([cable.endpoint], prefix);
      const watching = new Watching();
      far.watch("", watching);
      await watching.until(() => watching.current);
      cable.cut();
      await watching.until(() => !watching.current);
      let row = (await near.compareAndSet("policy", 0, 0)).row;
      for (let value = 1; value <= 5; value += 1)
        row = (await near.compareAndSet("policy", value, row?.revision ?? 0)).row;
      await cluster.compact();
      expect(await codeOf(far.read("policy"))).to.equal("DIRECTORY_UNAVAILABLE");
      cable.mend();
      await watching.until(() => watching.current);
      expect([...watching.rows.values()]).to.deep.equal([row]);
    });

    it("leaves a connection that has gone silent: of a link that dies without a word one deadline is lost", async () => {
      const cable = await cableTo(cluster.endpoints[0] as string);
      const directory = connectTo([cable.endpoint], nextPrefix());
      const watching = new Watching();
      directory.watch("", watching);
      await watching.until(() => watching.current);
      // Told by the stream: it is connected.
      await directory.compareAndSet("first", 1, 0);
      await watching.until(() => watching.rows.has("first"));
      cable.silence();
      const asked = [directory.read("policy"), directory.compareAndSet("policy", 1, 0)];
      for (const one of asked) expect(await codeOf(one)).to.equal("DIRECTORY_UNAVAILABLE");
      expect((await directory.compareAndSet("policy", 2, 0)).applied).to.equal(true);
      await watching.until(() => watching.current && watching.rows.get("policy")?.value === 2);
      expect(watching.told.map(({ type }) => type)).to.include("stale");
    });

    it("lets a change fail that was prepared before the rows were moved here, and moves a cluster while it runs", async () => {
      const links = new Links(clock);
      const store = new MemoryStore();
      const embedded = createEmbeddedDirectory({ store });
      const prefix = nextPrefix();
      const connect = (home: DirectoryHome): EtcdDirectory => {
        const { endpoints, prefix: at } = home as EtcdHome;
        return connectTo(endpoints, at);
      };
      serveDirectory(links.exchange("keeper"), embedded);
      const keeper = createSwitchingDirectory(embedded);
      embedded.onMoved((home) => keeper.switchTo(connect(home)));
      const peer: SwitchingDirectory = createSwitchingDirectory(
        createRemoteDirectory(links.exchange("peer"), () => "keeper", {
          clock,
          limits,
          onMoved: (home) => peer.switchTo(connect(home)),
        }),
      );
      links.link("keeper", "peer");
      const rows = Array.from({ length: 300 }, (_, index) => `slot/chat/${index}`);
      await Promise.all(rows.map((key) => keeper.compareAndSet(key, { key }, 0)));
      const before = await peer.read("slot/chat/7");
      const watchings = [keeper, peer].map((directory) => {
        const watching = new Watching();
        directory.watch("slot/", watching);
        return watching;
      });
      for (const watching of watchings) await watching.until(() => watching.current);

      // Each counts in a row of its own, all the time, and reads again when it does not know.
      let moving = true;
      const count = async (directory: Directory, key: string): Promise<number> => {
        let counted = 0;
        while (moving || counted < 5) {
          const row = await directory.read(key).catch(() => undefined);
          const value = (row?.value as number | undefined) ?? 0;
          if (value > counted) counted = value;
          const next = await directory.compareAndSet(key, counted + 1, row?.revision ?? 0).catch(() => undefined);
          if (next?.applied === true) counted += 1;
        }
        return counted;
      };
      const counts = [count(keeper, "count/keeper"), count(peer, "count/peer")];
      const target = connect({ endpoints: cluster.endpoints, prefix });
      const { rows: copied } = await migrateDirectory(embedded, target, "keeper");
      expect(copied).to.be.at.least(300);
      for (const watching of watchings)
        await watching.until(() => watching.current && watching.told.some(({ type }) => type === "stale"));
      moving = false;
      const [counted, alsoCounted] = await Promise.all(counts);
      expect((await peer.read("count/keeper"))?.value).to.equal(counted);
      expect((await keeper.read("count/peer"))?.value).to.equal(alsoCounted);

      expect(await codeOf(embedded.read("policy"))).to.equal("DIRECTORY_MOVED");
      expect(await codeOf(migrateDirectory(embedded, target, "keeper"))).to.equal("DIRECTORY_MOVED");
      const after = await peer.read("slot/chat/7");
      expect(after?.value).to.deep.equal(before?.value);
      expect(after?.revision).to.be.greaterThan(before?.revision ?? 0);
      const late = await peer.compareAndSet("slot/chat/7", "late", before?.revision ?? 0);
      expect(late).to.deep.equal({ applied: false, row: after });
      expect((await peer.compareAndSet("slot/chat/7", "late", 0, { key: "x", revision: 0 })).applied).to.equal(false);
      for (const watching of watchings) expect(watching.rows.size).to.equal(300);
      const stranger = createEmbeddedDirectory({ store: new MemoryStore() });
      expect(await codeOf(migrateDirectory(stranger, target, "stranger"))).to.equal("ALREADY_DONE");
      expect((await stranger.compareAndSet("policy", 1, 0)).applied).to.equal(true);
      const reopened = createEmbeddedDirectory({ store });
      expect(await codeOf(reopened.list(""))).to.equal("DIRECTORY_MOVED");
    });

    it("is filled by the last that began: what another still sends does nothing", async () => {
      const prefix = nextPrefix();
      const [first, second] = [connectTo(cluster.endpoints, prefix), connectTo(cluster.endpoints, prefix)];
      let other: Promise<void> | undefined;
      const rows = Array.from({ length: 3_000 }, (_, index) => ({
        key: `slot/chat/${index}`,
        get value() {
          if (index === 150) other = second.fill("keeper", [{ key: "policy", value: "second", revision: 8 }], 8);
          return "first";
        },
        revision: 7,
      }));
      expect(await codeOf(first.fill("keeper", rows, 7))).to.equal("DIRECTORY_UNAVAILABLE");
      await other;
      expect((await first.list("")).map(({ value }) => value)).to.deep.equal(["second"]);
    });

    it("serves nobody while it is being filled, and takes the same rows again after a failure", async () => {
      const prefix = nextPrefix();
      const cable = await cableTo(cluster.endpoints[0] as string);
      const target = connectTo([cable.endpoint], prefix);
      const rows = Array.from({ length: 250 }, (_, index) => ({
        key: `slot/chat/${index}`,
        value: index,
        revision: 9,
      }));
      const failing = rows.map((row, index) => {
        if (index !== 200) return row;
        return Object.defineProperty({ ...row }, "value", {
          get() {
            cable.cut();
            return index;
          },
        });
      });
      expect(await codeOf(target.fill("keeper", failing, 1_000))).to.equal("DIRECTORY_UNAVAILABLE");
      cable.mend();
      const reader = connectTo(cluster.endpoints, prefix);
      expect(await codeOf(reader.read("slot/chat/1"))).to.equal("DIRECTORY_UNAVAILABLE");
      expect(await codeOf(reader.compareAndSet("slot/chat/1", "early", 0))).to.equal("DIRECTORY_UNAVAILABLE");
      await target.fill("keeper", rows.slice(1), 1_001);
      expect(await reader.list("")).to.have.length(249);
      await target.fill("keeper", [], 1_001);
      expect(await reader.list("")).to.have.length(249);
      for (const row of await reader.list("slot/")) expect(row.revision).to.be.greaterThan(1_001);
      // As high as the last revision before the move, and of a row that is gone: not the same as never having been.
      expect((await reader.compareAndSet("slot/chat/0", "late", 1_001)).applied).to.equal(false);
    });
  });

  describe("the directory in etcd: by TLS, with a name and a password", () => {
    let cluster: EtcdCluster;
    before(async function () {
      cluster = await startEtcd(etcd.path, 1, { certificate: tlsPair });
    });
    after(() => cluster.stop());
    afterEach(closeAll);

    const auth = { username: "root", password: "correct horse" };
    const credentials = { rootCertificate: Buffer.from(tlsPair.cert) };
    const signedIn = (security: EtcdSecurity, prefix: string): EtcdDirectory => {
      const [endpoint = ""] = cluster.secure;
      const directory = createEtcdDirectory({ endpoints: [endpoint], prefix, clock, log, limits, founding: true, security }); // prettier-ignore
      opened.push(directory);
      return directory;
    };

    it("refuses whom it does not know, knows no server that proves nothing, and signs in again when etcd has forgotten it", async function () {
      const prefix = nextPrefix();
      await cluster.ask("auth/user/add", { name: auth.username, password: auth.password });
      await cluster.ask("auth/role/add", { name: "root" });
      await cluster.ask("auth/user/grant", { user: auth.username, role: "root" });
      await cluster.ask("auth/enable", {});
      const refused = async (security: EtcdSecurity): Promise<string> =>
        signedIn(security, prefix)
          .compareAndSet("policy", 1, 0)
          .then(
            () => "done",
            (error: unknown) => JSON.stringify(failureOf(error)),
          );
      expect(await refused({ credentials })).to.match(/DIRECTORY_UNAVAILABLE.*user name is empty/);
      const wrong = await refused({ credentials, auth: { ...auth, password: "wrong horse" } });
      expect(wrong).to.match(/DIRECTORY_UNAVAILABLE.*authentication failed/);
      expect(wrong).not.to.include("horse");
      expect(await refused({ auth })).to.match(/DIRECTORY_UNAVAILABLE.*certificate/);
      const stranger = makeCertificate("another.example", Date.now());
      expect(await refused({ auth, credentials: { rootCertificate: Buffer.from(stranger.pem) } })).to.include(
        "certificate",
      );

      const directory = signedIn({ credentials, auth }, prefix);
      const watching = new Watching();
      directory.watch("", watching);
      await Promise.all(["a", "b", "c"].map((key) => directory.compareAndSet(key, 0, 0)));
      await watching.until(() => watching.rows.size === 3);
      // Tokens are in the memory of the member that gave them.
      await cluster.restart();
      await until("it serves again", async () => expect(await codeOf(directory.read("a"))).to.equal("nothing"));
      const changes = ["d", "e", "f"].map((key) => directory.compareAndSet(key, 0, 0));
      expect((await Promise.all(changes)).map(({ applied }) => applied)).to.deep.equal([true, true, true]);
      await watching.until(() => watching.current && watching.rows.size === 6);
    });
  });

  describe("the directory in etcd: which cluster's it is", () => {
    let cluster: EtcdCluster;
    let other: EtcdCluster;
    before(async function () {
      [cluster, other] = await Promise.all([startEtcd(etcd.path, 1), startEtcd(etcd.path, 1)]);
    });
    after(() => Promise.all([cluster.stop(), other.stop()]));
    afterEach(closeAll);

    const refusal = (asked: Promise<unknown>): Promise<string> =>
      asked.then(
        () => "done",
        (error: unknown) => JSON.stringify(failureOf(error)),
      );
    const isForeign = /DIRECTORY_UNAVAILABLE.*this etcd has nothing of this cluster/;
    /** A row, whoever watches it by a cable, and the way there. */
    const found = async () => {
      const prefix = nextPrefix();
      const near = connectTo(cluster.endpoints, prefix);
      const { row } = await near.compareAndSet("member/a", "a", 0);
      const cable = await cableTo(cluster.endpoints[0] as string);
      const member = connectTo([cable.endpoint], prefix, false);
      const watching = new Watching();
      member.watch("", watching);
      await watching.until(() => watching.current);
      return { prefix, near, row, cable, member, watching };
    };

    it("is no other than the one that was begun: an empty one is away to a member, and stays empty", async () => {
      const prefix = nextPrefix();
      const member = connectTo(other.endpoints, prefix, false);
      const watching = new Watching();
      member.watch("", watching);
      const asked = [member.opened(), member.read("x"), member.list(""), member.compareAndSet("x", 1, 0)];
      for (const said of await Promise.all(asked.map(refusal))) expect(said).to.match(isForeign);
      expect(member.trouble()).to.match(/this etcd has nothing of this cluster/);
      expect(watching.told).to.deep.equal([]);
      const founder = connectTo(other.endpoints, prefix);
      expect(await founder.list("")).to.deep.equal([]);
      await watching.until(() => watching.current);
      expect([member.trouble(), await refusal(member.compareAndSet("x", 1, 0))]).to.deep.equal([undefined, "done"]);
    });

    it("is away when everything is deleted under it, tells of no deletion, and is never begun anew", async () => {
      const { prefix, near, watching } = await found();
      await cluster.erase(prefix);
      await watching.until(() => !watching.current);
      const asked = [near.read("member/a"), near.list(""), near.compareAndSet("member/a", "again", 0)];
      for (const said of await Promise.all(asked.map(refusal))) expect(said).to.match(isForeign);
      expect(watching.told.map(({ type }) => type)).to.deep.equal(["reset", "stale"]);
      expect(await refusal(connectTo(cluster.endpoints, prefix, false).list(""))).to.match(isForeign);
    });

    it("is away while the way leads to another etcd, and goes on when it leads back", async () => {
      const { row, cable, member, watching } = await found();
      cable.lead(other.endpoints[0] as string);
      await watching.until(() => !watching.current);
      await until("it says so", () => expect(member.trouble()).to.include("this etcd has nothing of this cluster"));
      expect(await refusal(member.compareAndSet("member/b", "b", 0))).to.match(isForeign);
      cable.lead(cluster.endpoints[0] as string);
      await watching.until(() => watching.current);
      expect([...watching.rows.values()]).to.deep.equal([row]);
      expect(watching.told.map(({ type }) => type)).to.deep.equal(["reset", "stale", "reset"]);
    });

    it("passes over a server that holds nothing of it", async () => {
      const { prefix, row } = await found();
      const member = connectTo([...other.endpoints, ...cluster.endpoints], prefix, false);
      expect(await member.list("")).to.deep.equal([row]);
      const watching = new Watching();
      member.watch("", watching);
      await watching.until(() => watching.current);
    });

    it("is away to who has seen more of it: what was restored from before begins with new processes", async () => {
      const { prefix, near, row, cable, member, watching } = await found();
      // A copy of it from before everything else that it was told.
      const copy = connectTo(other.endpoints, prefix);
      await copy.compareAndSet("member/a", "a", 0);
      for (let value = 1; value <= 30; value += 1) {
        const now = await near.read("policy");
        await near.compareAndSet("policy", value, now?.revision ?? 0);
      }
      await watching.until(() => watching.rows.get("policy")?.value === 30);
      expect((await member.read("policy"))?.value).to.equal(30);
      cable.lead(other.endpoints[0] as string);
      await until("it says so", () => expect(member.trouble()).to.include("older than what it told before"));
      expect(await refusal(member.read("member/a"))).to.match(/DIRECTORY_UNAVAILABLE.*older than what it told before/);
      expect(watching.told.at(-1)?.type).to.equal("stale");
      expect((await connectTo([cable.endpoint], prefix, false).read("member/a"))?.value).to.equal(row?.value);
    });
  });

  describe("the directory in etcd: three servers", () => {
    let cluster: EtcdCluster;
    before(async function () {
      cluster = await startEtcd(etcd.path, 3);
    });
    after(() => cluster.stop());

    conforms("in etcd of three members", () => cluster);
  });

  describe("the directory in etcd: three servers of which some fail", () => {
    let cluster: EtcdCluster;
    let directories: EtcdDirectory[];
    let watching: Watching;

    beforeEach(async function () {
      cluster = await startEtcd(etcd.path, 3);
      const prefix = nextPrefix();
      // Each client prefers another member.
      directories = [0, 1, 2].map((first) => connectTo(from(cluster.endpoints, first), prefix));
      watching = new Watching();
      directories[1]?.watch("", watching);
      await watching.until(() => watching.current);
    });
    afterEach(async function () {
      await closeAll();
      await cluster.stop();
    });

    const aimed = 40;
    /** Every client adds marks of its own to one row, while something happens. Nothing that was acknowledged may be
     *  missing, and nothing may be there twice. */
    const mark = async (happens: () => Promise<void>): Promise<void> => {
      let acknowledged = 0;
      let happening: Promise<void> | undefined;
      const add = async (directory: Directory, name: number): Promise<void> => {
        for (let index = 0; index < aimed;) {
          const one = `${name}.${index}`;
          try {
            const row = await directory.read("marks");
            const marks = (row?.value as string[] | undefined) ?? [];
            if (marks.includes(one)) {
              index += 1;
              continue;
            }
            const { applied } = await directory.compareAndSet("marks", [...marks, one], row?.revision ?? 0);
            if (!applied) continue;
            index += 1;
            acknowledged += 1;
            if (acknowledged === aimed) happening = happens();
          } catch (error) {
            expect(await codeOf(Promise.reject(error as Error))).to.equal("DIRECTORY_UNAVAILABLE");
          }
        }
      };
      await Promise.all(directories.map(add));
      await happening;
      const marks = (await directories[2]?.read("marks"))?.value as string[];
      expect(marks).to.have.length(aimed * 3);
      expect(new Set(marks).size).to.equal(aimed * 3);
      for (const name of [0, 1, 2]) {
        const mine = marks.filter((one) => one.startsWith(`${name}.`));
        expect(mine).to.deep.equal(Array.from({ length: aimed }, (_, index) => `${name}.${index}`));
      }
      await watching.until(
        () => watching.current && (watching.rows.get("marks")?.value as string[])?.length === aimed * 3,
      );
    };

    it("goes on when a member is killed", async function () {
      await mark(async () => {
        const leader = await cluster.leader();
        const follower = cluster.members.find((member) => member !== leader);
        follower?.signal("SIGKILL");
      });
    });

    it("goes on when the leader is killed", async function () {
      await mark(async () => (await cluster.leader()).signal("SIGKILL"));
    });

    it("goes on when the member that a watcher listens to is stopped, and when it runs again", async function () {
      const stalled = cluster.members[1];
      await mark(async () => {
        stalled?.signal("SIGSTOP");
        await watching.until(() => watching.told.some(({ type }) => type === "stale"));
        await watching.until(() => watching.current);
      });
      stalled?.signal("SIGCONT");
      const row = (await directories[1]?.compareAndSet("policy", 1, 0))?.row;
      await watching.until(() => watching.rows.get("policy")?.revision === row?.revision);
    });

    it("has the watcher doubt its view when most members are gone", async function () {
      cluster.members[0]?.signal("SIGKILL");
      cluster.members[2]?.signal("SIGKILL");
      await watching.until(() => !watching.current);
      expect(await codeOf(directories[1]?.compareAndSet("policy", 1, 0) ?? Promise.resolve())).to.equal(
        "DIRECTORY_UNAVAILABLE",
      );
    });
  });
}

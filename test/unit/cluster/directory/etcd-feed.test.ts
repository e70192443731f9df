import { EventEmitter } from "node:events";
import { expect } from "chai";
import { createEtcdFeed } from "../../../../node/cluster/directory/etcd-feed.ts";
import type { EtcdServers } from "../../../../node/cluster/directory/etcd-servers.ts";
import type { WatchResponse } from "../../../../node/cluster/directory/etcd-wire.ts";
import { directoryLimits, type DirectoryLimits } from "../../../../node/cluster/directory/index.ts";
import type { Clock, DirectoryRow } from "../../../../node/ports/index.ts";
import { quietLog as log } from "../../../fixtures/quiet.ts";
import { Watching } from "../../../conformance/directory.ts";
import { flowingWorld } from "../../../fixtures/flowing.ts";

const row = (key: string, revision: number): DirectoryRow => ({ key, revision, value: revision });

/** A server's side of the streams, in the hands of the test. */
class Script {
  readonly streams: (EventEmitter & { asked: number; startRevision: number; ended: boolean; failed: boolean })[] = [];
  level: { rows: readonly DirectoryRow[]; revision: number } = { rows: [], revision: 1 };
  readonly cluster = "14841639068965178418";
  connecting: Promise<void> = Promise.resolve();
  connects = 0;
  readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  feed(limits: Partial<DirectoryLimits>) {
    return createEtcdFeed({
      servers: this as unknown as EtcdServers,
      clock: this.clock,
      log,
      limits: { ...directoryLimits, retryMinMs: 2, retryMaxMs: 4, ...limits },
      range: { key: Buffer.from("a"), range_end: Buffer.from("b") },
      readLevel: async () => ({ ...this.level, cluster: this.cluster }),
      lookAtRefusal: async () => undefined,
      readRevision: async () => this.level.revision,
      toEvents: ({ events }) => events as unknown as readonly { row: DirectoryRow }[],
    });
  }

  async watch(): Promise<unknown> {
    const stream = Object.assign(new EventEmitter(), {
      asked: 0,
      startRevision: 0,
      ended: false,
      failed: false,
      write(request: { create_request?: { start_revision: number } }) {
        if (request.create_request === undefined) stream.asked += 1;
        else stream.startRevision = request.create_request.start_revision;
      },
    });
    this.connects += 1;
    await this.connecting;
    this.streams.push(stream);
    return {
      stream,
      end: (failed: boolean) => {
        stream.ended = true;
        stream.failed = failed;
      },
    };
  }

  say(index: number, response: Partial<WatchResponse> & { events?: unknown }): void {
    const header = { revision: "0", cluster_id: this.cluster, ...response.header };
    this.streams[index]?.emit("data", { events: [], ...response, header });
  }
}

describe("the feed of changes from etcd", () => {
  const clock = flowingWorld().clock();
  let script: Script;
  let watching: Watching;
  beforeEach(() => {
    script = new Script(clock);
    script.level = { rows: [row("x", 4)], revision: 9 };
    watching = new Watching();
  });
  const types = (): string[] => watching.told.map(({ type }) => type);

  it("goes on from the revision after the one it read, and reads anew when that was compacted away", async () => {
    const feed = script.feed({});
    feed.watch("", watching);
    await watching.until(() => watching.current);
    expect(script.streams[0]?.startRevision).to.equal(10);
    script.level = { rows: [row("y", 11)], revision: 12 };
    script.say(0, { created: true, canceled: true, compact_revision: "11" });
    script.say(0, { events: [{ row: row("late", 12) }] as never });
    await watching.until(() => watching.rows.has("y"));
    expect(types()).to.deep.equal(["reset", "stale", "reset"]);
    expect(script.streams[0]).to.include({ ended: true, failed: true });
    expect(script.streams[1]?.startRevision).to.equal(13);
    feed.close();
  });

  it("tells nothing after an event that it could not read, and begins anew", async () => {
    const feed = script.feed({});
    feed.watch("", watching);
    await watching.until(() => watching.current);
    script.say(0, { events: null as never });
    script.say(0, { events: [{ row: row("x", 10) }] as never });
    await watching.until(() => types().length === 3);
    expect(types()).to.deep.equal(["reset", "stale", "reset"]);
    feed.close();
  });

  it("asks a silent stream how far it is, believes it when it has come as far, and leaves it when it has not", async () => {
    const feed = script.feed({ checkMs: 5, callTimeoutMs: 50 });
    feed.watch("", watching);
    await watching.until(() => watching.current);
    script.say(0, { header: { revision: "9" } as never });
    script.level = { rows: [row("z", 10)], revision: 10 };
    await watching.until(() => watching.rows.has("z"));
    expect(script.streams[0]?.asked).to.be.greaterThan(0);
    expect(script.streams[0]).to.include({ ended: true, failed: true });
    expect(types()).to.deep.equal(["reset", "stale", "reset"]);
    feed.close();
  });

  it("leaves a stream of another etcd, however high its revisions are", async () => {
    const feed = script.feed({});
    feed.watch("", watching);
    await watching.until(() => watching.current);
    script.say(0, { created: true, header: { revision: "900", cluster_id: "7" } as never });
    await watching.until(() => types().length === 3);
    expect(script.streams[0]).to.include({ ended: true, failed: true });
    script.say(1, { created: true, header: { revision: "9" } as never });
    script.say(1, { events: [{ row: row("x", 10) }] as never });
    await watching.until(() => watching.rows.get("x")?.revision === 10);
    expect(types()).to.deep.equal(["reset", "stale", "reset", "changed"]);
    feed.close();
  });

  it("forgets a stream that was being made for watchers who have left", async () => {
    let connected = (): void => undefined;
    script.connecting = new Promise((resolve) => (connected = resolve));
    const feed = script.feed({});
    const stop = feed.watch("", watching);
    while (script.connects === 0) await new Promise((resolve) => setImmediate(resolve));
    stop();
    script.level = { rows: [row("y", 12)], revision: 12 };
    const other = new Watching();
    feed.watch("", other);
    while (script.connects === 1) await new Promise((resolve) => setImmediate(resolve));
    connected();
    await other.until(() => other.current);
    while (!script.streams[0]?.ended) await new Promise((resolve) => setImmediate(resolve));
    expect(script.streams.map(({ ended }) => ended)).to.deep.equal([true, false]);
    expect(watching.told).to.deep.equal([]);
    expect([...other.rows.keys()]).to.deep.equal(["y"]);
    script.say(1, { events: [{ row: row("x", 13) }] as never });
    expect(other.rows.get("x")?.revision).to.equal(13);
    feed.close();
  });
});

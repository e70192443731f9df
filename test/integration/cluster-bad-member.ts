/** A member of a real cluster, admitted with a key of its own, that is no Plexus node: it says to the others whatever a test
 *  wants. */
import { createExchange, type Exchange } from "../../node/exchange/index.ts";
import { joinCluster, nodeIdOf, openNodeKey, startMesh, type Mesh } from "../../node/mesh/index.ts";
import { createClock, createRandom } from "../../node/platform/index.ts";
import type { Channel } from "../../node/ports.ts";
import { failure, ok, refused, type Result } from "../../protocols/index.ts";
import { meshMessages, type MeshCall, type MeshName } from "../../protocols/mesh/index.ts";
import { quietLog as log, quietMeter as meter } from "../quiet.ts";
import type { ClusterProcesses } from "./cluster-processes.ts";
import { createDataFolder } from "./node-process.ts";
import { until } from "./cluster-waits.ts";

/** What no call is answered with, and nothing that is published looks like. */
const nonsense: readonly unknown[] = [null, undefined, 7, "yes", [null], { gone: 7, rows: null, slots: [null] }];

export class BadMember implements AsyncDisposable {
  readonly node: string;
  readonly exchange: Exchange;
  /** What it was asked since it talks nonsense, and how often. */
  readonly asked = new Map<MeshName, number>();
  readonly #mesh: Mesh;

  private constructor(node: string, mesh: Mesh, exchange: Exchange) {
    this.node = node;
    this.exchange = exchange;
    this.#mesh = mesh;
  }

  /** Joins by invitation, and is connected to every other node. */
  static async join(cluster: ClusterProcesses, name: string, roles: string): Promise<BadMember> {
    const clock = createClock();
    const { version } = (await cluster.members())[0] as { version: string };
    await using folder = await createDataFolder();
    const key = await openNodeKey(folder.path);
    const node = nodeIdOf(key);
    const facts = { labels: {}, models: [], gpu: false, weight: 1, version, url: "", incarnation: 1 };
    const joined = await joinCluster({
      token: await cluster.invite(roles),
      key,
      node: { node, name, addresses: [], ...facts },
      clock,
    });
    if (!joined.ok) throw new Error(JSON.stringify(joined.error));
    const { members } = joined.value;
    const mesh = await startMesh({
      node,
      cluster: joined.value.cluster,
      version,
      incarnation: 1,
      key,
      listen: { host: "127.0.0.1", port: 0 },
      members: () => members,
      onMembersChange: () => () => undefined,
      peers: [],
      mdns: false,
      clock,
      random: createRandom(),
      log,
      meter,
    });
    const member = new BadMember(node, mesh, createExchange({ transport: mesh.transport, clock, log, meter }));
    await until("the bad member is connected to all", () => {
      const missing = members.filter((one) => one.node !== node && !member.peers().includes(one.node));
      if (missing.length > 0) throw new Error(`not to ${missing.map((one) => one.name).join(", ")}`);
    });
    return member;
  }

  peers(): readonly string[] {
    return this.#mesh.transport.peers();
  }

  /** Says that it is there, as nodes do all the time. */
  beat(incarnation = 1, view = 1): void {
    for (const peer of this.peers()) this.exchange.send(peer, "beat", { incarnation, view });
  }

  /** Says to everybody something that is no message. */
  babble(channel: Channel, frame: unknown): void {
    for (const peer of this.peers()) this.#mesh.transport.send(peer, channel, frame);
  }

  /** From now on it answers each call with every nonsense there is, one after the other, and then with a refusal; has served
   *  whatever is sent to its actors; confirms every follower, and publishes nonsense. */
  talkNonsense(): void {
    const next = (name: MeshName): { readonly said: unknown } | undefined => {
      const times = this.asked.get(name) ?? 0;
      this.asked.set(name, times + 1);
      return times < nonsense.length ? { said: nonsense[times] } : undefined;
    };
    const answer = (name: MeshCall, then: Result<unknown> = refused(failure("OVERLOADED"))) => {
      const nonsensical = next(name);
      return (nonsensical === undefined ? then : ok(nonsensical.said)) as Result<never>;
    };
    const names = Object.entries(meshMessages).flatMap(([name, row]) => ("answer" in row ? [name as MeshCall] : []));
    for (const name of names) this.exchange.on(name, () => answer(name));
    // Then it wants to be given a copy, so that it is asked more.
    const at = { epoch: 0, seq: 0, checksum: 0 };
    const empty = { continues: 0, incarnation: 1, incomplete: true, at };
    this.exchange.on("replica.query", ({ epoch }) => answer("replica.query", ok({ ...empty, fence: epoch })));
    this.exchange.on("routing.envelopes", ({ envelopes }, from) => {
      const value = next("routing.envelopes")?.said;
      for (const [correlation] of envelopes)
        this.exchange.send(from, "routing.answers", { answers: [[correlation, { ok: true, value }, true, 0]] });
    });
    this.exchange.on("routing.follow", ({ topics }, from) => {
      this.exchange.send(from, "routing.followed", { topics, refused: [] });
      const nonsensical = next("routing.follow");
      if (nonsensical === undefined) return;
      const { said } = nonsensical;
      for (const event of [{ type: "posted", message: said }, { type: said }, said])
        for (const [topic] of topics)
          this.exchange.send(from, "routing.events", { events: [[topic, 1, 1, event], [topic, null, 1, event]], gaps: [topic] }); // prettier-ignore
    });
  }

  /** Ends its connection with a node, saying that this was evicted. */
  disown(peer: string): void {
    this.#mesh.transport.disconnect(peer, failure("NOT_A_PEER", { reason: "evicted" }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mesh.stop(2_000);
  }
}

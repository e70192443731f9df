/** Ours: one member of a cluster on the real mesh, disk and clock, without the gateway. `cluster.ts` puts several
 *  together; arguments: a folder that outlives the process, and a `MemberPlan` as JSON. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { AnyBehavior } from "../../../actors/behavior.ts";
import { createMeshPort } from "../../../node/cluster/mesh/port.ts";
import { openNodeKey, startMesh } from "../../../node/cluster/mesh/index.ts";
import { createPeer } from "../../../node/composition/peer.ts";
import { createClock, createMetrics, createRandom, openLevelStore } from "../../../node/platform/index.ts";
import type { MemberRecord, Transport } from "../../../node/ports/index.ts";
import { memberKey } from "../../../node/cluster/facts/records.ts";
import { openJournal } from "../../../node/storage/index.ts";
import type { ActorId, Role } from "../../../protocols/index.ts";
import { createEchoRuntime } from "../../../runtimes/echo/echo.ts";
import { ownRecord } from "../../fixtures/members.ts";
import { Caller, counter } from "./counter.ts";
import { drive, driveAll, payload, type Load } from "./drive.ts";
import { calmLog as log, noEngines } from "./ports.ts";
import { serve } from "./serve.ts";

export interface MemberPlan {
  readonly node: string;
  readonly roles: readonly Role[];
  readonly replicas: number;
  /** It serves the echo, at this speed. */
  readonly echo?: { readonly tokenDelayMs: number; readonly sequences: number };
}

const cluster = "bench";
const version = "0.1.0";
const joinTimeoutMs = 30_000;
const stopTimeoutMs = 5_000;
const settleTimeoutMs = 60_000;
const lookEveryMs = 20;

const [folder = "", planText = ""] = process.argv.slice(2);
const plan = JSON.parse(planText) as MemberPlan;
const { node } = plan;

await mkdir(folder, { recursive: true });
const clock = createClock();
const random = createRandom();
const { meter } = createMetrics();
const key = await openNodeKey(folder);
const store = await openLevelStore(join(folder, "journal"));
const journal = await openJournal({ store, clock, log, meter, identity: { cluster, node } });

/** Event rows that came from other nodes. */
let eventRows = 0;

/** Counts the events in what arrives, and leaves everything as it is. */
function counting(transport: Transport): Transport {
  return {
    ...transport,
    listen: (listener) =>
      transport.listen({
        ...listener,
        received(from, channel, message) {
          const [name, , body] = message as [unknown, unknown, { events: readonly unknown[] }];
          if (name === "routing.events") eventRows += body.events.length;
          listener.received(from, channel, message);
        },
      }),
  };
}

async function startMember(given: {
  readonly host: string;
  readonly seed: readonly MemberRecord[];
  readonly starts: number;
  readonly count: boolean;
}): Promise<Member> {
  const { host, seed, starts } = given;
  const port = createMeshPort(node);
  const peer = createPeer({
    node,
    cluster,
    store,
    journal,
    transport: port.transport,
    directory: { kind: "embedded", host },
    behaviors: [counter as AnyBehavior],
    engines: plan.echo === undefined ? noEngines : createEchoRuntime({ clock, ...plan.echo }).engines,
    clock,
    random,
    log,
    meter,
    policy: { replicas: plan.replicas, minInSync: 1 },
    seed,
  });
  const mesh = await startMesh({
    node,
    cluster,
    version,
    incarnation: starts,
    key,
    listen: { host: "127.0.0.1", port: 0 },
    members: () => peer.membership.members().members,
    onMembersChange: (listener) => peer.membership.onChange(listener),
    peers: [],
    mdns: false,
    clock,
    random,
    log,
    meter,
  });
  await port.open(() => Promise.resolve(given.count ? { ...mesh, transport: counting(mesh.transport) } : mesh));
  const joined = await peer.start({ ...recordOf(key.peer), addresses: mesh.addresses() }, { found: host === node });
  if (!joined.ok) throw new Error(`${node} did not join: ${JSON.stringify(joined.error)}`);
  return { peer, mesh, caller: new Caller(peer.kernel, `${node}.${starts}.`), record: joined.value };
}

interface Member {
  readonly peer: ReturnType<typeof createPeer>;
  readonly mesh: Awaited<ReturnType<typeof startMesh>>;
  readonly caller: Caller;
  readonly record: MemberRecord;
}

const recordOf = (peer: string) => ownRecord(node, { peer, roles: plan.roles, version });

let member: Member | undefined;
const me = (): Member => {
  if (member === undefined) throw new Error(`${node} has not started`);
  return member;
};

async function until(
  holds: () => boolean | Promise<boolean>,
  what: () => string,
  limitMs = settleTimeoutMs,
): Promise<void> {
  const endMs = clock.monotonicMs() + limitMs;
  while (!(await holds())) {
    if (clock.monotonicMs() > endMs) throw new Error(`${node} waited in vain: ${what()}`);
    await sleep(lookEveryMs);
  }
}

const rowOf = (actor: string) => {
  const slot = me().peer.kernel.slotOf(actor as ActorId);
  return slot === undefined ? undefined : me().peer.table.get(slot);
};

/** Acknowledgements of a writer that writes one command after the other; the moments of the newest ones. */
class Writer {
  readonly ackedMs: number[] = [];
  readonly #actor: string;
  readonly #listeners = new Set<() => void>();
  readonly #done: Promise<void>;
  #writing = true;

  constructor(actor: string) {
    this.#actor = actor;
    this.#done = this.#write();
    this.#done.catch(() => undefined);
  }

  /** The moment of the first acknowledgement for which `holds`. */
  until(holds: () => boolean): Promise<number> {
    const found = new Promise<number>((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        this.#listeners.delete(look);
        resolve(performance.now());
      };
      this.#listeners.add(look);
    });
    // A writer that failed acknowledges nothing any more.
    return Promise.race([found, this.#done.then(() => Promise.reject(new Error("the writer has ended")))]);
  }

  async end(): Promise<void> {
    this.#writing = false;
    await this.#done;
  }

  async #write(): Promise<void> {
    while (this.#writing) {
      await me().caller.add(this.#actor);
      this.ackedMs.push(performance.now());
      for (const listener of this.#listeners) listener();
    }
  }
}

/** The longest time between two acknowledgements that began in the window. */
function longestGap(ackedMs: readonly number[], fromMs: number, toMs: number): number {
  let longest = 0;
  for (let index = 1; index < ackedMs.length; index += 1) {
    const [before, after] = [ackedMs[index - 1] as number, ackedMs[index] as number];
    if (before >= fromMs && before <= toMs) longest = Math.max(longest, after - before);
  }
  return longest;
}

const busyWriters: Writer[] = [];

/** Rows that this process changes, by their lane: the revision of each, and how often it was changed. */
const swapped = new Map<number, { revision: number; count: number }>();
const swapRow = (lane: number): string => `bench/${node}/k${lane}`;

async function swap(lane: number): Promise<void> {
  const row = swapped.get(lane) ?? { revision: 0, count: 0 };
  swapped.set(lane, row);
  const value = { count: row.count + 1, payload };
  const { applied, row: now } = await me().peer.directory.compareAndSet(swapRow(lane), value, row.revision);
  if (!applied || now === undefined) throw new Error(`${swapRow(lane)} was changed by somebody else`);
  row.revision = now.revision;
  row.count += 1;
}

const watchedRow = "bench/watched";
let watchersTold = 0;
let toldAll: (() => void) | undefined;

let texts = 0;
let heard = 0;
let wanted = Infinity;
let heardAll: (() => void) | undefined;

serve({
  identity: () => recordOf(key.peer),
  async start(given: Parameters<typeof startMember>[0]) {
    member = await startMember(given);
    return member.record;
  },
  /** Puts a newcomer on the member list, as its invitation would. */
  async admit({ record }: { readonly record: Omit<MemberRecord, "incarnation" | "state"> }) {
    const row = { ...record, incarnation: 0, state: "active" };
    const { applied } = await me().peer.directory.compareAndSet(memberKey(record.node), row, 0);
    if (!applied) throw new Error(`${record.node} is a member already`);
  },
  connected: ({ nodes }: { readonly nodes: readonly string[] }) =>
    until(
      () => nodes.every((one) => one === node || (me().peer.exchange.peers().includes(one) && me().peer.membership.isUp(one))),
      () => `connections to ${nodes.join()}; there are ${me().peer.exchange.peers().join()}`,
      joinTimeoutMs,
    ),
  /** Every slot has its copies, and none is on its way. */
  settled: ({ replicas, actor }: { readonly replicas: number; readonly actor?: string }) =>
    until(
      () => {
        const rows = actor === undefined ? [...me().peer.table.rows()] : [rowOf(actor)];
        return rows.every((row) => {
          if (row === undefined) return false;
          const { owner, inSync, learners, want } = row.record;
          return inSync.length >= replicas && learners.length === 0 && (want?.owner ?? owner) === owner && inSync.every((one) => me().peer.membership.isUp(one));
        });
      },
      () => `slots to settle; ${JSON.stringify([...me().peer.table.rows()].map(({ record }) => record).slice(0, 3))}`,
    ),
  placed: ({ actor }: { readonly actor: string }) => rowOf(actor)?.record,
  async durable(load: Load) {
    const driven = await drive(load, (lane) => me().caller.add(`counter/k${lane}`));
    await me().caller.verify();
    return driven;
  },
  /** Questions with as many outstanding as each load says, one load after the other. */
  async volatile({ loads }: { readonly loads: Readonly<Record<string, Load>> }) {
    const figures = await driveAll(loads, (lane) => me().caller.bump(`counter/k${lane}`));
    await me().caller.verify();
    return figures;
  },
  /** Texts of so many tokens, written wherever the echo is. */
  async generate({ tokens, ...load }: Load & { readonly tokens: number }) {
    const { generate } = me().peer.engines;
    await until(
      () => generate.models().length > 0,
      () => "a node that serves the echo",
    );
    const messages = [{ role: "user", content: "word ".repeat(2 * tokens) }] as const;
    return drive(
      load,
      (lane) =>
        new Promise<void>((resolve, reject) => {
          texts += 1;
          const sampling = { maxTokens: tokens };
          const request = { id: `${node}.${texts}`, model: "echo", messages, sampling, timeoutMs: settleTimeoutMs, person: `user/p${lane}` } as const;
          generate.call(request, (said) => {
            if (said.type !== "answered") return;
            if (said.result.ok && said.result.value.completionTokens === tokens) resolve();
            else reject(new Error(JSON.stringify(said.result)));
          });
        }),
    );
  },
  async tell(load: Load & { readonly weight: number }) {
    const driven = await drive(load, () => me().caller.burst("counter/k0", load.weight));
    await me().caller.verify();
    return driven;
  },
  /** Events from an actor elsewhere to one follower here. */
  async events({ actor, ...load }: Load & { readonly weight: number; readonly actor: string }) {
    return drive(load, async () => {
      const all = new Promise<void>((resolve) => (heardAll = resolve));
      wanted = heard + load.weight;
      me().caller.emit(actor, load.weight);
      await all;
    });
  },
  async write({ actor, count }: { readonly actor: string; readonly count: number }) {
    for (let written = 0; written < count; written += 1) await me().caller.add(actor);
  },
  async fill({ actor, records, bytes }: { readonly actor: string; readonly records: number; readonly bytes: number }) {
    for (let index = 0; index < records; index += 1) await me().caller.fill(actor, `r${index}`, bytes);
  },
  /** Other actors, each with a steady writer, until `quiet`. */
  neighbours({ count }: { readonly count: number }) {
    for (let index = 1; index <= count; index += 1) busyWriters.push(new Writer(`counter/n${index}`));
  },
  async quiet() {
    await Promise.all(busyWriters.splice(0).map((writer) => writer.end()));
  },
  /** Ends or stops the process of the owner under a steady writer: how long until a new owner acknowledges. */
  async failover(given: { readonly actor: string; readonly pid: number; readonly signal: "SIGKILL" | "SIGSTOP" }) {
    const writer = new Writer(given.actor);
    let acked = 0;
    await writer.until(() => (acked += 1) > 20);
    const victim = rowOf(given.actor)?.record.owner;
    // With the write that is under way.
    const askedMs = writer.ackedMs.at(-1) ?? performance.now();
    process.kill(given.pid, given.signal);
    const killedMs = performance.now();
    const resumedMs = await writer.until(() => rowOf(given.actor)?.record.owner !== victim);
    await writer.end();
    return { pauseMs: resumedMs - killedMs, gapMs: longestGap(writer.ackedMs, askedMs, resumedMs) };
  },
  /** Moves an actor under a steady writer, and lets as much time pass without a move before it. */
  async migrate({ actor, to, calmMs }: { readonly actor: string; readonly to: string; readonly calmMs: number }) {
    const writer = new Writer(actor);
    await sleep(calmMs);
    // With the write that is under way.
    const askedMs = writer.ackedMs.at(-1) ?? performance.now();
    const moved = await me().peer.control.moveActor(actor as ActorId, to, settleTimeoutMs);
    if (!moved.ok) throw new Error(`${actor} did not move to ${to}: ${JSON.stringify(moved.error)}`);
    const movedMs = performance.now();
    // What was under way at the old owner may still be on its way back.
    await sleep(calmMs);
    const overMs = performance.now();
    const windowMs = overMs - askedMs;
    // The same writer for the same time, with nothing moving.
    await sleep(windowMs);
    await writer.end();
    return {
      pauseMs: longestGap(writer.ackedMs, askedMs, overMs),
      calmGapMs: longestGap(writer.ackedMs, overMs, overMs + windowMs),
      moveMs: movedMs - askedMs,
      writes: writer.ackedMs.length,
    };
  },
  verify: () => me().caller.verify(),
  /** Waits until so many nodes keep the directory together; answers with the one that leads. */
  async voting({ voters }: { readonly voters: number }) {
    const lead = () => me().peer.lead();
    await until(
      () => lead().voters.length === voters && lead().leader !== undefined && me().peer.membership.isUp(lead().leader ?? ""),
      () => `${voters} voters: ${JSON.stringify(lead())}`,
    );
    return lead().leader;
  },
  /** Compare-and-set of rows of the directory, each lane its own. */
  async swap(load: Load) {
    const driven = await drive(load, swap);
    for (const [lane, { count }] of swapped) {
      const value = (await me().peer.directory.read(swapRow(lane)))?.value as { readonly count: number };
      if (value.count !== count) throw new Error(`${swapRow(lane)} was changed ${count} times, the directory says ${value.count}`);
    }
    return driven;
  },
  /** Ends the process of the leader: how long until the directory takes a change. */
  async accepted({ pid }: { readonly pid: number }) {
    const attempt = async (number: number): Promise<boolean> =>
      me().peer.directory.read(swapRow(0)).then(async (row) => {
        const { applied } = await me().peer.directory.compareAndSet(swapRow(0), { number }, row?.revision ?? 0);
        return applied;
      }).catch(() => false);
    await until(() => attempt(0), () => "the directory takes a change");
    process.kill(pid, "SIGKILL");
    const killedMs = performance.now();
    for (let number = 1; !(await attempt(number)); number += 1) await sleep(lookEveryMs / 4);
    swapped.delete(0);
    return { pauseMs: performance.now() - killedMs };
  },
  /** Watchers of one row of the directory, from now on. */
  async watchRow({ count }: { readonly count: number }) {
    let current = 0;
    for (let index = 0; index < count; index += 1)
      me().peer.directory.watch(watchedRow, {
        reset: () => (current += 1),
        changed() {
          watchersTold += 1;
          if (watchersTold >= wanted) toldAll?.();
        },
        removed: () => undefined,
        stale: () => undefined,
      });
    await until(() => current >= count, () => `${count} watchers are current: ${current}`);
  },
  async changeRow() {
    const row = await me().peer.directory.read(watchedRow);
    const sentMs = performance.timeOrigin + performance.now();
    await me().peer.directory.compareAndSet(watchedRow, { sentMs }, row?.revision ?? 0);
    return sentMs;
  },
  /** When so many changes in all were told to watchers here. */
  async toldOf({ count }: { readonly count: number }) {
    wanted = count;
    if (watchersTold < wanted) await new Promise<void>((resolve) => (toldAll = resolve));
    return performance.timeOrigin + performance.now();
  },
  async moveTo({ actor, to }: { readonly actor: string; readonly to: string }) {
    const moved = await me().peer.control.moveActor(actor as ActorId, to, settleTimeoutMs);
    if (!moved.ok) throw new Error(`${actor} did not move to ${to}: ${JSON.stringify(moved.error)}`);
  },
  /** Resolves when the owner, which is another node, sends its events from now on. */
  async follow({ actor, count }: { readonly actor: string; readonly count: number }) {
    await Promise.all(
      Array.from(
        { length: count },
        () =>
          new Promise<void>((followed) => {
            const hear = (): void => {
              heard += 1;
              if (heard >= wanted) heardAll?.();
            };
            me().peer.hub.follow(actor, hear, followed);
          }),
      ),
    );
  },
  emit({ actor, count }: { readonly actor: string; readonly count: number }) {
    me().caller.emit(actor, count);
    return performance.timeOrigin + performance.now();
  },
  /** How many events followers heard and other nodes sent, once `hears` more than before came in. */
  async hears({ count }: { readonly count: number }) {
    wanted = count;
    if (heard < wanted) await new Promise<void>((resolve) => (heardAll = resolve));
    return { heard, eventRows, atMs: performance.timeOrigin + performance.now() };
  },
  async stop() {
    await member?.peer.stop(stopTimeoutMs);
    await member?.mesh.stop(stopTimeoutMs);
    await store.close();
  },
}); // prettier-ignore

/** Stands in for node/peer.ts until that exists: real journal, replication, directory, membership, kernel; a routing and a
 *  controller of its own. */
import { decode, encode, failure, failureOf, parseActorId, refused, slotOf, type ActorId, type Result, type SlotId } from "../../../protocols/index.ts";
import type { AnyBehavior } from "../../../actors/behavior.ts";
import { createEmbeddedDirectory, createRemoteDirectory, serveDirectory } from "../../../node/directory/index.ts";
import { createExchange } from "../../../node/exchange.ts";
import { createKernel, type Kernel, type KernelLimits } from "../../../node/kernel/index.ts";
import type { Envelope } from "../../../node/kernel/api.ts";
import { createMembership } from "../../../node/membership/index.ts";
import type { Clock, Directory, Log, Meter, NodeId, Publisher, Random, SlotRecord, Store, Transport } from "../../../node/ports.ts";
import { changeSlot } from "../../../node/records.ts";
import { createReplication } from "../../../node/replication/index.ts";
import { firstOwner, rankNodes, watchSlots } from "../../../node/slot-table.ts";
import { openJournal, type JournalLimits } from "../../../node/storage/index.ts";
import type { Runtime } from "../../../runtimes/runtime.ts";

export interface PeerOptions {
  readonly node: NodeId;
  readonly cluster: string;
  readonly store: Store;
  readonly transport: Transport;
  readonly directory: { readonly kind: "host" } | { readonly kind: "remote"; readonly host: NodeId } | { readonly kind: "custom"; readonly directory: Directory; readonly controller: boolean };
  readonly behaviors: readonly AnyBehavior[];
  readonly runtime: Runtime;
  readonly publisher: Publisher;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly replicas: number;
  readonly minInSync: number;
  readonly kernelLimits: Partial<KernelLimits>;
  readonly journalLimits: Partial<JournalLimits>;
  readonly replicationLimits: Readonly<Record<string, number>>;
  readonly found: boolean;
  /** Carries a routed message to another node's `mail`. */
  readonly post: (to: NodeId, mail: unknown) => boolean;
}

export interface Peer {
  readonly kernel: Kernel;
  mail(from: NodeId, mail: unknown): void;
  start(): Promise<void>;
  stop(deadlineMs: number): Promise<void>;
  status(): unknown;
}

type Mail = { type: "envelope"; slot: SlotId; envelope: Envelope } | { type: "answer"; correlation: number; result: Result<unknown> };

interface Sending {
  readonly envelope: Envelope;
  readonly deadlineMs: number;
  readonly settle: (result: Result<unknown>) => void;
  readonly correlation: number;
}

export async function createPeer(options: PeerOptions): Promise<Peer> {
  const { node, store, transport, clock, log, meter, random } = options;
  const exchange = createExchange({ transport, clock, log, meter });
  const journal = await openJournal({ store, clock, log, meter, limits: options.journalLimits, identity: { cluster: options.cluster, node } });
  let directory: Directory;
  if (options.directory.kind === "host") {
    const embedded = createEmbeddedDirectory({ store, clock });
    serveDirectory(exchange, embedded);
    directory = embedded;
  } else if (options.directory.kind === "remote") {
    const { host } = options.directory;
    directory = createRemoteDirectory(exchange, () => host, { clock });
  } else directory = options.directory.directory;
  const controller = options.directory.kind === "host" || (options.directory.kind === "custom" && options.directory.controller);
  const membership = createMembership({ node, directory, exchange, clock, log, meter });
  const table = watchSlots(directory);
  const roleOfKind = new Map(options.behaviors.map(({ kind, role }) => [kind, role]));

  // --- routing, in its simplest form: one message of a slot at a time
  let stopped = false;
  let correlation = 0;
  const lines = new Map<SlotId, Sending[]>();
  const waiting = new Map<number, { settle(result: Result<unknown>): void }>();
  const elsewhere = (slot: SlotId): boolean => {
    if ((lines.get(slot)?.length ?? 0) > 0) return true;
    const owner = table.get(slot)?.record.owner ?? firstOwner(slot, membership.members().members, (other) => membership.isUp(other));
    return owner !== node;
  };
  const once = (slot: SlotId, sending: Sending): Promise<Result<unknown>> =>
    new Promise((resolve) => {
      const owner = table.get(slot)?.record.owner ?? firstOwner(slot, membership.members().members, (other) => membership.isUp(other));
      correlation += 1;
      const mine = correlation;
      const cancel = clock.after(300, () => settle(refused(failure("PEER_LOST", { because: "no answer" }))));
      const settle = (result: Result<unknown>): void => {
        if (!waiting.delete(mine)) return;
        cancel();
        resolve(result);
      };
      waiting.set(mine, { settle });
      const envelope = { ...sending.envelope, replyTo: { node, correlation: mine, ...(sending.envelope.operation && { operation: sending.envelope.operation }) } };
      if (owner === undefined) settle(refused(failure("NO_CANDIDATE")));
      else if (owner === node) clock.soon(() => kernel.receive(slot, envelope));
      else if (!options.post(owner, { type: "envelope", slot, envelope } satisfies Mail)) settle(refused(failure("UNREACHABLE")));
    });
  const drive = async (slot: SlotId): Promise<void> => {
    const line = lines.get(slot) ?? [];
    for (let first = line[0]; first !== undefined; first = line[0]) {
      let result = await once(slot, first);
      while (!result.ok && !stopped && ["MOVED", "PEER_LOST", "UNREACHABLE", "SLOT_UNAVAILABLE", "FENCED", "STOPPING", "NO_CANDIDATE", "NOT_IN_SYNC", "DIRECTORY_UNAVAILABLE", "APPEND_FAILED"].includes(result.error.code)) {
        if (clock.monotonicMs() > first.deadlineMs) break;
        await new Promise<void>((resolve) => void clock.after(20, resolve));
        result = await once(slot, first);
      }
      line.shift();
      first.settle(result);
    }
    lines.delete(slot);
  };
  const routing = {
    slotOf: (role: string, actor: ActorId): SlotId => (table.get(actor as string as SlotId) ? (actor as string as SlotId) : slotOf(role as "chat", actor)),
    takes: elsewhere,
    send(slot: SlotId, envelope: Envelope, deadlineMs: number, settle: (result: Result<unknown>) => void): void {
      const line = lines.get(slot) ?? [];
      line.push({ envelope, deadlineMs, settle, correlation: 0 });
      if (!lines.has(slot)) {
        lines.set(slot, line);
        void drive(slot);
      }
    },
    answer(to: { node: string; correlation: number }, result: Result<unknown>): void {
      if (to.node === node) waiting.get(to.correlation)?.settle(result);
      else options.post(to.node, { type: "answer", correlation: to.correlation, result } satisfies Mail);
    },
    unserved(to: { node: string; correlation: number }, error: Parameters<typeof refused>[0]): void {
      this.answer(to, refused(error));
    },
  };

  const replication = createReplication({
    node,
    roles: () => membership.members().members.find((one) => one.node === node)?.roles ?? [],
    journal,
    store,
    directory,
    table,
    exchange,
    membership,
    clock,
    log,
    meter,
    limits: options.replicationLimits,
    minInSync: options.minInSync,
    owned: (slot) => kernel.serve(slot),
    drain: (slot, deadlineMs) => kernel.drain(slot, deadlineMs),
    resume: (slot) => kernel.resume(slot),
  });
  const kernel: Kernel = createKernel({
    node,
    behaviors: options.behaviors,
    slots: replication,
    routing: routing as never,
    pressure: { get queuedBytes() { return journal.queuedBytes; }, pendingBytesMax: journal.limits.pendingBytesMax, settled: () => journal.settled() },
    slotsWithWork: async () => (await journal.slotsWithWork()).filter((slot) => table.get(slot)?.record.owner === node),
    runtime: options.runtime,
    publisher: options.publisher,
    clock,
    random,
    log,
    meter,
    limits: options.kernelLimits,
  });

  // --- the controller, in its simplest form
  const control = async (): Promise<void> => {
    const up = membership.members().members.filter((one) => membership.isUp(one.node) && one.state === "active");
    for (const { record, revision } of table.rows()) {
      const role = ((record.splitFrom ?? record.slot).split("/")[0]) as "chat";
      const may = up.filter(({ roles }) => roles.includes(role));
      let next: SlotRecord = record;
      if (!membership.isUp(record.owner)) {
        const owner = record.inSync.find((one) => one !== record.owner && may.some((other) => other.node === one));
        if (owner) next = { ...record, owner, epoch: record.epoch + 1 };
      } else {
        const ranked = rankNodes(record.slot, may).map((one) => one.node);
        const here = [...record.inSync, ...record.learners].filter((one) => ranked.includes(one));
        const replicas = [...new Set([...here, ...ranked])].slice(0, options.replicas);
        const owner = replicas.includes(record.owner) ? record.owner : (replicas[0] ?? record.owner);
        const differs = replicas.some((one) => !record.inSync.includes(one)) || record.inSync.length !== replicas.length || owner !== record.owner;
        if (differs && replicas.length > 0 && JSON.stringify(record.want) !== JSON.stringify({ owner, replicas })) next = { ...record, want: { owner, replicas } };
      }
      if (next !== record) {
        const changed = await changeSlot(directory, next, revision).catch(() => undefined);
        if (changed?.row) table.learn(changed.row);
      }
    }
    clock.after(100, () => void control());
  };

  return {
    kernel,
    mail(from, bytes) {
      const mail = decode(encode(bytes)) as Mail;
      if (mail.type === "answer") waiting.get(mail.correlation)?.settle(mail.result);
      else if (parseActorId(mail.envelope.to) && roleOfKind.size > 0) kernel.receive(mail.slot, mail.envelope);
      void from;
    },
    async start() {
      await membership.ready();
      await table.ready();
      const joined = await membership.join(
        { node, name: node, peer: node, addresses: [], roles: ["gateway", "chat", "ai"], labels: {}, models: [], gpu: false, weight: 1, version: "0.3.0", url: "" },
        { found: options.found },
      );
      if (!joined.ok) throw new Error(joined.error.code);
      replication.start();
      await kernel.start();
      for (const { record } of table.rows()) if (record.owner === node) kernel.serve(record.slot);
      if (controller) clock.after(100, () => void control().catch((error: unknown) => log.error("control", { error: failureOf(error) })));
    },
    async stop(deadlineMs) {
      stopped = true;
      await replication.stop(deadlineMs / 2);
      await kernel.stop(deadlineMs / 2);
      membership.stop();
    },
    status: () => ({ replication: replication.status(), kernel: kernel.status(), lines: [...lines].map(([slot, line]) => [slot, line.length]) }),
  };
}

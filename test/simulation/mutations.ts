import type { CheckerName } from "./checkers.ts";
import type { ClusterPlan } from "./cluster/plan.ts";
import { kernelLimits, type Plan } from "./plan.ts";

/** A deliberate fault in the actors, the kernel, the journal or the replication, as a change of one place in the source. The simulator must find it:
 *  each one is an argument that the simulator would find such a fault if somebody wrote it by mistake. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Checkers that may be the first to notice. */
  readonly caughtBy: readonly CheckerName[];
  /** The first seed to try: one that caught it, when most do not. Lives change with the sources, so others follow. */
  readonly from?: number;
  /** Seeds to try at most. */
  readonly seeds: number;
  /** Seeds of clusters, not of a node alone. */
  readonly cluster?: boolean;
  /** Seeds of blobs that belong to actors. */
  readonly blobs?: boolean;
  /** What the seeds do not draw, where few of them would show the fault: lives made for it. They stay as likely to show it when
   *  the sources change, which the number of a seed does not. `npm run test:long` draws everything. */
  readonly plan?: Partial<Plan> | Partial<ClusterPlan>;
  /** Seeds of a node's models. */
  readonly models?: boolean;
  /** Seeds of models that a cluster wants. */
  readonly wanted?: boolean;
}

const activation = "node/kernel/activation.ts";
const gate = "node/kernel/gate.ts";
const rules = "node/replication/rules.ts";
const ownership = "node/replication/ownership.ts";

/** Lives of three copies that a few clients are busy with, without what costs time and shows none of these faults. */
const three = {
  people: 0,
  zones: 0,
  replicas: 3,
  clients: 3,
  registerClients: 3,
  thinkMs: 40,
  lingerMs: 100,
  faultMs: 200,
  faultLastsMs: 1_000,
  faultsMs: 4_000,
} satisfies Partial<ClusterPlan>;

export const mutations: readonly Mutation[] = [
  {
    name: "replies before the append is durable",
    file: gate,
    find: "if (proven && this.flushed && this.empty) {",
    replace: "if (proven) {",
    caughtBy: ["output-after-durable"],
    seeds: 50,
  },
  {
    name: "lets a turn that appends nothing answer from state that is not durable yet",
    file: gate,
    find: "if (proven && this.flushed && this.empty) {",
    replace: "if (!wrote || (this.flushed && this.empty)) {",
    caughtBy: ["output-after-durable"],
    seeds: 200,
  },
  {
    name: "answers as if it were done what was not written when an epoch ended",
    file: ownership,
    find: "    this.#ports.ended(this, error);\n",
    replace: "    this.#acknowledgements.fail(undefined as never);\n    this.#ports.ended(this, error);\n",
    caughtBy: ["output-after-durable", "operation-once", "refused-is-refused", "stream-whole", "liveness"],
    seeds: 300,
  },
  {
    name: "commits without waiting for the disk",
    file: "node/storage/commit.ts",
    find: "this.#ports.store.batch(ops, { sync: true })",
    replace: "this.#ports.store.batch(ops, { sync: false })",
    caughtBy: ["output-after-durable"],
    seeds: 50,
  },
  {
    name: "keeps its epoch when it starts again",
    file: rules,
    find: "record.epoch > log.fence",
    replace: "record.epoch >= log.fence",
    caughtBy: ["one-owner-per-epoch", "entry-immutable"],
    seeds: 100,
  },
  {
    name: "does not persist the answers to operations",
    file: activation,
    find: "events: plan.events, answers: plan.answers, side: plan.side",
    replace: "events: plan.events, answers: [], side: plan.side",
    caughtBy: ["operation-once"],
    seeds: 300,
  },
  {
    name: "leaves the answers to operations out of the snapshot",
    file: activation,
    find: "answers: this.#operations.dump() }",
    replace: "answers: [] }",
    caughtBy: ["operation-once"],
    from: 4,
    seeds: 300,
  },
  {
    name: "reads damaged entries as if they were whole",
    file: "node/storage/layout.ts",
    find: "if (crc32(payload, chained) !== expected) return",
    replace: "if (crc32(payload, chained) < 0) return",
    caughtBy: [
      "acknowledged-kept",
      "output-after-durable",
      "operation-once",
      "replay-is-gapless",
      "stream-whole",
      "liveness",
      "no-stray-error",
    ],
    from: 203,
    seeds: 800,
    plan: { rot: true, people: 0 },
  },
  {
    name: "skips the rest of a log from a damaged entry on",
    file: "node/storage/log-check.ts",
    find:
      "    if (key !== logKey(slot, firstSeq)) throw damagedAt(place, firstSeq, `entry missing, found ${key}`);\n" +
      "    const read = decodeChunk(value, firstSeq, checksum);\n" +
      "    if (read.damage) throw damagedAt(place, read.damage.seq, read.damage.reason);\n",
    replace:
      "    const read = decodeChunk(value, firstSeq, checksum);\n" +
      "    if (key !== logKey(slot, firstSeq) || read.damage) {\n" +
      "      Object.assign(head, { lastSeq: seq, lastChecksum: checksum });\n" +
      "      return;\n" +
      "    }\n",
    caughtBy: [
      "acknowledged-kept",
      "entry-immutable",
      "operation-once",
      "stream-whole",
      "answer-not-stale",
      "no-stray-error",
    ],
    from: 55,
    seeds: 800,
    plan: { rot: true, people: 0 },
  },
  {
    name: "keeps reminders in memory only",
    file: "node/kernel/plan.ts",
    find: '{ space: "reminder", put: effect.id, value: effect.dueMs }',
    replace: '{ space: "reminder", delete: effect.id }',
    caughtBy: ["liveness"],
    seeds: 300,
  },
  {
    name: "forgets across restarts who had pending work",
    file: activation,
    find: "const marks = pending !== undefined &&",
    replace: "const marks = pending !== undefined && this.id === this.#key &&",
    caughtBy: ["liveness"],
    from: 6,
    seeds: 300,
  },
  {
    name: "trims entries of actors that have no snapshot of them",
    file: "node/kernel/compaction.ts",
    find: "for (const actor of log.actorsBelow(throughSeq)) {",
    replace: "for (const actor of log.actorsBelow(-1)) {",
    caughtBy: [
      "stream-whole",
      "acknowledged-kept",
      "operation-once",
      "replay-is-gapless",
      "answer-not-stale",
      "liveness",
      "no-stray-error",
    ],
    seeds: 300,
  },
  {
    name: "lets an ask go round in a circle",
    file: "node/kernel/outstanding.ts",
    find: "next.includes(to) ||",
    replace: "",
    caughtBy: ["cycle-refused"],
    seeds: 100,
  },
  {
    name: "takes messages into a full mailbox",
    file: "node/kernel/intake.ts",
    find: "activation.mailbox.messages >= limits.mailboxMessagesMax",
    replace: "activation.mailbox.messages < 0",
    caughtBy: ["bounds-held"],
    seeds: 100,
    plan: {
      clients: 6,
      commandsPerClient: 30,
      thinkMs: 1,
      kernelLimits: { ...kernelLimits, mailboxMessagesMax: 2, turnsPerSlice: 1 },
    },
  },
  {
    name: "lets the outputs of a turn out in the wrong order",
    file: activation,
    find: "for (const output of outputs) {\n      try {",
    replace: "for (const output of outputs.toReversed()) {\n      try {",
    caughtBy: ["stream-whole", "sender-order", "liveness"],
    seeds: 300,
  },
  {
    name: "drops a mention that its agent has no place for",
    file: "actors/room/membership.ts",
    find: "const refused = isMention ?",
    replace: 'const refused = isMention && code === "NOT_FOUND" ?',
    caughtBy: ["mention-settled"],
    seeds: 100,
    // A model so slow that mentions wait.
    plan: {
      people: 3,
      clients: 1,
      commandsPerClient: 40,
      thinkMs: 1,
      rot: false,
      runtime: { failChance: 0, tokenMs: 1_000 },
    },
  },
  {
    name: "forgets the mentions of an agent that is deleted",
    file: "actors/agent/index.ts",
    find: '[{ event: { type: "deleted" }, mail }]',
    replace: '[{ event: { type: "deleted" }, mail: mail.slice(mail.length) }]',
    caughtBy: ["mention-settled"],
    from: 10,
    seeds: 200,
    plan: { people: 3, clients: 1, commandsPerClient: 40, rot: false, runtime: { failChance: 0, tokenMs: 100 } },
  },
  {
    name: "lets a model call tools without end",
    file: "actors/agent/generation.ts",
    find: "calls.length > 0 && rounds.length < limits.toolRoundsMax",
    replace: "calls.length > 0 && rounds.length < 2 * limits.toolRoundsMax",
    caughtBy: ["answer-ends-once"],
    seeds: 100,
    plan: { people: 3, clients: 1, commandsPerClient: 40, rot: false, runtime: { failChance: 0, tokenMs: 100 } },
  },
  {
    name: "forgets the tools that an answer called",
    file: "actors/agent/state.ts",
    find: "rounds: [...(job.rounds ?? []), round]",
    replace: "rounds: [round]",
    // An answer without end also keeps the mentions behind it waiting.
    caughtBy: ["answer-ends-once", "liveness", "mention-settled"],
    seeds: 100,
    plan: { people: 3, clients: 1, commandsPerClient: 40, rot: false, runtime: { failChance: 0, tokenMs: 100 } },
  },
  {
    name: "shows and keeps only what was written since an answer went on",
    file: "actors/agent/generation.ts",
    find: "  const { text, tokens } = soFar;\n",
    replace: '  const { tokens } = soFar;\n  const text = "";\n',
    caughtBy: ["call-whole"],
    seeds: 100,
    plan: { people: 3, clients: 1, commandsPerClient: 40, rot: false, runtime: { failChance: 0.3, tokenMs: 20 } },
  },
  {
    name: "notes of an answer only what was written last",
    file: "actors/agent/generation.ts",
    find: "text: whole.slice(notedChars)",
    replace: "text",
    caughtBy: ["call-whole"],
    seeds: 200,
    plan: { people: 3, clients: 1, commandsPerClient: 40, rot: false, runtime: { failChance: 0, tokenMs: 100 } },
  },
  {
    name: "answers a mention without the post that it is in",
    file: "actors/room/mentions.ts",
    find: "for (const said of [message, ...recent, ...old]) {",
    replace: "for (const said of [...recent, ...old]) {",
    caughtBy: ["mention-settled"],
    from: 2,
    seeds: 300,
  },
  {
    name: "forgets across nodes what a room has to deliver to agents",
    file: "actors/room/index.ts",
    find: "state === null ? [] : recoverOutbox(state.outbox, turn.self)",
    replace: "state === null || state.head > 0 ? [] : recoverOutbox(state.outbox, turn.self)",
    caughtBy: ["mention-settled"],
    from: 11,
    seeds: 100,
    cluster: true,
    plan: { ...three, people: 3, clients: 1, registerClients: 0, faults: { crash: 2, restart: 1, moveSlot: 2 } },
  },

  // --- the protocol between nodes ------------------------------------------------------------------------------------
  {
    name: "acknowledges what is on its own disk alone",
    file: rules,
    find: "const seq = acknowledged.reduce<number>((lowest, one) => Math.min(lowest, one ?? -1), ownSeq);",
    replace: "const seq = acknowledged.length < 0 ? -1 : ownSeq;",
    caughtBy: ["output-after-durable", "acknowledged-kept"],
    seeds: 100,
    cluster: true,
  },
  {
    name: "takes an append of an epoch below its fence",
    file: "node/storage/batch-draft.ts",
    find: "    if (epoch !== head.fence) throw fenced(this.#slot, epoch, head.fence);\n    const gap",
    replace: "    const gap",
    caughtBy: ["append-above-fence", "entry-immutable", "acknowledged-kept", "output-after-durable", "linearizable"],
    from: 3,
    seeds: 60,
    cluster: true,
    plan: { ...three, faults: { strand: 2, isolate: 2, stall: 2, oneWay: 1 }, faultMs: 400, thinkMs: 5 },
  },
  {
    name: "forgets its fence when it starts again",
    file: "node/storage/index.ts",
    find: "const whole = { ...emptied(slot, head), ...head, continues: head.continues ?? head.fence };",
    replace: "const whole = { ...emptied(slot, head), ...head, fence: head.lastEpoch, continues: head.lastEpoch };",
    caughtBy: [
      "append-above-fence",
      "one-owner-per-epoch",
      "entry-immutable",
      "liveness",
      "fully-replicated",
      "stream-whole",
    ],
    seeds: 60,
    cluster: true,
    plan: { ...three, faults: { crash: 1, restart: 1 }, faultMs: 60 },
  },
  {
    name: "serves before all have the log it begins with",
    file: ownership,
    find: 'if (this.phase !== "reconciling" || this.#base === undefined || seq < this.#base.seq) return;',
    replace: 'if (this.phase !== "reconciling" || this.#base === undefined) return;',
    caughtBy: ["output-after-durable", "linearizable", "answer-not-stale", "acknowledged-kept"],
    from: 21,
    seeds: 200,
    cluster: true,
    plan: { ...three, faults: { crash: 1, slowDisk: 1 }, thinkMs: 5, lingerMs: 20, minInSync: 1 },
  },
  {
    name: "keeps its epoch when it starts again in a cluster",
    file: rules,
    find: "record.epoch > log.fence",
    replace: "record.epoch >= log.fence",
    caughtBy: ["one-owner-per-epoch", "entry-immutable", "owner-appends", "stream-whole"],
    seeds: 60,
    cluster: true,
    plan: { ...three, faults: { crash: 1 } },
  },
  {
    name: "takes a replica in before it has everything",
    file: "node/replication/followers.ts",
    find: 'caughtUp: follower.state === "streaming" && (follower.seq ?? -1) >= floor',
    replace: "caughtUp: follower.standing !== undefined && floor >= 0",
    caughtBy: ["acknowledged-kept", "output-after-durable"],
    seeds: 100,
    cluster: true,
  },
  {
    name: "does not wait for a replica that it is about to take in",
    file: rules,
    find: "const all = new Set([...record.inSync, ...(proposed?.inSync ?? [])]);",
    replace: "const all = new Set(proposed === undefined ? record.inSync : [...record.inSync]);",
    caughtBy: ["acknowledged-kept", "output-after-durable"],
    from: 2,
    seeds: 1_000,
    cluster: true,
  },
  {
    name: "answers reads without asking whether its epoch still stands",
    file: ownership,
    find: "    if (needed.length === 0) {\n      done(undefined);",
    replace: "    if (needed.length >= 0) {\n      done(undefined);",
    caughtBy: ["linearizable", "answer-not-stale", "stream-whole"],
    from: 6,
    seeds: 60,
    cluster: true,
    plan: { ...three, faults: { strand: 1 }, faultMs: 1_000, faultLastsMs: 3_000 },
  },
  {
    name: "takes an actor up in a new epoch without the answers that the log has",
    file: activation,
    find: "for (const [operation, result] of entry.answers) {",
    replace: "for (const [operation, result] of entry.epoch < this.host.epoch ? [] : entry.answers) {",
    caughtBy: ["operation-once"],
    seeds: 60,
    cluster: true,
    plan: { ...three, faults: { crash: 1, break: 1 } },
  },
  {
    name: "loses the answers to operations when an actor gets a slot of its own",
    file: "node/storage/batch-draft.ts",
    find: "sealSnapshot(to, { seq, body })",
    replace: "sealSnapshot(to, { seq, body: { ...(body as object), answers: {} } })",
    caughtBy: ["operation-once", "linearizable"],
    from: 7,
    seeds: 60,
    cluster: true,
    plan: { ...three, faults: { moveActor: 4, moveSlot: 1, break: 1 }, faultMs: 150, thinkMs: 5 },
  },
  {
    name: "goes on owning what is rotten on its disk",
    file: "node/replication/healing.ts",
    find: '      await give(row.record, row.revision, false, "DATA_DAMAGED");\n',
    replace: "",
    caughtBy: ["liveness", "fully-replicated"],
    seeds: 60,
    cluster: true,
    plan: { ...three, clients: 1, registerClients: 1, faults: { rot: 1 } },
  },
  {
    name: "sends on to a replica that acknowledges nothing",
    file: "node/replication/follower.ts",
    find: "if (this.#unackedBytes > limits.unackedBytesMax) return false;",
    replace: "if (this.#unackedBytes < 0) return false;",
    caughtBy: ["bounds-held"],
    from: 6,
    seeds: 60,
    cluster: true,
    plan: { ...three, faults: { stall: 1, slowDisk: 1 }, thinkMs: 5, lingerMs: 20 },
  },
  {
    name: "throws a copy away while the slot lacks one",
    file: "node/replication/rules.ts",
    find: "return !hasShare && inSync.length >= minInSync && wanted.every((one) => inSync.includes(one));",
    replace: "return !hasShare;",
    caughtBy: ["acknowledged-kept"],
    from: 2,
    seeds: 60,
    cluster: true,
    plan: { ...three, faults: { crash: 2, powerLoss: 1, isolate: 1, moveSlot: 2 }, faultMs: 100, minInSync: 2 },
  },
  {
    name: "goes on talking to who is not a member any more",
    file: "node/membership/index.ts",
    find: "if (next.delete(key.slice(memberPrefix.length)) && !isLost(next)) take(next, revision);",
    replace: "if (next.delete(key.slice(memberPrefix.length)) && !isLost(next)) take(members, revision);",
    caughtBy: ["members-only", "fully-replicated", "liveness"],
    seeds: 60,
    cluster: true,
    plan: { ...three, clients: 1, registerClients: 1, faults: { evict: 2, wipe: 1, join: 1 }, faultMs: 400 },
  },
  {
    name: "says for ever that it is cut off",
    file: "node/cluster/reach.ts",
    find: "  if (nowMs - doubtSinceMs < patienceMs) return",
    replace: "  if (before.degraded || nowMs - doubtSinceMs < patienceMs) return",
    caughtBy: ["liveness"],
    from: 4,
    seeds: 50,
    cluster: true,
  },

  // --- blobs of actors -----------------------------------------------------------------------------------------------
  {
    name: "acknowledges a blob that a new copy of its slot lacks",
    file: "node/blobs/copies.ts",
    find: "      const late = await cover(actor, blob);",
    replace: "      const late = undefined as Failure | undefined;",
    caughtBy: ["blob-kept"],
    seeds: 100,
    blobs: true,
  },
  {
    name: "throws its copy of a blob away while another node of the slot lacks it",
    file: "node/blobs/copies.ts",
    find: "return lacking.every((lacks) => lacks?.size === 0);",
    replace: "return lacking.length > 0;",
    caughtBy: ["blob-kept"],
    from: 39,
    seeds: 400,
    blobs: true,
  },

  // --- models of a node ----------------------------------------------------------------------------------------------
  {
    name: "unloads a model without waiting for what it runs",
    file: "runtimes/residency.ts",
    find: "if (this.#admission.callsOf(model.spec.name).running === 0) this.#unloadNow(model);",
    replace: "this.#unloadNow(model);",
    caughtBy: ["busy-stays-loaded"],
    seeds: 60,
    models: true,
  },
  {
    name: "waits for ever for a busy model to rest before another one gets its room",
    file: "runtimes/memory.ts",
    find: "  const movable = staying.filter(({ pinned }) => !pinned);",
    replace: "  const movable = staying.filter(({ pinned, calls }) => !pinned && calls === 0);",
    caughtBy: ["nobody-starves"],
    from: 598,
    seeds: 200,
    models: true,
  },
  {
    name: "forgets what a model takes while it is on its way out",
    file: "runtimes/residency.ts",
    find: "    this.#carrier.unload(name);\n",
    replace: "    this.#carrier.unload(name);\n    model.bytes = 0;\n    this.#advance();\n",
    caughtBy: ["memory-within-budget"],
    seeds: 60,
    models: true,
  },
  {
    name: "does not count the file that several models have mapped",
    file: "runtimes/memory.ts",
    find: "files.set(file, Math.max(files.get(file) ?? 0, bytes));",
    replace: "files.set(file, 0 * bytes);",
    caughtBy: ["memory-within-budget"],
    seeds: 60,
    models: true,
  },
  {
    name: "never gives up a node that is down, and what it kept",
    file: "node/models/keeping.ts",
    find: "const there = up || nowMs - (downSinceMs.get(member.node) ?? nowMs) < limits.downGraceMs;",
    replace: "const there = up || nowMs - (downSinceMs.get(member.node) ?? nowMs) < Infinity;",
    caughtBy: ["wanted-kept"],
    seeds: 60,
    wanted: true,
  },
  {
    name: "keeps what is wanted on every node that may",
    file: "node/models/plan.ts",
    find: "if (own === undefined || own.has.has(one.name) || !nodes.includes(self)) return [];",
    replace: "if (own === undefined || own.has.has(one.name)) return [];",
    caughtBy: ["wanted-no-more", "source-asked-once"],
    seeds: 60,
    wanted: true,
  },
  {
    name: "asks the source again after it failed, although another node has the model by then",
    file: "node/models/keeping.ts",
    find: "!attempt.copyFailed;",
    replace: "attempt.failures % 2 === 0;",
    caughtBy: ["source-asked-once"],
    seeds: 200,
    wanted: true,
  },
];

import { cpSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CheckerName } from "./checkers.ts";

/** A deliberate fault in the kernel or the journal, as a change of one place in the source. The simulator must find it:
 *  each one is an argument that the simulator would find such a fault if somebody wrote it by mistake. */
export interface Mutation {
  readonly name: string;
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Checkers that may be the first to notice. */
  readonly caughtBy: readonly CheckerName[];
  /** Seeds to try at most. */
  readonly seeds: number;
}

const activation = "node/kernel/activation.ts";
const slotHost = "node/kernel/slot-host.ts";
const slotLog = "node/storage/slot-log.ts";

export const mutations: readonly Mutation[] = [
  {
    name: "replies before the append is durable",
    file: activation,
    find: "if (this.#durable === this.#appended && this.#gate.length === 0) this.#perform(outputs, chain);",
    replace: "if (this.#gate.length >= 0) this.#perform(outputs, chain);",
    caughtBy: ["output-after-durable"],
    seeds: 50,
  },
  {
    name: "lets a turn that appends nothing answer from state that is not durable yet",
    file: activation,
    find: "    this.#leave(plan.outputs, envelope.chain);\n",
    replace:
      "    if (plan.events.length === 0 && plan.side.length === 0) this.#perform(plan.outputs, envelope.chain);\n" +
      "    else this.#leave(plan.outputs, envelope.chain);\n",
    caughtBy: ["output-after-durable"],
    seeds: 200,
  },
  {
    name: "sends the outputs of a turn whose append failed",
    file: activation,
    find: "    if (error) {\n      this.home.fail(error);\n",
    replace: "    if (error) {\n      this.#durable += 1;\n      this.#openGate();\n      this.home.fail(error);\n",
    caughtBy: ["output-after-durable", "liveness"],
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
    name: "appends below the fence",
    file: slotLog,
    find: "if (this.epoch < this.#currentFence()) {",
    replace: "if (this.epoch < 0) {",
    caughtBy: ["append-above-fence", "entry-immutable", "one-owner-per-epoch", "acknowledged-kept"],
    seeds: 600,
  },
  {
    name: "keeps its epoch when it starts again",
    file: slotHost,
    find: "const epoch = (current?.epoch ?? 0) + 1;",
    replace: "const epoch = current?.epoch ?? 1;",
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
    find: "answers: this.#answers.dump() }",
    replace: "answers: [] }",
    caughtBy: ["operation-once"],
    seeds: 300,
  },
  {
    name: "reads damaged entries as if they were whole",
    file: "node/storage/layout.ts",
    find: "if (crc32(payload, chained) !== expected) return",
    replace: "if (crc32(payload, chained) < 0) return",
    caughtBy: ["acknowledged-kept", "output-after-durable", "operation-once", "liveness", "no-stray-error"],
    seeds: 3_000,
  },
  {
    name: "skips the rest of a log from a damaged entry on",
    file: slotLog,
    find: "        if (read.damage) throw this.#damaged(read.damage.seq, read.damage.reason);\n        this.#remember",
    replace:
      "        if (read.damage) {\n" +
      "          this.#head = { ...this.#head, lastSeq: seq, lastChecksum: checksum };\n" +
      "          this.#nextHead = this.#head;\n" +
      "          this.#lastSeq = seq;\n" +
      "          return;\n" +
      "        }\n" +
      "        this.#remember",
    caughtBy: ["acknowledged-kept", "entry-immutable", "operation-once", "stream-whole", "answer-not-stale"],
    seeds: 3_000,
  },
  {
    name: "keeps reminders in memory only",
    file: activation,
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
    seeds: 300,
  },
  {
    name: "trims entries of actors that have no snapshot of them",
    file: slotHost,
    find: "for (const actor of log.actorsBelow(throughSeq)) {",
    replace: "for (const actor of log.actorsBelow(-1)) {",
    caughtBy: [
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
    name: "trims entries that are not on disk yet",
    file: slotLog,
    find: "const byCount = this.durableSeq - window.entries;",
    replace: "const byCount = this.#lastSeq - window.entries;",
    caughtBy: ["acknowledged-kept", "no-stray-error", "liveness", "operation-once"],
    seeds: 300,
  },
  {
    name: "lets an ask go round in a circle",
    file: activation,
    find: "next.includes(effect.to) ||",
    replace: "",
    caughtBy: ["cycle-refused"],
    seeds: 100,
  },
  {
    name: "takes messages into a full mailbox",
    file: slotHost,
    find: "activation.mailbox.messages >= limits.mailboxMessagesMax",
    replace: "activation.mailbox.messages < 0",
    caughtBy: ["bounds-held"],
    seeds: 600,
  },
  {
    name: "lets the outputs of a turn out in the wrong order",
    file: activation,
    find: "for (const output of outputs) {\n      try {",
    replace: "for (const output of outputs.toReversed()) {\n      try {",
    caughtBy: ["stream-whole", "sender-order", "liveness"],
    seeds: 300,
  },
];

/** Copies what a simulation needs to a folder of its own, with the change. Returns the folder. */
export function mutate(root: string, { name, file, find, replace }: Mutation): string {
  const source = readFileSync(join(root, file), "utf8");
  const places = source.split(find).length - 1;
  if (places !== 1) throw new Error(`"${name}" fits ${places} places of ${file}: mend the mutation`);
  const folder = mkdtempSync(join(tmpdir(), "plexus-mutation-"));
  mkdirSync(join(folder, "runtimes"));
  const parts = [
    "actors",
    "protocols",
    "node/kernel",
    "node/storage",
    "node/directory",
    "node/ports.ts",
    "node/seal.ts",
  ];
  for (const part of [...parts, "runtimes/runtime.ts", "test/simulation", "package.json"]) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  // The folder may have changed since it was read: what was checked is what is written.
  const mutated = source.replace(find, () => replace);
  writeFileSync(join(folder, file), mutated);
  return folder;
}

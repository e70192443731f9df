/** What is checked: each model within bounds, as decided and with each rule replaced by a mistake. The rules are the
 *  macros of the models; docs/develop/protocol-model.md explains them and names the code that keeps each. */
import type { Configuration } from "./spin.ts";

/** Bounds of `replication`, in the order of the table in docs/develop/protocol-model-figures.md. */
type Sizes = readonly [
  inSync: number,
  epochs: number,
  writes: number,
  changes: number,
  crashes: number,
  reads: number,
  moves?: number,
  wants?: number,
];

const sized = ([
  inSync,
  epochs,
  writes,
  changes,
  crashes,
  reads,
  moves = 0,
  wants = 0,
]: Sizes): Configuration["define"] => ({
  IN_SYNC: inSync,
  EPOCHS: epochs,
  WRITES: writes,
  CHANGES: changes,
  CRASHES: crashes,
  READS: reads,
  MOVES: moves,
  WANTS: wants,
});

const replication = (name: string, sizes: Sizes, more: Partial<Configuration> = {}): Configuration => ({
  name,
  model: "replication",
  ...more,
  define: { ...sized(sizes), ...more.define },
});

const pinned = (
  name: string,
  [epochs, writes, changes, damages]: readonly [number, number, number, number],
  more: Partial<Configuration> = {},
): Configuration => ({
  name,
  model: "pin",
  ...more,
  define: { EPOCHS: epochs, WRITES: writes, CHANGES: changes, DAMAGES: damages, ...more.define },
});

/** Bounds of `voters`: two elections, and three voters of four nodes at the start. */
const voting = (
  name: string,
  [elections, grants, changes, recoveries, rows = 0]: readonly [number, number, number, number, number?],
  more: Partial<Configuration> = {},
): Configuration => ({
  name,
  model: "voters",
  ...more,
  define: { ELECTIONS: elections, GRANTS: grants, CHANGES: changes, RECOVERIES: recoveries, ...(rows > 0 && { ROWS: rows }), ...more.define }, // prettier-ignore
});

const large = { large: true, search: "compact" } as const;
const damage = { define: { DAMAGE: true } } as const;

/** The protocol as decided: no violation in any state. */
export const baselines: readonly Configuration[] = [
  replication("failover with a crash, three in sync", [7, 2, 1, 1, 1, 1]),
  replication("a learner joins and leaves, alone at times", [3, 2, 1, 3, 0, 1]),
  replication("two reads over three epochs", [3, 3, 1, 1, 0, 2]),
  replication("a hand-over, a crash and a failover", [7, 2, 1, 1, 1, 1, 1]),
  replication("two hand-overs, three epochs", [7, 3, 1, 0, 0, 1, 2]),
  replication("changes that fail for certain", [3, 2, 1, 1, 0, 1, 1, 1]),
  replication("damage outside inSync", [3, 2, 1, 2, 1, 0], damage),
  replication("damage over three epochs", [3, 3, 1, 1, 1, 0], damage),
  pinned("a pin while owners come and go", [2, 1, 1, 0]),
  pinned("a pin, a change, damage", [2, 1, 1, 1]),
  voting("a voter is replaced", [2, 0, 2, 0]),
  voting("a node is evicted that votes no more, and votes never again", [2, 0, 1, 0, 2]),
  voting("a majority is taken for lost", [2, 1, 0, 1]),
  voting("a voter joins or goes, and a majority is taken for lost", [2, 0, 1, 1]),
  replication("two writes, a crash", [7, 2, 2, 1, 1, 1], large),
  replication("two writes, a learner, a crash", [3, 2, 2, 1, 1, 1], large),
  replication("two writes over three epochs", [7, 3, 2, 1, 0, 1], large),
  replication("two writes over three epochs, a learner", [3, 3, 2, 1, 0, 1], large),
  replication("one in sync at first, three epochs, a crash", [1, 3, 2, 1, 1, 1], large),
  replication("hand-overs, three epochs, two writes", [7, 3, 2, 0, 1, 1, 2], large),
  replication("a hand-over and changes, three epochs", [3, 3, 1, 1, 0, 1, 1], large),
  replication("two hand-overs, one fails for certain", [7, 3, 1, 0, 0, 1, 2, 1], large),
  replication("everything at once", [7, 2, 1, 1, 1, 1, 1, 1], large),
  replication("damage over three epochs, two changes", [3, 3, 1, 2, 1, 1], { ...large, ...damage }),
  pinned("a pin, two changes, damage", [2, 1, 2, 1], large),
  pinned("a pin over three epochs", [3, 1, 1, 1], large),
  pinned("a pin, two writes, two changes", [2, 2, 2, 1], large),
  voting("a voter is replaced, three elections", [3, 0, 2, 0], large),
  voting("a voter is replaced, and a majority is taken for lost", [2, 0, 2, 1], large),
];

const mutated = (
  rule: string,
  sizes: Sizes,
  violations: readonly number[],
  more: Partial<Configuration> = {},
): Configuration => {
  const define = Object.fromEntries(rule.split(" ").map((name) => [name, true as const]));
  const name = rule
    .split(" ")
    .filter((word) => word !== "DAMAGE")
    .map((word) => word.toLowerCase().replaceAll("_", "-"))
    .join(", ");
  return replication(name, sizes, { search: "shortest", violations, ...more, define });
};

const pinMutated = (rule: string, violations: readonly number[]): Configuration =>
  pinned(rule.split(" ")[0]?.toLowerCase().replaceAll("_", "-") ?? "", [2, 1, 2, 1], {
    search: "shortest",
    violations,
    define: Object.fromEntries(rule.split(" ").map((name) => [name, true as const])),
  });

const votingMutated = (
  rule: string,
  sizes: readonly [number, number, number, number, number?],
  violations: readonly number[],
): Configuration =>
  voting(rule.toLowerCase().replaceAll("_", "-"), sizes, { search: "shortest", violations, define: { [rule]: true } });

/** The same protocol with one mistake: spin must find the harm. */
export const mutations: readonly Configuration[] = [
  mutated("ACK_BEFORE_ALL_IN_SYNC", [7, 2, 1, 0, 0, 0], [5]),
  mutated("ACK_BEFORE_ALL_IN_SYNC LATE_HARM", [7, 2, 1, 0, 0, 0], [31]),
  mutated("SKIP_FENCE", [7, 2, 1, 0, 0, 1], [3]),
  mutated("SKIP_FENCE LATE_HARM", [7, 2, 1, 1, 0, 1], [41]),
  mutated("FORGET_FENCE", [7, 2, 1, 1, 1, 1], [5]),
  mutated("FORGET_FENCE LATE_HARM", [7, 2, 1, 1, 1, 1], [31]),
  mutated("FORGET_FENCE_KEEP_BASE LATE_HARM", [3, 2, 1, 2, 1, 1], [41]),
  mutated("SERVE_BEFORE_RECONCILING", [3, 3, 1, 0, 0, 2], [41]),
  mutated("RESTART_IN_SAME_EPOCH", [7, 2, 2, 0, 1, 0], [2]),
  mutated("GROW_WITHOUT_SYNC", [3, 2, 1, 1, 0, 0], [32]),
  mutated("GROW_WITHOUT_SYNC LATE_HARM", [3, 2, 1, 1, 0, 0], [31]),
  mutated("READ_UNCONFIRMED", [7, 2, 1, 1, 0, 1], [41]),
  mutated("REUSE_CONFIRMATION", [7, 2, 1, 1, 0, 2], [41]),
  mutated("CONFIRM_KNOWN_SET_ONLY", [1, 2, 1, 2, 0, 1], [41]),
  mutated("READ_BEFORE_COMMIT", [3, 2, 1, 0, 0, 2], [41]),
  mutated("LEARNER_NOT_NEEDED_WHILE_UNKNOWN LATE_HARM", [3, 2, 1, 1, 0, 0], [31]),
  mutated("REMOVED_NOT_NEEDED_WHILE_UNKNOWN LATE_HARM", [7, 2, 1, 1, 0, 0], [31]),
  mutated("OLD_REVISION_IS_FAILURE", [3, 2, 1, 1, 0, 0], [32]),
  mutated("CONFLICT_IS_FAILURE", [3, 2, 1, 1, 0, 0], [5]),
  mutated("BASE_TAKEN_TWICE", [7, 2, 1, 0, 0, 0], [5]),
  mutated("APPEND_WITHOUT_BASE", [3, 3, 3, 0, 0, 0], [2]),
  mutated("RECONCILE_COUNTS_UNKNOWN_REMOVAL", [7, 3, 1, 1, 0, 0], [5]),
  mutated("TARGET_SKIPS_RECONCILING SOURCE_SERVES_ON", [7, 3, 1, 0, 0, 2, 2], [41], { search: "deep" }),
  mutated("DAMAGE DAMAGE_KEEPS_ACKNOWLEDGEMENTS", [3, 2, 1, 2, 1, 0], [32]),
  mutated("DAMAGE DAMAGE_KEEPS_FENCE", [3, 3, 1, 2, 1, 0], [32], { search: "deep" }),
  mutated("DAMAGE DAMAGE_LOSES_FENCE", [3, 2, 1, 2, 1, 0], [31]),
  pinMutated("PIN_WITHOUT_GUARD ONE_OWNER_ONLY", [1]),
  pinMutated("PIN_BEFORE_COMMIT", [3]),
  pinMutated("STEP_UP_WITH_OLD_TABLE", [1]),
  pinMutated("RESUME_WHILE_UNKNOWN", [1]),
  pinMutated("GUARD_WHEN_SENT", [3]),
  votingMutated("CHANGE_BEFORE_COMMIT", [2, 0, 2, 0], [1]),
  votingMutated("REPLACE_AT_ONCE", [2, 0, 1, 0], [1]),
  votingMutated("REMOVED_FORGETS_ITS_PROMISE", [2, 0, 2, 0], [3]),
  votingMutated("OLD_GENERATIONS_HEARD", [2, 0, 0, 1], [3]),
  votingMutated("RETURNING_KEEPS_ITS_LOG", [2, 0, 0, 1], [3]),
  votingMutated("EPOCHS_CONTINUE", [2, 0, 0, 1], [4]),
  votingMutated("TWO_SURVIVORS", [2, 0, 0, 2], [3]),
  votingMutated("VOTERS_BY_NO_ROWS", [2, 0, 1, 0, 2], [5]),
  votingMutated("EVICTED_WHILE_IT_VOTES", [2, 0, 1, 0, 2], [5]),
];

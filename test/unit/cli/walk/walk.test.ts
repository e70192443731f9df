import { expect } from "chai";
import type { Role } from "../../../../protocols/index.ts";
import { third } from "../../../depth.ts";
import { WalkedCluster, type Ended, type Nodes } from "./cluster.ts";
import { misunderstood } from "./understood.ts";

const all: readonly Role[] = ["manager", "chat", "ai", "gateway", "storage"];
const worker: readonly Role[] = ["chat", "ai", "gateway", "storage"];

/** A state of a cluster, in which an operator types commands at one of its nodes. */
interface State {
  readonly nodes: Nodes;
  readonly asked: string;
  readonly bring?: (cluster: WalkedCluster) => Promise<void>;
  /** What every refusal for want of something has to name: the cause, or the node that helps. Absent: each operation
   *  has its own. */
  readonly cause?: RegExp;
  /** What each refusal of a command about backups with one of these codes has to name; there is one. */
  readonly says?: { readonly [code: string]: RegExp };
}

/** One keeps the directory; accounts of rooms and backups lie at whichever node has the role. */
const keeper: Nodes = { a: all, b: worker, c: worker };
const voters: Nodes = { a: all, b: all, c: all };

const killed =
  (...names: readonly string[]) =>
  async (cluster: WalkedCluster): Promise<void> => {
    for (const name of names) cluster.kill(name);
    await cluster.pass(1_500);
  };

/** The kit is made at one node, and the others have taken nothing of it before what follows. */
const kitAt =
  (maker: string, then: (cluster: WalkedCluster) => Promise<void> = async () => undefined) =>
  async (cluster: WalkedCluster): Promise<void> => {
    await cluster.makeKit(maker);
    await then(cluster);
  };

const states: Readonly<Record<string, State>> = {
  "all is well": { nodes: keeper, asked: "b" },
  "the directory's node is down": { nodes: keeper, asked: "b", bring: killed("a"), cause: /start a\b/ },
  "a node is down": { nodes: keeper, asked: "a", bring: killed("c") },
  "two of three are down, and the third keeps the directory": { nodes: keeper, asked: "a", bring: killed("b", "c") },
  "two of three voters are down": {
    nodes: voters,
    asked: "a",
    async bring(cluster) {
      const votersNow = (): number => {
        const place = cluster.peer("a").place();
        return place?.kind === "replicated" ? place.voters.length : 0;
      };
      await cluster.world.until(() => votersNow() === 3, 120_000);
      await killed("b", "c")(cluster);
    },
    cause: /2 of 3 voters must be up, and b, c are not: start them again/,
  },
  "a node has not joined since it started": {
    nodes: keeper,
    asked: "b",
    async bring(cluster) {
      for (const name of ["a", "b"]) cluster.kill(name);
      await cluster.begin("b");
      await cluster.pass(1_500);
    },
    cause: /start a\b/,
  },
  "one node alone": { nodes: { a: all }, asked: "a" },
  "no node has the role storage": { nodes: { a: ["manager", "chat", "gateway"], b: ["chat", "gateway"] }, asked: "b" },
  "the only manager is down": {
    nodes: { a: all, b: worker, c: worker },
    asked: "c",
    bring: killed("a"),
    cause: /start a\b/,
  },
  "a disk is full": {
    nodes: keeper,
    asked: "a",
    async bring(cluster) {
      cluster.fill("a");
      await cluster.pass(1_500);
    },
    cause: /the disk under the directory takes no writes: it is full/,
  },
  "the node that has the keys of backups is down": {
    nodes: keeper,
    asked: "b",
    bring: kitAt("c", killed("c")),
    says: { KEY_MISSING: /start c again/ },
  },
  "a node keeps no keys of backups": {
    nodes: { a: all, b: ["gateway", "storage"], c: worker },
    asked: "b",
    bring: kitAt("a"),
    says: { FORBIDDEN: /type this at a or c/ },
  },
  "there is a kit, and no node has the role storage": {
    nodes: { a: ["manager", "chat", "gateway"], b: ["chat", "gateway"] },
    asked: "b",
    bring: kitAt("a"),
    says: { HOLDERS_TOO_FEW: /Start or add some/ },
  },
  "there is a kit, and one of two storage nodes is down": {
    nodes: { a: all, b: worker },
    asked: "a",
    bring: kitAt("a", killed("b")),
    says: { HOLDERS_TOO_FEW: /b is down: start b again/ },
  },
  "every other node drains": {
    nodes: keeper,
    asked: "a",
    async bring(cluster) {
      for (const name of ["b", "c"]) await cluster.world.settle(cluster.peer("a").control.setDraining(name, true));
      await cluster.pass(1_500);
    },
  },
};

/** What an operator types, the mildest first. `reads`: it changes nothing, whatever comes of it. */
const operations: readonly { readonly words: readonly string[]; readonly reads?: true }[] = [
  { words: ["nodes"], reads: true },
  { words: ["slots"], reads: true },
  { words: ["slots", "--not-ok"], reads: true },
  { words: ["directory", "voters"], reads: true },
  { words: ["shards", "list"], reads: true },
  { words: ["actors", "list"], reads: true },
  { words: ["actors", "show", "room/lobby"], reads: true },
  { words: ["backup", "tasks"], reads: true },
  { words: ["backup", "list"], reads: true },
  { words: ["backup", "schedule", "list"], reads: true },
  { words: ["users", "list"], reads: true },
  { words: ["backup", "keys"], reads: true },
  { words: ["backup", "run"] },
  { words: ["backup", "show"], reads: true },
  { words: ["backup", "verify"], reads: true },
  { words: ["backup", "rotate"] },
  { words: ["backup", "erase", "--person", "ada", "--yes"] },
  { words: ["invite"] },
  { words: ["invite", "--role", "storage"] },
  { words: ["backup", "schedule", "set", "nightly", "--cron", "0 3 * * *"] },
  { words: ["actors", "release", "room/lobby"] },
  { words: ["directory", "voters", "3"] },
  { words: ["directory", "migrate", "--managers", "--yes"] },
  { words: ["shards", "trust", "b"] },
  { words: ["slots", "move", "chat/1", "--to", "b"] },
  { words: ["slots", "release", "chat/1"] },
  { words: ["actors", "move", "room/lobby", "--to", "c"] },
  { words: ["nodes", "undrain", "a"] },
  { words: ["nodes", "roles", "a", "gateway"] },
  { words: ["nodes", "evict", "a"] },
  { words: ["nodes", "evict", "b"] },
  { words: ["nodes", "drain", "b"] },
];

/** Of what is not known for want of the directory nobody says that there is none. */
const denies = /^(?:There are no|No actors|No group)/m;

/** What is said between programs, and means nothing to a person. */
const between = /\basked(?:Ms)?: |refuses: true|undefined|\[object|because: [A-Z_]+$/m;
const doubts = /may have taken effect|may still|operationId/;

/** What an operator puts in the place of a word that stands for one. */
const filled = (word: string): string =>
  ({ "URL…": "http://10.0.0.5:2379", NAME: "b", ADDRESS: "10.0.0.5" })[word] ?? word.replace("ROLES", "chat,storage");

/** The commands that a text names: in backquotes, or behind a colon. */
function commandsIn(text: string): readonly (readonly string[])[] {
  const quoted = [...text.matchAll(/`(plexus [^`]+)`/g)].map(([, command]) => command ?? "");
  const said = [...text.replaceAll(/`[^`]*`/g, "").matchAll(/: (plexus [^.;\n]+)/g)].map(
    ([, command]) => command ?? "",
  );
  const wordsOf = (command: string): readonly string[] =>
    [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, inQuotes, plain]) => inQuotes ?? plain ?? "");
  return [...quoted, ...said].map((command) => wordsOf(command).slice(1).map(filled));
}

/** A command of an advice with a name in the place of its placeholder, if it can be tried in the simulation; looks and
 *  changes of members are. */
function tryable(words: readonly string[]): readonly string[] | undefined {
  const [name, inner] = words;
  if (words.some((word) => /^[A-Z…]+$|…/.test(word)) || words.includes("--wait")) return undefined;
  const isLook = words.length === 1 || inner === "list" || inner?.startsWith("--") === true;
  if (["nodes", "slots"].includes(name ?? "") && isLook) return words;
  return name === "actors" && inner === "list" ? words : name === "nodes" && inner === "roles" ? words : undefined;
}

describe("what is typed in a cluster that is not well", () => {
  for (const [state, { nodes, asked, bring, cause, says = {} }] of third(Object.entries(states)))
    it(`is done, or refused with a cause that is true and commands that work, while ${state}`, async () => {
      const cluster = await WalkedCluster.start(nodes);
      try {
        await bring?.(cluster);
        await cluster.at(asked, async (run) => {
          const heard = new Set<string>();
          const judge = async (ended: Ended, { words, reads }: (typeof operations)[number]): Promise<void> => {
            const { failure, refusal, text } = ended;
            const told = `${words.join(" ")}\n${refusal}${text}`;
            expect(refusal, told).to.not.match(between);
            const isUnknown =
              cause !== undefined && !/This is not all/.test(text) && !(cluster.isWhole && words[0] === "actors");
            if (isUnknown) expect(text, told).to.not.match(denies);
            if (reads) expect(refusal, told).to.not.match(doubts);
            // Its exit code is that of the outcome: what changes nothing, or has to wait, never says that it may have.
            if (reads || cause !== undefined) expect(failure?.outcome, told).to.not.equal("unknown");
            const isWant = [
              "DIRECTORY_AWAY",
              "DIRECTORY_UNAVAILABLE",
              "SLOT_UNAVAILABLE",
              "NO_CANDIDATE",
              "ASK_TIMEOUT",
            ];
            if (cause !== undefined && isWant.includes(failure?.code ?? "")) expect(refusal, told).to.match(cause);
            const must = words[0] === "backup" ? says[failure?.code ?? ""] : undefined;
            if (must !== undefined) expect(refusal, told).to.match(must);
            if (must !== undefined) heard.add(failure?.code ?? "");
            for (const command of commandsIn(`${refusal}\n${text}`)) {
              expect(await misunderstood(command), `${told}: plexus ${command.join(" ")}`).to.equal(undefined);
              const tried = tryable(command);
              if (tried === undefined) continue;
              const again = (await run(...tried)).failure;
              expect(again?.code, `${told}\n→ plexus ${tried.join(" ")}`).to.equal(undefined);
            }
          };
          for (const operation of operations) await judge(await run(...operation.words), operation);
          expect([...heard]).to.have.members(Object.keys(says));
        });
      } finally {
        await cluster.stop();
      }
    });
});

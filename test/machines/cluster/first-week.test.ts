/** The first week of an admin, as its page tells it: each of its commands, typed on the machine of a node. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { ClusterProcesses } from "../../fixtures/processes/cluster-processes.ts";
import { healthy, until } from "../../fixtures/processes/cluster-waits.ts";
import type { NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";
import { plexusMain } from "../../runner/phases.ts";

const root = join(import.meta.dirname, "../../..");
const page = readFileSync(join(root, "docs/operate/first-week.md"), "utf8");

/** The commands that stand in a numbered paragraph of the page. */
const commandsOf = (task: number): readonly string[] => {
  const [, told = ""] = new RegExp(`^${task}\\. ([\\s\\S]*?)(?=^\\d+\\. |^Each screen)`, "m").exec(page) ?? [];
  return [...told.matchAll(/`plexus ([^`]+)`/g)].map(([, command = ""]) => command);
};

/** The words of a command. The node that is taken out is gone when the others are looked at. `slot`: one in use. */
const typed = (command: string, slot = ""): readonly string[] =>
  command
    .replaceAll(/\bNAME\b/g, command.startsWith("nodes") ? "two" : "one")
    .replaceAll("NODE", "one")
    .replaceAll("chat/17", slot)
    .split(" ");

/** What each command of the page says. `ended`: it lasts as long as somebody looks. */
const said: Readonly<Record<string, RegExp>> = {
  nodes: /manager[\s\S]*one[\s\S]*two/,
  status: /manager/,
  "invite --role chat,manager": /up .*--join \S+/,
  "nodes plan --add chat,gateway": /slot/i,
  "nodes plan --remove NAME": /two/,
  "nodes forecast": /disk|memory/i,
  "nodes roles NAME chat,ai": /chat.*ai/s,
  "nodes drain NAME": /two/,
  "nodes undrain NAME": /two/,
  "nodes evict NAME": /two was removed from the cluster/,
  "slots move chat/17 --to NODE": /one/,
  "actors move room/general --to NODE": /one/,
  "slots release chat/17": /chat\/\d+/,
  "actors list --status quarantined": /./,
  "actors show room/general": /room\/general/,
  users: /ada/,
  audit: /evict/,
  alerts: /./,
  top: /manager/,
  requests: /./,
  logs: /./,
  "profile cpu --node NAME": /./,
  "usage --days 30": /./,
  budgets: /./,
};
const endless: ReadonlySet<string> = new Set(["top", "logs"]);

/** Looks on until a command that has no end of its own has said something, and then ends it as Ctrl-C does. */
const lookedOn = (node: NodeProcess, words: readonly string[], pattern: RegExp): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [plexusMain, ...words, "--data", node.data], { cwd: root });
    let text = "";
    const take = (part: Buffer): void => {
      text += String(part);
      if (pattern.test(text)) child.kill("SIGINT");
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.stdin.end();
    child.once("error", reject);
    child.once("close", (code) =>
      pattern.test(text) ? resolve(text) : reject(new Error(`plexus ${words.join(" ")} ended with ${code}: ${text}`)),
    );
  });

describe("the first week of an admin", () => {
  let cluster: ClusterProcesses;
  let slot: string;
  before(async () => {
    cluster = await ClusterProcesses.start([
      { name: "manager", roles: "manager,chat,gateway" },
      { name: "one", roles: "chat,gateway" },
      { name: "two", roles: "chat,gateway" },
    ]);
    const token = await cluster.first.signUp("ada");
    const room = { room: "general", title: "General" };
    expect((await cluster.first.http("POST", "/api/v1/rooms", room, token)).status).to.equal(200);
    const [first] = await healthy(cluster, "before anything is done");
    slot = first?.slot ?? "";
  });
  after(() => cluster[Symbol.asyncDispose]());

  it("is ten tasks, with the commands that are tried here", () => {
    const all = Array.from({ length: 10 }, (_, index) => commandsOf(index + 1)).flat();
    expect(all).to.include.members(Object.keys(said));
    expect(Object.keys(said)).to.include.members(all.filter((command) => command !== quarantined));
  });

  for (let task = 1; task <= 10; task += 1)
    for (const command of commandsOf(task))
      it(`${task}: plexus ${command}`, async () => {
        if (command === quarantined) return refusedWhereNobodyStopped(cluster.first);
        const pattern = said[command] ?? /^$/;
        const words = [...typed(command, slot), ...(command.startsWith("profile") ? ["--seconds", "1"] : [])];
        if (command.startsWith("nodes evict")) await lost(cluster, "two");
        if (endless.has(command)) await lookedOn(cluster.first, words, pattern);
        else expect(await plexus(cluster.first, ...words)).to.match(pattern);
        // Each task begins where the one before has ended: the cluster is whole.
        if (task < 6 && !command.startsWith("nodes drain")) await healthy(cluster, command);
      });

  it("3: changes no roles that somebody else has changed meanwhile", async () => {
    const words = ["nodes", "roles", "one", "chat", "--seen", "gateway"];
    const { code, stderr } = await runPlexus(...words, "--data", cluster.first.data);
    expect(code).to.equal(1);
    expect(stderr).to.match(/chat/);
    await until("the roles are as they were", async () => {
      const one = (await cluster.members()).find(({ name }) => name === "one");
      expect(one?.roles).to.have.members(["chat", "gateway"]);
    });
  });
});

/** A machine is lost for good: its node is evicted once the others have noticed and taken over its slots. */
async function lost(cluster: ClusterProcesses, name: string): Promise<void> {
  const node = (await cluster.members()).find((member) => member.name === name)?.node;
  await cluster.named(name).end("SIGKILL");
  cluster.forget(name);
  await until("others own its slots", async () =>
    expect((await cluster.slots()).map(({ owner }) => owner)).to.not.include(node),
  );
}

const quarantined = "actors release room/general";

/** No actor was stopped here: a unit test has one that was. */
async function refusedWhereNobodyStopped(node: NodeProcess): Promise<void> {
  const { code, stderr } = await runPlexus(...typed(quarantined), "--data", node.data);
  expect(code).to.equal(1);
  expect(stderr).to.match(/ALREADY_DONE|not.*quarantine/i);
}

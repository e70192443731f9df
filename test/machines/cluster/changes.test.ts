import { expect } from "chai";
import { depth } from "../../depth.ts";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { slotOf, type AgentHistory, type ConversationTurn, type ModelInfo } from "../../../protocols/index.ts";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load, rooms } from "../../fixtures/processes/cluster-load.ts";
import { ChatClient } from "../../fixtures/processes/chat-client.ts";
import { ClusterProcesses, manager, worker } from "../../fixtures/processes/cluster-processes.ts";
import { decommission, slotOfRoom } from "../../fixtures/processes/cluster-trouble.ts";
import { everybodyWrites, healthy, progress, until } from "../../fixtures/processes/cluster-waits.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { invitedBy, plexus } from "../../fixtures/processes/plexus-command.ts";
import { untilTrue } from "../../waits.ts";

const run = promisify(execFile);

/** Moves what lives in one slot to a node, under load: what is on its way already is asked for again. */
async function moveByHand(
  cluster: ClusterProcesses,
  subject: readonly [what: string, which: string],
  to: string,
): Promise<void> {
  const [what, which] = subject;
  const move = () => plexus(cluster.first, what, "move", which, "--to", to, "--timeout", "20s");
  const said = await until(`${which} moves to ${to}`, move);
  const slot = new RegExp(`^${which} is on ${to} now \\(slot (\\S+), epoch \\d+\\), after \\d+ ms\\.\n$`).exec(
    said,
  )?.[1];
  const owner = (await cluster.members()).find(({ name }) => name === to)?.node;
  expect(
    (await cluster.slots()).find((row) => row.slot === slot),
    said,
  ).to.include({ owner });
}

describe("a cluster of real processes that grows and shrinks under load", () => {
  it("goes from one node to three and back to one, and loses nothing", async function () {
    await using cluster = await ClusterProcesses.start([{ name: "solo", roles: "manager,chat,ai,gateway" }]);
    using load = await Load.begin(cluster);
    await progress(load, 100, "alone");
    await cluster.add(worker("two"));
    await everybodyWrites(load, "with the second");
    await cluster.add(worker("three"));
    const slots = await healthy(cluster, "with the third");
    for (const room of rooms) expect(slotOfRoom(slots, room).inSync.length, room).to.be.at.least(2);
    await everybodyWrites(load, "with the third");

    await decommission(cluster, load, "two");
    await healthy(cluster, "without the second");
    await everybodyWrites(load, "without the second");
    await decommission(cluster, load, "three");
    await healthy(cluster, "alone again");
    await everybodyWrites(load, "alone again");
    await load.end();
    await check(load);

    await cluster.first.end("SIGKILL");
    await cluster.first.start();
    await check(load);
  });

  // Growing and shrinking under load is above.
  depth(undefined, it)?.("takes a node in, lets another go, and never stops", async function () {
    await using cluster = await ClusterProcesses.start([manager, ...["one", "two", "three"].map(worker)]);
    using load = await Load.begin(cluster);
    await progress(load, 100, "the start");
    const [, ...flags] = await invitedBy(cluster.first, "--role", "chat,ai,gateway");
    await using folder = await createDataFolder();
    await using four = new NodeProcess(folder.path, ["--model", "echo", "--name", "four", ...flags]);
    await four.start();
    cluster.nodes.push(four);
    cluster.names.push("four");
    await until("the new node has its share", async () => {
      const row = (await cluster.members()).find(({ name }) => name === "four");
      if (row === undefined || row.slotsOwned === 0) throw new Error(JSON.stringify(row));
    });
    await everybodyWrites(load, "with the new node");
    await moveByHand(cluster, ["actors", "room/lobby"], "four");
    await moveByHand(cluster, ["slots", slotOf("chat", "room/kitchen")], "three");
    await everybodyWrites(load, "with two moved by hand");
    await decommission(cluster, load, "one");
    await healthy(cluster, "without the old node");
    await everybodyWrites(load, "without the old node");
    await load.end();
    await check(load);
  });
});

describe("the role ai in a cluster of real processes", () => {
  it("says where models run, and moves while agents are asked", async function () {
    await using cluster = await ClusterProcesses.start([
      { name: "north", roles: "manager,chat,gateway" },
      { name: "south", roles: "ai,gateway", labels: { zone: "b" }, flags: ["--weight", "0.5"] },
    ]);
    const [north, south] = [cluster.named("north"), cluster.named("south")];
    const token = await north.signUp("ada");
    const modelsAt = async (node: NodeProcess): Promise<readonly string[]> => {
      const { body } = await node.http("GET", "/api/v1/models", undefined, token);
      return (body as { models: readonly ModelInfo[] }).models.map(({ model, node: at }) => `${model} ${at ?? "here"}`);
    };
    const hostsOf = async ({ pid }: NodeProcess): Promise<number> => {
      // It ends with 1 when there are none.
      const found = await run("ps", ["-o", "pid=", "--ppid", String(pid)]).catch(() => ({ stdout: "" }));
      return found.stdout.split("\n").filter((line) => line !== "").length;
    };
    const answersOf = async (node: NodeProcess): Promise<number> => {
      const text = await node.metrics();
      return Number(/^plexus_generations_total\{.*end="complete".*\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    const ask = async (text: string): Promise<ConversationTurn | undefined> => {
      const said = await north.http("POST", "/api/v1/agents/ada.helper/say", { text }, token);
      expect(said.status, JSON.stringify(said.body)).to.be.below(300);
      return until(`an answer to ${text}`, async () => {
        const { body } = await north.http("GET", "/api/v1/agents/ada.helper/turns", undefined, token);
        const last = (body as AgentHistory).turns.at(-1);
        if (last?.end === undefined || last.role !== "assistant") throw new Error(JSON.stringify(last));
        return last;
      });
    };
    const setRoles = (name: string, roles: string) => plexus(north, "nodes", "roles", name, roles);

    await until("north knows of the model", async () => expect(await modelsAt(north)).to.deep.equal(["echo south"]));
    await north.http("POST", "/api/v1/agents", { name: "helper" }, token);
    expect(await ask("one")).to.include({ end: "complete" });
    expect([await answersOf(north), await answersOf(south)]).to.deep.equal([0, 1]);
    expect([await hostsOf(north), await hostsOf(south)]).to.deep.equal([0, 1]);
    // A response is kept by the node that answered, and found, continued and forgotten at each.
    const respond = (node: NodeProcess, more: object) =>
      node.http("POST", "/v1/responses", { model: "echo", ...more }, token);
    const answered = (await respond(north, { input: "red" })).body as { readonly id: string };
    const at = `/v1/responses/${answered.id}`;
    expect((await south.http("GET", at, undefined, token)).body).to.deep.equal(answered);
    expect((await south.http("GET", at, undefined, await south.signUp("eve"))).status).to.equal(404);
    expect((await respond(south, { input: "blue", previous_response_id: answered.id })).status).to.equal(200);
    expect((await south.http("DELETE", at, undefined, token)).status).to.equal(200);
    expect((await respond(north, { input: "blue", previous_response_id: answered.id })).status).to.equal(400);

    const rows = await until("the models are on record", async () => {
      const members = await cluster.members();
      expect(members.map(({ name, models }) => [name, ...models])).to.have.deep.members([["north"], ["south", "echo"]]);
      return members;
    });
    const row = rows.find(({ name }) => name === "south");
    expect(row).to.deep.include({ labels: { zone: "b" }, weight: 0.5 });

    await setRoles("north", "manager,chat,gateway,ai");
    await until("north serves", async () => expect(await modelsAt(north)).to.deep.equal(["echo here"]));
    await setRoles("south", "gateway");
    await until("south serves no more", async () => {
      expect(await modelsAt(south)).to.deep.equal(["echo north"]);
      expect(await hostsOf(south)).to.equal(0);
    });
    expect(await ask("two")).to.include({ end: "complete" });
    expect([await answersOf(north), await answersOf(south)]).to.deep.equal([1, 3]);

    await setRoles("north", "manager,chat,gateway");
    await until("nobody serves", async () => expect(await modelsAt(north)).to.deep.equal([]));
    const refused = await ask("three");
    expect(refused).to.include({ end: "failed" }).and.to.have.property("error").that.includes("model is not here");

    // The model's node dies in mid-answer, and another one that has the model by then goes on behind what was written.
    await setRoles("south", "ai,gateway");
    await until("south serves again", async () => expect(await modelsAt(north)).to.deep.equal(["echo south"]));
    const client = new ChatClient(() => north.url, token);
    client.follow("agent/ada.helper");
    const words = Array.from({ length: 700 }, (_, index) => `word${index}.`);
    await client.command("agent.say", "ada.helper", { text: words.join(" ") }, "long");
    await untilTrue("the answer streams", () => client.signals.length >= 3);
    await south.end("SIGKILL");
    const told = (client.seen.get("agent/ada.helper") ?? []).filter(
      ({ event }) => event.type === "answered" && (event["turn"] as ConversationTurn).turn > 6,
    );
    expect(told, "the answer was not through").to.deep.equal([]);
    await setRoles("north", "manager,chat,gateway,ai");
    const answer = await until("the whole answer", async () => {
      const turns = (client.seen.get("agent/ada.helper") ?? []).flatMap(({ event }) =>
        event.type === "answered" ? [event["turn"] as ConversationTurn] : [],
      );
      const last = turns.at(-1);
      if (last?.text.includes("word699.") !== true) throw new Error(JSON.stringify(last).slice(0, 200));
      return last;
    });
    expect(answer.end).to.equal("complete");
    // No word is missing, and none is there twice: also where it had to be begun again, which is marked.
    expect(answer.text.match(/word\d+\./g)).to.deep.equal(words);
    expect(answer.again ?? true).to.equal(true);
    client.close();
  });
});

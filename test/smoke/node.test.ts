import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "chai";
import OpenAI from "openai";
import { openLevelStore } from "../../node/platform/index.ts";
import type { AgentHistory, ConversationTurn } from "../../protocols/index.ts";
import { ChatClient } from "../fixtures/processes/chat-client.ts";
import { createDataFolder, NodeProcess } from "../fixtures/processes/node-process.ts";
import { further } from "../depth.ts";
import { untilTrue } from "../waits.ts";

const run = promisify(execFile);
const launcher = join(import.meta.dirname, "../../bin/plexus");

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line to its end. */
async function plexus(...args: string[]): Promise<Ended> {
  try {
    return { code: 0, ...(await run(launcher, args)) };
  } catch (error) {
    const { code, stdout, stderr } = error as Ended;
    return { code, stdout, stderr };
  }
}

const answers = (client: ChatClient, agent: string): ConversationTurn[] =>
  (client.seen.get(`agent/${agent}`) ?? [])
    .filter((each) => each.event.type === "answered")
    .map((each) => each.event["turn"] as ConversationTurn);

/** A client whose agent is in the middle of a long answer. */
async function hearAnswer(node: NodeProcess): Promise<ChatClient> {
  const client = new ChatClient(() => node.url, await node.signUp("ada"));
  await client.command("user.createAgent", "ada", { name: "helper" }, "c1");
  client.follow("agent/ada.helper");
  const text = Array.from({ length: 400 }, (_, index) => `word${index}`).join(" ");
  await client.command("agent.say", "ada.helper", { text }, "s1");
  await untilTrue("the answer streams", () => client.signals.length > 2);
  return client;
}

describe("a node process", function () {
  it("refuses a data folder that is in use, by name, and leaves the first node alone", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path);
    await node.start();
    const second = await plexus("up", "--data", folder.path, "--port", "0", "--json");
    expect(second.code).to.equal(3);
    expect(second.stderr).to.include("DATA_FOLDER_IN_USE").and.include(folder.path);
    expect((await node.http("GET", "/readyz")).status).to.equal(200);
  });

  it("takes its actors, its roles and its status to the operator on the command line", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path);
    await node.start();
    await node.signUp("ada");
    const data = ["--data", folder.path, "--json"];
    const status = JSON.parse((await plexus("status", ...data)).stdout) as { url: string };
    expect(status.url).to.equal(node.url);
    const listed = (await plexus("actors", "list", ...data)).stdout;
    expect(listed).to.include("user/ada").and.include("role-manager/cluster");
    const shown = await plexus("actors", "show", "user/ada", ...data);
    expect(JSON.parse(shown.stdout)).to.deep.include({ actor: "user/ada", status: "active" });
    const missing = await plexus("actors", "show", "user/nobody", ...data);
    expect([missing.code, missing.stdout + missing.stderr]).to.satisfy(
      ([code, said]: [number, string]) => code === 1 && said.includes("NOT_FOUND"),
    );
    expect(await node.end("SIGTERM")).to.equal(0);
    const stopped = await plexus("status", ...data);
    expect(stopped.code).to.equal(3);
  });

  it("finishes an answer that a kill -9 interrupted, once", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path);
    await node.start();
    const client = await hearAnswer(node);
    expect(answers(client, "ada.helper")).to.deep.equal([]);
    await node.end("SIGKILL");
    await node.start();
    await untilTrue("the answer is complete", () => answers(client, "ada.helper").length > 0);
    const [answer] = answers(client, "ada.helper");
    expect(answer).to.deep.include({ turn: 2, role: "assistant", end: "complete" });
    expect(answer?.text).to.include("word399");
    const history = await client.command("agent.history", "ada.helper", {});
    expect("ok" in history && (history.ok as AgentHistory).turns.map((turn) => turn.role)).to.deep.equal([
      "user",
      "assistant",
    ]);
    client.close();
  });

  it("drains on SIGTERM in the middle of an answer, exits 0, and finishes the answer after the start", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path);
    await node.start();
    const client = await hearAnswer(node);
    expect(await node.end("SIGTERM")).to.equal(0);
    await node.start();
    await untilTrue("the answer is complete", () => answers(client, "ada.helper").length > 0);
    expect(answers(client, "ada.helper").map((turn) => turn.end)).to.deep.equal(["complete"]);
    client.close();
  });

  it("survives the death of its inference host in the middle of an answer", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path);
    await node.start();
    const client = await hearAnswer(node);
    const { stdout } = await run("ps", ["-o", "pid=", "--ppid", String(node.pid)]);
    const hosts = stdout
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 0);
    expect(hosts).to.have.length(1);
    process.kill(hosts[0] as number, "SIGKILL");
    await untilTrue("the answer is complete", () => answers(client, "ada.helper").length > 0);
    expect(answers(client, "ada.helper").map((turn) => turn.end)).to.deep.equal(["complete"]);
    expect((await node.http("GET", "/healthz")).status).to.equal(200);
    client.close();
  });

  further("starts with a damaged entry: names slot, seq and file, and serves everything else", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path);
    await node.start();
    const token = await node.signUp("ada");
    for (const room of ["one", "two"]) await node.http("POST", "/api/v1/rooms", { room }, token);
    expect(await node.end("SIGTERM")).to.equal(0);

    const store = await openLevelStore(join(folder.path, "journal"));
    const [snapshot] = (await store.range({ gte: "snap/", lt: "snap0" })).filter(([key]) => key.endsWith("room/one"));
    const slot = (snapshot?.[0] ?? "").split("/").slice(1, 3).join("/");
    const [chunk] = await store.range({ gte: `log/${slot}/`, lt: `log/${slot}0` });
    const [key, bytes] = chunk as readonly [string, Uint8Array];
    const rotten = Uint8Array.from(bytes);
    rotten[20] = (rotten[20] ?? 0) ^ 4;
    await store.batch([{ type: "put", key, value: rotten }], { sync: true });
    await store.close();

    const doctor = await plexus("doctor", "--data", folder.path, "--json");
    expect(doctor.code).to.equal(1);
    expect(doctor.stdout).to.include(slot).and.include("checksum");
    await node.start();
    const broken = await node.http("GET", "/api/v1/rooms/one", undefined, token);
    expect(broken.status).to.equal(503);
    expect(JSON.stringify(broken.body)).to.include(slot).and.include('"seq":1').and.not.include(folder.path);
    const status = await plexus("status", "--data", folder.path, "--json");
    expect(status.stdout).to.include(slot).and.include(folder.path);
    expect((await node.http("GET", "/api/v1/rooms/two", undefined, token)).status).to.equal(200);
    expect((await node.http("GET", "/readyz")).status).to.equal(503);
  });

  it("serves the openai client unchanged, on the bundled model", async () => {
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path, []);
    await node.start();
    const token = await node.signUp("ada");
    const made = await node.http("POST", "/api/v1/me/keys", { label: "test" }, token);
    const { key, id } = made.body as { key: string; id: string };
    const openai = new OpenAI({ baseURL: `${node.url}/v1`, apiKey: key, maxRetries: 0 });
    const models = await openai.models.list();
    expect(models.data.map((model) => model.id)).to.include("plexus-tiny");
    const messages = [{ role: "user" as const, content: "What is an actor?" }];
    const whole = await openai.chat.completions.create({ model: "plexus-tiny", messages, temperature: 0 });
    expect(whole.choices[0]?.message.content).to.match(/actor/i);
    expect(whole.choices[0]?.finish_reason).to.equal("stop");
    const stream = await openai.chat.completions.create({
      model: "plexus-tiny",
      messages,
      temperature: 0,
      stream: true,
    });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    expect(text).to.equal(whole.choices[0]?.message.content);
    expect((await node.http("DELETE", `/api/v1/me/keys/${id}`, undefined, token)).status).to.be.below(300);
    const refused = await openai.models.list().then(
      () => "served",
      (error: unknown) => (error as { status: number }).status,
    );
    expect(refused).to.equal(401);
  });
});

import type { ServerResponse } from "node:http";
import { expect } from "chai";
import { serveFiles, type ModelServer } from "../../fixtures/model-servers.ts";
import { gguf } from "../../fixtures/model-files.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";
import { json, sse, startDouble, type Double } from "../../fixtures/providers/double.ts";
import { ollamaDouble } from "../../fixtures/providers/ollama.ts";
import { untilTrue } from "../../waits.ts";
import { openPages, type Person, type Fixture } from "../../fixtures/page/index.ts";

const model = (licence?: string): Buffer =>
  gguf({
    facts: { "general.architecture": "llama", "general.name": "A small model", "llama.context_length": 512, ...(licence !== undefined && { "general.license": licence }) }, // prettier-ignore
    tensors: [{ name: "w", dimensions: [256, 64], type: 8 }],
  });

describe("the models of a node", function () {
  let fixture: Fixture;
  let server: ModelServer;
  let ada: Person;
  let bob: Person;
  before(async () => {
    server = await serveFiles({ "free.gguf": model("apache-2.0"), "page.gguf": Buffer.from("<html>") });
    fixture = await openPages();
    ada = await fixture.person("ada");
    bob = await fixture.person("bob");
  });
  after(async () => {
    await fixture.close();
    await server.close();
  });

  it("are pulled once their licence is accepted, looked at, and removed after a question", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/settings/profile`);
    await page.getByRole("link", { name: "Administration" }).click();
    await page.getByRole("link", { name: "Models", exact: true }).click();
    await page.getByLabel("Source").fill(`${server.url}/free.gguf`);
    await page.keyboard.press("Enter");
    const question = page.getByRole("alertdialog").or(page.getByRole("dialog"));
    await question.getByText("apache-2.0").waitFor();
    await question.getByRole("button", { name: "Accept and pull" }).click();
    await page.getByRole("button", { name: "Card of free" }).click();
    expect(await page.getByRole("region", { name: "Pulls" }).count()).to.equal(0);
    await page.getByText("accepted by ada").waitFor();
    await page.getByRole("button", { name: "Check free" }).click();
    await page.getByText("free: its files are intact.").first().waitFor();
    await page.getByRole("button", { name: "Remove free" }).click();
    await question.getByRole("button", { name: "Remove" }).click();
    await page.getByText("None yet.").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("are loaded, pinned and unloaded by name, and the page says why each is where it is", async () => {
    const { page } = ada;
    await page.goto(`${fixture.node.url}/admin/models`);
    const memory = page.getByRole("region", { name: "In memory" });
    const row = memory.getByRole("listitem").first();
    await row.getByText("it stays until its memory is needed").waitFor();
    await row.getByRole("button", { name: /^Unload / }).focus();
    await page.keyboard.press("Enter");
    await row.getByText("a call brings it into memory").waitFor();
    await row.getByRole("button", { name: /^Pin / }).click();
    await row.getByText("it is pinned").waitFor();
    expect(await row.getByRole("button", { name: /^Unload / }).isDisabled()).to.equal(true);
    await row.getByRole("button", { name: /^Unpin / }).click();
    await row.getByText("it stays until its memory is needed").waitFor();
    await memory.getByText(/for models: /).waitFor();
    const choice = page.getByRole("region", { name: "Where calls go" });
    await choice.getByText(/choice 1 · ready · .*generate/).waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("have their loads and unloads in the list of tasks, also on a phone", async () => {
    const small = await fixture.person("ada", { viewport: { width: 390, height: 844 }, hasTouch: true });
    for (const { page } of [ada, small]) {
      await page.goto(`${fixture.node.url}/admin/tasks`);
      const list = page.getByLabel("List of tasks");
      await list
        .getByText(/^Load of /)
        .first()
        .waitFor();
      await list
        .getByText(/^Unloading of /)
        .first()
        .waitFor();
    }
    await small.close();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("are shared by links that an admin ends on the page of a person", async () => {
    await bob.api("POST", "/api/v1/agents", { name: "helper" });
    await bob.api("POST", "/api/v1/agents/bob.helper/say", { text: "hello" });
    await untilTrue("bob has an answer", async () => {
      const { turns } = (await bob.api("GET", "/api/v1/agents/bob.helper/turns")) as { turns: { role: string }[] };
      return turns.at(-1)?.role === "assistant";
    });
    const { path } = (await bob.api("POST", "/api/v1/agents/bob.helper/links", { lifeMs: 3_600_000 })) as { path: string }; // prettier-ignore
    expect((await fetch(fixture.node.url + path)).status).to.equal(200);
    const { page } = ada;
    await page.goto(`${fixture.node.url}/admin/people/bob`);
    await page.getByRole("button", { name: "End all shared links" }).click();
    await page.getByRole("alertdialog").or(page.getByRole("dialog")).getByRole("button", { name: "End them" }).click();
    await page.getByText("1 shared link ended.").waitFor();
    expect((await fetch(fixture.node.url + path)).status).to.equal(404);
  });

  it("are suggested for the machine once somebody asks, and pulled from there", async () => {
    const { page } = ada;
    const source = `${server.url}/free.gguf`;
    const model = { name: "free", title: "A small model", purpose: "chat", parameters: 1, quantisation: "Q8_0", fileBytes: 1_048_576, memoryBytes: 2_097_152, licence: "apache-2.0", fits: true, tokensPerSecond: 12, source, command: "" }; // prettier-ignore
    const suggestions = {
      node: "node",
      measured: true,
      models: [model, { ...model, name: "huge", title: "A huge model", fits: false }],
    };
    // The node would measure itself for seconds.
    await page.route("**/suggestions*", (route) => route.fulfill({ json: suggestions }));
    await page.goto(`${fixture.node.url}/admin/models`);
    await page.getByRole("button", { name: "Suggest models" }).click();
    await page.getByText("1.0 MiB to fetch · 2.0 MiB of memory · about 12 tokens a second").waitFor();
    expect(await page.getByText("A huge model").count()).to.equal(0);
    await page.getByRole("button", { name: "Pull A small model" }).click();
    const question = page.getByRole("alertdialog").or(page.getByRole("dialog"));
    await question.getByRole("button", { name: "Accept and pull" }).click();
    await page.getByRole("button", { name: "Remove free" }).click();
    await question.getByRole("button", { name: "Remove" }).click();
    await page.unroute("**/suggestions*");
  });

  it("are not what every file is, and the page says why", async () => {
    const { page } = ada;
    await page.getByLabel("Source").fill(`${server.url}/page.gguf`);
    await page.keyboard.press("Enter");
    await page.getByRole("region", { name: "Pulls" }).getByText("this is not a GGUF file").waitFor();
    await page.getByRole("region", { name: "Refused files" }).getByText("page.gguf", { exact: true }).waitFor();
  });

  it("are also those of other servers: added, tested, found and removed", async () => {
    const double = await startDouble(ollamaDouble());
    const { page } = ada;
    await page.goto(`${fixture.node.url}/admin/models`);
    const servers = page.getByRole("region", { name: "Servers with models" });
    await page.getByLabel("Range").fill("8.8.8.8");
    await page.keyboard.press("Enter");
    await page.getByText("must be of a private network").first().waitFor();
    await servers.getByLabel("Name of the server").fill("box");
    await servers.getByLabel("Address").fill(double.url);
    await page.keyboard.press("Enter");
    await servers.getByText("3 models").waitFor();
    await servers.getByRole("button", { name: "Test box" }).click();
    await servers.getByText("tokens a second").waitFor();
    await servers.getByRole("button", { name: "Remove box" }).click();
    const question = page.getByRole("alertdialog").or(page.getByRole("dialog"));
    await question.getByRole("button", { name: "Remove" }).click();
    await servers.getByText("No server is used yet.").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
    await double.close();
  });

  it("are for admins", async () => {
    await bob.page.goto(`${fixture.node.url}/admin/models`);
    await bob.page.getByText("Only admins see and change the models of a node.").waitFor();
    expect(await bob.page.getByLabel("Source").count()).to.equal(0);
  });
});

/** A node with room for one of its two models. What a server holds back keeps the other one in memory. */
describe("the load of a model", () => {
  const shot = shotsOf("load");
  const held: ServerResponse[] = [];
  let server: Double;
  let fixture: Fixture;
  let ada: Person;
  before(async () => {
    server = await startDouble((asked, response) => {
      if (asked.method === "GET") return json(response, { object: "list", data: [{ id: "held", object: "model" }] });
      return held.push(response);
    });
    fixture = await openPages(
      ["--model", `openai+${server.url}/v1#held`, "--model", "echo"],
      ["env", "PLEXUS_MODEL_MEMORY_MIB=60"],
    );
    ada = await fixture.person("ada");
  });
  after(async () => {
    await fixture.close();
    await server.close();
  });

  const ask = (model: string): Promise<unknown> =>
    ada
      .api("POST", "/v1/chat/completions", { model, messages: [{ role: "user", content: "hello" }] })
      .catch((error: unknown) => String(error));
  const stateOf = async (model: string): Promise<string | undefined> => {
    const { nodes } = (await ada.api("GET", "/api/v1/admin/inference")) as {
      nodes: { models: { model: string; state: string }[] }[];
    };
    return nodes[0]?.models.find((one) => one.model === model)?.state;
  };

  for (const [name, options] of looks)
    it(`that waits for room is stopped: at once, or after a question where calls wait for it; ${name}`, async () => {
      const busy = ask("held");
      await untilTrue("a server holds a call back", () => held.length === 1);
      const { page, close } = await fixture.person("ada", options);
      await page.goto(`${fixture.node.url}/admin/models`);
      const memory = page.getByRole("region", { name: "In memory" });
      const row = memory.getByRole("listitem").filter({ hasText: "echo" });
      await row.getByRole("button", { name: /^Load echo / }).click();
      const stop = row.getByRole("button", { name: /^Stop echo / });
      await stop.waitFor();
      await row.getByText("waits", { exact: true }).waitFor();
      await row.scrollIntoViewIfNeeded();
      await shot(page, `waits ${name}`);
      expect(await axeFaults(page, { within: "main" })).to.deep.equal([]);
      await stop.focus();
      await page.keyboard.press("Enter");
      await row.getByRole("button", { name: /^Load echo / }).waitFor();
      await row.getByText("not in memory", { exact: true }).waitFor();

      const refused = ask("echo");
      await stop.click();
      const question = page.getByRole("alertdialog").or(page.getByRole("dialog"));
      await question.getByText("Refuse the calls that wait for “echo”?").waitFor();
      await question.getByRole("button", { name: "Cancel" }).click();
      await stop.waitFor();
      await stop.click();
      await question.getByRole("button", { name: "Stop it" }).click();
      await row.getByText("not in memory", { exact: true }).waitFor();
      expect(await refused).to.include("its load was stopped by an admin");

      await page.goto(`${fixture.node.url}/admin/tasks`);
      const tasks = page.getByLabel("List of tasks").getByRole("row").filter({ hasText: "Load of echo" });
      await tasks.first().getByText("cancelled").waitFor();
      for (const response of held.splice(0))
        sse(response, [{ choices: [{ index: 0, delta: { content: "late" }, finish_reason: "stop" }] }]);
      expect(JSON.stringify(await busy)).to.include("late");
      await untilTrue("the other model has left", async () => (await stateOf("held")) !== "leaving");
      await close();
      expect(fixture.complaints).to.deep.equal([]);
    });

  it("that was stopped is begun by the next call all the same", async () => {
    expect(JSON.stringify(await ask("echo"))).to.include("hello");
    expect(await stateOf("echo")).to.equal("ready");
  });
});

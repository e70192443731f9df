import { readFile } from "node:fs/promises";
import { expect } from "chai";
import type { Page } from "playwright-core";
import { dashboardScreens } from "../../bench/targets/dashboard-screens.ts";
import { depth } from "../../depth.ts";
import { placesOf, screens } from "../../fixtures/page/admin-screens.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Person, type Fixture } from "../../fixtures/page/index.ts";
import { JoinedNodes } from "../../fixtures/page/joined.ts";
import { untilTrue } from "../../waits.ts";

const phone = { viewport: { width: 390, height: 844 }, hasTouch: true };

describe("the dashboard of a cluster of three nodes", function () {
  // Each goes on with the nodes of the one before.
  this.bail(true);
  let fixture: Fixture;
  let ada: Person;
  let page: Page;
  // What a request brings along says whether it is traced; of others next to none is.
  const traced = ["env", "PLEXUS_TRACING_RATIO=0.000001"];
  const others = new JoinedNodes(traced);
  /** Requests of the page of the walk: `GET /api/v1/…`. */
  const asked: string[] = [];
  /** Those of all pages of admins, in all that follows. */
  const recorded = new Set<string>();
  const record = (at: Page) =>
    at.on("request", (request) => {
      if (!["fetch", "xhr", "eventsource"].includes(request.resourceType())) return;
      const one = `${request.method()} ${new URL(request.url()).pathname}`;
      recorded.add(one);
      if (at === page) asked.push(one);
    });
  before(async () => {
    fixture = await openPages(["--model", "echo", "--context-tokens", "100000", "--control", "127.0.0.1:0"], traced);
    ada = await fixture.person("ada");
    ({ page } = ada);
    await fixture.account("bob");
    for (const room of ["general", "random", "gardening"])
      await ada.api("POST", "/api/v1/rooms", { room, title: `About ${room}` });
    await ada.api("POST", "/api/v1/rooms/general/messages", { text: "a word among ourselves" });
    record(page);
  });
  after(async () => {
    await others.close();
    await fixture.close();
  });

  const region = (at: Page, name: string) => at.getByRole("region", { name, exact: true }).first();
  const table = (name: string) => page.getByRole("group", { name, exact: true });
  const yes = (name: string) => page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
  const rows = () => page.getByRole("list", { name: "Nodes of the cluster" }).getByRole("listitem");
  const go = (at: Page, where: string) => at.goto(`${fixture.node.url}/admin/${where}`);
  /** What axe finds, and whether something is wider than the screen. */
  async function looked(at: Page, name: string): Promise<void> {
    const folderOfShots = process.env["PLEXUS_TEST_SHOTS"];
    if (folderOfShots !== undefined) await at.screenshot({ path: `${folderOfShots}/${name}.png` });
    expect(await axeFaults(at, { within: "main" }), name).to.deep.equal([]);
    const wider = await at.locator(".settings-body").evaluate((body) => body.scrollWidth - body.clientWidth);
    expect(wider, `${name} is wider than the screen`).to.equal(0);
  }

  it("says what would follow if nodes came or went, and takes another weight at once", async () => {
    await go(page, "nodes");
    const plan = region(page, "What if");
    await plan.getByRole("textbox", { name: "How many" }).fill("2");
    await plan.getByRole("textbox", { name: "Zone" }).fill("cellar");
    await plan.getByRole("button", { name: "Show what would happen" }).focus();
    await page.keyboard.press("Enter");
    await plan.getByRole("row", { name: /new 2/ }).waitFor();
    expect(await plan.locator("pre").textContent()).to.equal(
      Array.from({ length: 2 }, () => "plexus invite --role chat --role ai --role gateway --label zone=cellar").join(
        "\n",
      ),
    );
    await looked(page, "plan");

    await plan.getByRole("combobox", { name: "Suppose" }).selectOption({ label: "A node leaves" });
    await plan.getByRole("button", { name: "Show what would happen" }).click();
    await plan.getByText("No node would have the role manager").waitFor();

    await plan.getByRole("combobox", { name: "Suppose" }).selectOption({ label: "A node gets another weight" });
    await plan.getByRole("textbox", { name: "Weight" }).fill("2.5");
    await plan.getByRole("button", { name: "Show what would happen" }).click();
    await plan.getByText(/^Nothing would move\./).waitFor();
    await plan.getByRole("button", { name: "Change it" }).click();
    await yes("Change");
    await plan.getByText(/^Changed\./).waitFor();
    await plan.getByRole("option", { name: /\(weight 2\.5\)/ }).waitFor({ state: "attached" });

    await plan.getByRole("combobox", { name: "Suppose" }).selectOption({ label: "Slots get another number of copies" });
    await plan.getByRole("textbox", { name: "Copies of each slot" }).fill("2");
    await plan.getByRole("button", { name: "Show what would happen" }).click();
    await plan.getByRole("group", { name: "Nodes before and after" }).waitFor();
    await plan.getByRole("button", { name: "Change it" }).click();
    await yes("Change");
    await plan.getByText(/^Changed\./).waitFor();
    const { replicas } = (await ada.api("GET", "/api/v1/admin/cluster/summary")) as { replicas: number };
    expect(replicas).to.equal(2);
    const { revision } = (await ada.api("GET", "/api/v1/admin/configuration/history")) as { revision: number };
    await ada.api("POST", "/api/v1/admin/configuration/rollback", { revision, to: 0 });
  });

  it("invites a node by a command to copy, and shows what it does when it has come, while the page stays open", async () => {
    await others.invited(ada, "second", ["manager", "chat"]);
    await page.goto(`${fixture.node.url}/settings/profile`);
    await page.getByRole("link", { name: "Administration" }).click();
    await page.getByRole("link", { name: "Nodes", exact: true }).click();
    await region(page, "State").getByText("2 of 2 nodes up.").waitFor();
    await rows().getByText("this node").waitFor();
    const invite = region(page, "Invite a node");
    for (const role of ["ai", "storage", "manager"])
      await invite.getByRole("checkbox", { name: new RegExp(`^${role}:`) }).uncheck();
    await invite.getByRole("textbox", { name: "Zone" }).fill("cellar");
    await invite.getByRole("button", { name: "Make an invitation" }).focus();
    await page.keyboard.press("Enter");
    await invite.getByText("This command adds one node to the cluster. It works once").waitFor();
    const command = (await invite.locator("pre").textContent()) ?? "";
    expect(command).to.match(/^bin\/plexus up(?: --role \S+)+ --label zone=cellar --join \S+$/);
    await others.start("third", command.split(" ").slice(2));
    const row = rows().filter({ hasText: "third" });
    await row.getByText("zone cellar").waitFor();
    await row.getByText("up", { exact: true }).waitFor();
    await region(page, "State").getByText("3 of 3 nodes up.").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("begins with how the cluster is, and has a screen for each thing, served by routes of the API alone", async () => {
    await page.goto(`${fixture.node.url}/admin`);
    await region(page, "State").waitFor();
    await region(page, "Figures")
      .getByRole("link", { name: /^Nodes up 3 of 3/ })
      .waitFor();
    expect(screens.map((one) => one.page).toSorted(), "each screen is gone to").to.deep.equal(await placesOf(page));
    for (const { page: name, sees, asks } of screens) {
      asked.length = 0;
      await page.getByRole("navigation", { name: "Administration" }).locator(`a[href="/admin/${name}"]`).click();
      await page.waitForURL(`**/admin/${name}`);
      await region(page, sees)
        .or(page.getByRole("heading", { name: sees }).first())
        .first()
        .waitFor();
      for (const path of asks)
        await untilTrue(`${name} asks for ${path}`, () => asked.some((one) => one.includes(` /api/v1/admin/${path}`)));
      expect(
        asked.filter((one) => !one.includes(" /api/v1/")),
        name,
      ).to.deep.equal([]);
    }
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("can be read by everybody, in both looks, also on a phone", async () => {
    const small = await fixture.person("ada", phone);
    record(small.page);
    for (const { page: name, sees } of screens)
      for (const [at, width] of [[page, "wide"], [small.page, "phone"]] as const) {
        await go(at, name);
        await region(at, sees).or(at.getByRole("heading", { name: sees }).first()).first().waitFor();
        await at.getByText("Loading …").first().waitFor({ state: "detached" });
        // Each look and each form once; at full depth all four.
        for (const colorScheme of depth([width === "wide" ? "dark" : "light"] as const, ["light", "dark"] as const)) {
          await at.emulateMedia({ colorScheme });
          await looked(at, `${name}-${width}-${colorScheme}`);
        }
      }
    await small.close();
    expect(fixture.complaints).to.deep.equal([]);
  }); // prettier-ignore

  it("is the admins' alone", async () => {
    const bob = await fixture.person("bob", phone);
    await go(bob.page, "nodes");
    await bob.page.getByText("Only admins see the nodes of the cluster.").waitFor();
    await bob.close();
  });

  it("moves a slot to a node that is chosen, says what comes of it, and lets go of it again", async () => {
    const { nodes } = (await ada.api("GET", "/api/v1/admin/cluster/summary")) as {
      nodes: { name: string; node: string }[];
    };
    const { slots } = (await ada.api("GET", "/api/v1/admin/cluster/slots")) as {
      slots: { slot: string; owner: string }[];
    };
    const { slot = "", owner } = slots.find((one) => one.slot.startsWith("chat/")) ?? {};
    const other = nodes.find(({ node, name }) => node !== owner && name !== "third")?.name ?? "";
    await go(page, `slots?text=${slot}`);
    await page.getByRole("button", { name: `Move ${slot}`, exact: true }).click();
    await page.getByRole("dialog").getByLabel("To the node").selectOption({ label: other });
    await page
      .getByRole("dialog")
      .getByText(new RegExp(`^${other} owns \\d+ slots?`))
      .waitFor();
    await yes("Move");
    await page.getByText(`${slot} is on ${other} now.`).waitFor();
    await page.getByRole("button", { name: `Unpin ${slot}`, exact: true }).click();
    await page.getByText(`${slot} is placed by the cluster again.`).waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("finds an actor by the beginning of its name and shows where it is, by keys alone", async () => {
    await go(page, "actors");
    await page.getByRole("textbox", { name: "Search" }).focus();
    await page.keyboard.type("room/gen");
    const found = table("Actors").getByRole("link", { name: "room/general" });
    await found.waitFor();
    await table("Actors").getByRole("link", { name: "user/ada" }).waitFor({ state: "detached" });
    await found.focus();
    await page.keyboard.press("Enter");
    await region(page, "room/general")
      .getByText(/epoch \d+/)
      .waitFor();
    await region(page, "Dead letters").getByText("There are none.").waitFor();
    await looked(page, "actor");
    await page.goBack();
    await found.waitFor();
  });

  it("lists rooms by size and place, and nothing of what is said in them", async () => {
    await go(page, "rooms?text=gen");
    const row = table("Rooms").getByRole("row").filter({ hasText: "general" });
    await row.getByText("About general").waitFor();
    await row.getByRole("cell", { name: "public" }).waitFor();
    const { rooms } = (await ada.api("GET", "/api/v1/admin/rooms")) as { rooms: object[] };
    expect(rooms).to.have.length(3);
    expect(JSON.stringify(rooms)).not.to.include("among ourselves");
  });

  it("gives a running node other roles, and says what is in the way", async () => {
    await go(page, "nodes");
    await page.getByRole("button", { name: "Roles of second" }).click();
    await page.getByRole("dialog").getByRole("checkbox", { name: "storage" }).check();
    await yes("Change");
    await page.getByText(/^second has the roles .*storage.* now\./).waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("sets what a model costs, shows usage as charts and gives it as CSV", async () => {
    await go(page, "usage");
    await page.getByRole("textbox", { name: "Model" }).fill("echo");
    await page.getByRole("textbox", { name: "Tokens read" }).fill("2.5");
    await page.getByRole("textbox", { name: "Tokens written" }).fill("10");
    await page.keyboard.press("Enter");
    await table("Prices of models").getByRole("rowheader", { name: "echo" }).waitFor();
    await page.getByRole("img", { name: /^Tokens by day\./ }).waitFor();
    await page.getByRole("img", { name: /^Messages by day\. messages: [1-9]/ }).waitFor();
    const [csv] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("button", { name: "Download days as CSV" }).click(),
    ]);
    expect(await readFile(await csv.path(), "utf8")).to.match(
      /^day,team,people,messages,.*\r\n2\d{3}-\d\d-\d\d,,[1-9]/,
    );
    await page.getByRole("button", { name: "Remove the price of echo" }).click();
    await table("Prices of models").getByText("No model has a price.").waitFor();
  });

  it("shows what came of requests, by route, kind of actor and key, as a table and as charts", async () => {
    const made = (await ada.api("POST", "/api/v1/me/keys", { label: "robot" })) as {
      readonly id: string;
      readonly key: string;
    };
    const asKey = { headers: { authorization: `Bearer ${made.key}` } };
    expect((await fetch(`${fixture.node.url}/api/v1/rooms/nowhere/messages`, asKey)).status).to.equal(404);
    await go(page, "metrics?order=refused");
    const requests = region(page, "Requests");
    await requests.getByRole("row", { name: "GET /api/v1/rooms/:room/messages 1 0 1 " }).waitFor();
    await requests.getByRole("img", { name: /^Time, 99 of 100 below\./ }).waitFor();
    await requests.getByText("Key", { exact: true }).click();
    await requests.getByRole("row", { name: `ada/${made.id} 1 0 1 0 0 ` }).waitFor();
    expect(new URL(page.url()).searchParams.get("order"), "what was chosen stays").to.equal("refused");
    await requests.getByText("Kind of actor", { exact: true }).first().click();
    await requests.getByRole("row", { name: /^room \d/ }).waitFor();
    await requests.getByRole("textbox", { name: "Names like" }).fill("no such kind");
    await requests.getByText("There was none.").waitFor();
    await looked(page, "requests");
  });

  it("follows the logs of all nodes, of what is asked for", async () => {
    await go(page, "logs?name=node.");
    await page
      .getByRole("log")
      .getByText(/^node\./)
      .first()
      .waitFor();
    expect(
      await page
        .getByRole("log")
        .getByText(/^gateway\./)
        .count(),
    ).to.equal(0);
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("shows the way of a request as a waterfall, each step below its cause", async () => {
    const trace = "0af7651916cd43dd8448eb211c80319c";
    const span = (id: string, parent: string | undefined, name: string, startMs: number, tookMs: number, node: string) => ({ trace, span: id, ...(parent && { parent }), name, startMs, tookMs, node, facts: {} }); // prettier-ignore
    const spans = [
      span("a1", undefined, "POST /api/v1/rooms/:room/messages", 1_000, 20, "one"),
      span("b2", "a1", "line", 1_002, 16, "one"),
      { ...span("c3", "b2", "turn", 1_005, 10, "second"), error: "APPEND_FAILED" },
    ];
    await page.route(`**/api/v1/admin/traces/${trace}`, (route) =>
      route.fulfill({ json: { trace, spans, silent: [] } }),
    );
    await go(page, `traces?trace=${trace}`);
    const steps = page.getByRole("list", { name: "Steps of the request" }).getByRole("listitem");
    await steps.filter({ hasText: "APPEND_FAILED" }).waitFor();
    expect(await steps.locator("strong").allTextContents()).to.deep.equal(spans.map(({ name }) => name));
    await looked(page, "trace");
    await page.getByRole("link", { name: "All requests" }).click();
    await region(page, "Requests").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("shows the way of a message through the nodes: in at one, decided and written at another, with a copy at a third", async () => {
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    const { nodes } = (await ada.api("GET", "/api/v1/admin/cluster/summary")) as {
      nodes: { name: string; node: string; self: boolean }[];
    };
    const self = nodes.find((one) => one.self)?.node;
    let room = "";
    let slot = "";
    for (let at = 0; room === ""; at += 1) {
      await ada.api("POST", "/api/v1/rooms", { room: `way${at}`, title: "Way" });
      const actor = (await ada.api("GET", `/api/v1/admin/actors/room/way${at}`)) as { node: string; slot: string };
      if (actor.node !== self) [room, slot] = [`way${at}`, actor.slot];
    }
    // A slot that is new has no copy for a moment.
    await untilTrue(`${slot} has a copy`, async () => {
      const { slots } = (await ada.api("GET", `/api/v1/admin/cluster/slots?text=${slot}`)) as {
        slots: { slot: string; inSync: string[] }[];
      };
      return slots.some((one) => one.slot === slot && one.inSync.length > 1);
    });
    // Not by the page: what that asks for is compared with the control endpoint in the end.
    const headers = { origin: fixture.node.url, traceparent: `00-${trace}-00f067aa0ba902b7-01` };
    const data = { text: "a way of its own" };
    await page.request.post(`${fixture.node.url}/api/v1/rooms/${room}/messages`, { headers, data });
    await go(page, "traces");
    await table("Traced requests").getByRole("link", { name: "POST /api/v1/rooms/:room/messages" }).first().click();
    const steps = page.getByRole("list", { name: "Steps of the request" }).getByRole("listitem");
    for (const name of ["POST /api/v1/rooms/:room/messages", "route", "turn", "commit", "journal", "copy"])
      await steps
        .filter({ has: page.locator("strong").getByText(name, { exact: true }) })
        .first()
        .waitFor();
    const names = await steps.locator("strong").allTextContents();
    const where = await steps.locator(".step-line > .dim:not(.step-facts)").allTextContents();
    const nodeOf = (name: string) => where[names.indexOf(name)];
    expect(nodeOf("turn")).to.not.equal(nodeOf("POST /api/v1/rooms/:room/messages"));
    expect(nodeOf("copy")).to.not.equal(nodeOf("turn"));
    expect(await page.locator("main").textContent()).to.not.include("a way of its own");
    await looked(page, "way");
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("looks at what another node does, and shows it as a picture and in words", async () => {
    await go(page, "profiles");
    const form = page.getByRole("form", { name: "Profile a node" });
    await form.getByRole("combobox", { name: "Node" }).selectOption({ index: 2 });
    await form.getByRole("combobox", { name: "For" }).selectOption({ label: "1 s" });
    await form.getByRole("button", { name: "Begin" }).click();
    await page.getByRole("link", { name: /^Profile of what the processor does at / }).click();
    await page.getByRole("img", { name: "Calls, callers above" }).locator("div").first().click();
    await page
      .getByRole("button", { name: /^Show .* in the picture$/ })
      .first()
      .click();
    await page.getByRole("button", { name: "All calls" }).click();
    await page.getByRole("link", { name: /^Download it/ }).waitFor();
    await looked(page, "profile");
    await go(page, "profiles");
    await form.getByRole("combobox", { name: "What" }).selectOption({ label: "Memory: which code fills it" });
    await form.getByRole("combobox", { name: "For" }).selectOption({ label: "1 s" });
    await form.getByRole("button", { name: "Begin" }).click();
    const heap = page.getByRole("link", { name: /^Profile of the heap at / });
    // A node that nobody asks for anything fills no memory.
    for (let at = 0; at < 30 && !(await heap.isVisible()); at += 1)
      await ada.api("POST", "/api/v1/rooms", { room: `filled${at}`, title: "Filled" });
    await heap.click();
    await page.getByRole("img", { name: "Calls, callers above" }).locator("div").first().waitFor();
  });

  it("says what a drain of the only one with a role would mean, and how many should keep the directory", async () => {
    await go(page, "nodes");
    const first = rows().filter({ hasText: "this node" });
    await first.getByRole("button", { name: /^Drain / }).click();
    await page.getByText(/No other node with the role .* can take over now/).waitFor();
    await page.keyboard.press("Escape");
    const directory = region(page, "Directory");
    await directory.getByRole("combobox", { name: "How many nodes should keep it" }).selectOption("5");
    await yes("Change");
    await directory.getByText(/^Wanted: 5; 2 nodes with the role manager/).waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("overwrites nothing that another admin has changed meanwhile, and shows what is there now", async () => {
    await go(page, "people/bob");
    const options = page.getByRole("group", { name: "Roles", exact: true });
    await options.getByRole("checkbox", { name: /^moderator/ }).check();
    await ada.api("PUT", "/api/v1/admin/users/bob/roles", { roles: ["guest"] });
    await page.getByRole("button", { name: "Change roles" }).click();
    await yes("Change");
    await page.getByText(/Somebody else has changed the roles of bob meanwhile: they are guest now/).waitFor();
    expect(await options.getByRole("checkbox", { name: /^guest/ }).isChecked()).to.equal(true);
    expect(await options.getByRole("checkbox", { name: /^moderator/ }).isChecked()).to.equal(false);

    await go(page, "nodes");
    await page.getByRole("button", { name: "Roles of second" }).click();
    await page.getByRole("dialog").getByRole("checkbox", { name: "gateway" }).check();
    await ada.api("PUT", "/api/v1/admin/cluster/nodes/second/roles", { roles: ["manager", "chat"] });
    await yes("Change");
    await page.getByText(/Somebody else has changed them meanwhile: they are manager, chat now/).waitFor();
    await ada.api("PUT", "/api/v1/admin/cluster/nodes/second/roles", { roles: ["manager", "chat", "storage"] });
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("says in a tab from before an upgrade that the page has to be loaded anew, and does it", async () => {
    await go(page, "overview");
    await region(page, "State").waitFor();
    await page.route("**/assets/*.js", (route) => route.fulfill({ status: 404, body: "" }));
    await page.getByRole("navigation", { name: "Administration" }).locator('a[href="/admin/tasks"]').click();
    await page.getByRole("heading", { name: "The page must be loaded again" }).waitFor();
    await page.unroute("**/assets/*.js");
    await page.getByRole("button", { name: "Load it again" }).click();
    await region(page, "Tasks").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("shows a clear state of a node that dies while it is changed, and goes on with it when it is back", async () => {
    const third = others.named("third");
    await go(page, "nodes");
    const row = rows().filter({ hasText: "third" });
    await row.getByRole("button", { name: "Drain third" }).click();
    await third.end("SIGKILL");
    await yes("Drain");
    await row.getByText("down, draining").waitFor();
    await region(page, "State")
      .getByText(/^Down: third\. Start it again/)
      .waitFor();
    await row.getByRole("button", { name: "Undo the drain of third" }).waitFor();
    // What is set for it counts when it is back.
    await row.getByRole("button", { name: "Roles of third" }).click();
    await page.getByRole("dialog").getByRole("checkbox", { name: "storage" }).check();
    await yes("Change");
    await page.getByText(/^third has the roles .*storage.* now\./).waitFor();
    const { scopes } = (await ada.api("GET", "/api/v1/admin/configuration?node=third")) as {
      scopes: { node?: string; revision: number }[];
    };
    const revision = scopes.find(({ node }) => node === "third")?.revision ?? 0;
    await ada.api("PUT", "/api/v1/admin/configuration", { node: "third", revision, set: { "log.level": "debug" } });
    await go(page, "configuration");
    await region(page, "Settings").getByRole("combobox", { name: "Node" }).click();
    await page.getByRole("option", { name: "third" }).click();
    await page.getByText("No answer from third now").waitFor();
    await go(page, "tasks");
    await page.getByRole("group", { name: "List of tasks" }).getByText(/third/).first().waitFor();

    await third.start();
    await page.getByRole("group", { name: "List of tasks" }).getByRole("row").filter({ hasText: "third" }).filter({ hasText: "done" }).first().waitFor(); // prettier-ignore
    await go(page, "configuration");
    await region(page, "Settings").getByRole("combobox", { name: "Node" }).click();
    await page.getByRole("option", { name: "third" }).click();
    await page.getByRole("list", { name: "Settings" }).getByText("set for this node").waitFor();
    await go(page, "nodes");
    await row.getByText(/^third holds nothing any more\. It can be stopped/).waitFor();
    await row
      .getByText(/storage/)
      .first()
      .waitFor();
    await row.getByRole("button", { name: "Undo the drain of third" }).click();
    await row.getByRole("button", { name: "Drain third" }).waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("evicts a node that is lost, and is well again", async () => {
    await go(page, "nodes");
    const row = rows().filter({ hasText: "third" });
    await others.named("third").end("SIGKILL");
    await region(page, "State")
      .getByText(/^Down: third\. Start it again/)
      .waitFor();
    await row.getByRole("button", { name: "Evict third" }).click();
    await page.getByText("If it can be started again with its data, do that instead.").waitFor();
    await yes("Evict");
    await page.getByText("third was removed from the cluster.").waitFor();
    await row.waitFor({ state: "detached" });
    await region(page, "State").getByText("2 of 2 nodes up.").waitFor();
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("has done all of this by requests of the control endpoint", async () => {
    const described = await fetch(`${fixture.node.control}/openapi.json`);
    const { paths } = (await described.json()) as { paths: Readonly<Record<string, object>> };
    const routes = Object.entries(paths).flatMap(([path, methods]) => {
      const pattern = new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, "[^/]+")}$`);
      return Object.keys(methods).map((method) => ({ method: method.toUpperCase(), pattern, path }));
    });
    const routeOf = (one: string): string | undefined => {
      const [method = "", path = ""] = one.split(" ");
      return routes.find((route) => route.method === method && route.pattern.test(path))?.path;
    };
    const others = [...recorded].filter((one) => routeOf(one) === undefined);
    // What the chat beside it asks for: who one is, who may be found, how the cluster looks, whether people may come.
    expect(others.filter((one) => !/^GET \/api\/v1\/(?:me|catalog|branding|agents|setup)\b/.test(one))).to.deep.equal(
      [],
    );
    // The bench of open dashboards asks for what screens ask for.
    const seen = new Set([...recorded].map((one) => one.split(" ")[1]));
    const polled = dashboardScreens.flatMap(({ asks }) => asks.map(({ path }) => `/api/v1${path.split("?")[0]}`));
    expect(polled.filter((path) => !seen.has(path))).to.deep.equal([]);
    const used = new Set([...recorded].map((one) => `${one.split(" ")[0]} ${routeOf(one)}`));
    for (const change of [
      "POST /api/v1/admin/cluster/invitations",
      "PUT /api/v1/admin/cluster/nodes/{node}/draining",
      "PUT /api/v1/admin/cluster/nodes/{node}/roles",
      "DELETE /api/v1/admin/cluster/nodes/{node}",
      "PUT /api/v1/admin/cluster/directory/voters",
      "POST /api/v1/admin/cluster/slots/{role}/{number}/move",
      "PUT /api/v1/admin/users/{user}/roles",
      "PUT /api/v1/admin/prices/{model}",
    ])
      expect(used, change).to.include(change);
  });
});

import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import type { AgentView } from "../../../protocols/index.ts";
import { answers, field } from "../../fixtures/page/conversation.ts";
import { openPages, type Person, type Fixture } from "../../fixtures/page/index.ts";
import { untilTrue } from "../../waits.ts";

const draft = (page: Page): Locator => page.locator('article[aria-busy="true"]');

async function say(page: Page, text: string): Promise<void> {
  await field(page).fill(text);
  await field(page).press("Enter");
}

/** A text that takes the echo some seconds to repeat: it says one word per millisecond at most. */
const long = (words: number): string => "so on and ".repeat(Math.ceil(words / 3)).trim();

describe("the conversation with an agent", function () {
  let fixture: Fixture;
  let ada: Person;
  before(async () => {
    fixture = await openPages();
    ada = await fixture.person("ada");
  });
  after(() => fixture.close());

  it("makes an agent, and streams its answer as Markdown", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: "Create an agent", exact: true }).click();
    const dialog = page.getByRole("dialog", { name: "New agent" });
    await dialog.getByRole("textbox", { name: "Name" }).fill("helper");
    await dialog.getByRole("button", { name: "Create agent" }).click();
    await page.getByText("it repeats what it is told").waitFor();
    await say(page, "list:\n\n- **one**\n- `two`\n\n| a | b |\n| - | - |\n| c | d |\n\n```js\nlet x = 1;\n```\n");
    await answers(page).locator("li strong", { hasText: "one" }).waitFor();
    await answers(page).locator("table td", { hasText: "d" }).waitFor();
    await answers(page).locator("pre code", { hasText: "let x = 1;" }).waitFor();
    expect(await answers(page).count()).to.equal(1);
  });

  it("treats what an answer contains as text and not as a page", async () => {
    const { page } = ada;
    await say(
      page,
      'see <img src=x onerror="window.hacked=1"> <script>window.hacked=1</script> ![p](https://example.org/x.png)',
    );
    await answers(page).nth(1).getByRole("link", { name: "picture: p" }).waitFor();
    expect(await answers(page).nth(1).locator("img, script").count()).to.equal(0);
    expect(await page.evaluate("window.hacked")).to.equal(undefined);
  });

  it("shows each tool that was called for an answer, and what it said, on a line that opens; and what all of it took", async () => {
    const { page } = ada;
    await say(page, 'call calculator {"expression":"(2 + 3) * 4"}\ncall clock {"timeZone":"Nowhere"}');
    await answers(page).last().getByText("The tool said: 20").waitFor();
    const called = answers(page).last().locator("details");
    expect(await called.locator("summary").allInnerTexts()).to.deep.equal(["Could not use clock", "Used calculator"]);
    expect(await called.last().getByText("20", { exact: true }).isVisible()).to.equal(false);
    await called.last().locator("summary").click();
    await called.last().getByText("20", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Agent settings" }).click();
    const panel = page.getByRole("complementary", { name: "Agent settings" });
    await panel
      .getByRole("table")
      .getByRole("cell", { name: "echo" })
      .or(panel.getByRole("cell", { name: "Default" }))
      .waitFor();
    await panel.getByRole("button", { name: "Save" }).scrollIntoViewIfNeeded();
    await panel.getByRole("checkbox", { name: /^Clock/ }).uncheck();
    await panel.getByRole("button", { name: "Save" }).click();
    await panel.waitFor({ state: "detached" });
    expect(await ada.api("GET", "/api/v1/agents/ada.helper"))
      .to.have.property("tools")
      .that.deep.equals(["calculator"]);
    const { rows } = (await ada.api("GET", "/api/v1/agents/ada.helper/usage")) as { rows: { runs: number }[] };
    expect(rows).to.have.length(1);
    expect(rows[0]?.runs).to.be.at.least(3);
  });

  it("sums up what the model does not read any more, and shows it where that ends", async () => {
    const { page } = ada;
    for (const part of ["first", "second"]) {
      await say(page, `${part} ${"a thing to remember, and ".repeat(390)}`);
      await answers(page).last().getByText(`You said: ${part}`).waitFor();
    }
    const told = async () => ((await ada.api("GET", "/api/v1/agents/ada.helper")) as AgentView).summary;
    await untilTrue("the agent has a summary", async () => (await told()) !== undefined);
    const summary = page.getByRole("article", { name: "Summary of earlier messages" });
    // Row by row: the second answer, the second question, and what stands above them.
    await answers(page).last().focus();
    await page.keyboard.press("ArrowUp");
    await page.locator("article.said:focus").waitFor();
    await page.keyboard.press("ArrowUp");
    await summary.waitFor();
    const body = summary.getByText("Instead of the messages above it reads this:");
    expect(await body.isVisible()).to.equal(false);
    await summary.locator("summary").focus();
    await page.keyboard.press("Enter");
    await body.waitFor();
    expect((await told())?.text).to.include("Sum up everything above");
    // What stands above it is still there.
    await page.keyboard.press("ArrowUp");
    await page.getByText("You said: first").first().waitFor();
  });

  it("stops an answer where it is, and writes it anew beside it", async () => {
    const { page } = ada;
    await say(page, long(1_500));
    await draft(page).getByText("so on and").waitFor();
    await page.getByRole("button", { name: "Stop the answer" }).click();
    await page.getByText("You stopped this answer.").waitFor();
    expect(await answers(page).last().textContent()).not.to.contain("repeated without a model");
    const turn = await answers(page).last().getAttribute("data-turn");
    await page.getByRole("button", { name: "Regenerate" }).click();
    await answers(page).last().getByText("repeated without a model").waitFor();
    await page.getByText("You stopped this answer.").waitFor({ state: "detached" });
    expect(await answers(page).last().getAttribute("data-turn")).not.to.equal(turn);
    await answers(page).last().getByRole("group", { name: "Versions" }).getByText("2 / 2").waitFor();
  });

  it("finds the conversation again after a reload, also in mid-stream", async () => {
    const { page } = ada;
    await say(page, `again ${long(2_100)}`);
    await draft(page).getByText("You said: again").waitFor();
    await page.reload();
    await draft(page).getByText("You said: again").waitFor();
    await answers(page).last().getByText("2101 words, repeated").waitFor();
    await draft(page).waitFor({ state: "detached" });
  });

  it("shows that the node is gone in mid-stream, and the whole answer once it is back", async () => {
    const { page } = ada;
    await say(page, `survive ${long(2_100)}`);
    await draft(page).getByText("You said: survive").waitFor();
    await fixture.node.end("SIGKILL");
    await page.locator("[data-link]").waitFor();
    await draft(page).getByText("The answer continues when the connection is back.").waitFor();
    await fixture.node.start();
    await answers(page).last().getByText("2101 words, repeated").waitFor();
    await page.locator("[data-link]").waitFor({ state: "detached" });
    await draft(page).waitFor({ state: "detached" });
    const text = (await answers(page).last().locator(".rich").textContent()) ?? "";
    expect(text.match(/You said: survive/g)).to.have.length(1);
    expect(text.match(/so on and/g)).to.have.length(700);
    const { turns } = (await ada.api("GET", "/api/v1/agents/ada.helper/turns")) as { turns: { text: string }[] };
    expect(turns.filter((turn) => turn.text.includes("survive"))).to.have.length(2);
  });

  it("keeps its settings, and forgets the conversation when asked", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: "Agent settings" }).click();
    await page.getByRole("textbox", { name: "Persona" }).fill("You speak in riddles.");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Settings saved.").waitFor();
    await page.getByRole("button", { name: "More", exact: true }).click();
    await page.getByRole("menuitem", { name: "Clear the conversation …" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Clear", exact: true }).click();
    await page.getByText("You speak in riddles.").waitFor();
    expect(await answers(page).count()).to.equal(0);
    expect(fixture.complaints).to.deep.equal([]);
  });
});

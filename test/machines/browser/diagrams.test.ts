import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPagesForTwo, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { until } from "../../waits.ts";

const fenced = (text: string): string => `\`\`\`mermaid\n${text}\n\`\`\``;

async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env["PLEXUS_TEST_SHOTS"];
  if (folder !== undefined) await page.screenshot({ path: `${folder}/diagrams-${name}.png` });
}

describe("diagrams in messages", function () {
  let fixture: Fixture, ada: Person;
  const loaded: string[] = [];
  before(async () => {
    ({ fixture, ada } = await openPagesForTwo("lobby", "den"));
    ada.page.on("request", (request) => void loaded.push(request.url()));
    await ada.page.goto(`${fixture.node.url}/room/lobby`);
    await ada.page.getByRole("textbox", { name: "Message #Lobby" }).waitFor();
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });

  async function say(text: string): Promise<Locator> {
    const { seq } = (await ada.api("POST", "/api/v1/rooms/lobby/messages", { text })) as { seq: number };
    return ada.page.locator(`main article[data-seq="${seq}"]`);
  }
  const pictureIn = (message: Locator): Locator => message.locator("figure.diagram img");
  const width = (message: Locator): Promise<number> =>
    pictureIn(message).evaluate((picture) => Number(Reflect.get(picture, "naturalWidth")));

  it("are loaded with the first one, drawn in a frame of no origin, and shown as a picture with its source", async () => {
    const { page } = ada;
    expect(loaded.filter((url) => url.includes("diagram"))).to.deep.equal([]);
    const message = await say(fenced("flowchart LR\n  kettle[Kettle] -->|boils| tea(Tea)\n  tea --> cup{Cup?}"));
    await pictureIn(message).waitFor();
    expect(await width(message)).to.be.above(100);
    const frame = page.locator("iframe");
    expect(await frame.getAttribute("sandbox")).to.equal("allow-scripts");
    expect(loaded.filter((url) => url.endsWith("/diagram.html"))).to.have.length(1);
    expect(await pictureIn(message).getAttribute("alt")).to.include("kettle[Kettle] -->|boils| tea(Tea)");
    await message.getByText("Source of the diagram").click();
    await message.getByRole("group", { name: "Code, mermaid" }).getByText("boils").waitFor();
    await message.getByText("Source of the diagram").click();
    for (const kind of [
      "sequenceDiagram\n  Ada->>Bob: Is there tea?\n  Bob-->>Ada: Yes",
      'pie title Leaves\n  "Green" : 40\n  "Black" : 60',
      "gantt\n  dateFormat YYYY-MM-DD\n  section Tea\n  Boil :a1, 2026-01-01, 3d\n  Drink :after a1, 2d",
    ])
      await pictureIn(await say(fenced(kind))).waitFor();
    expect(await axeFaults(page)).to.deep.equal([]);
    await shot(page, "light");
    await page.emulateMedia({ colorScheme: "dark" });
    await until("it is drawn anew", async () => {
      const source = await pictureIn(message).getAttribute("src");
      expect(decodeURIComponent(source ?? "")).to.include("#ccc");
    });
    await shot(page, "dark");
    await page.setViewportSize({ width: 390, height: 780 });
    await shot(page, "phone");
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.emulateMedia({ colorScheme: "light" });
  });

  it("show their source where they are none, and say why", async () => {
    const message = await say(fenced("flowchart LR\n  a --> "));
    await message.getByRole("note").filter({ hasText: "Not drawn." }).waitFor();
    expect(await pictureIn(message).count()).to.equal(0);
    await message.getByRole("group", { name: "Code, mermaid" }).waitFor();
  });

  it("are drawn when somebody asks where it may take long, and not again where it took too long", async () => {
    const plan = "gantt\n  dateFormat YYYY-MM-DD\n  excludes weekends\n  section Tea\n  Boil :a1, 2026-01-01,";
    const [slow, quick] = [await say(fenced(`${plan} 7000y`)), await say(fenced(`${plan} 3d`))];
    await slow.getByRole("button", { name: "Draw the diagram" }).waitFor();
    await shot(ada.page, "ask");
    await quick.getByRole("button", { name: "Draw the diagram" }).click();
    await pictureIn(quick).waitFor();
    expect(await pictureIn(slow).count()).to.equal(0);
    expect(await axeFaults(ada.page)).to.deep.equal([]);
  });

  it("do not move, and are printed with their source", async () => {
    const { page } = ada;
    const moving =
      "flowchart LR\n  a e1@--> b\n  e1@{ animate: true }\n  c e2@--> d\n  classDef run animation: dash 1s linear infinite;\n  class e2 run";
    const message = await say(fenced(moving));
    await pictureIn(message).waitFor();
    const source = decodeURIComponent((await pictureIn(message).getAttribute("src")) ?? "");
    expect(source)
      .to.include("animation: none !important")
      .and.not.match(/style="[^"]*animation/u);
    const code = message.locator(".rich-code");
    expect(await code.isVisible()).to.equal(false);
    await page.emulateMedia({ media: "print" });
    expect(await code.isVisible()).to.equal(true);
    await page.emulateMedia({ media: "screen" });
  });

  it("run nothing and reach nothing, whatever is written in them", async () => {
    const { page } = ada;
    const before = loaded.length;
    const hostile = [
      'flowchart LR\n  a["<img src=https://evil.example/a onerror=parent.postMessage(1)>"] --> b["<script>top.evil=1</script>"]\n  click a call alert() "x"\n  click b "javascript:top.evil=1"',
      '%%{init: {"securityLevel": "loose", "htmlLabels": true, "themeCSS": "* { background: url(https://evil.example/b) }"}}%%\nflowchart LR\n  a[A] --> b[B]',
      "sequenceDiagram\n  participant A as <iframe src=https://evil.example/d>\n  A->>A: <svg onload=top.evil=1>",
    ];
    for (const text of hostile) {
      const message = await say(fenced(text));
      await message.locator("figure.diagram, [role=note]").first().waitFor();
      const picture = pictureIn(message);
      const source = (await picture.count()) === 0 ? "" : decodeURIComponent((await picture.getAttribute("src")) ?? "");
      expect(source).not.to.match(/<script|<[^>]*\son\w+=|href="javascript:/u);
    }
    expect(loaded.slice(before).filter((url) => url.includes("evil.example"))).to.deep.equal([]);
    expect(await page.evaluate(() => Reflect.get(globalThis, "evil"))).to.equal(undefined);
    const answer = await page.request.get(`${fixture.node.url}/diagram.html`);
    const policy = answer.headers()["content-security-policy"] ?? "";
    expect(policy).to.match(/^sandbox allow-scripts; default-src 'none'; script-src 'sha256-[\w+/=]+';/u);
    expect(policy).not.to.include("connect-src");
  });
});

import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { pcmOf, wavHead } from "../../../runtimes/onnx/sound.ts";
import { png } from "../../fixtures/pictures.ts";
import type { Fixture, Person } from "../../fixtures/page/index.ts";
import { openPagesWithModels } from "../../fixtures/page/models.ts";
import type { Double } from "../../fixtures/providers/double.ts";

/** How long the browser may take from a key to its dialog; then the key has gone elsewhere. */
const dialogMs = 10_000;

/** Presses a button that asks for a file, again where the key has gone to the text: the page gives that the focus when
 *  it has come. */
async function chooseFile(
  page: Page,
  button: Locator,
  file: { name: string; mimeType: string; buffer: Buffer },
): Promise<void> {
  for (;;) {
    const asked = page.waitForEvent("filechooser", { timeout: dialogMs }).catch(() => undefined);
    await button.press("Enter");
    const chooser = await asked;
    if (chooser !== undefined) return chooser.setFiles(file);
  }
}

describe("pictures and sounds in the conversation with an agent", function () {
  let double: Double;
  let fixture: Fixture;
  let ada: Person;
  before(async () => {
    const models = { seeing: "chat, vision", blind: "chat", "writes-down": "transcribe" };
    ({ fixture, double } = await openPagesWithModels(models));
    ada = await fixture.person("ada");
    await ada.api("POST", "/api/v1/agents", { name: "helper", model: "seeing" });
    await ada.page.goto(`${fixture.node.url}/agent/ada.helper`);
  });
  after(() => fixture.close());

  it("are chosen, described and sent by keyboard, shown to the model, and stay when the page is loaded anew", async () => {
    const { page } = ada;
    const bytes = png(640, 400, { colourOf: (x) => [x % 256, 120, 200] });
    const attach = page.getByRole("button", { name: "Attach a picture" });
    await chooseFile(page, attach, { name: "colours.png", mimeType: "image/png", buffer: bytes });
    const list = page.getByRole("list", { name: "Pictures of this message" });
    await list.getByRole("textbox", { name: "What is in picture 1" }).fill("a row of colours");
    await list.getByRole("img", { name: "a row of colours" }).waitFor();
    await page.getByRole("textbox", { name: "Message helper" }).fill("which colours are these?");
    await page.keyboard.press("Enter");
    await list.waitFor({ state: "detached" });
    await page.locator("article.answer[data-turn]").getByText("which colours are these?").waitFor();
    const shown = page.locator("article.said").getByRole("img", { name: "a row of colours" });
    await shown.waitFor();
    const request = double.asked.findLast(({ text }) => text.includes("which colours"))?.text ?? "";
    expect(request).to.match(/data:image\/(?:webp|jpeg);base64,/u);
    expect(request).to.include("[Picture: a row of colours]");
    await page.reload();
    await shown.waitFor();
    const width = await shown.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth);
    expect(width).to.equal(640);
    expect(fixture.complaints).to.deep.equal([]);
  });

  it("are chosen again where the page is loaded anew while their message waits for a file", async () => {
    const { page } = ada;
    const pieces = /\/files\/uploads\//u;
    const field = page.getByRole("textbox", { name: "Message helper" });
    await page.route(pieces, (route) => (route.request().method() === "PATCH" ? undefined : route.continue()));
    const attach = page.getByRole("button", { name: "Attach a picture" });
    const bytes = png(64, 40, { colourOf: (x) => [x, 20, 40] });
    await chooseFile(page, attach, { name: "late.png", mimeType: "image/png", buffer: bytes });
    const list = page.getByRole("list", { name: "Pictures of this message" });
    await list.getByRole("textbox", { name: "What is in picture 1" }).fill("a late picture");
    await list.getByRole("img", { name: "a late picture" }).waitFor();
    const table = { name: "late.csv", mimeType: "text/csv", buffer: Buffer.from("a,b\n1,2\n") };
    await page.locator("main .composer input[type=file]").first().setInputFiles([table]);
    await page.getByRole("list", { name: "Files of this message" }).getByRole("listitem").waitFor();
    await field.fill("with both");
    await page.keyboard.press("Enter");
    await page.locator("article.pending").filter({ hasText: "with both" }).waitFor();
    await list.waitFor({ state: "detached" });
    await page.unroute(pieces);
    page.once("dialog", (dialog) => void dialog.accept());
    await page.reload();
    await list.getByRole("img", { name: "a late picture" }).waitFor();
    expect(await field.inputValue()).to.equal("with both");
    await page.getByRole("button", { name: "Remove late.csv" }).click();
    await field.press("Enter");
    await page.locator("article.said").filter({ hasText: "with both" }).getByRole("img").waitFor();
    await page.locator("article.answer[data-turn]").filter({ hasText: "with both" }).waitFor();
  });

  it("are sounds that a model has written down, heard and read beside what the owner makes of it", async () => {
    const { page } = ada;
    const bytes = Buffer.concat([wavHead(22_050, 22_050), pcmOf(new Float32Array(22_050).fill(0.1))]);
    const attach = page.getByRole("button", { name: "Attach a sound" });
    await chooseFile(page, attach, { name: "voice.wav", mimeType: "audio/wav", buffer: bytes });
    const list = page.getByRole("list", { name: "Sounds of this message" });
    const words = list.getByRole("textbox", { name: "What is said in sound 1" });
    await words.waitFor();
    expect(await words.inputValue()).to.equal("Hello there.");
    await words.fill("Hello bear.");
    // The sound says it by itself.
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await list.waitFor({ state: "detached" });
    await page.locator("article.answer[data-turn]").last().getByText("[Sound: Hello bear.]").waitFor();
    await page.locator("article.said").last().getByText("Hello bear.").waitFor();
    expect(double.asked.findLast(({ text }) => text.includes("Hello bear"))?.text).to.not.include("input_audio");
    await page.reload();
    const seconds = await page.locator("article.said audio").last().evaluate(async (audio) => {
      const sound = audio as unknown as { duration: number; load(): void; addEventListener(name: string, heard: () => void): void };
      if (!(sound.duration > 0)) await new Promise<void>((heard) => (sound.addEventListener("loadedmetadata", heard), sound.load()));
      return sound.duration;
    });
    expect(seconds).to.be.closeTo(1, 0.05);
    expect(fixture.complaints).to.deep.equal([]);
  }); // prettier-ignore

  it("are refused in words where the model sees none", async () => {
    const { page } = ada;
    await ada.api("PATCH", "/api/v1/agents/ada.helper", { model: "blind" });
    await page.reload();
    await page.locator("article.said").first().waitFor();
    await page.getByRole("button", { name: "Attach a picture" }).click();
    await page.getByText("The agent's model cannot see pictures.").first().waitFor();
    await page.getByRole("textbox", { name: "Message helper" }).fill("and without?");
    await page.keyboard.press("Enter");
    await page.locator("article.answer[data-turn]").last().getByText("and without?").waitFor();
  });
});

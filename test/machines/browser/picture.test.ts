import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { png } from "../../fixtures/pictures.ts";
import { openPagesForTwo, type Person, type Fixture } from "../../fixtures/page/index.ts";

/** Red, with a blue edge to the left and to the right, which a square of the middle does not have. */
const wideFlag = (): Buffer => png(300, 100, { colourOf: (x) => (x < 90 || x >= 210 ? [0, 0, 255] : [255, 0, 0]) });

/** The colour in the middle of the left edge of a picture on the page, once it is there. */
const leftEdge = (picture: Locator): Promise<readonly number[]> =>
  picture.evaluate(async (element) => {
    const image = element as unknown as { decode(): Promise<void>; naturalWidth: number; naturalHeight: number };
    await image.decode();
    interface Pen {
      drawImage(what: unknown, x: number, y: number): void;
      getImageData(x: number, y: number, w: number, h: number): { readonly data: Iterable<number> };
    }
    // It runs in the page, whose things the tests' compiler does not know.
    const { OffscreenCanvas: Canvas } = globalThis as unknown as {
      OffscreenCanvas: new (width: number, height: number) => { getContext(kind: "2d"): Pen };
    };
    const pen = new Canvas(image.naturalWidth, image.naturalHeight).getContext("2d");
    pen.drawImage(image, 0, 0);
    return [...pen.getImageData(2, image.naturalHeight / 2, 1, 1).data].slice(0, 3);
  });

const isRed = ([red = 0, green = 255, blue = 255]: readonly number[]): boolean => red > 200 && green < 60 && blue < 60;

describe("pictures of people", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo());
  });
  after(() => fixture.close());

  const settings = async (page: Page): Promise<Locator> => {
    await page.goto(`${fixture.node.url}/settings/profile`);
    const part = page.getByRole("region", { name: "Picture" });
    await part.waitFor();
    return part;
  };
  const choose = async (part: Locator, name: string, mimeType: string, buffer: Buffer): Promise<void> => {
    const [chooser] = await Promise.all([
      part.page().waitForEvent("filechooser"),
      part.getByRole("button", { name: /^Choose/ }).press("Enter"),
    ]);
    await chooser.setFiles({ name, mimeType, buffer });
  };

  it("are chosen by keyboard, seen before they are sent, cut to a square, and shown to others beside what was said", async () => {
    await ada.api("POST", "/api/v1/rooms", { room: "gallery", title: "Gallery", visibility: "public" });
    await ada.api("POST", "/api/v1/rooms/gallery/messages", { text: "How do I look?" });
    await bob.api("POST", "/api/v1/rooms/gallery/join", {});
    const part = await settings(ada.page);
    await choose(part, "flag.png", "image/png", wideFlag());
    const preview = part.getByRole("img", { name: "What others will see" });
    expect(isRed(await leftEdge(preview))).to.equal(true);
    await ada.page.keyboard.press("Enter");
    const own = part.getByRole("img", { name: "Your picture" });
    await own.waitFor();
    expect(isRed(await leftEdge(own))).to.equal(true);
    await ada.page.locator(".sidebar .avatar img").first().waitFor();

    await bob.page.goto(`${fixture.node.url}/room/gallery`);
    const message = bob.page.locator("main article").filter({ hasText: "How do I look?" });
    const beside = message.locator(".avatar img");
    await beside.waitFor();
    // The name stands beside it.
    expect(await beside.getAttribute("alt")).to.equal("");
    expect(isRed(await leftEdge(beside))).to.equal(true);
  });

  it("are refused when they are none, and the page says so", async () => {
    const part = await settings(ada.page);
    await choose(part, "note.png", "image/png", Buffer.from("this is no picture"));
    await ada.page.getByText("not a picture that your browser can read").waitFor();
  });

  it("are removed, which can be undone; then the initials are there", async () => {
    const part = await settings(ada.page);
    await part.getByRole("button", { name: "Remove" }).click();
    await part.getByRole("button", { name: "Choose a picture" }).waitFor();
    await ada.page.getByRole("button", { name: /^Undo: .*picture was removed/ }).click();
    await part.getByRole("img", { name: "Your picture" }).waitFor();
    await part.getByRole("button", { name: "Remove" }).click();
    await part.getByRole("button", { name: "Choose a picture" }).waitFor();
    expect(await part.locator(".avatar").textContent()).to.match(/^A/);
    expect(fixture.complaints).to.deep.equal([]);
  });
});

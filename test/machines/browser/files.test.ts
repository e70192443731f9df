import { copyFile, mkdtemp, open, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Locator, Page, Route } from "playwright-core";
import { pcmOf, wavHead } from "../../../runtimes/onnx/sound.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";
import { png } from "../../fixtures/pictures.ts";
import { until, untilTrue } from "../../waits.ts";

// What the page's own functions below see; the types of a browser are not those of a test.
declare class DataTransfer {
  readonly items: { add(file: File): void };
}
declare class DragEvent extends Event {
  constructor(type: string, about: object);
}
declare class ClipboardEvent extends Event {
  constructor(type: string, about: object);
}
interface Target {
  dispatchEvent(event: Event): boolean;
}

interface Chosen {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

const picture = (name: string, width = 640, height = 400): Chosen => ({
  name,
  mimeType: "image/png",
  buffer: png(width, height, { colourOf: (x) => [x % 256, 120, 180] }),
});
const text = (name: string, content: string): Chosen => ({
  name,
  mimeType: "text/plain",
  buffer: Buffer.from(content),
});
/** Three requests' worth of what no program knows. */
const large = (name: string): Chosen => ({
  name,
  mimeType: "application/octet-stream",
  buffer: Buffer.alloc(9 * 1024 * 1024, "plexus "),
});

const field = (page: Page, name = "Message #Tea room"): Locator => page.getByRole("textbox", { name });
const sent = (page: Page, what: string): Locator => page.locator("main article[data-seq]").filter({ hasText: what });
const attached = (page: Page): Locator =>
  page.locator(".composer").getByRole("list", { name: "Files of this message" });
const row = (page: Page, name: string): Locator => page.getByRole("listitem").filter({ hasText: name });
const pieces = /\/api\/v1\/files\/uploads\/./;

/** Chooses files by the button of a field. */
async function choose(page: Page, files: readonly Chosen[], within = page.locator("main .composer")): Promise<void> {
  const asked = page.waitForEvent("filechooser");
  await within.getByRole("button", { name: "Attach files" }).press("Enter");
  await (await asked).setFiles([...files]);
}

/** Gives files to a place as they come by a drop or a paste; says whether the page took them. */
const give = (place: Locator, how: "drop" | "paste", files: readonly Chosen[]): Promise<boolean> =>
  place.evaluate(
    (element, [way, given]) => {
      const data = new DataTransfer();
      for (const { name, type, bytes } of given)
        data.items.add(new File([Uint8Array.from(atob(bytes), (sign) => sign.charCodeAt(0))], name, { type }));
      const tell = (event: Event): boolean => !(element as Target).dispatchEvent(event);
      const about = { bubbles: true, cancelable: true };
      if (way === "paste") return tell(new ClipboardEvent("paste", { ...about, clipboardData: data }));
      tell(new DragEvent("dragover", { ...about, dataTransfer: data }));
      return tell(new DragEvent("drop", { ...about, dataTransfer: data }));
    },
    [
      how,
      files.map(({ name, mimeType, buffer }) => ({ name, type: mimeType, bytes: buffer.toString("base64") })),
    ] as const,
  );

/** Holds requests back until it is called; `count` says how many wait. */
async function hold(page: Page, what: RegExp, method: "GET" | "PATCH") {
  const held: Route[] = [];
  let isOpen = false;
  await page.route(what, async (route) => {
    if (isOpen || route.request().method() !== method) await route.continue();
    else held.push(route);
  });
  const release = async (): Promise<void> => {
    isOpen = true;
    // A request that was given up meanwhile is continued by nobody.
    await Promise.all(held.map((route) => route.continue().catch(() => undefined)));
    await page.unroute(what);
  };
  return { release, count: () => held.length };
}
const holdPieces = async (page: Page) => (await hold(page, pieces, "PATCH")).release;

const shot = shotsOf("files");

describe("files in rooms", () => {
  let fixture: Fixture;
  let ada: Person;
  let bob: Person;
  before(async () => {
    fixture = await openPages();
    [ada, bob] = [await fixture.person("ada"), await fixture.person("bob")];
    await ada.api("POST", "/api/v1/rooms", { room: "tea", title: "Tea room" });
    await bob.api("POST", "/api/v1/rooms/tea/join", {});
    for (const { page } of [ada, bob]) {
      await page.goto(`${fixture.node.url}/room/tea`);
      await field(page).waitFor();
    }
  });
  after(async () => {
    expect(fixture.complaints).to.deep.equal([]);
    await fixture.close();
  });

  describe("are sent", () => {
    it("several at once, with a text or without one, and are there for others", async () => {
      const { page } = ada;
      await choose(page, [picture("sky.png"), text("notes.txt", "to do: tea")]);
      for (const name of ["sky.png", "notes.txt"]) await row(page, name).getByText("uploaded").waitFor();
      expect(await axeFaults(page)).to.deep.equal([]);
      await field(page).fill("look at these");
      await page.keyboard.press("Enter");
      await attached(page).waitFor({ state: "detached" });
      const theirs = sent(bob.page, "look at these");
      await theirs.getByRole("img", { name: "sky.png" }).waitFor();
      await theirs.getByText("TXT, 10 B").waitFor();
      await choose(page, [picture("alone.png")]);
      await row(page, "alone.png").getByText("uploaded").waitFor();
      await page.getByRole("button", { name: "Send", exact: true }).click();
      await bob.page.getByRole("img", { name: "alone.png" }).waitFor();
    });

    it("when they are dropped on the room, or pasted", async () => {
      const { page } = ada;
      expect(await give(page.locator(".feed-scroller"), "drop", [text("dropped.txt", "d")])).to.equal(true);
      await row(page, "dropped.txt").getByText("uploaded").waitFor();
      await give(field(page), "drop", [text("on-field.txt", "f")]);
      await row(page, "on-field.txt").getByText("uploaded").waitFor();
      await give(field(page), "paste", [picture("pasted.png", 20, 10)]);
      await row(page, "pasted.png").getByText("uploaded").waitFor();
      expect(await attached(page).getByRole("listitem").count()).to.equal(3);
      for (const name of ["dropped.txt", "on-field.txt", "pasted.png"])
        await page.getByRole("button", { name: `Remove ${name}` }).click();
      await attached(page).waitFor({ state: "detached" });
    });

    it("in a thread, where they are part of it alone", async () => {
      const { page } = ada;
      const { seq } = (await ada.api("POST", "/api/v1/rooms/tea/messages", { text: "a root" })) as { seq: number };
      await page.goto(`${fixture.node.url}/room/tea?panel=thread&seq=${seq}`);
      const panel = page.getByRole("complementary", { name: "Thread" });
      await choose(page, [text("in-thread.txt", "deep")], panel.locator(".composer"));
      await row(page, "in-thread.txt").getByText("uploaded").waitFor();
      await panel.getByRole("button", { name: "Send", exact: true }).click();
      await panel.locator("article[data-seq]").getByText("in-thread.txt").waitFor();
      expect(await page.locator("main").getByText("in-thread.txt").count()).to.equal(0);
      await page.goto(`${fixture.node.url}/room/tea`);
      await field(page).waitFor();
    });

    it("with the camera, where one touches", async () => {
      const phone = await fixture.person("ada", { ...looks[2][1], hasTouch: true, isMobile: true });
      const { page } = phone;
      await page.goto(`${fixture.node.url}/room/tea`);
      await page.getByRole("button", { name: "Attach files" }).tap();
      const asked = page.waitForEvent("filechooser");
      await page.getByRole("menuitem", { name: "Take a picture" }).tap();
      const chooser = await asked;
      expect(await chooser.element().getAttribute("capture")).to.equal("");
      expect(await chooser.element().getAttribute("accept")).to.equal("image/*");
      await chooser.setFiles(picture("from-camera.png", 400, 640));
      await row(page, "from-camera.png").getByText("uploaded").waitFor();
      await shot(page, "attached phone");
      await page.getByRole("button", { name: "Send", exact: true }).tap();
      await page.locator("main article").getByRole("img", { name: "from-camera.png" }).waitFor();
      await phone.close();
    });
  });

  describe("on their way", () => {
    it("are paused, and go on where they were", async () => {
      const { page } = ada;
      const release = await holdPieces(page);
      await choose(page, [large("paused.bin")]);
      await page.getByRole("button", { name: "Pause paused.bin" }).press("Enter");
      await row(page, "paused.bin")
        .getByText(/paused$/)
        .waitFor();
      expect(await axeFaults(page)).to.deep.equal([]);
      await shot(page, "paused");
      await release();
      await page.getByRole("button", { name: "Go on with paused.bin" }).press("Enter");
      await row(page, "paused.bin").getByText("uploaded").waitFor();
      await page.getByRole("button", { name: "Remove paused.bin" }).click();
    });

    it("go on by themselves after a loss of the connection, and begin anew where the node forgot them", async () => {
      const { page } = ada;
      const made: string[] = [];
      page.on("response", (answer) => {
        if (answer.request().method() === "POST" && answer.url().endsWith("/files/uploads"))
          made.push(answer.headers()["location"] ?? "");
      });
      let pass = 0;
      await page.route(pieces, async (route) => {
        if (route.request().method() !== "PATCH") return route.continue();
        pass += 1;
        // The second piece is lost; before the fourth request the upload is.
        if (pass === 2) return route.abort("connectionreset");
        const headers = { "tus-resumable": "1.0.0", origin: fixture.node.url };
        if (pass === 4) await page.request.delete(`${fixture.node.url}${made[0]}`, { headers });
        return route.continue();
      });
      await choose(page, [large("anew.bin")]);
      await row(page, "anew.bin").getByText("uploaded").waitFor();
      await page.unroute(pieces);
      expect(made).to.have.length(2);
      await page.getByRole("button", { name: "Remove anew.bin" }).click();
    });

    it("hold their message back, which goes when they are there; others pass it by", async () => {
      const { page } = ada;
      const release = await holdPieces(page);
      await choose(page, [large("slow.bin")]);
      await field(page).fill("with a slow file");
      await page.keyboard.press("Enter");
      const waiting = page.locator("article.pending").filter({ hasText: "with a slow file" });
      await waiting.getByText("The message is sent when they are.").waitFor();
      expect(await axeFaults(page)).to.deep.equal([]);
      await shot(page, "waiting");
      await field(page).fill("meanwhile");
      await page.keyboard.press("Enter");
      await sent(bob.page, "meanwhile").waitFor();
      expect(await sent(bob.page, "with a slow file").count()).to.equal(0);
      await release();
      await sent(bob.page, "with a slow file").getByText("slow.bin").waitFor();
      await waiting.waitFor({ state: "detached" });
    });

    it("are chosen again after the page was loaded anew, and the text is where it was written", async () => {
      const { page } = ada;
      page.once("dialog", (dialog) => void dialog.accept());
      await holdPieces(page);
      const file = large("lost.bin");
      await choose(page, [file]);
      await field(page).fill("about the lost one");
      await page.keyboard.press("Enter");
      await page.locator("article.pending").filter({ hasText: "about the lost one" }).waitFor();
      await page.unroute(pieces);
      await page.reload();
      await row(page, "lost.bin").getByText("The page was reloaded before the upload ended").waitFor();
      expect(await field(page).inputValue()).to.equal("about the lost one");
      await shot(page, "lost");
      // It is not sent without the file unless the person says so.
      await field(page).press("Enter");
      await page.getByText("“lost.bin” is not uploaded. Choose it again, or remove it.").first().waitFor();
      expect(await field(page).inputValue()).to.equal("about the lost one");
      const asked = page.waitForEvent("filechooser");
      await page.getByRole("button", { name: "Choose lost.bin again" }).press("Enter");
      await (await asked).setFiles(file);
      await row(page, "lost.bin").getByText("uploaded").waitFor();
      await field(page).press("Enter");
      await sent(bob.page, "about the lost one").getByText("lost.bin").waitFor();
    });

    it("stay with their tab when it is duplicated: the copy neither sends nor gives up anything", async () => {
      const { page } = ada;
      await holdPieces(page);
      await choose(page, [large("mine.bin")]);
      await field(page).fill("once only");
      await page.keyboard.press("Enter");
      await page.locator("article.pending").filter({ hasText: "once only" }).waitFor();
      // As a browser does it: the storage of the tab is copied.
      const [copy] = await Promise.all([page.waitForEvent("popup"), page.evaluate("void open(location.href)")]);
      await field(copy).waitFor();
      await choose(copy, [text("other.txt", "of the copy")]);
      await row(copy, "other.txt").getByText("uploaded").waitFor();
      expect(await field(copy).inputValue()).to.equal("");
      expect(await row(copy, "mine.bin").count()).to.equal(0);
      await copy.getByRole("button", { name: "Remove other.txt" }).click();
      await copy.close();
      await page.unroute(pieces);
      await sent(bob.page, "once only").getByText("mine.bin").waitFor();
    });

    it("do not stay at the node when the message that took them along was refused, and is discarded", async () => {
      const { page } = ada;
      const made: string[] = [];
      page.on("response", (answer) => {
        const isNew = answer.request().method() === "POST" && answer.url().endsWith("/files/uploads");
        if (isNew) made.push(answer.headers()["location"] ?? "");
      });
      const headers = { "tus-resumable": "1.0.0", origin: fixture.node.url };
      await choose(page, [text("gone.txt", "gone")]);
      await row(page, "gone.txt").getByText("uploaded").waitFor();
      await choose(page, [text("stays.txt", "stays")]);
      await row(page, "stays.txt").getByText("uploaded").waitFor();
      const [gone, stays] = made.map((path) => `${fixture.node.url}${path}`) as [string, string];
      await page.request.delete(gone, { headers });
      await page.getByRole("button", { name: "Send", exact: true }).click();
      const asked = page.waitForRequest((request) => request.method() === "DELETE" && request.url() === stays);
      await page.locator("article.pending").getByRole("button", { name: "Discard" }).click();
      expect((await (await asked).response())?.status()).to.equal(204);
      expect((await page.request.head(stays, { headers })).status()).to.equal(404);
    });

    it("that are too large or too many are told of before anything is sent", async () => {
      const { page } = ada;
      const folder = await mkdtemp(join(tmpdir(), "plexus-files-"));
      const path = join(folder, "huge.bin");
      const handle = await open(path, "w");
      await handle.truncate(257 * 1024 * 1024);
      await handle.close();
      let asked = 0;
      page.on("request", (request) => (asked += request.url().includes("/files/uploads") ? 1 : 0));
      const chooser = page.waitForEvent("filechooser");
      await page.locator("main .composer").getByRole("button", { name: "Attach files" }).click();
      await (await chooser).setFiles(path);
      await page.getByText("“huge.bin” has 257 MiB. A file has at most 256 MiB here.").first().waitFor();
      // A picture of which the node would not take out where it was taken: the person says whether it goes so.
      const photo = join(folder, "photo.png");
      await copyFile(path, photo);
      await truncate(photo, 33 * 1024 * 1024);
      const again = page.waitForEvent("filechooser");
      await page.locator("main .composer").getByRole("button", { name: "Attach files" }).click();
      await (await again).setFiles(photo);
      const offer = page.getByRole("button", { name: "Send as it is" });
      await offer.waitFor();
      await page.getByText("Larger than 32 MiB: “photo.png”.").first().waitFor();
      expect(asked).to.equal(0);
      expect(await attached(page).count()).to.equal(0);
      const begun = page.waitForRequest((request) => request.method() === "POST" && request.url().endsWith("/uploads"));
      await offer.click();
      expect((await begun).headers()["upload-metadata"]).to.contain(`metadata ${btoa("keep")}`);
      await page.getByRole("button", { name: "Remove photo.png" }).click();
      await choose(
        page,
        Array.from({ length: 11 }, (_, at) => text(`${at}.txt`, "x")),
      );
      await page.getByText("A message has at most 10 files. Send the others in another one.").first().waitFor();
      await until("ten are attached", async () =>
        expect(await attached(page).getByText("uploaded").count()).to.equal(10),
      );
      for (let left = 10; left > 0; left -= 1)
        await attached(page)
          .getByRole("button", { name: /^Remove/ })
          .first()
          .click();
      await rm(folder, { recursive: true });
    });
  });

  describe("in a message", () => {
    it("are pictures in places that do not change, opened and left by keys", async () => {
      const { page } = ada;
      await choose(page, [picture("one.png", 800, 500), picture("two.png", 300, 300), text("plain.txt", "no picture")]);
      await until("all are uploaded", async () =>
        expect(await attached(page).getByText("uploaded").count()).to.equal(3),
      );
      await field(page).fill("two pictures");
      await page.keyboard.press("Enter");
      const own = sent(page, "two pictures");
      await own.getByRole("img", { name: "one.png" }).waitFor();
      // Loaded anew with its pictures held back: the place is as large as with them.
      const bytes = await hold(page, /\/rooms\/tea\/files\//, "GET");
      await page.reload();
      const place = own.getByRole("listitem").filter({ has: page.getByRole("button", { name: "Show one.png" }) });
      await place.waitFor();
      const before = await place.boundingBox();
      await untilTrue("its bytes are asked for", () => bytes.count() > 0);
      await bytes.release();
      await until("it is loaded", async () =>
        expect(
          await own
            .getByRole("img", { name: "one.png" })
            .evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
        ).to.equal(800),
      );
      const after = await place.boundingBox();
      expect([after?.width, after?.height]).to.deep.equal([before?.width, before?.height]);
      expect([before?.width, before?.height]).to.deep.equal([360, 225]);
      await own.getByRole("button", { name: "Show one.png" }).press("Enter");
      const viewer = page.getByRole("dialog", { name: "one.png" });
      await viewer.getByText("1 of 2.").waitFor();
      expect(await axeFaults(page)).to.deep.equal([]);
      await shot(page, "viewer");
      await page.keyboard.press("ArrowRight");
      await page.getByRole("dialog", { name: "two.png" }).getByText("2 of 2.").waitFor();
      await page.keyboard.press("ArrowLeft");
      const download = page.waitForEvent("download");
      await viewer.getByRole("link", { name: "Download one.png" }).press("Enter");
      expect((await download).suggestedFilename()).to.equal("one.png");
      await page.keyboard.press("Escape");
      await viewer.waitFor({ state: "detached" });
      await own.getByRole("button", { name: "Show one.png" }).and(page.locator(":focus")).waitFor();
    });

    it("are texts that unfold in the colours of their language, and sounds that play from any place", async () => {
      const { page } = ada;
      const sound = Buffer.concat([wavHead(22_050, 22_050), pcmOf(new Float32Array(22_050).fill(0.1))]);
      await choose(page, [
        text("main.py", "def tea():\n    return 'green'\n"),
        { name: "voice.wav", mimeType: "audio/wav", buffer: sound },
        text("page.html", "<script>document.title = 'taken'</script>"),
      ]);
      await until("all are uploaded", async () =>
        expect(await attached(page).getByText("uploaded").count()).to.equal(3),
      );
      await field(page).fill("code and a sound");
      await page.keyboard.press("Enter");
      const own = sent(page, "code and a sound");
      const preview = own.getByRole("button", { name: "Preview of main.py" });
      await preview.press("Enter");
      await own.getByRole("group", { name: "Text of main.py" }).locator(".hljs-keyword").first().waitFor();
      await own.getByRole("button", { name: "Preview of page.html" }).press("Enter");
      await own.getByRole("group", { name: "Text of page.html" }).getByText("document.title").waitFor();
      expect(await page.title()).to.not.equal("taken");
      await shot(page, "preview");
      await preview.press("Enter");
      await own.getByRole("group", { name: "Text of main.py" }).waitFor({ state: "detached" });
      const seconds = await own.locator("audio").evaluate(async (audio) => {
        const player = audio as unknown as {
          duration: number;
          currentTime: number;
          load(): void;
          addEventListener(name: string, heard: () => void): void;
        };
        if (!(player.duration > 0))
          await new Promise<void>((heard) => (player.addEventListener("loadedmetadata", heard), player.load()));
        await new Promise<void>((heard) => (player.addEventListener("seeked", heard), (player.currentTime = 0.5)));
        return player.duration;
      });
      expect(seconds).to.be.closeTo(1, 0.05);
    });

    it("are listed beside their room, newest first, and lead to their message", async () => {
      const { page } = bob;
      await page.getByRole("button", { name: "Room settings" }).click();
      await page.getByRole("menuitem", { name: "Files" }).click();
      const panel = page.getByRole("complementary", { name: "Files" });
      await panel.getByText("voice.wav").waitFor();
      const names = await panel.locator("article").allInnerTexts();
      expect(names.findIndex((name) => name.includes("voice.wav"))).to.be.lessThan(
        names.findIndex((name) => name.includes("slow.bin")),
      );
      expect(await axeFaults(page)).to.deep.equal([]);
      // What comes now is there at once.
      await choose(ada.page, [text("newest.txt", "n")]);
      await row(ada.page, "newest.txt").getByText("uploaded").waitFor();
      await ada.page.getByRole("button", { name: "Send", exact: true }).click();
      await panel.getByText("newest.txt").waitFor();
      // What goes with its message goes from the list, which has it further down.
      const { messages } = (await ada.api("GET", "/api/v1/rooms/tea/messages")) as {
        messages: readonly { seq: number; files?: readonly { name: string }[] }[];
      };
      const slow = messages.find(({ files }) => files?.some(({ name }) => name === "slow.bin"));
      await ada.api("DELETE", `/api/v1/rooms/tea/messages/${slow?.seq}`);
      await panel.getByText("slow.bin").waitFor({ state: "detached" });
      await panel.getByRole("button", { name: "Show in the room" }).last().click();
      await page.locator("main article.marked").waitFor();
      await shot(page, "panel");
    });

    it("are a gallery of pictures, through which one steps", async () => {
      const { page } = bob;
      const panel = page.getByRole("complementary", { name: "Files" });
      await panel.getByText("Pictures").click();
      await panel.getByText("voice.wav").waitFor({ state: "detached" });
      const gallery = panel.getByRole("list", { name: "Pictures" }).getByRole("button");
      await gallery.first().waitFor();
      const count = await gallery.count();
      expect(count).to.be.greaterThan(1);
      expect(await axeFaults(page)).to.deep.equal([]);
      await shot(page, "gallery");
      await gallery.first().press("Enter");
      const viewer = page.getByRole("dialog");
      await viewer.getByText(`1 of ${count}.`).waitFor();
      // Pictures of other messages are a step away.
      await page.keyboard.press("ArrowRight");
      await viewer.getByText(`2 of ${count}.`).waitFor();
      await page.keyboard.press("Escape");
      await viewer.waitFor({ state: "detached" });
      await panel.getByText("All files").click();
      await panel.getByText("voice.wav").waitFor();
    });
  });

  describe("are read by everybody", () => {
    for (const [name, options] of looks)
      it(`on a ${name} screen`, async () => {
        const person = await fixture.person("bob", options);
        const { page } = person;
        await page.goto(`${fixture.node.url}/room/tea`);
        await sent(page, "code and a sound").waitFor();
        await page.waitForLoadState("networkidle");
        await shot(page, `room ${name}`);
        expect(await axeFaults(page)).to.deep.equal([]);
        const wide = await page.evaluate<number>(
          "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.documentElement)",
        );
        expect(wide).to.equal(0);
        await page.goto(`${fixture.node.url}/room/tea?panel=files`);
        await page.getByRole("complementary", { name: "Files" }).getByText("voice.wav").waitFor();
        await page.waitForLoadState("networkidle");
        await shot(page, `list ${name}`);
        expect(await axeFaults(page)).to.deep.equal([]);
        await person.close();
      });
  });
});

import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { actionOn } from "../../fixtures/page/actions.ts";
import { openPagesForTwo, type Person, type Fixture } from "../../fixtures/page/index.ts";

const message = (page: Page, text: string): Locator => page.locator("main article").filter({ hasText: text });
const field = (page: Page): Locator => page.getByRole("textbox", { name: /^Message / });

async function say(page: Page, text: string): Promise<void> {
  await field(page).fill(text);
  await field(page).press("Enter");
}

async function enter(page: Page, room: string): Promise<void> {
  await page.locator(`[data-room="${room}"]`).first().click();
  await page.waitForURL((url) => url.pathname === `/room/${room}`);
  await field(page).waitFor();
}

const screens = [
  ["a desktop", { viewport: { width: 1280, height: 800 } }],
  ["a phone", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }],
] as const;

describe("a room in two browsers", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo("lobby", "garden"));
  });
  after(() => fixture.close());

  it("shows what one says to the other at once, with Markdown", async () => {
    await say(ada.page, "Good **morning** Bob");
    for (const { page } of [ada, bob]) await message(page, "Good morning Bob").locator("strong").waitFor();
    expect(await message(ada.page, "Good morning Bob").count()).to.equal(1);
    await field(bob.page).pressSequentially("He");
    await ada.page.getByText("Bob is typing").waitFor();
  });

  it("counts what is unread elsewhere, marks a mention, and forgets both when it is read", async () => {
    await enter(bob.page, "garden");
    for (const text of ["one thing", "another thing", "and @bob a third"]) await say(ada.page, text);
    const place = bob.page.locator('[data-room="lobby"]').first();
    await place.getByText("3 unread, you were mentioned").waitFor({ state: "attached" });
    expect(await bob.page.title()).to.equal("(3) Plexus");
    await place.click();
    await bob.page.getByRole("separator", { name: "New messages" }).waitFor();
    await place.locator(".count").waitFor({ state: "detached" });
    await message(bob.page, "and @bob a third").locator(".mention").waitFor();
  });

  it("answers in the thread beside the room, which stays quiet, and in the room by choice", async () => {
    await say(ada.page, "Who owns the slot?");
    await actionOn(message(bob.page, "Who owns the slot?"), "Reply");
    const bobs = bob.page.getByRole("complementary", { name: "Thread", exact: true });
    await bobs.getByRole("textbox").fill("The node that fenced it.");
    await bobs.getByRole("textbox").press("Enter");
    // Under the message: how many, what is new, and the newest; no line of its own.
    const link = message(ada.page, "Who owns the slot?").getByRole("button", {
      name: /^1 reply 1 new .*The node that/,
    });
    await link.waitFor();
    expect(await ada.page.locator("main article[data-seq]").filter({ hasText: "The node that" }).count()).to.equal(1);
    await ada.page.getByRole("button", { name: "Threads 1 with something new" }).waitFor();
    await link.click();
    const thread = ada.page.getByRole("complementary", { name: "Thread", exact: true });
    await thread.getByText("The node that fenced it.").waitFor();
    await thread.getByRole("separator", { name: "New messages" }).waitFor();
    // It was read.
    await message(ada.page, "Who owns the slot?")
      .getByRole("button", { name: /^1 reply last/ })
      .waitFor();
    await thread.getByRole("checkbox", { name: "Also send to the room" }).check();
    await thread.getByRole("textbox").fill("And its replicas follow.");
    await thread.getByRole("textbox").press("Enter");
    await message(bob.page, "And its replicas follow.").locator(".quote", { hasText: "Who owns the slot?" }).waitFor();
    await bob.page.getByRole("button", { name: /^2 replies last \S+$/ }).waitFor();
    expect(await thread.getByRole("checkbox", { name: "Also send to the room" }).isChecked()).to.equal(false);
    await thread.getByRole("textbox").press("Escape");
    await thread.waitFor({ state: "detached" });
    await bobs.getByRole("textbox").press("Escape");
  });

  it("reacts, takes it back, edits, pins and deletes, and the other sees each", async () => {
    await say(ada.page, "Tea or coffee");
    await message(bob.page, "Tea or coffee").waitFor();
    await actionOn(message(bob.page, "Tea or coffee"), "React with ❤️");
    const heart = message(ada.page, "Tea or coffee").getByRole("button", { name: "❤️, 1: Bob" });
    await heart.click();
    await message(bob.page, "Tea or coffee").getByRole("button", { name: "❤️, 2: Bob, Ada" }).click();
    await message(ada.page, "Tea or coffee").getByRole("button", { name: "❤️, 1: Ada" }).waitFor();

    await actionOn(message(ada.page, "Tea or coffee"), "Edit");
    await ada.page.getByRole("textbox", { name: "Edit the message" }).fill("Tea or cocoa");
    await ada.page.getByRole("textbox", { name: "Edit the message" }).press("Enter");
    await message(bob.page, "Tea or cocoa").getByText("edited").waitFor();

    await actionOn(message(ada.page, "Tea or cocoa"), "Pin");
    await bob.page.getByRole("button", { name: "Pinned messages 1" }).click();
    await bob.page.getByRole("complementary", { name: "Pinned messages" }).getByText("Tea or cocoa").waitFor();
    await bob.page.getByRole("button", { name: "Close pinned messages" }).click();

    await actionOn(message(ada.page, "Tea or cocoa"), "Delete …");
    await ada.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await message(bob.page, "Tea or cocoa").waitFor({ state: "detached" });
    await message(bob.page, "This message was deleted.").waitFor();
  });

  for (const [screen, options] of screens) {
    const isPhone = screen === "a phone";

    it(`counts a reaction once, whatever its spelling, and takes no word for one, on ${screen}`, async () => {
      const person = await fixture.person("ada", options);
      const { page } = person;
      const text = `Spelled on ${screen}`;
      const { seq } = (await bob.api("POST", "/api/v1/rooms/lobby/messages", { text })) as { seq: number };
      await page.goto(`${fixture.node.url}/room/lobby`);
      const row = message(page, text);
      await row.waitFor();
      for (const [bobs, adas, shown] of [
        ["\u2764", "\u2764\ufe0f", "❤️"],
        ["1\ufe0f\u20e3", "1\u20e3", "1️⃣"],
        ["👩\u200d\u2764\u200d👨", "👩\u200d\u2764\ufe0f\u200d👨", "👩‍❤️‍👨"],
      ] as const) {
        await bob.api("PUT", `/api/v1/rooms/lobby/messages/${seq}/reactions/${encodeURIComponent(bobs)}`, {});
        await row.getByRole("button", { name: `${shown}, 1: Bob` }).waitFor();
        await actionOn(row, "Add a reaction", isPhone);
        const other = page.getByRole("searchbox", { name: "Find an emoji" });
        await other.fill("not an emoji");
        await other.press("Enter");
        await page.getByText("No emoji is called that.").waitFor();
        await other.fill(adas);
        await other.press("Enter");
        await row.getByRole("button", { name: `${shown}, 2: Bob, Ada` }).waitFor();
      }
      expect(await row.locator(".reaction").count()).to.equal(3);
      await person.close();
    });

    it(`has replies in their thread, says what is new there, sends to the room by choice, on ${screen}`, async () => {
      const person = await fixture.person("ada", options);
      const { page } = person;
      const [question, answer, both] = [`Who has the key? (${screen})`, `Not me (${screen})`, `Then I ask (${screen})`];
      const room = isPhone ? "shed" : "barn";
      await ada.api("POST", "/api/v1/rooms", { room, title: room });
      await bob.api("POST", `/api/v1/rooms/${room}/join`, {});
      const asked = await ada.api("POST", `/api/v1/rooms/${room}/messages`, { text: question });
      const { seq } = asked as { seq: number };
      await page.goto(`${fixture.node.url}/room/${room}`);
      await message(page, question).waitFor();
      const replied = await bob.api("POST", `/api/v1/rooms/${room}/messages`, { text: answer, replyTo: seq });
      const link = message(page, question).getByRole("button", { name: /^1 reply 1 new .*Not me/ });
      await link.waitFor();
      const lines = (text: string): Promise<number> =>
        page
          .getByRole("region", { name: "Messages", exact: true })
          .locator("article[data-seq]")
          .filter({ hasText: text })
          .count();
      // The message above shows the newest reply; it has no line of its own.
      expect(await lines(answer)).to.equal(1);
      await page.getByRole("button", { name: /^Threads \d+ with something new/ }).waitFor();
      await link.click();
      const thread = page.getByRole("complementary", { name: "Thread", exact: true });
      await thread.getByRole("separator", { name: "New messages" }).waitFor();
      await thread.getByRole("checkbox", { name: "Also send to the room" }).check();
      await thread.getByRole("textbox").fill(both);
      await thread.getByRole("button", { name: "Send", exact: true }).click();
      await thread.getByText(both).waitFor();
      expect(await thread.getByRole("checkbox", { name: "Also send to the room" }).isChecked()).to.equal(false);
      await page.getByRole("button", { name: "Close thread" }).click();
      await message(page, both).locator(".quote", { hasText: "Who has the key?" }).waitFor();
      await message(page, question)
        .getByRole("button", { name: /^2 replies last/ })
        .first()
        .waitFor();
      // A link that names a reply leads to the thread in which an answer to it is.
      const { seq: reply } = replied as { seq: number };
      await page.goto(`${fixture.node.url}/room/${room}?panel=thread&seq=${reply}`);
      for (const text of [question, answer, both]) await thread.locator("article").getByText(text).first().waitFor();
      await page.waitForURL((url) => url.searchParams.get("seq") === String(seq));
      await person.close();
    });
  }

  it("makes a room, brings somebody in, changes its topic, and leaves it", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: "Create or find a room" }).click();
    await page.getByRole("button", { name: "New room" }).click();
    const dialog = page.getByRole("dialog", { name: "New room" });
    await dialog.getByRole("textbox", { name: "Title" }).fill("Secret Plans");
    await dialog.getByText("Private").click();
    await dialog.getByRole("button", { name: "Create room" }).click();
    await page.getByRole("textbox", { name: "Message #Secret Plans" }).waitFor();
    await say(page, "Who wants in?");
    await page.getByRole("button", { name: /^Members/ }).click();
    await page.getByRole("textbox", { name: "Add a person or your agent" }).fill("bo");
    await page.getByRole("button", { name: /^Bob @bob/ }).click();
    await bob.page.locator('[data-room="secret-plans"]').first().click();
    await message(bob.page, "Who wants in?").waitFor();
    await page.getByRole("button", { name: "Room settings" }).click();
    await page.getByRole("menuitem", { name: "Title and topic" }).click();
    await page.getByRole("textbox", { name: "Topic" }).fill("World domination");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await bob.page.locator("main header").getByText("World domination").waitFor();
    await bob.page.getByRole("button", { name: "Room settings" }).click();
    await bob.page.getByRole("menuitem", { name: "Leave the room …" }).click();
    await bob.page.getByRole("dialog").getByRole("button", { name: "Leave" }).click();
    await bob.page.locator('[data-room="secret-plans"]').waitFor({ state: "detached" });
    await enter(bob.page, "lobby");
    await enter(page, "lobby");
  });

  it("writes to a person directly, who sees it as unread", async () => {
    await bob.page.getByRole("button", { name: "Write to a person" }).click();
    await bob.page.getByRole("dialog").getByRole("option", { name: /Ada/ }).click();
    await bob.page.getByRole("textbox", { name: "Message Ada" }).waitFor();
    await say(bob.page, "Psst");
    const place = ada.page.locator('[data-room="dm.ada.bob"]');
    await place.getByText("1 unread").waitFor({ state: "attached" });
    await place.click();
    await message(ada.page, "Psst").waitFor();
    await enter(ada.page, "lobby");
    await enter(bob.page, "lobby");
  });

  it("streams the answer of an agent that is mentioned, and keeps it once", async () => {
    await ada.api("POST", "/api/v1/agents", { name: "helper" });
    await ada.page.getByRole("button", { name: /^Members/ }).click();
    await ada.page.getByRole("button", { name: /helper your agent/ }).click();
    await ada.page.getByRole("button", { name: "Close members" }).click();
    await field(ada.page).pressSequentially("@ada.he");
    await ada.page.getByRole("option", { name: /helper/ }).waitFor();
    await field(ada.page).press("Enter");
    expect(await field(ada.page).inputValue()).to.equal("@ada.helper ");
    await field(ada.page).fill(`@ada.helper tell us ${"more and ".repeat(400)}`);
    await field(ada.page).press("Enter");
    await bob.page.locator('article[aria-busy="true"]').getByText("You said").waitFor();
    // A long one is folded once it is whole.
    const answer = bob.page.locator("main article[data-seq]").filter({ hasText: "You said" });
    await answer.getByRole("button", { name: /^Show more/ }).click();
    await answer.getByText("repeated without a model").waitFor();
    await bob.page.locator('article[aria-busy="true"]').waitFor({ state: "detached" });
    expect(await answer.count()).to.equal(1);
  });

  it("shows to everybody what an agent called for its answer, folded, on a wide screen and on a phone's", async () => {
    const text = '@ada.helper sum\ncall calculator {"expression":"(2 + 3) * 4"}\ncall clock {"timeZone":"Nowhere"}';
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text });
    const answer = bob.page.locator("main article[data-seq]").filter({ hasText: "The tool said: 20" });
    await answer.waitFor();
    const called = answer.locator("details");
    expect(await called.locator("summary").allInnerTexts()).to.deep.equal(["Could not use clock", "Used calculator"]);
    expect(await called.last().getByText("20", { exact: true }).isVisible()).to.equal(false);
    await called.last().locator("summary").click();
    await called.last().getByText("20", { exact: true }).waitFor();
    await called.first().locator("summary").click();
    await bob.page.setViewportSize({ width: 390, height: 844 });
    const wider = await answer.evaluate((row) => row.scrollWidth - row.clientWidth);
    expect(wider).to.be.lessThan(1);
    expect(await axeFaults(bob.page, { graveOnly: true, within: "main" })).to.deep.equal([]);
    await bob.page.setViewportSize({ width: 1280, height: 800 });
  });

  it("stays at its end when one answers and the line of what was unread goes", async () => {
    // Several times: what went wrong here went wrong in every second room.
    for (const room of ["attic", "cellar", "porch"]) {
      await ada.api("POST", "/api/v1/rooms", { room, title: room });
      await bob.api("POST", `/api/v1/rooms/${room}/join`, {});
      await bob.api("POST", `/api/v1/rooms/${room}/messages`, { text: "unread" });
      await enter(ada.page, room);
      await ada.page.getByRole("separator", { name: "New messages" }).waitFor();
      for (let number = 1; number <= 25; number += 1)
        await ada.api("POST", `/api/v1/rooms/${room}/messages`, { text: `line ${number}.` });
      await message(ada.page, "line 25.").waitFor();
      await say(ada.page, "an answer");
      await message(ada.page, "an answer").and(ada.page.locator("[data-seq]")).waitFor();
      await ada.page.evaluate("new Promise((resolve) => requestAnimationFrame(resolve))");
      const below = await ada.page
        .getByRole("region", { name: "Messages", exact: true })
        .evaluate((feed) => feed.scrollHeight - feed.clientHeight - feed.scrollTop);
      expect(below, room).to.be.lessThan(2);
    }
    await enter(ada.page, "lobby");
  });

  it("keeps its history over a reload, and loads older messages while one scrolls up", async () => {
    for (let number = 1; number <= 130; number += 1)
      await ada.api("POST", "/api/v1/rooms/garden/messages", { text: `line ${number}.` });
    await enter(bob.page, "garden");
    await bob.page.reload();
    await field(bob.page).waitFor();
    await bob.page.getByRole("region", { name: "Messages", exact: true }).hover();
    const first = message(bob.page, "line 1.");
    // Bounded by the length of the history; each turn of the wheel waits until the page has shown it.
    for (let turn = 0; turn < 200 && (await first.count()) === 0; turn += 1) {
      await bob.page.mouse.wheel(0, -400);
      await bob.page.evaluate("new Promise((resolve) => requestAnimationFrame(resolve))");
    }
    await first.waitFor();
    await bob.page.getByText("The beginning of the room.").waitFor();
    await bob.page.getByRole("button", { name: "Jump to latest" }).click();
    await message(bob.page, "line 130.").waitFor();
    const shown = await bob.page
      .locator("main article[data-seq]")
      .evaluateAll((rows) => rows.map((row) => (row as unknown as { dataset: { seq: string } }).dataset.seq));
    expect(new Set(shown).size).to.equal(shown.length);
  });

  it("sends what was written while the node was away, exactly once and in order", async () => {
    await enter(ada.page, "lobby");
    await enter(bob.page, "lobby");
    await fixture.node.end("SIGKILL");
    await ada.page.locator("[data-link]").waitFor();
    await say(ada.page, "written in the dark");
    await say(ada.page, "and a second one");
    await ada.page.locator("main article.pending").nth(1).waitFor();
    await fixture.node.start();
    await message(bob.page, "and a second one").waitFor();
    await ada.page.locator("main article.pending").first().waitFor({ state: "detached" });
    await ada.page.locator("[data-link]").waitFor({ state: "detached" });
    for (const { page } of [ada, bob]) {
      expect(await message(page, "written in the dark").count()).to.equal(1);
      const seqs = await Promise.all(
        ["written in the dark", "and a second one"].map((text) => message(page, text).getAttribute("data-seq")),
      );
      expect(Number(seqs[1])).to.equal(Number(seqs[0]) + 1);
    }
    expect(fixture.complaints).to.deep.equal([]);
  });
});

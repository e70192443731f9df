import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { actionOn } from "../../fixtures/page/actions.ts";
import { openPagesForTwo, type Person, type Fixture } from "../../fixtures/page/index.ts";

const message = (page: Page, text: string): Locator => page.locator("main article").filter({ hasText: text });
const field = (page: Page): Locator => page.getByRole("textbox", { name: /^Message / });
const place = (page: Page, room: string): Locator => page.locator(`[data-room="${room}"]`).first();
const undo = (page: Page, what: string): Locator => page.getByRole("button", { name: new RegExp(`^Undo: .*${what}`) });
const dialog = (page: Page, name: string): Locator => page.getByRole("dialog", { name });

async function enter(page: Page, room: string): Promise<void> {
  await place(page, room).click();
  await page.waitForURL((url) => url.pathname === `/room/${room}`);
  await field(page).waitFor();
}

async function inMenu(page: Page, button: string, entry: string): Promise<void> {
  await page.getByRole("button", { name: button }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}

const deleteOf = (page: Page, text: string): Promise<void> => actionOn(message(page, text), "Delete …");

async function change(page: Page, member: string, entry: string): Promise<void> {
  await page.getByRole("button", { name: `Change ${member}` }).click();
  await page.getByRole("menuitem", { name: entry }).click();
}

describe("people in rooms", function () {
  let fixture: Fixture, ada: Person, bob: Person;
  before(async () => {
    ({ fixture, ada, bob } = await openPagesForTwo());
    await fixture.account("bobby");
  });
  after(() => fixture.close());

  const room = async (name: string, visibility = "public") => {
    await ada.api("POST", "/api/v1/rooms", { room: name, title: name, visibility });
    if (visibility === "public") await bob.api("POST", `/api/v1/rooms/${name}/join`, {});
  };

  it("leaves somebody on the welcome page who is written to, and shows it there and in the list", async () => {
    await bob.page.getByRole("heading", { name: "Welcome to Plexus" }).waitFor();
    await ada.page.getByRole("button", { name: "Write to a person" }).click();
    const find = ada.page.getByRole("combobox", { name: "Search people" });
    // Typed at once and without a pause: the list for it comes after the Enter.
    await find.pressSequentially("bob");
    await find.press("Enter");
    await ada.page.getByRole("textbox", { name: "Message Bob", exact: true }).waitFor();
    await field(ada.page).fill("Hello Bob");
    await field(ada.page).press("Enter");
    await place(bob.page, "dm.ada.bob").getByText("1 unread").waitFor({ state: "attached" });
    await bob.page.getByText("Ada wrote to you.").waitFor();
    expect(new URL(bob.page.url()).pathname).to.equal("/");
    await bob.page.reload();
    await bob.page.getByText("Ada wrote to you.").waitFor();
    expect(new URL(bob.page.url()).pathname).to.equal("/");
    await bob.page.getByRole("link", { name: "Read it" }).click();
    await message(bob.page, "Hello Bob").waitFor();
  });

  it("opens one thing at a time: Ctrl+K closes what is open", async () => {
    await room("desk");
    const { page } = ada;
    await enter(page, "desk");
    const opens: readonly (readonly [string, () => Promise<void>])[] = [
      ["Write to a person", () => page.getByRole("button", { name: "Write to a person" }).click()],
      ["Title and topic", () => inMenu(page, "Room settings", "Title and topic")],
    ];
    for (const [name, open] of opens) {
      await open();
      await dialog(page, name).waitFor();
      await page.keyboard.press("Control+K");
      await dialog(page, "Go to").waitFor();
      await dialog(page, name).waitFor({ state: "detached" });
      await page.keyboard.type("desk");
      expect(await page.getByRole("combobox", { name: "Rooms, people, agents, messages" }).inputValue()).to.equal(
        "desk",
      );
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      // Back to where it was before the first of the two.
      await page.locator(":focus").waitFor();
    }
    await page.getByRole("button", { name: "Room settings" }).click();
    await page.getByRole("menu").waitFor();
    await page.keyboard.press("Control+K");
    await dialog(page, "Go to").waitFor();
    await page.getByRole("menu").waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
  });

  it("closes the menu of a phone by any link in it, also by that of the room that is there", async () => {
    await ada.api("POST", "/api/v1/rooms", { room: "hut", title: "Hut" });
    const small = await fixture.person("ada", { viewport: { width: 390, height: 844 }, hasTouch: true });
    const { page } = small;
    await page.goto(`${fixture.node.url}/room/desk`);
    const menu = dialog(page, "Rooms and agents");
    for (const name of ["desk", "Hut"]) {
      await field(page).waitFor();
      await page.getByRole("button", { name: /^Open the menu/ }).tap();
      await menu.getByRole("link", { name }).tap();
      await menu.waitFor({ state: "detached" });
      await page.waitForURL((url) => url.pathname === `/room/${name.toLowerCase()}`);
    }
    await small.close();
  });

  it("leaves a public room at once, and comes back with Undo, the agent too", async () => {
    await room("porch");
    await bob.api("POST", "/api/v1/agents", { name: "helper" });
    await enter(bob.page, "porch");
    await bob.page.getByRole("button", { name: /^Members/ }).click();
    await bob.page.getByRole("button", { name: /helper your agent/ }).click();
    await bob.page.getByRole("button", { name: "Change helper" }).waitFor();
    await inMenu(bob.page, "Room settings", "Leave the room");
    await bob.page.getByText("You left porch, and so did helper.").waitFor();
    await place(bob.page, "porch").waitFor({ state: "detached" });
    await undo(bob.page, "You left porch").click();
    await bob.page.waitForURL((url) => url.pathname === "/room/porch");
    await bob.page.getByRole("button", { name: /^Members 3/ }).waitFor();
  });

  it("has the last owner choose who owns the room next, and says what else happens", async () => {
    await room("attic");
    await enter(ada.page, "attic");
    await inMenu(ada.page, "Room settings", "Leave the room …");
    const ask = dialog(ada.page, "Leave attic?");
    await ask.getByText("You are the only owner.").waitFor();
    expect(await ask.getByRole("button", { name: "Leave" }).isDisabled()).to.equal(true);
    await ask.getByRole("button", { name: "Stay" }).click();
    await ask.waitFor({ state: "detached" });
    await place(ada.page, "attic").waitFor();
    await inMenu(ada.page, "Room settings", "Leave the room …");
    await ask.getByRole("combobox", { name: "New owner" }).selectOption({ label: "Bob" });
    await ask.getByRole("button", { name: "Leave" }).click();
    await place(ada.page, "attic").waitFor({ state: "detached" });
    const { members } = (await bob.api("GET", "/api/v1/rooms/attic")) as { members: Record<string, { role: string }> };
    expect(members["user/bob"]?.role).to.equal("owner");
    expect(members["user/ada"]).to.equal(undefined);
  });

  it("asks before the last person leaves a private room for good", async () => {
    await room("diary", "private");
    await enter(ada.page, "diary");
    await inMenu(ada.page, "Room settings", "Leave the room …");
    const ask = dialog(ada.page, "Leave diary?");
    await ask.getByText("nobody can open it again").waitFor();
    await ada.page.keyboard.press("Escape");
    await ask.waitFor({ state: "detached" });
    await place(ada.page, "diary").waitFor();
  });

  it("asks before a message is deleted, in other words where it is somebody else's", async () => {
    await room("wall");
    await ada.api("POST", "/api/v1/rooms/wall/messages", { text: "mine" });
    await bob.api("POST", "/api/v1/rooms/wall/messages", { text: "his" });
    await enter(ada.page, "wall");
    await message(ada.page, "his").waitFor();
    await deleteOf(ada.page, "mine");
    const own = dialog(ada.page, "Delete your message?");
    await own.getByText("mine").waitFor();
    await own.getByRole("button", { name: "Cancel" }).click();
    await own.waitFor({ state: "detached" });
    await message(ada.page, "mine").waitFor();
    await deleteOf(ada.page, "his");
    const other = dialog(ada.page, "Delete the message of Bob?");
    await other.getByText("You are an owner of this room").waitFor();
    // What does nothing has the focus: Enter alone deletes nothing.
    await ada.page.keyboard.press("Enter");
    await other.waitFor({ state: "detached" });
    await message(ada.page, "his").waitFor();
    await deleteOf(ada.page, "his");
    await other.getByRole("button", { name: "Delete" }).click();
    await message(ada.page, "This message was deleted.").waitFor();
    await message(ada.page, "mine").waitFor();
  });

  it("pins again what was unpinned by mistake", async () => {
    await enter(ada.page, "wall");
    for (const entry of ["Pin", "Unpin"]) await actionOn(message(ada.page, "mine"), entry);
    await ada.page.getByText("The message is no longer pinned.").waitFor();
    await undo(ada.page, "no longer pinned").click();
    await ada.page.getByRole("button", { name: "Pinned messages 1" }).waitFor();
  });

  it("removes a member, who is told, and adds them back with Undo", async () => {
    await room("yard");
    await enter(bob.page, "yard");
    await enter(ada.page, "yard");
    await ada.page.getByRole("button", { name: /^Members/ }).click();
    await change(ada.page, "Bob", "Remove from the room …");
    const ask = dialog(ada.page, "Remove Bob?");
    await ask.getByText("Bob can join it again").waitFor();
    await ask.getByRole("button", { name: "Remove", exact: true }).click();
    await bob.page.getByText("You are not in this room").waitFor();
    await undo(ada.page, "Bob was removed").click();
    // What showed that he was out shows the room again.
    await field(bob.page).waitFor();
    await ada.page.getByRole("button", { name: "Change Bob" }).waitFor();
  });

  it("bans with a term and a reason, which the banned person reads, and lifts the ban", async () => {
    await change(ada.page, "Bob", "Remove from the room …");
    const ask = dialog(ada.page, "Remove Bob?");
    await ask.getByRole("checkbox", { name: /Also ban/ }).check();
    await ask.getByRole("combobox", { name: "How long" }).selectOption({ label: "For 1 week" });
    await ask.getByRole("textbox", { name: "Reason" }).fill("too loud");
    await ask.getByRole("button", { name: "Remove and ban" }).click();
    await bob.page.getByText("You are banned from this room").waitFor();
    await bob.page.getByText(/Banned by @ada until .*\. Reason given: too loud/).waitFor();
    await inMenu(ada.page, "Room settings", "Bans");
    const list = dialog(ada.page, "Bans");
    await list.getByText("too loud").waitFor();
    await list.getByText(/^Until .* · by Ada$/).waitFor();
    await list.getByRole("button", { name: "Lift the ban of Bob" }).click();
    await list.getByText("Nobody is banned.").waitFor();
    await ada.page.keyboard.press("Escape");
    await bob.api("POST", "/api/v1/rooms/yard/join", {});
  });

  it("shows that a mention is not answered, which one, and why", async () => {
    await room("hall");
    await ada.api("POST", "/api/v1/agents", { name: "sage" });
    await enter(ada.page, "hall");
    await ada.page.getByRole("button", { name: /^Members/ }).click();
    await ada.page.getByRole("button", { name: /sage your agent/ }).click();
    await ada.page.getByRole("button", { name: "Change sage" }).waitFor();
    await field(ada.page).fill(`@ada.sage say ${"on and on ".repeat(900)}`);
    await field(ada.page).press("Enter");
    await ada.page.locator('article[aria-busy="true"]').getByText("on and on").waitFor();
    await change(ada.page, "sage", "Remove from the room …");
    const ask = dialog(ada.page, "Remove sage?");
    await ask.getByText("You can add it again.").waitFor();
    await ask.getByRole("button", { name: "Remove" }).click();
    const refusal = ada.page.locator("main article[data-seq]").filter({ hasText: "removed from the room before" });
    await refusal.getByText("Not answered").waitFor();
    await refusal.locator(".quote").getByText("say on and on").waitFor();
    await enter(ada.page, "yard");
    await ada.page.getByRole("button", { name: /^Members/ }).click();
  });

  it("asks before somebody is made an owner, and takes a rank back with Undo", async () => {
    await change(ada.page, "Bob", "Make owner …");
    await dialog(ada.page, "Make Bob an owner?").getByRole("button", { name: "Make owner" }).click();
    await ada.page.getByText("Bob is an owner now.").waitFor();
    await undo(ada.page, "Bob is an owner now").click();
    const bobs = ada.page
      .getByRole("complementary", { name: "Members" })
      .getByRole("listitem")
      .filter({ hasText: "Bob" });
    await bobs.getByText("Owner").waitFor({ state: "detached" });
    // The room is handed over for good: somebody else owns it, and its owner steps down.
    await change(ada.page, "Bob", "Make owner …");
    await dialog(ada.page, "Make Bob an owner?").getByRole("button", { name: "Make owner" }).click();
    await bobs.getByText("Owner").waitFor();
    await change(ada.page, "Ada", "Become member …");
    await dialog(ada.page, "Give up your ownership?").getByRole("button", { name: "Give up" }).click();
    await ada.page.getByText("You are a member now.").waitFor();
    await ada.page.getByRole("button", { name: "Change Bob" }).waitFor({ state: "detached" });
    expect(fixture.complaints).to.deep.equal([]);
  });
});

import { join } from "node:path";
import { expect } from "chai";
import type { AnyBehavior } from "../../../actors/behavior.ts";
import { room } from "../../../actors/room/index.ts";
import { createClock } from "../../../node/platform/index.ts";
import type { ActorDetail } from "../../../protocols/index.ts";
import { axeFaults } from "../../fixtures/page/axe.ts";
import { openBrowser } from "../../fixtures/page/index.ts";
import { looks, shotsOf } from "../../fixtures/page/looks.ts";
import { startFixture, type Fixture } from "../../unit/gateway/fixture.ts";
import { pageWaitMs, untilTrue } from "../../waits.ts";

const shot = shotsOf("quarantined");

/** Rooms fail at one word, as long as the fault is there: all else of the node is as it always is. */
describe("an actor in quarantine", function () {
  let fixture: Fixture;
  let token: string;
  let isFaulty = true;
  const faulty: AnyBehavior = {
    ...room,
    decide(state: never, message: never, turn: never) {
      if (isFaulty && (message as { text?: unknown }).text === "boom") throw new Error("a fault at one word");
      return room.decide(state, message, turn);
    },
  };
  before(async () => {
    fixture = await startFixture({
      clock: createClock(),
      webFolder: join(import.meta.dirname, "../../../web/dist"),
      instead: faulty,
    });
    ({ token } = await fixture.signUp("ada"));
  });
  after(() => fixture.stop());

  const api = async (method: string, path: string, body?: object) =>
    fixture.request(method, `/api/v1/${path}`, { token, ...(body && { body }) });
  const detail = async (name: string): Promise<ActorDetail> => (await api("GET", `admin/actors/room/${name}`)).body;
  /** A room that is in quarantine. */
  async function broken(name: string): Promise<number> {
    isFaulty = true;
    await api("POST", "rooms", { room: name, title: name });
    for (let post = 0; (await detail(name)).status !== "quarantined"; post += 1) {
      expect(post, "it fails for ever, and stays").to.be.lessThan(50);
      await api("POST", `rooms/${name}/messages`, { text: "boom" });
    }
    // The senders of those have their answers. Of this one nobody waits for any.
    const late = { type: "post", text: "boom" };
    fixture.kernel.tell({ to: `room/${name}`, from: "user/ada", message: late });
    await untilTrue("it is kept", async () => (await detail(name)).deadLetters.length > 1);
    return (await detail(name)).deadLetters.length;
  }

  for (const [look, options] of looks)
    it(`is named on the overview, with what it could not do, and goes on once its fault is gone; ${look}`, async () => {
      const name = `den-${look.replace(" ", "-")}`;
      const letters = await broken(name);
      expect(letters).to.be.greaterThan(0);
      const context = await (await openBrowser()).newContext({ locale: "en-GB", ...options });
      context.setDefaultTimeout(pageWaitMs);
      await context.addCookies([{ name: "plexus_session", value: token, url: fixture.url }]);
      const page = await context.newPage();
      await page.goto(`${fixture.url}/admin/overview`);
      await page
        .getByText(/quarantine/)
        .first()
        .waitFor();
      await page.goto(`${fixture.url}/admin/actors?status=quarantined`);
      await page
        .getByRole("link", { name: `room/${name}` })
        .first()
        .click();
      const part = page.getByRole("region", { name: `room/${name}` });
      await part.getByText("It takes no messages").first().waitFor();
      await part
        .getByText(/a fault at one word/)
        .first()
        .waitFor();
      const table = page.getByRole("group", { name: "Dead letters" });
      await table.getByRole("row").filter({ hasText: "post" }).first().waitFor();
      expect(await table.getByRole("row").count()).to.equal(letters + 1);
      await shot(page, look);
      expect(await axeFaults(page, { within: "main" })).to.deep.equal([]);
      const wider = await page.locator(".settings-body").evaluate((body) => body.scrollWidth - body.clientWidth);
      expect(wider).to.equal(0);

      isFaulty = false;
      await part.getByRole("button", { name: "Release, and deliver again" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Release" }).click();
      await page.getByText(`room/${name} takes messages; 1 dead letter was delivered again.`).waitFor();
      await page.getByText("There are none.").waitFor();
      const told = async (): Promise<readonly string[]> => {
        const { messages } = (await api("GET", `rooms/${name}/messages`)).body as { messages: { text: string }[] };
        return messages.map(({ text }) => text);
      };
      await untilTrue("what nobody was told of is posted", async () => (await told()).length > 0);
      expect((await api("POST", `rooms/${name}/messages`, { text: "well again" })).status).to.equal(200);
      expect(await told()).to.deep.equal(["boom", "well again"]);
      await context.close();
    });

  it("gives up what it could not do where an admin says so", async () => {
    const letters = await broken("gone");
    const context = await (await openBrowser()).newContext({ locale: "en-GB" });
    context.setDefaultTimeout(pageWaitMs);
    await context.addCookies([{ name: "plexus_session", value: token, url: fixture.url }]);
    const page = await context.newPage();
    await page.goto(`${fixture.url}/admin/actors?actor=room%2Fgone`);
    const part = page.getByRole("region", { name: "room/gone" });
    await part.getByRole("button", { name: "Release, and delete" }).click();
    const question = page.getByRole("alertdialog").or(page.getByRole("dialog"));
    await question.getByText(new RegExp(`^It takes messages again\\. ${letters} dead letters? `)).waitFor();
    await question.getByRole("button", { name: "Delete" }).click();
    await page.getByText("There are none.").waitFor();
    expect(await detail("gone")).to.deep.include({ deadLetters: [] });
    expect((await detail("gone")).status).to.not.equal("quarantined");
    await context.close();
  });
});

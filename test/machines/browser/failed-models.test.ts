import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";

const screens = [
  ["desktop", { width: 1280, height: 800 }],
  ["phone", { width: 390, height: 844 }],
] as const;

/** A node whose only model is a file that is none. */
describe("a model that failed to load", () => {
  let folder: string;
  let path: string;
  let fixture: Fixture;
  let node: string;
  let ada: Person;
  let bob: Person;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "plexus-failed-"));
    path = join(folder, "broken.gguf");
    await writeFile(path, "this is no model at all");
    fixture = await openPages(["--model", path]);
    [ada, bob] = [await fixture.person("ada"), await fixture.person("bob")];
    node = fixture.node.name;
    await ada.api("POST", "/api/v1/rooms", { room: "lobby", title: "Lobby" });
    await bob.api("POST", "/api/v1/rooms/lobby/join", {});
    for (const person of [ada, bob]) {
      await person.api("POST", "/api/v1/agents", { name: "helper" });
      await person.api("POST", `/api/v1/agents/${person.name}.helper/say`, { text: "hello" });
    }
    await ada.api("PUT", "/api/v1/rooms/lobby/members/agent%2Fada.helper");
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "@ada.helper hello" });
  });
  after(async () => {
    await fixture.close();
    await rm(folder, { recursive: true });
  });

  const answer = /cannot be used now\. Try again later, or ask your admin/;

  /** What the person reads there, with what screen readers and titles say of it, once the answer has failed. */
  async function read({ page, name }: Person, place: string): Promise<string> {
    await page.goto(`${fixture.node.url}/${place}`);
    await page.getByText(answer).first().waitFor();
    await page.waitForLoadState("networkidle");
    const folder = process.env["PLEXUS_TEST_SHOTS"];
    const path = `${folder}/failed-${place.replaceAll("/", "-")}-${name}.png`;
    if (folder !== undefined) await page.screenshot({ path });
    return page.locator("main").innerHTML();
  }

  for (const [screen, viewport] of screens) {
    const on = `on a ${screen}`;
    for (const [place, of] of [
      ["a room", () => "room/lobby"],
      ["an agent's conversation", (name: string) => `agent/${name}.helper`],
    ] as const) {
      it(`tells an admin its cause, with the file, under the answer that failed in ${place}, ${on}`, async () => {
        const { page } = ada;
        await page.setViewportSize(viewport);
        await read(ada, of("ada"));
        const cause = page.locator(".model-cause");
        await cause.getByText(path).waitFor();
        const told = (await cause.innerText()).replaceAll(/\s+/g, " ");
        expect(told)
          .to.match(/^broken: /)
          .and.include("not a GGUF file")
          .and.include(path);
        expect(await cause.evaluate((box) => box.scrollWidth - box.clientWidth), "beyond its place").to.be.at.most(0);
        await cause.getByRole("link", { name: "Open the page of models" }).click();
        await page.getByRole("region", { name: "In memory" }).getByText(path).waitFor();
      });

      it(`tells a person without rights neither file nor node, but whom to ask, in ${place}, ${on}`, async () => {
        await bob.page.setViewportSize(viewport);
        const shown = await read(bob, of("bob"));
        expect(shown).to.match(answer);
        for (const secret of [path, folder, "broken.gguf", "GGUF", `on ${node}`, "model-cause"])
          expect(shown, secret).to.not.include(secret);
      });
    }

    it(`tells an admin its cause on the page of models, and a person without rights nothing of it, ${on}`, async () => {
      const asked: string[] = [];
      bob.page.on("response", (response) => {
        const keep = (text: string) => asked.push(text);
        void response.text().then(keep, () => undefined);
      });
      for (const { page } of [ada, bob]) {
        await page.setViewportSize(viewport);
        await page.goto(`${fixture.node.url}/admin/models`);
      }
      const row = ada.page.getByRole("region", { name: "In memory" }).getByRole("listitem").first();
      await row.getByText(path).waitFor();
      expect(await row.innerText())
        .to.match(/broken .*failed/)
        .and.include("not a GGUF file");
      await bob.page.getByText("Only admins see and change the models of a node.").waitFor();
      await bob.page.waitForLoadState("networkidle");
      expect(asked).to.not.have.length(0);
      for (const text of asked) expect(text).to.not.include(path);
      for (const ask of ["/api/v1/models", "/api/v1/agents/bob.helper"])
        expect(JSON.stringify(await bob.api("GET", ask)), ask).to.not.include("broken.gguf");
      expect(fixture.complaints).to.deep.equal([]);
    });
  }
});

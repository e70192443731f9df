import type { Page } from "playwright-core";
import { openPages, type Fixture, type Person } from "../../fixtures/page/index.ts";
import { JoinedNodes } from "../../fixtures/page/joined.ts";

describe("the page of nodes of three managers that keep the directory together", function () {
  // Each goes on with the nodes of the one before.
  this.bail(true);
  let fixture: Fixture;
  let ada: Person;
  let page: Page;
  const others = new JoinedNodes();

  const joins = (name: string) => others.invited(ada, name, ["manager", "chat"]);
  const state = () => page.getByRole("region", { name: "State", exact: true });
  const node = (name: string) =>
    page.getByRole("list", { name: "Nodes of the cluster" }).getByRole("listitem").filter({ hasText: name });
  /** Without the page being loaded again. */
  const says = (text: RegExp) => state().getByText(text).waitFor();

  before(async () => {
    fixture = await openPages(["--name", "first", "--control", "127.0.0.1:0"]);
    ada = await fixture.person("ada");
    ({ page } = ada);
    await page.goto(`${fixture.node.url}/admin/nodes`);
  });
  after(async () => {
    await others.close();
    await fixture.close();
  });

  it("shows, while it stays open, that three vote, which of them leads, and that the next death is survived", async () => {
    await says(/^Directory: embedded, on first\.$/);
    await joins("second");
    await says(/^2 of 2 nodes up\.$/);
    await page.getByText("Until there are three, one node keeps it alone: two would have to be").waitFor();
    await joins("third");
    await says(/^Directory: 3 voters: .*\(leads\).*\. Up: 3 of 3; the next death is survived\.$/);
    for (const name of ["first", "second", "third"])
      await node(name)
        .getByText(/\bvot(?:er|es)|leads/)
        .first()
        .waitFor();
  });

  it("says that the next death would not be survived once one is down, and that it would when it is back", async () => {
    await others.named("third").end("SIGKILL");
    await says(/Up: 2 of 3; the next death of a voter would stop it: start those that are down\.$/);
    await node("third").getByText("down").first().waitFor();
    await others.named("third").start();
    await says(/Up: 3 of 3; the next death is survived\.$/);
  });

  it("shows what it knew, and where to ask, when two are down, and goes on by itself when one is back", async () => {
    await others.killAll();
    // Whose account it is nobody can tell then: accounts are actors, and those take no commands without the directory.
    await page
      .getByText(/The page shows older figures\. .*, typed on a machine that is up, says how it is now\.$/)
      .waitFor();
    await others.named("second").start();
    await says(/Up: 2 of 3; the next death of a voter would stop it: start those that are down\.$/);
    await others.named("third").start();
    await says(/Up: 3 of 3; the next death is survived\.$/);
  });
});

/** The interface that describes itself (`/api-docs/`), in a browser: it draws what is in sight alone, so it is gone
 *  through from the top to the end. */
import { expect } from "chai";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { untilTrue } from "../../waits.ts";

interface Described {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId?: string }>>>>;
}

describe("the interface that describes itself", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await openPages();
  });
  after(() => fixture.close());

  it("shows each operation of the node, and does one in the name of its reader", async () => {
    const { page, api, close } = await fixture.person("ada");
    await page.goto(`${fixture.node.url}/api-docs/`);
    await page.locator(".opblock").first().waitFor();
    const { paths } = (await api("GET", "/api-docs/json")) as Described;
    const all = Object.values(paths).flatMap((methods) =>
      Object.values(methods).flatMap(({ operationId }) => operationId ?? []),
    );
    const seen = new Set<string>();
    await untilTrue("all operations are seen", async () => {
      const ids = await page.evaluate<string[]>(`[...document.querySelectorAll('.opblock')].map(({ id }) => id)`);
      for (const id of ids) seen.add(id.replace(/^operations-\w+-/, "").replaceAll("\\", ""));
      await page.mouse.wheel(0, 500);
      return all.every((one) => seen.has(one));
    }).catch((error: unknown) => {
      expect(all.filter((one) => !seen.has(one))).to.deep.equal([], String(error));
    });
    await page.goto(`${fixture.node.url}/api-docs/`);
    const operation = page.locator(".opblock").filter({ hasText: "The caller's API keys" });
    await operation.locator("button.opblock-summary-control").click();
    await operation.getByRole("button", { name: "Execute" }).click();
    await operation.locator(".live-responses-table .response").getByText("200").first().waitFor();
    await close();
    expect(fixture.complaints).to.deep.equal([]);
  });
});

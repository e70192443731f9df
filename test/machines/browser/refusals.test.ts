import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import type { Locator, Page } from "playwright-core";
import { forms, type FormRow, type Walk } from "../../fixtures/page/forms.ts";
import { openPages, type Fixture } from "../../fixtures/page/index.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";
import { codeAt, seedOf } from "../../unit/gateway/codes.ts";
import { until } from "../../waits.ts";

/** What no text of the page has in it: patterns, signs of code, words of schemas, and details where none are shown. */
const jargon =
  "`|\\^\\[|\\[a-z0-9|\\\\d|\\bpattern\\b|\\bschema\\b|anyOf|oneOf|\\bdetails (say|name|give|have|show)\\b|must (NOT|match)|\\{0,\\d";

/** Remembers whatever the page ever says that it should not, and what it says at its edge instead of in the form. */
const watch = `(() => {
  const bad = new RegExp(${JSON.stringify(jargon)}, "i");
  window.heard = new Set();
  window.atEdge = new Set();
  const look = () => {
    const text = document.body?.innerText ?? "";
    // Lines of the log are shown as a node wrote them, for whoever runs it.
    const log = document.querySelector('[role="log"][aria-label="Lines of the log"]')?.innerText ?? "";
    for (const line of text.split("\\n")) if (bad.test(line) && !log.includes(line)) window.heard.add(line);
    for (const one of document.querySelectorAll(".notice.bad")) window.atEdge.add(one.textContent);
  };
  new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
})()`;

/** What a node could answer to any form. */
const answers = [
  { code: "BAD_REQUEST", message: "The request does not fit its schema. Details name the field and what is wrong with it.", details: { path: "/with/elsewhere/0", problem: 'must match pattern "^[A-Za-z0-9]{0,95}$"' } },
  { code: "LIMIT_REACHED", message: "A limit is reached. Details name it, and docs/reference/limits/README.md explains it.", details: { limit: 3 } },
  { code: "CONFIG_INVALID", message: "The configuration is not valid; details name the field.", details: { reason: "`x` is no number" } },
] as const; // prettier-ignore

const screens = [
  ["desktop", { width: 1280, height: 800 }],
  ["phone", { width: 390, height: 844 }],
] as const;

/** Forms that keep nothing: they only search, or prove who somebody is. */
const forgetful: ReadonlySet<string> = new Set([
  "proof",
  "audit-search",
  "log-search",
  "later",
  "conversation",
  "digest",
  "share",
  "compare",
  "temporary",
]);
const written =
  "input:not([type=checkbox]):not([type=radio]):not([type=file]):not([type=color]):not([type=hidden]):not([readonly]):not([data-choice]), textarea:not([readonly])";

/** Types into every field of a form, and says what stands in it then: whether it is a secret, and its text. */
async function typeInto(form: Locator): Promise<readonly (readonly [isSecret: boolean, text: string])[]> {
  for (const field of await form.locator(written).all()) {
    if (!(await field.isVisible()) || (await field.isDisabled())) continue;
    const isNumber = /numeric|decimal/.test((await field.getAttribute("inputmode")) ?? "");
    const isLong = ((await field.getAttribute("maxlength")) ?? "99").length > 1;
    const isTime = (await field.getAttribute("type")) === "datetime-local";
    await field.fill(isTime ? "2030-01-02T03:04" : isNumber ? "3" : isLong ? "half typed" : "3");
  }
  return textsIn(form);
}

const textsIn = (form: Locator): Promise<readonly (readonly [boolean, string])[]> =>
  form
    .locator(written)
    .evaluateAll((fields) =>
      (fields as { type: string; autocomplete: string; value: string; offsetParent: unknown; disabled: boolean }[])
        .filter(({ offsetParent, disabled }) => offsetParent !== null && !disabled)
        .map(({ type, autocomplete, value }) => [
          type === "password" || /one-time-code|password/.test(autocomplete),
          value,
        ]),
    );

describe("what forms refuse, and keep", function () {
  let fixture: Fixture;
  let outside: string;
  before(async () => {
    outside = await mkdtemp(join(tmpdir(), "plexus-refusals-"));
    // One node keeps its own backups, so that all forms of backups are there.
    process.env["PLEXUS_SHARD_SCHEMES"] = "default=2/1";
    fixture = await openPages().finally(() => delete process.env["PLEXUS_SHARD_SCHEMES"]);
    const ada = await fixture.account("ada");
    const bob = await fixture.account("bob");
    await ada.api("POST", "/api/v1/rooms", { room: "lobby", title: "Lobby" });
    await bob.api("POST", "/api/v1/rooms/lobby/join", {});
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "It rains", topic: "Weather" });
    await ada.api("POST", "/api/v1/rooms/lobby/messages", { text: "Meet at the harbour" });
    await bob.api("POST", "/api/v1/rooms", { room: "secret", title: "Secret", visibility: "private" });
    await bob.api("POST", "/api/v1/rooms/secret/messages", { text: "Nobody else reads this" });
    await ada.api("POST", "/api/v1/agents", { name: "helper" });
    await ada.api("PUT", "/api/v1/admin/secrets/kept", { value: "s", for: ["api.example.org"] });
    const tess = await fixture.account("tess");
    const { secret } = (await tess.api("POST", "/api/v1/me/totp", {})) as { secret: string };
    await tess.api("POST", "/api/v1/me/totp/confirm", { code: codeAt(seedOf(secret), Date.now()) });
    await plexus(fixture.node, "backup", "kit", "make", "--to", join(outside, "kit"));
    // The node has to have seen that it keeps shards.
    await until("a backup", () => plexus(fixture.node, "backup", "run"));
  });
  after(async () => {
    await fixture.close();
    await rm(outside, { recursive: true, force: true });
  });

  for (const [screen, viewport] of screens)
    describe(`on a ${screen}`, () => {
      let opened: Page | undefined;
      // Each form begins in a browser of its own, also behind one that failed.
      beforeEach(() => opened?.context().close());
      for (const [name, row] of Object.entries(forms))
        it(`stands in the form “${name}”, in plain words`, async () => {
          const page = (opened = await pageFor(row, viewport));
          await page.addInitScript(watch);
          // Mail is off here; its way in is shown where it is on.
          await page.route("**/api/v1/setup", async (route) => {
            const response = await route.fetch();
            await route.fulfill({ response, json: { ...((await response.json()) as object), mail: true } });
          });
          const walk: Walk = {
            page,
            isPhone: screen === "phone",
            async go(path) {
              // A change of what follows # alone loads nothing.
              await page.goto("about:blank");
              await page.goto(fixture.node.url + path);
            },
          };
          await row.open(walk);
          const form = page.locator(`form[data-form="${name}"]`).first();
          await form.waitFor();
          await refusedForReal(form, row);
          await refusedInPlaceOfTheNode(page, form, row);
          const heard = await page.evaluate("[...window.heard]");
          expect(heard, "words of code").to.deep.equal([]);
          expect(await page.evaluate("[...window.atEdge]"), "told away from the form").to.deep.equal([]);
        });
    });

  for (const [name, row] of Object.entries(forms).filter(([, { visitor }]) => visitor !== true))
    it(`stays in the form “${name}” over a reload, but for passwords and codes`, async () => {
      const ada = await fixture.person("ada");
      const { page } = ada;
      const walk: Walk = {
        page,
        isPhone: false,
        async go(path) {
          await page.goto("about:blank");
          await page.goto(fixture.node.url + path);
        },
      };
      const form = page.locator(`form[data-form="${name}"]`).first();
      const before = async () => {
        await row.open(walk);
        await form.waitFor();
        return textsIn(form);
      };
      const empty = await before();
      const typed = await typeInto(form);
      await before();
      const kept = forgetful.has(name)
        ? empty
        : typed.map(([isSecret, text], index) => [isSecret, isSecret ? (empty[index]?.[1] ?? "") : text]);
      await until("what was typed", async () => expect(await textsIn(form)).to.deep.equal(kept));
      const secrets = typed.filter(([isSecret, text]) => isSecret && text.length > 1);
      if (secrets.length > 0)
        expect(await page.evaluate("JSON.stringify(localStorage)")).not.to.match(/"The secret|Password|Code/);
      await ada.close();
    });

  const pageFor = async (row: FormRow, viewport: { readonly width: number; readonly height: number }): Promise<Page> =>
    row.visitor === true ? fixture.visitor({ viewport }) : (await fixture.person("ada", { viewport })).page;
});

/** A field by its label, whether it has to be filled or not. */
const fieldOf = (form: Locator, label: string): Locator =>
  form
    .getByLabel(label, { exact: true })
    .or(form.getByLabel(`${label} *`, { exact: true }))
    .first();

async function fill(form: Locator, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [label, value] of Object.entries(fields)) await fieldOf(form, label).fill(value);
}

async function send(form: Locator, { send: button }: FormRow, fields: Readonly<Record<string, string>>): Promise<void> {
  if (button !== undefined) return form.getByRole("button", { name: button, exact: true }).click();
  const [label = ""] = Object.keys(fields);
  await fieldOf(form, label).press("Enter");
}

/** What the node itself, or the form before it, refuses. */
async function refusedForReal(form: Locator, row: FormRow): Promise<void> {
  await fill(form, row.filled ?? {});
  for (const { type, says, typing = false } of row.refuses ?? []) {
    await fill(form, type);
    if (!typing) await send(form, row, type);
    const said = form.locator('[role="alert"], .mantine-InputWrapper-error, [class*="InputWrapper-error"]');
    await said
      .filter({ hasText: says })
      .first()
      .waitFor()
      .catch(async (error: unknown) => {
        throw new Error(
          `${JSON.stringify(type)} is to say ${String(says)}; the form says: ${(await said.allInnerTexts()).join(" | ")}`,
          { cause: error },
        );
      });
  }
}

/** Whatever the node would refuse, for forms that are sent over HTTP: it stands below the form. */
async function refusedInPlaceOfTheNode(page: Page, form: Locator, row: FormRow): Promise<void> {
  if (row.posts !== true) return;
  for (const error of answers) {
    const answer = { status: 400, json: { error: { ...error, outcome: "failed" } } };
    const isWrite = (url: URL): boolean => url.pathname.startsWith("/api/v1/");
    await page.route(isWrite, (route) =>
      route.request().method() === "GET" || /\/(list|try)$/.test(new URL(route.request().url()).pathname)
        ? route.fallback()
        : route.fulfill(answer),
    );
    await fill(form, row.filled ?? {});
    await send(form, row, row.filled ?? {});
    await form.locator(".form-fault, [class*='InputWrapper-error']").first().waitFor();
    await page.unroute(isWrite);
  }
}

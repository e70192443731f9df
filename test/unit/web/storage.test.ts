import { expect } from "chai";
import { assert as property, array, constantFrom, property as forAll, record, string } from "fast-check";
import type { Shelf } from "../../../web/src/model/kept.ts";

/** The module, which is of browsers: its types are not those of Node. */
interface StorageModule {
  readonly shelf: Shelf;
  readonly onShelfChanged: (listener: () => void) => () => void;
}

/** A browser's storage, which is full where the test says so. */
class FullStorage {
  readonly texts = new Map<string, string>();
  isFull = false;
  getItem(name: string): string | null {
    return this.texts.get(name) ?? null;
  }
  setItem(name: string, text: string): void {
    if (this.isFull) throw new DOMException("full", "QuotaExceededError");
    this.texts.set(name, text);
  }
  removeItem(name: string): void {
    this.texts.delete(name);
  }
}

interface News {
  readonly key: string;
  readonly newValue: string | null;
}

/** Tabs of one browser, each with the module loaded for itself. News of one reach the others when the test says so. */
async function openTabs(count: number) {
  const storage = new FullStorage();
  const names = ["localStorage", "window"] as const;
  const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  const set = (name: string, value: unknown) =>
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  set("localStorage", storage);
  const tabs: { readonly shelf: Shelf; readonly target: EventTarget; readonly waiting: News[] }[] = [];
  for (let index = 0; index < count; index += 1) {
    const target = new EventTarget();
    const { shelf, onShelfChanged } = (await import(
      `../../../web/src/wire/storage.ts?tab=${(opened += 1)}`
    )) as StorageModule;
    const inTab = <T>(act: () => T): T => {
      set("window", target);
      return act();
    };
    inTab(() => onShelfChanged(() => undefined));
    tabs.push({ shelf, target, waiting: [] });
  }
  return {
    storage,
    tabs,
    /** What a tab does, and what the others are to hear of it. */
    act(at: number, name: string, text: string | undefined): void {
      const was = storage.getItem(name);
      if (text === undefined) tabs[at]?.shelf.remove(name);
      else tabs[at]?.shelf.write(name, text);
      const newValue = storage.getItem(name);
      if (newValue !== was) for (const tab of tabs) if (tab !== tabs[at]) tab.waiting.push({ key: name, newValue });
    },
    hear(at: number): void {
      const tab = tabs[at];
      for (const news of tab?.waiting.splice(0) ?? [])
        tab?.target.dispatchEvent(Object.assign(new Event("storage"), news, { storageArea: storage }));
    },
    [Symbol.dispose]() {
      for (const [name, had] of before)
        if (had === undefined) Reflect.deleteProperty(globalThis, name);
        else Object.defineProperty(globalThis, name, had);
    },
  };
}

let opened = 0;

describe("what the browser keeps, in two tabs", () => {
  it("is the newer of two texts, where the older one is only in its tab because the browser was full", async () => {
    using browser = await openTabs(2);
    const [one, other] = browser.tabs;
    browser.storage.isFull = true;
    browser.act(0, "draft", "older");
    expect([one?.shelf.read("draft"), other?.shelf.read("draft")]).to.deep.equal(["older", undefined]);
    browser.storage.isFull = false;
    browser.act(1, "draft", "newer");
    browser.hear(0);
    expect([one?.shelf.read("draft"), other?.shelf.read("draft")]).to.deep.equal(["newer", "newer"]);
  });

  it("is not the older one, of which a tab hears late", async () => {
    using browser = await openTabs(2);
    const [one] = browser.tabs;
    browser.act(1, "draft", "of before");
    browser.act(1, "draft", "older");
    browser.storage.isFull = true;
    browser.act(0, "draft", "newer");
    browser.hear(0);
    expect(one?.shelf.read("draft")).to.equal("newer");
  });

  it("is in each tab what was written last, as far as it could be kept or was written there", async () => {
    const step = record({
      tab: constantFrom(0, 1),
      full: constantFrom(true, false),
      text: string({ minLength: 1, maxLength: 3 }),
      hears: constantFrom(0, 1, undefined),
    });
    using browser = await openTabs(2);
    let run = 0;
    property(
      forAll(array(step, { maxLength: 12 }), (steps) => {
        const name = `draft ${(run += 1)}`;
        const seen: (string | undefined)[] = [undefined, undefined];
        for (const [index, { tab, full, text, hears }] of steps.entries()) {
          const said = `${index} ${text}`;
          browser.storage.isFull = full;
          browser.act(tab, name, said);
          seen[tab] = said;
          if (!full) seen.fill(said);
          if (hears !== undefined) browser.hear(hears);
        }
        for (const tab of [0, 1]) {
          browser.hear(tab);
          expect(browser.tabs[tab]?.shelf.read(name)).to.equal(seen[tab]);
        }
      }),
    );
  });
});

import { expect } from "chai";
import { globSync, readFileSync } from "node:fs";
import { isComposing, keepComposing } from "../../../web/src/view/parts/keys.ts";

const files = globSync("web/src/**/*.{ts,tsx}").map((path) => ({ path, text: readFileSync(path, "utf8") }));

describe("the one rule for keys", () => {
  it("leaves to an input method what is its own, also the key that ends a composition in Safari", () => {
    const keys = [
      { isComposing: false, keyCode: 13 },
      { isComposing: true, keyCode: 13 },
      { isComposing: false, keyCode: 229 },
    ];
    expect(keys.map(isComposing)).to.deep.equal([false, true, true]);
  });

  it("stops such a key before whatever else listens hears it", () => {
    const page = new EventTarget();
    keepComposing(page);
    const heard: unknown[] = [];
    const listen = (event: Event) => void heard.push(Reflect.get(event, "keyCode"));
    page.addEventListener("keydown", listen, { capture: true });
    page.addEventListener("keydown", listen);
    for (const keyCode of [229, 13])
      page.dispatchEvent(Object.assign(new Event("keydown"), { keyCode, isComposing: false }));
    expect(heard).to.deep.equal([13, 13]);
  });

  it("is there before anything else listens, and nothing looks at keys by another event or rule", () => {
    const main = files.find(({ path }) => path.endsWith("src/main.tsx"))?.text ?? "";
    expect(main.indexOf("keepComposing(window)")).to.be.within(1, main.indexOf("createRoot(place)"));
    const listening =
      /onKey(?:Down|Up)(?:Capture)?=|onKeyDown:|"keydown"|"keyup"|useHotkeys\(|attachCustomKeyEventHandler/;
    // Each of these sends, takes, leaves or moves by a key, behind the rule. A new one belongs in this list, and in the
    // browser's test.
    expect(
      files
        .filter(({ text }) => listening.test(text))
        .map(({ path }) => path.slice("web/src/".length))
        .toSorted(),
    ).to.deep.equal([
      "terminal/index.ts",
      "view/agent/temporary-page.tsx",
      "view/files/viewer.tsx",
      "view/finding/field.tsx",
      "view/finding/finding-panel.tsx",
      "view/parts/composer.tsx",
      "view/parts/keys.ts",
      "view/parts/person-name.tsx",
      "view/parts/pick-list.tsx",
      "view/parts/roving.ts",
      "view/pasting/index.ts",
      "view/room/members-panel.tsx",
      "view/room/message-row.tsx",
      "view/room/panel.tsx",
      "view/room/selection-bar.tsx",
      "view/shell/first-letters.tsx",
      "view/shell/notice-list.tsx",
      "view/shell/prove-again.tsx",
      "view/shell/shell.tsx",
      "view/writing/emoji-panel.tsx",
      "view/writing/format-bar.tsx",
    ]);
    const asks = /isComposing|keyCode|keypress|onKeyPress/;
    expect(files.filter(({ text }) => asks.test(text)).map(({ path }) => path)).to.deep.equal([
      "web/src/view/parts/keys.ts",
    ]);
  });
});

describe("the storage of the browser", () => {
  it("is touched in one place, so that whatever is kept has an account or is of the cluster", () => {
    const touches = /\b(?:localStorage|sessionStorage|indexedDB|BroadcastChannel|caches)\b/;
    expect(files.filter(({ text }) => touches.test(text)).map(({ path }) => path)).to.deep.equal([
      // What was seen last, for a start without the node: it goes when nobody is signed in any more.
      "web/src/wire/seen.ts",
      "web/src/wire/storage.ts",
    ]);
    const named = files.filter(({ text }) => /\bshelf\b/.test(text)).map(({ path }) => path);
    expect(named.toSorted()).to.deep.equal([
      "web/src/live/session.ts",
      "web/src/model/kept.ts",
      // A link into a room, until somebody has signed in.
      "web/src/view/shell/joining.ts",
      "web/src/wire/index.ts",
      "web/src/wire/other-nodes.ts",
      "web/src/wire/storage.ts",
    ]);
  });
});

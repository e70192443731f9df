import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { commands } from "../../cli/chat/commands.ts";
import { findingFilters } from "../../protocols/words/finding.ts";
import { guideViolations, keysIn, pageTexts, type Named } from "./guides.ts";
import type { Source } from "./source.ts";

const root = join(import.meta.dirname, "../..");
const read = (path: string): Source => ({ path, text: readFileSync(join(root, path), "utf8") });
const all = (pattern: string): readonly Source[] => globSync(pattern, { cwd: root }).toSorted().map(read);

/** Guides of the page and the terminal. Those of programs name routes, which other tests hold to what is there. */
const guides = ["docs/use/agents.md", "docs/use/chat.md", "docs/use/finding.md", "docs/use/moderation.md"];

describe("the guides for people", () => {
  const keys = keysIn(read("web/src/view/shell/keyboard-help.tsx").text);
  let named: Named;
  before(() => {
    named = {
      texts: pageTexts([...all("web/src/**/*.{ts,tsx}"), ...all("protocols/**/*.ts")]),
      commands: Object.keys(commands),
      keys,
      filters: [...findingFilters, "to"],
    };
  });

  it("name no control, key, command or filter that is not there", () => {
    const found = guides.map(read).flatMap((guide) => guideViolations(guide, named));
    expect(found.join("\n")).to.equal("");
  });

  it("are read: what is made up is found, each by its own rule", () => {
    const text =
      "Press “Frobnicate the room …”, then **Frobs → Frobnication**, Ctrl+Shift+Y, `/frobnicate N` and `frob:x`. " +
      "“Members” and `/help` are there, and **Members.** is a heading.";
    expect(guideViolations({ path: "x.md", text }, named)).to.deep.equal([
      "x.md: no text “Frobnicate the room …”",
      "x.md: no text “Frobs”",
      "x.md: no text “Frobnication”",
      "x.md: no command /frobnicate",
      "x.md: no filter frob:",
      "x.md: Ctrl+Shift+Y is not in the list of keys",
    ]);
  });

  it("know the texts of the page, also those that a value is put into, and its keys", () => {
    const text = "export const X = () => <p title={`Of ${who} alone`}>Have {name} sum it up {more}</p>;";
    const texts = pageTexts([{ path: "x.tsx", text }]);
    expect([...texts]).to.include.members(["Of {} alone", "Have {} sum it up {}"]);
    expect(keys).to.include.members(["Ctrl+K", "Shift+Enter", "?"]);
  });
});

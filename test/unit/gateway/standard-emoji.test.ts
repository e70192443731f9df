import { expect } from "chai";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../runner/phases.ts";
import { isStandardName } from "../../../node/gateway/media/standard-emoji.ts";
import { ownEmojiNameText } from "../../../protocols/text/own-emoji.ts";
import { emojiGroups } from "../../../web/emoji.ts";

const file = join(root, "node/gateway/media/standard-emoji.ts");
const widthMax = 118;

/** The names in lines, as the file has them. */
function lines(names: readonly string[]): string {
  const all = [""];
  for (const name of names) {
    const last = all.at(-1) ?? "";
    if (last.length + name.length + 1 > widthMax) all.push(name);
    else all[all.length - 1] = last === "" ? name : `${last} ${name}`;
  }
  return all.join("\n");
}

describe("names of the standard emoji", () => {
  const allowed = new RegExp(`^${ownEmojiNameText}$`);
  const names = [
    ...new Set(
      emojiGroups().flatMap((group) => group.split("\n").flatMap((line) => (line.split("|")[1] ?? "").split(" "))),
    ),
  ]
    .filter((name) => allowed.test(name))
    .sort();

  it("are those that the page completes, as the gateway has them (EMOJI_WRITE=1 writes them anew)", () => {
    const text = readFileSync(file, "utf8");
    const made = text.replace(/(?<=const names = `\n)[^`]*(?=\n`)/, lines(names));
    if (process.env["EMOJI_WRITE"] === "1") writeFileSync(file, made);
    expect(made === text, "node/gateway/media/standard-emoji.ts is current").to.equal(true);
    expect(names.every(isStandardName)).to.equal(true);
    expect(isStandardName("party-parrot")).to.equal(false);
  });
});

import { readFileSync } from "node:fs";
import { expect } from "chai";
import { contrast, contrastMin } from "../../../protocols/text/contrast.ts";

const sheet = (path: string): string => readFileSync(new URL(`../../../web/src/view/${path}`, import.meta.url), "utf8");

describe("the colours of code", () => {
  const grounds = [...sheet("style.css").matchAll(/--code: (#[0-9a-f]{6});/g)].map(([, colour = ""]) => colour);
  const colours = [...sheet("parts/highlight.css").matchAll(/--code-(\w+): (#[0-9a-f]{6});/g)];
  it("are read on the ground of code, in the light and in the dark", () => {
    expect(grounds).to.have.length(2);
    expect(colours.length).to.be.greaterThan(10);
    for (const [at, [, name = "", colour = ""]] of colours.entries()) {
      const ground = grounds[at < colours.length / 2 ? 0 : 1] ?? "";
      expect(contrast(colour, ground), `${name} ${colour} on ${ground}`).to.be.at.least(contrastMin);
    }
  });
});

import { createRequire } from "node:module";
import { expect } from "chai";
import { normalEmoji } from "../../../protocols/text/emoji.ts";
import { emojiGroups } from "../../../web/emoji.ts";
import { afterPick, emojiFound, readEmoji, withTone, type Emoji } from "../../../web/src/model/emoji.ts";
import { askAgainInMs } from "../../../web/src/model/own-emoji.ts";
import { gatewayLimits } from "../../../node/gateway/limits.ts";
import { isHabits, noHabits, type Tone } from "../../../web/src/model/index.ts";

const groups = readEmoji(emojiGroups());
const all: readonly Emoji[] = groups.flat();
const first = (typed: string): string | undefined => emojiFound(all, typed, [])[0]?.sign;

describe("emoji by their names", () => {
  it("are all that Unicode has, each in its normal form, under names that can be typed", () => {
    expect(groups).to.have.length(9);
    expect(all.length).to.be.greaterThan(1_850);
    // Engines know emoji up to a version of Unicode, and those of a later one are no fault.
    const other = all.filter(({ sign }) => normalEmoji(sign) !== sign);
    expect(other.length, other.map(({ sign }) => sign).join(" ")).to.be.lessThan(20);
    for (const { sign, names } of all) {
      expect(names, sign).to.not.have.length(0);
      for (const name of names) expect(name, sign).to.match(/^[\p{L}\p{N}_+-]+$/u);
    }
    expect(new Set(all.map(({ sign }) => sign)).size).to.equal(all.length);
  });

  it("are found by the names of GitHub and Slack, by words, and by words in any order", () => {
    for (const [typed, sign] of [
      ["tada", "🎉"],
      ["+1", "👍️"],
      ["thumbsup", "👍️"],
      ["-1", "👎️"],
      ["heart", "❤️"],
      ["female-technologist", "👩‍💻"],
      ["THUMBSUP", "👍️"],
      ["popper party", "🎉"],
      ["coffee", "☕️"],
    ] as const)
      expect(normalEmoji(first(typed) ?? ""), typed).to.equal(normalEmoji(sign));
    expect(emojiFound(all, "no such thing", [])).to.deep.equal([]);
  });

  it("come with those in use first, among those that fit as well", () => {
    const found = emojiFound(all, "hear", ["❤️"]).map(({ sign }) => sign);
    expect(found[0]).to.equal("❤️");
    expect(emojiFound(all, "tada", ["❤️"]).map(({ sign }) => sign)).to.not.include("❤️");
  });

  it("have every colour of skin that Unicode gives them, and no other", () => {
    interface Toned {
      readonly unicode: string;
      readonly group?: number;
      readonly skins?: readonly { readonly unicode: string }[];
    }
    const data = createRequire(import.meta.url)("emojibase-data/en/compact.json") as readonly Toned[];
    for (const { unicode, skins = [], group } of data) {
      const sign = normalEmoji(unicode);
      if (group === undefined || sign === undefined) continue;
      const possible = skins.map((skin) => skin.unicode);
      for (const tone of [1, 3, 5] as const) {
        const toned = withTone(sign, tone);
        if (possible.length === 0) expect(toned, unicode).to.equal(sign);
        else expect(possible, `${unicode} ${tone}`).to.include(toned);
      }
      expect(withTone(sign, 0)).to.equal(sign);
    }
  });
});

describe("habits with emoji", () => {
  it("have those picked last first, each once, and not more than a row or two", () => {
    let habits = { ...noHabits, tone: 2 as Tone };
    for (const { sign } of all.slice(0, 40)) habits = { ...afterPick(habits, sign), tone: 2 };
    habits = { ...afterPick(habits, all[30]?.sign ?? ""), tone: 2 };
    expect(habits.recent).to.have.length(16);
    expect(habits.recent[0]).to.equal(all[30]?.sign);
    expect(habits.recent[1]).to.equal(all[39]?.sign);
    expect(new Set(habits.recent).size).to.equal(16);
  });
  it("are not taken from what something else has kept", () => {
    expect(isHabits(noHabits)).to.equal(true);
    for (const value of [undefined, null, 3, {}, { tone: 6, recent: [] }, { tone: 1, recent: [3] }, { tone: 1 }])
      expect(isHabits(value), JSON.stringify(value)).to.equal(false);
  });
});

describe("a name that no emoji of the cluster has", () => {
  it("is asked for after what gateways know is old, ten seconds after the last answer, spread by lot", () => {
    const times = Array.from({ length: 100 }, (_, nth) => askAgainInMs(50_000, 60_000, nth / 100));
    expect(Math.min(...times)).to.be.greaterThan(gatewayLimits.emojiListKeptMs);
    expect(new Set(times).size).to.be.greaterThan(50);
    expect(Math.max(...times) - Math.min(...times)).to.be.greaterThan(5_000);
    expect(askAgainInMs(60_000, 60_000, 0)).to.equal(10_000);
    expect(askAgainInMs(0, 1_000_000, 1)).to.be.lessThan(20_000);
  });
});

import { expect } from "chai";
import { KnownAnswers } from "../../../web/src/wire/known.ts";
import { pageLimits } from "../../../web/src/wire/limits.ts";

describe("answers that a tab has", () => {
  const { knownAnswerCharsMax: oneMax, knownAnswersCharsMax: allMax } = pageLimits;
  const answer = (chars: number, name: string | null = "a") => ({ name, text: "x".repeat(chars), value: chars });

  it("are those asked for last, and no more of them than a bound", () => {
    const known = new KnownAnswers();
    const fit = Math.floor(allMax / oneMax);
    for (let index = 0; index < fit; index += 1) known.keep(`/${index}`, answer(oneMax));
    expect(known.of("/0")?.value).to.equal(oneMax);
    known.keep("/new", answer(oneMax));
    expect(known.of("/1"), "the one that was asked for least lately").to.equal(undefined);
    expect(known.of("/0")?.value).to.equal(oneMax);
    expect(known.of("/new")?.value).to.equal(oneMax);
  });

  it("have a name and are short, and the newest of a path counts", () => {
    const known = new KnownAnswers();
    known.keep("/a", answer(1));
    known.keep("/a", answer(2, "b"));
    expect(known.of("/a")).to.include({ name: "b", value: 2 });
    known.keep("/a", answer(3, null));
    expect(known.of("/a"), "an answer without a name follows one with a name").to.equal(undefined);
    known.keep("/a", answer(oneMax + 1));
    expect(known.of("/a")).to.equal(undefined);
  });
});

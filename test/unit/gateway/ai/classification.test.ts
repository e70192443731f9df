import { expect } from "chai";
import { harmsAmong, judged } from "../../../../node/gateway/ai/classification.ts";

describe("moderation", () => {
  it("is done by models whose classes are sorts of harm, by the names that they have", () => {
    for (const [labels, harms] of [
      [
        ["toxic", "severe_toxic", "identity_hate"],
        ["toxic", "severe_toxic", "identity_hate"],
      ],
      [["non-toxic", "toxic"], ["toxic"]],
      [["NOT_HATE", "HATE", "neutral"], ["HATE"]],
      [["safe", "unsafe"], ["unsafe"]],
      [
        ["OK", "sexual", "H2"],
        ["sexual", "H2"],
      ],
      [["negative", "neutral", "positive"], []],
      [["statement", "question"], []],
      [["LABEL_0", "LABEL_1"], []],
    ] as const)
      expect(harmsAmong(labels), labels.join()).to.deep.equal(harms);
  });

  it("flags what its likeliest class says where they exclude each other, else each class from a half on", () => {
    const of = (exclusive: boolean, labels: readonly string[], scores: readonly number[]) =>
      judged({ labels, exclusive, scores: [], promptTokens: 1 }, scores, harmsAmong(labels));
    expect(of(true, ["safe", "hate", "violence"], [0.3, 0.4, 0.3])).to.deep.equal({
      flagged: true,
      categories: { hate: true, violence: false },
      category_scores: { hate: 0.4, violence: 0.3 },
    });
    expect(of(true, ["safe", "hate"], [0.6, 0.4]).flagged).to.equal(false);
    expect(of(false, ["toxic", "insult"], [0.5, 0.2])).to.deep.include({
      flagged: true,
      categories: { toxic: true, insult: false },
    });
    expect(of(false, ["toxic", "insult"], [0.4, 0.2]).flagged).to.equal(false);
  });
});

import { expect } from "chai";
import { hasCode, kindOf, languageOf, whyNotKind, type Question } from "../../../../node/inference/routes/questions.ts";
import type { QuestionRule } from "../../../../protocols/index.ts";

const asks = (content: string, more: Partial<Question> = {}): Question => ({
  messages: [{ role: "user", content }],
  ...more,
});
const why = (when: QuestionRule, question: Question): string | undefined => whyNotKind(when, question);

describe("the sort of a question", () => {
  it("is told by its language", () => {
    const texts = [
      ["How do I bake bread?", "en"],
      ["Write a haiku about rain", "en"],
      ["Wie backe ich ein Brot?", "de"],
      ["Schreibe mir bitte ein Gedicht", "de"],
      ["Comment faire du pain ?", "fr"],
      ["¿Cómo hago pan en casa?", "es"],
      ["Come si fa il pane in casa?", "it"],
      ["Hoe bak ik een brood?", "nl"],
      ["Como faço pão em casa?", "pt"],
      ["Как испечь хлеб?", "ru"],
      ["パンの焼き方を教えてください", "ja"],
      ["如何烤面包?", "zh"],
      ["빵을 굽는 방법", "ko"],
      ["πώς ψήνω ψωμί", "el"],
      ["כיצד אופים לחם", "he"],
      ["كيف أخبز الخبز", "ar"],
      ["रोटी कैसे बनाएं", "hi"],
      ["วิธีอบขนมปัง", "th"],
      ["2 + 2 =", undefined],
      ["", undefined],
      ["Supercalifragilistic", undefined],
    ] as const;
    for (const [text, language] of texts) expect(languageOf(text), text).to.equal(language);
  });

  it("is told by whether there is code in it", () => {
    const code = [
      "```js\nx\n```",
      "const x = 1;\nconsole.log(x);",
      "def f(x):\n    return x + 1",
      "SELECT a FROM b WHERE c == 1;",
      "#include <stdio.h>\nint main() { return 0; }",
      'Traceback (most recent call last):\n  File "x.py", line 3',
      "fn main() {\n    let x = 1;\n}",
    ];
    const prose = [
      "Please explain why the sky is blue (briefly).",
      "I went to the shop; it was closed.",
      "Write a function that sorts a list",
      "let us type a letter to the class; thanks",
      "import from Germany is expensive\nand slow",
      "",
    ];
    for (const text of code) expect(hasCode(text), text).to.equal(true);
    for (const text of prose) expect(hasCode(text), text).to.equal(false);
  });

  it("is of a rule when all of it holds, and says which part does not", () => {
    const question = asks("How do I sort a list of invoices?", { tools: [{ name: "search" }] });
    const holds: readonly QuestionRule[] = [
      { charsMin: 10, charsMax: 100, languages: ["de", "en"], code: false },
      { tools: true, media: false, json: false },
      { words: ["tax", "LIST"], pattern: "sort .* invoice" },
      { words: ["list of"] },
    ];
    for (const rule of holds) expect(why(rule, question), JSON.stringify(rule)).to.equal(undefined);
    expect(why({ charsMin: 100 }, question)).to.equal("it is shorter than 100 characters");
    expect(why({ charsMax: 10 }, question)).to.equal("it is longer than 10 characters");
    expect(why({ languages: ["de"] }, question)).to.equal("its language is en");
    expect(why({ languages: ["en"] }, asks("1 + 1"))).to.equal("its language cannot be told");
    expect(why({ words: ["invoice"] }, question)).to.equal("none of the words is in it");
    expect(why({ words: ["list"], pattern: "^list" }, question)).to.equal("the expression is not found in it");
    expect(why({ tools: false }, question)).to.equal("it offers tools");
    expect(why({ tools: true }, { ...question, toolChoice: "none" })).to.equal("it offers no tools");
    expect(why({ json: true }, question)).to.equal("it does not ask for JSON");
    const seen = { type: "image", mediaType: "image/png", bytes: new Uint8Array() } as const;
    expect(why({ media: true }, { messages: [{ role: "user", content: "?", media: [seen] }] })).to.equal(undefined);
    // Of a row that another version wrote.
    expect(why({ pattern: "(?=x)" }, asks("x"))).to.equal("the expression is not found in it");
  });

  it("looks at the last message for what is said, and at the whole conversation for its length", () => {
    const messages = [
      { role: "system", content: "const x = 1;\nf(x);" },
      { role: "user", content: "first invoice" },
      { role: "assistant", content: "ok" },
      { role: "user", content: "thanks" },
    ] as const;
    expect(why({ code: true }, { messages })).to.equal("there is no code in it");
    expect(why({ words: ["invoice"] }, { messages })).to.equal("none of the words is in it");
    expect(why({ charsMin: 30 }, { messages })).to.equal(undefined);
  });

  it("is the first rule's that holds", () => {
    const steps = [[{ model: "m", weight: 1 }]];
    const kinds = [
      { name: "code", when: { code: true }, steps },
      { name: "german", when: { languages: ["de"] as ["de"] }, steps },
      { name: "any", when: { charsMin: 0 }, steps },
    ];
    const { kind, passed } = kindOf(kinds, asks("Was ist das?"));
    expect(kind?.name).to.equal("german");
    expect(passed).to.deep.equal([{ kind: "code", because: "there is no code in it" }]);
    expect(kindOf(kinds.slice(0, 2), asks("What is that?")).kind).to.equal(undefined);
  });
});

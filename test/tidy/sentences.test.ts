import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { errorTable } from "../../protocols/errors.ts";
import { sentencesOf, stumblesIn, type Sentence } from "./sentences.ts";

const root = join(import.meta.dirname, "../..");

/** The file of a text that only a model reads. */
const prompt = "node/gateway/ai/compaction.ts:";

/** Every text that people may read in the sources of a folder. */
const sentencesIn = (folder: string): readonly Sentence[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => /\.tsx?$/.test(path))
    .toSorted()
    .flatMap((path) =>
      sentencesOf({ path: `${folder}/${path}`, text: readFileSync(join(root, folder, path), "utf8") }),
    );

describe("every sentence that people see", () => {
  const ofErrors = Object.entries(errorTable).map(([code, { help }]) => ({ at: `error ${code}`, text: help }));

  for (const [name, sentences] of [
    ["in the table of errors", () => ofErrors],
    ["on the pages", () => sentencesIn("web/src")],
    ["of the commands and their help", () => sentencesIn("cli")],
    [
      "that all share: words, titles, permissions, and what operations and fields are for",
      () => sentencesIn("protocols"),
    ],
    [
      "of the nodes, their models and actors",
      () => ["node", "runtimes", "actors"].flatMap(sentencesIn).filter(({ at }) => !at.startsWith(prompt)),
    ],
  ] as const)
    it(`is plain English ${name}`, () => {
      const all = sentences();
      expect(all.length).to.be.greaterThan(100);
      expect(all.flatMap(stumblesIn).join("\n")).to.equal("");
    });

  it("has commands in backquotes on the pages of admins alone, which show them as code", () => {
    const judged = (text: string, at: string): number => stumblesIn({ at, text }).length;
    const command = "Run `plexus usage --days 7`.";
    expect(judged(command, "web/src/view/admin/usage/usage-page.tsx:1")).to.equal(0);
    expect(judged(command, "web/src/view/room/room-page.tsx:1")).to.equal(1);
    expect(judged("The name is `ada`.", "web/src/view/admin/usage/usage-page.tsx:1")).to.equal(1);
  });

  it("is refused where a stranger stumbles, and the private words stay on the pages that explain them", () => {
    const judged = (text: string, at = "web/src/view/room/room-page.tsx:1"): number => stumblesIn({ at, text }).length;
    for (const text of [
      "Lost shards are made again of the others of their stripes.",
      "It is well.",
      "A time that was missed is made up for once.",
      "What was named does not exist, or you may not see it.",
      "What you took of models cannot be loaded now.",
      "The request is wrong; details say why.",
      "Details name the field.",
      "Whoever has the link sets a password.",
      "Who wanted it kept has let go of it since.",
      "Everything is to be encrypted anew.",
      "No actor is called so.",
      "it has not the role ai",
      "several nodes begin so",
      "this is no URL",
      "who asked for it begins it",
      "It holds for an hour.",
      "A node was started of it.",
      "It grants a role, which you have not.",
      "Use this server no more?",
      "It can not be evicted.",
      'name must match pattern "^[A-Za-z0-9]{1,64}$"',
      "Give `details.retryAfterMs` as JSON, as the schema says.",
      "The newest epoch and its voters",
    ])
      expect(judged(text), text).to.be.greaterThan(0);
    for (const text of ["What happened, and what can you do?", "Ask an admin of this node.", "People who wrote here"])
      expect(judged(text), text).to.equal(0);
    expect(judged("Shards of a stripe", "web/src/view/admin/shards-page.tsx:9")).to.equal(0);
  });

  it("is found in strings, templates and what stands between tags", () => {
    const text = [
      "/** Not this comment here. */",
      'import { a } from "./some module of another";',
      "const one = `The node ${name} does not answer`;",
      'assert(left >= 0, "a call is counted while it is open");',
      'const two = "First half, " + "second half";',
      'const three = <p className="one two">Ask <b>an admin</b> of {node}</p>;',
    ].join("\n");
    expect(sentencesOf({ path: "page.tsx", text }).map((one) => `${one.at} ${one.text}`)).to.deep.equal([
      "page.tsx:3 The node … does not answer",
      "page.tsx:5 First half, second half",
      "page.tsx:6 Ask an admin of …",
    ]);
  });
});

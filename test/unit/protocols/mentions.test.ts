import { expect } from "chai";
import { array, assert as property, constantFrom, oneof, property as forAll, string, subarray } from "fast-check";
import {
  callerOf,
  mentionsIn,
  readMarkdown,
  readText,
  textOf,
  withAccounts,
  type Block,
  type Inline,
  type People,
} from "../../../protocols/reading/index.ts";
import { isPlain } from "../../../protocols/reading/plain.ts";
import { namedIn, peopleAmong, severalIn, absentIn, type Mentionable } from "../../../web/src/model/index.ts";
import { folded, wireLimits } from "../../../protocols/index.ts";
import { inLobby, lobby, post, type Page } from "../actors/lobby.ts";
import { anyCharacter } from "../../fixtures/any-character.ts";
import { examples, third } from "../../depth.ts";
import { stepsOf } from "../../fixtures/steps.ts";

const someone = (principal: string, label = principal): Mentionable => ({ principal, label });

/** The people of the rooms below, by account and shown name. */
const people: readonly Mentionable[] = [
  someone("user/ada", "Ada Lovelace"),
  someone("user/ben", "Ben"),
  someone("user/kenta", "健太"),
  someone("user/hm", "Hans Müller"),
  someone("user/m1", "Müller"),
  someone("user/x1", "Sam"),
  someone("user/x2", "sám"),
  someone("agent/ada.helper", "helper"),
];
const among = peopleAmong(people);
const byAccount: People = { ...among, titles: [] };

const called = (text: string, some: People = byAccount): readonly string[] =>
  mentionsIn(readText(text), callerOf(some)).map(({ who }) => who.slice(who.indexOf("/") + 1));

/** What is sent for a text that was typed. */
const sent = (text: string, some: People = among): string => withAccounts(text, readText, some);

/** Links and code in a text that was read, in their order. */
const fixed = (blocks: readonly Block[]): readonly string[] =>
  blocks.flatMap((block) => {
    if (block.kind === "code") return [`code ${block.text}`];
    if (block.kind === "quote") return fixed(block.blocks);
    if (block.kind === "list") return block.items.flatMap((item) => fixed(item.blocks));
    if (block.kind === "table") return fixedIn([block.head, ...block.rows].flat(2));
    return block.kind === "rule" ? [] : fixedIn(block.children);
  });
const fixedIn = (inlines: readonly Inline[]): readonly string[] =>
  inlines.flatMap((inline) => {
    if (inline.kind === "code") return [`code ${inline.text}`];
    if (inline.kind === "text") return [];
    return [...(inline.kind === "link" ? [`link ${inline.href}`] : []), ...fixedIn(inline.children)];
  });

const pieces = [
  "@ada", "＠ben", "请@helper", "@健太", "@Müller", "@hans  mu\u0308ller", "@Sam", "@Ada Love", "@x", "@", " ", "\n", "\n\n", "\n> ", "\n\n    ", "\n\t", "\n- ", "\n1. ", "    ",
  "`", "``", "```", "\n~~~\n", "b", "处", ". ", "https://x.test/@ada ", "www.", "ftp://", "[", "](", ")", "](https://x.test/@ada)", "!", "*", "**", "_", "~~", "#", "|", "\n|-|-|\n", "<", ">",
  "\\", "a@b.cd", "&amp;", "\u0301", "😀", "❤️", "1️⃣", "か\u3099", "/", "\r\n", "\u00a0", "الـ",
]; // prettier-ignore
/** Pieces without marks: such texts are read without a parser. */
const words = [
  "@ada",
  "＠bob",
  "请@cleo",
  "@健太",
  "@Müller",
  "@helper",
  " ",
  "\n",
  "\n\n",
  "\n \n",
  ", ",
  ". ",
  "处",
  "❤️",
  "/",
  "hi ",
];
const written = oneof(
  { weight: 2, arbitrary: array(constantFrom(...words), { maxLength: 16 }).map((all) => all.join("")) },
  { weight: 4, arbitrary: array(constantFrom(...pieces), { maxLength: 16 }).map((all) => all.join("")) },
  { weight: 1, arbitrary: string({ unit: anyCharacter, maxLength: 40 }) },
);

/** Texts of such pieces are built to keep a reader busy. */
const busy = [
  ..."@|@ada |*@|_@|> @a|- @a\n|[@a](@|*@a |**@a*|*_@|\n- @|`a``b```c@|@a.b.c.d.|[[`@_|http://a.b/@ |@健太".split("|"),
  "|@",
];
const sizes = [2_500, wireLimits.messageCharsMax] as const;
const stepsOfCalls = stepsOf(import.meta.url, (index) => {
  const size = sizes[index % sizes.length] ?? 0;
  const piece = busy[Math.floor(index / sizes.length)] ?? "";
  return mentionsIn(readText(piece.repeat(size / piece.length)), callerOf(among));
});

describe("a mention", () => {
  it("stands in any script, with either sign, and neither in addresses, nor in code, nor in quotations", () => {
    for (const [text, ...names] of [
      ["请@ada.helper", "ada.helper"],
      ["交给@ben处理", "ben"],
      ["＠helper，你好", "ada.helper"],
      ["＠ｈｅｌｐｅｒ", "ada.helper"],
      ["สวัสดี@ben", "ben"],
      ["안녕@ben님", "ben"],
      ["བོད@ben", "ben"],
      // Marks on letters, and emoji that end in marks.
      ["か\u3099@ben", "ben"],
      ["葛\u{e0100}@ben", "ben"],
      ["❤️@ben", "ben"],
      ["1️⃣@ben", "ben"],
      ["①@ben ②@ada", "ben", "ada"],
      // Names that touch, or have a stroke between them.
      ["@ben@ada", "ben", "ada"],
      ["@ada/@ben/@ada.helper", "ada", "ben", "ada.helper"],
      ["(@Ada.Helper)", "ada.helper"],
      ["@ada.nobody", "ada"],
      ["[@ada](https://x.test/@helper)", "ada"],
      ["[x](see @helper)", "ada.helper"],
      ["> quoted\n\n@helper", "ada.helper"],
      ["> quoted\n- @ben", "ben"],
      ["a\n    @helper", "ada.helper"],
      ["- a\n\n    @helper", "ada.helper"],
      ["- > x\n\n  @ben", "ben"],
      ["| a |\n|-|\n| @ben |", "ben"],
      ["**@ben** ~~@ada~~", "ben", "ada"],
      ["https://site.test/@helper/post"],
      ["www.site.test/@helper"],
      ["ftp://site.test?@helper"],
      ["[post](https://x.test/@helper)"],
      ['[post](<https://x.test/ @helper> "@ada")'],
      ["![@ada](https://x.test/@ada)"],
      ["> @helper do it"],
      ["> quoted\n@helper"],
      ["- > @ada\n  > @ben"],
      ["    @helper"],
      ["\t@helper"],
      ["# title\n    @helper"],
      ["~~~\n@helper"],
      ["``@ada ` @ben``"],
      ["mail ada@ex.test, müller@ben.test, x/@ada"],
      ["e\u0301@ben 1@ben x.test/@ada@ben /@ben/@ada @ada@ben.test"],
      ["@benö @ben2 @benadikt"],
    ] as const)
      expect(called(text), JSON.stringify(text)).to.deep.equal(names);
  });

  it("stands in a long text as in a short one: not in code, nor in quotations", () => {
    const many = (piece: string): string => piece.repeat(260);
    for (const [text, ...kinds] of [
      [`\`\`\`diff\n${many("- old\n+ new\ncontext\n")}@ada\n\`\`\``, "code"],
      [many("> @ada said\n\nyes\n\n"), "quote", "paragraph"],
      [`${many("**Speaker:** says\n\n")}> @ada`, "paragraph", "quote"],
      [`${many("- item\n\n")}> @ada`, "list", "quote"],
      [`${many("- item\n  - inner\n\n")}> @ada`, "list", "quote"],
      [`${many("a\n\n---\n\n")}> @ada`, "paragraph", "rule", "quote"],
      [`${many("-5 degrees\n1.5 more\n\n")}> @ada`, "paragraph", "quote"],
    ] as const) {
      expect(called(text), text.slice(0, 40)).to.deep.equal([]);
      expect(new Set(readText(text).map(({ kind }) => kind)), text.slice(0, 40)).to.deep.equal(new Set(kinds));
    }
  });

  it("of a text that is too much to be read stands neither in its code nor in its quotations", () => {
    const busy = "*a _b ".repeat(1_000);
    const [first, second] = ["@ada.helper in", "and @ben"];
    for (const apart of [
      "```\n@ada\n\n@ada\n```",
      "- ~~~ts\n  @ada\n  ~~~",
      "> @ada",
      "- > @ada",
      "`@ada`",
      "    @ada",
      "```\n@ada `\n````",
    ]) {
      const text = `${busy}\n\n${first}\n\n${apart}\n\n${second}\n`;
      expect(called(text), apart).to.deep.equal(["ada.helper", "ben"]);
      expect(mentionsIn(readText(text), callerOf(byAccount)).map(({ at }) => at)).to.deep.equal([
        text.indexOf(first),
        text.indexOf("@ben"),
      ]);
      expect(
        textOf({
          kind: "emphasis",
          children: readText(text).flatMap((block) => ("children" in block ? block.children : [])),
        }),
      ).to.equal(text.trimEnd());
    }
    expect(called(`${busy}\n\n~~~\n@ada`)).to.deep.equal([]);
  });

  it("by a name that is shown is sent with the account: the longest name wins, compared folded", () => {
    for (const [typed, text] of [
      ["@健太 hi", "@kenta hi"],
      ["请@健太看看", "请@kenta看看"],
      ["@健太OK", "@kenta OK"],
      ["@Müller, @MULLER and @mu\u0308ller", "@m1, @m1 and @m1"],
      ["@hans  müller!", "@hm!"],
      ["@Ada lovelace's", "@ada's"],
      ["@ada Lovelaces", "@ada Lovelaces"],
      ["@Müllers", "@Müllers"],
      ["@健太@Müller@ben", "@kenta @m1 @ben"],
      ["@ben@健太, @Müller/@健太", "@ben @kenta, @m1/@kenta"],
      ["**@Müller**", "**@m1**"],
      // An account would make an address of mail, or of a page.
      ["<`@健太> -@健太.cd @健太www.a.b", "<`@健太> -@健太.cd @健太www.a.b"],
      ["-@健太, +@健太@b.cd", "-@kenta, +@kenta @b.cd"],
      ["@Hans Müller@ben", "@hm @ben"],
      // What stands elsewhere in the text is sent with accounts all the same.
      ["@Müller: -@健太.cd and <@健太>", "@m1: -@健太.cd and <@健太>"],
      ["[](@hans  müller)", "[](@hans  müller)"],
      ["`@Müller` [x](http://a.b/@Müller)\n> @Müller", "`@Müller` [x](http://a.b/@Müller)\n> @Müller"],
      // Two are called so.
      ["@Sam", "@Sam"],
      // Accounts and agents stay as they were typed.
      ["@BEN @helper", "@BEN @helper"],
    ] as const)
      expect(sent(typed), typed).to.equal(text);
    expect(severalIn(readText("@Sam and @ben"), people)).to.deep.equal(["Sam"]);
  });

  it("is shown by the name that its person has now", () => {
    const members = { "user/kenta": {}, "user/ben": {} };
    const shown = (nameFor: (principal: string) => string) => [
      ...namedIn(readText("hi @kenta, @ben"), { mentions: ["user/kenta"], members, nameFor }).entries(),
    ];
    expect(shown(() => "健太")).to.deep.equal([[3, { said: "@kenta", name: "@健太", who: "user/kenta" }]]);
    expect(shown(() => "Kenta S.")).to.deep.equal([[3, { said: "@kenta", name: "@Kenta S.", who: "user/kenta" }]]);
  });

  it("of who is not there is told, by name and account", () => {
    const present = people.slice(0, 3);
    const absent = (text: string) => absentIn(readText(text), people, present);
    expect(absent("@Hans Müller, @ben and @x1: `@x2`")).to.deep.equal(["user/hm", "user/x1"]);
    expect(absent("> @x1\n\n    @x2")).to.deep.equal([]);
  });

  it("of an agent by its own name means the one that is here", () => {
    const present = [someone("user/ada"), someone("agent/ada.helper")];
    const known = ["user/bob", "agent/ada.poet", "agent/bob.helper"].map((principal) => someone(principal));
    const absent = (text: string) => absentIn(readText(text), known, present);
    expect(absent("@poet, @helper and @ada, hello @Bob")).to.deep.equal(["agent/ada.poet", "user/bob"]);
    expect(absent("@ada.poet is not ada")).to.deep.equal(["agent/ada.poet"]);
    expect(absent("ada.poet, me@ada.poet, bob, @nobody")).to.deep.equal([]);
  });

  it("is found by room, page and composer in the same places of any text, with the same links and code", () => {
    const principals = people.map(({ principal }) => principal);
    property(
      forAll(written, subarray(people as Mentionable[]), (text, here) => {
        const fixture = inLobby();
        const inRoom = ["user/ada", "user/bob", "user/cleo", "agent/ada.helper"].map((who) => someone(who));
        fixture.ok("user/ada", "user/ada", { type: "createAgent", name: "helper" });
        fixture.ok("user/ada", lobby, { type: "invite", member: "agent/ada.helper" });
        const accounts = peopleAmong(inRoom);
        // The room, which reads what is sent.
        const asSent = sent(text.toWellFormed(), {
          ...accounts,
          titles: [["user/bob", "健太"], ...here.flatMap(({ label }) => [["user/cleo", label] as const])],
        });
        // A message without files has a text.
        if (asSent === "") return;
        const { seq } = post(fixture, "cleo", asSent);
        const page = fixture.ok<Page>("user/ada", lobby, { type: "history", after: seq - 1 });
        const room = page.messages[0]?.mentions ?? [];
        // The page, which shows what the room has found, and nobody else.
        const nameFor = (who: string): string => ` ${who}`;
        const members = Object.fromEntries(inRoom.map(({ principal }) => [principal, {}]));
        const all = namedIn(readText(asSent), { mentions: undefined, members, nameFor });
        const shown = namedIn(readText(asSent), { mentions: room, members, nameFor });
        expect([...shown.keys()]).to.deep.equal([...all.keys()]);
        expect(new Set([...shown.values()].map(({ name }) => name.slice(2)))).to.deep.equal(new Set(room));
        const [first] = room;
        const ofFirst = namedIn(readText(asSent), { mentions: room.slice(0, 1), members, nameFor });
        expect(new Set([...ofFirst.values()].map(({ name }) => name.slice(2)))).to.deep.equal(
          new Set(first === undefined ? [] : [first]),
        );
        // The composer, which says what will be, and who of those is not there.
        for (const there of [[], inRoom.slice(0, 2)]) {
          const composed = absentIn(readText(asSent), inRoom, there);
          const isThere = new Set(there.map(({ principal }) => principal));
          expect(new Set(composed)).to.deep.equal(new Set(room.filter((who) => !isThere.has(who))));
        }
        for (const [at, { said }] of all) expect(folded(asSent.slice(at, at + said.length))).to.equal(folded(said));
        expect(principals).to.include.members(here.map(({ principal }) => principal));
      }),
      { numRuns: examples(400) },
    );
  });

  it("stands in no text that is quoted or in code as a whole, whatever is in it", () => {
    property(
      forAll(written, (text) => {
        const lines = text.split(/\r\n|\r|\n/);
        for (const apart of [
          `x \`${text.replaceAll(/[`\r\n|]/g, " ")}\``,
          lines.map((line) => `> ${line}`).join("\n"),
          lines.map((line) => `    ${line}`).join("\n"),
          `~~~~~~\n${text.replaceAll("~", "-")}\n~~~~~~`,
          `- ~~~~~~\n${lines.map((line) => `  ${line.replaceAll("~", "-")}`).join("\n")}\n  ~~~~~~`,
        ])
          expect(called(apart), JSON.stringify(apart)).to.deep.equal([]);
      }),
      { numRuns: examples(500) },
    );
  });

  it("changes neither links nor code of the text that it is in", () => {
    property(
      forAll(written, (text) => {
        const links = fixed(readText(text));
        expect(fixed(readText(sent(text))), JSON.stringify(text)).to.deep.equal(links);
      }),
      { numRuns: examples(1_000) },
    );
  });

  it("that is shown while one writes is also found in what is sent", () => {
    const touching = [
      ..."@健太 @Müller @ben @helper @Sam / - 处 , ❤️ ① か\u3099 ** ` > ( | #".split(" "),
      " ",
      "\n",
      "@Hans Müller",
    ];
    property(
      forAll(array(constantFrom(...touching), { maxLength: 12 }), (all) => {
        const text = all.join("");
        expect(called(sent(text)), JSON.stringify(text)).to.include.members(called(text, among));
      }),
      { numRuns: examples(1_000) },
    );
  });

  it("is read without a parser only where that reads the same", () => {
    property(
      forAll(written, (text) => {
        if (!isPlain(text)) return;
        const parsed = readMarkdown(text).blocks;
        expect(fixed(parsed), JSON.stringify(text)).to.deep.equal([]);
        expect(mentionsIn(parsed, callerOf(among))).to.deep.equal(mentionsIn(readText(text), callerOf(among)));
      }),
      { numRuns: examples(2_000) },
    );
  });

  it("takes a bounded number of steps for each character, however the text is built", async () => {
    const tried = third([...busy.keys()]).flatMap((piece) => sizes.map((_size, at) => piece * sizes.length + at));
    const steps = await stepsOfCalls(...tried);
    expect(steps).to.have.lengthOf(tried.length);
    for (const [at, index] of tried.entries())
      expect((steps[at] ?? 0) / (sizes[index % sizes.length] ?? 1), busy[Math.floor(index / sizes.length)]).to.be.below(
        2_500,
      );
  });
});

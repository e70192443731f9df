import { expect } from "chai";
import { People } from "../../../client/index.ts";
import { parseLine } from "../../../cli/chat/commands.ts";
import { Names } from "../../../cli/chat/names.ts";
import { namesPerson, partnerIn, withAccount } from "../../../cli/chat/person.ts";
import { failure, ok, refused } from "../../../protocols/index.ts";
import { finder } from "../../../protocols/text/names.ts";

const people = [
  { key: "hm", title: "Hans Müller", detail: "", atMs: 0 },
  { key: "mia", title: "Mia", detail: "", atMs: 0 },
  { key: "mia2", title: "MIA", detail: "", atMs: 0 },
  { key: "kenta", title: "健太", detail: "", atMs: 0 },
  { key: "ben", title: "mia3", detail: "", atMs: 0 },
];

const pageMax = 3;

/** What a typed line says after names were looked up. */
async function meant(line: string, asAccounts = false): Promise<string> {
  const known = new People({
    page: async () => ok({ rows: [], more: false }),
    async card(user) {
      const row = people.find(({ key }) => key === user);
      return row === undefined ? refused(failure("NOT_FOUND")) : ok(row);
    },
  });
  const names = new Names(known, asAccounts, async (text) => {
    const isFound = finder(text);
    const rows = people.filter(({ key, title }) => isFound(key, title));
    return ok({ rows: rows.slice(0, pageMax), more: rows.length > pageMax });
  });
  const parsed = parseLine(line);
  if (parsed.type !== "command") throw new Error(`no command: ${line}`);
  const read = namesPerson(parsed) ? await withAccount(parsed, names) : parsed;
  return "wrong" in read ? read.wrong : read.rest;
}

describe("a person whom somebody names in the terminal", () => {
  it("is found by the name that people see, in whatever spelling, and by the account", async () => {
    for (const [line, account] of [
      ["/invite Hans Müller", "hm"],
      ["/invite hans muller", "hm"],
      ["/direct @HANS  MULLER", "hm"],
      ["/leave 健太", "kenta"],
      ["/invite hm", "hm"],
      ["/direct @Hm", "hm"],
      ["/invite ada.helper", "ada.helper"],
      ["/leave", ""],
    ] as const)
      expect(await meant(line), line).to.equal(account);
  });

  it("is nobody whom the name does not decide: an account goes first, else each is offered", async () => {
    expect(await meant("/invite mia"), "it is an account").to.equal("mia");
    expect(await meant("/invite Ｍía"), "the same, folded").to.equal("mia");
    expect(await meant("/direct mia3"), "one is called so, and nobody has the account").to.equal("ben");
    expect(await meant("/direct Hans")).to.equal("Nobody here is called Hans. Did you mean: Hans Müller?");
    expect(await meant("/invite Nobody At All")).to.equal("Nobody here is called Nobody At All.");
    people.push({ key: "hm2", title: "HANS MULLER", detail: "", atMs: 0 });
    people.push(...["tim", "tom", "tam", "tum"].map((key) => ({ key, title: `Tee ${key}`, detail: "", atMs: 0 })));
    people.push({ key: "zoe", title: "Tee", detail: "", atMs: 0 });
    expect(await meant("/direct Tee"), "one of many, and of how many nobody knows").to.match(
      /Too many people have Tee/,
    );
    expect(await meant("/invite hans müller")).to.equal(
      "Several people are called hans müller. Choose one by the account: /invite hm, /invite hm2.",
    );
    people.pop();
    expect(await meant("/invite ghost", true), "programs name accounts").to.equal("ghost");
  });

  it("is the other one of a direct room", () => {
    expect([partnerIn("dm.ada.bob", "ada"), partnerIn("dm.ada.bob", "bob")]).to.deep.equal(["user/bob", "user/ada"]);
    expect([partnerIn("den", "ada"), partnerIn("dm.ada.bob", "eve")]).to.deep.equal([undefined, undefined]);
  });
});

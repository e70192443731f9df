import { expect } from "chai";
import { clientLimits, People, type Person } from "../../../client/index.ts";
import { failure, ok, refused } from "../../../protocols/index.ts";

/** A cluster of so many people, which counts what it is asked. */
function cluster(count: number) {
  const all = Array.from({ length: count }, (_, index): Person => {
    const key = `p${String(index).padStart(5, "0")}`;
    return { key, title: `Person ${index % (count - 1)}` };
  });
  const asked = { pages: 0, cards: [] as string[] };
  const people = new People({
    page: (after) => {
      asked.pages += 1;
      const from = all.findIndex(({ key }) => key > (after ?? ""));
      const rows = all.slice(from, from + 200).map((row) => ({ ...row, detail: "", atMs: 0 }));
      const next = from + 200 < all.length ? rows.at(-1)?.key : undefined;
      return Promise.resolve(ok({ rows, more: next !== undefined, ...(next !== undefined && { next }) }));
    },
    card: (user) => {
      asked.cards.push(user);
      const found = all.find(({ key }) => key === user);
      return Promise.resolve(found === undefined ? refused(failure("NOT_FOUND")) : ok(found));
    },
  });
  return { all, asked, people };
}

describe("the people whom a client knows", () => {
  it("are all those of a large room, by a few questions", async () => {
    const { all, asked, people } = cluster(1_000);
    await people.want(all.map(({ key }) => key));
    expect(asked).to.deep.equal({ pages: 5, cards: [] });
    for (const { key, title } of all) expect(people.get(key)?.title, key).to.equal(title);
    // The first and the last have one name.
    expect([people.isShared("p00000"), people.isShared("p00500")]).to.deep.equal([true, false]);
  });

  it("are asked for one by one where they are few, each once, also who does not exist", async () => {
    const { asked, people } = cluster(1_000);
    await Promise.all([people.want(["p00900", "nobody"]), people.want(["p00900", "p00901"])]);
    await people.want(["nobody", "p00900"]);
    expect(asked).to.deep.equal({ pages: 0, cards: ["p00900", "nobody", "p00901"] });
    expect(people.get("p00901")?.title).to.equal("Person 901");
    expect(people.get("nobody")).to.equal(undefined);
  });

  it("are called anew when they are told of, which whoever shows them hears", async () => {
    const { people } = cluster(10);
    let heard = 0;
    const end = people.subscribe(() => (heard += 1));
    await people.want(["p00001"]);
    people.learn([{ key: "p00001", title: "Somebody else" }]);
    end();
    people.learn([{ key: "p00002", title: "Unheard" }]);
    expect([people.get("p00001")?.title, heard, people.version()]).to.deep.equal(["Somebody else", 2, 3]);
  });

  it("are so many at most, and whoever cannot be asked for now is asked for again", async () => {
    const { people } = cluster(2);
    for (let from = 0; from < clientLimits.peopleMax + 10; from += 100)
      people.learn(Array.from({ length: 100 }, (_, index) => ({ key: `x${from + index}`, title: "" })));
    expect([people.get("x0"), people.get("x99")]).to.deep.equal([undefined, undefined]);
    expect(people.get(`x${clientLimits.peopleMax}`)).to.deep.include({ title: "" });
    let tries = 0;
    const away = new People({
      page: () => Promise.resolve(refused(failure("UNREACHABLE"))),
      card: () => {
        tries += 1;
        return Promise.resolve(refused(failure("UNREACHABLE")));
      },
    });
    await away.want(["a"]);
    await away.want(["a"]);
    await away.want(Array.from({ length: 20 }, (_, index) => `b${index}`));
    expect(tries).to.equal(3);
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { dayStartMs, dayText, findingFilters, findingOf, looksFor } from "../../../protocols/words/finding.ts";
import { daysNear, filled, filterAt, hasFilter, withFilter, withoutFilter } from "../../../web/src/model/finding.ts";

const search = (typed: string) => findingOf(typed, "user/ada").search;

describe("what somebody types to find messages", () => {
  it("is words, and among them what narrows the search", () => {
    expect(search("tea  from:bob in:lobby has:link mentions:me pot")).to.deep.equal({
      text: "tea pot",
      from: "user/bob",
      room: "lobby",
      hasLink: true,
      mentionsMe: true,
    });
    expect(search("from:me")).to.deep.equal({ from: "user/ada" });
    expect(search("from:@ada.helper in:@ada.helper")).to.deep.equal({ from: "agent/ada.helper", agent: "ada.helper" });
    expect(search("in:#Lobby")).to.deep.equal({ room: "lobby" });
    expect(search("tea thread:lobby/12")).to.deep.equal({ text: "tea", room: "lobby", thread: 12 });
    expect(findingOf("thread:12", "user/ada").wrong).to.deep.equal(["thread:12"]);
    expect(search("")).to.deep.equal({});
    expect(search("From:Bob Has:Link Mentions:Me")).to.deep.equal(search("from:bob has:link mentions:me"));
  });

  it("means a day by its beginning, where the person is", () => {
    const day = new Date(2026, 10, 1).getTime();
    expect(search("after:2026-11-01 before:2026-11-02")).to.deep.equal({
      after: day,
      before: new Date(2026, 10, 2).getTime(),
    });
    expect(dayStartMs("2026-02-30")).to.equal(undefined);
    expect(dayText(day)).to.equal("2026-11-01");
    expect(dayStartMs(dayText(day + 3_600_000))).to.equal(day);
    expect(daysNear(day).slice(0, 2)).to.deep.equal([
      { label: "Today", value: "2026-11-01" },
      { label: "Yesterday", value: "2026-10-31" },
    ]);
  });

  it("is searched for as it is between quotation marks, and says what it does not understand", () => {
    expect(search('"from:bob is" late')).to.deep.equal({ text: '"from:bob is" late' });
    expect(search("http://plexus/from:bob 12:30 note:x")).to.deep.equal({
      text: "http://plexus/from:bob 12:30 note:x",
    });
    expect(findingOf("before:soon has:cake in: tea", "user/ada")).to.deep.equal({
      search: { text: "tea" },
      wrong: ["before:soon", "has:cake", "in:"],
    });
  });

  it("asks for nothing by a room or a day alone", () => {
    expect(looksFor(search("in:lobby after:2026-11-01"))).to.equal(false);
    for (const typed of ["tea", "from:bob", "has:link", "mentions:me"]) expect(looksFor(search(typed))).to.equal(true);
  });
});

describe("filters of a search", () => {
  it("are completed where the caret is", () => {
    const typed = "tea from:bo pot";
    const filter = filterAt(typed, 11);
    expect(filter).to.deep.equal({ start: 4, name: "from", value: "bo" });
    expect(filter && filled(typed, 11, filter, "bob")).to.deep.equal({ text: "tea from:bob pot", caret: 13 });
    expect(filterAt(typed, 3)).to.equal(undefined);
    expect(filterAt('"from:bo', 8)).to.equal(undefined);
    expect(filterAt("from:", 5)).to.deep.equal({ start: 0, name: "from", value: "" });
  });

  it("are put in and taken out by buttons, one of each name, and no word is lost by it", () => {
    expect(withFilter("tea from:bob pot", "from")).to.equal("tea pot from:");
    expect(withFilter("", "has", "link")).to.equal("has:link ");
    expect(withFilter("tea has:link", "has", "file")).to.equal("tea has:link has:file ");
    expect(hasFilter("tea has:link", "has", "file")).to.equal(false);
    expect(withoutFilter("has:link has:file", "has", "link").trim()).to.equal("has:file");
    // The button of one room is not that of another, and takes its place.
    expect([hasFilter("in:den", "in", "lobby"), hasFilter("in:den", "in")]).to.deep.equal([false, true]);
    expect(withFilter("tea in:den", "in", "lobby")).to.equal("tea in:lobby ");
    const word = fc.constantFrom("tea", '"two words"', "from:bob", "in:lobby", "has:link", "beginn*");
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), fc.constantFrom(...findingFilters), (words, name) => {
        const typed = words.join(" ");
        const without = withoutFilter(typed, name);
        expect(hasFilter(without, name)).to.equal(false);
        expect(hasFilter(withFilter(typed, name, "x"), name)).to.equal(true);
        expect(search(without).text).to.equal(search(typed).text);
      }),
    );
  });
});

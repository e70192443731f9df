/// <reference lib="esnext.temporal" />
import { expect } from "chai";
import fc from "fast-check";
import type { NotificationRules, QuietHours } from "../../../protocols/index.ts";
import {
  isQuietAt,
  noticeTitle,
  plainNotifications,
  tell,
  type Telling,
  type ToldMessage,
  type ToldPerson,
} from "../../../protocols/telling/index.ts";
import { groupKey } from "../../../protocols/kinds/room-group.ts";
import { searchMarks, searchTerms } from "../../../protocols/text/search.ts";
import { hasKeyword, keywordTerms } from "../../../protocols/telling/keywords.ts";

const loudness: readonly Telling[] = ["nothing", "badge", "notice"];
const loud = (person: ToldPerson, message: ToldMessage, nowMs: number) =>
  loudness.indexOf(tell(person, message, nowMs));

const zones = ["UTC", "Europe/Vienna", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu", "Mars/Olympus"];
const minute = fc.integer({ min: 0, max: 1_439 });
const days = fc.uniqueArray(fc.integer({ min: 0, max: 6 }));
const quietHours = fc.record({ days, fromMinute: minute, toMinute: minute, zone: fc.constantFrom(...zones) });
// Through years in which clocks were changed in both ways.
const time = fc.integer({ min: Date.UTC(2024, 0), max: Date.UTC(2028, 0) });
const level = fc.constantFrom("all", "mentions", "nothing" as const);
const rules: fc.Arbitrary<NotificationRules> = fc.record({
  level,
  rooms: fc.uniqueArray(
    fc.record({ room: fc.constantFrom("a", "b"), level, mutedUntilMs: time }, { requiredKeys: ["room"] }),
    { selector: ({ room }) => room },
  ),
  keywords: fc.constant([]),
  quiet: quietHours,
});
const person: fc.Arbitrary<ToldPerson> = fc.record(
  {
    notifications: rules,
    sidebar: fc.record({ muted: fc.uniqueArray(fc.constantFrom("a", "b")) }),
    status: fc.record({ doNotDisturb: fc.boolean(), untilMs: time }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const message: fc.Arbitrary<ToldMessage> = fc.record({
  room: fc.constantFrom("a", "b"),
  isOwn: fc.constant(false),
  direct: fc.boolean(),
  mentioned: fc.boolean(),
  keyword: fc.boolean(),
  reply: fc.boolean(),
  threadOnly: fc.boolean(),
});

const plain: ToldMessage = {
  room: "a",
  isOwn: false,
  direct: false,
  mentioned: false,
  keyword: false,
  reply: false,
  threadOnly: false,
};

describe("how somebody is told of a message", () => {
  it("is a badge without a word of the person, and a notice where it concerns them", () => {
    expect(tell({}, plain, 0)).to.equal("badge");
    for (const why of ["direct", "mentioned", "keyword", "reply"] as const)
      expect(tell({}, { ...plain, [why]: true }, 0), why).to.equal("notice");
    expect(tell({}, { ...plain, mentioned: true, isOwn: true }, 0)).to.equal("nothing");
    expect(tell({}, { ...plain, threadOnly: true }, 0)).to.equal("nothing");
  });

  it("is as each room says, muted for good and for a time", () => {
    const at = (said: Partial<NotificationRules["rooms"][number]>, nowMs = 10): readonly Telling[] => {
      const notifications = { ...plainNotifications, rooms: [{ room: "a", ...said }] };
      return [plain, { ...plain, mentioned: true }].map((one) => tell({ notifications }, one, nowMs));
    };
    expect(at({})).to.deep.equal(["badge", "notice"]);
    expect(at({ level: "all" })).to.deep.equal(["notice", "notice"]);
    expect(at({ level: "nothing" })).to.deep.equal(["nothing", "nothing"]);
    expect(at({ level: "all", mutedUntilMs: 11 })).to.deep.equal(["nothing", "badge"]);
    expect(at({ level: "all", mutedUntilMs: 10 })).to.deep.equal(["notice", "notice"]);
    const muted = (one: ToldMessage) => tell({ sidebar: { muted: ["a"] } }, one, 0);
    expect(muted(plain)).to.equal("nothing");
    expect(muted({ ...plain, direct: true })).to.equal("nothing");
    expect(muted({ ...plain, mentioned: true })).to.equal("notice");
  });

  it("is never louder for quiet hours, for do not disturb, for a mute, or for a lower level", () => {
    fc.assert(
      fc.property(person, message, time, quietHours, (who, what, nowMs, quiet) => {
        const before = loud(who, what, nowMs);
        const { notifications = plainNotifications } = who;
        const others = notifications.rooms.filter(({ room }) => room !== what.room);
        const own = notifications.rooms.find(({ room }) => room === what.room) ?? { room: what.room };
        const withOwn = (said: Partial<typeof own>): ToldPerson => ({
          ...who,
          notifications: { ...notifications, rooms: [...others, { ...own, ...said }] },
        });
        const noQuiet = { ...who, notifications: { ...notifications, quiet: plainNotifications.quiet } };
        expect(loud({ ...who, notifications: { ...notifications, quiet } }, what, nowMs)).to.be.at.most(
          loud(noQuiet, what, nowMs),
        );
        expect(loud({ ...who, status: { doNotDisturb: true } }, what, nowMs)).to.be.at.most(before);
        expect(loud({ ...who, sidebar: { muted: ["a", "b"] } }, what, nowMs)).to.be.at.most(before);
        expect(loud(withOwn({ mutedUntilMs: nowMs + 1 }), what, nowMs)).to.be.at.most(before);
        const levels = (["nothing", "mentions", "all"] as const).map((one) =>
          loud(withOwn({ level: one }), what, nowMs),
        );
        expect(levels).to.deep.equal(levels.toSorted((a, b) => a - b));
        // What concerns somebody more is not told them less.
        for (const why of ["mentioned", "keyword", "reply", "direct"] as const)
          expect(loud(who, { ...what, [why]: true }, nowMs)).to.be.at.least(
            loud(who, { ...what, [why]: false }, nowMs),
          );
        expect(loud(who, { ...what, isOwn: true }, nowMs)).to.equal(0);
      }),
    );
  });

  it("is quiet as a clock on the wall there says, also in the nights when it is changed", () => {
    const byCalendar = ({ days: on, fromMinute, toMinute, zone }: QuietHours, nowMs: number): boolean => {
      if (zone === "Mars/Olympus") return false;
      const now = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(zone).toPlainDateTime();
      // Whether it lies in the hours that began today or the day before.
      return [0, 1].some((ago) => {
        const day = now.toPlainDate().subtract({ days: ago });
        const at = (date: Temporal.PlainDate, minutes: number) =>
          date.toPlainDateTime({ hour: Math.floor(minutes / 60), minute: minutes % 60 });
        const end = at(toMinute > fromMinute ? day : day.add({ days: 1 }), toMinute);
        return (
          on.includes(day.dayOfWeek % 7) &&
          Temporal.PlainDateTime.compare(at(day, fromMinute), now) <= 0 &&
          Temporal.PlainDateTime.compare(now, end) < 0
        );
      });
    };
    fc.assert(
      fc.property(quietHours, time, (quiet, nowMs) => {
        expect(isQuietAt(quiet, nowMs)).to.equal(byCalendar(quiet, nowMs));
      }),
      { numRuns: 500 },
    );
    const night = { days: [6], fromMinute: 22 * 60, toMinute: 7 * 60, zone: "Europe/Vienna" };
    // The night in which 02:00 becomes 03:00.
    const at = (hourUtc: number) => isQuietAt(night, Date.UTC(2026, 2, 28, hourUtc));
    expect([20, 21, 24, 28, 29].map(at)).to.deep.equal([false, true, true, true, false]);
  });

  it("looks for whole words, in every script, as the search does", () => {
    const has = (text: string, ...keywords: string[]) => hasKeyword(text, keywordTerms(keywords));
    expect(has("The DEPLOY is done", "deploy")).to.equal(true);
    expect(has("deployed", "deploy")).to.equal(false);
    expect(has("on call tonight", "on call")).to.equal(true);
    expect(has("call on me", "on call")).to.equal(false);
    expect(has("我们在東京都见", "東京")).to.equal(true);
    expect(has("Größe", "grosse")).to.equal(true);
    expect(has('a "quoted" word', 'quoted" word', "b")).to.equal(true);
    expect(has("anything")).to.equal(false);
    const written = fc
      .array(fc.constantFrom("a", "ab", "b", " ", "-", "京", "都", "東", "ก", "กิ", "㍍", "メ", "é", "😀"), {
        maxLength: 12,
      })
      .map((signs) => signs.join(""));
    fc.assert(
      fc.property(written, written, (text, keyword) => {
        const terms = searchTerms(`"${keyword}"`);
        expect(has(text, keyword)).to.equal(terms.length > 0 && searchMarks(text, terms) !== undefined);
      }),
      { numRuns: 5_000 },
    );
  });

  it("finds in a long message the one of thousands whose words it has", () => {
    // Forty thousand terms in posts as long as one may be. Where each term read all of the text, a post took 1.5 s.
    const people = Array.from({ length: 2_000 }, (_, person) =>
      keywordTerms(Array.from({ length: 20 }, (_each, at) => `a ${person}w${at}`)),
    );
    for (const post of [0, 19, 20]) {
      const text = `${"a b ".repeat(2_474)} a 1999w${post}`;
      const told = people.flatMap((terms, person) => (hasKeyword(text, terms) ? [person] : []));
      expect(told).to.deep.equal(post < 20 ? [1_999] : []);
    }
  });
});

describe("the title of a notice", () => {
  it("names the room, but of a conversation of two", () => {
    const group = groupKey(["user/ada", "user/bob", "user/cleo"]);
    const titles = ["dm.ada.bob", group, "lobby"].map((room) => noticeTitle(room, "Bob", "Boats"));
    expect(titles).to.deep.equal(["Bob", "Bob in Boats", "Bob in Boats"]);
  });
});

import { expect } from "chai";
import fc from "fast-check";
import { depth } from "../../depth.ts";
import type { NotificationRules, RoomSummary, Sidebar } from "../../../protocols/index.ts";
import { plainNotifications, tell } from "../../../protocols/telling/index.ts";
import { told } from "../../../protocols/telling/rooms.ts";
import {
  arranged,
  inSection,
  moved,
  plainSidebar,
  withFavourite,
  withMuted,
  withoutSection,
  withSection,
} from "../../../web/src/model/index.ts";

const summary = (room: string, more: Partial<RoomSummary> = {}): RoomSummary => ({
  room,
  title: room,
  visibility: "public",
  memberCount: 1,
  messageSeq: 0,
  readSeq: 0,
  unread: 0,
  mentioned: false,
  ...more,
});
const keys = ["a", "b", "c", "d"] as const;
const names = (rooms: readonly RoomSummary[]) => rooms.map(({ room }) => room);

describe("rooms as a person has arranged them", () => {
  it("stand each in one place, whatever was arranged; what was left is in none", () => {
    const place = fc.subarray([...keys, "left"]);
    const sidebars = fc.record({
      favourites: place,
      sections: fc.array(fc.record({ name: fc.string(), rooms: place }), { maxLength: 3 }),
      muted: place,
    });
    const list = [...keys.map((key) => summary(key)), summary("old", { archived: true })];
    fc.assert(
      fc.property(sidebars, (sidebar: Sidebar) => {
        const { favourites, sections, rooms, direct, archived } = arranged(list, sidebar);
        const all = [...favourites, ...sections.flatMap((section) => section.rooms), ...rooms, ...direct, ...archived];
        expect(names(all).toSorted()).to.deep.equal([...keys, "old"]);
        expect(names(favourites)).to.deep.equal(sidebar.favourites.filter((key) => key !== "left"));
      }),
      { numRuns: depth(100, 2_000) },
    );
  });

  it("move one place past another, at the ends not at all", () => {
    expect(moved(keys, "b", "a")).to.deep.equal(["b", "a", "c", "d"]);
    expect(moved(keys, "b", "c")).to.deep.equal(["a", "c", "b", "d"]);
    expect(moved(keys, "b", undefined)).to.deep.equal(keys);
  });

  it("come to a section and go from it, and stay when it is removed", () => {
    const work = inSection(withSection(withSection(plainSidebar, "Work"), "Work"), "a", "Work");
    expect(work.sections).to.deep.equal([{ name: "Work", rooms: ["a"] }]);
    const home = inSection(withSection(work, "Home"), "a", "Home");
    expect(home.sections.map(({ rooms }) => rooms)).to.deep.equal([[], ["a"]]);
    expect(names(arranged([summary("a")], withoutSection(home, "Home")).rooms)).to.deep.equal(["a"]);
    expect(withFavourite(withFavourite(home, "a", true), "a", false).favourites).to.deep.equal([]);
  });

  it("tell nothing while they are muted, but that the person is mentioned", () => {
    const muted = withMuted(plainSidebar, "a", true);
    const news = summary("a", { unread: 3, threads: 2 });
    expect(told(news, { sidebar: plainSidebar }, 0)).to.equal(news);
    expect(told(news, { sidebar: muted }, 0))
      .to.include({ unread: 0 })
      .and.not.have.property("threads");
    expect(told({ ...news, mentioned: true }, { sidebar: muted }, 0)).to.include({ unread: 3, mentioned: true });
  });

  it("count what somebody is told of, and nothing else", () => {
    const said: NotificationRules["rooms"][] = [
      [],
      [{ room: "a", mutedUntilMs: 10 }],
      [{ room: "a", level: "nothing" }],
    ];
    const person = fc.record({
      notifications: fc.record({
        level: fc.constantFrom("all", "mentions", "nothing" as const),
        rooms: fc.constantFrom(...said),
        keywords: fc.constant<string[]>([]),
        quiet: fc.constant(plainNotifications.quiet),
      }),
      sidebar: fc.constantFrom(plainSidebar, withMuted(plainSidebar, "a", true)),
    });
    const time = fc.constantFrom(9, 10);
    fc.assert(
      fc.property(person, fc.boolean(), time, (who, mentioned, nowMs) => {
        const message = { isOwn: false, direct: false, keyword: false, reply: false, threadOnly: false };
        const isTold = tell(who, { ...message, room: "a", mentioned }, nowMs) !== "nothing";
        expect(told(summary("a", { unread: 1, mentioned }), who, nowMs).unread).to.equal(isTold ? 1 : 0);
      }),
    );
  });
});

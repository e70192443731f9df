import { expect } from "chai";
import { array, assert as property, constantFrom, oneof, property as forAll, record, string } from "fast-check";
import { Kept, keptPlacesMax, type Shelf } from "../../../web/src/model/kept.ts";

/** A browser's storage in memory, which tells other tabs of what changed when the test says so. */
class TestShelf implements Shelf {
  readonly texts = new Map<string, string>();
  readonly news: string[] = [];
  read(name: string): string | undefined {
    return this.texts.get(name);
  }
  write(name: string, text: string): void {
    this.texts.set(name, text);
    this.news.push(name);
  }
  remove(name: string): void {
    this.texts.delete(name);
    this.news.push(name);
  }
  names(): readonly string[] {
    return [...this.texts.keys()];
  }
}

/** A tab: somebody is signed in, looks at a place, and sees in its field what the page shows. */
class Tab {
  readonly #shelf: Shelf;
  account: string | undefined;
  place = "room/a/text";
  kept: Kept | undefined;
  /** Of sessions that are over. */
  readonly past: Kept[] = [];
  shown = "";
  #stop = () => {};

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  open(account: string | undefined): void {
    this.#stop();
    this.kept?.close();
    if (this.kept !== undefined) this.past.push(this.kept);
    this.account = account;
    this.kept = account === undefined ? undefined : new Kept(this.#shelf, account, () => 1);
    this.look(this.place);
  }

  look(place: string): void {
    this.#stop();
    this.place = place;
    const { kept } = this;
    const show = () => {
      const value = kept?.read(place);
      this.shown = typeof value === "string" ? value : "";
    };
    this.#stop = kept?.subscribe(place, show) ?? (() => {});
    show();
  }
}

const tab = constantFrom(0, 1);
const step = oneof(
  record({
    does: constantFrom("type"),
    tab,
    text: oneof(string({ maxLength: 4 }), constantFrom(" ", "\n", "0", "null")),
  }),
  record({ does: constantFrom("send", "hear"), tab, text: constantFrom("") }),
  record({ does: constantFrom("reload", "signOut", "late"), tab, text: constantFrom("") }),
  record({ does: constantFrom("signIn"), tab, text: constantFrom("ada", "ada", "ad", "bob") }),
  // The name of one account and a place may read like another account's and its place.
  record({ does: constantFrom("look"), tab, text: constantFrom("room/a/text", "room/a/text", "aroom/a/text", "") }),
);

describe("what somebody made and has not finished", () => {
  it("is never lost and never shown to another account, whatever is typed, reloaded, signed out, visited, in two tabs", () => {
    property(
      forAll(array(step, { maxLength: 60 }), (steps) => {
        const shelf = new TestShelf();
        const tabs = [new Tab(shelf), new Tab(shelf)];
        // Both begin as one person's, at one place.
        for (const one of tabs) one.open("ada");
        // What was typed last, and not sent, by account and place.
        const typed = new Map<string, string>();
        const hear = () => {
          for (const name of shelf.news.splice(0)) for (const { kept } of tabs) kept?.changedElsewhere(name);
        };
        for (const { does, tab: at, text } of steps) {
          const one = tabs[at];
          if (one === undefined) continue;
          const key = `${one.account} ${one.place}`;
          if (does === "reload") one.open(one.account);
          else if (does === "signOut") one.open(undefined);
          else if (does === "signIn") one.open(text);
          else if (does === "look") one.look(text);
          else if (does === "hear") hear();
          // Something of a session that is over is still on its way, as a pause after typing.
          else if (does === "late") {
            for (const over of one.past) {
              expect(over.read(one.place)).to.equal(undefined);
              over.write(one.place, "too late");
            }
          } else if (does === "type" && one.account !== undefined) {
            one.kept?.write(one.place, text === "" ? undefined : text);
            typed.set(key, text);
          } else if (does === "send" && one.shown !== "") {
            const sent = one.shown;
            one.kept?.finish(one.place, sent);
            // What the other tab has put there since, unheard, stays.
            if (typed.get(key) === sent) typed.set(key, "");
          }
          // Whoever has just done something sees what is there.
          if (does !== "hear" && does !== "send" && does !== "late") expect(one.shown).to.equal(expected(one, typed));
        }
        hear();
        for (const one of tabs) expect(one.shown).to.equal(expected(one, typed));
        for (const [key, text] of typed) {
          const [account = "", place = ""] = key.split(" ");
          expect(new Kept(shelf, account, () => 1).read(place) ?? "").to.equal(text);
        }
      }),
      { numRuns: 500 },
    );
  });

  it("is the same value until it changes, and nothing where something else stands", () => {
    const shelf = new TestShelf();
    const kept = new Kept(shelf, "ada", () => 1);
    kept.write("room/a/poll", { question: "Tea?" });
    expect(kept.read("room/a/poll")).to.equal(kept.read("room/a/poll"));
    for (const odd of ["", "null", "1", "{", '{"value":1}', "[]"]) {
      shelf.texts.set("plexus.kept/ada/odd", odd);
      expect(kept.read("odd")).to.equal(undefined);
    }
  });

  it("has an end: the place that was left alone for longest makes room", () => {
    const shelf = new TestShelf();
    let nowMs = 0;
    const kept = new Kept(shelf, "ada", () => (nowMs += 1));
    new Kept(shelf, "bob", () => 0).write("room/0/text", "of Bob");
    for (let room = 0; room < keptPlacesMax; room += 1) kept.write(`room/${room}/text`, "x");
    kept.write("room/0/text", "newer");
    kept.write("room/one-more/text", "x");
    expect(kept.places("room/")).to.have.length(keptPlacesMax);
    expect(kept.read("room/0/text")).to.equal("newer");
    expect(kept.read("room/1/text")).to.equal(undefined);
    expect(new Kept(shelf, "bob", () => 0).read("room/0/text")).to.equal("of Bob");
  });

  it("makes no room with a message that waits, and drops a field together with what the account has of it", () => {
    let nowMs = 0;
    const kept = new Kept(new TestShelf(), "ada", () => (nowMs += 1));
    kept.write("unsent/room/a/1", "waits");
    kept.write("room/0/text", "x");
    kept.write("room/1/thread/2", "x");
    kept.write("drafts/room/0", { text: "x", revision: 1 });
    kept.write("drafts/room/1/thread/2", { text: "x", revision: 1 });
    for (let room = 2; room <= keptPlacesMax; room += 1) kept.write(`room/${room}/text`, "x");
    expect(kept.read("unsent/room/a/1")).to.equal("waits");
    for (const place of ["room/0/text", "drafts/room/0", "room/1/thread/2", "drafts/room/1/thread/2"])
      expect(kept.read(place), place).to.equal(undefined);
    expect(kept.places("")).to.have.length(keptPlacesMax);
  });

  it("is neither read nor written after the session is over", () => {
    const shelf = new TestShelf();
    const kept = new Kept(shelf, "ada", () => 1);
    kept.write("room/a/text", "mine");
    kept.close();
    expect([kept.read("room/a/text"), kept.places("room/")]).to.deep.equal([undefined, []]);
    kept.write("room/a/text", undefined);
    expect(new Kept(shelf, "ada", () => 1).read("room/a/text")).to.equal("mine");
  });
});

function expected({ account, place }: Tab, typed: ReadonlyMap<string, string>): string {
  return typed.get(`${account} ${place}`) ?? "";
}

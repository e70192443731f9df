import { expect } from "chai";
import { property, assert as assertProperty, array, constantFrom, integer, record } from "fast-check";
import {
  failure,
  ok,
  refused,
  wireLimits,
  type EngineRequest,
  type ErrorCode,
  type FileCheck,
  type KeptFile,
  type QuarantinedFile,
  type QuarantinePage,
  type Result,
  type RoomFiles,
  type RoomMessage,
  type ScanAnswer,
  type WithoutScanner,
} from "../../../protocols/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import { handleScanning } from "../../../node/scanning/index.ts";
import type { Room } from "../../../actors/room/shape.ts";
import { inLobby, lobby, post, type Page } from "./lobby.ts";
import type { Fixture } from "./fixture.ts";

const key = "k".repeat(43);
const hash = (of: number): string => of.toString(16).padStart(64, "0");
const idOf = (of: number): string => `${of.toString(16).padStart(20, "0")}.lobby`;

const ask = (fixture: Fixture, by: string, message: { readonly type: string; readonly [field: string]: unknown }) =>
  fixture.do("gateway", lobby, { ...message, by: `user/${by}` });
const fetched = (fixture: Fixture, by: string, id: string): string => {
  const answer = ask(fixture, by, { type: "file", id });
  return answer.ok ? "fetched" : answer.error.code;
};

/** A file that is all here, and is to be checked. */
function uploaded(fixture: Fixture, of: number, scan = true, by = "ada"): string {
  const id = idOf(of);
  const of_ = { id, name: `${of}.bin`, bytes: 10, key, ...(scan && { scan: true }) };
  const steps = [
    { type: "upload", ...of_ },
    { type: "uploadTake", id, offset: 0 },
    { type: "uploadPart", id, epoch: 1, index: 0, part: hash(of), bytes: 10, found: { type: "application/zip" } },
  ];
  for (const step of steps) expect(ask(fixture, by, step).ok, JSON.stringify(step)).to.equal(true);
  return id;
}

/** The file that a scanner looks at. */
function scanned(fixture: Fixture): EngineRequest<"scan"> | undefined {
  const [one, ...others] = fixture.scans;
  expect(others, "one at a time").to.deep.equal([]);
  return one;
}

/** Plays the scanner. */
function say(fixture: Fixture, result: Result<ScanAnswer>): void {
  const call = scanned(fixture);
  if (call === undefined) throw new Error("nothing is scanned");
  fixture.scanned(call, result);
}
const answer = (fixture: Fixture, said: ScanAnswer): void => say(fixture, ok(said));
const fail = (fixture: Fixture, withoutScanner: WithoutScanner, code: ErrorCode = "SCAN_FAILED"): void =>
  say(fixture, refused(failure(code, { withoutScanner })));
const checkOf = (fixture: Fixture, seq: number): (FileCheck | undefined)[] =>
  fixture
    .ok<Page>("user/bob", lobby, { type: "history", after: seq - 1, limit: 1 })
    .messages.flatMap(({ files = [] }) => files.map(({ check }) => check));
const listed = (fixture: Fixture): readonly QuarantinedFile[] =>
  fixture.ok<QuarantinePage>("gateway", "quarantine/cluster", { type: "list" }).files;

describe("files of a room that are scanned", () => {
  it("are fetched by nobody, their sender included, before a scanner has found nothing in them", () => {
    const fixture = inLobby();
    const id = uploaded(fixture, 1);
    const { seq } = post(fixture, "ada", "", { files: [id] });
    expect(checkOf(fixture, seq)).to.deep.equal(["scanning"]);
    for (const who of ["ada", "bob"]) expect(fetched(fixture, who, id)).to.equal("FILE_BEING_CHECKED");
    const { file, person } = scanned(fixture) ?? {};
    expect(person).to.equal("user/ada");
    expect(file).to.deep.equal({ id, name: "1.bin", bytes: 10, key, parts: [hash(1)] });
    answer(fixture, {});
    expect(checkOf(fixture, seq)).to.deep.equal(["clean"]);
    for (const who of ["ada", "bob"]) expect(fetched(fixture, who, id)).to.equal("fetched");
    const last = fixture.stream(lobby).at(-1)?.event;
    expect(last).to.deep.include({ type: "edited", checked: id, by: "user/ada" });
    expect(JSON.stringify(fixture.stream(lobby))).not.to.include(key);
    expect(last?.["message"]).not.to.have.property("editedAtMs");
    expect(fixture.isPending(lobby)).to.equal(false);
  });

  it("are as before where nothing is scanned: nobody is asked, and the file says nothing of it", () => {
    const fixture = inLobby();
    const id = uploaded(fixture, 1, false);
    const { seq } = post(fixture, "ada", "", { files: [id] });
    expect(scanned(fixture)).to.equal(undefined);
    expect(checkOf(fixture, seq)).to.deep.equal([undefined]);
    expect(fetched(fixture, "bob", id)).to.equal("fetched");
    expect(fixture.stateOf<Room>(lobby)).not.to.have.property("checks");
  });

  it("are quarantined with what was found, listed, and released by an admin", () => {
    const fixture = inLobby();
    const id = uploaded(fixture, 1);
    const { seq } = post(fixture, "ada", "look", { files: [id] });
    answer(fixture, { signature: "Eicar" });
    expect(checkOf(fixture, seq)).to.deep.equal(["quarantined"]);
    for (const who of ["ada", "bob"]) expect(fetched(fixture, who, id)).to.equal("FILE_QUARANTINED");
    const row = { id, name: "1.bin", bytes: 10, room: "lobby", seq, sender: "user/ada", signature: "Eicar" };
    expect(listed(fixture)).to.deep.equal([{ ...row, atMs: fixture.nowMs, sinceMs: fixture.nowMs }]);
    // A clock that went on does not matter: the list is told when it was put there.
    fixture.pass(5_000);
    const released = ask(fixture, "root", { type: "settleFile", id, as: "released" });
    expect(released.ok && released.value).to.deep.include(row);
    expect(checkOf(fixture, seq)).to.deep.equal(["released"]);
    expect(fetched(fixture, "bob", id)).to.equal("fetched");
    expect(listed(fixture)).to.deep.equal([]);
    expect(fixture.stream(lobby).at(-1)?.event).to.deep.include({ checked: id, by: "user/root" });
    const again = ask(fixture, "root", { type: "settleFile", id, as: "removed" });
    expect(again.ok || again.error.code).to.equal("ALREADY_DONE");
  });

  it("are removed by an admin: key, parts and what says that bytes are needed go, the name stays", () => {
    const fixture = inLobby();
    const ids = [uploaded(fixture, 1), uploaded(fixture, 2)];
    const { seq } = post(fixture, "ada", "", { files: ids });
    answer(fixture, { signature: "Eicar" });
    answer(fixture, {});
    expect(ask(fixture, "root", { type: "settleFile", id: ids[0], as: "removed" }).ok).to.equal(true);
    expect(checkOf(fixture, seq)).to.deep.equal(["removed", "clean"]);
    expect(fetched(fixture, "ada", ids[0] ?? "")).to.equal("NOT_FOUND");
    expect(fetched(fixture, "bob", ids[1] ?? "")).to.equal("fetched");
    expect(fixture.records(lobby, "part/").map(({ value }) => value)).to.deep.equal([ids[1]]);
    expect(fixture.records(lobby, "kept/").map(({ value }) => (value as KeptFile).key)).to.deep.equal(["", key]);
    const { files } = fixture.ok<RoomFiles>("user/bob", lobby, { type: "files" });
    expect(files.map(({ check }) => check)).to.deep.equal(["clean", "removed"]);
  });

  it("are decided about once, whichever of two admins is first: none decides by what was read before", () => {
    for (const [first, second] of [
      ["removed", "released"],
      ["released", "removed"],
    ] as const)
      for (let steps = 0; steps < 10; steps += 1) {
        const fixture = inLobby();
        const id = uploaded(fixture, 1);
        const { seq } = post(fixture, "ada", "", { files: [id] });
        answer(fixture, { signature: "Eicar" });
        const decide = (by: string, as: string) =>
          fixture.begin("gateway", lobby, { type: "settleFile", by: `user/${by}`, id, as });
        const one = decide("root", first);
        for (let step = 0; step < steps; step += 1) fixture.step();
        const other = decide("dan", second);
        fixture.settle();
        const said = [one(), other()].map((result) => result && (result.ok || result.error.code));
        expect(said, `after ${steps} steps`).to.deep.equal([true, "ALREADY_DONE"]);
        expect(checkOf(fixture, seq)).to.deep.equal([first]);
        expect(fetched(fixture, "bob", id)).to.equal(first === "removed" ? "NOT_FOUND" : "fetched");
        expect(fixture.records(lobby, "part/")).to.have.length(first === "removed" ? 0 : 1);
        expect(listed(fixture)).to.deep.equal([]);
      }
  });

  it("leave the list of quarantine with their message", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "ada", "", { files: [uploaded(fixture, 1), uploaded(fixture, 2)] });
    answer(fixture, { signature: "Eicar" });
    expect(listed(fixture)).to.have.length(1);
    fixture.ok("user/ada", lobby, { type: "delete", seq });
    expect(listed(fixture)).to.deep.equal([]);
    expect(fixture.stateOf<Room>(lobby).checks).to.deep.equal([]);
    // Nobody wants to know any more what the scanner says of the other, and the next file has its turn.
    expect(scanned(fixture)).to.equal(undefined);
    post(fixture, "ada", "", { files: [uploaded(fixture, 3)] });
    expect(scanned(fixture)?.file.name).to.equal("3.bin");
    expect(listed(fixture)).to.deep.equal([]);
  });

  it("leave it, too, where the message is deleted while a verdict is on its way", () => {
    for (let steps = 0; steps < 16; steps += 1) {
      const fixture = inLobby();
      const ids = [uploaded(fixture, 1), uploaded(fixture, 2)];
      const { seq } = post(fixture, "ada", "", { files: ids });
      const call = scanned(fixture);
      if (call === undefined) throw new Error("nothing is scanned");
      fixture.beginScanned(call, ok({ signature: "Eicar" }));
      for (let step = 0; step < steps; step += 1) fixture.step();
      const deleted = fixture.begin("user/ada", lobby, { type: "delete", seq });
      fixture.settle();
      expect(deleted()?.ok, `after ${steps} steps`).to.equal(true);
      expect(listed(fixture), `after ${steps} steps`).to.deep.equal([]);
      expect(fixture.records(lobby, "kept/")).to.deep.equal([]);
      expect(fixture.records(lobby, "part/")).to.deep.equal([]);
    }
  });

  it("that are gone leave the list when an admin decides about them, however long it is", async () => {
    const fixture = inLobby();
    const file = { name: "a.bin", bytes: 10, room: "lobby", seq: 1, sender: "user/ada", atMs: 1 };
    const rows = 2 * wireLimits.pageEntriesMax + 1;
    for (let of = 1; of <= rows; of += 1)
      fixture.ok(lobby, "quarantine/cluster", { type: "add", file: { id: idOf(of), ...file, sinceMs: 1_000 + of } });
    const operations = handleScanning({
      ask: async (to, message) => fixture.do("gateway", to, message),
      settings: () => ({ scan: true, withoutScanner: "allow" }),
      scanners: () => [],
    });
    for (const number of [1, rows, rows + 1]) {
      const request = { file: idOf(number) };
      const said = await operations["quarantine.remove"](request, { by: "user/root" } as never);
      expect(JSON.stringify(said)).to.include("NOT_FOUND");
    }
    const left = fixture.records("quarantine/cluster", "file/").map(({ value }) => (value as QuarantinedFile).id);
    expect(left).to.deep.equal(Array.from({ length: rows - 2 }, (_, index) => idOf(index + 2)));
  });

  it("leave the list by their id though a node of the version before has put them there anew", () => {
    const fixture = inLobby();
    const [list, id] = ["quarantine/cluster", idOf(1)] as const;
    const file = { id, name: "a.bin", bytes: 10, room: "lobby", seq: 1, sender: "user/ada", atMs: 1, sinceMs: 1_000 };
    fixture.ok(lobby, list, { type: "add", file });
    const [before] = fixture.records(list, "file/");
    // It knows of no places: the older one stays.
    fixture.dropRecords(list, "file/");
    const key = before!.key.replace("1000/", "2000/");
    expect(key).not.to.equal(before!.key);
    fixture.putRecords(list, [{ key, value: { ...file, sinceMs: 2_000 } }]);
    fixture.ok("gateway", list, { type: "drop", id });
    expect([fixture.records(list, "file/"), fixture.records(list, "place/")]).to.deep.equal([[], []]);
  });

  it("are on the list newest first, a page at a time", () => {
    const fixture = inLobby();
    const ids = [1, 2, 3, 4].map((of) => {
      const id = uploaded(fixture, of);
      post(fixture, "ada", "", { files: [id] });
      answer(fixture, { signature: "Eicar" });
      // Two of them at the same moment.
      if (of !== 2) fixture.pass(1_000);
      return id;
    });
    const seen: string[] = [];
    for (let after: string | undefined; ;) {
      const page: QuarantinePage = fixture.ok("gateway", "quarantine/cluster", {
        type: "list",
        limit: 1,
        ...(after !== undefined && { after }),
      });
      seen.push(...page.files.map(({ id }) => id));
      if (page.next === undefined) break;
      after = page.next;
    }
    expect(seen).to.deep.equal(ids.toReversed());
  });

  for (const [policy, check, code] of [
    ["allow", "unscanned", "fetched"],
    ["refuse", "quarantined", "FILE_QUARANTINED"],
  ] as const)
    it(`are ${check} after a few tries where nobody can look at them and the policy says ${policy}`, () => {
      const fixture = inLobby();
      const id = uploaded(fixture, 1);
      const { seq } = post(fixture, "ada", "", { files: [id] });
      for (const pauseMs of actorLimits.scanPausesMs) {
        fail(fixture, policy);
        expect(fetched(fixture, "ada", id)).to.equal("FILE_BEING_CHECKED");
        expect(scanned(fixture)).to.equal(undefined);
        fixture.pass(pauseMs);
      }
      fail(fixture, policy);
      expect(checkOf(fixture, seq)).to.deep.equal([check]);
      expect(fetched(fixture, "bob", id)).to.equal(code);
      expect(listed(fixture)).to.have.length(policy === "refuse" ? 1 : 0);
      fixture.pass(86_400_000);
      expect(scanned(fixture)).to.equal(undefined);
    });

  it("wait where the policy says hold, until a scanner is there or another policy", () => {
    const fixture = inLobby();
    const ids = [uploaded(fixture, 1), uploaded(fixture, 2)];
    const { seq } = post(fixture, "ada", "", { files: ids });
    for (let days = 0; days < 3; days += 1) {
      for (let tries = 0; tries < 20; tries += 1) {
        if (scanned(fixture) !== undefined) fail(fixture, "hold");
        fixture.pass(actorLimits.scanHoldMs);
      }
      for (const id of ids) expect(fetched(fixture, "bob", id)).to.equal("FILE_BEING_CHECKED");
    }
    answer(fixture, {});
    if (scanned(fixture) === undefined) fixture.pass(actorLimits.scanHoldMs);
    fail(fixture, "allow");
    expect(checkOf(fixture, seq)).to.have.members(["clean", "unscanned"]);
  });

  it("of people take turns: nobody waits for all files of another, nor for those of two others", () => {
    const fixture = inLobby();
    const send = (by: "ada" | "bob" | "cid", first: number, count: number): void => {
      for (let of = first; of < first + count; of += 1)
        post(fixture, by, "", { files: [uploaded(fixture, of, true, by)] });
    };
    fixture.ok("user/cid", lobby, { type: "join" });
    send("ada", 1, 6);
    send("bob", 11, 6);
    send("cid", 21, 2);
    const order: string[] = [];
    while (fixture.scans.length > 0) {
      order.push(scanned(fixture)?.person ?? "");
      answer(fixture, {});
    }
    const letters = order.map((person) => person.slice("user/".length, "user/".length + 1)).join("");
    expect(letters).to.equal("abcabcabababab");
  });

  it("wait where no scanner has a place for them, or they cannot be read: that is no try", () => {
    for (const policy of ["allow", "refuse"] as const) {
      const fixture = inLobby();
      const id = uploaded(fixture, 1);
      const { seq } = post(fixture, "ada", "", { files: [id] });
      const codes = ["QUEUE_FULL", "STOPPING", "UNREACHABLE", "MODEL_BUSY", "GENERATION_TIMEOUT"] as const;
      for (let rounds = 0; rounds < 10; rounds += 1)
        for (const code of codes) {
          fail(fixture, policy, code);
          expect(checkOf(fixture, seq), `${code}, round ${rounds}`).to.deep.equal(["scanning"]);
          fixture.pass(actorLimits.scanBusyMs);
        }
      expect(fixture.refold(lobby)).to.deep.equal(fixture.stateOf(lobby));
      // A scanner that fails has all its tries still.
      for (const pauseMs of actorLimits.scanPausesMs) {
        fail(fixture, policy);
        fixture.pass(pauseMs);
      }
      expect(checkOf(fixture, seq)).to.deep.equal(["scanning"]);
      answer(fixture, { signature: "Eicar" });
      expect(checkOf(fixture, seq)).to.deep.equal(["quarantined"]);
    }
  });

  it("are looked at again as soon as they are told to, within a second and the usual pause", () => {
    const { scanPausesMs, scanBusyMs } = actorLimits;
    const pauses = [
      [3_000, 3_000],
      [-5, scanPausesMs[0]],
      [24 * 3_600_000, scanBusyMs],
      ["soon", scanBusyMs],
    ] as const;
    for (const [retryAfterMs, pauseMs] of pauses) {
      const fixture = inLobby();
      const { seq } = post(fixture, "ada", "", { files: [uploaded(fixture, 1)] });
      // Far more often than a scanner may fail: this is no try.
      for (let round = 0; round < 20; round += 1) {
        say(fixture, refused(failure("UNREACHABLE", { withoutScanner: "allow", retryAfterMs })));
        fixture.pass(pauseMs - 1);
        expect(fixture.scans, `${retryAfterMs}, round ${round}`).to.deep.equal([]);
        fixture.pass(1);
        expect(fixture.scans.length, `${retryAfterMs}, round ${round}`).to.equal(1);
      }
      expect(checkOf(fixture, seq)).to.deep.equal(["scanning"]);
      answer(fixture, {});
      expect(checkOf(fixture, seq)).to.not.include("scanning");
    }
  });

  it("are decided about at once where they are larger than the scanner takes", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "ada", "", { files: [uploaded(fixture, 1)] });
    fail(fixture, "allow", "SCAN_TOO_LARGE");
    expect(checkOf(fixture, seq)).to.deep.equal(["unscanned"]);
  });

  it("are checked anew where their room came into memory again, on another node or after a crash", () => {
    const fixture = inLobby();
    const id = uploaded(fixture, 1);
    post(fixture, "ada", "", { files: [id] });
    fixture.crash(lobby);
    expect(fixture.isPending(lobby)).to.equal(true);
    fixture.settle();
    expect(scanned(fixture)?.file.id).to.equal(id);
    fail(fixture, "hold");
    fixture.crash(lobby);
    fixture.settle();
    fixture.pass(1_000);
    answer(fixture, { signature: "Eicar" });
    expect(fetched(fixture, "bob", id)).to.equal("FILE_QUARANTINED");
  });

  it("write nothing that a node of the version before throws at, which sees the message as it is now", () => {
    const fixture = inLobby();
    const { length } = fixture.journalOf(lobby);
    const id = uploaded(fixture, 1);
    const { seq } = post(fixture, "ada", "", { files: [id] });
    fail(fixture, "hold");
    fixture.pass(1_000);
    answer(fixture, { signature: "Eicar" });
    ask(fixture, "root", { type: "settleFile", id, as: "released" });
    type Change = { readonly type: string; readonly event?: { readonly type: string; readonly message?: RoomMessage } };
    const changes = (fixture.journalOf(lobby) as readonly Change[]).slice(length);
    const known = ["happened", "readMarked", "delivered"];
    expect(changes.filter(({ type }) => !known.includes(type))).to.deep.equal([]);
    const events = changes.flatMap(({ event }) => (event === undefined ? [] : [event]));
    expect(events.map(({ type }) => type)).to.deep.equal(["posted", "edited", "edited"]);
    const now = fixture.ok<Page>("user/bob", lobby, { type: "history", after: seq - 1 }).messages[0];
    expect(events.at(-1)?.message).to.deep.equal(now);
  });

  it("are bounded: a post beyond the limit is refused, and one file of a room is looked at at a time", () => {
    const fixture = inLobby();
    for (let of = 1; of <= actorLimits.roomChecksMax; of += 1)
      post(fixture, "ada", "", { files: [uploaded(fixture, of)] });
    const one = uploaded(fixture, 1_000);
    const message = { type: "post", text: "", files: [one] };
    expect(fixture.code("user/ada", lobby, message)).to.equal("LIMIT_REACHED");
    answer(fixture, {});
    expect(fixture.code("user/ada", lobby, message)).to.equal("accepted");
  });

  it("are never fetched before a verdict lets them through, whatever happens meanwhile", () => {
    const step = record({
      does: constantFrom("clean", "found", "fail", "large", "crash", "pass", "release", "remove", "delete", "post"),
      of: integer({ min: 1, max: 4 }),
      policy: constantFrom<WithoutScanner>("allow", "hold", "refuse"),
    });
    assertProperty(
      property(array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        const fixture = inLobby();
        /** What the model says of each file; the seq of its message. */
        const files = new Map<string, { let: boolean; seq: number }>();
        let next = 1;
        const posts = (): void => {
          const id = uploaded(fixture, next);
          next += 1;
          files.set(id, { let: false, seq: post(fixture, "ada", "", { files: [id] }).seq });
        };
        posts();
        for (const { does, of, policy } of steps) {
          const [id = ""] = [...files.keys()].slice(-of);
          const known = files.get(id);
          const call = scanned(fixture);
          const asked = call === undefined ? undefined : files.get(call.file.id);
          switch (does) {
            case "post":
              posts();
              break;
            case "clean":
              if (call === undefined) break;
              answer(fixture, {});
              if (asked !== undefined) asked.let = true;
              break;
            case "found":
              if (call !== undefined) answer(fixture, { signature: "Eicar" });
              break;
            case "fail":
            case "large":
              if (call === undefined || asked === undefined) break;
              fail(fixture, policy, does === "fail" ? "SCAN_FAILED" : "SCAN_TOO_LARGE");
              if (policy === "allow") asked.let = ask(fixture, "ada", { type: "file", id: call.file.id }).ok;
              break;
            case "crash":
              fixture.crash(lobby);
              fixture.settle();
              break;
            case "pass":
              fixture.pass(of * 20_000);
              break;
            case "release":
            case "remove": {
              const as = does === "release" ? "released" : "removed";
              if (ask(fixture, "root", { type: "settleFile", id, as }).ok && known !== undefined)
                known.let = as === "released";
              break;
            }
            case "delete":
              fixture.do("user/ada", lobby, { type: "delete", seq: known?.seq });
              files.delete(id);
          }
          for (const [one, { let: mayBe }] of files)
            for (const who of ["ada", "bob"])
              expect(fetched(fixture, who, one) === "fetched", `${one} after ${does}`).to.equal(mayBe);
          expect(listed(fixture).length).to.equal(
            [...files.keys()].filter((one) => fetched(fixture, "ada", one) === "FILE_QUARANTINED").length,
          );
        }
        // What waits comes about: nothing is forgotten.
        for (let rounds = 0; rounds < 200 && (fixture.stateOf<Room>(lobby).checks ?? []).length > 0; rounds += 1) {
          if (scanned(fixture) === undefined) fixture.pass(actorLimits.scanHoldMs);
          else answer(fixture, {});
        }
        for (const one of files.keys()) expect(fetched(fixture, "bob", one)).not.to.equal("FILE_BEING_CHECKED");
      }),
      { numRuns: 60 },
    );
  });
});

import { expect } from "chai";
import type { ObserveControl } from "../../../node/ports/index.ts";
import {
  failure,
  ok,
  refused,
  type HistoryQuery,
  type LogQuery,
  type RequestBy,
  type RequestsQuery,
} from "../../../protocols/index.ts";
import { countRequests } from "../../../node/observe/index.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";

describe("gateway: what nodes remember of themselves", () => {
  let fixture: Fixture;
  const asked: (LogQuery | HistoryQuery | RequestsQuery)[] = [];
  const observe: ObserveControl = {
    logs(query) {
      asked.push(query);
      return Promise.resolve(
        query.node === "nobody"
          ? refused(failure("NOT_FOUND", { node: "nobody" }))
          : ok({ lines: [], next: "", more: false, silent: [] }),
      );
    },
    traces: () => Promise.resolve(ok({ traces: [], silent: [] })),
    trace: (id) => Promise.resolve(refused(failure("NOT_FOUND", { trace: id }))),
    requests(query) {
      asked.push(query);
      return Promise.resolve(
        ok({ by: "route", range: "hour", endMs: 0, stepMs: 1, points: 0, rows: [], total: 0, silent: [] }),
      );
    },
    history(query) {
      asked.push(query);
      return Promise.resolve(
        ok({ range: "hour", endMs: 0, stepMs: 1, points: 0, series: [], rows: [], more: false, silent: [] }),
      );
    },
  };
  before(async () => {
    fixture = await startFixture({ observe });
  });
  after(() => fixture.stop());
  const get = (path: string) => fixture.request("GET", `/api/v1/admin/${path}`, { token: controlToken });

  it("passes on what is asked for, as what it is", async () => {
    asked.length = 0;
    expect(
      (await get("logs?level=warn&name=mesh.&about=r1&sinceMs=5&after=a.1-b.2&limit=7&waitMs=1000&node=b")).status,
    ).to.equal(200);
    expect((await get("metrics/history?range=day&series=turns,cores&per=node")).status).to.equal(200);
    expect((await get("requests?by=key&order=p99&charts=5&text=ada")).status).to.equal(200);
    expect(asked).to.deep.equal([
      { level: "warn", name: "mesh.", about: "r1", sinceMs: 5, after: "a.1-b.2", limit: 7, waitMs: 1_000, node: "b" },
      { range: "day", series: "turns,cores", per: "node" },
      { by: "key", order: "p99", charts: 5, text: "ada" },
    ]);
  });

  it("refuses what cannot be asked for", async () => {
    expect((await get("logs?node=nobody")).body.error.code).to.equal("NOT_FOUND");
    for (const path of [
      "logs?level=loud",
      "logs?limit=100000",
      "logs?waitMs=99999",
      "logs?after=%20",
      "metrics/history?range=year",
      "metrics/history?series=a%20b",
      "requests?by=person",
      "requests?limit=201",
      "requests?charts=11",
    ])
      expect((await get(path)).body.error.code, path).to.equal("BAD_REQUEST");
  });
});

describe("gateway: what came of requests", () => {
  it("is counted by route, kind of actor and key, on every wire, and by nothing that a stranger names", async () => {
    const counts = countRequests({ nowMs: () => 1_700_000_000_000 });
    const fixture = await startFixture({ counts, limits: { keyRate: { count: 3, windowMs: 60_000 } } });
    const read = (by: RequestBy) =>
      new Map(
        counts
          .read({ by, range: "hour", endMs: 1_700_000_000_001 })
          .map(({ name, requests, refused, limited, failed }) => [name, { requests, refused, limited, failed }]),
      );
    try {
      const ada = await fixture.signUp("ada");
      const made = await fixture.request("POST", "/api/v1/me/keys", { token: ada.token, body: { label: "robot" } });
      const { key: token, id } = made.body as { readonly key: string; readonly id: string };
      await fixture.request("POST", "/api/v1/rooms", { token: ada.token, body: { room: "den", title: "Den" } });
      for (let at = 0; at < 4; at += 1)
        await fixture.request("POST", "/api/v1/rooms/den/messages", { token, body: { text: "hi" } });
      await fixture.request("POST", "/api/v1/rooms/den/messages", { token: ada.token, body: { text: "" } });
      for (const path of ["a", "b", "c"]) await fixture.request("GET", `/api/v1/nowhere/${path}`, { token: ada.token });
      const socket = await fixture.connect(ada.token);
      await socket.ask("room.post", "den", { text: "by the socket" });
      await socket.ask("room.post", "no-such-room", { text: "by the socket" });
      const none = { requests: 0, refused: 0, limited: 0, failed: 0 };
      const routes = read("route");
      expect(routes.get("POST /api/v1/rooms/:room/messages")).to.deep.equal({
        ...none,
        requests: 5,
        refused: 1,
        limited: 1,
      });
      expect(routes.get("room.post")).to.deep.equal({ ...none, requests: 2, refused: 1 });
      expect([...routes.keys()].filter((name) => name.includes("nowhere"))).to.deep.equal([]);
      expect(read("key")).to.deep.equal(new Map([[`ada/${id}`, { ...none, requests: 4, limited: 1 }]]));
      expect(read("kind").get("room")?.requests, "of the actors that were asked").to.be.greaterThan(4);
    } finally {
      await fixture.stop();
    }
  });
});

import { expect } from "chai";
import type { ObserveControl } from "../../../node/ports/index.ts";
import { failure, ok, refused, type HistoryQuery, type LogQuery } from "../../../protocols/index.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";

describe("gateway: what nodes remember of themselves", () => {
  let fixture: Fixture;
  const asked: (LogQuery | HistoryQuery)[] = [];
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
    expect(asked).to.deep.equal([
      { level: "warn", name: "mesh.", about: "r1", sinceMs: 5, after: "a.1-b.2", limit: 7, waitMs: 1_000, node: "b" },
      { range: "day", series: "turns,cores", per: "node" },
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
    ])
      expect((await get(path)).body.error.code, path).to.equal("BAD_REQUEST");
  });
});

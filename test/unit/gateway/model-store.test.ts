import { expect } from "chai";
import type { GatewayOptions } from "../../../node/gateway/options.ts";
import { ok } from "../../../protocols/index.ts";
import { adminCode, password, startFixture, type Fixture } from "./fixture.ts";

type Models = NonNullable<GatewayOptions["models"]>;
const none = (): readonly [] => [];
const models = {
  store: { list: none, pulls: none, refused: none, damaged: none, get: () => undefined, watch: () => () => undefined },
  wanted: { current: none, onChange: () => () => undefined, set: () => Promise.resolve(ok(undefined)) },
} as unknown as Models;

describe("the stream of a node's models", () => {
  let fixture: Fixture;
  before(async () => {
    fixture = await startFixture({ models, limits: { streamCheckMs: 20 } });
  });
  after(() => fixture.stop());

  it("ends when the session of who reads it has ended", async () => {
    const body = { name: "ada", password, displayName: "Ada", adminCode };
    const { token } = (await fixture.request("POST", "/api/v1/sign-up", { body })).body as { token: string };
    const stream = await fetch(`${fixture.url}/api/v1/admin/models/events`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const reader = stream.body!.getReader();
    const first = await reader.read();
    expect(Buffer.from(first.value!).toString()).to.match(/^event: models\n/);
    expect((await fixture.request("POST", "/api/v1/sign-out", { token })).status).to.equal(200);
    for (;;) if ((await reader.read()).done) break;
    expect((await fixture.request("GET", "/api/v1/admin/models", { token })).status).to.equal(401);
  });
});

/** A gateway whose accounts are on nodes of an older version, which tell nothing of proofs. */
import { expect } from "chai";
import type { GatewayOptions } from "../../../node/gateway/options.ts";
import { adminCode, password, startFixture, type Fixture } from "./fixture.ts";

describe("gateway: accounts on nodes of an older version", () => {
  let fixture: Fixture;
  let isOlder = true;
  before(async () => {
    fixture = await startFixture({
      open: ({ kernel }) => ({
        kernel: {
          ...kernel,
          async ask(asked: Parameters<typeof kernel.ask>[0]) {
            const answer = await kernel.ask(asked);
            const { type } = asked.message as { readonly type: string };
            if (!isOlder || !answer.ok || !type.startsWith("authenticate")) return answer;
            // As the contract of the last release has it.
            const { user, admin, session, kind, expiresAtMs } = answer.value as Record<string, unknown>;
            return {
              ok: true,
              value: { user, admin, session, kind, ...(expiresAtMs !== undefined && { expiresAtMs }) },
            };
          },
        } as unknown as GatewayOptions["kernel"],
      }),
    });
  });
  after(() => fixture.stop());

  it("lets people do what needs no proof, refuses power with the true cause and not with a sign-in that would mend nothing, and takes their fresh proof once it is told", async () => {
    isOlder = true;
    const { token } = await fixture.signUp("ada");
    await fixture.request("POST", "/api/v1/admin", { token, body: { code: adminCode } });
    expect((await fixture.request("GET", "/api/v1/me", { token })).status).to.equal(200);
    const key = { label: "a program" };
    const refused = await fixture.request("POST", "/api/v1/me/keys", { token, body: key });
    expect(refused.status).to.equal(403);
    expect(refused.body).to.have.nested.property("error.code", "FORBIDDEN");
    expect(JSON.stringify(refused.body)).to.contain("node of an older version");
    isOlder = false;
    const again = await fixture.request("POST", "/api/v1/sign-in", { body: { name: "ada", password } });
    const { token: newer } = again.body as { readonly token: string };
    expect((await fixture.request("POST", "/api/v1/me/keys", { token: newer, body: key })).status).to.equal(200);
  });
});

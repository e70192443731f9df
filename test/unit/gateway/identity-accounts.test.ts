import { expect } from "chai";
import type { Accounts } from "../../../node/gateway/identity/accounts.ts";
import { createIdentityAccounts, type Named } from "../../../node/gateway/identity/identity-accounts.ts";
import type { GatewayContext } from "../../../node/gateway/options.ts";
import type { ActorId } from "../../../protocols/index.ts";
import type { Message, Sender } from "../../../actors/behavior.ts";
import { Fixture } from "../actors/fixture.ts";

interface Asked {
  readonly to: ActorId;
  readonly from: Sender;
  readonly message: Message;
}

describe("gateway: identities of accounts", () => {
  it("leaves an identity to others where the account did not take it, for whatever reason", async () => {
    const actors = new Fixture();
    const kernel = { ask: async ({ to, from, message }: Asked) => actors.do(from, to, message) };
    const at = { kernel, limits: { askTimeoutMs: 1_000 } } as unknown as GatewayContext;
    const people = createIdentityAccounts(at, {} as Accounts);
    for (const user of ["ada", "bob"]) {
      actors.ok("gateway", `user/${user}`, { type: "create", passwordHash: "argon" });
      actors.ok("gateway", `user/${user}`, {
        type: "openSession",
        id: "s1",
        kind: "session",
        label: "x",
        tokenHash: user,
      });
    }
    const server = { kind: "oidc", issuer: "https://id.example", clientId: "plexus" };
    const named = { row: { name: "company", server }, claims: { issuer: server.issuer, subject: "7" } };
    const link = async (user: string, provedAgoMs: number) => {
      const said = { shown: { as: "session" as const, session: "s1", provedAgoMs } };
      const linked = await people.link(named as unknown as Named, user, said);
      return linked.ok ? "linked" : linked.error.code;
    };
    actors.pass(60 * 60_000);
    actors.ok("gateway", "user/bob", { type: "confirmSession", id: "s1" });
    expect(await link("ada", 0), "she proved too long ago who she is").to.equal("SIGN_IN_AGAIN");
    expect(await link("bob", 0)).to.equal("linked");
    expect(await link("ada", 0)).to.equal("IDENTITY_TAKEN");
  });
});

import { expect } from "chai";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import { createTrust } from "../../../node/gateway/identity/trust.ts";
import { World } from "../../world/index.ts";
import { createHub } from "./hub.ts";
import type { Caller } from "../../../node/gateway/identity/callers.ts";

const caller = (user: string, expiresAtMs = Number.POSITIVE_INFINITY): Caller => ({
  user,
  actor: `user/${user}`,
  admin: false,
  roles: ["member"],
  askedAtMs: 0,
  session: "s",
  kind: "key",
  expiresAtMs,
});
const hashOf = (user: string): string => `hash of a token of ${user}`;
const claim = (user: string) => ({ user, tokenHash: hashOf(user) });

function openFixture(limits: Partial<typeof gatewayLimits> = {}) {
  const world = new World(1);
  const hub = createHub();
  const followed = new Set<string>();
  const gaps = new Map<string, () => void>();
  const follow: typeof hub.follow = (topic, follower, onGap) => {
    followed.add(topic);
    if (onGap) gaps.set(topic, onGap);
    const stop = hub.follow(topic, follower);
    return () => {
      followed.delete(topic);
      stop();
    };
  };
  const trust = createTrust({
    hub: { ...hub, follow },
    clock: world.clock(),
    limits: { ...gatewayLimits, ...limits },
  });
  return { world, hub, trust, followed, gap: (topic: string) => gaps.get(topic)?.() };
}

describe("gateway: trust in tokens", () => {
  it("lasts for a second from the question on, however late the answer", () => {
    const { world, trust } = openFixture();
    const answered = trust.begin(claim("ada"));
    world.elapse(400);
    answered(caller("ada"));
    world.elapse(599);
    expect(trust.find(hashOf("ada"))?.user).to.equal("ada");
    expect(trust.find(hashOf("another"))).to.equal(undefined);
    expect(trust.find(hashOf("bob"))).to.equal(undefined);
    world.elapse(1);
    expect(trust.find(hashOf("ada"))).to.equal(undefined);
  });

  it("ends at once with a session, a change of the person, or a gap in what is heard", () => {
    const { hub, trust, gap } = openFixture();
    const endings = [
      () => hub.publish("user/ada", { type: "sessionRevoked", id: "s" }, 1, 1),
      () => hub.publish("user/ada", { type: "profileSet", view: {} }, 2, 1),
      () => gap("user/ada"),
    ];
    for (const end of endings) {
      trust.begin(claim("ada"))(caller("ada"));
      hub.publish("user/ada", { type: "roomRead", room: "lobby" }, undefined, 1);
      expect(trust.find(hashOf("ada"))).not.to.equal(undefined);
      end();
      expect(trust.find(hashOf("ada"))).to.equal(undefined);
    }
  });

  it("is not given by an answer from before the end of a session", () => {
    const { hub, trust } = openFixture();
    const answered = trust.begin(claim("ada"));
    hub.publish("user/ada", { type: "sessionRevoked", id: "s" }, 1, 1);
    answered(caller("ada"));
    expect(trust.find(hashOf("ada"))).to.equal(undefined);
  });

  it("ends when the session expires", () => {
    const { world, trust } = openFixture();
    trust.begin(claim("ada"))(caller("ada", world.clock().nowMs() + 100));
    expect(trust.find(hashOf("ada"))).not.to.equal(undefined);
    world.elapse(100);
    expect(trust.find(hashOf("ada"))).to.equal(undefined);
  });

  it("follows no more people than it may, none that are idle, and nobody when it stops", () => {
    const { world, trust, followed } = openFixture({ tokensTrustedMax: 2 });
    const ada = trust.begin(claim("ada"));
    trust.begin(claim("bob"))(caller("bob"));
    trust.begin(claim("cleo"))(caller("cleo"));
    expect([...followed]).to.deep.equal(["user/bob", "user/cleo"]);
    ada(caller("ada"));
    expect(trust.find(hashOf("ada")), "asked about while followed, and answered later").to.equal(undefined);
    world.elapse(gatewayLimits.tokenFollowedMs + 1);
    trust.begin(claim("bob"));
    expect([...followed]).to.deep.equal(["user/bob"]);
    expect(trust.find(hashOf("cleo")), "of one who is followed no more").to.equal(undefined);
    trust.stop();
    expect(followed.size).to.equal(0);
  });
});

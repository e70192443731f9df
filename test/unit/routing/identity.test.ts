import { generateKeyPairSync, sign, verify, type KeyObject } from "node:crypto";
import { expect } from "chai";
import fc from "fast-check";
import type { Ask, Outgoing } from "../../../node/kernel/api.ts";
import { OpenAsks } from "../../../node/kernel/index.ts";
import type { Exchange } from "../../../node/cluster/exchange/index.ts";
import type { NodeId } from "../../../node/ports/index.ts";
import { assertionBytes, faultOf } from "../../../node/routing/identity.ts";
import type { IdentitySigner } from "../../../node/routing/ports.ts";
import { createRouting, routingLimits, type RoutingPart } from "../../../node/routing/index.ts";
import {
  failure,
  ok,
  refused,
  slotOf,
  type ActorId,
  type Authenticated,
  type Result,
  type SlotId,
} from "../../../protocols/index.ts";
import type { Assertion } from "../../../protocols/mesh/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { World } from "../../world/index.ts";
import { Net } from "./net.ts";

const pairs = new Map<NodeId, { publicKey: KeyObject; privateKey: KeyObject }>();
const pairOf = (node: NodeId) => {
  const pair = pairs.get(node) ?? generateKeyPairSync("ed25519");
  pairs.set(node, pair);
  return pair;
};
const signerOf = (node: NodeId): IdentitySigner => ({
  sign: (bytes) => sign(null, bytes, pairOf(node).privateKey),
  isSigned: (by, bytes, signature) => verify(null, bytes, pairOf(by).publicKey, signature),
});

/** `home` owns people, `rooms` owns rooms, `gate` and `bad` are gateways that own nothing. */
class Cluster {
  readonly net = new Net(new World(7), ["home", "rooms", "gate", "bad"]);
  readonly parts = new Map<NodeId, { routing: RoutingPart; exchange: Exchange }>();
  /** What was served at `rooms`: sender and text. */
  readonly served: string[] = [];
  /** Hashes of tokens, and whose they are. */
  readonly tokens = new Map<string, string>();
  required = true;
  asked = 0;
  /** Nodes that have not read their key yet. */
  readonly keyless = new Set<NodeId>();

  constructor() {
    for (const node of this.net.nodes) this.#start(node);
    for (const [actor, owner] of [
      ["user/ada", "home"],
      ["user/bob", "home"],
      ["room/den", "rooms"],
    ] as const)
      this.net.own(slotOf("chat", actor), owner, {}, this.net.nodes);
  }

  #start(node: NodeId): void {
    const { net } = this;
    const exchange = net.exchange(node);
    const asks = new OpenAsks(net.world.dice);
    const routing: RoutingPart = createRouting({
      asks,
      directoryNode: () => undefined,
      node,
      exchange,
      table: net.table(node),
      membership: net.membership(node),
      clock: net.clock(),
      random: net.world.dice,
      log: quietLog,
      meter: quietMeter,
      kernel: () => ({
        slotOf: (actor: ActorId): SlotId | undefined => routing.slotOf("chat", actor),
        left: () => undefined,
        receive: (_slot, envelope) => {
          this.served.push(`${envelope.from}: ${String(envelope.message["text"])}`);
          const to = (envelope as Ask).replyTo;
          if (to !== undefined) routing.answer(to, ok({}));
        },
      }),
      identity: {
        signer: () => (this.keyless.has(node) ? undefined : signerOf(node)),
        required: () => this.required,
        authenticate: async (user, tokenHash): Promise<Result<unknown>> => {
          this.asked += 1;
          if (this.tokens.get(tokenHash) !== user) return refused(failure("UNAUTHENTICATED"));
          const answer: Authenticated = { user, admin: false, roles: ["member"], session: `s-${tokenHash}`, kind: "session" }; // prettier-ignore
          return ok(answer);
        },
      },
    });
    this.parts.set(node, { routing, exchange });
  }

  /** Sends in somebody's name from a node; gives what became of it after so long. */
  send(node: NodeId, from: ActorId, text: string): () => Result<unknown> | undefined {
    let answer: Result<unknown> | undefined;
    const { routing } = this.parts.get(node) as { routing: RoutingPart };
    const envelope: Outgoing = { type: "ask", to: "room/den", from, message: { type: "post", text }, operation: `${node} ${text}`, chain: [] } as never; // prettier-ignore
    routing.send(slotOf("chat", "room/den"), envelope, this.net.clock().monotonicMs() + 5_000, (result) => {
      answer = result;
    });
    return () => answer;
  }

  async signIn(node: NodeId, user: string, tokenHash: string): Promise<void> {
    this.tokens.set(tokenHash, user);
    const part = this.parts.get(node) as { routing: RoutingPart };
    const signedIn = part.routing.signedIn(user, tokenHash);
    await this.pass(100);
    await signedIn;
  }

  /** Lets time pass, and promises with it. */
  pass(ms: number): Promise<void> {
    return this.net.world.pass(ms);
  }
}

describe("identity over the mesh", () => {
  it("lets a gateway act for who is signed in there", async () => {
    const cluster = new Cluster();
    await cluster.signIn("gate", "ada", "t1");
    const answers = ["one", "two", "three"].map((text) => cluster.send("gate", "user/ada", text));
    await cluster.pass(500);
    for (const answer of answers) expect(answer()?.ok).to.equal(true);
    expect(cluster.served).to.deep.equal(["user/ada: one", "user/ada: two", "user/ada: three"]);
    expect(cluster.asked, "vouched for once").to.equal(1);
  });

  it("asks again at a node that had no key yet: no session ends by that", async () => {
    const cluster = new Cluster();
    cluster.keyless.add("home");
    await cluster.signIn("gate", "ada", "t1");
    const answer = cluster.send("gate", "user/ada", "one");
    await cluster.pass(500);
    expect(cluster.served).to.deep.equal([]);
    cluster.keyless.delete("home");
    await cluster.pass(4_000);
    expect(answer()?.ok).to.equal(true);
    expect(cluster.served).to.deep.equal(["user/ada: one"]);
  });

  it("holds up nobody else behind somebody who is not proven: the question who that is may be behind", async () => {
    const cluster = new Cluster();
    await cluster.signIn("gate", "bob", "t2");
    const hers = ["one", "two"].map((text) => cluster.send("gate", "user/ada", text));
    const others = (["gateway", "user/bob"] as const).map((from) => cluster.send("gate", from as ActorId, "mine"));
    await cluster.pass(300);
    for (const answer of others) expect(answer()?.ok).to.equal(true);
    expect(hers[0]?.()).to.equal(undefined);
    await cluster.signIn("gate", "ada", "t1");
    hers.push(cluster.send("gate", "user/ada", "three"));
    await cluster.pass(1_000);
    for (const answer of hers) expect(answer()?.ok).to.equal(true);
    expect(cluster.served).to.deep.equal(["gateway: mine", "user/bob: mine", "user/ada: one", "user/ada: two", "user/ada: three"]); // prettier-ignore
  });

  it("keeps what each sends in order, whenever each is proven and wherever people's slots are", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom("send", "send", "send", "signIn", "move", "pass"), fc.nat(2), fc.nat(60)), {
          minLength: 5,
          maxLength: 40,
        }),
        async (steps) => {
          const cluster = new Cluster();
          const names = ["user/ada", "user/bob", "gateway"] as const;
          const sent: string[] = [];
          const answers: (() => Result<unknown> | undefined)[] = [];
          for (const [step, who, ms] of steps) {
            const name = names[who] as (typeof names)[number];
            const user = name.slice("user/".length);
            if (step === "send") {
              sent.push(`${name}: ${sent.length}`);
              answers.push(cluster.send("gate", name as ActorId, String(sent.length - 1)));
            } else if (step === "pass") await cluster.pass(ms);
            else if (name === "gateway") continue;
            else if (step === "signIn") await cluster.signIn("gate", user, `token of ${user}`);
            else cluster.net.own(slotOf("chat", name), ms % 2 === 0 ? "home" : "rooms", {}, cluster.net.nodes);
          }
          for (const user of ["ada", "bob"]) await cluster.signIn("gate", user, `token of ${user}`);
          await cluster.pass(3_000);
          for (const answer of answers) expect(answer()?.ok).to.equal(true);
          // What is served again has the same operation: only the first time counts.
          const first = [...new Set(cluster.served)];
          for (const name of names) {
            const of = (all: readonly string[]) => all.filter((one) => one.startsWith(`${name}: `));
            expect(of(first)).to.deep.equal(of(sent));
          }
        },
      ),
      { numRuns: 60 },
    ));

  it("lets no node but its owner speak for the role-manager, whose word accounts take for their roles", async () => {
    const cluster = new Cluster();
    const manager: ActorId = "role-manager/cluster";
    const slot = slotOf("chat", manager);
    cluster.net.own(slot, "home", {}, cluster.net.nodes);
    const forged = cluster.send("bad", manager, "forged");
    const honest = cluster.send("home", manager, "roles");
    await cluster.pass(6_000);
    expect(honest()?.ok).to.equal(true);
    expect(forged()).to.have.nested.property("error.code", "IDENTITY_UNPROVEN");
    expect(cluster.served).to.deep.equal(["role-manager/cluster: roles"]);
    // Whoever owns it since is heard, and others before they all ask for proofs.
    cluster.net.own(slot, "gate", {}, cluster.net.nodes);
    const moved = cluster.send("gate", manager, "moved");
    await cluster.pass(500);
    expect(moved()?.ok).to.equal(true);
    cluster.required = false;
    const older = cluster.send("bad", manager, "older");
    await cluster.pass(500);
    expect(older()?.ok).to.equal(true);
  });

  it("lets a gateway that was taken over act for nobody else", async () => {
    const cluster = new Cluster();
    await cluster.signIn("bad", "bob", "t2");
    const own = cluster.send("bad", "user/bob", "mine");
    await cluster.pass(200);
    expect(own()?.ok).to.equal(true);
    const forged = cluster.send("bad", "user/ada", "forged");
    await cluster.pass(6_000);
    expect(forged()?.ok).to.equal(false);
    expect(cluster.served).to.deep.equal(["user/bob: mine"]);
  });

  it("takes neither an assertion of another gateway, nor one that it signed itself, nor one that was changed", async () => {
    const cluster = new Cluster();
    await cluster.signIn("gate", "ada", "t1");
    const seen: Assertion[] = [];
    cluster.net.onSend = (_from, _to, message) => {
      const [name, , body] = message as [string, number, { assertion: Assertion }];
      if (name === "identity.present") seen.push(structuredClone(body.assertion));
    };
    cluster.send("gate", "user/ada", "hers");
    await cluster.pass(200);
    const [stolen] = seen as [Assertion];
    expect(stolen).to.deep.include({ user: "ada", gateway: "gate", signer: "home" });
    const { exchange } = cluster.parts.get("bad") as { exchange: Exchange };
    const renamed = { ...stolen, gateway: "bad" };
    const bytes = { ...stolen, gateway: "bad", signer: "bad" };
    const selfMade = { ...bytes, signature: signerOf("bad").sign(assertionBytes(bytes)) };
    for (const assertion of [stolen, renamed, selfMade]) exchange.send("rooms", "identity.present", { assertion });
    const forged = cluster.send("bad", "user/ada", "forged");
    await cluster.pass(6_000);
    expect(forged()?.ok).to.equal(false);
    expect(cluster.served).to.deep.equal(["user/ada: hers"]);
  });

  it("goes on when the person's slot moves, and ends when the session does", async () => {
    const cluster = new Cluster();
    await cluster.signIn("gate", "ada", "t1");
    cluster.net.own(slotOf("chat", "user/ada"), "rooms", {}, cluster.net.nodes);
    const moved = cluster.send("gate", "user/ada", "after");
    await cluster.pass(1_000);
    expect(moved()?.ok).to.equal(true);
    cluster.net.own(slotOf("chat", "user/ada"), "home", {}, cluster.net.nodes);
    const again = cluster.send("gate", "user/ada", "again");
    await cluster.pass(1_000);
    expect(again()?.ok).to.equal(true);
    cluster.tokens.clear();
    await cluster.pass(routingLimits.identityLifeMs + routingLimits.identitySkewMs);
    const late = cluster.send("gate", "user/ada", "late");
    await cluster.pass(6_000);
    expect(late()?.ok).to.equal(false);
    expect(cluster.served).to.not.include("user/ada: late");
  });

  it("asks for nothing before the cluster does, and serves again who comes with the proof then", async () => {
    const cluster = new Cluster();
    cluster.required = false;
    await cluster.signIn("gate", "ada", "t1");
    expect(cluster.asked).to.equal(0);
    cluster.send("gate", "user/ada", "before");
    await cluster.pass(100);
    cluster.required = true;
    const after = cluster.send("gate", "user/ada", "after");
    await cluster.pass(1_000);
    expect(after()?.ok).to.equal(true);
    expect(cluster.served).to.deep.equal(["user/ada: before", "user/ada: after"]);
  });

  it("is judged by a pure rule, the signature last", () => {
    const said = {
      user: "ada",
      session: "s",
      roles: ["member"],
      gateway: "gate",
      signer: "home",
      expiresAtMs: 100_000,
    };
    const assertion = { ...said, signature: signerOf("home").sign(assertionBytes(said)) };
    const isSigned: IdentitySigner["isSigned"] = (...given) => signerOf("rooms").isSigned(...given);
    const at = { from: "gate", nowMs: 50_000, owner: "home", lifeMs: 60_000, skewMs: 30_000, isSigned };
    expect(faultOf(assertion, at)).to.equal(undefined);
    for (const wrong of [
      { from: "bad" },
      { owner: "rooms" },
      { owner: undefined },
      { nowMs: 130_000 },
      { nowMs: 9_999 },
      { isSigned: () => false },
    ])
      expect(faultOf(assertion, { ...at, ...wrong }), JSON.stringify(wrong)).to.be.a("string");
    for (const change of [{ user: "bob" }, { session: "x" }, { roles: ["owner"] }, { expiresAtMs: 100_001 }])
      expect(faultOf({ ...assertion, ...change }, at), JSON.stringify(change)).to.equal("its signature is wrong");
  });

  it("costs an envelope one look-up: the signature is checked once a line and person", () => {
    const said = {
      user: "ada",
      session: "s",
      roles: ["member"],
      gateway: "gate",
      signer: "home",
      expiresAtMs: 100_000,
    };
    const assertion = { ...said, signature: signerOf("home").sign(assertionBytes(said)) };
    let checked = 0;
    const isSigned: IdentitySigner["isSigned"] = (...given) => {
      checked += 1;
      return signerOf("rooms").isSigned(...given);
    };
    faultOf(assertion, { from: "bad", nowMs: 50_000, owner: "home", lifeMs: 60_000, skewMs: 30_000, isSigned });
    expect(checked, "nothing that fails before costs a check").to.equal(0);
  });
});

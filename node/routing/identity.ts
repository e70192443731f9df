/** The nodes that may send in a person's name: the one that owns the person's slot, and a gateway to which that node
 *  has vouched for a session.
 *
 *      gateway ── vouch: user, hash of the token ──► owner of user/ada: asks the actor, signs
 *         │  ◄────────── assertion: session, roles, gateway, expiry ──┘
 *         ├── present: assertion ─► owner of room/lobby: signer owns user/ada? this gateway? signed? in time? ─► kept
 *         └── envelopes from user/ada ─► served; without it IDENTITY_UNPROVEN, and the gateway sends them again
 *
 *  Invariant: while the cluster asks for it, nothing from `user/X` is served that came from another node than the owner
 *  of X, or from one whose assertion for X holds, and nothing from the role-manager that came from another than its
 *  owner. docs/decisions/0079-identity-over-the-mesh.md says what this does not stop. */
import { encode, failure, ok, refused, type ActorId, type Authenticated, type Result } from "../../protocols/index.ts";
import type { Assertion } from "../../protocols/mesh/index.ts";
import type { NodeId } from "../ports/index.ts";
import type { RoutingPorts } from "./ports.ts";
import { within } from "../waiting.ts";
import type { RoutingLimits } from "./limits.ts";

/** What is signed: its purpose first, so that no signature for something else can be taken for it. */
export const assertionBytes = (said: Omit<Assertion, "signature">): Uint8Array => {
  const { user, session, roles, gateway, signer, expiresAtMs } = said;
  return encode(["plexus identity 1", user, session, roles, gateway, signer, expiresAtMs]);
};

/** Why an assertion that a peer presents counts for nothing; undefined: it holds. The signature is looked at last,
 *  because it costs. */
export function faultOf(
  said: Assertion,
  at: {
    readonly from: NodeId;
    readonly nowMs: number;
    readonly owner: NodeId | undefined;
    readonly lifeMs: number;
    readonly skewMs: number;
    isSigned(by: NodeId, bytes: Uint8Array, signature: Uint8Array): boolean;
  },
): string | undefined {
  const { from, nowMs, owner, lifeMs, skewMs } = at;
  if (said.gateway !== from) return "it is for another gateway";
  if (said.signer !== owner) return "its signer does not own the person's slot";
  if (said.expiresAtMs <= nowMs - skewMs) return "it is over";
  if (said.expiresAtMs > nowMs + lifeMs + skewMs) return "it would hold longer than any does";
  return at.isSigned(said.signer, assertionBytes(said), said.signature) ? undefined : "its signature is wrong";
}

/** A person with sessions at this gateway. */
interface Held {
  /** Hashes of their tokens, the one seen last at the end. */
  hashes: readonly string[];
  said: Assertion | undefined;
  asking: boolean;
}

const nameOf = (sender: string): string | undefined =>
  sender.startsWith("user/") ? sender.slice("user/".length) : undefined;

/** Accounts believe the role-manager which roles they have: no other node than its owner speaks in its name. */
const isOfPower = (sender: string): boolean => sender.startsWith("role-manager/");

export class Identities {
  readonly #ports: RoutingPorts;
  readonly #limits: RoutingLimits;
  /** The one used last at the end. */
  readonly #held = new Map<string, Held>();
  /** What was presented to peers: until when they have it. */
  readonly #given = new Map<NodeId, Map<string, number>>();
  /** What peers presented: until when it holds. */
  readonly #taken = new Map<NodeId, Map<string, number>>();

  constructor(ports: RoutingPorts, limits: RoutingLimits) {
    this.#ports = ports;
    this.#limits = limits;
    const { exchange } = ports;
    exchange.on("identity.vouch", (asked, from) => this.#vouch(asked, from));
    exchange.on("identity.present", ({ assertion }, from) => this.#presented(assertion, from));
    exchange.onPeer({
      disconnected: (peer) => {
        this.#given.delete(peer);
        this.#taken.delete(peer);
      },
    });
  }

  /** A token of this person was found good here. Resolves when others can be shown that, or nobody vouches for it
   *  now. */
  async hold(user: string, tokenHash: string): Promise<void> {
    if (this.#ports.identity === undefined) return;
    const before = this.#held.get(user);
    const hashes = [...(before?.hashes ?? []).filter((one) => one !== tokenHash), tokenHash].slice(
      -this.#limits.identityTokensMax,
    );
    const held = before ?? { hashes, said: undefined, asking: false };
    held.hashes = hashes;
    this.#held.delete(user);
    this.#held.set(user, held);
    const [oldest] = this.#held.keys();
    if (this.#held.size > this.#limits.identitiesHeldMax && oldest !== undefined) this.#held.delete(oldest);
    if (!this.#isRequired() || !this.#isOld(user, held)) return;
    await within(this.#ports.clock, this.#limits.identityHoldMs, this.#renew(user, held));
  }

  /** Shows a peer, ahead of what is sent to it in a person's name, that the person is here. */
  present(target: NodeId, sender: string): void {
    const user = nameOf(sender);
    if (user === undefined || !this.#isRequired() || this.#ownerOf(sender) === this.#ports.node) return;
    const held = this.#held.get(user);
    if (held === undefined) return;
    if (this.#isOld(user, held)) void this.#renew(user, held);
    const { said } = held;
    if (said === undefined) return;
    const given = this.#given.get(target) ?? new Map<string, number>();
    this.#given.set(target, given);
    if (given.get(user) === said.expiresAtMs) return;
    if (this.#ports.exchange.send(target, "identity.present", { assertion: said }))
      put(given, user, said.expiresAtMs, this.#limits.identitiesHeldMax);
  }

  /** The peer took nothing that was presented: it is presented again, by the node that owns the person's slot now. */
  unproven(target: NodeId, sender: string): void {
    const user = nameOf(sender);
    if (user === undefined) return;
    this.#given.get(target)?.delete(user);
  }

  /** Whether a peer may send in this name. */
  maySend(peer: NodeId, sender: string): boolean {
    if (!this.#isRequired()) return true;
    const user = nameOf(sender);
    if (user === undefined) return !isOfPower(sender) || this.#ownerOf(sender) === peer;
    const untilMs = this.#taken.get(peer)?.get(user);
    if (untilMs !== undefined && untilMs > this.#ports.clock.monotonicMs()) return true;
    return this.#ownerOf(sender) === peer;
  }

  #isRequired(): boolean {
    return this.#ports.identity?.required() ?? false;
  }

  #ownerOf(actor: string): NodeId | undefined {
    const slot = this.#ports.slotOf(actor as ActorId);
    return slot && this.#ports.ownerOf(slot);
  }

  /** Whether it ends soon, or the node that signed it no longer owns the person's slot. */
  #isOld(user: string, { said }: Held): boolean {
    if (said === undefined) return true;
    const leftMs = said.expiresAtMs - this.#ports.clock.nowMs();
    return leftMs < this.#limits.identityLifeMs / 2 || said.signer !== this.#ownerOf(`user/${user}`);
  }

  async #renew(user: string, held: Held): Promise<void> {
    if (held.asking) return;
    held.asking = true;
    try {
      for (const tokenHash of held.hashes.toReversed()) {
        const owner = this.#ownerOf(`user/${user}`);
        if (owner === undefined) return;
        const { identityAskTimeoutMs } = this.#limits;
        const answer = await this.#ports.exchange.call(
          owner,
          "identity.vouch",
          { user, tokenHash },
          identityAskTimeoutMs,
        );
        if (answer.ok) {
          held.said = answer.value.assertion;
          return;
        }
        if (answer.error.code !== "UNAUTHENTICATED" && answer.error.code !== "NOT_FOUND") return;
        // That session is over.
        held.hashes = held.hashes.filter((one) => one !== tokenHash);
      }
      this.#held.delete(user);
    } finally {
      held.asking = false;
    }
  }

  /** As the owner of the person's slot: signs for the peer that asks, and for no other. */
  async #vouch(
    { user, tokenHash }: { readonly user: string; readonly tokenHash: string },
    from: NodeId,
  ): Promise<Result<{ readonly assertion: Assertion }>> {
    const { node, clock, identity } = this.#ports;
    const signer = identity?.signer();
    const to: ActorId = `user/${user}`;
    if (identity === undefined || signer === undefined)
      // Not that the session is over: it is asked again.
      return refused(failure("SLOT_UNAVAILABLE", { reason: "this node has no key yet" }));
    if (this.#ownerOf(to) !== node) return refused(failure("MOVED", { actor: to }));
    const { identityAskTimeoutMs, identityLifeMs } = this.#limits;
    const answer = await identity.authenticate(user, tokenHash, identityAskTimeoutMs);
    if (!answer.ok) return answer;
    const { session, roles = [], expiresAtMs = Number.MAX_SAFE_INTEGER } = answer.value as Authenticated;
    const said = {
      user,
      session,
      roles: [...roles],
      gateway: from,
      signer: node,
      expiresAtMs: Math.floor(Math.min(expiresAtMs, clock.nowMs() + identityLifeMs)),
    };
    return ok({ assertion: { ...said, signature: signer.sign(assertionBytes(said)) } });
  }

  #presented(said: Assertion, from: NodeId): void {
    const { clock, identity, meter, log } = this.#ports;
    const signer = identity?.signer();
    if (signer === undefined) return;
    const nowMs = clock.nowMs();
    const fault = faultOf(said, {
      from,
      nowMs,
      owner: this.#ownerOf(`user/${said.user}`),
      lifeMs: this.#limits.identityLifeMs,
      skewMs: this.#limits.identitySkewMs,
      isSigned: (...signed) => signer.isSigned(...signed),
    });
    if (fault !== undefined) {
      meter.count("routing_identities_refused");
      log.warn("identity.refused", { from, by: said.user, signer: said.signer, reason: fault });
      return;
    }
    const taken = this.#taken.get(from) ?? new Map<string, number>();
    this.#taken.set(from, taken);
    const leftMs = Math.min(this.#limits.identityLifeMs, said.expiresAtMs - nowMs + this.#limits.identitySkewMs);
    put(taken, said.user, clock.monotonicMs() + leftMs, this.#limits.identitiesHeldMax);
  }
}

/** The newest at the end; beyond the bound the oldest goes. */
function put(map: Map<string, number>, key: string, value: number, max: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}

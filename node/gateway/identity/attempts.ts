/** Sign-ins under way: what somebody has proven so far at this node, until it is enough for a session.
 *
 *      begin ─► secret, in a cookie or with the program ─► find ─► take, which ends it ─► begin again, one proof more
 *
 *  Only a client with the secret goes on with the attempt. The secret is new after each proof, so an attacker who
 *  planted or saw the one before has nothing. An attempt is taken once. It lies in memory, at the node where it was
 *  begun: lost with it, it is begun again. */
import type { Fact } from "../../../protocols/index.ts";
import type { Clock, Random } from "../../ports/index.ts";
import type { GatewayLimits } from "../limits.ts";
import { sha256 } from "./tokens.ts";

/** One sign-in under way. */
export interface Attempt {
  /** Whose account it is; undefined: nothing is proven yet that says so. */
  readonly user?: string | undefined;
  readonly facts: readonly Fact[];
  /** What the next step was asked with: a challenge, the state of a redirect. Only who asked it reads it. */
  readonly asked?: unknown;
  readonly untilMs: number;
}

/** All of them at this node. */
interface Attempts {
  /** Gives the secret. `untilMs`: that of the attempt that it goes on with. */
  begin(attempt: Omit<Attempt, "untilMs"> & { readonly untilMs?: number | undefined }, address: string): string;
  find(secret: string): Attempt | undefined;
  /** What the next step was asked with, of the attempt that has this name (`attemptName`). */
  asked(name: string): unknown;
  /** Keeps what the next step was asked with, where that is known only now. */
  keep(secret: string, asked: unknown): void;
  /** Finds it and ends it. */
  take(secret: string): Attempt | undefined;
}

const secretBytes = 32;

/** By what others may know an attempt: it tells nothing of the secret. */
export const attemptName = (secret: string): string => sha256(secret);

/** Makes the table. Beyond its bounds the oldest of the same address goes, then the oldest of all: it is begun
 *  again. */
export function createAttempts(
  limits: Pick<GatewayLimits, "attemptMs" | "attemptsMax" | "attemptsPerAddressMax">,
  clock: Clock,
  random: Random,
): Attempts {
  /** By the hash of the secret, the oldest first. */
  const held = new Map<string, { readonly attempt: Attempt; readonly address: string }>();
  const counts = new Map<string, number>();

  function drop(hash: string): void {
    const one = held.get(hash);
    if (one === undefined) return;
    held.delete(hash);
    const left = (counts.get(one.address) ?? 1) - 1;
    if (left === 0) counts.delete(one.address);
    else counts.set(one.address, left);
  }

  function makeRoom(address: string): void {
    const nowMs = clock.monotonicMs();
    for (const [hash, { attempt }] of held) {
      if (attempt.untilMs > nowMs) break;
      drop(hash);
    }
    if ((counts.get(address) ?? 0) >= limits.attemptsPerAddressMax)
      for (const [hash, one] of held)
        if (one.address === address) {
          drop(hash);
          break;
        }
    const [oldest] = held.keys();
    if (held.size >= limits.attemptsMax && oldest !== undefined) drop(oldest);
  }

  const named = (name: string): Attempt | undefined => {
    const attempt = held.get(name)?.attempt;
    return attempt !== undefined && attempt.untilMs > clock.monotonicMs() ? attempt : undefined;
  };
  const find = (secret: string): Attempt | undefined => named(attemptName(secret));

  return {
    begin(attempt, address) {
      makeRoom(address);
      const secret = Buffer.from(random.bytes(secretBytes)).toString("base64url");
      const untilMs = attempt.untilMs ?? clock.monotonicMs() + limits.attemptMs;
      held.set(sha256(secret), { attempt: { ...attempt, untilMs }, address });
      counts.set(address, (counts.get(address) ?? 0) + 1);
      return secret;
    },
    find,
    asked: (name) => named(name)?.asked,
    keep(secret, asked) {
      const one = held.get(attemptName(secret));
      if (one !== undefined) held.set(attemptName(secret), { ...one, attempt: { ...one.attempt, asked } });
    },
    take(secret) {
      const attempt = find(secret);
      drop(sha256(secret));
      return attempt;
    },
  };
}

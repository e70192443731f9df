/** Claims on mail addresses and identities, as the gateway takes them for accounts. An account keeps its own by itself
 *  (`actors/claim`). */
import {
  actorId,
  failure,
  identityOf,
  ok,
  plainAddress,
  refused,
  type ClaimHolder,
  type ClaimTaken,
  type ErrorCode,
  type Identity,
  type Result,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import type { GatewayContext } from "../options.ts";
import { sha256 } from "./tokens.ts";

/** The key of the claim on a mail address. */
export const mailClaim = (address: string): string => `mail.${sha256(plainAddress(address))}`;

/** The key of the claim on an identity. */
export const identityClaim = (identity: Pick<Identity, "issuer" | "subject">): string =>
  `identity.${sha256(identityOf(identity))}`;

/** What is asked of claims. */
interface Claiming {
  /** The account that has it; undefined: none has. */
  holder(claim: string): Promise<Result<string | undefined>>;
  /** Takes it for an account. `taken`: the error where another one has it. */
  take(claim: string, user: string, taken: ErrorCode): Promise<Result<ClaimTaken>>;
  /** Gives it back, where the account has not kept it. */
  release(claim: string, user: string): Promise<Result<unknown>>;
}

/** On the actors of claims. */
export function claimsAt({ kernel, limits }: Pick<GatewayContext, "kernel" | "limits">): Claiming {
  const ask = async <T>(claim: string, message: Message): Promise<Result<T>> =>
    (await kernel.ask({
      to: actorId("claim", claim),
      from: "gateway",
      message,
      timeoutMs: limits.askTimeoutMs,
    })) as Result<T>;
  return {
    async holder(claim) {
      const found = await ask<ClaimHolder>(claim, { type: "find" });
      return found.ok ? ok(found.value.user) : found;
    },
    async take(claim, user, taken) {
      const answer = await ask<ClaimTaken>(claim, { type: "take", user });
      return answer.ok || answer.error.code !== "NAME_TAKEN" ? answer : refused(failure(taken));
    },
    release: (claim, user) => ask(claim, { type: "release", user }),
  };
}

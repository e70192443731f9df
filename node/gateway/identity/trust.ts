import type { Clock, Hub } from "../../ports/index.ts";
import type { GatewayLimits } from "../limits.ts";
import type { TokenClaim } from "./tokens.ts";
import type { Caller } from "./callers.ts";

/** Tokens in steady use, whose person's actor need not be asked at each request.
 *
 *      good again soon after ─► its person is followed ─► the actor is asked ─► trusted, counted from the question on
 *                                   │ a session was revoked, the profile was set, events may be missing
 *                                   ▼
 *                               nothing of the person is trusted: the next request asks
 *
 *  Invariant: who is trusted was found good by the actor at most `tokenTrustMs` ago, whatever of the person's events
 *  was lost. With the events it ends at once. Only tokens that were good come here, so a flood of wrong ones leaves
 *  nothing; and only their hashes. */
interface Trust {
  /** Whose token it is that has this hash; undefined: its actor has to be asked. */
  find(tokenHash: string): Caller | undefined;
  /** Called before the actor is asked about a token that was good a moment ago. What it gives back takes a good
   *  answer. */
  begin(claim: TokenClaim): (caller: Caller) => void;
  /** Follows nobody any more. */
  stop(): void;
}

type TrustLimits = Pick<GatewayLimits, "tokenTrustMs" | "tokenFollowedMs" | "tokensTrustedMax">;

/** A person who is followed. */
interface Followed {
  /** Hashes of this person's tokens that are trusted, or were. */
  readonly hashes: Set<string>;
  /** How often something ended trust: an answer to a question from before that may be older. */
  ended: number;
  usedAtMs: number;
  stop: () => void;
}

/** Events of a person's own stream after which who is trusted may be another. */
const ending: ReadonlySet<unknown> = new Set(["sessionRevoked", "profileSet"]);

/** Makes it. */
export function createTrust(at: { readonly hub: Hub; readonly clock: Clock; readonly limits: TrustLimits }): Trust {
  const { hub, clock, limits } = at;
  /** The one used last at the end. */
  const people = new Map<string, Followed>();
  /** By hash; of people who are followed. */
  const tokens = new Map<string, { readonly caller: Caller; readonly untilMs: number }>();

  function follow(user: string): Followed {
    const followed: Followed = { hashes: new Set(), ended: 0, usedAtMs: 0, stop: () => undefined };
    const end = (): void => {
      followed.ended += 1;
      forget(followed, () => true);
    };
    const hear = (event: unknown): void => {
      if (ending.has((event as { readonly type?: unknown }).type)) end();
    };
    followed.stop = hub.follow(`user/${user}`, hear, end);
    return followed;
  }

  function forget({ hashes }: Followed, which: (hash: string) => boolean): void {
    for (const hash of hashes)
      if (which(hash)) {
        hashes.delete(hash);
        tokens.delete(hash);
      }
  }

  function leave(user: string, followed: Followed): void {
    people.delete(user);
    forget(followed, () => true);
    followed.stop();
  }

  return {
    find(tokenHash) {
      const held = tokens.get(tokenHash);
      if (held === undefined || held.untilMs <= clock.monotonicMs()) return undefined;
      return held.caller.expiresAtMs > clock.nowMs() ? held.caller : undefined;
    },
    begin({ user, tokenHash }) {
      const nowMs = clock.monotonicMs();
      const followed = people.get(user) ?? follow(user);
      people.delete(user);
      people.set(user, followed);
      followed.usedAtMs = nowMs;
      for (const [other, one] of people) {
        if (people.size <= limits.tokensTrustedMax && nowMs - one.usedAtMs <= limits.tokenFollowedMs) break;
        leave(other, one);
      }
      const { ended } = followed;
      return (caller) => {
        if (followed.ended !== ended || people.get(user) !== followed) return;
        forget(followed, (hash) => (tokens.get(hash)?.untilMs ?? 0) <= nowMs);
        followed.hashes.add(tokenHash);
        tokens.set(tokenHash, { caller, untilMs: nowMs + limits.tokenTrustMs });
      };
    },
    stop() {
      for (const [user, followed] of people) leave(user, followed);
    },
  };
}

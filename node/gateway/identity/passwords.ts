import { Piscina } from "piscina";
import { failure, ok, refused, type Failure, type Result } from "../../../protocols/index.ts";
import { FairQueue } from "../../../runtimes/fair-queue.ts";
import type { Clock, Random } from "../../ports/index.ts";
import type { GatewayLimits } from "../limits.ts";
import runHere, { type HashTask } from "./password-thread.ts";

/** Whose turn it is. A flood of new accounts, or of guesses, must not keep those out who were here before: the three
 *  take turns, each with places of its own, and within each the addresses do. */
export interface Waiter {
  /** `known`: signed in, or on a device on which somebody signed in with the right password. */
  readonly share: "known" | "signIn" | "signUp";
  readonly address: string;
}

/** Slow hashes, a bounded number at once, on threads of their own. Both answer OVERLOADED when too many wait, with the
 *  wait after which a place is likely free: each who is refused has another time, so that they do not come again
 *  together. */
interface Passwords {
  hash(password: string, waiter: Waiter): Promise<Result<string>>;
  /** Without a hash (nobody by this name) it takes as long and answers false. */
  verify(passwordHash: string | undefined, password: string, waiter: Waiter): Promise<Result<boolean>>;
  /** What both would answer now if no place is free, before anything else is done for the caller. */
  full(waiter: Waiter): Failure | undefined;
  stop(): void;
}

const shares = 3;

/** A hash that costs less is not worth a thread: those of tests. */
const smallKiB = 4_096;

/** Of the time that a hash took, what counts of the newest one. */
const newestShare = 0.2;

/** A hash of no password, made of random bytes: checking against it costs what checking a real one costs. */
function hashOfNothing({ passwordMemoryKiB, passwordPasses }: GatewayLimits, random: Random): string {
  const base64 = (count: number) => Buffer.from(random.bytes(count)).toString("base64").replaceAll("=", "");
  return `$argon2id$v=19$m=${passwordMemoryKiB},t=${passwordPasses},p=1$${base64(16)}$${base64(32)}`;
}

/** Makes the argon2id hasher. It starts no thread before there is a password. */
export function createPasswords(limits: GatewayLimits, random: Random, clock: Clock): Passwords {
  const nobody = hashOfNothing(limits, random);
  const places = { max: shares * limits.passwordsWaitingMax, perShareMax: limits.passwordsWaitingMax };
  /** Each is told whether it may begin. */
  const waiting = new FairQueue<(begins: boolean) => void>();
  let running = 0;
  let tookMs = limits.passwordTypicalMs;
  /** When the next of those who were sent back may come. */
  let nextAtMs = Number.NEGATIVE_INFINITY;
  let pool: Piscina<HashTask, string | boolean> | undefined;

  async function run(task: HashTask): Promise<string | boolean> {
    if (limits.passwordMemoryKiB < smallKiB) return runHere(task);
    pool ??= new Piscina<HashTask, string | boolean>({
      filename: new URL("./password-thread.ts", import.meta.url).href,
      minThreads: 0,
      maxThreads: limits.passwordsAtOnce,
      idleTimeout: limits.passwordThreadIdleMs,
      execArgv: [],
    });
    const sinceMs = clock.monotonicMs();
    const answer = await pool.run(task);
    tookMs += newestShare * (clock.monotonicMs() - sinceMs - tookMs);
    return answer;
  }

  /** Sends somebody back, until the places of now and of those who were sent back before are through. */
  function overloaded(): Failure {
    const nowMs = clock.monotonicMs();
    const eachMs = tookMs / limits.passwordsAtOnce;
    const lineMs = nowMs + eachMs * (waiting.size + 1);
    nextAtMs = Math.min(Math.max(nextAtMs + eachMs, lineMs), nowMs + limits.passwordRetryMsMax);
    return failure("OVERLOADED", { retryAfterMs: Math.ceil(nextAtMs - nowMs) });
  }

  async function turn<T>({ share, address }: Waiter, work: () => Promise<T>): Promise<Result<T>> {
    if (running < limits.passwordsAtOnce) running += 1;
    else {
      // A turn that ends hands its place over, so `running` does not change here.
      const begins = await new Promise<boolean>((resolve) => {
        const joined = waiting.join(share, address, resolve, places);
        if (joined.type === "full") resolve(false);
        else if (joined.type === "displaced") joined.item(false);
      });
      if (!begins) return refused(overloaded());
    }
    try {
      return ok(await work());
    } finally {
      const next = waiting.next();
      if (next === undefined) running -= 1;
      else next(true);
    }
  }

  return {
    hash: (password, waiter) =>
      turn(waiter, async () => {
        const { passwordMemoryKiB: memoryKiB, passwordPasses: passes } = limits;
        return String(await run({ type: "hash", password, memoryKiB, passes }));
      }),
    verify: (passwordHash, password, waiter) =>
      turn(waiter, async () => {
        const right = await run({ type: "verify", password, hash: passwordHash ?? nobody });
        return right === true && passwordHash !== undefined;
      }),
    full: ({ share, address }) =>
      running < limits.passwordsAtOnce || waiting.hasPlace(share, address, places) ? undefined : overloaded(),
    stop: () => void pool?.destroy(),
  };
}

import { hash, verify } from "@node-rs/argon2";
import { failure, ok, refused, type Result } from "../../protocols/index.ts";
import { FairQueue } from "../../runtimes/fair-queue.ts";
import type { Random } from "../ports.ts";
import type { GatewayLimits } from "./limits.ts";

/** Whose turn it is. A flood of new accounts, or of guesses, must not keep those out who were here before: the three take turns,
 *  each with places of its own, and within each the addresses do. */
export interface Waiter {
  /** `known`: signed in, or on a device on which somebody signed in with the right password. */
  readonly share: "known" | "signIn" | "signUp";
  readonly address: string;
}

/** Slow hashes, a bounded number at once. Both answer OVERLOADED when too many wait. */
export interface Passwords {
  hash(password: string, waiter: Waiter): Promise<Result<string>>;
  /** Without a hash (nobody by this name) it takes as long and answers false. */
  verify(passwordHash: string | undefined, password: string, waiter: Waiter): Promise<Result<boolean>>;
}

const shares = 3;

/** Makes the argon2id hasher. */
export function createPasswords(limits: GatewayLimits, random: Random): Passwords {
  const base64 = (count: number) => Buffer.from(random.bytes(count)).toString("base64").replaceAll("=", "");
  // A hash of no password, made of random bytes: checking against it costs what checking a real one costs.
  const nobody = `$argon2id$v=19$m=${limits.passwordMemoryKiB},t=${limits.passwordPasses},p=1$${base64(16)}$${base64(32)}`;
  const places = { max: shares * limits.passwordsWaitingMax, perShareMax: limits.passwordsWaitingMax };
  /** Each is told whether it may begin. */
  const waiting = new FairQueue<(begins: boolean) => void>();
  let running = 0;

  async function turn<T>({ share, address }: Waiter, work: () => Promise<T>): Promise<Result<T>> {
    if (running < limits.passwordsAtOnce) running += 1;
    else {
      // Whoever ends hands its place over, so `running` does not change here.
      const begins = await new Promise<boolean>((resolve) => {
        const joined = waiting.join(share, address, resolve, places);
        if (joined.type === "full") resolve(false);
        else if (joined.type === "displaced") joined.item(false);
      });
      if (!begins) return refused(failure("OVERLOADED"));
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
    // The library's default algorithm is argon2id; its enum exists for the type checker only.
    hash: (password, waiter) =>
      turn(waiter, () =>
        hash(password, { memoryCost: limits.passwordMemoryKiB, timeCost: limits.passwordPasses, parallelism: 1 }),
      ),
    verify: (passwordHash, password, waiter) =>
      turn(waiter, async () => (await verify(passwordHash ?? nobody, password)) && passwordHash !== undefined),
  };
}

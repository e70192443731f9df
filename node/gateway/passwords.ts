import { hash, verify } from "@node-rs/argon2";
import { failure, ok, refused, type Result } from "../../protocols/index.ts";
import type { Random } from "../ports.ts";
import type { GatewayLimits } from "./limits.ts";

/** Slow hashes, a bounded number at once. Both answer OVERLOADED when too many wait. */
export interface Passwords {
  hash(password: string): Promise<Result<string>>;
  /** Without a hash (nobody by this name) it takes as long and answers false. */
  verify(passwordHash: string | undefined, password: string): Promise<Result<boolean>>;
}

/** Makes the argon2id hasher. */
export function createPasswords(limits: GatewayLimits, random: Random): Passwords {
  const base64 = (count: number) => Buffer.from(random.bytes(count)).toString("base64").replaceAll("=", "");
  // A hash of no password, made of random bytes: checking against it costs what checking a real one costs.
  const nobody = `$argon2id$v=19$m=${limits.passwordMemoryKiB},t=${limits.passwordPasses},p=1$${base64(16)}$${base64(32)}`;
  const waiting: (() => void)[] = [];
  let running = 0;

  async function turn<T>(work: () => Promise<T>): Promise<Result<T>> {
    if (running >= limits.passwordsAtOnce) {
      if (waiting.length >= limits.passwordsWaitingMax) return refused(failure("OVERLOADED"));
      // Whoever ends hands its place over, so `running` does not change here.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running += 1;
    try {
      return ok(await work());
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  }

  return {
    // The library's default algorithm is argon2id; its enum exists for the type checker only.
    hash: (password) =>
      turn(() =>
        hash(password, { memoryCost: limits.passwordMemoryKiB, timeCost: limits.passwordPasses, parallelism: 1 }),
      ),
    verify: (passwordHash, password) =>
      turn(async () => (await verify(passwordHash ?? nobody, password)) && passwordHash !== undefined),
  };
}

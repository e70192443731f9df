/** Audits for tests: on a store in memory, with keys that sign for real, a clock that a test moves. */
import { generateKeyPairSync, sign, verify, type KeyObject } from "node:crypto";
import { createAudit, type Audit, type AuditLimits, type AuditSigner } from "../../../node/audit/index.ts";
import type { Clock, Store } from "../../../node/ports/index.ts";
import type { AuditEvent } from "../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";

/** Time that goes on when a test says so. */
export class TestClock implements Clock {
  ms = Date.UTC(2026, 0, 1);
  readonly #timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();

  nowMs(): number {
    return this.ms;
  }
  monotonicMs(): number {
    return this.ms;
  }
  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.ms + delayMs, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }
  soon(callback: () => void): void {
    queueMicrotask(callback);
  }
  /** Goes on, and calls back what is due. */
  advance(ms: number): void {
    this.ms += ms;
    for (const timer of [...this.#timers].toSorted((one, other) => one.dueMs - other.dueMs))
      if (timer.dueMs <= this.ms && this.#timers.delete(timer)) timer.callback();
  }
}

const keys = new Map<string, { readonly privateKey: KeyObject; readonly publicKey: KeyObject }>();

/** The key of a node of a test. */
export function signerOf(node: string): AuditSigner {
  const peer = `peer-${node}`;
  if (!keys.has(peer)) keys.set(peer, generateKeyPairSync("ed25519"));
  return {
    peer: () => Promise.resolve(peer),
    sign: (bytes) => Promise.resolve(sign(null, bytes, (keys.get(peer) as { privateKey: KeyObject }).privateKey)),
    isSigned(by, bytes, signature) {
      const known = keys.get(by);
      return Promise.resolve(known !== undefined && verify(null, bytes, known.publicKey, signature));
    },
  };
}

/** A node's id, as long as real ones. */
export const idOf = (name: string): string => Buffer.from(name.padEnd(8, "_")).toString("hex").slice(0, 16);

export const event = (more: Partial<AuditEvent> = {}): AuditEvent => ({
  action: "signIn",
  by: "user/ada",
  address: "192.0.2.7",
  outcome: "done",
  ...more,
});

/** Opens the audit of a node. */
export const openAudit = (
  at: { readonly store: Store; readonly clock: Clock; readonly limits?: Partial<AuditLimits> },
  name = "a",
  seed = 0,
): Promise<Audit> => {
  let next = seed;
  return createAudit({
    store: at.store,
    node: idOf(name),
    name: () => name,
    signer: signerOf(name),
    clock: at.clock,
    random: {
      number: () => 0.5,
      bytes: (count) => Uint8Array.from({ length: count }, () => (next += 7) & 0xff),
    },
    log: quietLog,
    meter: quietMeter,
    ...(at.limits && { limits: at.limits }),
  });
};

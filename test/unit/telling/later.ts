/** A node whose clock a test moves on by hand, and ada, who has an account there. */
import { createWorld, startFixture, type Fixture } from "../gateway/fixture.ts";

export interface LaterFixture {
  readonly fixture: Fixture;
  /** The token of ada. */
  readonly ada: string;
  /** Milliseconds by which the node's clock is ahead. */
  shiftMs: number;
  readonly asked: (token: string, method: string, path: string, body?: object) => ReturnType<Fixture["request"]>;
}

export async function startLater(): Promise<LaterFixture> {
  const world = createWorld();
  const real = world.clock();
  const later = { shiftMs: 0 };
  const fixture = await startFixture({ world, clock: { ...real, nowMs: () => real.nowMs() + later.shiftMs } });
  const ada = (await fixture.signUp("ada")).token;
  return Object.assign(later, {
    fixture,
    ada,
    asked: (token: string, method: string, path: string, body?: object) =>
      fixture.request(method, `/api/v1${path}`, { token, ...(body && { body }) }),
  });
}

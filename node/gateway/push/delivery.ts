/** Brings notices to the push services of browsers. */
import { hash } from "node:crypto";
import type { PushMessage } from "../../../protocols/index.ts";
import type { Clock, Log, Meter, Random } from "../../ports/index.ts";
import { backoffMs, withJitter } from "../../waiting.ts";
import type { Activity } from "../feeds/away.ts";
import type { GatewayLimits } from "../limits.ts";
import type { HeldPush, PushPort } from "../ports.ts";

/** What a browser is told, as it is at one moment. */
export interface Notice {
  readonly to: HeldPush;
  readonly message: PushMessage;
  readonly urgent: boolean;
}

/** A notice, and where it belongs: a newer one of the place replaces it at the push service. */
interface Delivery {
  readonly user: string;
  readonly first: Notice;
  readonly place: string;
  /** What may be told of, what matters most first. */
  readonly news: readonly Activity[];
  /** What the browser is to be told of these by now: asked before each further try, for much is over until then.
   *  "over": nothing. "silent": nobody knows now. */
  readonly again: (news: readonly Activity[]) => Promise<Notice | "over" | "silent">;
}

/** What matters most of the news of a place, in this order: what mentions the person, and the newest of it. What is
 *  behind the first is told where that is deleted meanwhile. */
export const strongest = (
  news: readonly Activity[],
  { pushNewsMax }: Pick<GatewayLimits, "pushNewsMax">,
): readonly Activity[] =>
  news
    .toSorted((one, other) => Number(other.mentioned) - Number(one.mentioned) || other.seq - one.seq)
    .slice(0, pushNewsMax);

type Outcome = "sent" | "gone" | "refused" | "givenUp" | "replaced" | "dropped" | "over";

/** The queue of a node. */
export class PushDelivery {
  readonly #port: PushPort;
  readonly #at: {
    readonly clock: Clock;
    readonly random: Random;
    readonly log: Log;
    readonly meter: Meter;
    readonly limits: GatewayLimits;
    /** The push service no longer knows the browser. */
    readonly gone: (user: string, id: string) => void;
  };
  /** By browser and place: the newest of each. */
  readonly #waiting = new Map<string, { readonly news: readonly Activity[]; readonly cancel: () => void }>();
  readonly #turns: (() => void)[] = [];
  #acting = 0;
  #stopped = false;

  constructor(
    port: PushPort,
    at: {
      readonly clock: Clock;
      readonly random: Random;
      readonly log: Log;
      readonly meter: Meter;
      readonly limits: GatewayLimits;
      readonly gone: (user: string, id: string) => void;
    },
  ) {
    this.#port = port;
    this.#at = at;
  }

  /** Sends it; it takes over what an older one of the place that waits still was to tell of. */
  send(delivery: Delivery): void {
    const key = `${delivery.user} ${delivery.first.to.id} ${delivery.place}`;
    const before = this.#waiting.get(key);
    before?.cancel();
    if (before !== undefined) this.#tell("replaced");
    if (this.#stopped || (before === undefined && this.#waiting.size >= this.#at.limits.pushesWaitingMax))
      return this.#tell("dropped");
    let over = false;
    let cancelPause: (() => void) | undefined;
    const news = before === undefined ? delivery.news : strongest([...delivery.news, ...before.news], this.#at.limits);
    const own = {
      news,
      cancel: (): void => {
        over = true;
        cancelPause?.();
      },
    };
    this.#waiting.set(key, own);
    const done = (outcome: Outcome): undefined => {
      if (over) return;
      over = true;
      this.#waiting.delete(key);
      this.#tell(outcome);
    };
    const attempt = async (failures: number): Promise<void> => {
      const waitMs = await this.inTurn(async () => {
        if (over) return undefined;
        const isFresh = failures === 0 && before === undefined;
        const notice = isFresh ? delivery.first : await delivery.again(news);
        if (over || notice === "over") return done("over");
        return notice === "silent" ? 0 : this.#attempt(notice, delivery, done);
      });
      if (over || waitMs === undefined) return;
      if (failures + 1 >= this.#at.limits.pushTriesMax) return done("givenUp");
      cancelPause = this.#at.clock.after(Math.max(waitMs, this.#pauseMs(failures)), () => run(failures + 1));
    };
    const run = (failures: number): void => {
      attempt(failures).catch((error: unknown) => {
        this.#at.log.error("push.failed", { error: String((error as Error)?.stack ?? error) });
        done("dropped");
      });
    };
    run(0);
  }

  /** Acts as one of so many at once; the others wait in their order. */
  async inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    if (this.#acting < this.#at.limits.pushActsMax) this.#acting += 1;
    else await new Promise<void>((resolve) => this.#turns.push(resolve));
    try {
      return await act();
    } finally {
      const next = this.#turns.shift();
      if (next === undefined) this.#acting -= 1;
      else next();
    }
  }

  stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }

  #tell(outcome: Outcome): void {
    this.#at.meter.count("push", 1, { outcome });
  }

  #pauseMs(failures: number): number {
    const { pushRetryMs: firstMs, pushRetryMsMax: maxMs } = this.#at.limits;
    return withJitter(backoffMs(failures, { firstMs, maxMs }), this.#at.random);
  }

  /** Undefined: it is over. Else how long the service wants to be left alone, 0 where it says nothing. */
  async #attempt(
    { to, message, urgent }: Notice,
    { place, user }: Delivery,
    done: (outcome: Outcome) => undefined,
  ): Promise<number | undefined> {
    const { limits, log } = this.#at;
    const sealed = await this.#port.seal(JSON.stringify(message), to);
    if (sealed === undefined) return done("refused");
    const headers = {
      ...sealed.headers,
      ttl: String(limits.pushLifeMs / 1_000),
      urgency: urgent ? "high" : "normal",
      // 32 signs at the most, and nothing that says which room it is.
      topic: hash("sha256", `${to.auth} ${place}`, "buffer").toString("base64url").slice(0, 32),
    };
    let answer: Awaited<ReturnType<PushPort["post"]>>;
    try {
      answer = await this.#port.post(to.endpoint, { ...sealed, headers });
    } catch (error) {
      log.info("push.away", { reason: (error as Error).message });
      return 0;
    }
    const { status, retryAfter } = answer;
    if (status >= 200 && status < 300) return done("sent");
    if (status === 404 || status === 410) {
      this.#at.gone(user, to.id);
      return done("gone");
    }
    if (status !== 429 && status < 500) {
      log.warn("push.refused", { status, service: new URL(to.endpoint).host });
      return done("refused");
    }
    const seconds = /^\d{1,6}$/.test(retryAfter ?? "") ? Number(retryAfter) : 0;
    return Math.min(seconds * 1_000, limits.pushRetryMsMax);
  }
}

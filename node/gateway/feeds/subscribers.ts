import {
  defaultRole,
  failure,
  isAdminBy,
  ok,
  refused,
  type ActorId,
  type ErrorCode,
  type Failure,
  type Hello,
  type Result,
} from "../../../protocols/index.ts";
import type { Accounts } from "../identity/accounts.ts";
import { answerTo } from "../answers.ts";
import { permissionToFollow } from "../commands/command-routes.ts";
import type { ConnectionGovernor } from "../edge/connections.ts";
import { createFeeds, type Feeds } from "./feeds.ts";
import type { GatewayContext } from "../options.ts";
import { createPeople, type People, type Questions } from "./people.ts";
import type { ToldAccount } from "./activity.ts";
import { Encoded, Subscriber, type Wire } from "./subscriber.ts";
import { wireOfNobody, type Activity } from "./away.ts";
import { claimedUser } from "../identity/service-tokens.ts";
import { createPresence, type PresencePart } from "../presence/index.ts";
import type { Caller } from "../identity/callers.ts";

/** Everybody who is connected for longer than one request, on whatever wire. */
export interface Subscribers {
  readonly feeds: Feeds;
  readonly people: People;
  readonly presence: PresencePart;
  /** How many there are. */
  count(): number;
  /** Somebody asks to come in: checks who it is, and whether there is room. Call `seat` or `leave` of what it gives.
   *  Errors: UNAUTHENTICATED, SLOT_UNAVAILABLE, OVERLOADED, LIMIT_REACHED, STOPPING. */
  enter(token: string, address: string): Promise<Result<Entry>>;
  /** Follows the rooms of somebody who is not connected, as a client of a session of theirs would. Undefined: their
   *  account does not answer, or the session is none. */
  follow(
    of: { readonly user: string; readonly session: string },
    on: { readonly heard: (activity: Activity) => void; readonly ended: () => void },
  ): Promise<Following | undefined>;
  /** The wire of a subscriber is gone. */
  gone(subscriber: Subscriber): void;
  /** Takes no more and says `bye` to all. */
  close(): void;
  /** Cuts every one that is left. */
  cut(): void;
}

/** Somebody whose rooms are followed while they are not connected. */
interface Following {
  readonly session: string;
  /** What they have said of what they are told. */
  account(): ToldAccount;
  mayRead(topic: string): boolean;
  isOpen(): boolean;
  stop(): void;
}

/** Somebody who may come in. */
export interface Entry {
  readonly caller: Caller;
  /** Comes in, on this wire. `first` is called before anything that others bring about. */
  readonly seat: (wire: Wire, first?: (subscriber: Subscriber) => void) => Subscriber;
  /** Does not come after all. */
  readonly leave: () => void;
}

/** What a connection of many topics is told first. */
export function greeting(at: GatewayContext, { user, admin }: Caller): Hello {
  const degraded = at.degraded();
  const { version, node, limits } = at;
  return {
    version,
    node,
    user,
    admin,
    heartbeatMs: limits.heartbeatMs,
    nodes: at.nodes(),
    ...(degraded && { degraded }),
  };
}

/** Makes the register of subscribers of one gateway. */
export function createSubscribers(
  at: GatewayContext,
  parts: { readonly accounts: Accounts; readonly entrance: ConnectionGovernor },
): Subscribers {
  const { accounts, entrance } = parts;
  const { kernel, limits, clock, meter, outputMemory } = at;
  const all = new Set<Subscriber>();
  let pending = 0;
  let closed = false;

  const askAs = (user: string, to: ActorId, type: string): Promise<Result<unknown>> =>
    kernel.ask({ to, from: `user/${user}`, message: { type }, timeoutMs: limits.askTimeoutMs });
  const feeds = createFeeds(at, async ({ caller }, topic, after) =>
    answerTo(
      "resume",
      await kernel.ask({
        to: topic as ActorId,
        from: caller.actor,
        message: { type: "resume", ...(after !== undefined && { after }) },
        timeoutMs: limits.askTimeoutMs,
      }),
    ),
  );
  /** Ends what somebody follows and may not any more. */
  const endUnpermitted = (subscriber: Subscriber): void => {
    // What is taken out of a map while it is walked is not met again.
    for (const topic of subscriber.subscriptions?.keys() ?? []) {
      const reason = at.rights.refusal(subscriber.caller, permissionToFollow(topic), subscriber.address);
      if (reason === undefined) continue;
      feeds.unsubscribe(subscriber, topic);
      subscriber.lost(topic, reason);
    }
  };
  const presence = createPresence(at);
  const people = createPeople(
    { ...at, presence },
    feeds,
    {
      describe: async (user) => answerTo("describe", await askAs(user, `user/${user}`, "describe")),
      sessions: async (user) => answerTo("sessions", await askAs(user, `user/${user}`, "sessions")),
      summary: async (user, room) => answerTo("summary", await askAs(user, `room/${room}`, "summary")),
    },
    {
      rolesChanged: endUnpermitted,
      mayRead: ({ caller, address }, topic) =>
        at.rights.refusal(caller, permissionToFollow(topic), address) === undefined,
    },
  );

  const sweep = (): void => {
    const nowMs = clock.monotonicMs();
    const wallMs = clock.nowMs();
    for (const subscriber of all)
      if (subscriber.closing) {
        subscriber.cutAtMs ??= nowMs + limits.closeTimeoutMs;
        if (nowMs >= subscriber.cutAtMs) subscriber.wire.terminate();
      } else if (wallMs >= subscriber.caller.expiresAtMs) subscriber.bye(failure("UNAUTHENTICATED"));
      else subscriber.wire.sweep(nowMs);
    stopSweep = clock.after(limits.sweepMs, sweep);
  };
  let stopSweep = clock.after(limits.sweepMs, sweep);

  // What is said is the same to everybody.
  const stopTelling = at.reach?.onChange(() => {
    const frame = Encoded.of({ degraded: at.degraded() ?? null });
    for (const subscriber of all) subscriber.write(frame);
  });

  return {
    feeds,
    people,
    presence,
    count: () => all.size,
    async enter(token, address) {
      if (closed) return refused(failure("STOPPING"));
      if (pending >= limits.upgradesPendingMax || all.size + pending >= entrance.socketsMax)
        return refused(failure("OVERLOADED", { limit: "connectionsMax" }));
      const user = claimedUser(token);
      if (user === undefined) return refused(failure("UNAUTHENTICATED"));
      pending += 1;
      // Before the token is checked, so that a session that is revoked in between is seen.
      const person = people.arrive(user);
      const refuse = (reason: Failure): Result<Entry> => {
        people.arrived(person, undefined);
        return refused(reason);
      };
      const known = await accounts.authenticate(token, address, limits.upgradeTimeoutMs);
      pending -= 1;
      if (!known.ok)
        return refuse(unanswered.has(known.error.code) ? unavailable(person.user, known.error) : known.error);
      if (closed) return refuse(failure("STOPPING"));
      const max = limits.connectionsPerUserMax;
      if (person.connections.size >= max)
        return refuse(failure("LIMIT_REACHED", { limit: "connectionsPerUserMax", max }));
      const caller = known.value;
      return ok({
        caller,
        seat(wire, first) {
          const subscriber = new Subscriber({ wire, caller, address, person, limits, outputMemory });
          all.add(subscriber);
          meter.gauge("gateway_connections", all.size);
          first?.(subscriber);
          people.arrived(person, subscriber);
          presence.came(subscriber);
          return subscriber;
        },
        leave: () => people.arrived(person, undefined),
      });
    },
    async follow({ user, session }, { heard, ended }) {
      const person = people.arrive(user);
      const held: Awaited<ReturnType<Questions["sessions"]>> = answerTo(
        "sessions",
        await askAs(user, `user/${user}`, "sessions"),
      );
      if (!held.ok || !held.value.sessions.some(({ id }) => id === session) || closed) {
        people.arrived(person, undefined);
        return undefined;
      }
      const { roles = [defaultRole] } = held.value;
      const caller: Caller = {
        user,
        actor: `user/${user}`,
        admin: isAdminBy(roles),
        roles,
        session,
        kind: "session",
        expiresAtMs: Infinity,
        askedAtMs: clock.monotonicMs(),
      };
      const wire = wireOfNobody(heard, ended);
      const subscriber = new Subscriber({ wire, caller, address: "", person, limits, outputMemory });
      people.arrived(person, subscriber);
      const stop = (): void => {
        wire.terminate();
        people.leave(person, subscriber);
      };
      const watched = await people.watch(person, subscriber);
      if (!watched.ok || !subscriber.open) {
        stop();
        return undefined;
      }
      return {
        session,
        account: () => person.account,
        mayRead: (topic) =>
          at.rights.refusal(subscriber.caller, permissionToFollow(topic), subscriber.address) === undefined,
        isOpen: () => subscriber.open,
        stop,
      };
    },
    gone(subscriber) {
      if (!all.delete(subscriber)) return;
      subscriber.gone();
      feeds.leave(subscriber);
      people.leave(subscriber.person, subscriber);
      presence.went(subscriber);
      meter.gauge("gateway_connections", all.size);
    },
    close() {
      closed = true;
      stopTelling?.();
      for (const subscriber of all) subscriber.bye(failure("STOPPING"));
    },
    cut() {
      stopSweep();
      presence.stop();
      for (const subscriber of all) subscriber.wire.terminate();
    },
  };
}

/** How the question who somebody is ends when the slot of that user is served nowhere. */
const unanswered: ReadonlySet<ErrorCode> = new Set(["SLOT_UNAVAILABLE", "ASK_TIMEOUT", "PEER_LOST", "DIRECTORY_AWAY"]);

function unavailable(user: string, { code, details }: Failure): Failure {
  const actor = `user/${user}`;
  if (code === "SLOT_UNAVAILABLE") return failure(code, { actor, ...details });
  const node = details?.["node"];
  return failure("SLOT_UNAVAILABLE", { actor, because: code, ...(node !== undefined && { node }) });
}

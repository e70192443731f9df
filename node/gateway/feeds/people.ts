import { checkOf } from "../../../protocols/wire/check.ts";
import {
  failure,
  isAdminBy,
  isKey,
  ok,
  personStatus,
  type Failure,
  type PersonStatus,
  type Result,
  type RoomSummary,
  type Session,
  type UserView,
} from "../../../protocols/index.ts";
import { backoffMs } from "../../waiting.ts";
import type { ActivityPort, Clock, Hub, Log } from "../../ports/index.ts";
import { activityOf, toldBy, toldByView, untold } from "./activity.ts";
import type { Feeds } from "./feeds.ts";
import type { GatewayLimits } from "../limits.ts";
import { Encoded, type Person, type Subscriber } from "./subscriber.ts";
import type { PresencePart } from "../presence/index.ts";
import type { SeenMessage } from "./watcher.ts";

/** The people who are connected. */
export interface People {
  /** Called before the token is checked, so that a session revoked in between is seen. */
  arrive(user: string): Person;
  /** Ends what `arrive` began, with the connection if there is one. */
  arrived(person: Person, connection: Subscriber | undefined): void;
  leave(person: Person, connection: Subscriber): void;
  watch(person: Person, connection: Subscriber): Promise<Result<unknown>>;
}

/** What of a room's summary tells whether there is something new. */
type RoomNews = Pick<RoomSummary, "messageSeq" | "unread" | "mentioned"> & {
  readonly last?: Pick<NonNullable<RoomSummary["last"]>, "author" | "atMs">;
};

/** What is asked of actors in a user's name. */
export interface Questions {
  describe(user: string): Promise<Result<Pick<UserView, "rooms" | "sidebar" | "notifications" | "status">>>;
  sessions(user: string): Promise<
    Result<{
      readonly sessions: readonly Pick<Session, "id">[];
      readonly roles?: readonly string[];
      readonly status?: PersonStatus;
    }>
  >;
  summary(user: string, room: string): Promise<Result<RoomNews>>;
}

/** The end of a session of an account that lets nobody in any more. Programs go by the code, people read why. */
const shutOut = (): Failure => ({
  ...failure("UNAUTHENTICATED", { because: "SUSPENDED" }),
  message: failure("SUSPENDED").message,
});

const statuses = checkOf(personStatus);

/** Makes the register. */
export function createPeople(
  at: {
    readonly hub: Hub;
    readonly clock: Clock;
    readonly log: Log;
    readonly limits: GatewayLimits;
    readonly presence: Pick<PresencePart, "says">;
    readonly activity?: Pick<ActivityPort, "stayed">;
  },
  feeds: Feeds,
  ask: Questions,
  rights: {
    rolesChanged(connection: Subscriber): void;
    /** Whether somebody may read what a topic says, with what they may do now and from where they are. */
    mayRead(connection: Subscriber, topic: string): boolean;
  },
): People {
  const { hub, clock, log, limits, presence } = at;
  const people = new Map<string, Person>();

  /** Kept as well, for a connection whose sign-in was checked before. */
  function says(person: Person, status: PersonStatus | undefined): void {
    person.noted = { status };
    presence.says(person.user, status);
  }

  function onEvent(person: Person, event: unknown): void {
    const { type, id, room, view, because, ...said } = event as Partial<
      Record<"type" | "id" | "room" | "because", unknown>
    > &
      Partial<Pick<UserView, "sidebar" | "notifications">> & { view?: UserView };
    person.account = view === undefined ? toldBy(person.account, said) : toldByView(person.account, view);
    if (type === "sessionRevoked" && typeof id === "string") {
      if (person.arriving > 0) person.revoked.add(id);
      // The one who has this session was in: a stranger hears nothing of it.
      const end = because === "SUSPENDED" ? shutOut() : failure("UNAUTHENTICATED");
      for (const connection of person.connections) if (connection.caller.session === id) connection.bye(end);
    } else if (type === "profileSet") {
      hasRoles(person, view?.roles);
      says(person, statuses.Check(view?.status) ? view.status : undefined);
    } else if (typeof room === "string" && isKey(room) && person.watched !== undefined) {
      if (type === "roomJoined") follow(person, `room/${room}`);
      else if (type === "roomLeft") leave(person, `room/${room}`);
    }
  }

  /** What a person may do is another now, on connections that are there, too: what is followed and may not be any more
   *  ends. */
  function hasRoles(person: Person, roles: readonly string[] | undefined): void {
    if (roles === undefined) return;
    for (const connection of person.connections) {
      if (connection.caller.roles.join() === roles.join()) continue;
      connection.caller = { ...connection.caller, roles, admin: isAdminBy(roles) };
      rights.rolesChanged(connection);
    }
  }

  /** Events of the user's own stream may be missing: a session may have ended, rooms been joined and left. Asked until
   *  it is known, or nobody is here any more: somebody who was turned out must not stay. */
  function onGap(person: Person): void {
    if (person.arriving > 0) person.missed = true;
    // A newcomer is not proven yet: questions in that name would stand in the way of the one for its identity.
    if (person.connections.size === 0) return;
    if (person.looking !== "no") person.looking = "again";
    else void lookAgain(person).catch((error: unknown) => log.error("gateway.person.failed", { error }));
  }

  async function lookAgain(person: Person): Promise<void> {
    let failures = 0;
    let knownAtMs = clock.monotonicMs();
    try {
      do {
        person.looking = "yes";
        if (await isKnown(person)) {
          failures = 0;
          knownAtMs = clock.monotonicMs();
        } else {
          person.looking = "again";
          // Nobody can say any more whether these sessions have ended. They come again where that can be asked.
          if (clock.monotonicMs() - knownAtMs >= limits.sessionUnconfirmedMs)
            for (const connection of person.connections) connection.bye(failure("SLOT_UNAVAILABLE"));
          const waitMs = backoffMs(failures, { firstMs: limits.catchUpRetryMs, maxMs: limits.sweepMs });
          failures += 1;
          await new Promise<void>((resolve) => void clock.after(waitMs, resolve));
        }
      } while (person.looking === "again" && person.connections.size > 0);
    } finally {
      person.looking = "no";
    }
  }

  /** False: nobody could say. */
  async function isKnown(person: Person): Promise<boolean> {
    // A client that comes later was checked later.
    const present = [...person.connections];
    const held = await ask.sessions(person.user);
    if (!held.ok) return held.error.outcome === "failed";
    hasRoles(person, held.value.roles);
    says(person, held.value.status);
    const ids = new Set(held.value.sessions.map(({ id }) => id));
    for (const connection of present)
      if (!ids.has(connection.caller.session)) connection.bye(failure("UNAUTHENTICATED"));

    const { watched } = person;
    if (watched === undefined) return true;
    const before = [...watched];
    const view = await describe(person);
    if (person.watched !== watched) return true;
    if (!view.ok) return view.error.outcome === "failed";
    const topics = view.value;
    for (const topic of before) if (!topics.has(topic)) unfollow(person, topic);
    for (const topic of topics) follow(person, topic);
    return true;
  }

  /** The rooms that the account says, without those that were left while it was asked: its answer may be older. */
  async function describe(person: Person): Promise<Result<ReadonlySet<string>>> {
    const left = new Set<string>();
    person.leaving.add(left);
    const view = await ask.describe(person.user).finally(() => person.leaving.delete(left));
    if (!view.ok) return view;
    person.account = toldByView(person.account, view.value);
    return ok(new Set(view.value.rooms.map((room) => `room/${room}`).filter((topic) => !left.has(topic))));
  }

  function follow(person: Person, topic: string): void {
    for (const left of person.leaving) left.delete(topic);
    person.watched?.add(topic);
    feeds.watch(topic, person.watcher);
  }

  function unfollow(person: Person, topic: string): void {
    person.watched?.delete(topic);
    feeds.unwatch(topic, person.watcher);
  }

  /** Whichever says so first, the room or the account. */
  function leave(person: Person, topic: string): void {
    for (const left of person.leaving) left.add(topic);
    unfollow(person, topic);
  }

  /** Follows the rooms of a user, once for all its connections. */
  async function watchRooms(person: Person): Promise<Result<unknown>> {
    const watched = new Set<string>();
    person.watched = watched;
    const answer = await describe(person);
    if (person.watched !== watched) return ok({});
    if (!answer.ok) {
      unwatchAll(person);
      return answer;
    }
    // A room joined meanwhile came as an event.
    for (const topic of answer.value) follow(person, topic);
    return ok({});
  }

  function unwatchAll(person: Person): void {
    for (const topic of person.watched ?? []) feeds.unwatch(topic, person.watcher);
    person.watched = undefined;
  }

  function release(person: Person): void {
    if (person.arriving === 0) {
      person.revoked.clear();
      person.missed = false;
    }
    if (person.watched !== undefined && ![...person.connections].some((connection) => connection.watching))
      unwatchAll(person);
    if (person.connections.size > 0 || person.arriving > 0) return;
    person.stop();
    people.delete(person.user);
    if (person.sinceMs !== undefined) at.activity?.stayed(clock.monotonicMs() - person.sinceMs);
  }

  return {
    arrive(user) {
      let person = people.get(user);
      if (person === undefined) {
        const connections = new Set<Subscriber>();
        const tell = (
          topic: string,
          message: SeenMessage,
          mentions: readonly string[],
          how: { readonly edited?: true },
        ): void => {
          const said = { room: topic.slice("room/".length), message, mentioned: mentions.includes(`user/${user}`) };
          const frameFor = (mayRead: boolean): Encoded =>
            Encoded.of({ activity: { ...activityOf(created, said, { mayRead, nowMs: clock.nowMs() }), ...how } });
          let readers: Encoded | undefined;
          for (const connection of connections) {
            if (!connection.watching || connection.congested || connection.subscriptions?.has(topic)) continue;
            connection.write(rights.mayRead(connection, topic) ? (readers ??= frameFor(true)) : frameFor(false));
          }
        };
        const created: Person = {
          user,
          connections,
          sinceMs: undefined,
          arriving: 0,
          revoked: new Set(),
          noted: undefined,
          account: untold,
          missed: false,
          looking: "no",
          watched: undefined,
          describing: undefined,
          leaving: new Set(),
          stop: () => undefined,
          watcher: {
            actor: `user/${user}`,
            posted(topic, message) {
              tell(topic, message, message.mentions ?? [], {});
            },
            edited(topic, message, told) {
              if (told.includes(`user/${user}`)) tell(topic, message, told, { edited: true });
            },
            left: (topic) => leave(created, topic),
            async newest(topic) {
              const told = await ask.summary(user, topic.slice("room/".length));
              if (!told.ok) return told;
              const { messageSeq: seq, last, unread, mentioned } = told.value;
              if (unread === 0 || last === undefined) return ok(undefined);
              const mentions = mentioned ? [`user/${user}`] : [];
              return ok({ seq, author: last.author, atMs: last.atMs, mentions });
            },
          },
        };
        created.stop = hub.follow(
          `user/${user}`,
          (event) => onEvent(created, event),
          () => onGap(created),
        );
        people.set(user, created);
        person = created;
      }
      person.arriving += 1;
      return person;
    },
    arrived(person, connection) {
      person.arriving -= 1;
      if (connection !== undefined) {
        person.connections.add(connection);
        person.sinceMs ??= clock.monotonicMs();
        if (person.revoked.has(connection.caller.session)) connection.bye(failure("UNAUTHENTICATED"));
        if (person.missed) onGap(person);
      }
      release(person);
    },
    leave(person, connection) {
      person.connections.delete(connection);
      release(person);
    },
    async watch(person, connection) {
      connection.watching = true;
      if (person.watched !== undefined) return person.describing ?? ok({});
      const describing = watchRooms(person).finally(() => {
        if (person.describing === describing) person.describing = undefined;
      });
      person.describing = describing;
      return describing;
    },
  };
}

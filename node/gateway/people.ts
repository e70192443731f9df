import { failure, isKey, ok, type Result, type UserView } from "../../protocols/index.ts";
import { closeCodes, type Connection } from "./connection.ts";
import type { Feeds, Watcher } from "./feeds.ts";
import { frameOf } from "./frames.ts";
import type { Hub } from "./hub.ts";

/** A user with connections here: shared by all of them, so that the user's own stream and rooms are followed once. */
export interface Person {
  readonly user: string;
  readonly connections: Set<Connection>;
  /** Upgrades under way; the entry is kept for them. */
  arriving: number;
  /** Sessions that ended while an upgrade was under way: its check may have been older. */
  readonly revoked: Set<string>;
  /** Topics of the rooms watched; undefined while no connection wants `activity`. */
  watched: Set<string> | undefined;
  readonly watcher: Watcher;
  stop: () => void;
}

/** Who is connected. */
export interface People {
  /** Called before the token is checked, so that a session revoked in between is seen. */
  arrive(user: string): Person;
  /** Ends what `arrive` began, with the connection if there is one. */
  arrived(person: Person, connection: Connection | undefined): void;
  leave(person: Person, connection: Connection): void;
  watch(person: Person, connection: Connection): Promise<Result<unknown>>;
}

/** Makes the register. `describe` asks a user's actor for its view. */
export function createPeople(
  hub: Hub,
  feeds: Feeds,
  describe: (user: string) => Promise<Result<Pick<UserView, "rooms">>>,
): People {
  const people = new Map<string, Person>();

  function onEvent(person: Person, event: unknown): void {
    const { type, id, room } = event as { type?: unknown; id?: unknown; room?: unknown };
    if (type === "sessionRevoked" && typeof id === "string") {
      if (person.arriving > 0) person.revoked.add(id);
      for (const connection of person.connections)
        if (connection.caller.session === id) connection.bye(failure("UNAUTHENTICATED"), closeCodes.policy);
    } else if (typeof room === "string" && isKey(room) && person.watched !== undefined) {
      if (type === "roomJoined") follow(person, `room/${room}`);
      else if (type === "roomLeft") {
        person.watched.delete(`room/${room}`);
        feeds.unwatch(`room/${room}`, person.watcher);
      }
    }
  }

  function follow(person: Person, topic: string): void {
    person.watched?.add(topic);
    feeds.watch(topic, person.watcher);
  }

  function unwatchAll(person: Person): void {
    for (const topic of person.watched ?? []) feeds.unwatch(topic, person.watcher);
    person.watched = undefined;
  }

  function release(person: Person): void {
    if (person.arriving === 0) person.revoked.clear();
    if (person.watched !== undefined && ![...person.connections].some((connection) => connection.watching))
      unwatchAll(person);
    if (person.connections.size > 0 || person.arriving > 0) return;
    person.stop();
    people.delete(person.user);
  }

  return {
    arrive(user) {
      let person = people.get(user);
      if (person === undefined) {
        const connections = new Set<Connection>();
        const created: Person = {
          user,
          connections,
          arriving: 0,
          revoked: new Set(),
          watched: undefined,
          stop: () => undefined,
          watcher: {
            posted(topic, { seq, author, mentions }) {
              let frame: Buffer | undefined;
              for (const connection of connections) {
                if (!connection.watching || connection.congested || connection.subscriptions?.has(topic)) continue;
                const room = topic.slice("room/".length);
                const mentioned = mentions?.includes(`user/${user}`) ?? false;
                frame ??= frameOf({ activity: { room, seq, author, mentioned } });
                connection.write(frame);
              }
            },
          },
        };
        created.stop = hub.follow(`user/${user}`, (event) => onEvent(created, event));
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
        if (person.revoked.has(connection.caller.session))
          connection.bye(failure("UNAUTHENTICATED"), closeCodes.policy);
      }
      release(person);
    },
    leave(person, connection) {
      person.connections.delete(connection);
      release(person);
    },
    async watch(person, connection) {
      connection.watching = true;
      if (person.watched !== undefined) return ok({});
      const watched = new Set<string>();
      person.watched = watched;
      const answer = await describe(person.user);
      if (person.watched !== watched) return ok({});
      if (!answer.ok) {
        unwatchAll(person);
        return answer;
      }
      // A room joined meanwhile came as an event. One left meanwhile may stay until the next time; that shows that
      // something was posted there and never what.
      for (const room of answer.value.rooms) follow(person, `room/${room}`);
      return ok({});
    },
  };
}

/** Who is there: of the people that somebody looks at, whether they use a client now, have one open, or neither; and
 *  what they say of themselves.
 *
 *      connection ─ comes, goes, says `here` ─► this node's people ─┬─► table ─► `presence` frames, to those who look
 *      user's stream ─ status ─────────────────►                    └─► telling ─► the other nodes' tables
 *
 *  Nothing of it is durable but the status, which the user's actor keeps. Everything is folded: of one person at most
 *  one change a second leaves a node, to each other node once and to each connection that looks at that person once,
 *  however often a client says that it is there, and nothing at all is sent when somebody joins a room. A person who
 *  reconnects within a few seconds was not away. docs/decisions/0226-who-is-there.md. */
import { isHidden, shownStatus, type PersonStatus, type Presence } from "../../../protocols/index.ts";
import type { Clock, Random } from "../../ports/index.ts";
import type { GatewayLimits } from "../limits.ts";
import type { Subscriber } from "../feeds/subscriber.ts";
import { PresenceTable, type Row } from "./table.ts";
import { Telling, type PresencePeers, type Told } from "./telling.ts";

export type { PresencePeers } from "./telling.ts";

/** The presence of people, at one gateway. */
export interface PresencePart {
  /** A connection has come in. */
  came(connection: Subscriber): void;
  /** It has gone. */
  went(connection: Subscriber): void;
  /** Its person uses it now, or does not. */
  here(connection: Subscriber, active: boolean): void;
  /** Somebody who is here says something else of themselves; undefined: nothing. */
  says(user: string, status: PersonStatus | undefined): void;
  /** The connection looks at these people from now on; gives those of them who are here. */
  look(connection: Subscriber, people: readonly string[]): readonly Presence[];
  /** Whether somebody uses a client now, at any node; people who hide are known at their own. */
  isActive(user: string): boolean;
  stop(): void;
}

/** Somebody with a connection here. */
interface Person {
  /** Whether each is used now. */
  readonly connections: Map<Subscriber, boolean>;
  status: PersonStatus | undefined;
}

/** The node itself, in the table. */
const here = "";

/** A person counts by what they sign in with: programs with keys of theirs say nothing of where they are. */
const counts = ({ caller }: Subscriber): boolean => caller.kind === "session";

/** Makes it. Without peers it knows the people of this node alone. */
export function createPresence(at: {
  readonly presencePeers?: PresencePeers;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: GatewayLimits;
  readonly newId: () => string;
}): PresencePart {
  const { presencePeers: peers, clock, random, limits } = at;
  const table = new PresenceTable();
  const people = new Map<string, Person>();
  /** People without a connection here, and when they are gone. Node clock, monotonic. */
  const leaving = new Map<string, number>();
  const lookers = new Map<string, Set<Subscriber>>();
  const lookedAt = new Map<Subscriber, ReadonlySet<string>>();
  /** What connections are still to be told. */
  const news = new Map<Subscriber, Set<string>>();
  /** Of each other node, what it was given when it told all. */
  const eras = new Map<string, string>();

  const telling =
    peers &&
    new Telling({
      peers,
      limits,
      people: () => table.at(here),
      rowOf: (user) => table.get(here, user),
      nowMs: () => clock.monotonicMs(),
    });

  function changed(user: string): void {
    for (const connection of lookers.get(user) ?? []) {
      const known = news.get(connection);
      if (known === undefined) news.set(connection, new Set([user]));
      else known.add(user);
    }
  }

  /** What this node says of one of its people. Without a connection they are as they were. */
  function rowOf(user: string, { connections, status }: Person): Row | undefined {
    const nowMs = clock.nowMs();
    if (isHidden(status, nowMs)) return undefined;
    const shown = shownStatus(status, nowMs);
    const active =
      connections.size > 0 ? [...connections.values()].includes(true) : table.get(here, user)?.active === true;
    return { active, ...(shown && { status: shown }) };
  }

  function look(user: string, row: Row | undefined): void {
    if (!table.set(here, user, row)) return;
    changed(user);
    telling?.changed(user);
  }

  function heard(node: string, { era, rows }: Told): { readonly era: string } {
    let known = eras.get(node);
    if (era === undefined) {
      table.drop(node).forEach(changed);
      known = at.newId();
      eras.set(node, known);
    }
    if (known === undefined || (era !== undefined && era !== known)) return { era: known ?? at.newId() };
    for (const { user, active, ...status } of rows) {
      const isNew = table.get(node, user) === undefined;
      if (isNew && active !== undefined && table.at(node).size >= limits.presencePeopleMax) continue;
      const hasStatus = Object.keys(status).length > 0;
      const row = active === undefined ? undefined : { active, ...(hasStatus && { status }) };
      if (table.set(node, user, row)) changed(user);
    }
    return { era: known };
  }

  /** Forgets what nodes have said that are not up any more. */
  function forget(): void {
    const up = new Set(peers?.up());
    for (const node of eras.keys()) {
      if (up.has(node)) continue;
      eras.delete(node);
      table.drop(node).forEach(changed);
    }
  }

  function tellLookers(): void {
    const nowMs = clock.nowMs();
    for (const [connection, users] of news) {
      // It hears of them when it reads again: how they are then.
      if (connection.open && connection.congested) continue;
      news.delete(connection);
      if (connection.open) connection.send({ presence: [...users].map((user) => table.of(user, nowMs)) });
    }
  }

  let checkedAtMs = clock.monotonicMs();
  /** Statuses end by themselves, hiding as well. */
  function checkStatuses(): void {
    const nowMs = clock.monotonicMs();
    if (nowMs - checkedAtMs < limits.presenceCheckMs) return;
    checkedAtMs = nowMs;
    for (const [user, person] of people) if (person.status?.untilMs !== undefined) look(user, rowOf(user, person));
  }

  function tick(): void {
    const nowMs = clock.monotonicMs();
    for (const [user, atMs] of leaving) {
      if (atMs > nowMs) continue;
      leaving.delete(user);
      people.delete(user);
      look(user, undefined);
    }
    checkStatuses();
    tellLookers();
    telling?.tick();
    // Not all nodes in the same moment.
    stopTick = clock.after(limits.presenceTellMs * (0.75 + random.number() / 4), tick);
  }
  let stopTick = clock.after(limits.presenceTellMs, tick);
  peers?.serve(heard);
  const stopFollowing = peers?.onChange(forget);

  function lookNoMore(connection: Subscriber): void {
    for (const user of lookedAt.get(connection) ?? []) {
      const all = lookers.get(user);
      all?.delete(connection);
      if (all?.size === 0) lookers.delete(user);
    }
    lookedAt.delete(connection);
    news.delete(connection);
  }

  return {
    isActive(user) {
      const own = people.get(user)?.connections.values() ?? [];
      return [...own].includes(true) || table.of(user, clock.nowMs()).here === "active";
    },
    came(connection) {
      if (!counts(connection)) return;
      const { user, caller } = connection;
      leaving.delete(user);
      const person = people.get(user) ?? { connections: new Map<Subscriber, boolean>(), status: undefined };
      people.set(user, person);
      // What came by the user's stream is as new as what the sign-in was told, or newer.
      const { noted } = connection.person;
      person.status = noted === undefined ? caller.status : noted.status;
      person.connections.set(connection, true);
      look(user, rowOf(user, person));
    },
    went(connection) {
      lookNoMore(connection);
      const person = people.get(connection.user);
      if (person?.connections.delete(connection) !== true) return;
      if (person.connections.size > 0) look(connection.user, rowOf(connection.user, person));
      else leaving.set(connection.user, clock.monotonicMs() + limits.presenceGraceMs);
    },
    here(connection, active) {
      const person = people.get(connection.user);
      if (person?.connections.has(connection) !== true) return;
      person.connections.set(connection, active);
      look(connection.user, rowOf(connection.user, person));
    },
    says(user, status) {
      const person = people.get(user);
      if (person === undefined) return;
      person.status = status;
      look(user, rowOf(user, person));
    },
    look(connection, users) {
      lookNoMore(connection);
      lookedAt.set(connection, new Set(users));
      for (const user of users) {
        const all = lookers.get(user);
        if (all === undefined) lookers.set(user, new Set([connection]));
        else all.add(connection);
      }
      const nowMs = clock.nowMs();
      return users.map((user) => table.of(user, nowMs)).filter((one) => one.here !== "offline");
    },
    stop() {
      stopTick();
      stopFollowing?.();
    },
  };
}

import type { Presence, ShownStatus } from "../../../protocols/index.ts";

/** Somebody who is here, as one node says. */
export interface Row {
  readonly active: boolean;
  readonly status?: ShownStatus;
}

/** What a later status of the same person is compared by. */
const same = (one: Row | undefined, other: Row | undefined): boolean =>
  one === other ||
  (one !== undefined &&
    other !== undefined &&
    one.active === other.active &&
    one.status?.text === other.status?.text &&
    one.status?.emoji === other.status?.emoji &&
    one.status?.untilMs === other.status?.untilMs &&
    one.status?.doNotDisturb === other.status?.doNotDisturb);

/** Who is here, by each node that has said so. A person is as active as the most active of their clients, at whatever
 *  node. */
export class PresenceTable {
  readonly #rows = new Map<string, Map<string, Row>>();
  readonly #people = new Map<string, Set<string>>();

  /** Takes what a node says of a person; undefined: nothing more. False: it is what it said before. */
  set(node: string, user: string, row: Row | undefined): boolean {
    const rows = this.#rows.get(user);
    if (same(rows?.get(node), row)) return false;
    const people = this.#people.get(node);
    if (row === undefined) {
      rows?.delete(node);
      if (rows?.size === 0) this.#rows.delete(user);
      people?.delete(user);
      if (people?.size === 0) this.#people.delete(node);
      return true;
    }
    if (rows === undefined) this.#rows.set(user, new Map([[node, row]]));
    else rows.set(node, row);
    if (people === undefined) this.#people.set(node, new Set([user]));
    else people.add(user);
    return true;
  }

  /** Forgets what a node has said; gives the people whom it had named. */
  drop(node: string): readonly string[] {
    const people = [...(this.#people.get(node) ?? [])];
    for (const user of people) this.set(node, user, undefined);
    return people;
  }

  get(node: string, user: string): Row | undefined {
    return this.#rows.get(user)?.get(node);
  }

  /** The people whom a node names. */
  at(node: string): ReadonlySet<string> {
    return this.#people.get(node) ?? nobody;
  }

  /** The nodes that name somebody. */
  nodes(): Iterable<string> {
    return this.#people.keys();
  }

  /** How somebody is at this time. */
  of(user: string, nowMs: number): Presence {
    const rows = this.#rows.get(user);
    if (rows === undefined) return { user, here: "offline" };
    let active = false;
    let status: ShownStatus | undefined;
    for (const row of rows.values()) {
      active ||= row.active;
      status ??= row.status;
    }
    const isOver = status?.untilMs !== undefined && status.untilMs <= nowMs;
    return { user, here: active ? "active" : "away", ...(status && !isOver && { status }) };
  }
}

const nobody: ReadonlySet<string> = new Set();

/** Control tokens as every node knows them: rows of the directory, of which all nodes hear at once. Of a secret there
 *  is its hash alone.
 *
 *  Invariant: who revokes one revokes it at every node that hears of the directory, as soon as it hears; one that hears
 *  nothing any more lets nobody in by them after `controlBlindMs`. */
import { Type } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  failure,
  holdsAt,
  ok,
  refused,
  wireLimits,
  type ControlTokenView,
  type Result,
} from "../../../protocols/index.ts";
import type { Clock, Directory, DirectoryRow } from "../../ports/index.ts";
import { changeRow } from "./one-row.ts";

/** Control tokens of a cluster; expired ones make room. */
export const controlTokensMax = 64;
/** How long control tokens hold at a node that hears nothing of the directory, and so of their revocation. */
export const controlBlindMs = 60_000;
/** A use is noted so often at most. */
const controlUseMs = 3_600_000;
const prefix = "control/";

/** A control token as it is kept. */
export interface ControlToken extends ControlTokenView {
  /** SHA-256 of the secret; absent: it is known by the subject of a certificate. */
  readonly tokenHash?: string;
}

const text = Type.String({ minLength: 1, maxLength: 512 });
const time = Type.Number({ minimum: 0 });
const isControlRow = checkOf(
  Type.Object({
    name: text,
    scopes: Type.Optional(Type.Array(text, { maxItems: 256 })),
    role: Type.Optional(text),
    subject: Type.Optional(text),
    tokenHash: Type.Optional(Type.String({ pattern: "^[0-9a-f]{64}$" })),
    createdAtMs: time,
    by: text,
    expiresAtMs: Type.Optional(time),
    usedAtMs: Type.Optional(time),
  }),
);
const read = (row: DirectoryRow | undefined): ControlToken | undefined =>
  row !== undefined && isControlRow.Check(row.value) && row.key === `${prefix}${row.value.name}`
    ? (row.value as ControlToken)
    : undefined;

/** The control tokens of the cluster. */
export interface ControlTokens {
  /** By name, those that still hold. */
  current(): readonly ControlToken[];
  /** Whose hash or subject this is. Error: UNAUTHENTICATED; DIRECTORY_AWAY where nobody would hear of a revocation. */
  find(by: { readonly tokenHash: string } | { readonly subject: string }): Result<ControlToken>;
  /** Errors: NAME_TAKEN, LIMIT_REACHED, OVERLOADED. Rejects with DIRECTORY_UNAVAILABLE, as all that write. */
  make(token: ControlToken): Promise<Result<ControlToken>>;
  /** Errors: NOT_FOUND, OVERLOADED. */
  remove(name: string): Promise<Result<ControlToken>>;
  /** Notes that it was used, where that was not noted within the hour. */
  used(name: string): void;
  stop(): void;
}

/** Begins to watch the rows. */
export function watchControlTokens(directory: Directory, clock: Pick<Clock, "nowMs" | "monotonicMs">): ControlTokens {
  const rows = new Map<string, ControlToken>();
  const noting = new Set<string>();
  // Until the first look nobody can say which there are.
  let blindSinceMs: number | undefined = Number.NEGATIVE_INFINITY;
  const note = (row: DirectoryRow): void => {
    const found = read(row);
    if (found === undefined) rows.delete(row.key);
    else rows.set(row.key, found);
  };
  const stop = directory.watch(prefix, {
    reset(all) {
      blindSinceMs = undefined;
      rows.clear();
      for (const row of all) note(row);
    },
    changed: note,
    removed: (key) => void rows.delete(key),
    stale: () => void (blindSinceMs ??= clock.monotonicMs()),
  });
  const holds = ({ expiresAtMs }: ControlToken): boolean =>
    expiresAtMs === undefined || holdsAt(clock.nowMs(), expiresAtMs, wireLimits.controlTokenMsMax);

  async function change(
    name: string,
    to: (now: ControlToken | undefined) => Result<ControlToken | undefined>,
  ): Promise<Result<ControlToken | undefined>> {
    const key = `${prefix}${name}`;
    const changed = await changeRow(directory, key, { make: (row) => to(read(row)), name: prefix, attemptsMax: 8 });
    // The caller that changed it must not find the earlier row here.
    if (!changed.ok) return changed;
    if (changed.value === undefined) rows.delete(key);
    else rows.set(key, changed.value);
    return changed;
  }

  return {
    current: () => [...rows.values()].filter(holds).toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    find(by) {
      if (blindSinceMs !== undefined && clock.monotonicMs() - blindSinceMs > controlBlindMs)
        return refused(
          failure("DIRECTORY_AWAY", { reason: "this node cannot hear whether control tokens were revoked" }),
        );
      const isIt = (one: ControlToken): boolean =>
        "tokenHash" in by ? one.tokenHash === by.tokenHash : one.tokenHash === undefined && one.subject === by.subject;
      const found = [...rows.values()].find((one) => isIt(one) && holds(one));
      return found === undefined ? refused(failure("UNAUTHENTICATED")) : ok(found);
    },
    async make(token) {
      const all = (await directory.list(prefix)).map(read).filter((one) => one !== undefined);
      const over = all.filter((one) => !holds(one));
      for (const { name } of over) await change(name, (now) => ok(now !== undefined && holds(now) ? now : undefined));
      if (all.length - over.length >= controlTokensMax) return refused(failure("LIMIT_REACHED", { controlTokensMax }));
      if (token.subject !== undefined && all.some((one) => one.subject === token.subject && holds(one)))
        return refused(failure("NAME_TAKEN", { subject: token.subject }));
      const made = await change(token.name, (now) =>
        now === undefined ? ok(token) : refused(failure("NAME_TAKEN", { name: token.name })),
      );
      return made.ok ? ok(token) : made;
    },
    async remove(name) {
      let before: ControlToken | undefined;
      const removed = await change(name, (now) => {
        before = now;
        return now === undefined ? refused(failure("NOT_FOUND", { token: name })) : ok(undefined);
      });
      if (!removed.ok) return removed;
      return before === undefined ? refused(failure("NOT_FOUND", { token: name })) : ok(before);
    },
    used(name) {
      const nowMs = clock.nowMs();
      if (noting.has(name) || nowMs - (rows.get(`${prefix}${name}`)?.usedAtMs ?? 0) < controlUseMs) return;
      noting.add(name);
      // One that was revoked meanwhile stays revoked.
      const noted = change(name, (now) =>
        now === undefined ? refused(failure("NOT_FOUND")) : ok({ ...now, usedAtMs: nowMs }),
      );
      void noted.catch(() => undefined).finally(() => noting.delete(name));
    },
    stop,
  };
}

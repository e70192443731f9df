/** What admins have set of the configuration, as every node knows it: a row of the directory for all nodes, and one for
 *  each node that differs. A row has its own history, so what was set and who set it change together or not at all. */
import { Type } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  failure,
  ok,
  refused,
  type Result,
  type SettingChange,
  type SettingsChange,
  type SetValue,
} from "../../../protocols/index.ts";
import type { Directory, DirectoryRow, NodeId } from "../../ports/index.ts";
import { settingsLimits } from "./limits.ts";

export { settingsLimits } from "./limits.ts";

const settingsPrefix = "config/";
const allKey = `${settingsPrefix}all`;
const nodePrefix = `${settingsPrefix}node/`;
const keyOf = (node: NodeId | undefined): string => (node === undefined ? allKey : `${nodePrefix}${node}`);

/** What a row says. */
export interface SettingsRow {
  readonly revision: number;
  readonly values: Readonly<Record<string, SetValue>>;
  /** Oldest first. */
  readonly history: readonly SettingsChange[];
}

const text = Type.String({ maxLength: 256 });
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
// Values are checked where they are used: a later version may have set what this one does not know.
const isRow = checkOf(
  Type.Object({
    revision: count,
    values: Type.Record(text, Type.Object({ value: Type.Unknown(), by: text, atMs: count }), { maxProperties: 256 }),
    history: Type.Array(
      Type.Object({
        revision: count,
        atMs: count,
        by: text,
        changes: Type.Array(
          Type.Object({ key: text, before: Type.Optional(Type.Unknown()), after: Type.Optional(Type.Unknown()) }),
          { maxItems: 256 },
        ),
        backTo: Type.Optional(count),
      }),
      { maxItems: 1_024 },
    ),
  }),
);
const nothing: SettingsRow = { revision: 0, values: {}, history: [] };
const read = (row: DirectoryRow | undefined): SettingsRow =>
  row !== undefined && isRow.Check(row.value) ? (row.value as SettingsRow) : nothing;

/** What an admin changes. */
export interface SettingsRequest {
  /** Absent: for all nodes. */
  readonly node?: NodeId;
  /** The revision that the caller has seen. */
  readonly revision: number;
  readonly by: string;
  readonly nowMs: number;
  readonly backTo?: number;
}

/** What admins have set. */
export interface ClusterSettings {
  row(node?: NodeId): SettingsRow;
  /** Rows of nodes, by node. */
  nodes(): ReadonlyMap<NodeId, SettingsRow>;
  /** False until the directory has said what is set. */
  isKnown(): boolean;
  onChange(listener: () => void): () => void;
  /** Changes a row to other values. Errors: CONFIG_CHANGED (somebody was faster), ALREADY_DONE, TOO_LARGE, OVERLOADED.
   *  Rejects with DIRECTORY_UNAVAILABLE. */
  change(
    request: SettingsRequest,
    to: (row: SettingsRow) => Result<Readonly<Record<string, unknown>>>,
  ): Promise<Result<SettingsRow>>;
  stop(): void;
}

/** Begins to watch the rows. */
export function watchSettings(directory: Pick<Directory, "read" | "compareAndSet" | "watch">): ClusterSettings {
  const rows = new Map<string, SettingsRow>();
  let isKnown = false;
  const listeners = new Set<() => void>();
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  const stop = directory.watch(settingsPrefix, {
    reset(all) {
      rows.clear();
      for (const row of all) rows.set(row.key, read(row));
      isKnown = true;
      tell();
    },
    changed(row) {
      rows.set(row.key, read(row));
      tell();
    },
    removed(key) {
      rows.delete(key);
      tell();
    },
    stale: () => undefined,
  });
  return {
    row: (node) => rows.get(keyOf(node)) ?? nothing,
    nodes: () =>
      new Map(
        [...rows].flatMap(([key, row]) => (key.startsWith(nodePrefix) ? [[key.slice(nodePrefix.length), row]] : [])),
      ),
    isKnown: () => isKnown,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async change(request, to) {
      const key = keyOf(request.node);
      for (let attempt = 0; attempt < settingsLimits.settingsAttemptsMax; attempt += 1) {
        const found = await directory.read(key);
        const row = read(found);
        const values = to(row);
        // Where nothing is left to change it was this change, whose answer was lost, or another like it.
        if (row.revision !== request.revision)
          return values.ok && settingChanges(row, values.value).length === 0 ? ok(row) : refused(changedMeanwhile(row));
        if (!values.ok) return values;
        const next = changedRow(row, values.value, request);
        if (!next.ok) return next;
        if ((await directory.compareAndSet(key, next.value, found?.revision ?? 0)).applied) return next;
      }
      return refused(failure("OVERLOADED", { row: key }));
    },
    stop,
  };
}

function changedMeanwhile({ revision, history }: SettingsRow) {
  const last = history.at(-1);
  return failure("CONFIG_CHANGED", { revision, ...(last !== undefined && { by: last.by, atMs: last.atMs }) });
}

/** What differs between what is set and other values. */
export function settingChanges(
  row: Pick<SettingsRow, "values">,
  to: Readonly<Record<string, unknown>>,
): readonly SettingChange[] {
  const names = [...new Set([...Object.keys(row.values), ...Object.keys(to)])].toSorted();
  return names.flatMap((key): readonly SettingChange[] => {
    const before = row.values[key]?.value;
    const after = to[key];
    if (JSON.stringify(before) === JSON.stringify(after)) return [];
    return [{ key, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }];
  });
}

/** The row after a change. Errors: ALREADY_DONE, TOO_LARGE. */
export function changedRow(
  row: SettingsRow,
  to: Readonly<Record<string, unknown>>,
  { by, nowMs: atMs, backTo }: Pick<SettingsRequest, "by" | "nowMs" | "backTo">,
): Result<SettingsRow> {
  const changes = settingChanges(row, to);
  if (changes.length === 0) return refused(failure("ALREADY_DONE"));
  const revision = row.revision + 1;
  const changed = new Set(changes.map(({ key }) => key));
  const values = Object.fromEntries(
    Object.entries(to).map(([key, value]) => {
      const kept = changed.has(key) ? undefined : row.values[key];
      return [key, kept ?? { value, by, atMs }];
    }),
  );
  let history = [...row.history, { revision, atMs, by, changes, ...(backTo !== undefined && { backTo }) }].slice(
    -settingsLimits.settingsHistoryMax,
  );
  const bytes = (): number => Buffer.byteLength(JSON.stringify({ revision, values, history }));
  while (bytes() > settingsLimits.settingsRowBytesMax) {
    if (history.length === 1)
      return refused(failure("TOO_LARGE", { settingsRowBytesMax: settingsLimits.settingsRowBytesMax }));
    history = history.slice(Math.ceil(history.length / 4));
  }
  return ok({ revision, values, history });
}

/** What was set after the change `to`. Error: NOT_FOUND where the history does not go back so far. */
export function valuesAfter(row: SettingsRow, to: number): Result<Readonly<Record<string, unknown>>> {
  const oldest = row.history[0]?.revision ?? row.revision + 1;
  if (to > row.revision || to < oldest - 1)
    return refused(failure("NOT_FOUND", { revision: to, kept: `${oldest - 1} to ${row.revision}` }));
  const values = new Map(Object.entries(row.values).map(([key, { value }]) => [key, value]));
  for (const { revision, changes } of row.history.toReversed()) {
    if (revision <= to) break;
    for (const { key, before } of changes)
      if (before === undefined) values.delete(key);
      else values.set(key, before);
  }
  return ok(Object.fromEntries(values));
}

/** The bare values of a row. */
export const plainValues = ({ values }: Pick<SettingsRow, "values">): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(values).map(([key, { value }]) => [key, value]));

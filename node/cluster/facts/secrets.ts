/** Secrets with names: rows of the directory, sealed with the cluster's key, each for the places that it may be sent
 *  to. Settings refer to them as `secret:NAME` where they would otherwise have a sealed value of their own.
 *
 *      row keys/secret/NAME: sealed(value; name, for) ◄── set, rotate       mail, identity-provider/…, audit-sink/…,
 *                                     │                                      endpoint/…: secret:NAME
 *                                     └── open(secret:NAME, to host:port) ◄─┘    nothing comes out for another place
 *
 *  They lie below the prefix of keys, which only managers and chat nodes change. */
import { Type } from "typebox";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  failure,
  mayBeSentTo,
  ok,
  PlexusError,
  refused,
  sameJson,
  secretReference,
  setSecret,
  type Result,
  type SetSecret,
} from "../../../protocols/index.ts";
import type { Directory, DirectoryRow } from "../../ports/index.ts";
import { settingsLimits } from "./limits.ts";
import { watchNamedRows, withoutName } from "./named-rows.ts";

/** Where something is sent to. */
export interface Destination {
  readonly host: string;
  readonly port: number;
}

/** Seals and opens. With `to`, a text `secret:NAME` stands for the secret of that name, if it may be sent there. */
export interface Seals {
  /** Errors: BAD_REQUEST where there is no such secret for this place. */
  seal(text: string, context: readonly string[], to?: Destination): Promise<string>;
  /** Undefined: not sealed here, or not for this context or place. */
  open(sealed: string, context: readonly string[], to?: Destination): Promise<string | undefined>;
}

const prefix = "keys/secret/";

/** A row. */
export interface SecretRow {
  readonly name: string;
  readonly sealed: string;
  readonly for: readonly string[];
  readonly note?: string;
  readonly version: number;
  readonly by: string;
  readonly atMs: number;
}

const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });
// Open: a later version may add fields.
const isRow = checkOf(
  Type.Object({
    name: Type.String({ maxLength: 64 }),
    sealed: Type.String({ maxLength: 8_192 }),
    for: setSecret.properties.for,
    note: setSecret.properties.note,
    version: count,
    by: Type.String({ maxLength: 256 }),
    atMs: count,
  }),
);
const read = ({ key, value }: DirectoryRow): SecretRow | undefined => {
  const row = isRow.Check(value) ? (value as SecretRow) : undefined;
  return row !== undefined && key === `${prefix}${row.name}` ? row : undefined;
};
/** Other places are another secret: a change of the row alone sends it nowhere else. */
const contextOf = ({ name, for: places }: Pick<SecretRow, "name" | "for">): readonly string[] => [
  "named-secret",
  name,
  ...places.toSorted(),
];

/** The admin who sets one, and when. */
export interface SecretAuthor {
  readonly by: string;
  readonly nowMs: number;
}

/** The secrets of the cluster. */
export interface NamedSecrets extends Seals {
  /** Rows, without what is in them. */
  list(): readonly SecretRow[];
  onChange(listener: () => void): () => void;
  /** Errors: LIMIT_REACHED, OVERLOADED. Rejects with DIRECTORY_UNAVAILABLE. */
  set(
    name: string,
    next: SetSecret & { readonly seen?: number | undefined },
    author: SecretAuthor,
  ): Promise<Result<SecretRow>>;
  /** Another value for the same places. Errors: NOT_FOUND, OVERLOADED. */
  rotate(name: string, value: string, author: SecretAuthor): Promise<Result<SecretRow>>;
  /** Errors: NOT_FOUND, OVERLOADED. Whether something uses it is asked before. */
  remove(name: string): Promise<Result<SecretRow>>;
  stop(): void;
}

/** Begins to watch the rows. `seals`: what seals with the cluster's key. */
export function watchSecrets(directory: Directory, seals: Pick<Seals, "seal" | "open">): NamedSecrets {
  const { secretsMax } = settingsLimits;
  const rows = watchNamedRows<SecretRow>(directory, { one: "secret", prefix, read, limit: { secretsMax } });
  const find = (name: string): SecretRow | undefined => rows.current().find((row) => row.name === name);
  /** What the directory has: what was set a moment ago may not have been told yet. */
  async function lookUp(name: string): Promise<SecretRow | undefined> {
    const row = find(name) ?? (await directory.read(`${prefix}${name}`));
    return row === undefined || "sealed" in row ? row : read(row);
  }
  const isThere = async (row: SecretRow, { value, for: places, note }: SetSecret): Promise<boolean> =>
    sameJson([row.for, row.note], [places, note]) && (await seals.open(row.sealed, contextOf(row))) === value;
  async function write(
    name: string,
    { value, seen, ...given }: SetSecret & { readonly seen?: number | undefined },
    { by, nowMs: atMs }: SecretAuthor,
  ): Promise<Result<SecretRow>> {
    const sealed = await seals.seal(value, contextOf({ name, for: given.for }));
    const before = await lookUp(name);
    const version = before?.version ?? 0;
    const stale = (): Result<never> => refused(failure("CHANGED_MEANWHILE", { secret: name }));
    // One's own write, whose answer was lost.
    if (seen !== undefined && before !== undefined && before.by === by && (await isThere(before, { value, ...given })))
      return ok(before);
    if (seen !== undefined && seen !== version) return stale();
    const set = await rows.set(
      { ...given, name, sealed, version: version + 1, by, atMs },
      seen === undefined ? undefined : withoutName(before),
    );
    // What was there is sealed, and is told to nobody.
    return set.ok || set.error.code !== "CHANGED_MEANWHILE" ? set : stale();
  }

  return {
    list: () => rows.current(),
    onChange: (listener) => rows.onChange(listener),
    set: write,
    async rotate(name, value, author) {
      const row = await lookUp(name);
      if (row === undefined) return refused(failure("NOT_FOUND", { secret: name }));
      return write(name, { value, for: [...row.for], ...(row.note !== undefined && { note: row.note }) }, author);
    },
    remove: (name) => rows.remove(name),
    async seal(text, context, to) {
      const name = to === undefined ? undefined : secretReference(text);
      if (name === undefined || to === undefined) return seals.seal(text, context);
      const row = await lookUp(name);
      const problem = secretFault(row === undefined ? [] : [row], name, to);
      if (problem === undefined) return text;
      throw new PlexusError(failure("BAD_REQUEST", { secret: name, problem }));
    },
    async open(sealed, context, to) {
      const name = to === undefined ? undefined : secretReference(sealed);
      if (name === undefined || to === undefined) return seals.open(sealed, context);
      const row = await lookUp(name);
      if (row === undefined || !mayBeSentTo(row.for, to.host, to.port)) return undefined;
      return seals.open(row.sealed, contextOf(row));
    },
    stop: () => rows.stop(),
  };
}

/** Where a URL leads. */
export function destinationOf(url: string): Destination {
  const { protocol, hostname, port } = new URL(url);
  const usual: Readonly<Record<string, number>> = { "https:": 443, "http:": 80 };
  return { host: hostname, port: port === "" ? (usual[protocol] ?? 0) : Number(port) };
}

/** Why a secret may not be sent to a place; undefined: it may. */
export function secretFault(
  rows: readonly Pick<SecretRow, "name" | "for">[],
  name: string,
  to: Destination,
): string | undefined {
  const row = rows.find((one) => one.name === name);
  if (row === undefined) return `there is no secret ${name}: plexus secrets set ${name} --for ${to.host}`;
  if (mayBeSentTo(row.for, to.host, to.port)) return undefined;
  return `the secret ${name} is for ${row.for.join(", ")}, and not for ${to.host}:${to.port}`;
}

/** How the cluster sends mail: one row of the directory. Every node reads it when it sends; its password is sealed. */
import { failure, ok, refused, type MailServer, type Result } from "../../../protocols/index.ts";
import type { Directory } from "../../ports/index.ts";
import { isRow, mailKey } from "./records.ts";
import type { Seals } from "./secrets.ts";

/** A mail server with its password as it may be used. */
export type KnownServer = MailServer & { readonly password?: string };

/** The settings. All but `isSet` reject with DIRECTORY_UNAVAILABLE. */
export interface MailSettings {
  /** Whether a server is set, as this node knows. */
  isSet(): boolean;
  /** Undefined: none are set. */
  current(): Promise<KnownServer | undefined>;
  /** The server, with its password as the row has it. Undefined: none is set. */
  kept(): Promise<
    { readonly server: MailServer; readonly sealed?: string; readonly context: readonly string[] } | undefined
  >;
  /** `password` absent: the one that is there stays, as long as host and user do: it is not sent to another server.
   *  Errors: BAD_REQUEST, OVERLOADED. */
  set(server: MailServer, password: string | undefined): Promise<Result<unknown>>;
  /** Errors: NOT_FOUND, OVERLOADED. */
  remove(): Promise<Result<unknown>>;
  stop(): void;
}

const attemptsMax = 4;
type Row = MailServer & { readonly sealed?: string };

/** A password opens only with the server that it was given for: a row that somebody changed sends it nowhere else. */
const contextOf = ({ host, port, user }: MailServer): readonly string[] => ["mail", host, String(port), user ?? ""];

/** On the rows of a directory. */
export function mailSettings(
  directory: Pick<Directory, "read" | "compareAndSet" | "watch">,
  seals: Seals,
): MailSettings {
  const read = async (): Promise<{ readonly row: Row | undefined; readonly revision: number }> => {
    const found = await directory.read(mailKey);
    const row = found !== undefined && isRow(mailKey, found.value) ? (found.value as Row) : undefined;
    return { row, revision: found?.revision ?? 0 };
  };
  const same = (one: MailServer, other: MailServer): boolean => contextOf(one).join(" ") === contextOf(other).join(" ");

  let isSet = false;
  const stop = directory.watch(mailKey, {
    reset: (rows) => (isSet = rows.some(({ key }) => key === mailKey)),
    changed: ({ key }) => (isSet ||= key === mailKey),
    removed: (key) => (isSet &&= key !== mailKey),
    stale: () => undefined,
  });

  return {
    isSet: () => isSet,
    stop,
    async current() {
      const { row } = await read();
      if (row === undefined) return undefined;
      const { sealed, ...server } = row;
      const password = sealed === undefined ? undefined : await seals.open(sealed, contextOf(server), server);
      return { ...server, ...(password !== undefined && { password }) };
    },
    async kept() {
      const { row } = await read();
      if (row === undefined) return undefined;
      const { sealed, ...server } = row;
      return { server, context: contextOf(server), ...(sealed !== undefined && { sealed }) };
    },
    async set(server, password) {
      const sealed = password === undefined ? undefined : await seals.seal(password, contextOf(server), server);
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const { row, revision } = await read();
        const kept = row !== undefined && same(row, server) ? row.sealed : undefined;
        if (server.user !== undefined && sealed === undefined && kept === undefined)
          return refused(
            failure("BAD_REQUEST", { path: "/password", problem: "this mail server needs a password for this user" }),
          );
        const secret = server.user === undefined ? undefined : (sealed ?? kept);
        const next: Row = { ...server, ...(secret !== undefined && { sealed: secret }) };
        if ((await directory.compareAndSet(mailKey, next, revision)).applied) return ok({});
      }
      return refused(failure("OVERLOADED", { row: mailKey }));
    },
    async remove() {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const { row, revision } = await read();
        if (row === undefined) return refused(failure("NOT_FOUND", { reason: "no mail server is set" }));
        if ((await directory.compareAndSet(mailKey, undefined, revision)).applied) return ok({});
      }
      return refused(failure("OVERLOADED", { row: mailKey }));
    },
  };
}

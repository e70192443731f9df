/** How the cluster sends mail: one row of the directory. Every node reads it when it sends; its password is sealed. */
import { failure, ok, refused, type MailServer, type Result } from "../../../protocols/index.ts";
import type { Directory, DirectoryRow } from "../../ports/index.ts";
import { changeRow, watchRow } from "./one-row.ts";
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

type Row = MailServer & { readonly sealed?: string };

/** A password opens only with the server that it was given for: a row that somebody changed sends it nowhere else. */
const contextOf = ({ host, port, user }: MailServer): readonly string[] => ["mail", host, String(port), user ?? ""];

/** On the rows of a directory. */
export function mailSettings(
  directory: Pick<Directory, "read" | "compareAndSet" | "watch">,
  seals: Seals,
): MailSettings {
  const taken = (row: DirectoryRow | undefined): Row | undefined =>
    row !== undefined && isRow(mailKey, row.value) ? (row.value as Row) : undefined;
  const read = async (): Promise<Row | undefined> => taken(await directory.read(mailKey));
  const same = (one: MailServer, other: MailServer): boolean => contextOf(one).join(" ") === contextOf(other).join(" ");

  let isSet = false;
  const stop = watchRow(directory, mailKey, (row) => (isSet = row !== undefined));

  return {
    isSet: () => isSet,
    stop,
    async current() {
      const row = await read();
      if (row === undefined) return undefined;
      const { sealed, ...server } = row;
      const password = sealed === undefined ? undefined : await seals.open(sealed, contextOf(server), server);
      return { ...server, ...(password !== undefined && { password }) };
    },
    async kept() {
      const row = await read();
      if (row === undefined) return undefined;
      const { sealed, ...server } = row;
      return { server, context: contextOf(server), ...(sealed !== undefined && { sealed }) };
    },
    async set(server, password) {
      const sealed = password === undefined ? undefined : await seals.seal(password, contextOf(server), server);
      return changeRow(directory, mailKey, {
        make(found) {
          const row = taken(found);
          const kept = row !== undefined && same(row, server) ? row.sealed : undefined;
          if (server.user !== undefined && sealed === undefined && kept === undefined)
            return refused(
              failure("BAD_REQUEST", { path: "/password", problem: "this mail server needs a password for this user" }),
            );
          const secret = server.user === undefined ? undefined : (sealed ?? kept);
          return ok<Row>({ ...server, ...(secret !== undefined && { sealed: secret }) });
        },
      });
    },
    remove: () =>
      changeRow(directory, mailKey, {
        make: (row) =>
          taken(row) === undefined ? refused(failure("NOT_FOUND", { reason: "no mail server is set" })) : ok(undefined),
      }),
  };
}

/** Who gets past the door of what: every route and every command of the wires, asked for by every sort of caller at a
 *  real gateway.
 *
 *  What is asked for cannot be understood (a body of no known type, fields that no command has), so nothing is done; a
 *  refusal for lack of a right comes before that. `permissions.txt` is the table as it should be. Run the test with
 *  PERMISSIONS_WRITE=1 to write it anew, and read the difference. */
import { join } from "node:path";
import type { ServiceError } from "@grpc/grpc-js";
import type { InjectOptions } from "fastify";
import { clientCommands } from "../../../protocols/index.ts";
import { setUpCodes } from "./codes.ts";
import { grpcClient } from "./grpc-client.ts";
import type { Client, Fixture, FixtureOptions } from "./fixture.ts";

export const tablePath = join(import.meta.dirname, "permissions.txt");

/** Sorts of callers, as the columns have them. `revoked` has the token of a session that was ended, `suspended` that of
 *  an account that was; `pending` has given a password where a code is needed too, and shows the secret of that sign-in
 *  as if it were a token. Who has a rank in another room is asked in `others.test.ts`. */
export const callers = [
  "stranger",
  "revoked",
  "suspended",
  "pending",
  "guest",
  "member",
  "service",
  "moderator",
  "admin",
  "owner",
  "stale-owner",
  "owner-key",
  "models-key",
  "chat-key",
  "operator",
] as const;
export type CallerSort = (typeof callers)[number];

/** How a question ends at the door. */
const marks: Readonly<Record<string, string>> = { UNAUTHENTICATED: "-", FORBIDDEN: ".", SIGN_IN_AGAIN: "again" };
const markOf = (code: string | undefined): string => marks[code ?? ""] ?? "yes";

/** A part that a gateway has only with others: whatever is asked of it is nothing that this test looks at. */
const absent: unknown = new Proxy(() => absent, {
  get: (_target, name) => {
    if (name === Symbol.iterator) return () => [].values();
    return name === "then" ? undefined : absent;
  },
});
/** A list of nothing, however it is asked for; who watches it hears nothing. */
const empty: unknown = new Proxy(
  {},
  {
    get: (_target, name) =>
      name === "then" ? undefined : name === "watch" || name === "onChange" ? () => () => undefined : () => [],
  },
);
/** All optional parts, so that their routes are there. */
export const everyPart = {
  ...Object.fromEntries(
    [
      "blobs",
      "opener",
      "inference",
      "shards",
      "endpoints",
      "disk",
      "keys",
      "backups",
      "auditControl",
      "auditViews",
      "mail",
      "observe",
      "settings",
      "namedSecrets",
    ].map((part) => [part, absent]),
  ),
  models: { store: empty, wanted: empty },
} as unknown as FixtureOptions;

/** Makes a caller of each sort. `shift` moves the clock: a sign-in becomes an old one. */
export async function signInAll(
  fixture: Fixture,
  controlToken: string,
  shift: (ms: number) => void,
): Promise<Readonly<Record<CallerSort, string | undefined>>> {
  const tokens: Partial<Record<CallerSort, string>> = {};
  const named = async (sort: CallerSort) => (tokens[sort] = (await fixture.signUp(sort)).token);
  await named("owner");
  tokens["stale-owner"] = tokens.owner as string;
  tokens.pending = (await setUpCodes(fixture, "pending", fixture.world.nowMs)).attempt;
  const key = async (sort: CallerSort, scopes?: readonly string[]) => {
    const body = { label: sort, ...(scopes && { scopes }) };
    tokens[sort] = (await fixture.request("POST", "/api/v1/me/keys", { token: tokens.owner as string, body })).body.key;
  };
  await key("owner-key");
  await key("models-key", ["models"]);
  await key("chat-key", ["chat"]);
  shift(11 * 60_000);
  const again = { body: { name: "owner", password: "correct horse" } };
  tokens.owner = (await fixture.request("POST", "/api/v1/sign-in", again)).body.token as string;
  for (const sort of ["guest", "member", "service", "moderator", "admin", "revoked"] as const) await named(sort);
  for (const role of ["guest", "service", "moderator", "admin"] as const) {
    const given = await fixture.request("PUT", `/api/v1/admin/users/${role}/roles`, {
      token: controlToken,
      body: { roles: [role] },
    });
    if (given.status !== 200) throw new Error(`${role}: ${JSON.stringify(given.body)}`);
  }
  await fixture.request("POST", "/api/v1/sign-out", { token: tokens.revoked as string, body: {} });
  await named("suspended");
  await fixture.request("PUT", "/api/v1/admin/users/suspended/suspended", {
    token: controlToken,
    body: { suspended: true },
  });
  return { ...tokens, stranger: undefined, operator: controlToken } as Readonly<Record<CallerSort, string | undefined>>;
}

/** Fixtures for what a path names. */
const pathOf = (path: string): string =>
  path.replaceAll(/:(\w+)/g, (_, name) => (name === "hash" ? "0".repeat(64) : "nobody"));

interface Refused {
  readonly status: number;
  readonly code?: string | undefined;
}

/** Routes whose answer has no end. */
const endless = /\/events$/;

const isRefusal = (status: number): boolean => status === 401 || status === 403;
const codeIn = (body: string): string | undefined => /"code":"([A-Z_]+)"/.exec(body)?.[1];

async function ask({ app, url }: Fixture, method: string, path: string, token: string | undefined): Promise<Refused> {
  const asked = { method: method as NonNullable<InjectOptions["method"]>, url: path, authority: new URL(url).host };
  const unknown = { headers: { "content-type": "application/x-unknown" }, payload: "?" };
  const { headers, ...body } = method === "GET" ? { headers: {} } : unknown;
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { statusCode: status, payload } = await app.inject({
    ...asked,
    ...body,
    headers: { ...headers, ...authorization },
  });
  return { status, code: isRefusal(status) ? codeIn(payload) : undefined };
}

/** The same on a socket, of which only the beginning is heard. */
async function listen(fixture: Fixture, method: string, path: string, token: string | undefined): Promise<Refused> {
  const ending = new AbortController();
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(fixture.url + path, { method, signal: ending.signal, headers });
  const code = isRefusal(answer.status) ? codeIn(await answer.text()) : undefined;
  ending.abort();
  return { status: answer.status, code };
}

/** The table as it is at a gateway. */
export async function readTable(
  fixture: Fixture,
  tokens: Readonly<Record<CallerSort, string | undefined>>,
): Promise<readonly string[]> {
  const lines: string[] = [];
  const say = (what: string, needs: string, outcomes: readonly string[]): void => {
    lines.push([what.padEnd(58), needs.padEnd(19), ...outcomes.map((outcome, at) => outcome.padEnd((callers[at] as string).length))].join(" ").trimEnd()); // prettier-ignore
  };
  say("# what", "needs", callers);
  for (const { method, path, permission } of fixture.gateway.routes()) {
    const at = pathOf(path);
    const outcomes = await Promise.all(
      callers.map(async (sort) => {
        const { status, code } = await (endless.test(path) ? listen : ask)(fixture, method, at, tokens[sort]);
        return markOf(code ?? (status === 401 ? "UNAUTHENTICATED" : status === 403 ? "FORBIDDEN" : undefined));
      }),
    );
    say(`${method} ${path}`, permission ?? "", outcomes);
  }
  const grpc = grpcClient(fixture.gateway.grpcAddress ?? "");
  const capital = (name: string): string => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  /** The same command as a call of its own. No actor has a name like that. */
  const byGrpc = async (kind: string, name: string, token: string | undefined): Promise<string> => {
    const answered = grpc.call(`${capital(kind)}Service`, capital(name), { to: "no such name" }, { token });
    return answered.then(
      () => "yes",
      (error: ServiceError) => markOf(error.metadata.get("plexus-code")[0]?.toString()),
    );
  };
  const sockets = new Map<CallerSort, Client>();
  for (const sort of callers) {
    const token = tokens[sort];
    const socket = token === undefined ? undefined : await fixture.connect(token).catch(() => undefined);
    if (socket !== undefined) sockets.set(sort, socket);
  }
  for (const { kind, name, row } of clientCommands) {
    const outcomes = await Promise.all(
      callers.map(async (sort) => {
        const socket = sockets.get(sort);
        if (socket === undefined) return byGrpc(kind, name, tokens[sort]);
        const answer = await socket.ask(`${kind}.${name}`, "nobody", { "no such field": true });
        const [mark, other] = [markOf(answer.error?.code), await byGrpc(kind, name, tokens[sort])];
        // What the wires do not say alike is no line of the table.
        return mark === other ? mark : `${mark}/${other}`;
      }),
    );
    say(`${kind}.${name}`, row.permission ?? "", outcomes);
  }
  for (const topic of ["room/nobody", "agent/nobody.x", "user/nobody"]) {
    const outcomes = await Promise.all(
      callers.map(async (sort) => {
        const socket = sockets.get(sort);
        const own =
          topic === "user/nobody" ? `user/${sort.endsWith("-key") || sort === "stale-owner" ? "owner" : sort}` : topic;
        return socket === undefined ? "-" : markOf((await socket.ask("subscribe", own)).error?.code);
      }),
    );
    say(`subscribe ${topic === "user/nobody" ? "user/ONESELF" : topic}`, "", outcomes);
  }
  grpc.close();
  return lines;
}

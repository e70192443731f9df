/** The simulated time of a gateway, and requests to it that need no socket. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { FastifyInstance, InjectOptions } from "fastify";
import { createGateway } from "../../../node/gateway/index.ts";
import { type Gateway, type GatewayOptions } from "../../../node/gateway/options.ts";
import { createRandom } from "../../../node/platform/index.ts";
import { ok } from "../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { settled } from "../../world/index.ts";

export { createWorld, msPerTurn } from "../../fixtures/flowing.ts";

export interface RequestOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any;
}

export const controlToken = "operator-secret-for-tests";

/** What a gateway needs beside what a test is about. */
export const plainOptions = () =>
  ({
    random: createRandom(),
    log: quietLog,
    meter: quietMeter,
    host: "127.0.0.1",
    port: 0,
    version: "0.0.0-test",
    signUp: "open",
    adminNeeded: async () => false,
    adminCodeHash: undefined,
    status: () => {
      throw new Error("not asked for here");
    },
    readiness: () => ok({}),
    metricsText: async () => ({ contentType: "text/plain", body: "" }),
    controlToken,
  }) satisfies Partial<GatewayOptions>;

/** The gateway, and the server of it that takes requests without a socket. */
export async function openGateway(settings: GatewayOptions): Promise<{ gateway: Gateway; app: FastifyInstance }> {
  let app: FastifyInstance | undefined;
  const keep = (made: unknown): void => void (app = (made as { readonly fastify: FastifyInstance }).fastify);
  subscribe("fastify.initialization", keep);
  // It makes the server before it waits for anything.
  const starting = createGateway(settings);
  unsubscribe("fastify.initialization", keep);
  return { gateway: await starting, app: app as FastifyInstance };
}

/** Asks a server as a program on the same machine does, without a socket. */
export async function askOf(
  app: FastifyInstance,
  url: string,
  method: string,
  path: string,
  { token, body, headers }: RequestOptions,
): Promise<Reply> {
  const answer = await app.inject({
    method: method as NonNullable<InjectOptions["method"]>,
    url: path,
    authority: new URL(url).host,
    headers: {
      "user-agent": "node",
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { payload: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  // Else time would not pass for who asks again and again.
  await settled();
  const said = new Headers();
  for (const [name, value] of Object.entries(answer.headers))
    for (const one of [value ?? []].flat()) said.append(name, String(one));
  const isJson = /application\/json\b/.test(said.get("content-type") ?? "");
  return { status: answer.statusCode, headers: said, body: isJson ? JSON.parse(answer.body) : answer.body };
}

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { failure, type Failure } from "../../../protocols/index.ts";
import type { HostCheck } from "./hosts.ts";
import type { GatewayContext } from "../options.ts";
import { rawAnswer } from "./refusals.ts";
import type { ListenAddress } from "../ports.ts";

/** Where metrics are read without a token: a listener of its own, which no proxy of the page leads to. */
export interface MetricsListener {
  readonly url: string;
  stop(): Promise<void>;
}

/** Serves `GET /metrics` and nothing else. Rejects when the address is taken. */
export async function listenForMetrics(
  address: ListenAddress,
  at: Pick<GatewayContext, "metricsText" | "log" | "limits">,
  isOurs: HostCheck,
): Promise<MetricsListener> {
  const { limits, log } = at;
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headerTimeoutMs,
      requestTimeout: limits.headerTimeoutMs,
      connectionsCheckingInterval: limits.requestSweepMs,
    },
    (request, response) => {
      const refuse = (reason: Failure): void => void request.socket.end(rawAnswer(reason));
      const allowed = isOurs(request);
      if (!allowed.ok) return refuse(allowed.error);
      const path = (request.url ?? "").split("?", 1)[0];
      if (path !== "/metrics" || request.method !== "GET")
        return refuse(failure("NOT_FOUND", { path: path?.slice(0, 200) }));
      at.metricsText().then(
        ({ contentType, body }) => response.writeHead(200, { "content-type": contentType }).end(body),
        (error: unknown) => {
          log.error("metrics.failed", { error });
          refuse(failure("INTERNAL"));
        },
      );
    },
  );
  server.maxConnections = limits.metricsConnectionsMax;
  server.timeout = limits.stalledAnswerMs;
  await listening(server, address);
  server.on("error", (error) => log.warn("gateway.accept.failed", { error: error.message }));
  const { address: host, port } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}/metrics`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const listening = (server: Server, { host, port }: ListenAddress): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });

/** The routes of REST, by gRPC: a request is given to the same router, within this process, so that rights, audit,
 *  limits, traces and errors cannot differ.
 *
 *      AdminService.PutClusterNodesByNodeRoles ─┐
 *      RouteService.Call                       ─┴─► the router ─► JSON ─► a message
 *
 *  A caller that shows a control token, or a client certificate that stands for one and no token, comes as by the
 *  control endpoint: it reaches the routes of admins and nothing else. */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import {
  apiPrefix,
  failure,
  isControlToken,
  ok,
  refused,
  type Failure,
  type Result,
} from "../../../protocols/index.ts";
import { presentedToken } from "../identity/callers.ts";
import type { GatewayContext } from "../options.ts";
import type { RouteCall } from "./grpc-codec.ts";

const methods: ReadonlySet<string> = new Set(["GET", "POST", "PUT", "PATCH", "DELETE"]);
const ignore = (): void => undefined;
const bad = (path: string, problem: string): Result<never> => refused(failure("BAD_REQUEST", { path, problem }));

/** A call, as far as a route looks at it. */
export interface CallFacts {
  readonly request: IncomingMessage;
  /** The connection that it came by. */
  readonly socket: Socket | undefined;
  readonly agent: string | undefined;
  readonly trace: string | undefined;
  /** Whether nobody waits for it any more. */
  isOver(): boolean;
}

/** What a route answered. */
export interface RouteAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Whether a call comes by the authority of the control endpoint. */
function isControl({ request, socket }: CallFacts): boolean {
  const presented = presentedToken(request);
  if (presented !== undefined) return isControlToken(presented.token);
  return typeof (socket as { getPeerCertificate?: unknown } | undefined)?.getPeerCertificate === "function";
}

/** Asks a route. Errors: BAD_REQUEST, TOO_LARGE, ASK_TIMEOUT, those of the route. */
export async function askRoute(
  at: Pick<GatewayContext, "limits" | "control">,
  app: FastifyInstance,
  call: CallFacts,
  { method, path, body, operationId }: RouteCall,
): Promise<Result<RouteAnswer>> {
  if (!methods.has(method)) return bad("/method", `not one of ${[...methods].join(", ")}`);
  if (!path.startsWith(`${apiPrefix}/`) || path.length > 2_048 || !/^[\x21-\x7e]+$/.test(path))
    return bad("/path", `not a path below ${apiPrefix}/`);
  if (call.isOver()) return refused(failure("ASK_TIMEOUT"));
  const { request, socket } = call;
  const pass =
    at.control !== undefined && socket !== undefined && isControl(call) ? at.control.pass(socket) : undefined;
  try {
    const answer = await app.inject({
      method: method as "GET",
      url: path,
      headers: {
        ...(request.headers as Record<string, string>),
        ...pass?.headers,
        ...(call.agent !== undefined && { "user-agent": call.agent }),
        ...(call.trace !== undefined && { traceparent: call.trace }),
        ...(operationId !== undefined && { "idempotency-key": operationId }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { payload: JSON.stringify(body) }),
      remoteAddress: request.socket.remoteAddress ?? "",
      payloadAsStream: true,
    });
    // What was begun is let go on to its end: that is when the room for its answer is given back.
    const stream = answer.stream();
    const end = (): void => void answer.raw.res.destroy();
    stream.on("error", ignore);
    if (!/^application\/json\b/.test(String(answer.headers["content-type"] ?? "application/json"))) {
      end();
      return bad(
        "/path",
        "this route answers with a stream or a file: ask for it by HTTP, and for events by StreamService",
      );
    }
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of stream as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > at.limits.sendBufferBytesMax) {
        end();
        return refused(failure("TOO_LARGE", { limitBytes: at.limits.sendBufferBytesMax }));
      }
      pieces.push(piece);
    }
    const said = bytes === 0 ? {} : (JSON.parse(Buffer.concat(pieces).toString()) as { readonly error?: Failure });
    if (answer.statusCode >= 400) return refused(said.error ?? failure("INTERNAL"));
    return ok({ status: answer.statusCode, body: said });
  } finally {
    pass?.end();
  }
}

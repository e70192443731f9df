/** Responses over one WebSocket, turn by turn (the Open Responses specification, "WebSocket Transport").
 *
 *      message `response.create` ─► line ─► admitted, checked, begun ─► the events of a stream, a message each ─► the next in line
 *                                              └── refused ─► { type: "error", status, error }
 *
 *  What is not stored can be continued on its connection alone: the newest such response is kept for it, and forgotten with it, or when a turn
 *  that goes on from it fails. One turn runs at a time. */
import type { WebSocket } from "ws";
import { checkOf } from "../../../protocols/check.ts";
import { failure, failureOf, PlexusError, type Failure } from "../../../protocols/index.ts";
import { admit } from "../admission.ts";
import { openAiError } from "../ai/errors.ts";
import { refuseFields } from "../ai/fields/index.ts";
import { Interest } from "../ai/interest.ts";
import type { Responses } from "../ai/index.ts";
import { parseJson, wideJsonBounds } from "../json.ts";
import type { GatewayContext } from "../options.ts";
import { demand, invalid, statusOf } from "../refusals.ts";
import type { Subscriber } from "../subscriber.ts";
import { frameOf } from "./frames.ts";

/** The path of it. */
export const responsesPath = "/v1/responses";

/** A refusal as this wire says it. */
export const envelopeOf = (reason: Failure): Buffer =>
  frameOf({ type: "error", status: statusOf(reason), error: openAiError(reason).error });

/** One connection. */
export class ResponseSocket {
  readonly #at: GatewayContext;
  readonly #responses: Responses;
  readonly #subscriber: Subscriber;
  readonly #interest = new Interest();
  readonly #line: Buffer[] = [];
  readonly #stopTimer: () => void;
  #isBusy = false;
  #isOld = false;
  /** The response that is kept for this connection alone. */
  #own: string | undefined;

  constructor(at: GatewayContext, responses: Responses, subscriber: Subscriber) {
    this.#at = at;
    this.#responses = responses;
    this.#subscriber = subscriber;
    this.#stopTimer = at.clock.after(at.limits.responseSocketLifeMs, () => {
      this.#isOld = true;
      if (!this.#isBusy) this.#endIfOld();
    });
  }

  /** Takes what the client sent. */
  hear(data: Buffer): void {
    const max = this.#at.limits.responseSocketWaitingMax;
    if (this.#line.length >= max) return this.#write(envelopeOf(failure("RATE_LIMITED", { limit: "responseSocketWaitingMax", max, retryAfterMs: 1_000 }))); // prettier-ignore
    this.#line.push(data);
    if (!this.#isBusy) void this.#work();
  }

  /** The connection is gone. */
  gone(): void {
    this.#stopTimer();
    this.#line.splice(0);
    this.#interest.lose();
    this.#keepOnly(undefined);
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    for (let data = this.#line.shift(); data !== undefined && this.#subscriber.open; data = this.#line.shift()) {
      await this.#turn(data);
      this.#endIfOld();
    }
    this.#isBusy = false;
  }

  async #turn(data: Buffer): Promise<void> {
    let goesOnFrom: unknown;
    try {
      const body = this.#read(data);
      goesOnFrom = body.previous_response_id;
      const asking = { caller: this.#subscriber.caller, interest: this.#interest };
      const { run } = await this.#responses.begin({ body, bytes: data.length, asking, only: this });
      const response = await run((event) => this.#write(frameOf(event)));
      if (response.status === "failed") this.#failed(goesOnFrom);
      else this.#keepOnly(body.store === false ? response.id : undefined);
    } catch (error) {
      this.#failed(goesOnFrom);
      this.#write(envelopeOf(failureOf(error)));
    }
  }

  /** The request of a message. Throws what it is refused with. */
  #read(data: Buffer): Parameters<Responses["begin"]>[0]["body"] {
    const { limits } = this.#at;
    const { caller, address } = this.#subscriber;
    const asked = { address, personOnly: false, permission: "model.use", method: "GET", route: responsesPath } as const;
    const refusal = admit(this.#at, caller, asked);
    if (refusal !== undefined) throw new PlexusError(refusal);
    const { type, stream: _, ...body } = demand(parseJson(data.toString(), wideJsonBounds(limits))) as Record<string, unknown>; // prettier-ignore
    if (type !== "response.create")
      throw new PlexusError(failure("BAD_REQUEST", { path: "/type", problem: "must be response.create" }));
    if (body["background"] === true)
      throw new PlexusError(failure("BAD_REQUEST", { path: "/background", problem: "not over a WebSocket" }));
    refuseFields(responsesPath, body);
    const check = checkOf(this.#responses.schema);
    if (!check.Check(body)) throw new PlexusError(invalid(check.Errors(body)));
    return body;
  }

  /** A turn that failed takes along what it was to go on from, where that is kept for this connection alone. */
  #failed(goesOnFrom: unknown): void {
    if (goesOnFrom === this.#own) this.#keepOnly(undefined);
  }

  #keepOnly(id: string | undefined): void {
    if (this.#own !== undefined && this.#own !== id) this.#responses.forget(this.#subscriber.user, this.#own);
    this.#own = id;
  }

  #endIfOld(): void {
    if (!this.#isOld) return;
    const max = this.#at.limits.responseSocketLifeMs;
    const word = "websocket_connection_limit_reached";
    this.#subscriber.bye(failure("LIMIT_REACHED", { limit: "responseSocketLifeMs", max, word }));
  }

  #write(bytes: Buffer): void {
    const { stream } = this.#subscriber.wire;
    if (!this.#subscriber.open) return;
    // A client that reads nothing fills no memory.
    if (stream.writableLength > this.#at.limits.sendBufferBytesMax) this.#subscriber.wire.terminate();
    else stream.write(bytes, () => undefined);
  }
}

/** Listens to a connection. */
export function serveResponses(socket: WebSocket, one: ResponseSocket): void {
  socket.on("message", (data) => one.hear(data as Buffer)).on("close", () => one.gone());
}

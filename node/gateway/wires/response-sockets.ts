/** Responses over one WebSocket, turn by turn (the Open Responses specification, "WebSocket Transport"), in several
 *  streams beside each other (OpenAI's WebSocket mode).
 *
 *      message `response.create` ─► the line of its stream ─► admitted, checked, begun ─► the events, a message each
 *                                              │                                          └─► the next in line
 *                                              └── refused ─► { type: "error", status, error }
 *
 *  A message may name its stream (`stream_id`); each message about it names it too. What names none is a stream as
 *  well. In a stream one turn runs at a time, in the order of the messages; streams run beside each other, as far as
 *  their person's calls may.
 *
 *  What is not stored can be continued on its connection alone, from any stream: of each stream the newest such
 *  response is kept, and forgotten with the connection, or when a turn of the stream that goes on from it fails. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { checkOf } from "../../../protocols/wire/check.ts";
import { failure, failureOf, PlexusError, type Failure } from "../../../protocols/index.ts";
import { admit } from "../edge/admission.ts";
import { openAiError } from "../ai/errors.ts";
import { refuseFields, unknownFields } from "../ai/fields/index.ts";
import { Interest } from "../ai/interest.ts";
import type { Responses } from "../ai/index.ts";
import { parseAsked, aiJsonBounds } from "../edge/json.ts";
import type { GatewayContext } from "../options.ts";
import { demand, invalid, statusOf } from "../edge/refusals.ts";
import type { Subscriber } from "../feeds/subscriber.ts";
import { frameOf } from "./frames.ts";

/** The path of it. */
export const responsesPath = "/v1/responses";

/** What names a stream in messages about it. */
type Named = { readonly stream_id?: string };

/** A refusal as this wire says it. */
export const envelopeOf = (reason: Failure, named: Named = {}): Buffer =>
  frameOf({ type: "error", status: statusOf(reason), error: openAiError(reason).error, ...named });

/** One stream of a connection. */
interface Stream {
  readonly named: Named;
  /** What waits, as it came. */
  readonly line: Heard[];
  isBusy: boolean;
  /** The response that is kept for this connection alone. */
  own: string | undefined;
}

/** A message, with how long it was. */
interface Heard {
  readonly said: Readonly<Record<string, unknown>>;
  readonly bytes: number;
}

const streamIdCharsMax = 128;

/** The stream of a message that is not parsed, as its first field of that name says. */
function namedInText(data: Buffer): Named {
  const at = data.indexOf('"stream_id"');
  const text = at < 0 ? "" : data.subarray(at, at + 2 * streamIdCharsMax).toString();
  const id = /^"stream_id"\s*:\s*"([\w.:-]+)"/.exec(text)?.[1];
  return id === undefined || id.length > streamIdCharsMax ? {} : namedIn({ stream_id: id });
}

/** One connection. */
export class ResponseSocket {
  readonly #at: GatewayContext;
  readonly #responses: Responses;
  readonly #subscriber: Subscriber;
  readonly #headers: IncomingHttpHeaders;
  readonly #interest = new Interest();
  /** What came and is not taken yet. The connection is not read while the first of them waits. */
  readonly #heard: Buffer[] = [];
  /** By name, the one that was used last at the end. */
  readonly #streams = new Map<string | undefined, Stream>();
  readonly #stopTimer: () => void;
  #isOld = false;

  constructor(at: GatewayContext, responses: Responses, subscriber: Subscriber, { headers }: IncomingMessage) {
    this.#at = at;
    this.#responses = responses;
    this.#subscriber = subscriber;
    this.#headers = headers;
    this.#stopTimer = at.clock.after(at.limits.responseSocketLifeMs, () => {
      this.#isOld = true;
      this.#endIfOld();
    });
  }

  /** Takes what the client sent: what is large waits for its turn, and all behind it. */
  hear(data: Buffer): void {
    this.#heard.push(data);
    if (this.#heard.length === 1) this.#next();
  }

  #next(): void {
    for (let [data] = this.#heard; data !== undefined && this.#subscriber.open; [data] = this.#heard) {
      const one = data;
      let [isDone, isLate] = [false, false];
      this.#at.pace.wait(this.#subscriber, one.length, (refusal) => {
        isDone = true;
        if (refusal === undefined) this.#take(one);
        else this.#write(envelopeOf(refusal, namedInText(one)));
        this.#heard.shift();
        if (!isLate) return;
        this.#subscriber.wire.resume();
        this.#next();
      });
      if (isDone) continue;
      isLate = true;
      this.#subscriber.wire.pause();
      return;
    }
  }

  #take(data: Buffer): void {
    let named: Named = {};
    try {
      const said = demand(parseAsked(data.toString(), aiJsonBounds(this.#at.limits))) as Heard["said"];
      named = namedIn(said);
      const stream = this.#streamOf(named);
      stream.line.push({ said, bytes: data.length });
      if (!stream.isBusy) void this.#work(stream);
    } catch (error) {
      this.#write(envelopeOf(failureOf(error), named));
    }
  }

  /** The connection is gone. */
  gone(): void {
    this.#stopTimer();
    this.#interest.lose();
    for (const stream of this.#streams.values()) {
      stream.line.splice(0);
      this.#keepOnly(stream, undefined);
    }
  }

  /** The stream of a message. Throws RATE_LIMITED: so many messages wait already, or so many streams are busy. */
  #streamOf(named: Named): Stream {
    const { responseSocketWaitingMax, responseSocketStreamsMax } = this.#at.limits;
    const all = [...this.#streams.values()];
    const limited = (limit: string, max: number) =>
      new PlexusError(failure("RATE_LIMITED", { limit, max, retryAfterMs: 1_000 }));
    if (all.reduce((sum, { line }) => sum + line.length, 0) >= responseSocketWaitingMax)
      throw limited("responseSocketWaitingMax", responseSocketWaitingMax);
    const name = named.stream_id;
    const found = this.#streams.get(name);
    const stream = found ?? { named, line: [], isBusy: false, own: undefined };
    if (found === undefined && all.length >= responseSocketStreamsMax) {
      const idle = all.find(({ isBusy }) => !isBusy);
      if (idle === undefined) throw limited("responseSocketStreamsMax", responseSocketStreamsMax);
      this.#keepOnly(idle, undefined);
      this.#streams.delete(idle.named.stream_id);
    }
    this.#streams.delete(name);
    this.#streams.set(name, stream);
    return stream;
  }

  async #work(stream: Stream): Promise<void> {
    stream.isBusy = true;
    for (let heard = stream.line.shift(); heard !== undefined && this.#subscriber.open; heard = stream.line.shift()) {
      await this.#turn(stream, heard);
      if (this.#isOld) break;
    }
    stream.isBusy = false;
    this.#endIfOld();
  }

  async #turn(stream: Stream, { said, bytes }: Heard): Promise<void> {
    const goesOnFrom = said["previous_response_id"];
    try {
      const body = this.#read(said);
      const { caller, address } = this.#subscriber;
      const asking = { caller, address, interest: this.#interest };
      const { run } = await this.#responses.begin({ body, bytes, asking, only: this, headers: this.#headers });
      const ignored = unknownFields(responsesPath, body);
      // What HTTP has a header for is in the first event.
      const named = ignored.length > 0 ? { ignored } : {};
      const response = await run((event) =>
        this.#write(frameOf({ ...event, ...stream.named, ...(event.type === "response.created" && named) })),
      );
      if (response.status === "failed") this.#failed(stream, goesOnFrom);
      else this.#keepOnly(stream, body.store === false ? response.id : undefined);
    } catch (error) {
      this.#failed(stream, goesOnFrom);
      this.#write(envelopeOf(failureOf(error), stream.named));
    }
  }

  /** The request of a message. Throws what it is refused with. */
  #read(said: Heard["said"]): Parameters<Responses["begin"]>[0]["body"] {
    const { caller, address } = this.#subscriber;
    const asked = { address, personOnly: false, permission: "model.use", method: "GET", route: responsesPath } as const;
    const refusal = admit(this.#at, caller, asked);
    if (refusal !== undefined) throw new PlexusError(refusal);
    const { type, stream: _, stream_id: _named, ...body } = said;
    if (type !== "response.create")
      throw new PlexusError(failure("BAD_REQUEST", { path: "/type", problem: "must be response.create" }));
    if (body["background"] === true)
      throw new PlexusError(failure("BAD_REQUEST", { path: "/background", problem: "not over a WebSocket" }));
    refuseFields(responsesPath, body);
    const check = checkOf(this.#responses.schema);
    if (!check.Check(body)) throw new PlexusError(invalid(check.Errors(body)));
    return body;
  }

  /** A turn that failed takes along what it was to go on from, where that is kept for its stream. */
  #failed(stream: Stream, goesOnFrom: unknown): void {
    if (goesOnFrom === stream.own) this.#keepOnly(stream, undefined);
  }

  #keepOnly(stream: Stream, id: string | undefined): void {
    if (stream.own !== undefined && stream.own !== id) this.#responses.forget(this.#subscriber.user, stream.own);
    stream.own = id;
  }

  #endIfOld(): void {
    if (!this.#isOld || [...this.#streams.values()].some(({ isBusy }) => isBusy)) return;
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

/** What a message says of its stream. Throws BAD_REQUEST. */
function namedIn(said: Heard["said"] | null): Named {
  const id = said?.["stream_id"];
  if (id === undefined || id === null) return {};
  if (typeof id === "string" && id !== "" && id.length <= streamIdCharsMax) return { stream_id: id };
  throw new PlexusError(
    failure("BAD_REQUEST", { path: "/stream_id", problem: `must be a text of 1 to ${streamIdCharsMax} characters` }),
  );
}

/** Listens to a connection. */
export function serveResponses(socket: WebSocket, one: ResponseSocket): void {
  socket.on("message", (data) => one.hear(data as Buffer)).on("close", () => one.gone());
}

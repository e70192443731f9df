/** A WebSocket client as an honest one behaves: reconnects for ever, repeats unanswered commands with their operationId,
 *  resumes what it follows from its last position. It keeps what it saw, for the checker. */
import { WebSocket } from "ws";
import type { Failure, NodeFrame } from "../../protocols/index.ts";
import { patience } from "../waits.ts";

type Answer = { readonly ok: unknown } | { readonly error: Failure };

/** Where a command stands among all that its client sends, repetitions included. */
export interface Sent {
  readonly first: number;
  /** After its last refusal; the same as `first` when it was never refused. */
  readonly since: number;
  /** Where it was sent, and as which of all, and what it was refused with: for whoever asks why it came late. */
  readonly story: readonly string[];
}

/** A command was refused with something that it may be tried again after. */
export interface Refusal {
  readonly error: Failure;
  /** How long its node had tried. */
  readonly afterMs: number;
}

interface Command {
  readonly frame: { id: number; do: string; to: string; with?: unknown; operationId?: string };
  first: number | undefined;
  since: number | undefined;
  sentMs: number;
  readonly story: string[];
  settle(answer: Answer): void;
}

export interface Seen {
  readonly at: number;
  readonly event: { readonly type: string; readonly [field: string]: unknown };
}

const retryMs = 25;

export class ChatClient {
  /** Durable events, by topic, in the order they came. */
  readonly seen = new Map<string, Seen[]>();
  readonly signals: unknown[] = [];
  /** In the order that they came. */
  readonly refusals: Refusal[] = [];
  readonly #url: () => string;
  readonly #token: string;
  readonly #follows = new Map<string, number | undefined>();
  readonly #commands = new Map<number, Command>();
  /** Subscriptions that were not answered yet. */
  readonly #asked = new Map<number, string>();
  #socket: WebSocket | undefined;
  #id = 0;
  #sent = 0;
  /** Where the socket leads, open or not. */
  #at = "";
  /** Where the next one leads. */
  #next: string | undefined;
  #trouble = "";
  #closed = false;

  constructor(url: () => string, token: string) {
    this.#url = url;
    this.#token = token;
    this.#connect();
  }

  /** Follows a topic from its beginning and stays with it. */
  follow(topic: string, from = 0): void {
    this.#follows.set(topic, from);
    this.seen.set(topic, []);
    if (this.#socket?.readyState === WebSocket.OPEN) this.#subscribe(topic);
  }

  /** Sends a command until it is answered; a refusal whose outcome is not_started or unknown is not an answer. */
  command(name: string, to: string, fields: unknown, operationId?: string): Promise<Answer & { readonly sent: Sent }> {
    this.#id += 1;
    const id = this.#id;
    const frame = { id, do: name, to, with: fields, ...(operationId !== undefined && { operationId }) };
    return new Promise((resolve) => {
      const command: Command = {
        frame,
        first: undefined,
        since: undefined,
        sentMs: 0,
        story: [],
        settle: (answer) => {
          if ("error" in answer && answer.error.outcome !== "failed" && !this.#closed) {
            command.since = undefined;
            command.story.push(JSON.stringify(answer.error));
            this.refusals.push({ error: answer.error, afterMs: performance.now() - command.sentMs });
            const socket = this.#socket;
            // Another connection has sent it again with all others.
            setTimeout(() => socket === this.#socket && this.#send(command), retryMs);
            return;
          }
          this.#commands.delete(id);
          const { first = 0, since = 0, story } = command;
          resolve({ ...answer, sent: { first, since, story } });
        },
      };
      this.#commands.set(id, command);
      this.#send(command);
    });
  }

  /** The node that it is at, or on its way to. */
  get url(): string {
    return this.#at;
  }

  /** How its connection is, for whoever waits for it in vain. */
  get connection(): string {
    const last = [...this.#commands.values()].at(0)?.story.slice(-3).join("; ");
    return `${["connecting", "open", "closing", "closed"][this.#socket?.readyState ?? 3]}; ${this.#trouble}; ${last}`;
  }

  /** Breaks its connection, whatever is unanswered, and goes on at another node. */
  moveTo(url: string): void {
    this.#next = url;
    this.#at = url;
    this.#socket?.terminate();
    this.#socket = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#socket?.terminate();
  }

  #send(command: Command): void {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#sent += 1;
    command.first ??= this.#sent;
    command.since ??= this.#sent;
    command.sentMs = performance.now();
    command.story.push(`${this.#sent} at ${new Date().toISOString()} to ${this.#at}`);
    this.#socket.send(JSON.stringify(command.frame));
  }

  #subscribe(topic: string): void {
    const last = this.seen.get(topic)?.at(-1)?.at ?? this.#follows.get(topic) ?? 0;
    this.#id += 1;
    this.#asked.set(this.#id, topic);
    this.#socket?.send(JSON.stringify({ id: this.#id, do: "subscribe", to: topic, cursor: last }));
  }

  #again(topic: string): void {
    const socket = this.#socket;
    setTimeout(
      () => socket === this.#socket && socket?.readyState === WebSocket.OPEN && this.#subscribe(topic),
      retryMs,
    );
  }

  #connect(): void {
    if (this.#closed) return;
    this.#at = this.#next ?? this.#url();
    this.#next = undefined;
    const socket = new WebSocket(`${this.#at.replace("http", "ws")}/ws`, {
      headers: { authorization: `Bearer ${this.#token}` },
      handshakeTimeout: patience * 5_000,
    });
    this.#socket = socket;
    socket.on("open", () => {
      this.#asked.clear();
      for (const topic of this.#follows.keys()) this.#subscribe(topic);
      for (const command of this.#commands.values()) this.#send(command);
    });
    socket.on("message", (data: Buffer) => {
      if (socket === this.#socket) this.#receive(JSON.parse(data.toString()) as NodeFrame);
    });
    // What a node says that refuses the connection.
    let refusal = "";
    socket.on("unexpected-response", (_request, response) => {
      let said = "";
      response.setEncoding("utf8").on("data", (piece: string) => (said += piece));
      response.on("close", () => {
        refusal = ` refused: ${response.statusCode ?? 0} ${said}`;
        socket.terminate();
      });
    });
    socket.on("error", (error) => (this.#trouble = `${new Date().toISOString()} ${error.message}${refusal}`));
    socket.on("close", (code, reason) => {
      if (socket === this.#socket) this.#trouble += ` closed ${code} ${reason.toString()}`;
      if (!this.#closed) setTimeout(() => this.#connect(), retryMs);
    });
  }

  #receive(frame: NodeFrame): void {
    if ("re" in frame) {
      const topic = this.#asked.get(frame.re);
      this.#asked.delete(frame.re);
      if (topic !== undefined && "error" in frame && frame.error.outcome !== "failed") this.#again(topic);
      this.#commands.get(frame.re)?.settle("ok" in frame ? { ok: frame.ok } : { error: frame.error });
    } else if ("lost" in frame) {
      this.#again(frame.topic);
    } else if ("topic" in frame && frame.at !== undefined) {
      this.seen.get(frame.topic)?.push({ at: frame.at, event: frame.event as Seen["event"] });
    } else if ("topic" in frame) {
      this.signals.push(frame.event);
    }
  }
}

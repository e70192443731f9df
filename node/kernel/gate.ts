/** The output gate of one actor: what a turn lets out waits here, in the order of the turns.
 *
 *      turn appended ────────────► its append is durable ─────────────────────────────────────┐
 *      turn appended nothing ────► every append before it is durable, and the epoch was ───────┼──► outputs leave
 *                                  confirmed by every replica, asked after the turn began      │
 *      nothing of it can be stale ► every append before it is durable ─────────────────────────┘
 *
 *  Invariant 1, with the rules of the model check: turns are pipelined, so outputs wait for every append their turn
 *  could see (R2); and a node that no longer owns the slot does not know, so an answer that rests on memory alone needs
 *  proof that no other node served meanwhile. The commit of an append that was made at or after the turn is such proof:
 *  every replica has taken this epoch for current after the turn began. Otherwise the replicas are asked, unless there
 *  is none. */
import { assert, type ActorId, type Failure, type TraceContext } from "../../protocols/index.ts";
import type { Output } from "./plan.ts";

interface GatedTurn {
  /** Opens when this many appends are durable. */
  readonly appends: number;
  /** And, unless a later append is durable too, when this confirmation has come; 0: none is needed. */
  readonly proof: number;
  readonly outputs: readonly Output[];
  readonly chain: readonly ActorId[];
  readonly trace: TraceContext | undefined;
}

interface GatePorts {
  /** No other node has to be asked. Looked at when a turn ends. */
  alone(): boolean;
  confirm(done: (error: Failure | undefined) => void): void;
  perform(outputs: readonly Output[], chain: readonly ActorId[], trace: TraceContext | undefined): void;
  /** A confirmation failed: this epoch may be over. */
  failed(error: Failure): void;
}

/** Whether an output says something about the actor's state to a reader that could know better. Best-effort events may
 *  be stale by their nature; the others stay within this node. */
function needsProof(output: Output): boolean {
  switch (output.type) {
    case "publish":
      return output.at !== undefined;
    case "answer":
    case "tell":
    case "ask":
    case "call":
      return true;
    case "cancel":
    case "read":
    case "remind":
    case "forget":
      return false;
  }
}

export class OutputGate {
  #turns: GatedTurn[] = [];
  #appended = 0;
  #durable = 0;
  #asked = 0;
  #proven = 0;
  #closed = false;
  readonly #ports: GatePorts;

  constructor(ports: GatePorts) {
    this.#ports = ports;
  }

  /** Every append is durable. */
  get flushed(): boolean {
    return this.#appended === this.#durable;
  }

  /** Nothing waits. */
  get empty(): boolean {
    return this.#turns.length === 0;
  }

  /** An append was made. */
  appended(): void {
    this.#appended += 1;
  }

  /** The next append is durable: they become so in the order they were made. */
  durable(): void {
    this.#durable += 1;
    assert(this.#durable <= this.#appended, "an append is durable once");
    this.#open();
  }

  /** Lets the outputs of a turn out as soon as they may. `wrote`: the turn itself appended something. */
  leave(outputs: readonly Output[], chain: readonly ActorId[], wrote: boolean, trace?: TraceContext): void {
    if (outputs.length === 0) return;
    const proven = wrote || this.#ports.alone() || !outputs.some(needsProof);
    if (proven && this.flushed && this.empty) {
      this.#ports.perform(outputs, chain, trace);
      return;
    }
    const proof = proven ? 0 : this.#asked + 1;
    this.#turns.push({ appends: this.#appended, proof, outputs, chain, trace });
    if (proven) return;
    this.#asked = proof;
    this.#ports.confirm((error) => {
      if (this.#closed) return;
      if (error) {
        this.#ports.failed(error);
      } else if (proof > this.#proven) {
        // Asked later, it speaks for all that were asked before it.
        this.#proven = proof;
        this.#open();
      }
    });
  }

  /** Drops outputs that wait. */
  drop(unwanted: (output: Output) => boolean): void {
    this.#turns = this.#turns.map((turn) => ({
      ...turn,
      outputs: turn.outputs.filter((output) => !unwanted(output)),
    }));
  }

  /** Nothing leaves any more. Returns the outputs that waited. */
  close(): Output[] {
    this.#closed = true;
    return this.#turns.splice(0).flatMap((turn) => turn.outputs);
  }

  #open(): void {
    let opened = 0;
    for (const { appends, proof } of this.#turns) {
      if (appends > this.#durable || (proof > this.#proven && appends === this.#durable)) break;
      opened += 1;
    }
    for (const { appends, outputs, chain, trace } of this.#turns.splice(0, opened)) {
      assert(appends <= this.#durable, "no output leaves before every append that its turn could see is durable");
      this.#ports.perform(outputs, chain, trace);
    }
  }
}

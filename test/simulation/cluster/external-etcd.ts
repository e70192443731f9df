/** An etcd outside a cluster in simulated time, and what lies between it and the nodes: the nodes speak to it by the
 *  real adapter. Questions and answers are lost, it is away, and its space is used up. */
import { EventEmitter } from "node:events";
import { decode } from "../../../protocols/index.ts";
import type { EtcdMember, WatchStream } from "../../../node/cluster/directory/etcd-wire.ts";
import { etcdPrefix, type DirectoryPlace } from "../../../node/data-folder/home.ts";
import { deliver, type Pulse, type World } from "../../world/index.ts";
import { Etcd } from "../../world/etcd.ts";

const prefix = etcdPrefix("simulated");
const rowPrefix = `${prefix}row/`;

/** Where the machines' folders say that the directory is. */
export const etcdPlace: DirectoryPlace = { kind: "etcd", endpoints: ["http://etcd"], prefix };

/** Soon enough for a life of seconds. */
export const etcdLimits = { checkMs: 300, callTimeoutMs: 600, retryMinMs: 50, retryMaxMs: 400 };

export class ExternalEtcd {
  lossChance: number;
  readonly #world: World;
  readonly #etcd: Etcd;
  #isDown = false;

  /** `changed`: each row of the directory as it changes. */
  constructor(world: World, lossChance: number, changed: (key: string, value: unknown) => void) {
    this.#world = world;
    this.lossChance = lossChance;
    this.#etcd = new Etcd(world);
    this.#etcd.changed = (key, value) => {
      if (key.startsWith(rowPrefix)) changed(key.slice(rowPrefix.length), value && decode(value));
    };
  }

  setDown(down: boolean): void {
    this.#isDown = down;
    if (down) this.#etcd.cutStreams();
  }

  /** Its space is used up: it tells what it has, and takes no row. */
  setFull(full: boolean): void {
    this.#etcd.isFull = full;
  }

  /** What one life of a node reaches it with. */
  link(pulse: Pulse): () => EtcdMember {
    const connect = this.#etcd.connect();
    return () => {
      const member = connect();
      return {
        txn: (request, deadlineMs) => this.#call(pulse, () => member.txn(request, deadlineMs)),
        status: (deadlineMs) => this.#call(pulse, () => member.status(deadlineMs)),
        watch: (deadlineMs) =>
          this.#call(pulse, async () => {
            const { stream, close } = await member.watch(deadlineMs);
            return { stream: heardBy(pulse, stream), close };
          }),
        close: () => member.close(),
      };
    };
  }

  /** A question and its answer, each of which may be lost; a question may also arrive after its sender gave up. */
  #call<T>(pulse: Pulse, ask: () => Promise<T>): Promise<T> {
    const world = this.#world;
    const { dice } = world;
    return new Promise((resolve, reject) => {
      if (!pulse.alive) return;
      const lost = this.#isDown || dice.chance(this.lossChance);
      const fate = lost ? dice.pick(["question", "answer", "late"] as const) : "arrives";
      const giveUp = (): void => deliver(pulse, () => reject(new Error(`14 UNAVAILABLE: simulated ${fate}`)));
      const asked = (): Promise<T> => (this.#isDown ? new Promise<never>(() => undefined) : ask());
      if (fate === "arrives")
        return void asked().then(
          (answer) => deliver(pulse, () => resolve(answer)),
          (error: unknown) => deliver(pulse, () => reject(error as Error)),
        );
      world.after(dice.between(1, 100), giveUp);
      const ignored = (): void => void asked().catch(() => undefined);
      if (fate === "answer") ignored();
      if (fate === "late") world.after(dice.between(50, 400), ignored);
    });
  }
}

/** What a process hears of a stream: nothing after its end, and what came while it was stopped once it goes on. */
function heardBy(pulse: Pulse, stream: WatchStream): WatchStream {
  const heard = new EventEmitter();
  for (const name of ["data", "end"] as const)
    stream.on(name, (said: unknown) => deliver(pulse, () => void heard.emit(name, said)));
  const write = stream.write.bind(stream);
  return Object.assign(heard, { write, cancel: () => stream.cancel() }) as unknown as WatchStream;
}

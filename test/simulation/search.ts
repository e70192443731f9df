/** Search in a cluster whose nodes die, are cut off and give their slots to one another, and whose indexes are lost:
 *  every answer is compared with a look at all that the asker may read.
 *
 *      steps of people, one after the other ─┐
 *      faults, at any moment ────────────────┴─► calm: every room is searched again ─► what was deleted is on no disk
 *
 *  The indexes are real files. A process that is killed leaves its files as they are at that moment. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { behaviors } from "../../actors/index.ts";
import { memberKey } from "../../node/cluster/facts/records.ts";
import type { Message } from "../../actors/behavior.ts";
import { createPeer, type Peer } from "../../node/composition/peer.ts";
import type { MemberRecord, NodeId } from "../../node/ports/index.ts";
import { handleSearch, type Index } from "../../node/search/index.ts";
import { indexHere } from "../../node/search/place.ts";
import { searchLimits } from "../../node/search/limits.ts";
import { removeIndex } from "../../node/search/table.ts";
import { IndexLost } from "../../node/search/worker.ts";
import { openJournal } from "../../node/storage/index.ts";
import {
  errorTable,
  slotOf,
  type ActorId,
  type Asker,
  type MessageSearch,
  type Result,
  type SearchPage,
  type UserView,
} from "../../protocols/index.ts";
import { everyEngine } from "../../runtimes/engine.ts";
import { postFiled } from "../fixtures/filed.ts";
import { says } from "../fixtures/linear-scan.ts";
import { memberRecord, ownRecord } from "../fixtures/members.ts";
import { quickLimits } from "../fixtures/peers.ts";
import { quietLog, quietMeter } from "../fixtures/quiet.ts";
import { Disk, Network, simulatedClock, type Pulse, type World } from "../world/index.ts";
import { judge, type SeedOptions, type Simulated, type Verdict } from "./verdict.ts";

const nodes: readonly NodeId[] = ["n0", "n1", "n2"];
const roles = ["gateway", "chat", "manager"] as const;
const people = ["ada", "bob", "cat"];
const rooms = ["den", "attic", "hall"];
const words = ["zebra", "Zébra", "grün", "東京都", "京都", "ab-cd", "cd"];
const searches = ["zebra", "zeb*", "grun", "京", "cd", '"zebra grün"', "東京"];
const askTimeoutMs = 1_000;
const silentMs = 2_500;
/** Every slot is served and indexed again so long after the last fault, at the latest. */
const calmMs = 90_000;
/** What is deleted leaves the files: a slot that went elsewhere is noticed within a sweep, and cleaned after. */
const erasedMs = 30_000;

/** Runs one seed. */
export const runSearchSeed = (seed: number, options: SeedOptions<never> = {}): Promise<Verdict> =>
  judge(seed, options, (world) => new SearchLife(world));

interface Machine {
  readonly node: NodeId;
  readonly disk: Disk;
  pulse: Pulse;
  peer: Peer | undefined;
  file: string;
  index: Index | undefined;
  /** What is asked of the index next finds it lost. */
  losing: boolean;
  find: ((by: string, fields: MessageSearch) => Promise<Result<SearchPage>>) | undefined;
  /** The members, as it last knew them; undefined: it was never let in. */
  known: readonly MemberRecord[] | undefined;
}

interface Written {
  readonly room: string;
  readonly seq: number;
  readonly by: string;
  /** Undefined: it was deleted. */
  text: string | undefined;
  /** What stands in its file. Absent: it has none. */
  readonly filed?: string;
}

class SearchLife implements Simulated {
  lives = 0;
  replies = 0;
  faults = 0;
  readonly #world: World;
  readonly #network: Network;
  readonly #folder = mkdtempSync(join(tmpdir(), "plexus-search-life-"));
  readonly #machines: readonly Machine[];
  readonly #written: Written[] = [];
  readonly #members = new Map(rooms.map((room) => [room, new Set(["ada"])]));
  #operations = 0;
  #files = 0;
  #faulty = false;

  constructor(world: World) {
    this.#world = world;
    this.#network = new Network(world, { breakChance: world.dice.pick([0, 0.001]) });
    this.#machines = nodes.map((node) => ({
      node,
      disk: new Disk(world, {}, node),
      pulse: { life: 0, alive: false },
      peer: undefined,
      file: "",
      index: undefined,
      losing: false,
      find: undefined,
      known: undefined,
    }));
  }

  async run(): Promise<void> {
    const world = this.#world;
    let over = false;
    try {
      void this.#live().then(
        () => (over = true),
        (thrown: unknown) => world.violate("no-stray-error", String((thrown as Error).stack ?? thrown)),
      );
      const ended = await world.run(() => over, 1_000_000);
      if (ended === "late" || ended === "silent") world.violate("liveness", `${ended} in a life with searches`);
    } finally {
      for (const machine of this.#machines) await machine.index?.close();
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }

  // --- machines ------------------------------------------------------------------------------------------------------

  /** Starts a process on what its disk holds, and on the files of its index. */
  async #start(machine: Machine): Promise<void> {
    this.lives += 1;
    const { node, disk } = machine;
    const before = machine.file;
    machine.pulse = { life: this.lives, alive: true };
    machine.file = join(this.#folder, node, String(this.lives), "index");
    mkdirSync(dirname(machine.file), { recursive: true });
    if (before !== "") cpSync(dirname(before), dirname(machine.file), { recursive: true });
    this.#world.note(() => `${node}: life ${this.lives} starts`);
    machine.index = indexHere(machine.file);
    const clock = simulatedClock(this.#world, { offsetMs: 1_700_000_000_000 }, machine.pulse);
    const ports = { clock, random: this.#world.dice, log: quietLog, meter: quietMeter };
    const store = disk.open(machine.pulse, `/${node}`);
    const row: MemberRecord = { ...memberRecord(node, { name: node, roles }), incarnation: 0 };
    const host = this.#machines.find((one) => one.peer !== undefined && one !== machine)?.peer;
    if (machine.known === undefined && host !== undefined) {
      await host.directory.compareAndSet(memberKey(node), row, 0);
      machine.known = [...host.membership.members().members.filter((one) => one.node !== node), row];
    }
    const peer = createPeer({
      ...ports,
      node,
      cluster: "c1",
      store,
      journal: await openJournal({ ...ports, store, identity: { cluster: "c1", node } }),
      transport: this.#network.attach(node, machine.pulse),
      directory: { kind: "embedded", host: "n0" },
      behaviors,
      engines: everyEngine({}),
      policy: { replicas: 3, minInSync: 1 },
      seed: machine.known ?? [],
      limits: quickLimits,
      search: this.#losing(machine),
    });
    machine.peer = peer;
    const { "search.messages": find } = handleSearch({
      kernel: peer.kernel,
      clock: ports.clock,
      limits: { askTimeoutMs },
      find: (query, places) => (peer.search as NonNullable<Peer["search"]>).find(query, places),
    });
    machine.find = async (by, fields) => find(fields, { actor: `user/${by}` } as unknown as Asker);
    peer.membership.onChange(() => (machine.known = peer.membership.members().members));
    await peer.start(ownRecord(node, { name: node, roles: [...roles] }), { found: node === "n0" });
  }

  /** The index of a machine, which may be lost at any moment. */
  #losing(machine: Machine): Index {
    const { file } = machine;
    return {
      isThere: () => existsSync(file),
      async ask(type, asks) {
        if (!machine.losing) return (machine.index as Index).ask(type, asks);
        machine.losing = false;
        await machine.index?.close();
        removeIndex(file);
        machine.index = indexHere(file);
        throw new IndexLost("it was removed");
      },
      close: async () => machine.index?.close(),
    };
  }

  #kill(machine: Machine, power: boolean): void {
    if (!machine.pulse.alive) return;
    const left = join(this.#folder, machine.node, `left-${this.lives}`, "index");
    cpSync(dirname(machine.file), dirname(left), { recursive: true });
    machine.pulse.alive = false;
    const { index } = machine;
    [machine.peer, machine.find, machine.file] = [undefined, undefined, left];
    this.#network.ended(machine.node, power);
    machine.disk.crash(power);
    void index?.close();
  }

  get #open(): readonly Machine[] {
    return this.#machines.filter(({ pulse, peer }) => pulse.alive && peer !== undefined);
  }

  // --- faults --------------------------------------------------------------------------------------------------------

  #break(): void {
    const { dice } = this.#world;
    this.faults += 1;
    const machine = dice.pick(this.#machines);
    const what = dice.weighted({ crash: 2, cut: 2, move: 4, lose: 3 });
    this.#world.note(() => `fault: ${what} ${machine.node}`);
    if (what === "lose") machine.losing = true;
    if (what === "cut") {
      this.#network.cut(machine.node, dice.pick(nodes));
      this.#world.after(dice.between(50, 1_500), () => this.#network.heal());
    }
    if (what === "move") {
      const room = dice.pick(rooms);
      void dice.pick(this.#open).peer?.control.moveSlot(slotOf("chat", `room/${room}`), machine.node, 2_000);
    }
    if (what === "crash" && this.#open.length === nodes.length) {
      this.#kill(machine, dice.chance(0.5));
      this.#world.after(dice.between(100, 2_000), () => void this.#start(machine));
    }
  }

  /** Two nodes do not hear each other for a while. */
  #part(one: NodeId, other: NodeId): void {
    if (one === other) return;
    this.#network.cut(one, other);
    this.#network.cut(other, one);
    this.#world.after(this.#world.dice.between(500, 2_000), () => this.#network.heal());
  }

  #breakOn(): void {
    this.#world.after(this.#world.dice.between(50, 1_500), () => {
      if (!this.#faulty) return;
      this.#break();
      this.#breakOn();
    });
  }

  // --- people --------------------------------------------------------------------------------------------------------

  /** Nobody waits for ever for a node that says nothing; undefined: it did not. */
  async #patiently<Value>(asked: Promise<Value> | undefined): Promise<Value | undefined> {
    if (asked === undefined) return undefined;
    return Promise.race([asked, this.#world.sleep(silentMs).then(() => undefined)]);
  }

  /** Asks, at one node and another, until it is known what came of it. */
  async #ask(by: string, to: string, message: Message): Promise<Result<unknown>> {
    this.#operations += 1;
    const asked = { to: to as ActorId, from: by as "gateway", message, operationId: `op${this.#operations}` };
    for (;;) {
      const open = this.#open;
      const { peer } = open.length === 0 ? {} : this.#world.dice.pick(open);
      const answer = await this.#patiently(peer?.kernel.ask({ ...asked, timeoutMs: askTimeoutMs }));
      if (answer !== undefined && (answer.ok || errorTable[answer.error.code].outcome === "failed")) {
        this.replies += 1;
        this.#world.note(() => `${by} ${to} ${JSON.stringify(message)} -> ${JSON.stringify(answer).slice(0, 200)}`);
        return answer;
      }
      await this.#world.sleep(this.#world.dice.between(10, 200));
    }
  }

  async #live(): Promise<void> {
    const { dice } = this.#world;
    for (const machine of this.#machines) await this.#start(machine);
    for (const name of people)
      await this.#ask("gateway", `user/${name}`, { type: "create", passwordHash: "argon", displayName: name });
    for (const room of rooms) await this.#ask("user/ada", `room/${room}`, { type: "create", visibility: "public" });
    this.#faulty = true;
    this.#breakOn();
    for (let step = 0; step < 60; step += 1) {
      await this.#step();
      await this.#world.sleep(dice.between(0, 150));
    }
    this.#faulty = false;
    await this.#calm();
    await this.#erase();
  }

  async #step(): Promise<void> {
    const { dice } = this.#world;
    const [by, room] = [dice.pick(people), dice.pick(rooms)];
    const own = this.#members.get(room) as Set<string>;
    const does = dice.weighted({ post: 6, edit: 2, delete: 2, join: 2, leave: 1, remove: 1, search: 8 });
    if (does === "search") return void (await this.#search(dice.pick(people), dice.pick(searches)));
    if (does === "join") {
      if ((await this.#ask(`user/${by}`, `room/${room}`, { type: "join" })).ok) own.add(by);
      return;
    }
    if (does === "leave" || does === "remove") {
      if (by === "ada" || !own.has(by)) return;
      // What tells the person's own list of rooms may come late: the room itself knows.
      if (dice.chance(0.7)) this.#part(dice.pick(nodes), dice.pick(nodes));
      const removal = { type: "remove", member: `user/${by}` };
      const [who, message] = does === "leave" ? [by, { type: "leave" }] : ["ada", removal];
      if ((await this.#ask(`user/${who}`, `room/${room}`, message)).ok) own.delete(by);
      // At once: what they may read is nothing of it any more.
      return void (await this.#search(by, dice.pick(searches)));
    }
    const text = Array.from({ length: 1 + dice.below(3) }, () => dice.pick(words)).join(" ");
    const filed = dice.chance(0.3) ? dice.pick(words) : undefined;
    if (does === "post") return this.#post({ by, room, text, ...(filed !== undefined && { filed }) });
    const message = this.#written.length === 0 ? undefined : dice.pick(this.#written);
    if (message?.text === undefined || this.#members.get(message.room)?.has(message.by) !== true) return;
    const fields = does === "edit" ? { seq: message.seq, text } : { seq: message.seq };
    const changed = await this.#ask(`user/${message.by}`, `room/${message.room}`, { type: does, ...fields });
    if (changed.ok) message.text = does === "edit" ? text : undefined;
  }

  async #post(message: Omit<Written, "seq">): Promise<void> {
    const { by, room, text = "", filed } = message;
    if (filed !== undefined) {
      const ask = (from: string, asked: Message) => this.#ask(from, `room/${room}`, asked);
      this.#files += 1;
      const seq = await postFiled(ask, { number: this.#files, by, room, text, words: filed });
      if (seq !== undefined) this.#written.push({ ...message, seq });
      return;
    }
    const posted = await this.#ask(`user/${by}`, `room/${room}`, { type: "post", text });
    if (posted.ok) this.#written.push({ ...message, seq: (posted.value as { seq: number }).seq });
  }

  // --- searches ------------------------------------------------------------------------------------------------------

  /** Compares an answer with a look at everything. True: all of it was searched. */
  async #search(by: string, text: string): Promise<boolean> {
    const view = await this.#ask(`user/${by}`, `user/${by}`, { type: "describe" });
    if (!view.ok) throw new Error(JSON.stringify(view.error));
    const viewed = (view.value as UserView).rooms.map((one) => one.replace(/^room\//, ""));
    const mayRead = (room: string): boolean => this.#members.get(room)?.has(by) === true;
    const saysIt = ({ text: said, filed }: Written): boolean =>
      said !== undefined &&
      (says(filed === undefined ? said : `${said}\nnotes.txt`, text) || (filed !== undefined && says(filed, text)));
    const scan = this.#written.filter((one) => mayRead(one.room) && saysIt(one));
    const machine = this.#open.length === 0 ? undefined : this.#world.dice.pick(this.#open);
    const found: string[] = [];
    const notSearched = new Set<string>();
    for (let cursor: string | undefined, pages = 0; ; pages += 1) {
      const fields = { text, limit: 3, ...(cursor !== undefined && { cursor }) };
      const answer = await this.#patiently(machine?.find?.(by, fields));
      if (answer?.ok !== true) return false;
      const { value: page } = answer;
      for (const place of page.unreachable ?? []) notSearched.add(place.replace(/^room\//, ""));
      const late = new Set(page.covered.flatMap(({ slot, behind }) => (behind === undefined ? [] : [slot])));
      for (const room of rooms) if (late.has(slotOf("chat", `room/${room}`))) notSearched.add(room);
      if (page.misspelt === true && scan.some(({ room }) => viewed.includes(room)))
        this.#world.violate("search-is-scan", `${by} is told that nothing has ${text}`);
      if (page.misspelt !== true) found.push(...page.found.map(({ room, seq }) => `${room} ${seq}`));
      cursor = page.next;
      if (cursor === undefined || page.misspelt === true || pages > 50) break;
    }
    this.#world.note(() => `${by}@${machine?.node} finds ${text}: ${found.join()} but of ${[...notSearched].join()}`);
    this.replies += 1;
    const all = new Set(scan.map(({ room, seq }) => `${room} ${seq}`));
    const tooMuch = found.filter((one, at) => !all.has(one) || found.indexOf(one) !== at);
    const missing = scan.filter(
      ({ room, seq }) => viewed.includes(room) && !notSearched.has(room) && !found.includes(`${room} ${seq}`),
    );
    if (tooMuch.length > 0) this.#world.violate("search-is-scan", `${by} finds ${text} in ${tooMuch.join()}`);
    for (const { room, seq } of missing)
      this.#world.violate("search-is-scan", `${by} misses ${text} in ${room} ${seq}`);
    return notSearched.size === 0 && viewed.length === rooms.filter(mayRead).length;
  }

  async #until(what: string, done: () => boolean | Promise<boolean>, withinMs = calmMs): Promise<void> {
    const endMs = this.#world.nowMs + withinMs;
    while (!(await done())) {
      if (this.#world.nowMs > endMs) return this.#world.violate("search-comes-back", `after ${withinMs} ms: ${what}`);
      await this.#world.sleep(500);
    }
  }

  async #calm(): Promise<void> {
    this.#network.heal();
    this.#network.weather.breakChance = 0;
    await this.#until("a machine has not started", () => this.#open.length === nodes.length);
    for (const machine of this.#machines) machine.losing = this.#world.dice.chance(0.5);
    for (const by of people)
      for (const text of searches) await this.#until(`${by} does not find ${text}`, () => this.#search(by, text));
  }

  /** What lies in the files of a machine's index. */
  #bytes({ file }: Machine): string {
    const folder = dirname(file);
    return readdirSync(folder)
      .map((name) => readFileSync(join(folder, name), "latin1"))
      .join();
  }

  /** Words that were deleted, and those that an edit replaced, are in no file of any node a while later. */
  async #erase(): Promise<void> {
    const { seed } = this.#world;
    const tokens = [`xyzzy${seed}`, `plugh${seed}`, `frotz${seed}`] as const;
    const [said, replacing, filed] = tokens;
    const of = { by: "ada", room: "den" };
    for (const token of [said, replacing]) await this.#post({ ...of, text: `zebra ${token}` });
    await this.#post({ ...of, text: "grün", filed: `zebra ${filed}` });
    for (const token of tokens) await this.#until(`${token} is not found`, () => this.#search("ada", token));
    // What is found is on the disk by then.
    await this.#world.sleep(searchLimits.cleanAfterMs + 1);
    for (const token of tokens)
      if (!this.#machines.some((machine) => this.#bytes(machine).includes(token)))
        this.#world.violate("search-erased", `${token} was in no file`);
    // The files of who had the slot before are looked at, too.
    const slot = slotOf("chat", "room/den");
    const owner = this.#open[0]?.peer?.table.get(slot)?.record.owner;
    const next = nodes.find((node) => node !== owner) as NodeId;
    await this.#until("the slot does not move", async () => {
      const moved = await this.#patiently(this.#world.dice.pick(this.#open).peer?.control.moveSlot(slot, next, 2_000));
      return moved?.ok === true;
    });
    for (const token of tokens) await this.#until(`${token} is not found`, () => this.#search("ada", token));
    const [gone, replaced, withFile] = this.#written.slice(-3) as [Written, Written, Written];
    for (const { seq } of [gone, withFile]) await this.#ask("user/ada", "room/den", { type: "delete", seq });
    await this.#ask("user/ada", "room/den", { type: "edit", seq: replaced.seq, text: "zebra" });
    [gone.text, replaced.text, withFile.text] = [undefined, "zebra", undefined];
    await this.#world.sleep(erasedMs);
    for (const machine of this.#machines)
      for (const token of tokens)
        if (this.#bytes(machine).includes(token))
          this.#world.violate("search-erased", `${machine.node} has ${token} in the files of its index`);
  }
}

import type { Worker } from "node:worker_threads";
import { expect } from "chai";
import { encode } from "../../../../protocols/index.ts";
import {
  createSealer,
  cutFromStart,
  RowList,
  SharedMemory,
  SharedPieces,
  type CutAnswers,
  type CutTask,
  type Sealer,
} from "../../../../runtimes/backup/index.ts";

const cluster = "c";
const how = { unitBytes: 512 * 1024, epoch: 1, fragments: 2, together: true };

/** Rows of some rooms, one after the other, and a task for each room. */
function rooms(count: number, textBytes: number): { readonly rows: RowList; readonly tasks: readonly CutTask[] } {
  const rows = new RowList();
  const tasks = Array.from({ length: count }, (_, room): CutTask => {
    for (let n = 0; n < 10; n += 1)
      rows.add(`message/${n}`, encode({ atMs: 1_790_000_000_000 + n, text: `${room} ${n} `.repeat(textBytes / 40) }));
    const subject = { cluster, person: "", thread: `room/${room}`, type: "message" };
    return { subject, rows: 10, state: cutFromStart, final: true, known: [] };
  });
  return { rows, tasks };
}

/** What it made, without what is drawn at random. */
const shapeOf = ({ answers, sealed, fragments }: CutAnswers) => {
  return { answers, sealed: sealed.map(({ fragments: of, units }) => ({ of, units })), lengths: fragments.lengths };
};

describe("a sealer", () => {
  let threads: Worker[];
  const started = (thread: Worker): void => void threads.push(thread);
  beforeEach(() => {
    threads = [];
    process.on("worker", started);
  });
  afterEach(() => process.off("worker", started));

  async function sealing<Answer>(options: { isAlone?: () => boolean }, work: (sealer: Sealer) => Promise<Answer>) {
    let pieces = 0;
    const piece = <Made>(one: () => Promise<Made>): Promise<Made> => {
      pieces += 1;
      return one();
    };
    const sealer = createSealer({ threads: 1, idleMs: 5_000, piece, ...options });
    try {
      return { made: await work(sealer), pieces };
    } finally {
      await sealer.close();
    }
  }
  const cutOnce = (sealer: Sealer) => {
    const { rows, tasks } = rooms(400, 2_000);
    return sealer.cut(rows, tasks, how);
  };

  it("makes the same without a thread while nobody is there, in pieces between which others come", async () => {
    let [turns, isOver] = [0, false];
    const turn = (): void => {
      turns += 1;
      if (!isOver) setImmediate(turn);
    };
    const own = await sealing({ isAlone: () => true }, async (sealer) => {
      setImmediate(turn);
      const made = await cutOnce(sealer);
      isOver = true;
      return { shape: shapeOf(made), turns };
    });
    expect(threads).to.have.length(0);
    expect(own.pieces).to.be.above(1);
    expect(own.made.turns).to.be.at.least(own.pieces - 1);
    const other = await sealing({}, async (sealer) => shapeOf(await cutOnce(sealer)));
    expect(threads).to.have.length(1);
    expect(other.pieces).to.equal(1);
    expect(own.made.shape).to.deep.equal(other.made);
  });

  it("gives what is on its way at once to nobody else's rows", async () => {
    const { made } = await sealing({ isAlone: () => true }, async (sealer) => {
      const both = [rooms(300, 2_000), rooms(200, 1_000)].map(({ rows, tasks }) => sealer.cut(rows, tasks, how));
      return (await Promise.all(both)).map(shapeOf);
    });
    const { made: one } = await sealing({}, async (sealer) => {
      const { rows, tasks } = rooms(300, 2_000);
      return shapeOf(await sealer.cut(rows, tasks, how));
    });
    expect(made[0]).to.deep.equal(one);
    expect(made[1]?.answers).to.have.length(200);
  });

  it("cuts for one sealer after another, as they have memory in common, and for none of them the rows of another", async () => {
    const sealed = (isAlone: () => boolean, [count, bytes]: readonly [number, number]) =>
      sealing({ isAlone }, async (sealer) => {
        const { rows, tasks } = rooms(count, bytes);
        return shapeOf(await sealer.cut(rows, tasks, how));
      });
    const batches = [[300, 2_000], [300, 1_000], [2, 200]] as const; // prettier-ignore
    const alone = [() => true, () => true, () => false];
    const both = await Promise.all(batches.map((batch, at) => sealed(alone[at] as () => boolean, batch)));
    for (const [at, { made }] of both.entries())
      expect(made, `${at}`).to.deep.equal((await sealed(() => false, batches[at] as readonly [number, number])).made);
  });

  it("has a thread as soon as somebody is there, and for rows that would take long", async () => {
    let isAlone = true;
    await sealing({ isAlone: () => isAlone }, async (sealer) => {
      await cutOnce(sealer);
      const content = Buffer.alloc(600_000, 1);
      const name = { cluster, person: "", thread: "agent/a.b", type: ".blob", bucket: "f", part: 0 };
      const room = (): SharedMemory["all"] => new SharedMemory().all;
      const seal = () =>
        sealer.seal({
          names: [name],
          contents: SharedPieces.of([content]).joined,
          room: room(),
          epoch: 1,
          fragments: 2,
        });
      await seal();
      expect(threads).to.have.length(0);
      isAlone = false;
      await seal();
      expect(threads).to.have.length(1);
    });
    threads = [];
    const { rows, tasks } = rooms(400, 8_000);
    await sealing({ isAlone: () => true }, (sealer) => sealer.cut(rows, tasks, how));
    expect(rows.bytes).to.be.above(2 * 1024 * 1024);
    expect(threads).to.have.length(1);
  });
});

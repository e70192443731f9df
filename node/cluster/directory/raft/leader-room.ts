/** Whether there is room for a change: the leader looks, before the change has a place in the log. Every voter applies
 *  what is in the log, whatever it takes: so voters of versions with other limits never find differently.
 *
 *      rows, applied ─► entries of the log that are not ─► the rows as they will be ─► is there room? */
import { judgeChange, type Change, type Room } from "../deciding.ts";
import { RowsAhead } from "../sized-rows.ts";
import type { RaftLog } from "./log.ts";
import { roomOfLog, type Asked, type ReplicatedRows } from "./rows.ts";

/** Keys of rows ahead that are remembered; then it is looked from what is applied again. */
const aheadMax = 4_096;

/** A leader's log, and how far it is in the rows. */
interface Leading {
  readonly term: number;
  readonly log: RaftLog<Asked>;
  readonly rows: ReplicatedRows;
  readonly applied: number;
}

export class LeaderRoom {
  readonly #room: Room;
  #ahead: RowsAhead | undefined;
  /** A log changes only at its end while its node leads: once a term at most. */
  #term = 0;
  #upTo = 0;

  constructor(room: Room) {
    this.#room = room;
  }

  isFull(leading: Leading, change: Change): boolean {
    return judgeChange(this.#looked(leading), change, this.#room).type === "full";
  }

  #looked({ term, log, rows, applied }: Leading): RowsAhead {
    const isRight = term === this.#term && applied < this.#upTo;
    if (this.#ahead === undefined || !isRight || this.#ahead.changes >= aheadMax) {
      this.#ahead = new RowsAhead(rows, rows.revision);
      this.#term = term;
      this.#upTo = applied;
    }
    for (const { body } of log.slice(this.#upTo + 1, log.last.index + 1))
      if (body.type === "data" && "key" in body.data) this.#ahead.take(body.data, roomOfLog);
    this.#upTo = log.last.index;
    return this.#ahead;
  }
}

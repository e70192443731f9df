/** Whether what clients saw of a register could have happened one operation after the other, each at some moment
 *  between its question and its answer (Herlihy and Wing 1990; the search is Wing and Gong's, with Lowe's memory of
 *  visited states, as in Porcupine). One register at a time: registers are independent, so each history is short. */

export type RegisterCall =
  | { readonly type: "read" }
  | { readonly type: "write"; readonly value: string }
  | { readonly type: "cas"; readonly expected: string; readonly value: string };

/** One operation. `from` and `to` are positions in one common order of all questions and answers. */
export interface Operation {
  readonly call: RegisterCall;
  readonly from: number;
  /** Infinity: no answer came; it took effect at some time after `from`, or never. */
  readonly to: number;
  /** What the answer said: the value read, or whether the exchange took place. Undefined when no answer came. */
  readonly answer: string | boolean | undefined;
}

/** The empty register. */
export const emptyRegister = "";

/** `undecided`: the search grew too large. */
export type Judgement = "linearizable" | "violated" | "undecided";

/** The state after `operation`, or undefined when its answer does not fit `state`. */
function apply(state: string, { call, answer, to }: Operation): string | undefined {
  const known = to !== Infinity;
  switch (call.type) {
    case "read":
      return !known || answer === state ? state : undefined;
    case "write":
      return call.value;
    case "cas": {
      const succeeds = state === call.expected;
      return known && answer !== succeeds ? undefined : succeeds ? call.value : state;
    }
  }
}

/** Judges one register's history. */
export function judge(history: readonly Operation[], statesMax = 200_000): Judgement {
  // A read that nobody got an answer to says nothing.
  const operations = history
    .filter(({ call, to }) => call.type !== "read" || to !== Infinity)
    .sort((one, other) => one.from - other.from);
  const visited = new Set<string>();
  // Bit n of `done`: operation n has taken its place in the order. All below `floor` have.
  const stack: { readonly done: bigint; readonly floor: number; readonly state: string }[] = [
    { done: 0n, floor: 0, state: emptyRegister },
  ];
  for (let here = stack.pop(); here !== undefined; here = stack.pop()) {
    let { floor } = here;
    const { done, state } = here;
    const isDone = (index: number): boolean => ((done >> BigInt(index)) & 1n) === 1n;
    while (floor < operations.length && isDone(floor)) floor += 1;
    // Whatever begins after the first outstanding answer comes later.
    let first = Infinity;
    const candidates: number[] = [];
    for (let index = floor; index < operations.length; index += 1) {
      const operation = operations[index] as Operation;
      if (operation.from > first) break;
      if (isDone(index)) continue;
      candidates.push(index);
      first = Math.min(first, operation.to);
    }
    if (first === Infinity) return "linearizable";
    for (const index of candidates.reverse()) {
      const operation = operations[index] as Operation;
      if (operation.from > first) continue;
      const next = apply(state, operation);
      if (next === undefined) continue;
      const more = done | (1n << BigInt(index));
      const name = `${more.toString(36)} ${next}`;
      if (visited.has(name)) continue;
      if (visited.size >= statesMax) return "undecided";
      visited.add(name);
      stack.push({ done: more, floor, state: next });
    }
  }
  return operations.some(({ to }) => to !== Infinity) ? "violated" : "linearizable";
}

/** One operation in words, for reports. */
export const describeOperation = ({ call, from, to, answer }: Operation): string =>
  `${from}..${to === Infinity ? "?" : to} ${call.type}(${call.type === "cas" ? `${call.expected} -> ${call.value}` : call.type === "write" ? call.value : ""})${to === Infinity ? "" : ` = ${String(answer)}`}`;

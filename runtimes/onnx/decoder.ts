/** A graph that continues a row of tokens: it is given tokens and tells how likely each one is to follow. What it has
 *  read stays in its cache, where it has one; without one it reads the whole row again each time.
 *
 *      takes   input_ids · past_key_values.0.decoder.key …  (use_cache_branch, encoder_hidden_states)
 *      gives   logits · present.0.decoder.key …                                                             */
import { failure, PlexusError } from "../../protocols/errors.ts";
import { floatsIn, type Library, type Session, type Tensor, type Tensors } from "./library.ts";
import { integers, typeOf } from "./vocabulary.ts";

const past = "past_key_values.";
const present = "present.";
const known = ["input_ids", "attention_mask", "position_ids", "use_cache_branch"];

/** One row of tokens, as it grows. */
export interface Row {
  /** What it has read stays in a cache: tokens can be given a few at a time. */
  readonly remembers: boolean;
  /** Reads more tokens; the numbers are those of the last `rows` of them, one for each token of the vocabulary. Throws
   *  OUTPUT_UNFIT where one of them is none. */
  read(tokens: readonly number[], rows?: number): Promise<readonly Float32Array[]>;
}

/** Makes rows on a graph. Throws what makes it none that continues. `also`: further inputs that stay the same. */
export function createRows(session: Session, library: Library, also: readonly string[]): (constants: Tensors) => Row {
  const strange = session.inputNames.filter((name) => !name.startsWith(past) && ![...known, ...also].includes(name));
  if (strange.length > 0) throw new Error(`its decoder wants ${strange.join(", ")}, which nobody knows`);
  if (!session.outputNames.includes("logits")) throw new Error("its decoder gives no logits");
  const kept = session.inputNames.filter((name) => name.startsWith(past));
  const presents = kept
    .map((name) => present + name.slice(past.length))
    .filter((name) => session.outputNames.includes(name));
  const nothing = Object.fromEntries(kept.map((name) => [name, emptyOf(session, name, library)]));
  return (constants) => {
    let cache: Tensors = nothing;
    const all: number[] = [];
    return {
      remembers: kept.length > 0,
      async read(tokens, rows = 1) {
        const isFirst = all.length === 0;
        all.push(...tokens);
        const ids = kept.length === 0 ? all : tokens;
        const feeds: Record<string, Tensor> = {
          ...constants,
          ...cache,
          input_ids: integers(ids, [1, ids.length], { library, type: typeOf(session, "input_ids") }),
        };
        const whole = (name: string, values: readonly number[]): void => {
          if (session.inputNames.includes(name))
            feeds[name] = integers(values, [1, values.length], { library, type: typeOf(session, name) });
        };
        whole("attention_mask", Array<number>(all.length).fill(1));
        whole(
          "position_ids",
          Array.from({ length: ids.length }, (_none, at) => all.length - ids.length + at),
        );
        if (session.inputNames.includes("use_cache_branch"))
          feeds["use_cache_branch"] = new library.Tensor("bool", Uint8Array.of(isFirst ? 0 : 1), [1]);
        const given = await session.run(feeds, ["logits", ...presents]);
        cache = Object.fromEntries(
          kept.map((name) => {
            const next = given[present + name.slice(past.length)];
            // What was read of the sound is given once: with a cache the graph gives an empty one.
            return [name, next === undefined || next.dims.includes(0) ? cache[name]! : next];
          }),
        );
        const logits = given["logits"]!;
        const [, length = 0, width = 0] = logits.dims;
        const values = floatsIn(logits);
        return Array.from({ length: Math.min(rows, length) }, (_none, at) => {
          const start = (length - Math.min(rows, length) + at) * width;
          const row = values.slice(start, start + width);
          if (!row.every((one) => !Number.isNaN(one)))
            throw new PlexusError(failure("OUTPUT_UNFIT", { reason: "what it makes of a token is not a number" }));
          return row;
        });
      },
    };
  };
}

/** Nothing read yet: the first length that has a name is that of the batch, the others are of what was read. */
function emptyOf(session: Session, name: string, library: Library): Tensor {
  const { shape = [], type = "float32" } = session.inputMetadata.find((one) => one.name === name) ?? {};
  if (shape.length !== 4 || type !== "float32") throw new Error(`${name} is of a sort that nobody knows`);
  const dims = shape.map((one, at) => (typeof one === "number" ? one : at === 0 ? 1 : 0));
  return new library.Tensor("float32", new Float32Array(dims.reduce((product, one) => product * one, 1)), dims);
}

/** The place of the largest. */
export function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let at = 1; at < logits.length; at += 1) if (logits[at]! > logits[best]!) best = at;
  return best;
}

/** The logarithm of the sum of the exponentials of some of them. */
export function sumOfLikelihoods(logits: Float32Array, from = 0, to = logits.length): number {
  let most = -Infinity;
  for (let at = from; at < to; at += 1) most = Math.max(most, logits[at]!);
  if (most === -Infinity) return most;
  let sum = 0;
  for (let at = from; at < to; at += 1) sum += Math.exp(logits[at]! - most);
  return most + Math.log(sum);
}

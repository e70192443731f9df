/** Which tokens an answer is made of, told with its text: their bytes together are the bytes of the answer. Pure.
 *
 *  A character may be several tokens, and a token the end of one and the beginning of the next. What was thought before
 *  the answer is none of it, nor is what a text that ends it takes away. */
import type { TokenLogprob } from "../protocols/index.ts";

/** Tokens on their way out. */
interface ToldTokens {
  /** Takes a token with its own bytes, and the text that is final with it. */
  push(told: TokenLogprob, bytes: Uint8Array, text: string): void;
  /** What was pushed so far is of the answer only from this text on, which is its end. */
  begin(text: string): void;
  /** Gives the tokens that are out with this text. */
  out(text: string): readonly TokenLogprob[];
  /** The answer ends here: what is left of a token of which a part is out. */
  rest(): readonly TokenLogprob[];
}

interface Waiting {
  readonly told: TokenLogprob;
  bytes: Uint8Array;
}

/** The longest beginning of a character that is none yet. */
const unfinishedMax = 3;

/** Starts an answer. */
export function createToldTokens(): ToldTokens {
  const waiting: Waiting[] = [];
  /** Those since bytes and text were last the same, and their text. */
  let run: Waiting[] = [];
  let runText = Buffer.alloc(0);
  let textBytes = 0;
  /** Bytes that are out of the first one that waits. */
  let ahead = 0;
  let begun = false;

  const settle = (): void => {
    const bytes = Buffer.concat(run.map((one) => one.bytes));
    if (!bytes.equals(runText)) {
      if (bytes.subarray(0, runText.length).equals(runText) && bytes.length - runText.length <= unfinishedMax) return;
      // A space that the beginning of a text has not, or bytes that are no text: the text is what the answer has.
      for (const [at, one] of run.entries()) one.bytes = at < run.length - 1 ? new Uint8Array() : runText;
    }
    run = [];
    runText = Buffer.alloc(0);
  };
  const take = (): readonly Waiting[] => {
    const taken: Waiting[] = [];
    for (let first = waiting[0]; first !== undefined && first.bytes.length <= ahead; first = waiting[0]) {
      ahead -= first.bytes.length;
      taken.push(first);
      waiting.shift();
      if (ahead === 0) break;
    }
    return taken;
  };
  return {
    push(told, bytes, text) {
      const one = { told, bytes };
      waiting.push(one);
      run.push(one);
      runText = Buffer.concat([runText, Buffer.from(text)]);
      textBytes += Buffer.byteLength(text);
      settle();
    },
    begin(text) {
      if (begun || text === "") return;
      begun = true;
      let before = textBytes - Buffer.byteLength(text);
      for (let first = waiting[0]; before > 0 && first !== undefined; first = waiting[0]) {
        const cut = Math.min(before, first.bytes.length);
        first.bytes = first.bytes.subarray(cut);
        if (run.includes(first)) runText = runText.subarray(cut);
        before -= cut;
        if (first.bytes.length === 0) waiting.shift();
      }
    },
    out(text) {
      ahead += Buffer.byteLength(text);
      return text === "" ? [] : take().map(shown);
    },
    rest() {
      const [first] = waiting.splice(0);
      return first === undefined || ahead === 0 ? [] : [shown({ ...first, bytes: first.bytes.subarray(0, ahead) })];
    },
  };
}

/** A token with its bytes, where its text does not say them. */
const shown = ({ told, bytes }: Waiting): TokenLogprob => ({ ...told, ...tokenOf(bytes) });

/** The text of some bytes, with the bytes where they are no text. */
export function tokenOf(bytes: Uint8Array): Pick<TokenLogprob, "token" | "bytes"> {
  const token = Buffer.from(bytes).toString("utf8");
  return Buffer.from(token).equals(bytes) ? { token } : { token, bytes };
}

/** Letters that stand for bytes in the vocabularies that GPT-2 began. */
const byteOf = new Map<string, number>();
for (let byte = 0, other = 256; byte < 256; byte += 1) {
  const isSelf = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  byteOf.set(String.fromCharCode(isSelf ? byte : other), byte);
  if (!isSelf) other += 1;
}

/** The bytes of a token that is no text by itself, by how its vocabulary writes it; undefined: in another way. */
export function bytesOfPiece(piece: string): Uint8Array | undefined {
  const one = /^<0x([\da-fA-F]{2})>$/.exec(piece)?.[1];
  if (one !== undefined) return Uint8Array.of(Number.parseInt(one, 16));
  const bytes = Array.from(piece, (letter) => byteOf.get(letter));
  return bytes.every((byte) => byte !== undefined) ? Uint8Array.from(bytes) : undefined;
}

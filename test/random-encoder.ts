/** Writes an ONNX model that reads texts, of random weights: its vectors mean nothing, and take the time of those of a model that does. */
import { byteVocabulary, graphBytes, writeModel, type Step } from "./onnx-graphs.ts";

/** The size of an encoder. */
export interface Encoder {
  readonly layers: number;
  readonly width: number;
  readonly inner: number;
}

/** As large as the small models that embed: ten million weights in its layers. */
export const smallEncoder: Encoder = { layers: 6, width: 384, inner: 1_536 };

const contextTokens = 512;
const vocabulary = byteVocabulary({ before: ["[CLS]", "[SEP]"], around: ["[CLS]", "[SEP]"] });

/** Writes its folder: layers of attention and of two multiplications, as all encoders have, with one head. */
export function writeEncoder(folder: string, { layers, width, inner }: Encoder): string {
  const steps: Step[] = [["Gather", ["table", "input_ids"], ["x0"]]];
  const constants: Record<string, { type: "float"; dims: readonly number[]; values: readonly number[] }> = {};
  let made = 0;
  const weights = (name: string, rows: number, columns: number): string => {
    const values = Array.from({ length: rows * columns }, () => {
      made += 1;
      // Numbers that look like nothing, the same every time.
      return ((made * 0.618_033_988_749) % 1) / rows;
    });
    constants[name] = { type: "float", dims: [rows, columns], values };
    return name;
  };
  weights("table", Object.keys(vocabulary.model.vocab).length, width);
  for (let layer = 0; layer < layers; layer += 1) {
    const of = (name: string): string => `${name}${layer}`;
    const [into, out] = [of("x"), layer === layers - 1 ? "last_hidden_state" : `x${layer + 1}`];
    for (const name of ["q", "k", "v"])
      steps.push(["MatMul", [into, weights(of(`w${name}`), width, width)], [of(name)]]);
    steps.push(
      ["Transpose", [of("k")], [of("turned")], { perm: [0, 2, 1] }],
      ["MatMul", [of("q"), of("turned")], [of("scores")]],
      ["Softmax", [of("scores")], [of("shares")], { axis: 2 }],
      ["MatMul", [of("shares"), of("v")], [of("seen")]],
      ["MatMul", [of("seen"), weights(of("wo"), width, width)], [of("told")]],
      ["Add", [into, of("told")], [of("y")]],
      ["MatMul", [of("y"), weights(of("up"), width, inner)], [of("wide")]],
      ["Relu", [of("wide")], [of("bent")]],
      ["MatMul", [of("bent"), weights(of("down"), inner, width)], [of("narrow")]],
      ["Add", [of("y"), of("narrow")], [out]],
    );
  }
  return writeModel(folder, {
    "model.onnx": graphBytes({
      inputs: [["input_ids", "int64", ["texts", "tokens"]]],
      outputs: [["last_hidden_state", "float", ["texts", "tokens", width]]],
      steps,
      constants,
    }),
    "config.json": { model_type: "bert", hidden_size: width, num_attention_heads: 1, intermediate_size: inner, max_position_embeddings: contextTokens }, // prettier-ignore
    "tokenizer.json": vocabulary,
    "tokenizer_config.json": { model_max_length: contextTokens },
  });
}

/** ONNX Runtime and its tokenizers, as far as they are used here. They are large, so Plexus comes without them: `plexus onnx install`
 *  puts them beside the other packages. Their types are written down here, because the code has to be checked without them, too.
 *
 *  Sources: https://onnxruntime.ai/docs/api/js/, https://github.com/huggingface/tokenizers.js */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Numbers in their shape. */
export interface Tensor {
  readonly type: string;
  readonly dims: readonly number[];
  readonly data: ArrayLike<number> | BigInt64Array;
}

/** Tensors by their names in the graph. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** A graph that is in memory. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly { readonly name: string; readonly type?: string; readonly shape?: readonly (number | string)[] }[]; // prettier-ignore
  /** Runs on this thread: nothing else happens in it meanwhile. Rejects with what the library says of its inputs. */
  run(feeds: Tensors, fetches?: readonly string[]): Promise<Tensors>;
  release(): Promise<void>;
}

interface Runtime {
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => Tensor;
  readonly InferenceSession: { create(path: string, options: object): Promise<Session> };
}

/** What a text is to a model. */
export interface Tokens {
  readonly ids: readonly number[];
  readonly token_type_ids?: readonly number[];
}

/** A vocabulary in memory. */
export interface Tokenizer {
  encode(text: string, options?: { readonly text_pair?: string; readonly add_special_tokens?: boolean; readonly return_token_type_ids?: boolean }): Tokens; // prettier-ignore
  decode(ids: readonly number[], options?: { readonly skip_special_tokens?: boolean; readonly clean_up_tokenization_spaces?: boolean }): string; // prettier-ignore
  token_to_id(token: string): number | undefined;
}

/** Makes vocabularies of `tokenizer.json` and `tokenizer_config.json`. */
export interface Tokenizers {
  readonly Tokenizer: new (tokenizer: object, config: object) => Tokenizer;
}

/** What a model is loaded with. */
export interface Library extends Runtime {
  readonly tokenizers: Tokenizers;
}

const packages = { runtime: "onnxruntime-node", tokenizers: "@huggingface/tokenizers" } as const;
const modules = fileURLToPath(new URL("../../node_modules/", import.meta.url));

/** Why no ONNX model can be served; undefined: the packages are here. */
export function missingPackages(): string | undefined {
  const missing = Object.values(packages).filter((name) => !existsSync(`${modules}${name}/package.json`));
  return missing.length === 0
    ? undefined
    : "ONNX Runtime is not installed: `plexus onnx install` fetches it; then start the node again";
}

/** Loads the packages into this thread. Errors: those of a package that is missing or damaged. */
export async function loadLibrary(): Promise<Library> {
  // Names that are no literals: no compiler and no bundler looks for what may be absent.
  const runtime = (await import(packages.runtime as string)) as Runtime & { readonly default?: Runtime };
  const tokenizers = (await import(packages.tokenizers as string)) as Tokenizers;
  const { InferenceSession, Tensor } = runtime.default ?? runtime;
  return { InferenceSession, Tensor, tokenizers };
}

/** Numbers of a tensor, whatever their width. */
export function floatsIn({ type, data }: Tensor): Float32Array {
  if (data instanceof Float32Array) return data;
  // Where the language has no halves, they come as what their bits are as whole numbers.
  if (type === "float16" && data instanceof Uint16Array) return Float32Array.from(data, halfOf);
  return Float32Array.from(data as ArrayLike<number>);
}

/** The number in 16 bits: one sign, five of the exponent, ten of the fraction. */
function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1_024) * 2 ** (exponent - 15);
}

/** Whether every number is one: a damaged model gives others, which no caller can use. */
export const areNumbers = (values: Float32Array): boolean => values.every(Number.isFinite);

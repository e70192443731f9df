/** ONNX Runtime, its tokenizers, and what reads images, as far as they are used here. They are large, so Plexus comes
 *  without them: `plexus onnx install` puts them beside the other packages. Their types are written down here, because
 *  the code has to be checked without them, too.
 *
 *  Sources: https://onnxruntime.ai/docs/api/js/, https://github.com/huggingface/tokenizers.js,
 *  https://sharp.pixelplumbing.com */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
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
  readonly inputMetadata: readonly {
    readonly name: string;
    readonly type?: string;
    readonly shape?: readonly (number | string)[];
  }[];
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

/** How texts that people read are made of tokens. */
export const plainly = { skip_special_tokens: true, clean_up_tokenization_spaces: false } as const;

/** A vocabulary in memory. */
export interface Tokenizer {
  encode(
    text: string,
    options?: {
      readonly text_pair?: string;
      readonly add_special_tokens?: boolean;
      readonly return_token_type_ids?: boolean;
    },
  ): Tokens;
  decode(
    ids: readonly number[],
    options?: { readonly skip_special_tokens?: boolean; readonly clean_up_tokenization_spaces?: boolean },
  ): string;
  token_to_id(token: string): number | undefined;
}

/** Makes vocabularies of `tokenizer.json` and `tokenizer_config.json`. */
interface Tokenizers {
  readonly Tokenizer: new (tokenizer: object, config: object) => Tokenizer;
}

/** A template of conversations. */
export interface Template {
  /** Throws what the template throws. */
  render(values: Readonly<Record<string, unknown>>): string;
}

/** An image as numbers: rows of pixels, each of so many channels. */
export interface DecodedImage {
  readonly data: Uint8Array;
  readonly info: { readonly width: number; readonly height: number; readonly channels: number };
}

/** What is to be done with an image, step by step. */
interface ImageSteps {
  /** Upright, as its file says. */
  rotate(): ImageSteps;
  resize(to: {
    readonly width: number;
    readonly height: number;
    readonly fit: "outside" | "fill";
    readonly kernel: string;
  }): ImageSteps;
  toColourspace(space: "srgb"): ImageSteps;
  removeAlpha(): ImageSteps;
  raw(): ImageSteps;
  /** Rejects with what is wrong with the image. */
  toBuffer(options: { readonly resolveWithObject: true }): Promise<DecodedImage>;
}

/** What a model is loaded with. */
export interface Library extends Runtime {
  readonly tokenizers: Tokenizers;
  /** Throws what is wrong with the text. */
  readonly template: (text: string) => Template;
  readonly sharp: (
    bytes: Uint8Array,
    options: { readonly limitInputPixels: number; readonly pages: number },
  ) => ImageSteps;
}

/** Where the packages are: in a folder of their own, so that their versions are nobody else's. */
const place = fileURLToPath(new URL("../../node_modules/plexus-onnx/package.json", import.meta.url));

/** Why no ONNX model can be served; undefined: the packages are here. */
export const missingPackages = (at = place): string | undefined =>
  existsSync(at)
    ? undefined
    : "ONNX Runtime is not installed: `plexus onnx install` fetches it; then start the node again";

/** The versions of the packages, in one text. Throws what the file system throws. */
export const packagesVersion = (): string => {
  const { dependencies } = JSON.parse(readFileSync(place, "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>;
  };
  return JSON.stringify(dependencies);
};

/** Loads the packages into this thread. Errors: those of a package that is missing or damaged. */
export function loadLibrary(): Library {
  const load = createRequire(place);
  const { InferenceSession, Tensor } = load("onnxruntime-node") as Runtime;
  const tokenizers = load("@huggingface/tokenizers") as Tokenizers;
  return {
    InferenceSession,
    Tensor,
    tokenizers,
    template: (text) =>
      new (load("@huggingface/jinja") as { readonly Template: new (text: string) => Template }).Template(text),
    // Models of images alone have it in memory.
    sharp: (bytes, options) => (load("sharp") as Library["sharp"])(bytes, options),
  };
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

/** Images as models of CLIP's family see them: a square of so many pixels, the numbers of each colour about zero. */
import { join } from "node:path";
import { failure, type Failure } from "../../protocols/errors.ts";
import type { Media } from "../../protocols/index.ts";
import { countIn, isRecord, readSettings, type Settings } from "./folder.ts";
import type { DecodedImage, Library } from "./library.ts";
import { onnxLimits } from "./limits.ts";

/** How images are prepared, as the model's folder says. */
export interface Preparation {
  /** The shorter side becomes so long; or both become what they are told. */
  readonly size: { readonly shortest: number } | Extent;
  /** What is cut out of the middle. */
  readonly crop: Extent;
  readonly kernel: "nearest" | "linear" | "cubic" | "lanczos3";
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

interface Extent {
  readonly width: number;
  readonly height: number;
}

/** Of OpenAI's CLIP, which most others have taken over. */
const usual = {
  side: 224,
  mean: [0.48145466, 0.4578275, 0.40821073],
  deviation: [0.26862954, 0.26130258, 0.27577711],
};
/** As the library that these models were trained with numbers them. */
const kernels: Readonly<Record<number, Preparation["kernel"]>> = {
  0: "nearest",
  1: "lanczos3",
  2: "linear",
  3: "cubic",
};
/** No model sees more. */
const sideMax = 2_048;

/** Reads how images are prepared. Throws what makes no sense. */
export function preparationIn(root: string): Preparation {
  const settings = readSettings(join(root, "preprocessor_config.json")) ?? {};
  const size = extentIn(settings["size"]) ?? { shortest: usual.side };
  const cropped = settings["do_center_crop"] === false ? undefined : extentIn(settings["crop_size"]);
  const crop = cropped ?? size;
  const whole = "shortest" in crop ? { width: crop.shortest, height: crop.shortest } : crop;
  const shortest = "shortest" in size ? size.shortest : Math.min(size.width, size.height);
  if (Math.max(whole.width, whole.height, shortest) > sideMax) throw new Error("it wants larger images than any");
  if ("shortest" in size && Math.max(whole.width, whole.height) > size.shortest)
    throw new Error("it cuts out of images more than they have");
  const numbersIn = (name: string, otherwise: readonly number[]): readonly number[] => {
    const list = settings[name];
    const isFine =
      Array.isArray(list) && list.length === 3 && list.every((one) => typeof one === "number" && Number.isFinite(one));
    return isFine ? (list as readonly number[]) : otherwise;
  };
  return {
    size: "shortest" in size ? size : whole,
    crop: whole,
    kernel: kernels[Number(settings["resample"] ?? 3)] ?? "cubic",
    mean: numbersIn("image_mean", usual.mean),
    deviation: numbersIn("image_std", usual.deviation).map((one) => one || 1),
  };
}

/** `224`, `{ shortest_edge: 224 }`, `{ width: 224, height: 224 }`. */
function extentIn(value: unknown): { readonly shortest: number } | Extent | undefined {
  if (typeof value === "number" && Number.isInteger(value) && value > 0) return { shortest: value };
  const settings: Settings = isRecord(value) ? value : {};
  const [shortest, width, height] = ["shortest_edge", "width", "height"].map((name) => countIn(settings, name));
  if (shortest !== undefined) return { shortest };
  return width === undefined || height === undefined ? undefined : { width, height };
}

/** Images that are read, by their first bytes: what else the library could read is never shown to it. */
const isKnown = (bytes: Uint8Array): boolean => {
  const head = Buffer.from(bytes.subarray(0, 12)).toString("latin1");
  return /^(?:\u00ff\u00d8\u00ff|\u0089PNG|GIF8|RIFF.{4}WEBP)/su.test(head);
};

/** An image as numbers, [colours, rows, columns]; or why it cannot be read. */
export async function pixelsOf(
  { bytes }: Media,
  { size, crop, kernel, mean, deviation }: Preparation,
  { sharp }: Library,
): Promise<Float32Array | Failure> {
  if (!isKnown(bytes))
    return failure("BAD_REQUEST", { field: "inputs", reason: "only JPEG, PNG, WebP and GIF images are read" });
  const [width, height, fit] =
    "shortest" in size
      ? ([size.shortest, size.shortest, "outside"] as const)
      : ([size.width, size.height, "fill"] as const);
  let image: DecodedImage;
  try {
    image = await sharp(bytes, { limitInputPixels: onnxLimits.pixelsMax, pages: 1 })
      .rotate()
      .resize({ width, height, fit, kernel })
      .toColourspace("srgb")
      .removeAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    if (reason.includes("pixel limit")) return failure("TOO_LARGE", { field: "inputs", max: onnxLimits.pixelsMax });
    return failure("BAD_REQUEST", { field: "inputs", reason: `the image cannot be read: ${reason.slice(0, 200)}` });
  }
  const { data, info } = image;
  const [left, top] = [(info.width - crop.width) >> 1, (info.height - crop.height) >> 1];
  const plane = crop.width * crop.height;
  const pixels = new Float32Array(3 * plane);
  for (let row = 0; row < crop.height; row += 1)
    for (let column = 0; column < crop.width; column += 1) {
      const from = ((top + row) * info.width + left + column) * info.channels;
      for (let colour = 0; colour < 3; colour += 1)
        pixels[colour * plane + row * crop.width + column] =
          (data[from + colour]! / 255 - mean[colour]!) / deviation[colour]!;
    }
  return pixels;
}

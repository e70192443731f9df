/** Whether an adapter (a LoRA in GGUF) may be put on a model: native code adds its numbers to the model's without a
 *  look.
 *
 *      weight of the base [in, out]   <weight>.lora_a [in, rank]   <weight>.lora_b [rank, out]
 *      the table of tokens [in, out]  <weight>.lora_a [rank, out]   <weight>.lora_b [rank, in]
 *
 *  The rules are those of llama-adapter.cpp, and one of ours: no number is NaN or infinite. */
import type { GgufHeader } from "../gguf.ts";
import type { GgufTensor } from "../gguf-values.ts";
import { tensorTypes } from "../gguf.ts";
import type { FileBytes } from "./bytes.ts";

/** A GGUF file that was read. */
export interface ReadGguf {
  readonly header: GgufHeader;
  readonly tensors: readonly GgufTensor[];
}

/** Whether a file is a LoRA. */
export const isLora = ({ header, tensors }: ReadGguf): boolean =>
  header.kind === "adapter" && tensors.some(({ name }) => name.endsWith(".lora_a"));

/** Why the adapter does not fit the base; undefined: it does. Pure. */
export function misfit(adapter: ReadGguf, base: ReadGguf): string | undefined {
  if (!isLora(adapter)) return "this is not a LoRA: it has no tensor whose name ends in .lora_a";
  if (adapter.header.architecture !== base.header.architecture)
    return (
      `it was made for ${adapter.header.architecture || "an unnamed architecture"}, and the model is ` +
      `${base.header.architecture}`
    );
  const weights = new Map(base.tensors.map((tensor) => [tensor.name, tensor]));
  const parts = new Map(adapter.tensors.map((tensor) => [tensor.name, tensor]));
  for (const { name } of adapter.tensors) {
    const [, weightName, part] = /^(.*)\.lora_([ab])$/.exec(name) ?? [];
    // Norms that were trained along are taken as they are by versions that know them.
    if (weightName === undefined) return `tensor ${name} is not part of a LoRA`;
    const weight = weights.get(weightName);
    if (weight === undefined) return `the model has no tensor ${weightName}`;
    const a = parts.get(`${weightName}.lora_a`);
    const b = parts.get(`${weightName}.lora_b`);
    if (a === undefined || b === undefined) return `${weightName}: lora_${part === "a" ? "b" : "a"} is missing`;
    const [wide, high] = [weight.dimensions[0] ?? 1, weight.dimensions[1] ?? 1];
    const [a0, a1] = [a.dimensions[0] ?? 1, a.dimensions[1] ?? 1];
    const [b0, b1] = [b.dimensions[0] ?? 1, b.dimensions[1] ?? 1];
    const fits = weightName.endsWith("token_embd.weight")
      ? wide === b1 && high === a1
      : wide === a0 && high === b1 && a1 === b0;
    if (!fits) return `${weightName} is ${wide}×${high}, and the LoRA's parts are ${a0}×${a1} and ${b0}×${b1}`;
  }
  return undefined;
}

const sliceBytes = 256 * 1024;

/** The first tensor with a number that is none; or why that cannot be told. Undefined: all are numbers. */
export function notNumbers(bytes: FileBytes, tensors: readonly GgufTensor[]): string | undefined {
  for (const { name, type, offset, bytes: size } of tensors) {
    const look = looks.get(type);
    if (look === undefined)
      return (
        `tensor ${name} is of type ${tensorTypes.get(type)?.[0] ?? type}, whose numbers are not looked at here; ` +
        "use F32, F16, BF16 or Q8_0"
      );
    const [step, isNumber] = look;
    const part = sliceBytes - (sliceBytes % step);
    for (let at = 0; at < size; at += part) {
      const slice = bytes.read(offset + at, Math.min(part, size - at));
      for (let place = 0; place + step <= slice.length; place += step)
        if (!isNumber(slice, place)) return `tensor ${name} has a number that is none (NaN or infinite)`;
    }
  }
  return undefined;
}

const isHalf = (bytes: Buffer, at: number): boolean => (bytes.readUInt16LE(at) & 0x7c00) !== 0x7c00;
const isBrain = (bytes: Buffer, at: number): boolean => (bytes.readUInt16LE(at) & 0x7f80) !== 0x7f80;
const isSingle = (bytes: Buffer, at: number): boolean => (bytes.readUInt32LE(at) & 0x7f800000) !== 0x7f800000;

/** Bytes of one number or block, and whether it is finite: a block of Q8_0 begins with its scale. */
const looks: ReadonlyMap<number, readonly [step: number, isNumber: (bytes: Buffer, at: number) => boolean]> = new Map([
  [0, [4, isSingle]],
  [1, [2, isHalf]],
  [30, [2, isBrain]],
  [8, [34, isHalf]],
]);

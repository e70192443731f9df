/** The thread that quantises a file: a tensor after the other, a few megabytes of it at a time. No native code: it may
 *  be ended at any moment. */
import { closeSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import type { MessagePort } from "node:worker_threads";
import { inspectGgufFile } from "../gguf.ts";
import { storeLimits } from "./limits.ts";
import {
  BadWeight,
  blockNumbers,
  floatsOf,
  planQuantised,
  quantiseBlocks,
  targetTypes,
  type QuantiseTarget,
} from "./quantise.ts";

/** What is asked of it. `to` does not exist. */
export interface QuantiseTask {
  readonly from: string;
  readonly to: string;
  readonly target: QuantiseTarget;
  readonly port: MessagePort;
}
/** How far it is. */
export interface QuantiseProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}
export type QuantiseAnswer = Readonly<{ type: "done"; bytes: number } | { type: "refused"; reason: string }>;

/** Quantises a file. Throws what the file system throws. */
export default function run({ from, to, target, port }: QuantiseTask): QuantiseAnswer {
  const { verdict, fileBytes } = inspectGgufFile(from);
  if (verdict.type === "short") return { type: "refused", reason: "the head of the file is cut off" };
  if (verdict.type === "refused") return verdict;
  const { header, tensors, layout } = verdict;
  if (header.kind !== "model") return { type: "refused", reason: "it is not a whole model" };
  if (header.parts > 1) return { type: "refused", reason: `it is one of ${header.parts} parts: join them first` };
  const plan = planQuantised(tensors, target);
  if (plan.type === "refused") return plan;
  const source = openSync(from, "r");
  const made = openSync(to, "wx", 0o600);
  try {
    const read = (position: number, length: number): Buffer => {
      const bytes = Buffer.allocUnsafe(length);
      for (let done = 0; done < length;) {
        const count = readSync(source, bytes, done, length - done, position + done);
        if (count === 0) throw new BadWeight("the file became shorter while it was read");
        done += count;
      }
      return bytes;
    };
    let written = 0;
    const write = (bytes: Uint8Array): void => {
      for (let done = 0; done < bytes.length;) done += writeSync(made, bytes, done, bytes.length - done);
      written += bytes.length;
    };
    const pad = (): void => write(Buffer.alloc(-written & (layout.alignment - 1)));

    write(headOf(read(0, layout.pairs.to), layout, plan.tensors, targetTypes[target].fileType));
    pad();
    const numbers = new Float32Array(storeLimits.quantisedNumbers);
    const blocks = Buffer.allocUnsafe((storeLimits.quantisedNumbers / blockNumbers) * 34);
    for (const { from: tensor, type } of plan.tensors) {
      const count = tensor.dimensions.reduce((all, one) => all * one, 1);
      const width = tensor.bytes / count;
      for (let at = 0; at < count; at += storeLimits.quantisedNumbers) {
        const some = Math.min(storeLimits.quantisedNumbers, count - at);
        // Of a tensor that stays as it is, a number may be less than a byte: it is copied whole blocks at a time.
        const begin = tensor.offset + Math.floor(at * width);
        const bytes = read(begin, Math.ceil(Math.min((at + some) * width, tensor.bytes)) - Math.floor(at * width));
        if (type === tensor.type) write(bytes);
        else {
          floatsOf(tensor.type, bytes, some, numbers);
          write(blocks.subarray(0, quantiseBlocks(type, numbers, some, blocks)));
        }
        const progress: QuantiseProgress = { doneBytes: begin + bytes.length, totalBytes: fileBytes };
        port.postMessage(progress);
      }
      pad();
    }
    fsyncSync(made);
    return { type: "done", bytes: written };
  } catch (thrown) {
    if (thrown instanceof BadWeight) return { type: "refused", reason: thrown.message };
    throw thrown;
  } finally {
    closeSync(source);
    closeSync(made);
  }
}

type Layout = Extract<ReturnType<typeof inspectGgufFile>["verdict"], { type: "fine" }>["layout"];
type Planned = Extract<ReturnType<typeof planQuantised>, { type: "fine" }>["tensors"];

/** The new head: all that the old one says, but for what the weights are, and where. */
function headOf(
  old: Buffer,
  { pairs, alignment, fileTypeAt, hasVersion }: Layout,
  tensors: Planned,
  fileType: number,
): Buffer {
  const facts = Buffer.from(old.subarray(pairs.from, pairs.to));
  if (fileTypeAt !== undefined) facts.writeUInt32LE(fileType, fileTypeAt - pairs.from);
  const more = [
    ...(fileTypeAt === undefined ? [["general.file_type", fileType] as const] : []),
    ...(hasVersion ? [] : [["general.quantization_version", 2] as const]),
  ];
  let offset = 0;
  const lines = tensors.map(({ from: { name, dimensions }, type, bytes }) => {
    const line = [text(name), u32(dimensions.length), ...dimensions.map(u64), u32(type), u64(offset)];
    offset += Math.ceil(bytes / alignment) * alignment;
    return Buffer.concat(line);
  });
  return Buffer.concat([
    Buffer.from("GGUF"),
    u32(3),
    u64(tensors.length),
    u64(pairs.count + more.length),
    facts,
    ...more.map(([key, value]) => Buffer.concat([text(key), u32(4), u32(value)])),
    ...lines,
  ]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

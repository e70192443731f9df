/** Looks at an ONNX file before the native library does: the skeleton of its protobuf, and which other files it names.
 *
 *      ModelProto   1 ir_version · 7 graph · 8 opset_import
 *      GraphProto   1 node · 2 name · 5 initializer · 11 input · 12 output · 15 sparse_initializer
 *      NodeProto    4 op_type · 5 attribute            AttributeProto   5 t · 6 g · 10 tensors · 11 graphs
 *      TensorProto  13 external_data { 1 key · 2 value } · 14 data_location
 *
 *  Every length is compared with what it lies in, so nothing that the library is told reaches beyond the file. A tensor
 *  may lie in another file, and what such a path may be is decided here: a plain name beside the model, nothing else.
 *
 *  Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto */
import type { FileBytes } from "./bytes.ts";
import { storeLimits } from "./limits.ts";

/** What an ONNX file says of itself. */
export interface OnnxFacts {
  readonly irVersion: number;
  readonly producer: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly nodes: number;
  /** Numbers in its tensors. */
  readonly parameters: number;
  /** Parts of other files that it uses. */
  readonly externals: readonly External[];
}

/** A part of another file. */
interface External {
  readonly location: string;
  readonly offset: number;
  /** Undefined: to its end. */
  readonly length: number | undefined;
}

/** What was found. */
type OnnxVerdict = Readonly<{ type: "fine"; facts: OnnxFacts } | { type: "refused"; reason: string }>;

/** Looks at a file. Throws what reading throws. */
export function inspectOnnx(bytes: FileBytes): OnnxVerdict {
  try {
    return { type: "fine", facts: new Looker(bytes).model() };
  } catch (thrown) {
    if (thrown instanceof Refusal) return { type: "refused", reason: thrown.message };
    throw thrown;
  }
}

class Refusal extends Error {}

/** One field: a number, or where its bytes are. */
interface Field {
  readonly number: number;
  readonly value: number;
  readonly start: number;
  readonly end: number;
  /** 2: it has bytes. */
  readonly wire: number;
}

const windowBytes = 64 * 1024;
const nameBytesMax = 4_096;
/** Versions of the format: 3 is of 2017. A library refuses what is newer than itself with a reason. */
const irVersions = { min: 3, max: 64 };
/** A name beside the model: no folder above it, no other root. */
const plainName = /^(?!\.{1,2}$)[^/\\\0]{1,255}$/;

class Looker {
  readonly #bytes: FileBytes;
  #window: Buffer = Buffer.alloc(0);
  #from = 0;
  #left: number = storeLimits.onnxFieldsMax;
  #nodes = 0;
  #parameters = 0;
  readonly #externals: External[] = [];

  constructor(bytes: FileBytes) {
    this.#bytes = bytes;
  }

  model(): OnnxFacts {
    let irVersion: number | undefined;
    let producer = "";
    let graph: Field | undefined;
    let opsets = 0;
    if (this.#bytes.size === 0) throw new Refusal("the file is empty");
    this.#fields({ start: 0, end: this.#bytes.size }, (field) => {
      if (field.number === 1 && field.wire === 0) irVersion = field.value;
      if (field.number === 2 && field.wire === 2) producer = this.#text(field);
      if (field.number === 8 && field.wire === 2) opsets += 1;
      if (field.number !== 7 || field.wire !== 2) return;
      if (graph !== undefined) throw new Refusal("it has two graphs");
      graph = field;
    });
    if (irVersion === undefined || irVersion < irVersions.min || irVersion > irVersions.max)
      throw new Refusal(`this is not an ONNX file (its version would be ${irVersion ?? "none"})`);
    if (graph === undefined) throw new Refusal("it has no graph");
    if (opsets === 0) throw new Refusal("it does not say which operators it means");
    const inputs: string[] = [];
    const outputs: string[] = [];
    this.#graph(graph, 0, { inputs, outputs });
    const facts = { irVersion, producer, inputs, outputs, nodes: this.#nodes };
    return { ...facts, parameters: this.#parameters, externals: this.#externals };
  }

  #graph(within: Field, depth: number, names?: { readonly inputs: string[]; readonly outputs: string[] }): void {
    if (depth > storeLimits.onnxDepthMax) throw new Refusal("its graphs are nested too deep");
    this.#fields(within, (field) => {
      if (field.wire !== 2) return;
      if (field.number === 1) this.#node(field, depth);
      if (field.number === 5) this.#tensor(field);
      if (field.number === 15)
        this.#fields(field, (part) => void ([1, 2].includes(part.number) && part.wire === 2 && this.#tensor(part)));
      if (field.number === 11) names?.inputs.push(this.#nameIn(field));
      if (field.number === 12) names?.outputs.push(this.#nameIn(field));
    });
  }

  #node(within: Field, depth: number): void {
    this.#nodes += 1;
    let operator = false;
    this.#fields(within, (field) => {
      if (field.wire !== 2) return;
      if (field.number === 4) operator = field.end > field.start;
      if (field.number === 5) this.#attribute(field, depth);
    });
    if (!operator) throw new Refusal("a node has no operator");
  }

  #attribute(within: Field, depth: number): void {
    this.#fields(within, (field) => {
      if (field.wire !== 2) return;
      if (field.number === 5 || field.number === 10) this.#tensor(field);
      if (field.number === 6 || field.number === 11) this.#graph(field, depth + 1);
    });
  }

  #tensor(within: Field): void {
    const external = new Map<string, string>();
    let isExternal = false;
    let numbers = 1;
    let hasDimensions = false;
    const dimension = (value: number): void => {
      hasDimensions = true;
      if (!(value >= 0)) throw new Refusal(`a tensor has a dimension of ${value}`);
      numbers *= value;
    };
    this.#fields(within, (field) => {
      if (field.number === 1 && field.wire === 0) dimension(field.value);
      if (field.number === 1 && field.wire === 2)
        for (let at = field.start; at < field.end;) {
          const [value, next] = this.#varint(at, field.end);
          dimension(value);
          at = next;
        }
      if (field.number === 14 && field.wire === 0) isExternal = field.value === 1;
      if (field.number !== 13 || field.wire !== 2) return;
      let key = "";
      let value = "";
      this.#fields(field, (entry) => {
        if (entry.number === 1 && entry.wire === 2) key = this.#text(entry);
        if (entry.number === 2 && entry.wire === 2) value = this.#text(entry);
      });
      external.set(key, value);
    });
    if (!Number.isSafeInteger(numbers)) throw new Refusal(`a tensor has ${numbers} numbers`);
    if (hasDimensions) this.#parameters += numbers;
    if (!isExternal && external.size === 0) return;
    const location = external.get("location") ?? "";
    if (!plainName.test(location))
      throw new Refusal(
        `a tensor lies in ${JSON.stringify(location.slice(0, 100))}, which is not a file beside the model`,
      );
    if (
      this.#externals.length >= storeLimits.onnxExternalsMax &&
      !this.#externals.some((one) => one.location === location)
    )
      throw new Refusal("it uses too many other files");
    const offset = Number(external.get("offset") ?? 0);
    const length = external.has("length") ? Number(external.get("length")) : undefined;
    for (const amount of [offset, length ?? 0])
      if (!Number.isSafeInteger(amount) || amount < 0) throw new Refusal(`a tensor lies at no place of ${location}`);
    this.#keep({ location, offset, length });
  }

  /** One part a file: the one that reaches furthest. */
  #keep(next: External): void {
    const reach = ({ offset, length = 0 }: External): number => offset + length;
    const index = this.#externals.findIndex(({ location }) => location === next.location);
    if (index < 0) this.#externals.push(next);
    else if (reach(next) > reach(this.#externals[index] as External)) this.#externals[index] = next;
  }

  /** `name` of a ValueInfoProto. */
  #nameIn(within: Field): string {
    let name = "";
    this.#fields(within, (field) => {
      if (field.number === 1 && field.wire === 2) name = this.#text(field);
    });
    return name;
  }

  #text({ start, end }: Field): string {
    if (end - start > nameBytesMax) throw new Refusal("a name is longer than any name");
    return this.#bytes.read(start, end - start).toString("utf8");
  }

  /** Passes over the fields of one message. */
  #fields({ start, end }: { readonly start: number; readonly end: number }, visit: (field: Field) => void): void {
    for (let at = start; at < end;) {
      this.#left -= 1;
      if (this.#left < 0) throw new Refusal("it has more fields than any model");
      const [tag, afterTag] = this.#varint(at, end);
      const [number, wire] = [Math.floor(tag / 8), tag % 8];
      if (number === 0) throw new Refusal("this is not an ONNX file (a field has no number)");
      if (wire === 0) {
        const [value, next] = this.#varint(afterTag, end);
        visit({ number, wire, value, start: afterTag, end: next });
        at = next;
        continue;
      }
      const [length, from] = wire === 2 ? this.#varint(afterTag, end) : [fixedBytes.get(wire), afterTag];
      if (length === undefined) throw new Refusal("this is not an ONNX file (a field has an unknown type)");
      if (!(length <= end - from)) throw new Refusal("it is cut off: a field reaches beyond what it lies in");
      at = from + length;
      visit({ number, wire, value: 0, start: from, end: at });
    }
  }

  #varint(position: number, end: number): readonly [value: number, next: number] {
    let value = 0;
    let scale = 1;
    for (let at = position; at < position + 10; at += 1) {
      if (at >= end) throw new Refusal("it is cut off inside a number");
      const byte = this.#byte(at);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return [value, at + 1];
      scale *= 128;
    }
    throw new Refusal("this is not an ONNX file (a number does not end)");
  }

  #byte(position: number): number {
    if (position < this.#from || position >= this.#from + this.#window.length) {
      this.#window = this.#bytes.read(position, windowBytes);
      this.#from = position;
    }
    const byte = this.#window[position - this.#from];
    if (byte === undefined) throw new Refusal("the file ends too early");
    return byte;
  }
}

/** Bytes of the wire types with a fixed size. */
const fixedBytes: ReadonlyMap<number, number> = new Map([
  [1, 8],
  [5, 4],
]);

/** What a message of gRPC is made of, counted from its bytes before anything of it is made: as `JsonMeter` does for
 *  JSON. Pure.
 *
 *  Fields, elements of packed lists and members of `google.protobuf.Struct` are values; messages other than `Value`,
 *  which stands around each of them, are lists and objects. A field that is said again counts again: it is made
 *  again. */
import protobuf from "protobufjs";
import type { JsonBounds, JsonExcess } from "../../../protocols/index.ts";

const { Reader, types } = protobuf;
const lengthDelimited = 2;
const groupStart = 3;
/** A level of JSON is up to four messages there: an object, a member, its value, the object in it. */
const messagesPerLevel = 4;

/** Which bound a message goes beyond; undefined: none. Throws where it is cut off, or has groups, which no description
 *  here has. */
export function protoExcess(of: protobuf.Type, bytes: Uint8Array, bounds: JsonBounds): JsonExcess | undefined {
  const reader = Reader.create(bytes);
  let values = 0;
  let containers = 0;

  function message(type: protobuf.Type | undefined, to: number, depth: number): JsonExcess | undefined {
    if (depth > bounds.depthMax * messagesPerLevel) return "depthMax";
    while (reader.pos < to) {
      const tag = reader.uint32();
      const excess = field(type?.fieldsById[tag >>> 3], tag & 7, to, depth);
      if (excess !== undefined) return excess;
    }
    return undefined;
  }

  function field(known: protobuf.Field | undefined, wire: number, end: number, depth: number): JsonExcess | undefined {
    if (++values > bounds.valuesMax) return "valuesMax";
    if (wire >= groupStart && wire <= groupStart + 1) throw new Error("a group");
    if (wire !== lengthDelimited) return void reader.skipType(wire);
    const length = reader.uint32();
    const to = reader.pos + length;
    if (to > end) throw new RangeError("it is cut off");
    const inner = known?.resolvedType;
    if (known instanceof protobuf.MapField) return entry(known, to, depth + 1);
    if (inner instanceof protobuf.Type) {
      if (inner.fullName !== ".google.protobuf.Value" && ++containers > bounds.containersMax) return "containersMax";
      return message(inner, to, depth + 1);
    }
    if (known?.repeated === true && known.type in types.packed) {
      values += elementsIn(bytes.subarray(reader.pos, to), known.type);
      if (values > bounds.valuesMax) return "valuesMax";
    }
    reader.pos = to;
    return undefined;
  }

  /** A member: its key, and its value. */
  function entry(map: protobuf.MapField, to: number, depth: number): JsonExcess | undefined {
    while (reader.pos < to) {
      const tag = reader.uint32();
      const isKey = tag >>> 3 === 1;
      const at = reader.pos;
      const excess = isKey
        ? field(undefined, tag & 7, to, depth)
        : field({ resolvedType: map.resolvedType } as protobuf.Field, tag & 7, to, depth);
      if (excess !== undefined) return excess;
      if (isKey && reader.pos - at > bounds.keyBytesMax) return "keyBytesMax";
    }
    return undefined;
  }

  return message(of, bytes.length, 0);
}

/** Elements of a packed list. */
function elementsIn(bytes: Uint8Array, type: string): number {
  if (type === "double" || type.endsWith("fixed64")) return Math.ceil(bytes.length / 8);
  if (type === "float" || type.endsWith("fixed32")) return Math.ceil(bytes.length / 4);
  // The last byte of a number has no mark that it goes on.
  let count = 0;
  for (const byte of bytes) if (byte < 0x80) count += 1;
  return count;
}

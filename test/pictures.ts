/** Real PNGs, as small as a test needs them. */
import { crc32, deflateSync } from "node:zlib";

/** A chunk: length, type, data, checksum. */
export function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}

/** A picture whose columns have the colours that `colourOf` says; black without. `more`: chunks before the pixels. */
export function png(
  width: number,
  height: number,
  {
    colourOf = () => [0, 0, 0],
    more = [],
  }: {
    readonly colourOf?: (x: number) => readonly number[];
    readonly more?: readonly Buffer[];
  } = {},
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2], 8);
  const row = Buffer.concat([Buffer.alloc(1), ...Array.from({ length: width }, (_, x) => Buffer.from(colourOf(x)))]);
  const rows = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  const signature = Buffer.from("89504e470d0a1a0a", "hex");
  return Buffer.concat([
    signature,
    chunk("IHDR", header),
    ...more,
    chunk("IDAT", rows),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** About the bytes that plain data takes on the wire, without encoding it. Never less than a tenth of the truth. */
export function weigh(value: unknown): number {
  switch (typeof value) {
    case "string":
      return value.length + 2;
    case "object":
      break;
    default:
      return 8;
  }
  if (value === null) return 1;
  if (value instanceof Uint8Array) return value.length + 4;
  let bytes = 4;
  if (Array.isArray(value)) for (const item of value) bytes += weigh(item);
  else for (const key in value) bytes += key.length + 1 + weigh((value as Record<string, unknown>)[key]);
  return bytes;
}

/** Where addresses are: a file of an admin's, one line a range, `CIDR,latitude,longitude,place`. */
import { parseAddress, parseRange } from "./address-set.ts";

/** A place on the earth. */
interface AddressPlace {
  readonly latitude: number;
  readonly longitude: number;
  readonly name: string;
}

/** Places by the longest prefix. */
export interface AddressPlaces {
  readonly ranges: number;
  /** Lines that say nothing. */
  readonly skipped: number;
  find(address: string): AddressPlace | undefined;
}

const sizes = { 4: 32, 6: 128 } as const;
const numberOf = (key: number | string): bigint => BigInt(typeof key === "number" ? key : `0x${key}`);
const coordinate = (text: string | undefined, most: number): number | undefined => {
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text);
  return Math.abs(value) <= most ? value : undefined;
};

/** Reads such a file. Lines that begin with `#` are comments; of two equal ranges the later one counts. */
export function readPlaces(text: string): AddressPlaces {
  /** By family and length, by the first address: ranges of one length do not overlap, so a look-up asks once for each
   *  length that is there. */
  const byLength = new Map<string, Map<string, AddressPlace>>();
  const lengths = { 4: new Set<number>(), 6: new Set<number>() };
  let [ranges, skipped] = [0, 0];
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [cidr = "", lat, lon, ...rest] = line.split(",");
    const range = parseRange(cidr.trim());
    const [latitude, longitude] = [coordinate(lat, 90), coordinate(lon, 180)];
    const name = rest.join(",").trim().replaceAll(/^"|"$/g, "").slice(0, 64);
    if (range === undefined || latitude === undefined || longitude === undefined || name === "") {
      skipped += 1;
      continue;
    }
    const { family, bits, first } = range;
    const known = byLength.get(`${family}/${bits}`) ?? new Map<string, AddressPlace>();
    known.set(first.toString(36), { latitude, longitude, name });
    byLength.set(`${family}/${bits}`, known);
    lengths[family].add(bits);
    ranges += 1;
  }
  const ordered = { 4: [...lengths[4]].toSorted((a, b) => b - a), 6: [...lengths[6]].toSorted((a, b) => b - a) };
  return {
    ranges,
    skipped,
    find(address) {
      const key = parseAddress(address);
      if (key === undefined) return undefined;
      const family = typeof key === "number" ? 4 : 6;
      const value = numberOf(key);
      for (const bits of ordered[family]) {
        const free = BigInt(sizes[family] - bits);
        const found = byLength.get(`${family}/${bits}`)?.get(((value >> free) << free).toString(36));
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

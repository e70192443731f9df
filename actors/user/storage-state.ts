/** What an account knows of the files that its person keeps, and how that changes; `storage.ts` decides. */
import { actorLimits as limits } from "../limits.ts";

/** What a person keeps in files: by room as that has told last, and what is about to be uploaded. */
export interface StorageOfPerson {
  readonly places: Readonly<Record<string, { readonly bytes: number; readonly version: number }>>;
  readonly reserved: readonly Reserved[];
}
interface Reserved {
  readonly id: string;
  readonly room: string;
  readonly bytes: number;
  readonly untilMs: number;
}

/** What becomes of it. */
export type StorageChange =
  | ({ readonly is: "reserved"; readonly atMs: number } & Reserved)
  | { readonly is: "freed"; readonly id: string }
  /** `began`: the uploads that the room knows. */
  | {
      readonly is: "in";
      readonly room: string;
      readonly bytes: number;
      readonly version: number;
      readonly began: readonly string[];
    };

/** Nothing. */
export const noStorage: StorageOfPerson = { places: {}, reserved: [] };

/** The rooms of which the version is known. Where there are too many, the oldest goes in which nothing is kept, else
 *  the one in which least is: with a quota no upload begins in a room more. */
function placed(places: StorageOfPerson["places"], change: Extract<StorageChange, { is: "in" }>) {
  const { [change.room]: _before, ...others } = places;
  const all = { ...others, [change.room]: { bytes: change.bytes, version: change.version } };
  if (Object.keys(all).length <= limits.storagePlacesMax) return all;
  const [first = ["", { bytes: 0 }] as const, ...rest] = Object.entries(others);
  const [least] = rest.reduce((one, other) => (other[1].bytes < one[1].bytes ? other : one), first);
  const { [least]: _gone, ...left } = all;
  return left;
}

/** What a change does to it. */
export function evolveStorage(before: StorageOfPerson = noStorage, change: StorageChange): StorageOfPerson {
  const { places, reserved } = before;
  switch (change.is) {
    case "reserved": {
      const { is: _, atMs, ...one } = change;
      return { places, reserved: [...reserved.filter(({ id, untilMs }) => untilMs > atMs && id !== one.id), one] };
    }
    case "freed":
      return { places, reserved: reserved.filter(({ id }) => id !== change.id) };
    default:
      return {
        places: placed(places, change),
        reserved: reserved.filter(({ id }) => !change.began.includes(id)),
      };
  }
}

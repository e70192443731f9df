/** Fields of a request, at any depth, that are on no list: the body is walked beside the table. Pure. */
import { isFields, type Fields } from "../conversation.ts";
import type { FieldRow } from "./rows.ts";

/** What the table knows of one place. */
interface Place {
  /** By name, whatever the word of what they are in. */
  readonly fields: Map<string, Place>;
  /** By that word: a `role` or a `type`. */
  readonly tagged: Map<string, Place>;
  /** It is passed on, or means nothing, with all that is in it. */
  isWhole: boolean;
}

const place = (): Place => ({ fields: new Map(), tagged: new Map(), isWhole: false });

function within(places: Map<string, Place>, name: string): Place {
  const known = places.get(name) ?? place();
  places.set(name, known);
  return known;
}

/** The rows of one path as places. */
export function placesOf(rows: readonly FieldRow[]): Place {
  const root = place();
  for (const { path, fate } of rows) {
    let at = root;
    for (const [, name = "", tag] of path.matchAll(/([^.()]+)(?:\(([^)]*)\))?/g)) {
      at = within(at.fields, name);
      if (tag !== undefined) at = within(at.tagged, tag);
    }
    at.isWhole ||= fate !== "used";
  }
  return root;
}

/** Words that a place is known by. */
const words = ["role", "type"] as const;

/** The first ones of those fields, with what they are in: `messages.mood`. A word that nobody knows is refused where it
 *  is read. */
export function unknownIn(root: Place, body: Fields, most: number): readonly string[] {
  const found = new Set<string>();
  const look = (value: unknown, at: Place, path: string): void => {
    if (found.size >= most || at.isWhole) return;
    if (Array.isArray(value)) for (const one of value) look(one, at, path);
    else if (isFields(value)) fieldsOf(value, at, path);
  };
  const fieldsOf = (value: Fields, at: Place, path: string): void => {
    const word = value["role"] ?? value["type"];
    const tagged = typeof word === "string" ? at.tagged.get(word) : undefined;
    // What is used as it is has no list of what is in it; nor has what nobody says the word of.
    if (tagged?.isWhole === true || (at.fields.size === 0 && (tagged === undefined || isEmpty(tagged)))) return;
    if (at.fields.has("*") || tagged?.fields.has("*") === true) return;
    for (const name of Object.keys(value)) {
      if (found.size >= most) return;
      const known = tagged?.fields.get(name) ?? at.fields.get(name);
      const isWord = path !== "" && (words as readonly string[]).includes(name);
      if (known !== undefined) look(value[name], known, `${path}${name}.`);
      else if (!isWord) found.add(path + name);
    }
  };
  look(body, root, "");
  return [...found];
}

const isEmpty = ({ fields, tagged }: Place): boolean => fields.size === 0 && tagged.size === 0;

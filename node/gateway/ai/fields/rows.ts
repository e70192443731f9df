/** What becomes of each field of a request, as rows: `docs/reference/fields.md` is made of them, requests are refused
 *  by them, and a test compares them with the types of the packages that send requests.
 *
 *      used                            it changes what the model is asked, or the answer
 *      whole                           the same; it is passed on as it is, with all that is in it
 *      refused   field | why           a value that asks for something is refused by name
 *      nothing   field | why           it means nothing here
 *
 *      messages(user).content(image_url).image_url.detail
 *
 *  is a field of an object whose `role` is `user`, in one of its `content` whose `type` is `image_url`; lists are not
 *  written. A `*` stands for every other word there. */

/** What becomes of a field. */
export type Fate = "used" | "whole" | "refused" | "nothing";

/** One field. */
export interface FieldRow {
  readonly path: string;
  readonly fate: Fate;
  /** A few words; empty of what is used. */
  readonly why: string;
}

/** Reads rows: a fate, fields, and why. */
export function rowsOf(text: string): readonly FieldRow[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .flatMap((line) => {
      const [said = "", why = ""] = line.split(" | ");
      const [fate, ...paths] = said.trim().split(/\s+/);
      return paths.map((path) => ({ path, fate: fate as Fate, why }));
    });
}

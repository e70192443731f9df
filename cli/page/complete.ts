/** What Tab offers: the commands and flags that `plexus completion` gives a shell. */
import type { Command } from "commander";
import { placesOf } from "../completion.ts";
import type { Completion } from "./terminal.ts";
import { wordsOf } from "./words.ts";

/** What the last word of `line` may become. */
export function completionOf(program: Command, line: string): Completion {
  const typed = /\S*$/.exec(line)?.[0] ?? "";
  const from = line.length - typed.length;
  const before = wordsOf(line.slice(0, from));
  if (!before.ok) return { from, choices: [] };
  const places = placesOf(program);
  let path = "";
  for (const word of before.value)
    if (places.some((place) => place.path === `${path} ${word}`)) path = `${path} ${word}`;
  const place = places.find((one) => one.path === path);
  const last = before.value.at(-1);
  const value = place?.flags.find(({ name }) => name === last)?.value;
  const words =
    value === undefined
      ? [...(place?.subcommands ?? []), ...(place?.flags ?? [])].map(({ name }) => name)
      : value.type === "words"
        ? value.words
        : [];
  return { from, choices: words.filter((word) => word.startsWith(typed)).toSorted() };
}

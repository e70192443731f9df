import { plainLine, withNames, type Calling } from "../../model/index.ts";
import { useRead } from "../parts/reader.ts";

/** The words of a message as a screen reader says them, people by the names that they have now. */
export function useNamedLine(text: string, calling: Calling): string {
  const blocks = useRead(text);
  return plainLine(blocks === undefined ? text : withNames(text, blocks, calling));
}

/** A message in one line, as quotations and previews have it: people by the names that they have now. */
export function NamedLine({ text, calling }: { readonly text: string; readonly calling: Calling }) {
  return <bdi>{useNamedLine(text, calling)}</bdi>;
}

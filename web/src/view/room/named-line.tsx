import { plainLine, withNames, type Calling } from "../../model/index.ts";
import { useRead } from "../reader.ts";

/** A message in one line, as quotations and previews have it: people by the names that they have now. */
export function NamedLine({ text, calling }: { readonly text: string; readonly calling: Calling }) {
  const blocks = useRead(text);
  return <bdi>{plainLine(blocks === undefined ? text : withNames(text, blocks, calling))}</bdi>;
}

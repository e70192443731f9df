/** Arguments of a call that was cut off, as an object: what was written of them whole. Pure. */
import type { AsWritten } from "../../../protocols/index.ts";
import { parsedArguments, writtenArguments, type Fields } from "./conversation.ts";

/** The object that a text is, or was going to be: with the value that was being written as far as it came, where that
 *  is one. */
export function objectSoFar(text: string): Fields | AsWritten {
  const { ends, safe } = endsOf(text);
  if (ends === "") return writtenArguments(text);
  const whole = parsedArguments(text + ends);
  if (Object.keys(whole).length > 0 || safe === undefined) return whole;
  return parsedArguments(safe);
}

/** What would end the text where it was cut off, and the text up to its last whole value, ended. */
function endsOf(text: string): { readonly ends: string; readonly safe: string | undefined } {
  let open = "";
  let quote = "";
  let safe: string | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (quote !== "") {
      if (char === "\\") at += 1;
      else if (char === '"') quote = "";
    } else if (char === '"') quote = char;
    else if (char === "," && open !== "") safe = text.slice(0, at) + open;
    else if (char === "{" || char === "[") open = (char === "{" ? "}" : "]") + open;
    else if (char === "}" || char === "]") open = open.slice(1);
    if (quote === "" && (char === "{" || char === "[" || char === "}" || char === "]"))
      safe = text.slice(0, at + 1) + open;
  }
  return { ends: quote + open, safe };
}

import { useEffect, useState } from "react";
import { withAccounts } from "../../../../protocols/reading/mentions.ts";
import { isPlain, readPlain } from "../../../../protocols/reading/plain.ts";
import type { Block } from "../../../../protocols/reading/tree.ts";
import { asWritten } from "../../../../protocols/text/text.ts";
import { peopleAmong, withNames, type Calling, type Mentionable } from "../../model/index.ts";

/** The reader, for the fields one writes in: its parser is loaded with the first text that has marks and a sign. */
type Reader = (text: string) => readonly Block[];

const none: readonly never[] = [];

let reader: Reader | undefined;

/** Loads the parser. */
export const loadReader = async (): Promise<void> => {
  const { readText } = await import("../../../../protocols/reading/index.ts");
  reader = readText;
};

/** A text as the room reads it, as far as it can call somebody; undefined until the parser is there. */
function readNow(text: string): readonly Block[] | undefined {
  if (!/[@＠﹫]/.test(text)) return none;
  if (isPlain(text)) return readPlain(text);
  if (last?.text !== text) last = reader && { text, blocks: reader(text) };
  return last?.blocks;
}

// A field reads its text several times for each key that is pressed.
let last: { readonly text: string; readonly blocks: readonly Block[] } | undefined;

/** The text that is sent for what was typed: accounts in the places of names, and no blank lines around it. */
export function toSend(typed: string, mentionable: readonly Mentionable[] = none): string | undefined {
  const blocks = readNow(typed);
  return blocks && asWritten(withAccounts(typed, readNow, peopleAmong(mentionable)));
}

/** A message's text for the field of an edit, with names in the places of accounts; as it is, where these names would
 *  not call the same. */
export function toEdit(text: string, calling: Calling, mentionable: readonly Mentionable[]): string {
  const shown = withNames(text, readNow(text) ?? none, calling);
  return toSend(shown, mentionable) === text ? shown : text;
}

/** A text as the room reads it, again when the parser has come. */
export function useRead(text: string): readonly Block[] | undefined {
  const [, again] = useState(0);
  const blocks = readNow(text);
  const waits = blocks === undefined;
  useEffect(() => {
    let isHere = true;
    if (waits)
      void loadReader().then(
        () => isHere && again((count) => count + 1),
        // Without it a text is sent as it was typed.
        () => undefined,
      );
    return () => {
      isHere = false;
    };
  }, [waits]);
  return blocks;
}

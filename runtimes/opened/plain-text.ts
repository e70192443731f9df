/** The text of a file that is one: UTF-8, or UTF-16 that says so. What a file is called decides nothing. */

/** Control characters that texts have: tab, ends of lines and pages, escape (colours of a terminal). */
const usual: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0c, 0x0d, 0x1b]);

/** The text that the bytes begin; undefined: they are none. `isWhole`: the file ends with them. Pure. */
export function textOf(bytes: Uint8Array, isWhole: boolean): string | undefined {
  try {
    // A character that is cut off at the end waits for the rest, which is not read.
    const text = new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes, { stream: !isWhole });
    return isPlain(text) ? text : undefined;
  } catch {
    return undefined;
  }
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}

function isPlain(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if ((unit < 0x20 && !usual.has(unit)) || unit === 0x7f) return false;
  }
  return true;
}

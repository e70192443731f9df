/** What commands use of `node:util`, in a page. */
const codes: Readonly<Record<string, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
  gray: [90, 39],
  grey: [90, 39],
};

export const styleText = (style: string | readonly string[], text: string): string =>
  [style].flat().reduceRight((inner, name) => {
    const [on, off] = codes[name] ?? [];
    return on === undefined ? inner : `\u001b[${on}m${inner}\u001b[${off}m`;
  }, text);

// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const sequences = /\u001b\[[0-9;?]*[ -/]*[@-~]/g;
export const stripVTControlCharacters = (text: string): string => text.replaceAll(sequences, "");
export const inspect = (value: unknown): string => String(value);
export const format = (...values: readonly unknown[]): string => values.map(String).join(" ");
export default { styleText, stripVTControlCharacters, inspect, format };

/** Gives a text, or bytes, to the reader of the page, as a file. */
export function download(content: BlobPart, name: string, type = "text/csv"): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

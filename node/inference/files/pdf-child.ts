/** The process that reads one PDF and ends. It may read the program's own files, and nothing else: no network, no
 *  other file, no other program (`pdf.ts` starts it so). What it answers is text of a stranger. */
import { getDocumentProxy } from "unpdf";

/** What it is given. */
export interface PdfOrder {
  readonly bytes: Uint8Array;
  readonly pagesMax: number;
  readonly charsMax: number;
}

/** What it answers. */
export type PdfRead =
  | { readonly type: "read"; readonly text: string; readonly pages: number; readonly pagesRead: number }
  | { readonly type: "failed"; readonly locked: boolean };

/** Texts of the pages, until there is enough. */
async function read({ bytes, pagesMax, charsMax }: PdfOrder): Promise<PdfRead> {
  const pdf = await getDocumentProxy(new Uint8Array(bytes), { stopAtErrors: true });
  const pages = pdf.numPages;
  let text = "";
  let pagesRead = 0;
  while (pagesRead < Math.min(pages, pagesMax) && text.length <= charsMax) {
    pagesRead += 1;
    const { items } = await (await pdf.getPage(pagesRead)).getTextContent();
    const said = items.map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : "")).join("");
    text += `${text === "" ? "" : "\n\n"}${said.trim()}`;
  }
  return { type: "read", text: text.slice(0, charsMax + 1), pages, pagesRead };
}

process.once("message", (order: PdfOrder) => {
  void read(order)
    .catch((error: unknown): PdfRead => ({ type: "failed", locked: (error as Error).name === "PasswordException" }))
    .then((answer) => process.send?.(answer, () => process.disconnect?.()));
});

/** The text of documents of strangers (PDF). Nothing of them is drawn, so no native code sees them. */
import { getDocumentProxy } from "unpdf";
import type { DocumentText, OpenedTable } from "./tasks.ts";

/** Texts of the pages, until there is enough. Rejects: it is no document that can be read. */
export async function textOfDocument(asked: OpenedTable["text"]["asks"]): Promise<DocumentText> {
  try {
    return await textOfPages(asked);
  } catch (error) {
    if ((error as Error).name === "PasswordException") return { isLocked: true };
    throw error;
  }
}

async function textOfPages({ bytes, charsMax, pagesMax }: OpenedTable["text"]["asks"]): Promise<DocumentText> {
  const document = await getDocumentProxy(new Uint8Array(bytes), { stopAtErrors: true, verbosity: 0 });
  const pages = document.numPages;
  let text = "";
  let pagesRead = 0;
  while (pagesRead < Math.min(pages, pagesMax) && text.length <= charsMax) {
    pagesRead += 1;
    const page = await document.getPage(pagesRead);
    const { items } = await page.getTextContent();
    const said = items.map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : "")).join("");
    text += `${text === "" ? "" : "\n\n"}${said.trim()}`;
    page.cleanup();
  }
  await document.loadingTask.destroy();
  return { text: text.slice(0, charsMax), isCut: text.length > charsMax, pages, pagesRead };
}

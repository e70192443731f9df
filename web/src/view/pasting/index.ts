/** What a field takes of a clipboard and of what is dropped on it: the one rule for composer, edits and threads. */
import { cleaned } from "../../../../protocols/text/text.ts";
import { notices } from "../../live/index.ts";
import { insert } from "../writing/insert.ts";
import { isFromEditor, isWorthReading, mayBeMarked, parted } from "./choice.ts";

/** What was pasted or dropped, as the browser tells it. */
type Given = Pick<DataTransfer, "types" | "files" | "getData">;

/** The files of what was given; none where a program also gave its text: then they are pictures of that text. */
export function filesIn(given: Given): readonly File[] {
  const files = [...given.files];
  if (files.length === 0 || given.getData("text/plain").trim() !== "") return [];
  const html = given.getData("text/html");
  const body = html === "" ? undefined : documentOf(html);
  return body?.textContent.trim() ? [] : files;
}

const documentOf = (html: string): HTMLElement => new DOMParser().parseFromString(html, "text/html").body;

async function insertDocument(field: HTMLTextAreaElement, html: string, plain: string): Promise<void> {
  const before = field.value.slice(0, field.selectionStart);
  let text = plain;
  try {
    const { markdownOf } = await import("./markdown.ts");
    text = cleaned(markdownOf(documentOf(html)).replaceAll(/\r\n?/g, "\n"), "lines") || plain;
  } catch {
    // Where it cannot be loaded or read, the text is there without its marks.
  }
  insert(field, parted(before, text));
}

/** Files that nobody here takes. */
function refuseFiles(): void {
  notices.show("Files cannot be sent here. They go to rooms and threads, and pictures also to an agent.", "bad");
}

/** What a field does with what is pasted into it or dropped on it. `onFiles` takes files; without it they are refused
 *  in words. */
export function pastingInto(
  field: () => HTMLTextAreaElement | null,
  onFiles: ((files: readonly File[]) => void) | undefined,
) {
  // Ctrl+Shift+V means the text alone, also where a browser still offers more.
  let isPlain = false;
  const take = (event: { preventDefault(): void }, given: Given): boolean => {
    const files = filesIn(given);
    if (files.length === 0) return false;
    event.preventDefault();
    (onFiles ?? refuseFiles)(files);
    return true;
  };
  return {
    onKeyDown: ({ key, shiftKey, ctrlKey, metaKey }: KeyOfPaste): void => {
      isPlain = key.toLowerCase() === "v" && shiftKey && (ctrlKey || metaKey);
    },
    onPaste: (event: { preventDefault(): void; readonly clipboardData: Given }): void => {
      const given = event.clipboardData;
      const wasPlain = isPlain;
      isPlain = false;
      if (take(event, given) || wasPlain) return;
      const place = field();
      const html = given.getData("text/html");
      const plain = given.getData("text/plain");
      if (place === null || !isWorthReading(html) || isFromEditor(given.types, html)) return;
      if (!mayBeMarked(place.value, place.selectionStart)) return;
      event.preventDefault();
      void insertDocument(place, html, plain);
    },
    onDragOver: (event: { preventDefault(): void; readonly dataTransfer: Given }): void => {
      if (event.dataTransfer.types.includes("Files")) event.preventDefault();
    },
    onDrop: (event: { preventDefault(): void; readonly dataTransfer: Given }): void => {
      take(event, event.dataTransfer);
    },
  };
}

interface KeyOfPaste {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
}

/** A file that misses the field does not take the page away: a browser would open it in the page's place. */
export function keepFilesOut(page: EventTarget): () => void {
  const keep = (event: Event) => {
    const { dataTransfer, defaultPrevented } = event as DragEvent;
    if (defaultPrevented || dataTransfer === null || !dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    if (event.type === "drop") refuseFiles();
    else dataTransfer.dropEffect = "copy";
  };
  page.addEventListener("dragover", keep);
  page.addEventListener("drop", keep);
  return () => {
    page.removeEventListener("dragover", keep);
    page.removeEventListener("drop", keep);
  };
}

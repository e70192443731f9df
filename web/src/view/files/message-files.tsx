import { lazy, Suspense, type CSSProperties } from "react";
import { boxOf, isShownAtOnce, type SentFile } from "../../model/file-boxes.ts";

const SentFiles = lazy(() => import("./sent-files.tsx"));

/** The place of a file: as wide as it is, and on a narrow screen as wide as that. */
export function boxStyle(file: SentFile): CSSProperties {
  const { width, height } = boxOf(file);
  return isShownAtOnce(file) ? { width, aspectRatio: `${width} / ${height}` } : { width, height };
}

/** The files of a message. Their places are there before what shows them is loaded. */
export function MessageFiles({ room, files }: { readonly room: string; readonly files: readonly SentFile[] }) {
  return (
    <Suspense
      fallback={
        <ul className="files">
          {files.map((file) => (
            <li key={file.id} style={boxStyle(file)} />
          ))}
        </ul>
      }
    >
      <SentFiles room={room} files={files} />
    </Suspense>
  );
}

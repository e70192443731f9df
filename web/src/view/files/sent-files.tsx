import { lazy, Suspense, useState } from "react";
import { hasSmall, isShownAtOnce, type SentFile } from "../../model/file-boxes.ts";
import { factsOf, kindOf } from "../../model/files.ts";
import { checkText, isWithheld } from "../../../../protocols/words/file-words.ts";
import { at } from "../../wire/index.ts";
import { FileSign } from "./file-sign.tsx";
import { boxStyle } from "./message-files.tsx";
import "./files.css";

const Viewer = lazy(() => import("./viewer.tsx"));
const TextPreview = lazy(() => import("./text-preview.tsx"));

/** Where the bytes of a file are. The session travels in its cookie, so players may ask for any part of them. */
export const fileUrl = (room: string, { id }: Pick<SentFile, "id">): string =>
  at(`/api/v1/rooms/${encodeURIComponent(room)}/files/${encodeURIComponent(id)}`);

/** The files of a message, each in its place. */
export default function SentFiles({ room, files }: { readonly room: string; readonly files: readonly SentFile[] }) {
  const [shown, setShown] = useState<string>();
  const pictures = files.filter((file) => kindOf(file) === "picture");
  return (
    <>
      <ul className="files" aria-label="Files">
        {files.map((file) => (
          <FileItem key={`${file.id} ${file.check ?? ""}`} room={room} file={file} onShow={() => setShown(file.id)} />
        ))}
      </ul>
      {shown !== undefined && (
        <Suspense>
          <Viewer room={room} pictures={pictures} first={shown} onClose={() => setShown(undefined)} />
        </Suspense>
      )}
    </>
  );
}

interface ItemProps {
  readonly room: string;
  readonly file: SentFile;
  readonly onShow: () => void;
}

function FileItem(props: ItemProps) {
  const { room, file } = props;
  const [isGone, setIsGone] = useState(false);
  const src = fileUrl(room, file);
  const small = hasSmall(file) ? `${src}/preview` : src;
  const gone = () => setIsGone(true);
  // The browser cannot show it, or it is not there any more: who downloads it is told which.
  if (isGone) return <FileCard {...props} />;
  if (isShownAtOnce(file))
    return (
      <li style={boxStyle(file)}>
        <button type="button" className="file-picture" aria-label={`Show ${file.name}`} onClick={props.onShow}>
          <img src={small} alt={file.name} loading="lazy" decoding="async" draggable={false} onError={gone} />
        </button>
      </li>
    );
  const kind = kindOf(file);
  if (kind !== "video" && kind !== "sound") return <FileCard {...props} />;
  return (
    <li className="file-player" style={boxStyle(file)}>
      {kind === "video" ? (
        <video src={src} controls preload="metadata" playsInline aria-label={`Video ${file.name}`} onError={gone} />
      ) : (
        <audio src={src} controls preload="metadata" aria-label={`Sound ${file.name}`} onError={gone} />
      )}
      <FileLine room={room} file={file} />
    </li>
  );
}

/** Name, type and size, and the way to have it. */
function FileLine({ room, file }: { readonly room: string; readonly file: SentFile }) {
  const check = checkText(file.check);
  return (
    <span className="file-line">
      <span className="file-text">
        <bdi className="ellipsis" title={file.name}>
          {file.name}
        </bdi>
        <span className="dim">
          {factsOf(file)}
          {check !== undefined && ` · ${check}`}
        </span>
      </span>
      {!isWithheld(file) && <DownloadLink room={room} file={file} />}
    </span>
  );
}

export function DownloadLink({ room, file }: { readonly room: string; readonly file: SentFile }) {
  return (
    <a
      className="tool"
      href={`${fileUrl(room, file)}?download`}
      download={file.name}
      aria-label={`Download ${file.name}`}
      title="Download"
    >
      <DownloadSign />
    </a>
  );
}

/** An arrow down onto a line. */
function DownloadSign() {
  return (
    <svg width={18} height={18} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={1.8} aria-hidden>
      <path d="M12 4v11M7 10.500l5 5 5-5M5 20h14" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

function FileCard({ room, file, onShow }: ItemProps) {
  const [isOpen, setIsOpen] = useState(false);
  const kind = kindOf(file);
  return (
    <li className="file-card-item">
      {hasSmall(file) && kind === "other" && file.preview !== undefined && (
        <a
          className="file-page"
          href={`${fileUrl(room, file)}?download`}
          download={file.name}
          tabIndex={-1}
          aria-hidden="true"
        >
          <img
            src={`${fileUrl(room, file)}/preview`}
            width={file.preview.width}
            height={file.preview.height}
            alt=""
            loading="lazy"
            decoding="async"
            draggable={false}
          />
        </a>
      )}
      <div className="file-card" style={boxStyle({ ...file, type: "" })}>
        <FileSign file={file} />
        <FileLine room={room} file={file} />
        {kind === "picture" && (
          <button type="button" className="link" aria-label={`Show ${file.name}`} onClick={onShow}>
            Show
          </button>
        )}
        {kind === "text" && (
          <button
            type="button"
            className="link"
            aria-expanded={isOpen}
            aria-label={`${isOpen ? "Fold the preview" : "Preview"} of ${file.name}`}
            onClick={() => setIsOpen(!isOpen)}
          >
            {isOpen ? "Fold" : "Preview"}
          </button>
        )}
      </div>
      {isOpen && (
        <Suspense fallback={<p className="dim">Loading …</p>}>
          <TextPreview path={`/api/v1/rooms/${room}/files/${file.id}`} name={file.name} />
        </Suspense>
      )}
    </li>
  );
}

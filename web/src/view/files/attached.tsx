import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { describeBytes } from "../../../../protocols/words/amounts.ts";
import { useSession } from "../../live/index.ts";
import { isPicture } from "../../model/file-boxes.ts";
import { factsOf } from "../../model/files.ts";
import type { AttachedFile } from "../../model/index.ts";
import { isUnderWay, uploadsAt, type Upload } from "../../model/uploads.ts";
import type { Uploads } from "../../live/uploads.ts";
import { Icon } from "../parts/icons.tsx";
import { FileSign } from "./file-sign.tsx";
import "./files.css";

const none: readonly never[] = [];

/** What is attached at a place: above a field, or in a message that waits for its files. */
export default function AttachedFiles({
  place,
  files,
}: {
  readonly place: string;
  /** Of a message: what it says of them itself. */
  readonly files?: readonly AttachedFile[];
}) {
  const { files: own } = useSession();
  const all = useSyncExternalStore(own.subscribe, () => own.uploads?.store.shown() ?? none);
  const { uploads } = own;
  const mine = uploadsAt(all, place);
  const waits = mine.some(({ status }) => status !== "up");
  // The node has them, or another tab sends them.
  if (mine.length === 0 || uploads === undefined)
    return (
      files && (
        <ul className="attached" aria-label="Files of this message">
          {files.map((file) => (
            <li key={file.key}>
              <FileSign file={file} />
              <span className="attached-text">
                <bdi className="ellipsis">{file.name}</bdi>
                <span className="dim">{factsOf(file)}</span>
              </span>
            </li>
          ))}
        </ul>
      )
    );
  return (
    <>
      <ul className="attached" aria-label="Files of this message">
        {mine.map((upload) => (
          <AttachedFile key={upload.key} upload={upload} uploads={uploads} />
        ))}
      </ul>
      <div className={files === undefined ? "hidden-text" : "attached-foot"}>
        <span role="status">
          {readyText(mine)}
          {files !== undefined && waits && " The message is sent when they are."}
        </span>{" "}
        {files !== undefined && waits && (
          <button type="button" className="link" onClick={() => uploads.discard(place)}>
            Discard the message
          </button>
        )}
      </div>
    </>
  );
}

const readyText = (uploads: readonly Upload[]): string => {
  const ready = uploads.filter(({ status }) => status === "up").length;
  return `${ready} of ${uploads.length} ${uploads.length === 1 ? "file is" : "files are"} uploaded.`;
};

/** What becomes of an upload, in words. */
function stateOf(upload: Upload): string {
  const done = `${describeBytes(upload.sentBytes)} of ${describeBytes(upload.bytes)}`;
  switch (upload.status) {
    case "waiting":
      return `${describeBytes(upload.bytes)}, waits for its turn`;
    case "sending":
      return upload.sentBytes < upload.bytes ? done : `${done}, the node is keeping it`;
    case "away":
      return `${done}. No connection: it goes on by itself`;
    case "paused":
      return `${done}, paused`;
    case "up":
      return `${describeBytes(upload.bytes)}, uploaded`;
    case "lost":
      return "The page was reloaded before the upload ended: choose the file again";
    case "failed":
      return upload.says;
  }
}

function AttachedFile({ upload, uploads }: { readonly upload: Upload; readonly uploads: Uploads }) {
  const { key, name, status, bytes, sentBytes } = upload;
  const isBad = status === "failed" || status === "lost";
  const again = useRef<HTMLInputElement>(null);
  return (
    <li>
      <ChosenPicture file={uploads.fileOf(key)} upload={upload} />
      <span className="attached-text">
        <bdi className="ellipsis" title={name}>
          {name}
        </bdi>
        <span className={isBad ? "bad-text" : "dim"} role={isBad ? "alert" : undefined}>
          {stateOf(upload)}
        </span>
        {(isUnderWay(upload) || status === "paused") && (
          <progress aria-label={`Upload of ${name}`} max={bytes} value={sentBytes} />
        )}
      </span>
      {isUnderWay(upload) && <Tool says={`Pause ${name}`} icon="pause" onClick={() => uploads.pause(key)} />}
      {status === "paused" && <Tool says={`Go on with ${name}`} icon="play" onClick={() => uploads.goOn(key)} />}
      {status === "failed" && upload.mayRepeat && (
        <button type="button" className="link" aria-label={`Try ${name} again`} onClick={() => uploads.goOn(key)}>
          Try again
        </button>
      )}
      {status === "lost" && (
        <>
          <input
            ref={again}
            type="file"
            hidden
            onChange={({ currentTarget: { files } }) => files?.[0] && uploads.find(key, files[0])}
          />
          <button
            type="button"
            className="link"
            aria-label={`Choose ${name} again`}
            onClick={() => again.current?.click()}
          >
            Choose it again
          </button>
        </>
      )}
      <button
        type="button"
        className="tool"
        aria-label={`Remove ${name}`}
        title="Remove"
        onClick={() => uploads.remove(key)}
      >
        <Icon name="close" size={16} />
      </button>
    </li>
  );
}

const toolShapes = { pause: "M9 6v12M15 6v12", play: "M8 5.500v13l10-6.500z" } as const;

function Tool(props: { readonly says: string; readonly icon: keyof typeof toolShapes; readonly onClick: () => void }) {
  return (
    <button type="button" className="tool" aria-label={props.says} title={props.says} onClick={props.onClick}>
      <svg width={16} height={16} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={2} aria-hidden>
        <path d={toolShapes[props.icon]} />
      </svg>
    </button>
  );
}

/** A picture as it was chosen, while the tab has it; of another file a sign. */
function ChosenPicture({ file, upload }: { readonly file: File | undefined; readonly upload: Upload }) {
  const [url, setUrl] = useState<string>();
  const isShown = file !== undefined && isPicture(file.type);
  useEffect(() => {
    if (!isShown) return;
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => {
      setUrl(undefined);
      URL.revokeObjectURL(made);
    };
  }, [file, isShown]);
  if (url === undefined) return <FileSign file={upload} />;
  return <img className="file-sign" src={url} alt="" width={40} height={40} onError={() => setUrl(undefined)} />;
}

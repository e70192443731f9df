import { Modal } from "@mantine/core";
import { useState, type KeyboardEvent } from "react";
import type { SentFile } from "../../model/file-boxes.ts";
import { factsOf } from "../../model/files.ts";
import { Icon } from "../parts/icons.tsx";
import { useLayer } from "../parts/layers.tsx";
import { DownloadLink, fileUrl } from "./sent-files.tsx";

/** Pictures, one at a time, as large as the screen. */
export default function Viewer(props: {
  readonly room: string;
  readonly pictures: readonly SentFile[];
  /** The id of the first one to show. */
  readonly first: string;
  readonly onClose: () => void;
}) {
  const { room, pictures, onClose } = props;
  const [shown, setShown] = useState(props.first);
  const [missing, setMissing] = useState<string>();
  useLayer(true, onClose);
  const index = Math.max(
    0,
    pictures.findIndex(({ id }) => id === shown),
  );
  const file = pictures[index];
  const step = (by: -1 | 1) => setShown(pictures[index + by]?.id ?? shown);
  const onKeyDown = (event: KeyboardEvent) => {
    // It is the child of what has opened it, which has keys of its own.
    event.stopPropagation();
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  };
  if (file === undefined) return null;
  return (
    <Modal
      opened
      fullScreen
      onClose={onClose}
      returnFocus={false}
      title={file.name}
      transitionProps={{ duration: 0 }}
      classNames={{ content: "viewer", body: "viewer-body", title: "dialog-title ellipsis" }}
      closeButtonProps={{ "aria-label": "Close" }}
      onKeyDown={onKeyDown}
    >
      <div className="viewer-picture">
        {missing === file.id ? (
          <p className="dim">This picture cannot be shown. It may have been deleted.</p>
        ) : (
          <img key={file.id} src={fileUrl(room, file)} alt={file.name} onError={() => setMissing(file.id)} />
        )}
      </div>
      <div className="viewer-foot">
        <span className="dim" role="status">
          {pictures.length > 1 && `${index + 1} of ${pictures.length}. `}
          {factsOf(file)}
          {file.width !== undefined && `, ${file.width} × ${file.height}`}
        </span>
        {pictures.length > 1 && <Steps isFirst={index === 0} isLast={index === pictures.length - 1} onStep={step} />}
        <DownloadLink room={room} file={file} />
      </div>
    </Modal>
  );
}

function Steps(props: { readonly isFirst: boolean; readonly isLast: boolean; readonly onStep: (by: -1 | 1) => void }) {
  const { isFirst, isLast, onStep } = props;
  return (
    <>
      <button
        type="button"
        className="tool"
        aria-label="Previous picture"
        disabled={isFirst}
        onClick={() => onStep(-1)}
      >
        <Icon name="back" />
      </button>
      <button
        type="button"
        className="tool viewer-next"
        aria-label="Next picture"
        disabled={isLast}
        onClick={() => onStep(1)}
      >
        <Icon name="back" />
      </button>
    </>
  );
}

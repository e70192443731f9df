import type { LinkPreview } from "../../../../protocols/index.ts";
import { Icon } from "../parts/icons.tsx";
import { fileUrl } from "../files/sent-files.tsx";
import "./link-previews.css";

/** What the pages are that a message links to: the words and the picture are the node's own copies, so nobody's
 *  browser asks the page before its reader does. */
export default function LinkPreviews({
  room,
  previews,
  onRemove,
}: {
  readonly room: string;
  readonly previews: readonly LinkPreview[];
  /** Absent: the reader may not take them away. */
  readonly onRemove: (() => void) | undefined;
}) {
  return (
    <div className="link-previews">
      <ul aria-label="Linked pages">
        {previews.map((preview) => (
          <Preview key={preview.url} room={room} preview={preview} />
        ))}
      </ul>
      {onRemove !== undefined && (
        <button
          type="button"
          className="tool"
          aria-label={previews.length === 1 ? "Remove the preview" : "Remove the previews"}
          title="Remove"
          onClick={onRemove}
        >
          <Icon name="close" size={16} />
        </button>
      )}
    </div>
  );
}

function Preview({ room, preview }: { readonly room: string; readonly preview: LinkPreview }) {
  const { url, title, description, site, image } = preview;
  return (
    <li>
      <a className="link-preview" href={url} target="_blank" rel="noopener noreferrer nofollow">
        {image !== undefined && (
          <img
            src={fileUrl(room, image)}
            width={image.width}
            height={image.height}
            alt=""
            loading="lazy"
            decoding="async"
            draggable={false}
          />
        )}
        <span className="link-preview-text">
          <span className="dim ellipsis">
            <bdi>{hostOf(url)}</bdi>
            {site !== undefined && (
              <>
                {" · "}
                <bdi>{site}</bdi>
              </>
            )}
          </span>
          <bdi className="link-preview-title">{title}</bdi>
          {description !== undefined && <bdi className="link-preview-says">{description}</bdi>}
        </span>
      </a>
    </li>
  );
}

/** Where it leads: a site may call itself anything. */
const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);

import { Button, FileButton, TextInput } from "@mantine/core";
import { useRef, useState } from "react";
import type { Picture } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { notices } from "../../live/index.ts";
import { at, uploadPicture } from "../../wire/index.ts";
import { UnfitPicture, wholeOf } from "../parts/drawn.ts";
import { Icon } from "../parts/icons.tsx";
import { useChosen, type ChosenFiles } from "./chosen.ts";

/** Where a picture of a conversation is. */
const pictureUrl = (agent: string, hash: string): string => at(`/api/v1/agents/${agent}/pictures/${hash}`);

/** Pictures that go with the next message. */
interface Attachments extends ChosenFiles<Picture> {
  readonly busy: boolean;
  /** Whether the agent's model sees pictures; where it sees none, all but this says so. */
  readonly sees: boolean;
  /** Uploads files that were chosen, pasted or dropped, one after the other. */
  add(files: readonly File[]): Promise<void>;
}

const unseen = "The agent's model cannot see pictures. Choose another model in the agent's settings.";

/** Uploads what is chosen for messages to an agent. */
export function useAttachments(agent: string, sees: boolean): Attachments {
  const files = useChosen<Picture>(`agent/${agent}/pictures`);
  const [waiting, setWaiting] = useState(0);
  const line = useRef<Promise<void>>(Promise.resolve());
  const upload = async (file: File): Promise<void> => {
    if (files.count() >= wireLimits.picturesPerMessageMax)
      return notices.show(`A message has at most ${wireLimits.picturesPerMessageMax} pictures.`, "bad");
    const whole = await wholeOf(file);
    const result = await uploadPicture(agent, whole);
    if (!result.ok) return notices.fail(result.error);
    const { hash, size, format, width, height } = result.value;
    files.put({ hash, size, format, width, height, text: "" });
  };
  return {
    ...files,
    busy: waiting > 0,
    sees,
    add(added) {
      if (added.length === 0) return line.current;
      if (!sees) notices.show(unseen, "bad");
      else
        for (const file of added) {
          setWaiting((count) => count + 1);
          line.current = line.current
            .then(() => upload(file))
            .catch((thrown: unknown) => {
              if (!(thrown instanceof UnfitPicture)) throw thrown;
              notices.show(thrown.message, "bad");
            })
            .finally(() => setWaiting((count) => count - 1));
        }
      return line.current;
    },
  };
}

/** Chooses a picture. A model that sees none is said to be one before anything is chosen. */
export function AttachButton({ attachments }: { readonly attachments: Attachments }) {
  const named = {
    "aria-label": "Attach a picture",
    title: "Attach a picture",
    className: "tool beside-clip",
    type: "button",
  } as const;
  if (!attachments.sees)
    return (
      <button {...named} onClick={() => notices.show(unseen, "bad")}>
        <Icon name="image" />
      </button>
    );
  return (
    <FileButton accept="image/*" onChange={(file) => void attachments.add(file === null ? [] : [file])}>
      {({ onClick }) => (
        <button {...named} aria-busy={attachments.busy} onClick={onClick}>
          <Icon name="image" />
        </button>
      )}
    </FileButton>
  );
}

/** What goes with the message, each with a field for what is in it. */
export function AttachmentList({ agent, attachments }: { readonly agent: string; readonly attachments: Attachments }) {
  if (attachments.chosen.length === 0) return null;
  return (
    <ul className="attachments" aria-label="Pictures of this message">
      {attachments.chosen.map(({ hash, text }, index) => (
        <li key={hash}>
          <ChosenPicture url={pictureUrl(agent, hash)} says={text === "" ? `Picture ${index + 1}` : text} />
          <TextInput
            className="grow"
            size="xs"
            aria-label={`What is in picture ${index + 1}`}
            placeholder="Describe the picture for people who cannot see it"
            maxLength={wireLimits.pictureTextCharsMax}
            value={text}
            onChange={({ currentTarget: { value } }) => attachments.describe(hash, value)}
          />
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`Remove picture ${index + 1}`}
            onClick={() => attachments.remove(hash)}
          >
            Remove
          </Button>
        </li>
      ))}
    </ul>
  );
}

/** A picture that will be sent. An agent keeps so many that wait; after them the oldest goes. */
function ChosenPicture({ url, says }: { readonly url: string; readonly says: string }) {
  const [gone, setGone] = useState(false);
  if (gone) return <p className="dim">This picture is not kept any more. Remove it, and attach it again.</p>;
  return <img src={url} alt={says} onError={() => setGone(true)} />;
}

/** The pictures of something that was said. */
export function Pictures({ agent, pictures }: { readonly agent: string; readonly pictures: readonly Picture[] }) {
  return (
    <div className="pictures">
      {pictures.map((picture) => (
        <ShownPicture key={picture.hash} agent={agent} picture={picture} />
      ))}
    </div>
  );
}

function ShownPicture({ agent, picture }: { readonly agent: string; readonly picture: Picture }) {
  const [gone, setGone] = useState(false);
  const { hash, text, width, height } = picture;
  if (gone)
    return <p className="dim">{text === "" ? "A picture" : `A picture (${text})`} that is not kept any more.</p>;
  return (
    <img
      src={pictureUrl(agent, hash)}
      alt={text === "" ? "A picture without a description" : text}
      width={width}
      height={height}
      loading="lazy"
      onError={() => setGone(true)}
    />
  );
}

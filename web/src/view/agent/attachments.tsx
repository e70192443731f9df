import { Button, FileButton, TextInput } from "@mantine/core";
import { useState } from "react";
import type { Picture, UploadedPicture } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { notices } from "../../live/index.ts";
import { at, request } from "../../wire/index.ts";
import { UnfitPicture, wholeOf } from "../drawn.ts";
import { Icon } from "../icons.tsx";

/** Where a picture of a conversation is. */
export const pictureUrl = (agent: string, hash: string): string => at(`/api/v1/agents/${agent}/pictures/${hash}`);

/** Pictures that go with the next message. */
export interface Attachments {
  readonly chosen: readonly Picture[];
  readonly busy: boolean;
  add(file: File | null): Promise<void>;
  describe(hash: string, text: string): void;
  remove(hash: string): void;
  clear(): void;
}

/** Uploads what is chosen for messages to an agent. */
export function useAttachments(agent: string): Attachments {
  const [chosen, setChosen] = useState<readonly Picture[]>([]);
  const [busy, setBusy] = useState(false);
  const upload = async (file: File): Promise<void> => {
    const whole = await wholeOf(file);
    const result = await request<UploadedPicture>("POST", `/api/v1/agents/${agent}/pictures`, whole);
    if (!result.ok) return notices.fail(result.error);
    const { hash, size, format, width, height } = result.value;
    const picture: Picture = { hash, size, format, width, height, text: "" };
    setChosen((before) => [...before.filter((one) => one.hash !== hash), picture]);
  };
  return {
    chosen,
    busy,
    async add(file) {
      if (file === null || busy) return;
      if (chosen.length >= wireLimits.picturesPerMessageMax)
        return notices.show(`A message has at most ${wireLimits.picturesPerMessageMax} pictures.`, "bad");
      setBusy(true);
      try {
        await upload(file);
      } catch (thrown) {
        if (!(thrown instanceof UnfitPicture)) throw thrown;
        notices.show(thrown.message, "bad");
      } finally {
        setBusy(false);
      }
    },
    describe: (hash, text) => setChosen(chosen.map((one) => (one.hash === hash ? { ...one, text } : one))),
    remove: (hash) => setChosen(chosen.filter((one) => one.hash !== hash)),
    clear: () => setChosen([]),
  };
}

/** Chooses a picture. A model that sees none is said to be one before anything is chosen. */
export function AttachButton({ attachments, sees }: { readonly attachments: Attachments; readonly sees: boolean }) {
  const named = {
    "aria-label": "Attach a picture",
    title: "Attach a picture",
    className: "tool",
    type: "button",
  } as const;
  if (!sees)
    return (
      <button
        {...named}
        onClick={() =>
          notices.show("The agent's model cannot see pictures. Choose another model in the agent's settings.", "bad")
        }
      >
        <Icon name="image" />
      </button>
    );
  return (
    <FileButton accept="image/*" onChange={(file) => void attachments.add(file)}>
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
          <img src={pictureUrl(agent, hash)} alt={text === "" ? `Picture ${index + 1}` : text} />
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

import { Button, FileButton, TextInput } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { Sound } from "../../../../protocols/index.ts";
import { wireLimits } from "../../../../protocols/limits.ts";
import { notices } from "../../live/index.ts";
import { at, uploadSound } from "../../wire/index.ts";
import { Icon } from "../parts/icons.tsx";
import { useChosen, type ChosenFiles } from "./chosen.ts";
import { record, soundOf, UnfitSound, type Recording } from "../parts/recorded.ts";

const soundUrl = (agent: string, hash: string): string => at(`/api/v1/agents/${agent}/sounds/${hash}`);

/** Sounds that go with the next message. */
interface SoundsToSend extends ChosenFiles<Sound> {
  readonly state: "idle" | "recording" | "busy";
  add(file: File | null): Promise<void>;
  /** Begins to record, or ends it. */
  record(): Promise<void>;
}

/** Records and uploads what is chosen for messages to an agent. */
export function useSounds(agent: string, hears: boolean): SoundsToSend {
  const files = useChosen<Sound>(`agent/${agent}/sounds`);
  const [state, setState] = useState<SoundsToSend["state"]>("idle");
  const recording = useRef<Recording>(undefined);
  // A person who goes elsewhere is not listened to any more.
  useEffect(() => () => void recording.current?.stop(), []);
  const upload = async (file: Blob): Promise<void> => {
    const whole = await soundOf(file);
    const result = await uploadSound(agent, whole);
    if (!result.ok) return notices.fail(result.error);
    const { hash, size, format, ms, text, unheard } = result.value;
    files.put({ hash, size, format, ms, text });
    if (unheard !== undefined && !hears)
      notices.show(
        "No model here turns speech into text. Write beside the sound what is said, so that the agent's model " +
          "can read it.",
      );
  };
  const trying = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (thrown) {
      if (!(thrown instanceof UnfitSound)) throw thrown;
      notices.show(thrown.message, "bad");
    }
  };
  const isFull = (): boolean => {
    if (files.count() < wireLimits.soundsPerMessageMax) return false;
    notices.show(`A message has at most ${wireLimits.soundsPerMessageMax} sounds.`, "bad");
    return true;
  };
  const finish = async (running: Recording): Promise<void> => {
    // Ended by the button, by its length, or by both: once.
    if (recording.current !== running) return;
    recording.current = undefined;
    setState("busy");
    await trying(async () => upload(await running.stop()));
    setState("idle");
  };
  return {
    ...files,
    state,
    async add(file) {
      if (file === null || state !== "idle" || isFull()) return;
      setState("busy");
      await trying(() => upload(file));
      setState("idle");
    },
    async record() {
      if (recording.current !== undefined) return finish(recording.current);
      if (state !== "idle" || isFull()) return;
      setState("busy");
      await trying(async () => {
        const running = await record(() => void finish(running));
        recording.current = running;
      });
      setState(recording.current === undefined ? "idle" : "recording");
    },
  };
}

/** Chooses a sound, and records one. */
export function SoundButtons({ sounds }: { readonly sounds: SoundsToSend }) {
  const isRecording = sounds.state === "recording";
  const says = isRecording ? "Stop recording" : "Record a sound";
  return (
    <>
      <FileButton accept="audio/*" onChange={(file) => void sounds.add(file)}>
        {({ onClick }) => (
          <button
            type="button"
            className="tool beside-clip"
            aria-label="Attach a sound"
            title="Attach a sound"
            aria-busy={sounds.state === "busy"}
            disabled={isRecording}
            onClick={onClick}
          >
            <Icon name="sound" />
          </button>
        )}
      </FileButton>
      <button
        type="button"
        className={isRecording ? "tool recording" : "tool"}
        aria-label={says}
        title={says}
        aria-pressed={isRecording}
        onClick={() => void sounds.record()}
      >
        <Icon name={isRecording ? "stop" : "microphone"} />
      </button>
      <span className="hidden-text" role="status">
        {isRecording ? `Recording, for at most ${wireLimits.soundMsMax / 1_000} seconds.` : ""}
        {sounds.state === "busy" ? "Listening to the sound." : ""}
      </span>
    </>
  );
}

/** What goes with the message, each with a field for what is said. */
export function SoundList({ agent, sounds }: { readonly agent: string; readonly sounds: SoundsToSend }) {
  if (sounds.chosen.length === 0) return null;
  return (
    <ul className="attachments" aria-label="Sounds of this message">
      {sounds.chosen.map(({ hash, text }, index) => (
        <li key={hash}>
          <audio controls preload="none" src={soundUrl(agent, hash)} aria-label={`Sound ${index + 1}`} />
          <TextInput
            className="grow"
            size="xs"
            aria-label={`What is said in sound ${index + 1}`}
            placeholder="Write what is said, for people who cannot hear it"
            maxLength={wireLimits.soundTextCharsMax}
            value={text}
            onChange={({ currentTarget: { value } }) => sounds.describe(hash, value)}
          />
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`Remove sound ${index + 1}`}
            onClick={() => sounds.remove(hash)}
          >
            Remove
          </Button>
        </li>
      ))}
    </ul>
  );
}

/** The sounds of something that was said, with their words. */
export function Sounds({ agent, sounds }: { readonly agent: string; readonly sounds: readonly Sound[] }) {
  return (
    <div className="sounds">
      {sounds.map((sound) => (
        <ShownSound key={sound.hash} agent={agent} sound={sound} />
      ))}
    </div>
  );
}

function ShownSound({ agent, sound: { hash, text, ms } }: { readonly agent: string; readonly sound: Sound }) {
  const [gone, setGone] = useState(false);
  const seconds = `${Math.max(1, Math.round(ms / 1_000))} s`;
  return (
    <figure>
      {gone ? (
        <p className="dim">A sound of {seconds} that is not kept any more.</p>
      ) : (
        <audio
          controls
          preload="metadata"
          src={soundUrl(agent, hash)}
          aria-label={`A sound of ${seconds}`}
          onError={() => setGone(true)}
        />
      )}
      {text !== "" && <figcaption>{text}</figcaption>}
    </figure>
  );
}

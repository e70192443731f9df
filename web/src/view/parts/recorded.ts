/** Sounds as they are sent: one channel, as WAV, whatever the browser plays or records. */
import { wireLimits } from "../../../../protocols/limits.ts";

/** A phone would run out of memory over larger files. */
const fileBytesMax = 32 * 1024 * 1024;
/** Models hear no more than the first of them; of what is longer than half of the longest sound the second fits. */
const rates = { fine: 16_000, coarse: 8_000 } as const;

/** What the user is told when a file or a recording does not become one. */
export class UnfitSound extends Error {}

const secondsMax = wireLimits.soundMsMax / 1_000;

/** All of it, for a model to hear. Errors: UnfitSound, with what to do. */
export async function soundOf(file: Blob): Promise<Blob> {
  if (file.size > fileBytesMax) throw new UnfitSound("This file is too large. Choose one of at most 32 MB.");
  const context = new AudioContext();
  let played: AudioBuffer;
  try {
    played = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new UnfitSound("This file is not a sound that your browser can play. Choose a WAV, MP3, OGG or M4A.");
  } finally {
    void context.close();
  }
  if (played.length === 0) throw new UnfitSound("There is nothing in this sound. Record it again.");
  if (played.duration > secondsMax + 0.5)
    throw new UnfitSound(`This sound is too long. Choose one of at most ${secondsMax} seconds.`);
  const seconds = Math.min(played.duration, secondsMax);
  const rate = seconds <= secondsMax / 2 ? rates.fine : rates.coarse;
  const drawn = new OfflineAudioContext(1, Math.max(1, Math.floor(seconds * rate)), rate);
  const source = drawn.createBufferSource();
  source.buffer = played;
  source.connect(drawn.destination);
  source.start();
  const { length } = drawn;
  const samples = (await drawn.startRendering()).getChannelData(0);
  return new Blob([wavOf(samples.subarray(0, length), rate)], { type: "audio/wav" });
}

/** A WAV file of 16 bits and one channel. */
function wavOf(samples: Float32Array, rate: number): ArrayBuffer {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const bytes = new Uint8Array(view.buffer);
  const word = (at: number, text: string): void => bytes.set(new TextEncoder().encode(text), at);
  word(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, index) =>
    view.setInt16(44 + 2 * index, Math.round(32_767 * Math.max(-1, Math.min(1, sample))), true),
  );
  return view.buffer as ArrayBuffer;
}

/** A recording that goes on. */
export interface Recording {
  /** Ends it; resolves with what was heard. */
  stop(): Promise<Blob>;
}

/** Begins to record. It ends by itself with the longest sound that may be sent: then `onEnd` is called, and `stop` has
 *  it. Errors: UnfitSound, with what to do. */
export async function record(onEnd: () => void): Promise<Recording> {
  // Browsers lend the microphone to pages over https, and of this machine.
  if (!("mediaDevices" in navigator) || !("MediaRecorder" in globalThis))
    throw new UnfitSound("Your browser records on pages over https only. Choose a file instead.");
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    throw new UnfitSound("Your browser did not allow the microphone. Allow it for this page, or choose a file.");
  }
  const recorder = new MediaRecorder(stream);
  const pieces: Blob[] = [];
  const ended = new Promise<Blob>((resolve) => {
    recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
    recorder.addEventListener("stop", () => {
      for (const track of stream.getTracks()) track.stop();
      resolve(new Blob(pieces, { type: recorder.mimeType }));
      onEnd();
    });
  });
  recorder.start();
  const timer = setTimeout(() => recorder.state === "recording" && recorder.stop(), wireLimits.soundMsMax);
  return {
    stop() {
      clearTimeout(timer);
      if (recorder.state === "recording") recorder.stop();
      return ended;
    },
  };
}

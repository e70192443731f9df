/** The wire of somebody who is followed and not connected: what a client would be told of rooms is given to a listener,
 *  and nothing else goes anywhere. */
import type { NodeFrame } from "../../../protocols/index.ts";
import type { Wire } from "./subscriber.ts";

/** A message in one of the rooms. */
export type Activity = Extract<NodeFrame, { readonly activity: unknown }>["activity"];

/** Makes it. `ended`: the session has ended, or the gateway stops. */
export function wireOfNobody(heard: (activity: Activity) => void, ended: () => void): Wire {
  let isOpen = true;
  return {
    // The bytes are made for this listener alone, and read at once.
    encode: (frame) => Buffer.from(JSON.stringify(frame)),
    stream: {
      writableLength: 0,
      destroyed: false,
      write(bytes, done) {
        done();
        const frame = JSON.parse(bytes.toString()) as NodeFrame;
        if (isOpen && "activity" in frame) heard(frame.activity);
      },
    },
    get isOpen() {
      return isOpen;
    },
    close() {
      isOpen = false;
      ended();
    },
    terminate() {
      isOpen = false;
    },
    onStill: () => undefined,
    pause: () => undefined,
    resume: () => undefined,
    topicLost: () => undefined,
    sweep: () => undefined,
  };
}

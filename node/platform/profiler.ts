/** V8's profilers, for the thread that calls. Nothing listens for a debugger: the session is one within the process. */
import { Session } from "node:inspector/promises";

/** What V8 says of calls. */
interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}
interface Sampled {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly Sampled[];
}

/** Where this thread spends its time, until `ended`. */
export async function profileCpu(everyUs: number, ended: Promise<unknown>) {
  const session = new Session();
  session.connect();
  try {
    await session.post("Profiler.enable");
    await session.post("Profiler.setSamplingInterval", { interval: everyUs });
    await session.post("Profiler.start");
    await ended;
    const { profile } = await session.post("Profiler.stop");
    return profile;
  } finally {
    session.disconnect();
  }
}

/** Which code makes what stays on the heap, until `ended`. */
export async function profileHeap(everyBytes: number, ended: Promise<unknown>): Promise<Sampled> {
  const session = new Session();
  session.connect();
  try {
    await session.post("HeapProfiler.startSampling", { samplingInterval: everyBytes });
    await ended;
    const { profile } = await session.post("HeapProfiler.stopSampling");
    return profile.head as Sampled;
  } finally {
    session.disconnect();
  }
}

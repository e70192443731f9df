/** The machine's own noise: a process that does nothing but wait, and notes how much too late it is woken each time. */
import { serve } from "./serve.ts";

const everyMs = 5;
let lateMs: number[] = [];

function wait(): void {
  const dueMs = performance.now() + everyMs;
  setTimeout(() => {
    lateMs.push(performance.now() - dueMs);
    wait();
  }, everyMs);
}
wait();

serve({
  /** What was noted since the last call. */
  take() {
    const taken = lateMs;
    lateMs = [];
    return taken;
  },
});

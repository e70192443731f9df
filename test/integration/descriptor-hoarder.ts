/** Loaded into a node before all else: at SIGUSR2 it opens files until the process may open no more, at the next one it closes
 *  them. So every part of the node meets EMFILE at its own calls, without one of them being replaced. */
import { closeSync, openSync } from "node:fs";

const held: number[] = [];

process.on("SIGUSR2", () => {
  if (held.length > 0) {
    for (const descriptor of held.splice(0)) closeSync(descriptor);
    return;
  }
  try {
    for (;;) held.push(openSync("/dev/null", "r"));
  } catch {
    // None is left: that is what it is for.
  }
});

/** In place of what only a machine has: whatever loads it is told so. */
import { notHere } from "./run.ts";

throw notHere("this command works with files of a machine");

/** The world that tests happen in: time, chance, disks and a network, all simulated and all from one seed.
 *
 *      const world = new World(1);
 *      const part = createPart({ clock: world.clock() });      a part with a clock that the test moves
 *      world.elapse(5_000);                                    what is due happens, at once
 *      await world.pass(5_000);                                the same, with all that promises do in between
 *      await world.settle(part.work());                        as long as it takes
 *      await world.until(() => part.isReady);
 *
 *  Nothing else moves time, and nothing in it waits for the machine: a test takes as long as it computes, and comes to
 *  the same end wherever it runs. `Disk` is the Store port and `FileDisk` the Files port, with whatever disks do to
 *  those who trust them; `Network` is the Transport port between nodes, with its weather; `Links` is one without. Lives
 *  of processes (`Pulse`) end, stop and go on; the simulation in `test/simulation` builds nodes and clusters of these,
 *  and unit tests single parts. What must hold of the ports on real disks and networks is shown by
 *  `test/conformance`. */
export { Dice } from "./dice.ts";
export { Disk, type DiskWatcher, type DiskWeather, type Lens } from "./disk.ts";
export { FileDisk, type FilesWeather } from "./files.ts";
export { Links, messageBytesMax } from "./links.ts";
export { Network, type NetworkWatcher, type NetworkWeather } from "./network.ts";
export {
  deliver,
  goOn,
  refusalCode,
  refusedLook,
  settled,
  simulatedClock,
  World,
  type Pulse,
  type Violation,
  type WallClock,
} from "./world.ts";

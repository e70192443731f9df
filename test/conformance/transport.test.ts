import { Happenings, Loopback } from "../unit/cluster/mesh/loopback.ts";
import { transportConformance } from "./transport.ts";

transportConformance("libp2p on loopback", async () => {
  const loopback = new Loopback();
  const happened = new Happenings();
  const one = await loopback.start("one", { quiet: true });
  const other = await loopback.start("other", { quiet: true });
  return {
    one: one.mesh.transport,
    other: other.mesh.transport,
    happened: () => happened.tell(),
    until: (holds, phase) => happened.until(holds, phase),
    end: () => loopback.stop(),
  };
});

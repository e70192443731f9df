/** The attackers of `test/fixtures/attackers.ts`, in a process of their own. */
import { attack, type Attacked } from "../../fixtures/attackers.ts";
import { serve } from "./serve.ts";

let under: ReturnType<typeof attack> | undefined;

serve({
  begin(target: Attacked) {
    under = attack(target);
  },
  /** Resolves with what each attack has done. */
  async end() {
    const tally = under?.tally() ?? {};
    await under?.end();
    under = undefined;
    return tally;
  },
  stop: () => under?.end(),
});

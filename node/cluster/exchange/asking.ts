/** Asking several nodes the same. */
import type { Failure, Result } from "../../../protocols/index.ts";

/** What nodes said, and which did not answer, with why. */
interface Heard<Asked, Said> {
  readonly said: readonly (readonly [asked: Asked, said: Said])[];
  readonly silent: readonly (readonly [asked: Asked, why: Failure])[];
}

/** Asks each of them, so many at a time, in this order. */
export async function askEach<Asked, Said>(
  asked: readonly Asked[],
  ask: (one: Asked) => Promise<Result<Said>>,
  atOnceMax: number = Math.max(1, asked.length),
): Promise<Heard<Asked, Said>> {
  const said: (readonly [Asked, Said])[] = [];
  const silent: (readonly [Asked, Failure])[] = [];
  for (let at = 0; at < asked.length; at += atOnceMax) {
    const some = asked.slice(at, at + atOnceMax);
    const answers = await Promise.all(some.map((one) => ask(one)));
    for (const [place, answer] of answers.entries()) {
      const one = some[place] as Asked;
      if (answer.ok) said.push([one, answer.value]);
      else silent.push([one, answer.error]);
    }
  }
  return { said, silent };
}

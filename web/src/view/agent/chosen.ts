import { useMemo } from "react";
import { isChosen, useKept, useSession, type Chosen } from "../../live/index.ts";

/** Files that go with the next message, uploaded already. They are kept as its text is. */
export interface ChosenFiles<File extends Chosen> {
  readonly chosen: readonly File[];
  /** How many there are now; also between two that are added at once. */
  count(): number;
  put(file: File): void;
  describe(hash: string, text: string): void;
  remove(hash: string): void;
  clear(): void;
}

const none: readonly never[] = [];

const isList = <File extends Chosen>(value: unknown): value is readonly File[] =>
  Array.isArray(value) && value.every(isChosen);

/** The files that were chosen for the next message of a place. */
export function useChosen<File extends Chosen>(place: string): ChosenFiles<File> {
  const { kept } = useSession();
  const [chosen] = useKept<readonly File[]>(place, isList<File>, none);
  return useMemo(() => {
    const now = (): readonly File[] => {
      const value = kept.read(place);
      return isList<File>(value) ? value : none;
    };
    const set = (next: readonly File[]) => kept.write(place, next.length === 0 ? undefined : next);
    return {
      chosen,
      count: () => now().length,
      put: (file) => set([...now().filter(({ hash }) => hash !== file.hash), file]),
      describe: (hash, text) => set(now().map((one) => (one.hash === hash ? { ...one, text } : one))),
      remove: (hash) => set(now().filter((one) => one.hash !== hash)),
      // What another tab has added since it was sent stays.
      clear: () => kept.finish(place, chosen),
    };
  }, [kept, place, chosen]);
}

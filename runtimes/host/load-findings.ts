/** What loads found out about native code, for the later loads of this node: by the name of the adapter. It holds for
 *  the machine and the files that this process has, so all hosts of the process share it. */
const known = new Map<string, string>();

/** What an earlier load of the adapter found out. */
export const loadFindingsOf = ({ adapter }: { readonly adapter: string }): string | undefined => known.get(adapter);

/** A load said what it found out. */
export function keepLoadFindings({ adapter, said }: { readonly adapter: string; readonly said: string }): void {
  known.set(adapter, said);
}

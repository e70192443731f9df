/** What an etcd says that answers, tells what it has, and takes no change; and what to type. Pure. */

/** The words of its alarms, and of the calls that it refuses because of them. */
const space = /alarm:NOSPACE|database space exceeded/;
const corrupt = /alarm:CORRUPT|corrupt cluster/;

/** Whether what etcd says means that it takes no change. Such a change has surely not been made. */
export const saysRefusal = (said: string): boolean => space.test(said) || corrupt.test(said);

/** Why etcd takes no change, and the commands that help. `revision`: the newest that is known, up to which may be
 *  thrown away what was before. */
export function describeRefusal(said: string, endpoints: readonly string[], revision: number): string {
  if (!space.test(said))
    return (
      "etcd says that its members differ (alarm CORRUPT), and takes no change: see its log, replace the member " +
      "that differs, then etcdctl alarm disarm"
    );
  const etcdctl = `etcdctl --endpoints=${endpoints.join(",")}`;
  // What was compacted already is refused, and the rest helps all the same. Without `--physical` there may be nothing
  // yet that defrag gives back.
  const steps = `${etcdctl} compact --physical ${revision}; ${etcdctl} defrag && ${etcdctl} alarm disarm`;
  return `etcd has used up its space (alarm NOSPACE) and takes no change until you type: ${steps}`;
}

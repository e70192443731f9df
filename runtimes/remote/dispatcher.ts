/** Connections without the limits on silence that Node's `fetch` has by itself (300 seconds before an answer, and as
 *  many within it): how long a server may be silent is the call's to say. */

type Dispatcher = NonNullable<RequestInit["dispatcher"]>;
type DispatcherKind = new (options: { readonly headersTimeout: number; readonly bodyTimeout: number }) => Dispatcher;

let patient: Dispatcher | undefined;

/** The connections of this thread; undefined where Node does not show what its own are made of. `fetch` then keeps its
 *  limits. */
export function patientDispatcher(): Dispatcher | undefined {
  // Node makes its own with the first use of `fetch`, which is when this property is read.
  void globalThis.Response;
  const all = globalThis as unknown as Readonly<Record<symbol, { readonly constructor: DispatcherKind } | undefined>>;
  const own = all[Symbol.for("undici.globalDispatcher.2")] ?? all[Symbol.for("undici.globalDispatcher.1")];
  if (patient === undefined && own !== undefined) patient = new own.constructor({ headersTimeout: 0, bodyTimeout: 0 });
  return patient;
}

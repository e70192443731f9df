/** Gives this process a variable, or takes it away. A host process never inherits it: what looks like a key is left out
 *  there, and given to the one thread that needs it (`runtimes/host/variables.ts`). */
export function holdVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

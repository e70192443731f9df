/** A thing that a statement is about. */
export interface Subject {
  readonly name: string;
  /** `sha256` of a file; `dirHash` of a folder: the directory hash of Go's modules, in hex. Both are of in-toto's
   *  list. */
  readonly digest: { readonly sha256: string } | { readonly dirHash: string };
}

/** How a release was made. */
export interface Provenance {
  readonly version: string;
  /** The commit of the sources, in hex. */
  readonly commit: string;
  readonly nodeVersion: string;
}

interface Statement {
  readonly _type: string;
  readonly subject: readonly Subject[];
  readonly predicateType: string;
  readonly predicate: unknown;
}

const statementType = "https://in-toto.io/Statement/v1";
const predicateType = "https://slsa.dev/provenance/v1";

/** What is signed: in-toto's Statement v1 about these things, with a provenance in the shape of SLSA 1. It has no time
 *  of day, so that the same commit gives the same bytes. */
export function statementOf(subjects: readonly Subject[], { version, commit, nodeVersion }: Provenance): Buffer {
  const statement: Statement = {
    _type: statementType,
    subject: subjects.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    predicateType,
    predicate: {
      buildDefinition: {
        buildType: "urn:plexus:release:v1",
        externalParameters: { version },
        internalParameters: { node: nodeVersion },
        resolvedDependencies: [{ name: "source", digest: { gitCommit: commit } }],
      },
      runDetails: { builder: { id: "urn:plexus:npm-run-release" } },
    },
  };
  return Buffer.from(`${JSON.stringify(statement, undefined, 1)}\n`);
}

/** The things that a signed statement is about, by name; undefined where it is no statement of a release. */
export function subjectsOf(body: Buffer): ReadonlyMap<string, Subject["digest"]> | undefined {
  const statement = JSON.parse(body.toString("utf8")) as Partial<Statement>;
  if (statement._type !== statementType || statement.predicateType !== predicateType) return undefined;
  if (!Array.isArray(statement.subject)) return undefined;
  return new Map(statement.subject.map((one: Subject) => [one.name, one.digest]));
}

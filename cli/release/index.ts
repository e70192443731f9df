/** What an installation checks a release with, and what a release is signed with.
 *
 *      envelope.ts    a signed document: a DSSE envelope, by Ed25519
 *      statement.ts   what the document says: in-toto's Statement with SLSA's provenance, about digests of things
 *      installed.ts   the digests of what lies in a folder: files one by one, installed packages as one each
 *      verify.ts      a folder, or an archive, compared with its statement
 *
 *  A signature says that the owner of a key made a release. The key that comes with an archive shows damage and half
 *  updates. An attacker who can change files can change that key, too: against that, one names the key, or its
 *  fingerprint, from elsewhere. */
export { fingerprintOf, readPrivateKey, readPublicKey, sealEnvelope } from "./envelope.ts";
export { digestOfFile, digestOfPackage, filesBelow, isShipped, packagesBelow } from "./installed.ts";
export { releasePaths } from "./paths.ts";
export { statementOf, type Provenance, type Subject } from "./statement.ts";
export { verifyArchive, verifyFolder, type Verdict } from "./verify.ts";

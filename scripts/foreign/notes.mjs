// Opens state notes with the Ed25519 of Node's own crypto module (OpenSSL), over the bytes that C2SP `signed-note`
// documents: by more than two thirds of the merchants, whose keys come from trust.json. A bad signature of a known key
// spoils the note.

import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';

const PLAIN = 1;

export function readTrust(path) {
  const { origin, needed, cosigners } = JSON.parse(readFileSync(path, 'utf8'));
  const keys = new Map(Object.entries(cosigners).map(([id, key]) => [`${origin}/${id}`, Buffer.from(key, 'hex')]));
  return { origin, needed, keys };
}

// The root of the ERC-1155 storage that a state note vouches for.
export function openState(note, { origin, needed, keys }) {
  const end = note.lastIndexOf('\n\n') + 1;
  const text = note.slice(0, end);
  const signers = new Set();
  for (const line of note.slice(end + 1).trimEnd().split('\n')) {
    const [dash, name, encoded] = line.split(' ');
    const key = keys.get(name);
    const signature = Buffer.from(encoded ?? '', 'base64');
    if (dash !== '\u2014' || !key || !signature.subarray(0, 4).equals(keyId(name, key))) continue;
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') };
    const holds = verify(null, Buffer.from(text), createPublicKey({ key: jwk, format: 'jwk' }), signature.subarray(4));
    if (!holds) throw new Error(`a signature of ${name} does not hold`);
    signers.add(name);
  }
  if (signers.size < needed) throw new Error(`${signers.size} merchants signed, ${needed} are needed`);
  const lines = text.split('\n');
  if (lines.length !== 7 || lines[0] !== `${origin}/state`) throw new Error('the note is no state note of the log');
  return Buffer.from(lines[5], 'base64');
}

// The first 4 bytes of SHA-256(name, newline, type, key).
function keyId(name, key) {
  return createHash('sha256').update(name).update(Buffer.from([0x0a, PLAIN])).update(key).digest().subarray(0, 4);
}

// Balances as storage proofs of EIP-1186, and that nothing is there, with npm's @ethereumjs/mpt.
//
//   node scripts/foreign/storage.mjs PACKAGES TRUST.json balance|absence PROOF.json
//
// PACKAGES is the directory with node_modules. The root comes from the state note, which notes.mjs opened. Damaged
// copies must be refused.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { openState, readTrust } from './notes.mjs';

const [packages, trustPath, name, proofPath] = process.argv.slice(2);
const require = createRequire(resolve(packages, 'package.json'));
const { verifyMerkleProof } = require('@ethereumjs/mpt');
const { concat, encodeRlp, getBytes, keccak256, toBeArray, toBeHex, zeroPadValue } = require('ethers');
const { bech32m } = require('bech32');

const trust = readTrust(trustPath);

// keccak(pad32(holder), keccak(pad32(class), pad32(0))): where OpenZeppelin's ERC1155 stores a balance.
function slotOf(card, id) {
  const { prefix, words } = bech32m.decode(card);
  assert.equal(prefix, 'tally');
  const holder = zeroPadValue(Uint8Array.from(bech32m.fromWords(words)), 32);
  return keccak256(concat([holder, keccak256(concat([toBeHex(id, 32), toBeHex(0, 32)]))]));
}

async function check(fact) {
  const root = openState(fact.state, trust);
  const nodes = fact.nodes.map((node) => getBytes(`0x${node}`));
  const slot = getBytes(slotOf(fact.holder, fact.class));
  const value = await verifyMerkleProof(slot, nodes, { root, useKeyHashing: true });
  const points = BigInt(fact.points);
  const expected = points === 0n ? null : Buffer.from(getBytes(encodeRlp(toBeArray(points))));
  assert.deepEqual(value && Buffer.from(value), expected, 'another value stands under the root');
}

const { fact } = JSON.parse(readFileSync(proofPath, 'utf8'));
assert.equal(fact.points === '0', name === 'absence', `${proofPath} is no proof of ${name}`);
await check(fact);
const flip = (hex) => hex.slice(0, -1) + (parseInt(hex.slice(-1), 16) ^ 1).toString(16);
const damages = {
  'a bit of the last node flipped': { nodes: [...fact.nodes.slice(0, -1), flip(fact.nodes.at(-1))] },
  'the last node left out': { nodes: fact.nodes.slice(0, -1) },
  'another number of points': { points: String(BigInt(fact.points) + 1n) },
  'another height in the state note': { state: fact.state.replace('\n', '\n1') },
};
for (const [what, change] of Object.entries(damages)) {
  await assert.rejects(check({ ...fact, ...change }), undefined, `a copy with ${what} was taken`);
}
console.log(`proof: fact=${name} verifier=ethereumjs-mpt ok`);

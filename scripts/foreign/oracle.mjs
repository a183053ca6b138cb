// The ledger's moves once more in OpenZeppelin's ERC-1155 on a local EVM (npm's solc and anvil): at every checkpoint
// the storage root that the EVM proves must be the `erc1155_root` that the merchants signed.
//
//   node scripts/foreign/oracle.mjs PACKAGES TRUST.json MOVES.jsonl
//
// PACKAGES is the directory with node_modules. anvil, unlike Ethereum, keeps a slot that was set back to zero in the
// trie, so no holding of the history may have been spent to the last point.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openState, readTrust } from './notes.mjs';

const [packages, trustPath, movesPath] = process.argv.slice(2);
const require = createRequire(resolve(packages, 'package.json'));
const { ethers } = require('ethers');
const { bech32m } = require('bech32');
const solc = require('solc');

const trust = readTrust(trustPath);
const moves = readFileSync(movesPath, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const NOBODY = '0x000000000000000000000000000000000000dEaD';

function compile() {
  const path = join(dirname(fileURLToPath(import.meta.url)), 'Points.sol');
  const input = {
    language: 'Solidity',
    sources: { 'Points.sol': { content: readFileSync(path, 'utf8') } },
    settings: { optimizer: { enabled: true }, outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object'] } } },
  };
  const read = (name) => ({ contents: readFileSync(resolve(packages, 'node_modules', name), 'utf8') });
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read }));
  assert.deepEqual(output.errors ?? [], []);
  const { abi, evm } = output.contracts['Points.sol'].Points;
  return { abi, bytecode: `0x${evm.bytecode.object}` };
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

// The program itself, so that ending it leaves nothing behind.
function startAnvil(port) {
  const platform = process.platform === 'darwin' ? 'darwin' : 'linux';
  const machine = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const program = require.resolve(`@foundry-rs/anvil-${platform}-${machine}/bin/anvil`);
  const anvil = spawn(program, ['--silent', '--port', String(port)], { stdio: ['ignore', 'ignore', 'inherit'] });
  process.on('exit', () => anvil.kill());
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  return anvil;
}

async function answering(url) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_chainId', params: [] });
  const headers = { 'content-type': 'application/json' };
  for (let tries = 0; tries < 150; tries++) {
    const answer = await fetch(url, { method: 'POST', headers, body }).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error('anvil does not answer within half a minute');
}

// A card code is bech32m of the 20 bytes of an address.
const holder = (card) => ethers.hexlify(Uint8Array.from(bech32m.fromWords(bech32m.decode(card).words)));

function act(contract, move) {
  const { kind, id, value } = move;
  if (kind === 'mint') return contract.mint(holder(move.to), id, value);
  if (kind === 'burn') return contract.burn(holder(move.from), id, value);
  assert.equal(kind, 'transfer');
  return contract.move(holder(move.from), holder(move.to), id, value);
}

const port = await freePort();
const anvil = startAnvil(port);
let provider;
try {
  const url = `http://127.0.0.1:${port}`;
  await answering(url);
  // Not cached: the same question is asked again after each move.
  provider = new ethers.JsonRpcProvider(url, undefined, { cacheTimeout: -1 });
  const { abi, bytecode } = compile();
  // anvil signs for its own accounts.
  const signer = await provider.getSigner(0);
  const factory = new ethers.ContractFactory(abi, bytecode, signer);
  const contract = await factory.deploy(`tally:${trust.origin.replace('tally/', '')}/{id}`);
  await contract.waitForDeployment();
  const address = await contract.getAddress();
  const rootOf = async () => (await provider.send('eth_getProof', [address, [], 'latest'])).storageHash;
  let [moved, checkpoints] = [0, 0];
  for (const move of moves) {
    if (move.kind === 'checkpoint') {
      checkpoints++;
      const signed = ethers.hexlify(openState(move.state, trust));
      assert.equal(await rootOf(), signed, `checkpoint ${checkpoints}, after ${moved} moves`);
    } else {
      moved++;
      await (await act(contract, move)).wait();
    }
  }
  assert(checkpoints > 0 && moves.at(-1).kind === 'checkpoint', 'the history does not end with a checkpoint');
  // One point more anywhere is another root.
  await (await contract.mint(NOBODY, 1, 1)).wait();
  assert.notEqual(await rootOf(), ethers.hexlify(openState(moves.at(-1).state, trust)));
  console.log(`oracle: openzeppelin ok moves=${moved} checkpoints=${checkpoints}`);
} finally {
  provider?.destroy();
  anvil.kill();
}

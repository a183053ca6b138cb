// Reads a node's ledger as a contract of ERC-1155 with two libraries that know nothing of Tally, ethers and viem, and
// checks the storage proofs that it gives with a third, @ethereumjs/mpt.
//
//   node scripts/foreign/erc1155.mjs PACKAGES EXPECTED.json
//
// PACKAGES is the directory with node_modules. EXPECTED.json (expected.py): `url` with the token, `contract`,
// `chain_number`, `uri`, `checkpoint` with `height` and signed `root`, and `balances`, a list of `holder`
// (hexadecimal), `id` and `value` (decimals): all that is held at the head. No points may move meanwhile. A line for
// each library.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [packages, expectedPath] = process.argv.slice(2);
const require = createRequire(resolve(packages, 'package.json'));
const { ethers } = require('ethers');
const viem = require('viem');
const { verifyMerkleProof } = require('@ethereumjs/mpt');

const ZERO = '0x0000000000000000000000000000000000000000';
const NOBODY = '0x000000000000000000000000000000000000dEaD';
const ABI = [
  'function balanceOf(address account, uint256 id) view returns (uint256)',
  'function balanceOfBatch(address[] accounts, uint256[] ids) view returns (uint256[])',
  'function isApprovedForAll(address account, address operator) view returns (bool)',
  'function setApprovalForAll(address operator, bool approved)',
  'function safeTransferFrom(address from, address to, uint256 id, uint256 value, bytes data)',
  'function safeBatchTransferFrom(address from, address to, uint256[] ids, uint256[] values, bytes data)',
  'function uri(uint256 id) view returns (string)',
  'function supportsInterface(bytes4 interfaceId) view returns (bool)',
  'event TransferSingle(address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value)',
  'event TransferBatch(address indexed operator, address indexed from, address indexed to, uint256[] ids, '
    + 'uint256[] values)',
];
const INTERFACES = { '0x01ffc9a7': true, '0xd9b67a26': true, '0x0e89341c': true, '0xffffffff': false };

const expected = JSON.parse(readFileSync(expectedPath, 'utf8'));
const { contract, balances } = expected;
const holders = balances.map((balance) => ethers.getAddress(balance.holder));
const ids = balances.map((balance) => BigInt(balance.id));
const values = balances.map((balance) => BigInt(balance.value));

// What events sum up to, by holder and id.
function replay(events) {
  const held = new Map();
  const add = (holder, id, value) => {
    if (holder !== ZERO) held.set(`${holder}/${id}`, (held.get(`${holder}/${id}`) ?? 0n) + value);
  };
  for (const { from, to, ids, values } of events) {
    ids.forEach((id, at) => {
      assert(values[at] > 0n, 'an event of nothing');
      add(from, id, -values[at]);
      add(to, id, values[at]);
    });
  }
  for (const [holder, value] of held) assert(value >= 0n, `${holder} holds ${value}`);
  return held;
}

function checkReplay(held) {
  balances.forEach((_, at) => assert.equal(held.get(`${holders[at]}/${ids[at]}`) ?? 0n, values[at]));
  const total = [...held.values()].reduce((sum, value) => sum + value, 0n);
  assert.equal(total, values.reduce((sum, value) => sum + value, 0n), 'somebody else holds points');
}

async function withEthers() {
  const provider = new ethers.JsonRpcProvider(expected.url);
  const token = new ethers.Contract(contract, ABI, provider);
  assert.equal((await provider.getNetwork()).chainId, BigInt(expected.chain_number));
  assert.notEqual(await provider.getCode(contract), '0x');
  for (let at = 0; at < holders.length; at++) assert.equal(await token.balanceOf(holders[at], ids[at]), values[at]);
  assert.deepEqual([...(await token.balanceOfBatch(holders, ids))], values);
  assert.equal(await token.uri(1), expected.uri);
  for (const [id, is] of Object.entries(INTERFACES)) assert.equal(await token.supportsInterface(id), is);
  assert.equal(await token.isApprovedForAll(holders[0], NOBODY), false);
  const refused = { reason: /POST \/v1\/operations/ };
  await assert.rejects(token.setApprovalForAll.staticCall(NOBODY, true), refused);
  await assert.rejects(token.safeTransferFrom.staticCall(holders[0], NOBODY, 1, 1, '0x'), refused);
  await assert.rejects(provider.broadcastTransaction(await signed()), /reads only/);

  const singles = await token.queryFilter('TransferSingle', 0, 'latest');
  const batches = await token.queryFilter('TransferBatch', 0, 'latest');
  const inOrder = [...singles, ...batches].sort((a, b) => a.blockNumber - b.blockNumber || a.index - b.index);
  const event = ({ args }) => args.ids === undefined
    ? { from: args.from, to: args.to, ids: [args.id], values: [args.getValue('value')] }
    : { from: args.from, to: args.to, ids: [...args.ids], values: [...args.getValue('values')] };
  checkReplay(replay(inOrder.map(event)));
  const ofHolder = await token.queryFilter(token.filters.TransferSingle(null, null, holders[0]), 0, 'latest');
  assert.equal(ofHolder.length, singles.filter((log) => log.args.to === holders[0]).length);
  for (const log of [inOrder[0], inOrder.at(-1)]) {
    const block = await log.getBlock();
    assert.deepEqual([block.number, block.hash], [log.blockNumber, log.blockHash]);
    assert.equal(block.transactions[log.transactionIndex], log.transactionHash);
    assert.equal((await provider.getBlock(block.number - 1)).hash, block.parentHash);
  }
  provider.destroy();
  return { singles: singles.length, batches: batches.length };
}

// A transaction with a good signature, of a key that anyone can make.
function signed() {
  const wallet = new ethers.Wallet(`0x${'01'.repeat(32)}`);
  const chainId = expected.chain_number;
  return wallet.signTransaction({ to: contract, chainId, nonce: 0, gasLimit: 21000, gasPrice: 0, type: 0 });
}

async function withViem() {
  const chain = viem.defineChain({
    id: expected.chain_number, name: 'Tally', nativeCurrency: { name: 'none', symbol: 'NONE', decimals: 18 },
    rpcUrls: { default: { http: [expected.url] } },
  });
  const client = viem.createPublicClient({ chain, transport: viem.http(expected.url, { batch: true }) });
  const abi = viem.parseAbi(ABI);
  const read = (functionName, args) => client.readContract({ address: contract, abi, functionName, args });
  assert.equal(await client.getChainId(), expected.chain_number);
  const each = await Promise.all(holders.map((holder, at) => read('balanceOf', [holder, ids[at]])));
  assert.deepEqual(each, values);
  assert.deepEqual(await read('balanceOfBatch', [holders, ids]), values);
  assert.equal(await read('uri', [1n]), expected.uri);
  for (const [id, is] of Object.entries(INTERFACES)) assert.equal(await read('supportsInterface', [id]), is);
  const write = { address: contract, abi, functionName: 'setApprovalForAll', args: [NOBODY, true], account: NOBODY };
  await assert.rejects(client.simulateContract(write), /POST \/v1\/operations/);
  await assert.rejects(client.sendRawTransaction({ serializedTransaction: await signed() }), /reads only/);

  const logs = await client.getContractEvents({ address: contract, abi, fromBlock: 0n, toBlock: 'latest' });
  const event = ({ args: { from, to, id, value, ids = [id], values = [value] } }) => ({ from, to, ids, values });
  checkReplay(replay(logs.map(event)));
  const block = await client.getBlock({ blockHash: logs.at(-1).blockHash });
  assert.equal(block.number, logs.at(-1).blockNumber);
  assert.equal((await client.getBlock()).number >= block.number, true);
  const named = (name) => logs.filter((log) => log.eventName === name).length;
  return { singles: named('TransferSingle'), batches: named('TransferBatch'), ...await checkProofs(client) };
}

// Balances, and that nobody holds anything, under the storage root of a checkpoint; and that a lie is found.
async function checkProofs(client) {
  const word = (type, value) => viem.encodeAbiParameters([{ type }], [value]);
  const hash = (...words) => viem.keccak256(viem.concat(words));
  const slot = (holder, id) => hash(word('address', holder), hash(word('uint256', id), word('uint256', 0n)));
  const asked = [...holders.map((holder, at) => [holder, ids[at]]), [NOBODY, 1n]];
  const storageKeys = asked.map(([holder, id]) => slot(holder, id));
  const raw = await client.request({ method: 'eth_getProof', params: [contract, storageKeys, 'latest'] });
  const blockNumber = BigInt(raw.blockNumber);
  const proof = await client.getProof({ address: contract, storageKeys, blockNumber });
  assert.equal(proof.storageHash, raw.storageHash);
  assert.deepEqual([Number(blockNumber), proof.storageHash], [expected.checkpoint.height, expected.checkpoint.root]);
  const root = viem.hexToBytes(proof.storageHash);
  const options = { root, useKeyHashing: true };
  const rlp = (value) => viem.hexToBytes(viem.toRlp(viem.numberToHex(value)));
  for (let at = 0; at < asked.length; at++) {
    const [holder, id] = asked[at];
    const { value, proof: nodes } = proof.storageProof[at];
    const args = [holder, id];
    const abi = viem.parseAbi(ABI);
    const balance = await client.readContract({ address: contract, abi, functionName: 'balanceOf', args, blockNumber });
    assert.equal(value, balance, `${holder} of ${id}`);
    const key = viem.hexToBytes(storageKeys[at]);
    const bytes = nodes.map((node) => viem.hexToBytes(node));
    const proved = await verifyMerkleProof(key, bytes, options);
    assert.deepEqual(proved && Buffer.from(proved), value === 0n ? null : Buffer.from(rlp(value)));
    bytes.at(-1)[bytes.at(-1).length - 1] ^= 1;
    const forged = await verifyMerkleProof(key, bytes, options).catch(() => 'refused');
    assert.equal(forged, 'refused');
  }
  return { slots: asked.length, block: blockNumber };
}

for (const [client, check] of Object.entries({ ethers: withEthers, viem: withViem })) {
  const counted = Object.entries(await check()).map(([name, count]) => ` ${name}=${count}`);
  console.log(`erc1155: client=${client} ok balances=${holders.length}${counted.join('')}`);
}

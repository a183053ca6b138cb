//! The trie against `alloy-trie`'s `HashBuilder`, and what a verifier must refuse.

use alloy_trie::HashBuilder;
use alloy_trie::proof::ProofRetainer;
use proptest::prelude::*;
use tally_contracts::types::{Address, ClassId, Points};

use super::*;
use crate::roots::erc1155::{BalancesBuilder, balance_slot};

/// Root and proof by one pass over all entries.
fn plain(balances: &Balances, key: [u8; 32]) -> (Hash, Vec<Bytes>) {
    let target = Nibbles::unpack(key);
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::from_iter([target]));
    let values = Builder { words: balances.words(), bucket: 0 };
    for entry in balances.entries() {
        builder.add_leaf(Nibbles::unpack(entry.key), &alloy_rlp::encode(values.value(entry)));
    }
    let root = builder.root();
    let nodes = builder.take_proof_nodes().matching_nodes_sorted(&target).into_iter();
    // EIP-1186 lists a node that stands within its parent with the parent alone.
    let nodes = nodes.filter(|(path, node)| path.is_empty() || node.len() >= 32).map(|(_, node)| node);
    (Hash(root.0), nodes.filter(|node| node[..] != [alloy_rlp::EMPTY_STRING_CODE]).collect())
}

fn address(n: u64) -> Address {
    let mut address = Address::default();
    address.0[12..].copy_from_slice(&n.to_be_bytes());
    address
}

fn balances(rows: impl IntoIterator<Item = (u64, u32, u64)>, uri: &str, threads: usize) -> Balances {
    let mut builder = BalancesBuilder::default();
    for (holder, class, points) in rows {
        builder.push(&address(holder), ClassId(class), Points(points));
    }
    builder.finish(uri, threads)
}

fn prove(trie: &StorageTrie, balances: &Balances, slot: &Slot) -> StorageProof {
    trie.prove(slot, |range| balances.entries()[range].to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn roots_and_proofs_are_those_of_one_pass(
        size in prop_oneof![0..4_u64, 4..300_u64, 300..2_500_u64],
        bucket in prop_oneof![Just(1_usize), 2..40_usize, Just(BUCKET)],
        seed in any::<u64>(),
        uri in "[a-z]{0,80}",
    ) {
        let rows = (0..size).map(|n| (n.wrapping_mul(seed | 1), n as u32 % 5, n % 300));
        let balances = balances(rows.clone(), &uri, 2);
        let trie = StorageTrie::with_buckets(&balances, 2, bucket);
        for (holder, class, points) in rows.step_by(1 + size as usize / 4).chain([(seed, 9, 0), (seed, 10, 0)]) {
            let slot = balance_slot(&address(holder), ClassId(class));
            let proof = prove(&trie, &balances, &slot);
            let (root, nodes) = plain(&balances, keccak256(slot).0);
            prop_assert_eq!(trie.root(), root);
            prop_assert_eq!(&proof.nodes, &nodes);
            prop_assert_eq!(proof.value, U256::from(points));
            prop_assert_eq!(proof.verify(&root), Ok(()));
            let wrong = StorageProof { value: proof.value + U256::from(1), ..proof };
            prop_assert!(wrong.verify(&root).is_err());
        }
    }

    /// Keys of few nibbles share long paths: extensions, and nodes that stand within their parents.
    #[test]
    fn keys_that_share_much_of_their_path_make_the_same_trie(
        keys in prop::collection::btree_set(prop::collection::vec(0..3_u8, 3), 1..20),
        lead in prop::sample::select(vec![0_usize, 1, 10, 20, 29]),
        bucket in 1..5_usize,
        probe in prop::collection::vec(0..3_u8, 3),
    ) {
        let key_of = |part: &Vec<u8>| {
            let mut key = [0; 32];
            key[lead..lead + 3].copy_from_slice(part);
            key
        };
        let entries: Vec<Entry> = keys.iter().map(|part| Entry { key: key_of(part), value: 1 }).collect();
        let balances = Balances::of_entries(entries);
        let trie = StorageTrie::with_buckets(&balances, 1, bucket);
        let path = Nibbles::unpack(key_of(&probe));
        let mut proof = StorageProof { slot: [0; 32], value: U256::ZERO, nodes: Vec::new() };
        let value = trie.prove_key(&path, &mut proof, |range| balances.entries()[range].to_vec());
        let (root, nodes) = plain(&balances, key_of(&probe));
        prop_assert_eq!(trie.root(), root);
        prop_assert_eq!(&proof.nodes, &nodes);
        prop_assert_eq!(value.is_some(), keys.contains(&probe));
        let expected = value.map(alloy_rlp::encode);
        prop_assert!(check_lengths(&proof.nodes).is_ok());
        prop_assert_eq!(verify_proof(B256::from(root.0), path, expected, &proof.nodes), Ok(()));
    }

    /// A forger who names the root too gets as far as the nodes' contents, and no panic.
    #[test]
    fn a_forged_proof_is_refused(at in 0..4_usize, byte in any::<prop::sample::Index>(), mask in 1..=255_u8) {
        let balances = balances((0..3_000).map(|n| (n, 1, 5)), "u", 1);
        let trie = StorageTrie::new(&balances, 1);
        let mut proof = prove(&trie, &balances, &balance_slot(&address(3), ClassId(1)));
        let at = at % proof.nodes.len();
        let mut forged = proof.nodes[at].to_vec();
        forged[byte.index(proof.nodes[at].len())] ^= mask;
        for at in (0..=at).rev() {
            let (before, after) = (keccak256(&proof.nodes[at]), keccak256(&forged));
            proof.nodes[at] = Bytes::from(forged);
            forged = at.checked_sub(1).map_or_else(Vec::new, |above| proof.nodes[above].to_vec());
            let reference = forged.windows(32).position(|window| window == before);
            reference.into_iter().for_each(|start| forged[start..start + 32].copy_from_slice(&after.0));
        }
        prop_assert!(proof.verify(&trie.root()).is_err());
        let root = Hash(keccak256(&proof.nodes[0]).0);
        proof.value = U256::from(6);
        let is_forged_value = at + 1 == proof.nodes.len() && proof.nodes[at].ends_with(&[6]);
        prop_assert_eq!(proof.verify(&root).is_ok(), is_forged_value);
    }

    #[test]
    fn bytes_from_outside_are_refused_without_a_panic(
        nodes in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..4),
    ) {
        let nodes: Vec<Bytes> = nodes.into_iter().map(Bytes::from).collect();
        let root = nodes.first().map_or(B256::ZERO, keccak256);
        let proof = StorageProof { slot: [1; 32], value: U256::from(1), nodes };
        prop_assert!(proof.verify(&Hash(root.0)).is_err());
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let rows = |count: u64| (0..count).rev().map(|n| (n, n as u32 % 7, n + 1));
    let one = balances(rows(20_000), "https://example.org/{id}.json", 1);
    let trie = StorageTrie::new(&one, 1);
    assert_eq!(trie.root(), plain(&one, [0; 32]).0);
    for threads in [0, 2, 3, 64] {
        let many = balances(rows(20_000), "https://example.org/{id}.json", threads);
        assert_eq!(many, one, "{threads} threads");
        let same = StorageTrie::new(&many, threads);
        assert_eq!(same.root(), trie.root(), "{threads} threads");
        let slot = balance_slot(&address(77), ClassId(0));
        assert_eq!(prove(&same, &many, &slot), prove(&trie, &one, &slot), "{threads} threads");
    }
}

#[test]
fn a_proof_reads_one_bucket_at_most() {
    let balances = balances((0..20_000).map(|n| (n, 1, 5)), "", 1);
    let trie = StorageTrie::new(&balances, 1);
    let slot = balance_slot(&address(3), ClassId(1));
    let proof = trie.prove(&slot, |range| {
        assert!(range.len() <= BUCKET, "{range:?}");
        balances.entries()[range].to_vec()
    });
    assert_eq!((proof.value, proof.verify(&trie.root())), (U256::from(5), Ok(())));
}

#[test]
fn a_proof_of_another_value_slot_or_root_is_refused() {
    let balances = balances((0..500).map(|n| (n, 1, 5)), "u", 1);
    let trie = StorageTrie::new(&balances, 1);
    let (there, absent) = (balance_slot(&address(3), ClassId(1)), balance_slot(&address(3), ClassId(2)));
    let (proof, absence) = (prove(&trie, &balances, &there), prove(&trie, &balances, &absent));
    assert_eq!(absence.value, U256::ZERO);
    assert_eq!((proof.verify(&trie.root()), absence.verify(&trie.root())), (Ok(()), Ok(())));
    let refused = [
        StorageProof { value: U256::from(6), ..proof.clone() },
        StorageProof { value: U256::ZERO, ..proof.clone() },
        StorageProof { slot: absent, ..proof.clone() },
        StorageProof { value: U256::from(5), ..absence.clone() },
        StorageProof { slot: there, ..absence },
        StorageProof { nodes: proof.nodes[..proof.nodes.len() - 1].to_vec(), value: U256::ZERO, ..proof.clone() },
        StorageProof { nodes: proof.nodes[1..].to_vec(), ..proof.clone() },
        StorageProof { nodes: Vec::new(), value: U256::ZERO, ..proof.clone() },
    ];
    for (n, proof) in refused.iter().enumerate() {
        assert!(proof.verify(&trie.root()).is_err(), "case {n}");
    }
    assert!(proof.verify(&Hash([7; 32])).is_err());
}

#[test]
fn an_empty_storage_proves_that_nothing_is_there() {
    let trie = StorageTrie::new(&Balances::default(), 2);
    assert_eq!(trie.root().0, EMPTY_ROOT_HASH.0);
    let proof = trie.prove(&[1; 32], |_| Vec::new());
    assert_eq!((proof.nodes.len(), proof.verify(&trie.root())), (0, Ok(())));
}

#[test]
fn a_path_longer_than_a_key_is_refused() {
    let child = |node: &Bytes| RlpNode::from_rlp(node);
    let leaf = Bytes::from(alloy_rlp::encode(LeafNodeRef::new(&Nibbles::unpack([0; 32]), &[1])));
    let shared = Nibbles::unpack([0; 20]);
    let root = Bytes::from(alloy_rlp::encode(ExtensionNodeRef::new(&shared, &child(&leaf))));
    let hash = Hash(keccak256(&root).0);
    let proof = StorageProof { slot: [0; 32], value: U256::from(1), nodes: vec![root, leaf] };
    assert_eq!(proof.verify(&hash), Err(InvalidStorageProof::Path));
}

/// Taken from an EVM: OpenZeppelin Contracts 5.7.0's `ERC1155`, compiled by solc 0.8.37 without changes but for a
/// public `mint`, deployed on anvil 1.7.1 with the URI. For i from 0 to 39 it minted `i * i * 977 mod 1000003 + 1` of
/// id `i mod 5` to the address 1000 + i, then `u64::MAX` of id 4 to the address 1003. Then `eth_getProof` gave the
/// storage hash and the proofs, here with the Keccak-256 over the nodes: of that last balance, of one that is not there
/// (id 3 at the address 1007), and of the URI's slot. Nothing was burnt: anvil, unlike Ethereum, keeps a slot that was
/// set back to zero in the trie.
#[test]
fn roots_and_proofs_are_those_of_openzeppelin_on_an_evm() {
    let contracts = [
        (
            "https://example.org/{id}.json",
            "6b04155ebaa977ff75b1131b430c56e89e9edaeff7911cc442b8cbccdde0ba32",
            [
                "b32311f2916d8eabc7cf72b463dcb6853924c79886490a3a464a72871b854a5d",
                "bfde68b1fa803e796462c6808dffa0d371e9b65e130ed4c4c3730763565d72df",
                "100ff135fdb102af7af91f6c811c48c57571b232035d1fcf7ae5534d02b1e60b",
            ],
        ),
        (
            "https://points.example.org/classes/{id}/metadata.json",
            "63678ae352f50b92a9e64b3b27bb4b86cf3dd6f78380cbe549938194da795af2",
            [
                "1a2c8be37994506489d74941dffc4fd908952f87f90d658408c137603e9de46a",
                "93cbb0368d147ab817ecef8e8fd0cb3ca65303e4cf2ac64f1851b0352b98cd92",
                "36b0c6a2c5a4fde107d0c8841823e1240e9011d7aa4376022e9b9ae3110d9af5",
            ],
        ),
    ];
    let minted = (0..40_u64).map(|i| (1000 + i, (i % 5) as u32, i * i * 977 % 1_000_003 + 1));
    let mut uri_slot = [0; 32];
    uri_slot[31] = 2;
    let there = balance_slot(&address(1003), ClassId(4));
    let slots = [there, balance_slot(&address(1007), ClassId(3)), uri_slot];
    for (uri, root, proofs) in contracts {
        let stored = balances(minted.clone().chain([(1003, 4, u64::MAX)]), uri, 1);
        let trie = StorageTrie::new(&stored, 1);
        assert_eq!(trie.root().to_string(), root, "{uri}");
        for (slot, expected) in slots.iter().zip(proofs) {
            let proof = prove(&trie, &stored, slot);
            assert_eq!(hex::encode(keccak256(proof.nodes.concat())), expected, "{uri}");
            assert_eq!(proof.verify(&trie.root()), Ok(()), "{uri}");
        }
        assert_eq!(prove(&trie, &stored, &there).value, U256::from(u64::MAX));
    }
    // Of the same balances without a URI, by PyPI's trie 4.0.0.
    let without = StorageTrie::new(&balances(minted.chain([(1003, 4, u64::MAX)]), "", 1), 1);
    assert_eq!(without.root().to_string(), "ccc522637315768174aa557f731a7082beb61b4acc5c32fd2c5f594b1a3b4f1b");
}

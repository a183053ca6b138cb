//! Policies: their text, and whom they believe.

use proptest::prelude::*;

use super::*;

const LOG: TreeHead = TreeHead { size: 7, root: Hash([9; 32]) };

/// A policy of witnesses 1 to 6 with the lines given after them.
fn with_lines(lines: &str) -> String {
    let log = key(1, &origin(&CHAIN_ID), SignatureType::Ed25519);
    let witness = |n: u8| {
        let key = key(n, &cosigner_name(&CHAIN_ID, MerchantId(n.into())), SignatureType::Cosignature);
        format!("witness w{n} {key}\n")
    };
    format!("log {log}\n{}{lines}", (1..=6).map(witness).collect::<String>())
}

#[test]
fn quorums_of_groups_are_counted_as_the_specification_says() {
    let lines = "group x 2 w1 w2 w3\ngroup y any w4 w5\ngroup both all x y\nquorum both\n";
    let policy: Policy = with_lines(lines).parse().unwrap();
    for (witnesses, opens) in [
        (&[1, 2, 4][..], true),
        (&[1, 2, 3, 4, 5], true),
        (&[3, 1, 5], true),
        (&[1, 2, 3], false),
        (&[1, 4, 5], false),
        (&[4, 5, 6], false),
        (&[1, 2, 6], false),
        (&[], false),
    ] {
        let opened = Checkpoint::open(&signed_checkpoint(&LOG, &[1], witnesses), &policy);
        assert_eq!(opened.is_ok(), opens, "{witnesses:?}: {opened:?}");
    }
    let single: Policy = with_lines("quorum w6\n").parse().unwrap();
    assert!(Checkpoint::open(&signed_checkpoint(&LOG, &[1], &[6]), &single).is_ok());
    assert!(Checkpoint::open(&signed_checkpoint(&LOG, &[1], &[5]), &single).is_err());
    let nobody: Policy = with_lines("quorum none\n").parse().unwrap();
    assert!(Checkpoint::open(&signed_checkpoint(&LOG, &[1], &[]), &nobody).is_ok());
}

#[test]
fn a_policy_is_read_with_all_that_its_format_allows() {
    let tidy: Policy = with_lines("group g 2 w1 w2\nquorum g\n").parse().unwrap();
    let loose = with_lines("\t# all but one\n \n\tgroup\tg  all w1   w2 \nquorum g\t\n#\n\n")
        .replace("\nwitness w2", "\n  witness\tw2")
        .replace("\nwitness w3", " https://log.example/ü\nwitness w3");
    assert_eq!(loose.parse(), Ok(tidy.clone()));
    assert_eq!(tidy.to_string(), with_lines("group g 2 w1 w2\nquorum g\n"));
}

#[test]
fn what_is_no_policy_is_refused_with_its_line() {
    let log = key(1, &origin(&CHAIN_ID), SignatureType::Ed25519);
    let witness = key(1, "w", SignatureType::Cosignature);
    let name = |name: &str| PolicyFault::Name(name.to_owned());
    let undefined = |name: &str| PolicyFault::Undefined(name.to_owned());
    let member = |name: &str| PolicyFault::Member(name.to_owned());
    for (lines, fault) in [
        (String::new(), PolicyFault::Quorum),
        ("quorum none\nquorum none\n".to_owned(), PolicyFault::Quorum),
        ("quorum w1".to_owned(), PolicyFault::Characters),
        ("quorum w1\r\n".to_owned(), PolicyFault::Characters),
        ("# \x7f\n".to_owned(), PolicyFault::Characters),
        ("quorum\n".to_owned(), PolicyFault::Line),
        ("quorum w1 w2\n".to_owned(), PolicyFault::Line),
        ("Quorum w1\n".to_owned(), PolicyFault::Line),
        ("quorum\u{a0}w1\n".to_owned(), PolicyFault::Line),
        ("log\n".to_owned(), PolicyFault::Line),
        (format!("log {log} url more\n"), PolicyFault::Line),
        ("group g\n".to_owned(), PolicyFault::Line),
        ("quorum w7\n".to_owned(), undefined("w7")),
        ("group g any w7\n".to_owned(), undefined("w7")),
        ("group g any g\n".to_owned(), undefined("g")),
        ("group g any none\n".to_owned(), undefined("none")),
        ("group g 2 w1 w1\n".to_owned(), member("w1")),
        ("group g any w1\ngroup h any w1\n".to_owned(), member("w1")),
        ("group g any w1\ngroup h any g\ngroup i any g\n".to_owned(), member("g")),
        ("group w1 any w2\n".to_owned(), name("w1")),
        ("group none any w2\n".to_owned(), name("none")),
        (format!("witness w1 {}\n", key(9, "w", SignatureType::Cosignature)), name("w1")),
        ("group g any\n".to_owned(), PolicyFault::Threshold),
        ("group g all\n".to_owned(), PolicyFault::Threshold),
        ("group g 0 w1\n".to_owned(), PolicyFault::Threshold),
        ("group g 2 w1\n".to_owned(), PolicyFault::Threshold),
        ("group g 01 w1\n".to_owned(), PolicyFault::Threshold),
        ("group g +1 w1\n".to_owned(), PolicyFault::Threshold),
        ("group g most w1\n".to_owned(), PolicyFault::Threshold),
        (format!("log {log}\n"), PolicyFault::DuplicateKey),
        (format!("witness again {witness}\n"), PolicyFault::DuplicateKey),
        (format!("log {witness}\n"), PolicyFault::KeyType),
        (format!("witness w {log}\n"), PolicyFault::KeyType),
        ("log key\n".to_owned(), PolicyFault::Key(KeyError::Form)),
    ] {
        let line = 8 + lines.lines().count() - usize::from(!lines.is_empty() && fault != PolicyFault::Quorum);
        let line = if lines.starts_with("quorum none") { 9 } else { line };
        let error = with_lines(&lines).parse::<Policy>().unwrap_err();
        assert_eq!(error, PolicyError { line, fault }, "{lines:?}");
    }
}

#[test]
fn a_log_must_be_known_and_must_have_signed() {
    let note = signed_checkpoint(&LOG, &[1], &[1, 2, 3]);
    let (checkpoint, signers) = Checkpoint::open(&note, &policy(4)).unwrap();
    assert_eq!(checkpoint, Checkpoint { origin: origin(&CHAIN_ID), log: LOG });
    let name = |n: u16| cosigner_name(&CHAIN_ID, MerchantId(n));
    assert_eq!(signers, [1, 2, 3].map(|n| Signer { name: name(n), time_s: Some(TIME_S) }));
    let unsigned = signed_checkpoint(&LOG, &[], &[1, 2, 3, 4]);
    assert_eq!(Checkpoint::open(&unsigned, &policy(4)), Err(Refusal::UnsignedByLog(origin(&CHAIN_ID))));
    let stranger = signed_checkpoint(&LOG, &[5], &[1, 2, 3, 4]);
    assert_eq!(Checkpoint::open(&stranger, &policy(4)), Err(Refusal::UnsignedByLog(origin(&CHAIN_ID))));
    let other = Policy::of_cosigners(&Hash([1; 32]), &cosigners(4)).unwrap();
    assert_eq!(Checkpoint::open(&note, &other), Err(Refusal::UnknownLog(origin(&CHAIN_ID))));
    let text = SignedNote::new("hello\n".to_owned(), vec![log_signature(1, "hello\n")]).unwrap();
    assert!(matches!(Checkpoint::open(&text, &policy(4)), Err(Refusal::Text(_))));
}

#[test]
fn one_bad_line_of_a_known_key_spoils_a_note_and_lines_of_strangers_do_not() {
    let text = checkpoint_text(&CHAIN_ID, &LOG);
    let good = signed_checkpoint(&LOG, &[1], &[1, 2, 3]);
    let with = |line: NoteSignature| {
        let note = SignedNote::new(text.clone(), [good.signatures(), &[line]].concat()).unwrap();
        Checkpoint::open(&note, &policy(4)).map(|(_, signers)| signers.len())
    };
    let of_another_text = |n: u8| cosignature(n, "another text\n");
    assert_eq!(with(cosignature(4, &text)), Ok(4));
    assert_eq!(with(cosignature(5, &text)), Ok(3));
    assert_eq!(with(of_another_text(5)), Ok(3));
    assert_eq!(with(cosignature(1, &text)), Ok(3), "nobody counts twice");
    let invalid = |name: String| Err(Refusal::Signature(VerifyError::Invalid(name)));
    assert_eq!(with(of_another_text(4)), invalid(cosigner_name(&CHAIN_ID, MerchantId(4))));
    assert_eq!(with(log_signature(2, "another text\n")), invalid(origin(&CHAIN_ID)));
}

#[test]
fn cosigners_that_make_no_policy_are_refused() {
    let of = |cosigners: &[(MerchantId, PublicKey)]| Policy::of_cosigners(&CHAIN_ID, cosigners);
    let [first, second] = cosigners(2)[..] else { panic!("two cosigners") };
    assert_eq!(of(&[]), Err(PolicyFault::Threshold));
    assert_eq!(of(&[first, first]), Err(PolicyFault::DuplicateKey));
    assert_eq!(of(&[first, (second.0, first.1)]), Err(PolicyFault::DuplicateKey));
    assert_eq!(of(&[first, (first.0, second.1)]), Err(PolicyFault::Name("merchant-1".to_owned())));
    assert_eq!(of(&[(first.0, PublicKey::default())]), Err(PolicyFault::Key(KeyError::Key)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn more_than_two_thirds_of_the_validators_open_a_checkpoint(
        count in 1_u8..=10, signed in prop::collection::btree_set(1_u8..=10, 0..=10),
    ) {
        let policy = policy(count);
        prop_assert_eq!(policy.to_string().parse(), Ok(policy.clone()));
        let witnesses: Vec<u8> = signed.into_iter().collect();
        let known = witnesses.iter().filter(|n| **n <= count).count();
        let opened = Checkpoint::open(&signed_checkpoint(&LOG, &[1], &witnesses), &policy);
        if known * 3 > usize::from(count) * 2 {
            prop_assert_eq!(opened.unwrap().1.len(), known);
        } else {
            prop_assert_eq!(opened, Err(Refusal::NoQuorum { signed: known, known: count.into() }));
        }
    }

    #[test]
    fn no_text_makes_the_reader_of_policies_panic(
        text in "((log|witness|group|quorum|none|any|all|w1|g|#|9|[^\n]) ?|\n){0,30}",
    ) {
        let text = with_lines(&text);
        if let Ok(policy) = text.parse::<Policy>() {
            prop_assert_eq!(policy.to_string().parse(), Ok(policy));
        }
    }
}

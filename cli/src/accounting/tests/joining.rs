//! A merchant that joined later has books from its admission on, and so has each class from its opening on.

use serde_json::json;
use tally_contracts::crypto::{PublicKey, Signature, sign};
use tally_contracts::genesis::{OperatorKey, Role};
use tally_contracts::governance::change::{Admit, Change, attested_bytes};
use tally_contracts::membership::Criteria;
use tally_contracts::types::{Fen, MerchantId, Month};

use super::super::books::Books;
use super::super::estimate::Estimates;
use super::super::period::Period;
use super::super::tables::RollForward;
use super::{World, files, key};

const BAKERY: u16 = 4;

/// The page's alliance in February, with a bakery that joined on the 3rd.
fn joined() -> World {
    let attester = key(77);
    let admission = json!({ "attesters": [PublicKey::of(&attester)] });
    let mut world = World::new(&Estimates::default(), &json!({ "admission": admission, "pool": { "levy": "0.02" } }));
    world.books.push(Books::open(&world.genesis, MerchantId(BAKERY), Estimates::default()));
    world.start_of("2017-02-03");
    assert_eq!(world.books(BAKERY).name, None);
    let roles = vec![Role::Issuer, Role::Acceptor, Role::Treasurer, Role::Governor];
    let mut admit = Admit {
        merchant: MerchantId(BAKERY),
        name: "bakery".into(),
        validator_key: PublicKey::of(&key(1_004)),
        cosigner_key: PublicKey::of(&key(3_004)),
        network_key: PublicKey::of(&key(2_004)),
        operator_keys: vec![OperatorKey { public_key: PublicKey::of(&key(BAKERY.into())), roles, store_id: None }],
        net_debit_cap_fen: Fen(1_000_000),
        base_share: 1,
        criteria: Criteria { annual_revenue_fen: Fen(500_000_000), members: 10_000, industry: 1_411 },
        attester: PublicKey::of(&attester),
        attestation: Signature::default(),
    };
    admit.attestation = sign(&attester, &attested_bytes(&world.genesis.chain_id(), &admit));
    world.enact(&json!(Change::Admit(admit)));
    world
}

fn open_class(world: &mut World, class: u32) {
    let terms = json!({ "decimals": 2, "anchor": "0.1", "earn_rate": "1", "life_months": 2, "accepted_by": [],
        "custodian_member_limit_fen": "1000000", "custodian_limit_fen": "1000000" });
    world.act("class", BAKERY, "create_class", &json!({ "class": class, "terms": terms }).to_string());
}

#[test]
fn the_books_of_a_merchant_that_joined_begin_with_it() {
    let mut world = joined();
    open_class(&mut world, 4);
    let bread = r#"{"class": 4, "member": "@anna", "lines": [{"category": 1, "amount_fen": "10000"}]}"#;
    world.act("bread", BAKERY, "issue", bread);
    world.act("spent", 1, "redeem", r#"{"class": 4, "member": "@anna", "points": "4000"}"#);
    world.start_of("2017-03-01");
    let [january, february, march] = ["2017-01", "2017-02", "2017-03"].map(|month| month.parse::<Month>().unwrap());
    let books = world.books(BAKERY);
    assert_eq!((books.name.as_deref(), books.first_month()), (Some("bakery"), february));
    assert!(Period::month(books, january).is_err());
    let whole = Period::whole(books);
    assert_eq!(
        (whole.first.to_string(), whole.ended_months(books).collect::<Vec<_>>()),
        ("2017-02-03".into(), vec![february])
    );
    let of_february = Period::month(books, february).unwrap();
    let then = files(books, &of_february);
    assert!(then.contains("expenses:levy:class-4") && then.contains("revenue:pool-share"), "{then}");

    // A class that it opens later is in no file of a month before.
    open_class(&mut world, 5);
    world.start_of("2017-04-01");
    let books = world.books(BAKERY);
    assert!(files(books, &of_february) == then, "February changed later");
    let classes = |month| RollForward::all(books, &Period::month(books, month).unwrap()).len();
    assert_eq!((classes(february), classes(march)), (1, 2));
}

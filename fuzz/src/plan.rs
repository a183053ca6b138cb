//! Transactions: by right and wrong keys, new and old, alone and together.

use tally_contracts::crypto::{PublicKey, Signature};
use tally_contracts::genesis::MAX_TIME_MS;
use tally_contracts::transaction::{Operation, Till, Transaction};
use tally_contracts::types::{DAY_MS, HOUR_MS, MerchantId, StoreId, TillId};

use crate::bodies::{Kind, Scene};
use crate::input::Input;
use crate::keys::{ROLES, SPARES, STORE, Signer};
use crate::word;
use crate::world::{MERCHANTS, World};

/// Transactions of a block, at most.
const MAX_TRANSACTIONS: usize = 3;
/// Operations of a transaction, at most.
const MAX_OPERATIONS: usize = 8;

/// The time of the next block: mostly soon, at times across days, months and years, never past the end of time.
pub fn time_ms(input: &mut Input<'_>, world: &World) -> u64 {
    let calendar = world.genesis.calendar();
    let now = world.time_ms;
    let month_start = |months| calendar.start_ms(world.month().plus(months));
    let time_ms = match input.below(16) {
        0..=3 => now + 1,
        4 => now + 1_000,
        5 => now + HOUR_MS,
        6 | 7 => world.due_at_ms(),
        8 => now + 7 * DAY_MS,
        9 => now + DAY_MS,
        10 => now + 91 * DAY_MS,
        11 => month_start(1) - 1,
        12 => month_start(1),
        13 => month_start(input.pick(&[2, 3, 12, 25, 40])),
        14 => now + u64::from(input.any::<u32>()),
        _ => MAX_TIME_MS,
    };
    // A jump over thousands of years closes each of their months, which takes its time and shows nothing new.
    let bound = month_start(48).min(MAX_TIME_MS);
    time_ms.clamp(now + 1, bound.max(now + 1))
}

/// The transactions of a block of a time.
pub fn transactions(input: &mut Input<'_>, world: &mut World, time_ms: u64) -> Vec<Transaction> {
    let count = input.below(MAX_TRANSACTIONS + 1);
    (0..count).map(|_| transaction(input, world, time_ms)).collect()
}

/// A signed transaction for a block of a time.
pub fn transaction(input: &mut Input<'_>, world: &mut World, time_ms: u64) -> Transaction {
    let id = input.below(usize::from(MERCHANTS)) as u16 + 1;
    let (merchant, signer) = match input.below(32) {
        0 => (id, Signer::All(id % MERCHANTS + 1)),
        1 => (id, Signer::Stranger),
        2 => (input.pick(&[0, 9, u16::MAX]), Signer::All(id)),
        3 => (0, Signer::Clock),
        4..=6 => (id, Signer::One(id, input.pick(&ROLES))),
        7 | 8 => (id, Signer::Store(id)),
        9..=11 => (id, Signer::Spare(id, 1 + input.below(SPARES.into()) as u8)),
        _ => (id, Signer::All(id)),
    };
    let valid_until_ms = match input.below(32) {
        0 => 0,
        1 => time_ms - 1,
        2 => time_ms + DAY_MS + 1,
        3 => u64::MAX,
        4 => time_ms,
        5 => time_ms + DAY_MS,
        _ => time_ms + HOUR_MS,
    };
    let atomic = input.once_in(4);
    let count = 1 + input.below(MAX_OPERATIONS);
    let mut operations = vec![operation(input, world, id, time_ms)];
    while operations.len() < count && !input.is_empty() {
        operations.push(operation(input, world, id, time_ms));
    }
    let mut transaction = Transaction {
        chain_id: world.chain_id,
        merchant: MerchantId(merchant),
        public_key: PublicKey::default(),
        valid_until_ms,
        atomic,
        operations,
        signature: Signature::default(),
    };
    transaction.sign(signer.key());
    transaction
}

fn operation(input: &mut Input<'_>, world: &mut World, merchant: u16, time_ms: u64) -> Operation {
    let kind = input.pick(Kind::ALL);
    let body = kind.body(input, &Scene { world, merchant, time_ms });
    assert_eq!(Kind::of(&body), kind, "a generator makes what it is for");
    let past = world.past();
    let repeated = (!past.is_empty()).then(|| past[input.below(past.len())].1.clone());
    let reference = match (input.below(32), repeated) {
        (7 | 8, Some(again)) => return again,
        (9, Some(again)) => again.reference,
        (n, _) => world.new_reference(reference_time_ms(n, time_ms)),
    };
    let authorization = word::on(input, &Scene { world, merchant, time_ms }, (reference, &body));
    let operation = Operation { reference, till: till(input), body, authorization };
    world.remember(merchant, &operation);
    operation
}

fn till(input: &mut Input<'_>) -> Option<Till> {
    let store_id = input.pick(&[Some(STORE), Some(STORE), None, None, Some(StoreId(13))])?;
    Some(Till { store_id, till_id: TillId(1) })
}

/// The time that a new reference carries: mostly the block's, at times at the ends of what is taken.
const fn reference_time_ms(choice: usize, time_ms: u64) -> u64 {
    match choice {
        1 => time_ms - 90 * DAY_MS,
        2 => time_ms - 90 * DAY_MS - 1,
        3 => time_ms + HOUR_MS,
        4 => time_ms + HOUR_MS + 1,
        5 => 0,
        6 => (1 << 48) - 1,
        _ => time_ms,
    }
}

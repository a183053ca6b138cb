//! The book of pending entries: what each outcome means for them.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use tally_contracts::receipt::{Applied, Outcome, Receipt};
use tally_contracts::rejection::Rejection;
use tally_contracts::transaction::Transaction;
use tally_contracts::types::{Address, HOUR_MS};

use super::*;
use crate::ingress::batch::{Content, Signer};
use crate::ingress::testing::{
    GENESIS_MS, MERCHANT, OPERATOR, authorized, chain_id, key, operation, operations, reference, signed, unsigned,
};
use crate::pace;

const BOUNDS: Bounds = Bounds { operations: 2_000, bytes: 1 << 20 };
const LINGER: Duration = Duration::from_millis(2);

/// A book, and a chain that exists in words only.
struct Bench {
    book: Book,
    signer: Signer,
    height: Height,
    /// When everything happens, unless a test moves it.
    now: Instant,
}

impl Bench {
    fn new(bounds: Bounds) -> Self {
        let signer = Signer::new(chain_id(), MERCHANT, key(OPERATOR));
        Self {
            book: Book::new(MERCHANT, signer.public_key(), bounds, LINGER),
            signer,
            height: Height(0),
            now: Instant::now(),
        }
    }

    fn each(&mut self, operations: Vec<Operation>) -> Result<u64, SubmitError> {
        self.book.accept(Submission::Each(operations.into_iter().map(Prepared::new).collect()), self.now)
    }

    fn group(&mut self, operations: Vec<Operation>) -> Result<u64, SubmitError> {
        self.book.accept(Submission::Group(operations.into_iter().map(Prepared::new).collect()), self.now)
    }

    /// What the writer does; gives how many entries were written and how many were done.
    fn sync(&mut self) -> (usize, usize) {
        let (changes, _) = self.book.take_changes();
        self.book.synced(changes.accepted.iter().map(|(id, _)| *id));
        (changes.accepted.len(), changes.done.len())
    }

    /// Signs and sends all that is ready.
    fn launch(&mut self) -> Vec<CheckedTransaction> {
        let mut sent = Vec::new();
        while let Some(launch) = self.book.next_launch() {
            let (transaction, entries) = match launch {
                Launch::Own { entries, operations, atomic } => {
                    let valid_until_ms = GENESIS_MS + 1_000 * (1 + self.height.0);
                    (self.signer.sign(Content { operations, atomic, valid_until_ms }), entries)
                }
                Launch::Signed { entry, transaction } => (transaction, vec![entry]),
            };
            self.book.fly(&transaction, entries, self.height, self.now);
            sent.push(transaction);
        }
        sent
    }

    /// A block holds a transaction, and all its operations have this outcome.
    fn executed(&mut self, transaction: &CheckedTransaction, outcome: Outcome) {
        let t = transaction.transaction();
        let receipt = |o: &Operation| Receipt { reference: o.reference, outcome: outcome.clone() };
        let receipts: Vec<Receipt> = t.operations.iter().map(receipt).collect();
        self.executed_with(transaction, &receipts);
    }

    fn executed_with(&mut self, transaction: &CheckedTransaction, receipts: &[Receipt]) {
        self.height = self.height.next();
        let place = Place { height: self.height, first_index: 5, id: transaction.id() };
        self.book.on_transaction(place, transaction.transaction(), receipts);
        self.book.on_block_end(GENESIS_MS + self.height.0, self.now);
    }
}

const fn applied() -> Outcome {
    Outcome::Applied(Applied::Enrolled { member: Address([0; 20]) })
}

const fn rejected(rejection: Rejection) -> Outcome {
    Outcome::Rejected(rejection)
}

#[test]
fn an_operation_is_pending_from_acceptance_to_its_receipt() {
    let mut bench = Bench::new(BOUNDS);
    bench.each(operations(0..3)).unwrap();
    assert!(bench.launch().is_empty(), "nothing is sent that is not on disk");
    assert_eq!(bench.sync(), (3, 0));
    let sent = bench.launch();
    assert_eq!(sent[0].transaction().operations, operations(0..3));
    assert!(bench.launch().is_empty());
    assert!(bench.book.is_pending(MERCHANT, reference(1)));
    let waiting = bench.book.waiters.wait(MERCHANT, reference(1));
    bench.executed(&sent[0], applied());
    let found = waiting.now_or_never().unwrap();
    assert_eq!((found.height, found.index, found.transaction_id), (Height(1), 6, Some(sent[0].id())));
    assert!(!bench.book.is_pending(MERCHANT, reference(1)));
    assert_eq!(bench.sync(), (0, 3));
    assert_eq!((bench.book.operations(), bench.book.bytes()), (0, 0));
}

#[test]
fn operations_are_written_with_those_that_follow_and_what_is_signed_at_once() {
    let mut bench = Bench::new(BOUNDS);
    let start = bench.now;
    assert_eq!(bench.book.write_at(), None);
    bench.each(operations(0..3)).unwrap();
    assert_eq!(bench.book.write_at(), Some(start + LINGER));
    bench.now += LINGER / 2;
    bench.each(operations(3..6)).unwrap();
    assert_eq!(bench.book.write_at(), Some(start + LINGER), "nobody waits longer because of others");
    bench.book.accept(Submission::Signed(signed(unsigned(operations(6..7)), 9)), bench.now).unwrap();
    assert_eq!(bench.book.write_at(), Some(start), "at once");
    assert_eq!(bench.sync(), (7, 0));
    assert_eq!(bench.book.write_at(), None);
}

#[test]
fn operations_gather_while_own_transactions_wait_for_a_block() {
    let mut bench = Bench::new(BOUNDS);
    let start = bench.now;
    bench.each(operations(0..3)).unwrap();
    bench.sync();
    let sent = bench.launch();
    bench.each(operations(3..4)).unwrap();
    assert_eq!(bench.book.write_at(), Some(start + pace::LINGER));
    bench.executed(&sent[0], applied());
    assert_eq!(bench.book.write_at(), Some(start + LINGER), "until a block has it");
    bench.each(operations(4..260)).unwrap();
    assert_eq!(bench.book.write_at(), Some(start), "enough for a transaction");
    assert_eq!(bench.sync(), (257, 3));
    bench.book.on_block_end(0, start);
    assert_eq!(bench.book.write_at(), None, "that they are done is written");
}

#[test]
fn after_a_busy_block_half_of_what_usually_comes_goes_once_no_more_comes() {
    let mut bench = Bench::new(BOUNDS);
    let start = bench.now;
    bench.book.note_block(pace::BUSY_OPERATIONS, 6, start);
    bench.each(operations(0..2)).unwrap();
    assert_eq!(bench.book.write_at(), Some(start + pace::LINGER));
    bench.now += 2 * LINGER;
    bench.each(operations(2..3)).unwrap();
    assert_eq!(bench.book.write_at(), Some(bench.now + LINGER), "from the last on");
}

#[test]
fn what_is_done_is_written_with_what_comes_next_or_soon() {
    let mut bench = Bench::new(BOUNDS);
    bench.each(operations(0..3)).unwrap();
    bench.sync();
    let sent = bench.launch();
    bench.executed(&sent[0], applied());
    assert_eq!(bench.book.write_at(), Some(bench.now + pace::LINGER));
    assert_eq!(bench.sync(), (0, 3));
}

#[test]
fn the_same_operation_is_entered_once_and_another_body_is_refused() {
    let mut bench = Bench::new(BOUNDS);
    let ticket = bench.each(vec![operation(1), operation(1)]).unwrap();
    assert_eq!(bench.each(vec![operation(1)]).unwrap(), ticket);
    assert_eq!(bench.sync().0, 1);
    let other = Operation { reference: reference(1), ..operation(2) };
    let reused = Err(SubmitError::ReferenceReused { reference: reference(1) });
    assert_eq!(bench.each(vec![operation(3), other.clone()]), reused);
    assert_eq!(
        bench.each(vec![operation(4), Operation { reference: reference(4), ..other }]).unwrap_err(),
        SubmitError::ReferenceReused { reference: reference(4) }
    );
    assert_eq!(bench.book.operations(), 1, "of a refused submission nothing is taken");
    assert_eq!(bench.group(vec![operation(1), operation(2)]), reused);
}

#[test]
fn an_operation_whose_authorization_was_signed_anew_is_the_same_one() {
    let mut bench = Bench::new(BOUNDS);
    let (first, later) = (|number| authorized(number, GENESIS_MS), |number| authorized(number, GENESIS_MS + 1));
    assert_ne!(first(1), later(1));
    bench.each(vec![first(1), later(1)]).unwrap();
    let ticket = bench.group(vec![first(2), first(3)]).unwrap();
    assert_eq!(bench.each(vec![later(1), later(3)]).unwrap(), ticket);
    assert_eq!(bench.group(vec![later(2), later(3)]).unwrap(), ticket);
    assert_eq!(bench.book.operations(), 3);
    let reused = Err(SubmitError::ReferenceReused { reference: reference(2) });
    assert_eq!(bench.group(vec![later(2)]), reused, "a part of a group is another group");
}

#[test]
fn a_group_is_one_transaction_and_entered_once() {
    let mut bench = Bench::new(BOUNDS);
    bench.each(vec![operation(0)]).unwrap();
    let ticket = bench.group(operations(1..4)).unwrap();
    assert_eq!(bench.group(operations(1..4)).unwrap(), ticket);
    bench.each(vec![operation(9), operation(2)]).unwrap();
    bench.sync();
    let sent = bench.launch();
    let shape: Vec<_> = sent.iter().map(|t| (t.transaction().atomic, t.transaction().operations.len())).collect();
    assert_eq!(shape, [(false, 1), (true, 3), (false, 1)], "in the order of acceptance");
    bench.executed(&sent[1], rejected(Rejection::AtomicAborted));
    assert!(!bench.book.is_pending(MERCHANT, reference(2)));
    assert!(bench.book.is_pending(MERCHANT, reference(9)));
}

#[test]
fn what_expires_is_signed_again() {
    let mut bench = Bench::new(BOUNDS);
    bench.each(operations(0..2)).unwrap();
    bench.sync();
    let first = bench.launch().remove(0);
    bench.height = Height(7);
    bench.book.on_block_end(first.transaction().valid_until_ms - 1, Instant::now());
    assert!(bench.launch().is_empty());
    bench.book.on_block_end(first.transaction().valid_until_ms, Instant::now());
    let second = bench.launch().remove(0);
    assert_ne!(first.id(), second.id());
    assert_eq!(first.transaction().operations, second.transaction().operations);
    bench.executed(&second, rejected(Rejection::Expired));
    let third = bench.launch().remove(0);
    bench.executed(&first, rejected(Rejection::Expired));
    assert!(bench.launch().is_empty(), "a receipt of an old signature does not touch the new one");
    bench.executed(&third, applied());
    assert_eq!(bench.book.operations(), 0);
}

#[test]
fn a_reference_that_lies_ahead_waits_for_its_time() {
    let mut bench = Bench::new(BOUNDS);
    bench.group(operations(1..3)).unwrap();
    bench.sync();
    let sent = bench.launch().remove(0);
    let receipts = [
        Receipt::rejected(reference(1), Rejection::AtomicAborted),
        Receipt::rejected(reference(2), Rejection::ReferenceAhead),
    ];
    bench.executed_with(&sent, &receipts);
    // The test's references lie less than an hour ahead, so any later block will do.
    assert!(reference(2).time_ms() - HOUR_MS <= GENESIS_MS);
    assert_eq!(bench.launch().len(), 1);
    assert_eq!(bench.book.operations(), 2);
}

#[test]
fn a_stranger_cannot_end_an_entry() {
    let mut bench = Bench::new(BOUNDS);
    bench.each(vec![operation(1)]).unwrap();
    bench.sync();
    let ours = bench.launch().remove(0);
    let forged = signed(unsigned(vec![operation(1)]), 99);
    bench.executed(&forged, rejected(Rejection::UnknownKey));
    assert!(bench.book.is_pending(MERCHANT, reference(1)));
    let other_body = Operation { reference: reference(1), ..operation(2) };
    bench.executed(&signed(unsigned(vec![other_body]), OPERATOR), applied());
    assert!(bench.book.is_pending(MERCHANT, reference(1)), "another body says nothing of ours");
    let aborted = Transaction { atomic: true, ..unsigned(vec![operation(1), operation(2)]) };
    bench.executed(&signed(aborted, OPERATOR), rejected(Rejection::MemberExists));
    assert!(bench.book.is_pending(MERCHANT, reference(1)), "a failed atomic transaction keeps nothing");
    bench.executed(&ours, rejected(Rejection::ReferenceReused));
    assert!(!bench.book.is_pending(MERCHANT, reference(1)));
}

#[test]
fn what_a_revoked_key_had_signed_waits_for_the_next_key() {
    let mut bench = Bench::new(BOUNDS);
    bench.each(vec![operation(1)]).unwrap();
    bench.sync();
    let ours = bench.launch().remove(0);
    bench.executed(&ours, rejected(Rejection::KeyRevoked));
    bench.book.on_block_end(GENESIS_MS + 48 * HOUR_MS, Instant::now());
    assert!(bench.book.is_pending(MERCHANT, reference(1)), "acknowledged, and not decided");
    assert!(bench.launch().is_empty(), "not with this key again");
}

#[test]
fn an_operation_executed_by_another_door_is_done() {
    let mut bench = Bench::new(BOUNDS);
    bench.each(operations(1..3)).unwrap();
    bench.sync();
    let by_hand = Transaction { atomic: true, ..unsigned(operations(1..3)) };
    bench.executed(&signed(by_hand, 99), applied());
    assert_eq!(bench.book.operations(), 0);
    assert!(bench.launch().is_empty());
}

#[test]
fn a_transaction_signed_elsewhere_ends_with_its_block_or_as_expired() {
    let mut bench = Bench::new(BOUNDS);
    let (a, b) = (signed(unsigned(operations(1..3)), 9), signed(unsigned(operations(3..5)), 9));
    for transaction in [&a, &b, &a] {
        bench.book.accept(Submission::Signed(transaction.clone()), Instant::now()).unwrap();
    }
    assert_eq!(bench.book.operations(), 4);
    bench.sync();
    let sent = bench.launch();
    assert_eq!(sent, [a.clone(), b.clone()]);
    let (end_a, end_b) = (bench.book.waiters.wait_transaction(a.id()), bench.book.waiters.wait_transaction(b.id()));
    bench.executed(&a, rejected(Rejection::UnknownKey));
    assert!(matches!(end_a.now_or_never(), Some(TransactionEnd::Executed { first_index: 5, .. })));
    bench.book.on_block_end(b.transaction().valid_until_ms, Instant::now());
    assert_eq!(end_b.now_or_never(), Some(TransactionEnd::Expired));
    assert!(bench.book.has_expired(&b.id()) && !bench.book.has_expired(&a.id()));
    let (changes, _) = bench.book.take_changes();
    assert_eq!((changes.done.len(), changes.expired.len()), (2, 1));
    assert!(bench.launch().is_empty());
}

#[test]
fn more_than_the_bound_is_busy_and_taken_as_a_whole_or_not() {
    let mut bench = Bench::new(Bounds { operations: 10, bytes: 1 << 20 });
    bench.each(operations(0..8)).unwrap();
    assert!(matches!(bench.each(operations(6..11)), Err(SubmitError::Busy { .. })), "three new ones");
    assert_eq!(bench.book.operations(), 8);
    bench.each(operations(6..10)).unwrap();
    assert!(matches!(bench.group(operations(10..11)), Err(SubmitError::Busy { .. })));
    let mut small = Bench::new(Bounds { operations: 10, bytes: 100 });
    small.each(operations(0..1)).unwrap();
    assert!(matches!(small.each(operations(1..2)), Err(SubmitError::Busy { .. })));
}

#[test]
fn what_an_outbox_held_is_sent_again() {
    let foreign = signed(unsigned(vec![operation(9)]), 9);
    let pending = BTreeMap::from([
        (EntryId(3), Entry::Operation(operation(1))),
        (EntryId(4), Entry::Group(operations(2..4))),
        (EntryId(5), Entry::Signed(foreign.bytes().to_vec())),
        (EntryId(6), Entry::Signed(vec![1, 2, 3])),
    ]);
    let mut bench = Bench::new(BOUNDS);
    let recovered = Recovered { pending, next_id: 7, ..Recovered::default() };
    bench.book.restore(recovered, |bytes| CheckedTransaction::check(bytes, &chain_id()).ok());
    assert_eq!(bench.book.operations(), 4);
    assert_eq!(bench.launch().len(), 3);
    assert_eq!(bench.sync(), (0, 1), "what no version can read is given up");
    let snapshot = bench.book.snapshot().0;
    assert_eq!(snapshot.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [3, 4, 5]);
}

#[test]
fn what_blocks_pass_by_is_sent_again_ever_more_slowly() {
    let mut bench = Bench::new(BOUNDS);
    bench.each(vec![operation(1)]).unwrap();
    bench.sync();
    bench.launch();
    let later = |ms| Instant::now() + Duration::from_millis(ms);
    assert!(bench.book.resends(Height(RESEND_BLOCKS - 1), later(1_500)).is_empty(), "no progress: the peers have it");
    assert!(bench.book.resends(Height(RESEND_BLOCKS), later(500)).is_empty());
    assert_eq!(bench.book.resends(Height(RESEND_BLOCKS), later(1_500)).len(), 1);
    assert!(bench.book.resends(Height(9), later(3_000)).is_empty());
    assert_eq!(bench.book.resends(Height(9), later(4_000)).len(), 1);
    assert_eq!(bench.book.in_flight().len(), 1);
}

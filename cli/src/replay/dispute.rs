//! The year's disputes (docs/replay.md, section 3, phase 3): the largest redemption of some months is disputed for half by
//! the issuer that owes for it, and each dispute ends in another of the four ways that there are.
//!
//! **Invariant:** like every choice of the policy, who disputes what, and when who answers, comes from the files alone.

use std::collections::BTreeMap;

use tally_contracts::genesis::Genesis;
use tally_contracts::settlement::{AnswerDispute, DecideDispute, DisputeState, OpenDispute};
use tally_contracts::transaction::{Body, Operation};
use tally_contracts::types::{Calendar, MerchantId, Month, Obligation, Reference};

use super::account::Account;
use super::policy::{Interval, Seed, Task};
use super::report::DisputeRow;

/// How a dispute goes on once it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// The creditor accepts it in the next interval.
    Accepted,
    /// The creditor contests it in the next interval, and nobody decides it.
    Dismissed,
    /// The creditor contests it in the next interval; one later the two merchants that are no party uphold it.
    Upheld,
    /// Nobody answers it.
    Silent,
}

/// The months of the year whose largest redemption is disputed, from 1 on.
const COURSES: [(u16, Course); 4] =
    [(3, Course::Accepted), (5, Course::Dismissed), (8, Course::Upheld), (11, Course::Silent)];

/// What the debtor gives as its reason.
const REASON: &str = "half of the points were spent on goods that were returned";

/// A redemption that may be disputed: at another merchant than the issuer.
#[derive(Clone, Copy, Debug)]
pub struct Redemption {
    /// Where, and who is owed for it.
    pub acceptor: MerchantId,
    /// Its reference.
    pub reference: Reference,
    /// The issuer, who owes.
    pub issuer: MerchantId,
    /// How much.
    pub value: Obligation,
}

#[derive(Debug)]
struct Dispute {
    course: Course,
    month: Month,
    row: DisputeRow,
    /// When the clock that runs, or ran last, runs out.
    due_ms: u64,
}

/// The disputes so far, and what may be disputed next.
#[derive(Debug)]
pub struct Docket {
    seed: Seed,
    calendar: Calendar,
    merchants: Vec<MerchantId>,
    business_days: u16,
    /// The largest redemption of the month, the first of equals.
    largest: Option<(Month, Redemption)>,
    disputes: Vec<Dispute>,
}

impl Docket {
    /// Before the first redemption.
    pub fn new(seed: Seed, genesis: &Genesis) -> Self {
        Self {
            seed,
            calendar: genesis.calendar(),
            merchants: genesis.merchants.iter().map(|merchant| merchant.id).collect(),
            business_days: genesis.parameters.settlement.dispute_business_days,
            largest: None,
            disputes: Vec::new(),
        }
    }

    /// Takes note of a redemption of the month.
    pub fn note(&mut self, month: Month, redemption: Redemption) {
        let is_largest = self.largest.is_none_or(|(of, largest)| of != month || redemption.value > largest.value);
        if is_largest {
            self.largest = Some((month, redemption));
        }
    }

    /// Ends what nobody answered or decided in time.
    pub fn time_out(&mut self, now_ms: u64, account: &mut Account) {
        for dispute in self.disputes.iter_mut().filter(|dispute| dispute.due_ms <= now_ms) {
            match dispute.row.state {
                DisputeState::Open => dispute.adjust(DisputeState::Accepted, account),
                DisputeState::Contested => dispute.row.state = DisputeState::Dismissed,
                _ => {}
            }
        }
    }

    /// What is said in an interval: answers and decisions, oldest dispute first, then a new dispute.
    pub fn acts(&mut self, interval: &Interval, account: &mut Account) -> Vec<Task> {
        let start_ms = interval.start_ms;
        let due_ms = self.after(start_ms);
        let mut tasks = Vec::new();
        for dispute in &mut self.disputes {
            let DisputeRow { merchant, original, debtor, creditor, state, .. } = dispute.row;
            let said = match (state, dispute.course) {
                (DisputeState::Open, Course::Accepted) => {
                    dispute.adjust(DisputeState::Accepted, account);
                    vec![(creditor, Body::AnswerDispute(AnswerDispute { merchant, original, accept: true }))]
                }
                (DisputeState::Open, Course::Dismissed | Course::Upheld) => {
                    (dispute.row.state, dispute.due_ms) = (DisputeState::Contested, due_ms);
                    vec![(creditor, Body::AnswerDispute(AnswerDispute { merchant, original, accept: false }))]
                }
                (DisputeState::Contested, Course::Upheld) => {
                    dispute.adjust(DisputeState::Upheld, account);
                    let voices = self.merchants.iter().filter(|id| ![debtor, creditor].contains(id));
                    let upheld = DecideDispute { merchant, original, upheld: true };
                    voices.map(|id| (*id, Body::DecideDispute(upheld.clone()))).collect()
                }
                _ => vec![],
            };
            let month = dispute.month;
            tasks.extend(said.into_iter().map(|(by, body)| task(self.seed, by, body, month, start_ms)));
        }
        tasks.extend(self.open(interval, due_ms));
        for task in &tasks {
            account.count(task.operation.body.kind(), task.merchant);
        }
        tasks
    }

    /// All disputes, as the ledger lists them.
    pub fn rows(&self) -> Vec<DisputeRow> {
        let rows: BTreeMap<_, _> =
            self.disputes.iter().map(|dispute| ((dispute.row.merchant, dispute.row.original), &dispute.row)).collect();
        rows.into_values().cloned().collect()
    }

    /// In a month's first interval: half of the largest redemption of the month before, if that month has a course.
    fn open(&mut self, interval: &Interval, due_ms: u64) -> Option<Task> {
        let (month, redemption) = self.largest.take_if(|(month, _)| *month < interval.month)?;
        let (_, course) = *COURSES.iter().find(|(number, _)| *number == month.0 % 12 + 1)?;
        let row = DisputeRow {
            merchant: redemption.acceptor,
            original: redemption.reference,
            debtor: redemption.issuer,
            creditor: redemption.acceptor,
            amount: Obligation(redemption.value.0 / 2),
            state: DisputeState::Open,
        };
        let body = OpenDispute {
            merchant: row.merchant,
            original: row.original,
            amount: row.amount,
            reason: REASON.to_owned(),
        };
        let by = row.debtor;
        self.disputes.push(Dispute { course, month, row, due_ms });
        Some(task(self.seed, by, Body::OpenDispute(body), month, interval.start_ms))
    }

    /// When a clock that is started now runs out; the demo's business days are Monday to Friday.
    fn after(&self, now_ms: u64) -> u64 {
        let mut day = self.calendar.day(now_ms);
        let mut left = self.business_days;
        while left > 0 {
            day = day.plus(1);
            left -= u16::from(day.weekday() <= 5);
        }
        self.calendar.day_start_ms(day.plus(1))
    }
}

impl Dispute {
    fn adjust(&mut self, state: DisputeState, account: &mut Account) {
        self.row.state = state;
        account.adjust(self.row.creditor, self.row.debtor, self.row.amount);
    }
}

fn task(seed: Seed, merchant: MerchantId, body: Body, month: Month, time_ms: u64) -> Task {
    let reference = seed.reference(body.kind(), merchant, &month.to_string(), time_ms);
    Task { merchant, operation: Operation::new(reference, body) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::keyless_genesis;
    use crate::replay::policy::intervals;
    use tally_contracts::types::Day;

    /// Runs the year with one redemption a month, of its number in CNY; tells who said what in the interval of each day.
    fn year() -> (Docket, Account, Vec<(Day, &'static str, u16)>) {
        let genesis = keyless_genesis();
        let (mut docket, mut account) = (Docket::new(Seed(2017), &genesis), Account::new(&genesis));
        let mut said = Vec::new();
        for interval in intervals(genesis.calendar(), "2017-01".parse().unwrap()) {
            account.set_clock(interval.month, true);
            docket.time_out(interval.start_ms, &mut account);
            let day = genesis.calendar().day(interval.start_ms);
            let acts = docket.acts(&interval, &mut account);
            said.extend(acts.iter().map(|task| (day, task.operation.body.kind(), task.merchant.0)));
            let number = interval.month.0 % 12 + 1;
            docket.note(
                interval.month,
                Redemption {
                    acceptor: MerchantId(3),
                    reference: Reference(number.into()),
                    issuer: MerchantId(1),
                    value: Obligation(100_000_000 * i128::from(number)),
                },
            );
        }
        (docket, account, said)
    }

    #[test]
    fn each_dispute_takes_its_course() {
        let (docket, _, said) = year();
        let expected = [
            ("2017-04-01", "open_dispute", 1),
            ("2017-04-02", "answer_dispute", 3),
            ("2017-06-01", "open_dispute", 1),
            ("2017-06-04", "answer_dispute", 3),
            ("2017-09-01", "open_dispute", 1),
            ("2017-09-03", "answer_dispute", 3),
            ("2017-09-10", "decide_dispute", 2),
            ("2017-09-10", "decide_dispute", 4),
            ("2017-12-01", "open_dispute", 1),
        ];
        assert_eq!(said, expected.map(|(day, kind, by)| (day.parse().unwrap(), kind, by)));
        use DisputeState::{Accepted, Dismissed, Upheld};
        let states: Vec<DisputeState> = docket.rows().iter().map(|row| row.state).collect();
        assert_eq!(states, [Accepted, Dismissed, Upheld, Accepted]);
    }

    #[test]
    fn half_is_booked_back_in_the_month_in_which_a_dispute_succeeds() {
        let (_, mut account, _) = year();
        account.set_clock("2018-01".parse().unwrap(), true);
        let head = crate::replay::ReportHead { seed: 2017, intervals: 63, ended: true };
        let cycles = account.report(&head, vec![]).cycles;
        let adjusted =
            cycles.iter().filter_map(|cycle| Some((cycle.cycle.to_string(), cycle.gross.first()?.adjustment)));
        let expected = [("2017-04", 150_000_000), ("2017-09", 400_000_000), ("2017-12", 550_000_000)];
        assert!(adjusted.eq(expected.map(|(cycle, amount)| (cycle.to_owned(), Obligation(amount)))));
    }

    #[test]
    fn clocks_run_out_after_seven_business_days() {
        let genesis = keyless_genesis();
        let (docket, calendar) = (Docket::new(Seed(2017), &genesis), genesis.calendar());
        let due = |day: &str| calendar.day(docket.after(calendar.day_start_ms(day.parse().unwrap()))).to_string();
        // A Friday, a Saturday, a Sunday; the last day counts in full.
        let due = [due("2017-12-01"), due("2017-04-01"), due("2017-09-03")];
        assert_eq!(due, ["2017-12-13", "2017-04-12", "2017-09-13"]);
    }
}

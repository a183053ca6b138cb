//! Plain-text double entry (hledger, and what reads its journals): every amount of the cycle, exact to 10^-8 CNY.
//!
//! Each amount that the ledger gives a second time stands in the file as a balance assertion, so `hledger check` works
//! the cycle out again. A remainder carried in is a balance assignment against `equity:carried`: it gives a file that
//! stands alone its opening, and adds nothing where the journal of the cycle before stands in front of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tally_contracts::types::{MerchantId, Obligation};

use super::statement::{Leg, Pair, Side, Statement};
use super::text::exact;

const POSITION: &str = "assets:settlement:position";
const CARRIED: &str = "equity:carried";

/// What the file says of its accounts.
const LEGEND: &str = "\
; assets:settlement:merchant-N    owed by merchant N (below zero: to it); after the close, the remainder below a fen
; assets:settlement:position      whole fen of all merchants together, until the legs take it over
; assets:legs, liabilities:legs   payments to come, and to make; the bank's statement clears them
; income:KIND, expenses:KIND      what merchant N came to owe us, and we to owe it
; equity:carried                  remainders from before the first of these journals
";

/// The journal of a cycle.
pub fn journal(statement: &Statement) -> String {
    let mut journal = Journal { text: String::new() };
    journal.head(statement);
    let (first_day, last_day) = statement.days();
    if !statement.pairs.is_empty() {
        journal.transaction(&first_day, &format!("{}-open", statement.cycle), "remainders carried in");
        for pair in &statement.pairs {
            let _ = writeln!(journal.text, "    {:<40} {:>24} = {} CNY", settlement(pair), "", exact(pair.opening));
        }
        let _ = writeln!(journal.text, "    {CARRIED}");
    }
    for pair in &statement.pairs {
        journal.gross(statement, pair, &last_day);
        journal.net(statement, pair, &last_day);
    }
    for leg in &statement.legs {
        journal.leg(statement, leg, &last_day);
    }
    if !statement.pairs.is_empty() {
        journal.transaction(&last_day, &format!("{}-close", statement.cycle), "the legs took over the whole position");
        journal.asserted(POSITION, Obligation(0), Obligation(0));
    }
    journal.text
}

struct Journal {
    text: String,
}

impl Journal {
    fn head(&mut self, statement: &Statement) {
        let Statement { alliance, merchant, cycle, .. } = statement;
        let _ = write!(
            self.text,
            "; Settlement of merchant {} for the cycle {cycle}, closed {}\n; {}\n; {}, chain {}\n;\n{LEGEND}\
             \ndecimal-mark .\ncommodity 1000.00000000 CNY\n\n",
            merchant.id,
            statement.closed_at(),
            merchant.name,
            alliance.name,
            alliance.chain_id
        );
        for account in [POSITION, CARRIED] {
            let _ = writeln!(self.text, "account {account}");
        }
        let parties = statement.pairs.iter().map(|pair| &pair.counterparty);
        let parties: BTreeSet<(MerchantId, &String)> = parties
            .chain(statement.legs.iter().map(|leg| &leg.counterparty))
            .map(|party| (party.id, &party.name))
            .collect();
        for (id, name) in parties {
            // A line of its own: within a directive, a name such as `type: X` would be read as a tag.
            let _ = writeln!(self.text, "; merchant-{id}: {name}");
            let pair = statement.pairs.iter().find(|pair| pair.counterparty.id == id);
            let legs = statement.legs.iter().filter(|leg| leg.counterparty.id == id);
            let accounts = pair.into_iter().flat_map(accounts).chain(legs.map(leg_account));
            for account in accounts.collect::<BTreeSet<_>>() {
                let _ = writeln!(self.text, "account {account}");
            }
        }
    }

    fn gross(&mut self, statement: &Statement, pair: &Pair, day: &str) {
        let id = pair.counterparty.id;
        if pair.gross.is_empty() {
            return;
        }
        self.transaction(day, &format!("{}-gross-{id}", statement.cycle), &format!("gross with merchant {id}"));
        for gross in &pair.gross {
            if gross.receivable.0 != 0 {
                self.posting(&by_kind("income", &gross.kind, id), Obligation(-gross.receivable.0));
            }
            if gross.payable.0 != 0 {
                self.posting(&by_kind("expenses", &gross.kind, id), gross.payable);
            }
        }
        self.asserted(&settlement(pair), Obligation(pair.receivable().0 - pair.payable().0), pair.net);
    }

    fn net(&mut self, statement: &Statement, pair: &Pair, day: &str) {
        let id = pair.counterparty.id;
        if pair.net_fen == 0 {
            return;
        }
        self.transaction(day, &format!("{}-net-{id}", statement.cycle), &format!("whole fen with merchant {id}"));
        self.posting(POSITION, pair.settled());
        self.asserted(&settlement(pair), Obligation(-pair.settled().0), pair.closing);
    }

    fn leg(&mut self, statement: &Statement, leg: &Leg, day: &str) {
        let id = leg.counterparty.id;
        let (what, amount) = match leg.side {
            Side::Payee => (format!("to be received from merchant {id}"), Obligation::from_fen(leg.amount_fen)),
            Side::Payer => {
                (format!("to be paid to merchant {id}"), Obligation(-Obligation::from_fen(leg.amount_fen).0))
            }
        };
        self.transaction(day, &statement.leg_name(leg), &format!("{what} on {}", statement.due_day(leg)));
        self.posting(&leg_account(leg), amount);
        self.posting(POSITION, Obligation(-amount.0));
    }

    fn transaction(&mut self, day: &str, code: &str, what: &str) {
        let _ = writeln!(self.text, "\n{day} * ({code}) {what}");
    }

    fn posting(&mut self, account: &str, amount: Obligation) {
        let _ = writeln!(self.text, "    {account:<40} {:>24} CNY", exact(amount));
    }

    fn asserted(&mut self, account: &str, amount: Obligation, balance: Obligation) {
        let _ = writeln!(self.text, "    {account:<40} {:>24} CNY = {} CNY", exact(amount), exact(balance));
    }
}

/// The accounts that a pair's transactions use.
fn accounts(pair: &Pair) -> Vec<String> {
    let id = pair.counterparty.id;
    let income =
        pair.gross.iter().filter(|gross| gross.receivable.0 != 0).map(|gross| by_kind("income", &gross.kind, id));
    let expenses =
        pair.gross.iter().filter(|gross| gross.payable.0 != 0).map(|gross| by_kind("expenses", &gross.kind, id));
    [settlement(pair)].into_iter().chain(income).chain(expenses).collect()
}

fn settlement(pair: &Pair) -> String {
    format!("assets:settlement:merchant-{}", pair.counterparty.id)
}

fn by_kind(group: &str, kind: &str, counterparty: MerchantId) -> String {
    format!("{group}:{kind}:merchant-{counterparty}")
}

fn leg_account(leg: &Leg) -> String {
    let group = if leg.side == Side::Payee { "assets" } else { "liabilities" };
    format!("{group}:legs:merchant-{}", leg.counterparty.id)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{empty, full, golden};
    use super::*;

    #[test]
    fn a_cycle_is_a_journal() {
        golden("cycle.journal", &journal(&full()));
    }

    #[test]
    fn a_cycle_without_anything_declares_its_accounts_and_no_more() {
        let text = journal(&empty());
        golden("empty.journal", &text);
        assert!(!text.contains(" * ("));
    }

    #[test]
    fn postings_of_each_transaction_come_to_zero() {
        let text = journal(&full());
        for transaction in text.split("\n\n").filter(|part| part.contains(" * (") && !part.contains("-open)")) {
            let postings = transaction.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap());
            let sum: i128 = postings.map(|amount| amount.replace('.', "").parse::<i128>().unwrap()).sum();
            assert_eq!(sum, 0, "{transaction}");
        }
    }

    #[test]
    fn a_name_is_nothing_but_a_comment() {
        let mut statement = full();
        statement.pairs[0].counterparty.name = "type: L  ; date: never".into();
        let text = journal(&statement);
        let named: Vec<&str> = text.lines().filter(|line| line.contains("type: L")).collect();
        assert!(named.iter().all(|line| line.starts_with("; ")), "{named:?}");
        assert!(!named.is_empty());
    }
}

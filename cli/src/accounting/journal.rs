//! The journal of a period, for hledger and what else reads plain-text double entry.
//!
//! Postings are whole fen: what is posted to an account is by how much the whole fen of its exact balance change, so its
//! remainder below a fen waits for the next entry and nothing is lost. What the remainders of an entry's accounts differ by
//! goes to `equity:rounding`, which never holds more than a fen for each account.
//!
//! Opening balances are balance assignments: they give a file that stands alone its opening, and add nothing where the
//! journal of the period before stands in front of it. At the end every balance is asserted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tally_contracts::types::Obligation;

use crate::output::cny;
use crate::settlement::export::text::clean;

use super::account::Account;
use super::amount::Cny;
use super::books::Books;
use super::entries::{Entry, EntryId};
use super::period::Period;

/// Exact balances, and what of them is posted.
#[derive(Clone, Debug, Default)]
pub struct Posted {
    balances: BTreeMap<Account, Cny>,
    rounding_fen: i128,
}

impl Posted {
    /// Adds an entry; gives what it posts, in fen, the sum of which is zero. Nothing where nothing makes a fen.
    fn add(&mut self, entry: &Entry) -> Vec<(Account, i128)> {
        let mut posted = Vec::new();
        for (account, amount) in &entry.postings {
            let balance = self.balances.entry(*account).or_default();
            let before = balance.whole_fen();
            *balance += *amount;
            let fen = balance.whole_fen() - before;
            if fen != 0 {
                posted.push((*account, fen));
            }
        }
        let rounding = -posted.iter().map(|(_, fen)| fen).sum::<i128>();
        if rounding != 0 {
            self.rounding_fen += rounding;
            posted.push((Account::Rounding, rounding));
        }
        posted
    }

    /// Every account that was posted to, with its balance in fen, and what waits below a fen.
    pub fn accounts(&self) -> BTreeMap<Account, (i128, Cny)> {
        let mut accounts: BTreeMap<Account, (i128, Cny)> =
            self.balances.iter().map(|(account, exact)| (*account, (exact.whole_fen(), exact.below_fen()))).collect();
        if !accounts.is_empty() {
            let waiting: Cny = accounts.values().map(|(_, below)| *below).sum();
            accounts.insert(Account::Rounding, (self.rounding_fen, -waiting));
        }
        accounts
    }
}

/// What is posted before a period, and at its end.
pub fn posted(books: &Books, period: &Period) -> (Posted, Posted) {
    let (mut opening, mut closing) = (Posted::default(), Posted::default());
    for (id, entry) in books.entries.iter().filter(|(id, _)| id.month <= *period.months.end()) {
        if id.month < *period.months.start() {
            opening.add(entry);
        }
        closing.add(entry);
    }
    (opening, closing)
}

/// The text.
pub fn journal(books: &Books, names: &Names<'_>, period: &Period) -> String {
    let (opening, closing) = posted(books, period);
    let mut text = head(books, names, period, &closing);
    let first = period.first;
    if !opening.accounts().is_empty() {
        let _ = writeln!(text, "\n{first} * ({}-open) opening balances", period.label);
        for (account, (fen, _)) in opening.accounts() {
            let _ = writeln!(text, "    {:<40} {:>20} = {} CNY", account.to_string(), "", fen_text(fen));
        }
    }
    let mut running = opening;
    for (id, entry) in books.entries.iter().filter(|(id, _)| period.months.contains(&id.month)) {
        let postings = running.add(entry);
        if !postings.is_empty() {
            transaction(&mut text, id, entry, &postings);
        }
    }
    if closing.accounts().is_empty() {
        return text;
    }
    let _ = writeln!(text, "\n{} * ({}-close) closing balances", period.last, period.label);
    for (account, (fen, _)) in closing.accounts() {
        let _ = writeln!(text, "    {:<40} {:>16} CNY = {} CNY", account.to_string(), "0.00", fen_text(fen));
    }
    text
}

fn transaction(text: &mut String, id: &EntryId, entry: &Entry, postings: &[(Account, i128)]) {
    let times = if entry.acts > 1 { format!(" ({} times)", entry.acts) } else { String::new() };
    let _ = writeln!(text, "\n{} * ({}) {}{times}", id.day, id.code(), id.sentence());
    for (account, fen) in postings {
        let _ = writeln!(text, "    {:<40} {:>16} CNY", account.to_string(), fen_text(*fen));
    }
}

/// Who the books are of.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The alliance's name.
    pub alliance: &'a str,
    /// Its chain id.
    pub chain: &'a str,
    /// The merchant's name.
    pub merchant: &'a str,
}

const LEGEND: &str = "\
; liabilities:contract:class-N   contract liability for points of class N
; revenue:deferral:class-N       what purchases' revenue was deferred by; the sales themselves are booked elsewhere
; revenue:points, breakage       points spent on own goods, and points that expired
; expenses:levy:class-N          what the alliance pool takes of points issued
; expenses:loyalty:class-N       what others are owed for points beyond their contract liability
; revenue:honoured:merchant-N    points of merchant N's spent on our goods
; revenue:pool-share, :rebate    what the alliance pool gave us
; liabilities:members:merchant-N what members of ours are to be paid for points of merchant N's, which left
; assets:receivable, liabilities:payable, :pool, assets:settlement, :legs, liabilities:legs   settlement
; assets:bank-clearing           legs that count as paid: the bank's statement clears them
; equity:rounding                what remainders below a fen make the balances differ by
";

fn head(books: &Books, names: &Names<'_>, period: &Period, closing: &Posted) -> String {
    let mut text = format!(
        "; Points in the books of merchant {}, {} to {}, up to block {}\n; {}\n; {}, chain {}\n;\n{LEGEND}\
         \ndecimal-mark .\ncommodity 1000.00 CNY\n\n",
        books.merchant,
        period.first,
        period.last,
        period.height,
        clean(names.merchant),
        clean(names.alliance),
        names.chain
    );
    for account in closing.accounts().keys() {
        let _ = writeln!(text, "account {account}");
    }
    text
}

fn fen_text(fen: i128) -> String {
    debug_assert!(fen.unsigned_abs() <= i128::MAX.unsigned_abs() / Obligation::PER_FEN.unsigned_abs());
    cny(&fen.to_string())
}
